//! Spec 10 "MCP server": answers keep their shape however long they are, what is cut can be read whole, and whoever waits for a
//! run that waits for a person is told so.

use crate::asking::{asking, until_asked};
use crate::mcp::Client;
use crate::world::{World, ends};
use serde_json::{Value, json};
use std::path::Path;

/// Resources to which the answer of a tool links, beside the answer.
fn call(client: &mut Client, tool: &str, arguments: Value) -> (Value, Vec<String>) {
    let said = client.ask("tools/call", json!({ "name": tool, "arguments": arguments }));
    let content = said["result"]["content"].as_array().unwrap();
    let links = content.iter().filter(|block| block["type"] == "resource_link");
    let links = links.map(|link| link["uri"].as_str().unwrap().to_owned()).collect();
    (said["result"]["structuredContent"].clone(), links)
}

/// A resource, all its pieces together.
fn read(client: &mut Client, uri: &str) -> String {
    let (mut whole, mut next) = (String::new(), uri.to_owned());
    loop {
        let said = client.ask("resources/read", json!({ "uri": next }));
        let contents = &said["result"]["contents"][0];
        whole.push_str(contents["text"].as_str().unwrap_or_else(|| panic!("{said}")));
        match contents["_meta"]["regatta/next"].as_str() {
            Some(more) => next = more.to_owned(),
            None => return whole,
        }
    }
}

#[test]
fn an_answer_about_a_large_run_keeps_its_shape_and_counts_what_is_missing() {
    let world = World::new();
    let mut client = Client::new(&world, &[]);
    let commands: Vec<Value> = (0..600)
        .map(|n| json!({ "id": format!("c{n:03}"), "cmd": if n == 555 { "exit 3" } else { ":" } }))
        .collect();
    let batch = json!({ "commands": commands, "config": { "maxConcurrent": 8 } });
    let said = client.call("shell_batch", batch);
    assert_eq!((&said["status"], &said["truncated"]), (&json!("partial"), &json!(true)), "{said:#}");
    assert_eq!(said["summary"], json!({ "total": 600, "succeeded": 599, "failed": 1, "skipped": 0 }));
    assert_eq!(said["commands"]["c555"]["exitCode"], 3, "what went wrong is told first: {said:#}");
    let told = said["commands"].as_object().unwrap().len();
    assert_eq!(said["omitted"]["commands"], 600 - told, "{said:#}");
    let run = said["executionId"].as_str().unwrap().to_owned();
    // Every event once, and the result when it has ended.
    let (mut seen, mut cursor) = (0, 0);
    let ended = loop {
        let said = client.call("run_wait", json!({ "run_id": run, "cursor": cursor }));
        let events = said["events"].as_array().unwrap();
        events.iter().for_each(|event| {
            seen += 1;
            assert_eq!(event["pos"], seen, "{event}");
        });
        cursor = said["cursor"].as_u64().unwrap();
        assert_eq!((&said["ended"], &said["status"]), (&json!(said["more"] == false), &json!("partial")));
        if said["more"] == false {
            break said;
        }
    };
    assert_eq!(seen, cursor);
    assert_eq!(ended["result"]["summary"]["total"], 600, "{ended:#}");
    let (status, links) = call(&mut client, "run_status", json!({ "run_id": run }));
    assert_eq!((&status["run_id"], &status["status"]), (&json!(run), &json!("partial")), "{status:#}");
    assert!(status["omitted"]["tasks"].as_u64().unwrap() > 0, "{status:#}");
    let whole: Value = serde_json::from_str(&read(&mut client, &links[0])).unwrap();
    assert_eq!(whole["tasks"].as_object().unwrap().len(), 600);
    assert_eq!(client.call("explain", json!({ "run_id": run }))["tasks"][0]["task"], "c555");
}

