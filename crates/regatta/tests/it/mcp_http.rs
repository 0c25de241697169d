//! Spec 10 "MCP server" over streamable HTTP: sessions and requests alone, several clients, what outlives what.

use crate::mcp_http_server::Server;
use crate::world::{World, ends, signal};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

/// A plan whose first task waits until somebody writes to `go`.
fn waiting(world: &World) -> Value {
    world.fifo("go");
    json!({ "version": 1, "tasks": [ { "id": "a", "run": "cat $REGATTA_WORKSPACE/go" }, { "id": "b", "needs": ["a"], "run": "echo b" } ] })
}

fn batch(cmd: &str) -> Value {
    json!({ "name": "shell_batch", "arguments": { "commands": [ { "id": "a", "cmd": cmd } ] } })
}

#[test]
fn both_revisions_are_spoken_over_http_with_a_session_and_without() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let mut session = server.session();
    assert_eq!(session.call("plan_check", json!({ "plan": "version: 1\ntasks: []" }))["valid"], true);
    let mut discovered = server.alone("server/discover", json!({}));
    assert_eq!((discovered.status, discovered.header("mcp-session-id")), (200, None));
    let said = discovered.answer();
    let versions = said["result"]["supportedVersions"].as_array().unwrap_or_else(|| panic!("{said}"));
    for version in ["2025-11-25", "2026-07-28"] {
        assert!(versions.contains(&json!(version)), "{said}");
    }
    let mut answer = server.alone("tools/call", batch("echo alone"));
    assert_eq!(answer.header("mcp-session-id"), None);
    let said = answer.answer();
    assert_eq!(said["result"]["structuredContent"]["commands"]["a"]["stdout"], "alone\n", "{said}");
}

#[test]
fn both_revisions_are_spoken_on_standard_input() {
    let world = World::new();
    let mut command = world.command(&["mcp", "--workspace", world.root().to_str().unwrap()]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut stdin = child.stdin.take().unwrap();
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}, "io.modelcontextprotocol/clientInfo": { "name": "t", "version": "1" } });
    let mut ask = |method: &str, mut params: Value| -> Value {
        params["_meta"] = meta.clone();
        let line = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        writeln!(stdin, "{line}").unwrap();
        serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
    };
    let said = ask("server/discover", json!({}));
    assert!(said["result"]["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")), "{said}");
    let said = ask("tools/call", batch("echo alone"));
    assert_eq!(said["result"]["structuredContent"]["commands"]["a"]["stdout"], "alone\n", "{said}");
    drop(stdin);
    assert_eq!(ends(&mut child), Some(0));
}

#[test]
fn a_wait_that_is_taken_back_on_standard_input_is_not_answered_in_the_revision_without_a_session_either() {
    let world = World::new();
    let mut command = world.command(&["mcp", "--workspace", world.root().to_str().unwrap()]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut stdin = child.stdin.take().unwrap();
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}, "io.modelcontextprotocol/clientInfo": { "name": "t", "version": "1" } });
    let mut call = |id: u64, tool: &str, arguments: Value| {
        let mut params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
        params["_meta"]["progressToken"] = id.into();
        let line = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        writeln!(stdin, "{line}").unwrap();
        if id == 3 {
            let back = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 2 } });
            writeln!(stdin, "{back}").unwrap();
        }
    };
    let mut hear = |id: u64, seen: &mut Vec<Value>| -> Value {
        loop {
            let said: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            seen.push(said["id"].clone());
            if said["id"] == id {
                return said["result"]["structuredContent"].clone();
            }
            if said["params"]["progressToken"] == id {
                return said;
            }
        }
    };
    let mut seen = Vec::new();
    call(1, "run_start", json!({ "plan": waiting(&world) }));
    let run = hear(1, &mut seen)["run_id"].clone();
    call(2, "run_wait", json!({ "run_id": run }));
    hear(2, &mut seen);
    call(3, "run_status", json!({ "run_id": run }));
    assert_eq!(hear(3, &mut seen)["status"], "running", "the run is not touched");
    std::fs::write(world.path("go"), "now\n").unwrap();
    for id in [4, 5] {
        call(id, "run_wait", json!({ "run_id": run }));
        while hear(id, &mut seen)["status"] != "succeeded" {}
    }
    assert!(!seen.contains(&json!(2)), "nobody waits for that answer any more: {seen:?}");
    drop(stdin);
    assert_eq!(ends(&mut child), Some(0));
}

