//! `.mcp.json` of a workspace: servers of tools as other clients write them down.
//!
//! Takes what it knows of an entry and leaves out the rest, and our own server over HTTP: a run never calls us. A server is started only when a task names it. Values of
//! variables are not read here but by whoever starts the server.

use crate::error::CliError;
use crate::exit::Exit;
use crate::http::token;
use crate::plain_file::small_text;
use regatta_plan::model::McpServer;
use regatta_runtime::escape::escape_path;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the file, in the workspace.
pub const NAME: &str = ".mcp.json";
/// It holds at most this many bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The servers of a workspace by name; none without the file.
///
/// # Errors
/// It is no plain file, or no JSON (exit 3).
pub fn read(workspace: &Path) -> Result<BTreeMap<String, McpServer>, CliError> {
    let path = workspace.join(NAME);
    if std::fs::symlink_metadata(&path).is_err() {
        return Ok(BTreeMap::new());
    }
    let wrong = |why: String| CliError::new(Exit::InvalidPlan, format!("`{}`: {why}", escape_path(&path)));
    let text = small_text(&path, MAX_BYTES).map_err(wrong)?;
    let value: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let set = |name: &str| std::env::var_os(name).is_some();
    let servers = value.get("mcpServers").and_then(Value::as_object).into_iter().flatten();
    let named = servers.filter(|(name, _)| !name.is_empty() && !name.contains('/'));
    Ok(named.filter_map(|(name, entry)| Some((name.clone(), server(entry.as_object()?, &set)?))).collect())
}

/// One entry; none if it has neither a program nor an address that is spoken to over HTTP.
fn server(entry: &Map<String, Value>, set: &dyn Fn(&str) -> bool) -> Option<McpServer> {
    let text = |value: &Value| value.as_str().map(|text| template(text, set));
    let map = |key: &str| -> BTreeMap<String, String> {
        let pairs = entry.get(key).and_then(Value::as_object).into_iter().flatten();
        pairs.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
    };
    if let Some(program) = entry.get("command").and_then(text) {
        let args = entry.get("args").and_then(Value::as_array).into_iter().flatten();
        let argv = std::iter::once(program).chain(args.filter_map(text)).collect();
        return Some(McpServer::Program { argv, env: map("env") });
    }
    let url = entry.get("url").and_then(text)?;
    let headers = map("headers");
    if headers.values().any(|text| text.contains(&format!("${{env.{}}}", token::VARIABLE))) {
        // Our own server, which a run never calls; and not everybody who runs one has set the variable.
        return None;
    }
    let kind = entry.get("type").and_then(Value::as_str).unwrap_or("http");
    let http = url.starts_with("http://") || url.starts_with("https://");
    (kind != "sse" && http).then_some(McpServer::Address { url, headers })
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
        assert!(matches!(address, Some(McpServer::Address { .. })));
        for text in [OURS, r#"{"type":"sse","url":"https://x.test"}"#, "{}", r#"{"url":"file:///x"}"#] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
