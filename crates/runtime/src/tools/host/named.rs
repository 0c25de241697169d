//! Which tool of which server a call means.
//!
//! `server/tool` says it. A bare name is of the only server that lists it; the others are asked and given back. One that cannot be
//! asked keeps it from nobody, and that is told. We ourselves, who may stand among them for the sake of other clients, are left
//! out.

use super::super::wire::{Call, End, Tell};
use super::connection::{Connection, NoServer};
use super::pool::{Key, Pool};
use super::process::is_ours;
use crate::tools::order::Server;
use regatta_plan::nearest;
use tokio::sync::mpsc;

/// The connection to the server that has the tool of a call, and the tool's name there.
pub(super) async fn find(
    call: &Call,
    pool: &Pool,
    tell: &mpsc::Sender<Tell>,
) -> Result<(Key, String, Connection), End> {
    if let Some((name, tool)) = call.tool.split_once('/') {
        let none = || End::Failed(format!("there is no server `{name}`"));
        let server = call.servers.get(name).ok_or_else(none)?;
        let opened = open(call, pool, (name, server)).await;
        let (key, connection) = opened.map_err(|why| failed(name, &why.to_string()))?;
        return Ok((key, tool.to_owned(), connection));
    }
    let (mut found, mut near, mut candidates) = (None, Vec::new(), Vec::new());
    // Perhaps it is of one that cannot be asked.
    let mut missing: Vec<(&str, String)> =
        call.missing.iter().map(|(name, why)| (name.as_str(), why.clone())).collect();
    for (name, server) in call.servers.iter().filter(|(_, server)| !is_ours(server, &call.root)) {
        let (key, mut connection) = match open(call, pool, (name, server)).await {
            Err(NoServer::Ourselves) => continue,
            Err(NoServer::Because(why)) => {
                missing.push((name, why));
                continue;
            }
            Ok(opened) => opened,
        };
        let tools = match connection.tools().await {
            Ok(tools) => tools,
            Err(why) => {
                missing.push((name, why));
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
        (Some(found), 1) => {
            for (name, why) in missing {
                let line = format!("server `{name}` could not be asked for `{}`: {why}", call.tool);
                // Whoever called may be gone.
                let _ = tell.send(Tell::Line(line)).await;
            }
            Ok(found)
        }
        (Some((key, _, connection)), _) => {
            pool.give_back(key, connection);
            Err(End::Failed(format!(
                "`{}` is a tool of more than one server: name {}",
                call.tool,
                candidates.join(" or ")
            )))
        }
        (None, _) => {
            let silent =
                missing.iter().map(|(name, why)| format!("; server `{name}` could not be asked: {why}"));
            Err(End::Failed(unknown(&call.tool, &near) + &silent.collect::<String>()))
        }
    }
}

fn failed(server: &str, why: &str) -> End {
    End::Failed(format!("server `{server}`: {why}"))
}

fn unknown(tool: &str, known: &[(String, String)]) -> String {
    let near = nearest(tool, known.iter().map(|(name, _)| name.as_str()));
    let full = near.and_then(|near| known.iter().find(|(name, _)| name == near));
    let hint = full.map_or_else(String::new, |(_, full)| format!("; did you mean `{full}`?"));
    format!("no server has a tool `{}`{hint}", tool.escape_debug())
}

async fn open(
    call: &Call,
    pool: &Pool,
    (name, server): (&str, &Server),
) -> Result<(Key, Connection), NoServer> {
    let key = Key::new(server, &call.root);
    if let Some(connection) = pool.take(&key) {
        return Ok((key, connection));
    }
    let connection = Connection::open(name, server, &call.root).await?;
    Ok((key, connection))
}