#[test]
fn output_of_which_head_and_tail_are_told_says_so_and_can_be_read_whole() {
    let world = World::new();
    let mut client = Client::new(&world, &[]);
    let commands = json!([ { "id": "a", "cmd": "seq 1 400000" }, { "id": "b", "cmd": "echo hi" } ]);
    let (said, links) = call(&mut client, "shell_batch", json!({ "commands": commands }));
    assert_eq!((&said["truncated"], &said["commands"]["a"]["truncated"]), (&json!(true), &json!(true)));
    assert_eq!(said["commands"]["a"]["stdoutBytes"], 2_688_895, "{said:#}");
    assert_eq!(said["commands"]["b"].get("truncated"), None);
    let run = said["executionId"].as_str().unwrap();
    // The result, for head and tail are shortened once more, and the output.
    assert_eq!(links, ["result", "tasks/a/stdout"].map(|part| format!("regatta://runs/{run}/{part}")));
    let expect: String = (1..=400_000).map(|n| format!("{n}\n")).collect();
    assert!(read(&mut client, &links[1]) == expect, "it is the whole");
    assert!(read(&mut client, &format!("{}?offset=2688888", links[1])) == "400000\n");
    assert_eq!(read(&mut client, &format!("regatta://runs/{run}/tasks/a/stderr")), "");
    let result: Value =
        serde_json::from_str(&read(&mut client, &format!("regatta://runs/{run}/result"))).unwrap();
    assert_eq!(
        (&result["truncated"], &result["commands"]["a"]["stdoutBytes"]),
        (&json!(true), &json!(2_688_895))
    );
    let task = json!({ "id": "a b", "tool": "shell", "params": { "cmd": "seq 1 400000" } });
    let said = client.call("parallel_execute", json!({ "tasks": [task] }));
    assert_eq!(said["success"], false, "{said}");
    let task = json!({ "id": "a", "tool": "shell", "params": { "cmd": "seq 1 400000" } });
    let (said, links) = call(&mut client, "parallel_execute", json!({ "tasks": [task] }));
    assert_eq!(said["tasks"]["a"]["result"]["stdoutBytes"], 2_688_895, "{said:#}");
    assert_eq!(links.len(), 2, "{links:?}");
}

#[test]
fn whoever_waits_for_a_run_in_doubt_is_told_that_a_person_must_answer() {
    let world = World::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/server.py");
    let servers = json!({ "mcpServers": { "s": { "command": "python3", "args": [script, "log"] } } });
    world.write(".mcp.json", &servers.to_string());
    let mut client = Client::new(&world, &[]);
    let request = json!({ "tasks": [ { "id": "a", "tool": "s/crash", "params": {} } ] });
    let said = client.call("parallel_execute", request.clone());
    let run = said["executionId"].as_str().unwrap().to_owned();
    assert_eq!((&said["status"], &said["state"]), (&json!("running"), &json!("waiting")), "{said:#}");
    assert_eq!(said.get("next"), None, "{said:#}");
    let command = format!("regatta answer {run} a --again");
    assert_eq!(said["doubts"][0]["again"], command, "{said:#}");
    assert!(said["hint"].as_str().unwrap().contains("a person"), "{said:#}");
    let waited = client.call("run_wait", json!({ "run_id": run }));
    assert_eq!((&waited["ended"], &waited["status"]), (&json!(false), &json!("waiting")), "{waited:#}");
    assert_eq!((waited.get("next"), &waited["doubts"]), (None, &said["doubts"]), "{waited:#}");
    assert_eq!(client.call("run_status", json!({ "run_id": run }))["doubts"], said["doubts"]);
    let resumed = client.call("run_resume", json!({ "run_id": run }));
    assert_eq!(resumed["said"], "it waits for a person: 1 task in doubt, see `doubts`", "{resumed:#}");
    // Who has heard of everything hears of the next thing, and not of the same again and again.
    let cursor = client.call("run_wait", json!({ "run_id": run }))["cursor"].as_u64().unwrap();
    let ask = json!({ "name": "run_wait", "arguments": { "run_id": run, "cursor": cursor } });
    let waits = client.order("tools/call", ask);
    world.regatta(&["answer", &run, "a", "--succeeded"]).exits(0);
    let said = client.answer(waits)["result"]["structuredContent"].clone();
    assert!(!said["events"].as_array().unwrap().is_empty(), "{said:#}");
    // Whoever took the run up may be there still, or not.
    while client.call("run_wait", json!({ "run_id": run }))["ended"] == false {
        client.call("run_resume", json!({ "run_id": run }));
    }
    // With nobody there, what was answered is taken up by a call.
    world.write("r.json", &request.to_string());
    let said = world.regatta(&["run", "r.json", "--json"]).exits(5).json();
    assert_eq!((&said["status"], &said["doubts"][0]["task"]), (&json!("running"), &json!("a")), "{said:#}");
    let run = said["executionId"].as_str().unwrap();
    world.regatta(&["answer", run, "a", "--succeeded"]).exits(0);
    let said = client.call("run_wait", json!({ "run_id": run }));
    assert_eq!((&said["next"]["tool"], said.get("doubts")), (&json!("run_resume"), None), "{said:#}");
    assert_eq!(client.call("run_resume", json!({ "run_id": run }))["said"], "it goes on");
    while client.call("run_wait", json!({ "run_id": run }))["ended"] == false {}
}

