//! `.mcp.json` of a workspace: servers of tools as other clients write them down.
//!
//! Takes what it knows of an entry and leaves out the rest, and our own server over HTTP: a run never calls us. A server is started only when a task names it. Values of
//! variables are not read here but by whoever starts the server.

use crate::http::token;
use crate::plain_file::small_text;
use regatta_plan::model::McpServer;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the file, in the workspace.
pub const NAME: &str = ".mcp.json";
/// It holds at most this many bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The servers of a workspace.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct McpServers {
    /// Those that tasks and agents can name.
    pub servers: BTreeMap<String, McpServer>,
    /// Why the others cannot be named, by name; below the empty name why none can.
    pub unusable: BTreeMap<String, String>,
}

/// The servers of a workspace by name; none without the file. What is wrong with it matters only to whoever needs one of them.
#[must_use]
pub fn read(workspace: &Path) -> McpServers {
    let path = workspace.join(NAME);
    if std::fs::symlink_metadata(&path).is_err() {
        return McpServers::default();
    }
    let text = small_text(&path, MAX_BYTES);
    match text.and_then(|text| serde_json::from_str::<Value>(&text).map_err(|error| error.to_string())) {
        Ok(value) => servers(&value, &|name| std::env::var_os(name).is_some()),
        Err(why) => {
            let why = format!("`{NAME}` of the workspace cannot be read: {why}");
            McpServers { unusable: BTreeMap::from([(String::new(), why)]), ..McpServers::default() }
        }
    }
}

fn servers(file: &Value, set: &dyn Fn(&str) -> bool) -> McpServers {
    let mut found = McpServers::default();
    let Some(entries) = file.get("mcpServers").and_then(Value::as_object) else {
        let why = format!("`{NAME}` of the workspace has no object `mcpServers`");
        return McpServers { unusable: BTreeMap::from([(String::new(), why)]), ..found };
    };
    for (name, entry) in entries.iter().filter(|(name, _)| !name.is_empty() && !name.contains('/')) {
        let read = entry.as_object().ok_or_else(|| "it is no object".to_owned());
        match read.and_then(|entry| server(entry, set)) {
            Ok(server) => drop(found.servers.insert(name.clone(), server)),
            Err(why) => {
                let why = format!("its entry in `{NAME}` of the workspace cannot be used: {why}");
                found.unusable.insert(name.clone(), why);
            }
        }
    }
    found
}

/// One entry.
///
/// # Errors
/// Why nobody can be spoken to by it, for people.
fn server(entry: &Map<String, Value>, set: &dyn Fn(&str) -> bool) -> Result<McpServer, String> {
    let text = |value: &Value| value.as_str().map(|text| template(text, set));
    let map = |key: &str| -> BTreeMap<String, String> {
        let pairs = entry.get(key).and_then(Value::as_object).into_iter().flatten();
        pairs.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
    };
    if let Some(program) = entry.get("command").and_then(text) {
        let args = entry.get("args").and_then(Value::as_array).into_iter().flatten();
        let argv = std::iter::once(program).chain(args.filter_map(text)).collect();
        return Ok(McpServer::Program { argv, env: map("env") });
    }
    let url = entry.get("url").and_then(text).ok_or("it has neither `command` nor `url`")?;
    let headers = map("headers");
    if headers.values().any(|text| text.contains(&format!("${{env.{}}}", token::VARIABLE))) {
        // Our own server, which a run never calls; and not everybody who runs one has set the variable.
        return Err("it is Regatta itself, which a run never calls".to_owned());
    }
    let kind = entry.get("type").and_then(Value::as_str).unwrap_or("http");
    if kind == "sse" {
        return Err("`sse` is a way to speak that is not known here: only `stdio` and `http` are".to_owned());
    }
    match url.starts_with("http://") || url.starts_with("https://") {
        true => Ok(McpServer::Address { url, headers }),
        false => Err("its `url` is no address for HTTP".to_owned()),
    }
}

/// `${X}` and `${X:-otherwise}`, as those files have them, in our language.
fn template(text: &str, set: &dyn Fn(&str) -> bool) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("${") {
        let Some(end) = rest[at..].find('}') else { break };
        out.push_str(&rest[..at]);
        let inner = &rest[at + 2..at + end];
        let (name, otherwise) = inner.split_once(":-").map_or((inner, None), |(n, o)| (n, Some(o)));
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        match otherwise {
            Some(otherwise) if is_name && !set(name) => out.push_str(&otherwise.replace("${", "$${")),
            _ if is_name => out.push_str(&format!("${{env.{name}}}")),
            _ => out.push_str(&format!("$${{{inner}}}")),
        }
        rest = &rest[at + end + 1..];
    }
    out.push_str(&rest.replace("${", "$${"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_other_clients_become_references_and_everything_else_stays_as_it_is() {
        let check =
            |text: &str, expect: &str| assert_eq!(template(text, &|name| name == "HERE"), expect, "{text}");
        check("plain $x {y}", "plain $x {y}");
        check("a ${TOKEN} b", "a ${env.TOKEN} b");
        check("${HERE:-no}/${GONE:-yes}", "${env.HERE}/yes");
        check("${a.b} ${", "$${a.b} $${");
    }

    /// Our own server, as `regatta mcp --http` tells clients to write it down.
    const OURS: &str = r#"{"type":"http","url":"http://127.0.0.1:7420/mcp","headers":{"Authorization":"Bearer ${REGATTA_MCP_TOKEN}"}}"#;

    #[test]
    fn an_entry_is_a_program_or_an_address_and_one_that_is_neither_or_we_ourselves_is_left_out() {
        let read = |text: &str| {
            server(serde_json::from_str::<Value>(text).unwrap().as_object().unwrap(), &|_| false)
        };
        let McpServer::Program { argv, env } =
            read(r#"{"type":"stdio","command":"npx","args":["-y","x"],"env":{"A":"${B}"},"disabled":false}"#)
                .unwrap()
        else {
            panic!("it is a program");
        };
        assert_eq!((argv.join(" ").as_str(), env["A"].as_str()), ("npx -y x", "${env.B}"));
        let address =
            read(r#"{"type":"http","url":"https://x.test/mcp","headers":{"Authorization":"Bearer ${T}"}}"#);
        assert!(matches!(address, Ok(McpServer::Address { .. })));
        for text in [OURS, r#"{"type":"sse","url":"https://x.test"}"#, "{}", r#"{"url":"file:///x"}"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
