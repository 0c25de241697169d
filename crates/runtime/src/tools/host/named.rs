//! Which tool of which server a call means.
//!
//! `server/tool` says it. A bare name is of the only server that lists it; the others are asked and given back. We ourselves, who
//! may stand among them for the sake of other clients, are left out.

use super::super::wire::{Call, End};
use super::connection::{Connection, OURSELVES};
use super::pool::{Key, Pool};
use super::process::is_ours;
use regatta_plan::nearest;

/// The connection to the server that has the tool of a call, and the tool's name there.
pub(super) async fn find(call: &Call, pool: &Pool) -> Result<(Key, String, Connection), End> {
    if let Some((name, tool)) = call.tool.split_once('/') {
        let (key, connection) = open(call, pool, name).await?;
        return Ok((key, tool.to_owned(), connection));
    }
    let (mut found, mut near, mut candidates, mut missing) = (None, Vec::new(), Vec::new(), None);
    for (name, _) in call.servers.iter().filter(|(_, server)| !is_ours(server, &call.root)) {
        let (key, mut connection) = match open(call, pool, name).await {
            Err(End::Failed(why)) if why.ends_with(OURSELVES) => continue,
            // Perhaps it is another's.
            Err(why) => {
                missing.get_or_insert(why);
                continue;
            }
            Ok(opened) => opened,
        };
        let tools = match connection.tools().await {
            Ok(tools) => tools,
            Err(why) => {
                missing.get_or_insert(End::Failed(format!("server `{name}`: {why}")));
                continue;
            }
        };
        if tools.contains(&call.tool) {
            candidates.push(format!("`{name}/{}`", call.tool));
            if found.is_none() {
                found = Some((key, call.tool.clone(), connection));
                continue;
            }
        }
        near.extend(tools.iter().map(|tool| (tool.clone(), format!("{name}/{tool}"))));
        pool.give_back(key, connection);
    }
    match (found, candidates.len()) {
        (Some(found), 1) => Ok(found),
        (Some((key, _, connection)), _) => {
            pool.give_back(key, connection);
            Err(End::Failed(format!(
                "`{}` is a tool of more than one server: name {}",
                call.tool,
                candidates.join(" or ")
            )))
        }
        (None, _) => Err(missing.unwrap_or_else(|| End::Failed(unknown(&call.tool, &near)))),
    }
}

fn unknown(tool: &str, known: &[(String, String)]) -> String {
    let near = nearest(tool, known.iter().map(|(name, _)| name.as_str()));
    let full = near.and_then(|near| known.iter().find(|(name, _)| name == near));
    let hint = full.map_or_else(String::new, |(_, full)| format!("; did you mean `{full}`?"));
    format!("no server has a tool `{}`{hint}", tool.escape_debug())
}

async fn open(call: &Call, pool: &Pool, name: &str) -> Result<(Key, Connection), End> {
    let server = call.servers.get(name).ok_or_else(|| End::Failed(format!("there is no server `{name}`")))?;
    let key = Key::new(server, &call.root);
    if let Some(connection) = pool.take(&key) {
        return Ok((key, connection));
    }
    let opened = Connection::open(name, server, &call.root).await;
    opened.map(|connection| (key, connection)).map_err(|why| End::Failed(format!("server `{name}`: {why}")))
}