#[test]
fn a_client_that_knows_of_a_question_waits_for_what_comes_next() {
    let world = asking();
    let mut child = world.start(&["run", "plan.yaml"]);
    until_asked(&world);
    let mut client = Client::new(&world, &[]);
    let said = client.call("run_wait", json!({}));
    assert_eq!(said["questions"][0]["question"], "1.1", "{said:#}");
    let next = said["next"].clone();
    assert_eq!((&next["tool"], &next["arguments"]["cursor"]), (&json!("run_wait"), &said["cursor"]));
    let waits = client.order("tools/call", json!({ "name": next["tool"], "arguments": next["arguments"] }));
    world.regatta(&["answer", "a", "--allow"]).exits(0);
    let said = client.answer(waits)["result"]["structuredContent"].clone();
    assert_eq!(said.get("questions"), None, "{said:#}");
    assert_eq!(ends(&mut child), Some(0));
}

#[test]
fn a_task_that_failed_says_what_it_wrote_last_and_one_that_took_too_long_how_long_it_had() {
    let world = World::new();
    let mut client = Client::new(&world, &[]);
    let task = |id: &str, cmd: &str, timeout_ms: u64| json!({ "id": id, "tool": "shell", "params": { "cmd": cmd }, "timeout": timeout_ms });
    let tasks = json!([task("a", "echo it is broken >&2; exit 3", 60_000), task("b", "sleep 60", 300)]);
    let said = client.call("parallel_execute", json!({ "tasks": tasks }));
    assert_eq!(said["tasks"]["a"]["error"]["message"], "failed: exit 3: it is broken", "{said:#}");
    let late = &said["tasks"]["b"]["error"];
    assert_eq!(
        (&late["code"], &late["message"]),
        (&json!("TASK_TIMEOUT"), &json!("timed out: timeout after 300 ms"))
    );
}

#[test]
fn what_looks_like_a_secret_is_repeated_by_no_answer_and_no_problem_of_a_plan() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: 'true' } ]\n");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let mut client = Client::new(&world, &[]);
    // Put together here, so that no scanner of this source finds it.
    let token = format!("gh{}_{}", 'p', "R4nD0mQ7vXk2LsT9bWzYc5HdJfMgPe8AuNi3");
    let plan = format!(
        "version: 1\nbogus_{token}: 1\ntasks:\n  - {{ id: a, run: x, needs: [{token}] }}\n  - {{ id: b, tool: \"{token}\" }}\n  - {{ id: c, tool: sleep, params: {{ {token}: 1 }} }}\n"
    );
    let calls = [
        ("run_status", json!({ "run_id": token })),
        ("run_cancel", json!({ "run_id": token })),
        ("explain", json!({ "task": token })),
        ("explain", json!({ token.as_str(): 1 })),
        ("plan_check", json!({ "plan": plan })),
        ("run_start", json!({ "plan": plan })),
        (token.as_str(), json!({})),
    ];
    for (tool, arguments) in calls {
        let said = client.ask("tools/call", json!({ "name": tool, "arguments": arguments })).to_string();
        assert!(!said.contains(&token) && said.contains("[REDACTED:"), "{tool}: {said}");
    }
    for uri in [format!("regatta://runs/{token}"), format!("other:{token}")] {
        let said = client.ask("resources/read", json!({ "uri": uri })).to_string();
        assert!(!said.contains(&token) && said.contains("[REDACTED:"), "{said}");
    }
    world.write("bad.yaml", &plan);
    for args in [&["check", "bad.yaml"][..], &["check", "bad.yaml", "--json"], &["run", "bad.yaml"]] {
        let said = world.regatta(args).exits(3);
        let all = format!("{}{}", said.out, said.err);
        assert!(!all.contains(&token) && all.contains("[REDACTED:"), "{args:?}: {all}");
        for code in ["RG003", "RG011", "RG015"] {
            assert!(all.contains(code), "{code}: {all}");
        }
    }
}
