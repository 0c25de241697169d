//! A server of one tool that answers at once, and a client that calls it directly: what calls of tools are held against.
//!
//! It knows as much of the Model Context Protocol as both need, and no run.

use regatta_crash::Outcome;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

/// The word after which this program is the server.
pub(crate) const SERVER: &str = "mcp-server";
/// The word after which it is the client: calls, and calls at a time.
pub(crate) const DIRECT: &str = "mcp-direct";
/// The one tool there is.
pub(crate) const TOOL: &str = "echo";

/// Answers each line until there are no more.
pub(crate) fn serve() -> Outcome<()> {
    let (stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    for line in stdin.lines() {
        let line = line.map_err(|e| format!("standard input: {e}"))?;
        let Some(answer) = serde_json::from_str(&line).ok().and_then(|asked| answer(&asked)) else {
            continue;
        };
        writeln!(stdout, "{answer}")
            .and_then(|()| stdout.flush())
            .map_err(|e| format!("standard output: {e}"))?;
    }
    Ok(())
}

/// What a request is answered; a notification is not.
fn answer(asked: &Value) -> Option<Value> {
    let id = asked.get("id")?;
    let params = &asked["params"];
    let result = match asked["method"].as_str()? {
        "initialize" => {
            json!({ "protocolVersion": params["protocolVersion"], "capabilities": { "tools": {} },
            "serverInfo": { "name": "bench", "version": "1" } })
        }
        "tools/list" => json!({ "tools": [{ "name": TOOL, "description": "Says what it was given.",
            "inputSchema": { "type": "object", "properties": { "n": { "type": "integer" } } } }] }),
        "tools/call" => {
            let said = &params["arguments"];
            json!({ "content": [{ "type": "text", "text": said.to_string() }], "structuredContent": said })
        }
        "ping" => json!({}),
        other => {
            let error = json!({ "code": -32601, "message": format!("no method {other}") });
            return Some(json!({ "jsonrpc": "2.0", "id": id, "error": error }));
        }
    };
    Some(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

/// Calls the tool so many times, so many at a time.
pub(crate) fn call(words: &[String]) -> Outcome<()> {
    let number =
        |n: usize| words.get(n).and_then(|word| word.parse::<u64>().ok()).ok_or("two numbers are wanted");
    let (calls, at_a_time) = (number(0)?, number(1)?);
    let mut command = Command::new("/proc/self/exe");
    command.arg(SERVER).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("cannot start the server: {e}"))?;
    let pipes = child.stdin.take().zip(child.stdout.take());
    let (mut stdin, stdout) = pipes.ok_or("the server has no pipes")?;
    let mut ask = |id: u64, method: &str, params: Value| {
        let asked = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        writeln!(stdin, "{asked}").map_err(|e| format!("the server is gone: {e}"))
    };
    let mut lines = BufReader::new(stdout).lines();
    let mut heard = || lines.next().and_then(Result::ok).ok_or("the server says no more");
    ask(
        0,
        "initialize",
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "bench", "version": "1" } }),
    )?;
    heard()?;
    let one = |n: u64| json!({ "name": TOOL, "arguments": { "n": n } });
    let first = at_a_time.min(calls);
    (1..=first).try_for_each(|n| ask(n, "tools/call", one(n)))?;
    let mut asked = first;
    for _ in 0..calls {
        let said = heard()?;
        if !said.contains("structuredContent") {
            return Err(format!("the server answers {said}"));
        }
        if asked < calls {
            asked += 1;
            ask(asked, "tools/call", one(asked))?;
        }
    }
    drop(stdin);
    child.wait().map(drop).map_err(|e| format!("the server does not end: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_and_a_notification_is_not() {
        let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": TOOL, "arguments": { "n": 3 } } });
        assert_eq!(answer(&call).unwrap()["result"]["structuredContent"], json!({ "n": 3 }));
        assert_eq!(
            answer(&json!({ "id": 1, "method": "server/discover" })).unwrap()["error"]["code"],
            -32601
        );
        assert_eq!(answer(&json!({ "method": "notifications/initialized" })), None);
    }
}