#[test]
fn several_clients_at_once_see_the_same_runs_and_nobody_waits_for_another() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let (mut one, mut two) = (server.session(), server.session());
    assert_ne!(one.id, two.id);
    let run = one.call("run_start", json!({ "plan": waiting(&world) }))["run_id"].clone();
    let wait = |token: &str| json!({ "name": "run_wait", "arguments": { "run_id": run }, "_meta": { "progressToken": token } });
    let (_, mut first) = one.order("tools/call", wait("one"));
    let (_, mut second) = two.order("tools/call", wait("two"));
    let mut third = server.alone("tools/call", wait("three"));
    // Each is told of the run on its own stream, under its own token: all three wait now.
    for (stream, token) in [(&mut first, "one"), (&mut second, "two"), (&mut third, "three")] {
        let told = stream.message().unwrap();
        assert_eq!(told["params"]["progressToken"], token, "{told}");
    }
    assert_eq!(two.call("run_status", json!({ "run_id": run }))["status"], "running");
    std::fs::write(world.path("go"), "now\n").unwrap();
    for mut stream in [first, second, third] {
        let said = stream.answer();
        assert_eq!(said["result"]["structuredContent"]["status"], "succeeded", "{said}");
    }
}

#[test]
fn a_call_that_is_taken_back_or_lost_over_http_leaves_the_run_alone() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let mut session = server.session();
    let run = session.call("run_start", json!({ "plan": waiting(&world) }))["run_id"].clone();
    let params =
        json!({ "name": "run_wait", "arguments": { "run_id": run }, "_meta": { "progressToken": 7 } });
    let (id, mut waits) = session.order("tools/call", params.clone());
    assert_eq!(waits.message().unwrap()["params"]["progressToken"], 7);
    session.tell("notifications/cancelled", json!({ "requestId": id }));
    // The stream ends, with or without an answer.
    while waits.message().is_some() {}
    let mut lost = server.alone("tools/call", params);
    assert_eq!(lost.message().unwrap()["params"]["progressToken"], 7);
    drop(lost);
    assert_eq!(session.call("run_status", json!({ "run_id": run }))["status"], "running");
    std::fs::write(world.path("go"), "now\n").unwrap();
    assert_eq!(session.call("run_wait", json!({ "run_id": run }))["status"], "succeeded");
}

#[test]
fn a_run_never_calls_our_own_server_over_http_wherever_it_is_written_down() {
    let mut world = World::new();
    let server = Server::start(&world, &[]);
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/server.py");
    let header = json!({ "Authorization": format!("Bearer {}", server.token) });
    let url = format!("http://{}/mcp", server.address);
    let ours = json!({ "type": "http", "url": url, "headers": header });
    let told =
        json!({ "type": "http", "url": url, "headers": { "Authorization": "Bearer ${REGATTA_MCP_TOKEN}" } });
    let others = json!({ "command": "python3", "args": [script, "log"] });
    let servers = json!({ "mcpServers": { "ours": ours, "told": told, "s": others } });
    world.write(".mcp.json", &servers.to_string());
    world.unset("REGATTA_MCP_TOKEN");
    // A bare name is looked for among the others.
    world.write("plan.yaml", "version: 1\ntasks: [ { id: a, tool: text, params: { text: hi } } ]\n");
    world.regatta(&["check", "plan.yaml", "--connect"]).exits(0);
    assert_eq!(world.run()["status"], "succeeded", "{}", world.regatta(&["explain", "a"]).out);
    world.write("plan.yaml", "version: 1\ntasks: [ { id: a, tool: run_status } ]\n");
    let said = world.regatta(&["run", "plan.yaml"]).exits(3).err;
    assert!(said.contains("run_status"), "{said}");
    // One that is named is refused.
    world.write("plan.yaml", "version: 1\ntasks: [ { id: a, tool: ours/run_status } ]\n");
    let said = world.regatta(&["check", "plan.yaml", "--connect"]).exits(3).err;
    assert!(said.contains("it is Regatta itself, which a run never calls"), "{said}");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let why = world.regatta(&["explain", "a"]).out;
    assert!(why.contains("it is Regatta itself, which a run never calls"), "{why}");
    world.write("plan.yaml", "version: 1\ntasks: [ { id: a, tool: told/run_status } ]\n");
    world.regatta(&["check", "plan.yaml"]).exits(3);
}

