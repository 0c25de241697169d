//! Spec 10 "MCP server": what a client says too early or wrongly ends nothing, and is answered by its id.

use crate::mcp::Client;
use crate::world::World;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Stdio};

/// A client that says what it likes.
struct Wild(Child, BufReader<ChildStdout>);

impl Wild {
    fn new(world: &World) -> Wild {
        let mut command = world.command(&["mcp"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Wild(child, stdout)
    }

    fn says(&mut self, line: &str) {
        // The server may have gone; then it is silent.
        let _ = writeln!(self.0.stdin.as_mut().unwrap(), "{line}");
    }

    fn hears(&mut self) -> Value {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the server has gone"))
    }

    fn greets(&mut self) -> Value {
        let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        self.says(
            &json!({ "jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": hello }).to_string(),
        );
        self.hears()
    }

    fn leaves(mut self) {
        drop(self.0.stdin.take());
        let said = self.0.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.success() && stderr.is_empty(), "{:?}: {stderr}", said.status);
    }
}

#[test]
fn what_wants_no_answer_before_the_first_request_ends_nothing() {
    let world = World::new();
    let early = [
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","method":"nonsense"}"#,
        r#"{"jsonrpc":"2.0","id":3,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32601,"message":"no"}}"#,
    ];
    for line in early {
        let mut client = Wild::new(&world);
        client.says(line);
        let said = client.greets();
        assert_eq!(
            (&said["id"], &said["result"]["serverInfo"]["name"]),
            (&json!("hello"), &json!("regatta")),
            "{line}: {said}"
        );
        client.leaves();
    }
    // Nor after a word that begins nothing.
    let mut client = Wild::new(&world);
    client.says(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    assert_eq!(client.hears()["result"], json!({}));
    client.says(r#"{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{}}"#);
    let said = client.hears();
    assert!(said["id"] == 2 && said["error"].is_object(), "{said}");
    early.iter().for_each(|line| client.says(line));
    assert_eq!(client.greets()["id"], "hello");
    client.leaves();
}

#[test]
fn a_request_that_is_no_message_is_answered_by_its_id() {
    let world = World::new();
    let mut client = Wild::new(&world);
    let wrong = [
        (r#"{"jsonrpc":"2.0","id":14,"method":"tools/list","params":7}"#, json!(14)),
        (r#"{"jsonrpc":"2.0","id":"x","method":7}"#, json!("x")),
        (r#"{"id":15,"method":"ping"}"#, json!(15)),
        ("{}", Value::Null),
    ];
    let check = |client: &mut Wild| {
        for (line, id) in &wrong {
            client.says(line);
            let said = client.hears();
            assert_eq!((&said["error"]["code"], &said["id"]), (&json!(-32600), id), "{line}: {said}");
        }
    };
    // Before the first word as after it.
    check(&mut client);
    assert_eq!(client.greets()["id"], "hello");
    client.says(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    check(&mut client);
    client.says(r#"{"jsonrpc":"2.0","id":16,"method":"ping"}"#);
    assert_eq!(client.hears()["id"], 16);
    client.leaves();
}

#[test]
fn a_request_that_is_no_message_is_answered_by_its_id_without_a_session_too() {
    let world = World::new();
    let mut client = Wild::new(&world);
    let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    let asks = |client: &mut Wild, id: u32, method: &str| {
        client.says(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"_meta":{meta}}}}}"#
        ));
        client.hears()
    };
    for id in [1, 2] {
        client.says(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":7}}"#));
        let said = client.hears();
        assert_eq!((&said["error"]["code"], &said["id"]), (&json!(-32600), &json!(id)), "{said}");
        assert!(asks(&mut client, 3, "server/discover")["result"].is_object());
        assert!(asks(&mut client, 4, "tools/list")["result"]["tools"].is_array());
    }
    client.leaves();
}

/// A call whose only argument is this text.
fn call(id: u32, argument: &str) -> String {
    let params = format!(r#"{{"name":"parallel_execute","arguments":{{"tasks":{argument}}}}}"#);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#)
}

#[test]
fn a_request_that_cannot_be_read_whole_is_answered_by_its_id_and_says_why() {
    let world = World::new();
    let mut client = Wild::new(&world);
    client.greets();
    client.says(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let unreadable =
        [(r#""cut \ud83d""#, "hex escape"), ("1e400", "out of range"), (deep.as_str(), "nested deeper")];
    for (id, (argument, why)) in (20..).zip(unreadable) {
        client.says(&call(id, argument));
        let said = client.hears();
        assert_eq!((&said["error"]["code"], &said["id"]), (&json!(-32700), &json!(id)), "{said}");
        assert!(said["error"]["message"].as_str().unwrap().contains(why), "{said}");
    }
    client.leaves();
}

#[test]
fn a_request_that_says_a_key_twice_is_refused_and_none_of_both_wins() {
    let world = World::new();
    let mut client = Wild::new(&world);
    client.greets();
    client.says(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    client.says(&call(30, r#"[{"id":"a","tool":"sleep","params":{"ms":1,"ms":2}}]"#));
    let said = client.hears();
    assert_eq!((&said["error"]["code"], &said["id"]), (&json!(-32602), &json!(30)), "{said}");
    assert!(said["error"]["message"].as_str().unwrap().contains("`ms`"), "{said}");
    assert!(!world.path(".regatta").exists(), "nothing was started");
    client.leaves();
}

#[test]
fn a_byte_order_mark_before_a_plan_a_request_or_a_batch_is_no_part_of_it() {
    let world = World::new();
    let documents = [
        json!({ "version": 1, "tasks": [ { "id": "a", "run": "true" } ] }),
        json!({ "tasks": [ { "id": "a", "tool": "sleep", "params": { "ms": 1 } } ] }),
        json!({ "commands": [ { "id": "a", "cmd": "true" } ] }),
    ];
    let mut client = Client::new(&world, &[]);
    for document in documents {
        let marked = format!("\u{feff}{document}");
        let said = client.call("plan_check", json!({ "plan": marked }));
        assert_eq!(said["valid"], true, "{document} {said:#}");
        let mut child = world
            .command(&["run", "-", "--json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(marked.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{document}");
    }
}