#[test]
fn a_stream_that_broke_goes_on_from_the_last_event_that_was_heard() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let mut session = server.session();
    let run = session.call("run_start", json!({ "plan": waiting(&world) }))["run_id"].clone();
    let params =
        json!({ "name": "run_wait", "arguments": { "run_id": run }, "_meta": { "progressToken": 7 } });
    let (id, mut waits) = session.order("tools/call", params);
    assert_eq!(waits.message().unwrap()["method"], "notifications/progress");
    let last = waits.last_event.clone().unwrap();
    drop(waits);
    std::fs::write(world.path("go"), "now\n").unwrap();
    let mut again = session.request("GET", &[("last-event-id", &last)], &Value::Null);
    assert_eq!(again.status, 200);
    let said = again.answer();
    assert_eq!(
        (&said["id"], &said["result"]["structuredContent"]["status"]),
        (&json!(id), &json!("succeeded"))
    );
}

#[test]
fn a_session_that_was_deleted_is_gone_and_its_runs_are_not() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let mut session = server.session();
    let run = session.call("run_start", json!({ "plan": waiting(&world) }))["run_id"].clone();
    assert!([200, 202, 204].contains(&session.request("DELETE", &[], &Value::Null).status));
    let (_, answer) = session.order("tools/list", json!({}));
    assert_eq!(answer.status, 404);
    assert_eq!(session.request("GET", &[], &Value::Null).status, 404);
    std::fs::write(world.path("go"), "now\n").unwrap();
    assert_eq!(server.session().call("run_wait", json!({ "run_id": run }))["status"], "succeeded");
}

#[test]
fn a_signal_ends_the_server_and_its_waits_and_no_run() {
    for kind in [Signal::TERM, Signal::INT] {
        let world = World::new();
        let mut server = Server::start(&world, &[]);
        let run = server.session().call("run_start", json!({ "plan": waiting(&world) }))["run_id"].clone();
        let params =
            json!({ "name": "run_wait", "arguments": { "run_id": run }, "_meta": { "progressToken": 7 } });
        let mut waits = server.alone("tools/call", params);
        assert_eq!(waits.message().unwrap()["method"], "notifications/progress");
        signal(&server.child, kind);
        assert_eq!(ends(&mut server.child), Some(0));
        while waits.message().is_some() {}
        let status = || world.regatta(&["status", "--json"]).exits(0).json()["status"].clone();
        assert_eq!(status(), "running");
        std::fs::write(world.path("go"), "now\n").unwrap();
        world.follow("run_ended", 1);
        assert_eq!(status(), "succeeded");
    }
}

#[test]
fn what_is_no_message_is_answered_and_the_server_lives_on() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let usual = server.usual();
    let headers: Vec<(&str, &str)> = usual.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for (body, expected) in
        [("rubbish {", 400..=422), ("[1, 2", 400..=422), ("", 400..=422), ("{\"jsonrpc\":\"1\"}", 400..=422)]
    {
        let answer = server.send("POST", &headers, body);
        assert!(expected.contains(&answer.status), "{body}: {}", answer.head);
    }
    assert_eq!(server.send("PUT", &headers, "{}").status, 405);
    assert_eq!(server.send("POST", &headers[..3], "{}").status, 415);
    let mut session = server.session();
    let (_, mut answer) = session.order("no/such", json!({}));
    assert_eq!(answer.answer()["error"]["code"], -32601);
    let (_, mut answer) = session.order("tools/call", json!({ "name": "nope", "arguments": {} }));
    assert_eq!(answer.answer()["error"]["message"], "there is no tool `nope`");
    let elsewhere = server.raw(
        &format!(
            "GET /other HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
            server.token
        ),
        b"",
    );
    assert_eq!(elsewhere.status, 404);
}

#[test]
fn the_narrowed_server_over_http_offers_only_what_it_was_told_to() {
    let world = World::new();
    let server = Server::start(&world, &["--read-only", "--tools", "run_start,run_status,explain"]);
    let mut session = server.session();
    let (_, mut answer) = session.order("tools/list", json!({}));
    let said = answer.answer();
    let tools: Vec<_> =
        said["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
    assert_eq!(tools, ["run_status", "explain"]);
}

#[test]
fn a_session_too_many_ends_the_one_that_was_silent_for_longest() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let mut sessions: Vec<_> = (0..64).map(|_| server.session()).collect();
    assert_eq!(sessions[0].order("tools/list", json!({})).1.status, 200);
    sessions.push(server.session());
    let alive =
        |session: &mut crate::mcp_http_server::Session<'_>| session.order("tools/list", json!({})).1.status;
    let found = [0, 1, 2, 64].map(|n: usize| alive(&mut sessions[n]));
    assert_eq!(found, [200, 404, 200, 200]);
}

#[test]
fn a_call_too_many_is_told_to_try_again_and_holds_nobody_up() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let run = server.session().call("run_start", json!({ "plan": waiting(&world) }))["run_id"].clone();
    let params =
        json!({ "name": "run_wait", "arguments": { "run_id": run }, "_meta": { "progressToken": 7 } });
    let waits: Vec<_> = (0..64)
        .map(|_| {
            let mut waits = server.alone("tools/call", params.clone());
            // It waits as soon as it tells.
            assert_eq!(waits.message().unwrap()["method"], "notifications/progress");
            waits
        })
        .collect();
    let said = server.alone("tools/call", params.clone()).answer();
    assert!(
        said["result"]["isError"] == true && said.to_string().contains("64 calls are under way"),
        "{said}"
    );
    drop(waits);
    std::fs::write(world.path("go"), "now\n").unwrap();
    // Those who went away make room.
    let ended = || {
        server.alone("tools/call", params.clone()).answer()["result"]["structuredContent"]["status"]
            == "succeeded"
    };
    while !ended() {}
}

#[test]
fn over_http_too_the_workspace_is_the_root_of_the_client_where_the_server_was_given_none() {
    let world = World::new();
    world.write("project/.regatta/config.toml", "");
    let server = Server::anywhere(&world, &[]);
    let mut session = server.session_that_can(&json!({ "roots": {} }));
    let (_, mut answer) = session.order("tools/call", batch("pwd"));
    let asked = answer.message().unwrap();
    assert_eq!(asked["method"], "roots/list", "{asked}");
    let root = format!("file://{}", world.path("project").display());
    let roots = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "roots": [ { "uri": root } ] } });
    assert_eq!(session.send(&roots).status, 202);
    let said = answer.answer();
    let told = said["result"]["structuredContent"]["commands"]["a"]["stdout"]
        .as_str()
        .unwrap_or_else(|| panic!("{said}"));
    assert!(told.ends_with("/project\n"), "{told}");
    // Without a session nothing is asked: the workspace is where the server was started.
    let said = server.alone("tools/call", batch("pwd")).answer();
    let told = said["result"]["structuredContent"]["commands"]["a"]["stdout"]
        .as_str()
        .unwrap_or_else(|| panic!("{said}"));
    assert!(!told.ends_with("/project\n"), "{told}");
}

#[test]
fn a_body_that_is_no_message_is_answered_by_the_book() {
    let world = World::new();
    let server = Server::start(&world, &[]);
    let usual = server.usual();
    let headers: Vec<_> = usual.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for (body, code) in [("", -32700), ("{\"a\"", -32700), ("[]", -32600), ("{}", -32600)] {
        let mut answer = server.send("POST", &headers, body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.head);
        let said = answer.json();
        assert_eq!((&said["error"]["code"], &said["id"]), (&json!(code), &Value::Null), "{body}: {said}");
    }
    let mut session = server.session();
    for (method, params) in [
        ("tools/call", json!({})),
        ("tools/call", json!({ "name": "explain", "arguments": [] })),
        ("resources/read", json!({})),
        ("prompts/get", json!({})),
    ] {
        let (_, mut answer) = session.order(method, params.clone());
        assert_eq!(answer.answer()["error"]["code"], -32602, "{method} {params}");
        let alone = server.alone(method, params.clone());
        assert_ne!(alone.status, 404, "{method} {params}: {}", alone.head);
    }
}
