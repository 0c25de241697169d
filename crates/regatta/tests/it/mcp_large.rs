//! Spec 10 "MCP server": of a large run no event is lost, no command is cut, and what went wrong is told first.

use crate::mcp::Client;
use crate::world::World;
use serde_json::{Value, json};

/// A run that waits for a person at so many gates, whose names are as long as names may be.
fn at_gates(gates: usize) -> World {
    let tasks: String =
        (0..gates).map(|n| format!("  - {{ id: g{n:03}{}, gate: ok }}\n", "x".repeat(124))).collect();
    let world = World::with(&format!(
        "version: 1\ngates: {{ ok: {{ person: 'review {}' }} }}\ntasks:\n{tasks}",
        "é".repeat(300)
    ));
    world.regatta(&["run", "plan.yaml"]).exits(5);
    world
}

#[test]
fn however_much_waits_for_a_person_every_event_is_told_once() {
    let world = at_gates(120);
    let mut client = Client::new(&world, &[]);
    let (mut seen, mut cursor) = (0, 0);
    loop {
        let asked = json!({ "name": "run_wait", "arguments": { "cursor": cursor } });
        let said = client.ask("tools/call", asked)["result"].clone();
        let told = &said["structuredContent"];
        assert!(told.to_string().len() <= 50_000);
        for event in told["events"].as_array().unwrap() {
            seen += 1;
            assert_eq!(event["pos"], seen, "{event}");
        }
        cursor = told["cursor"].as_u64().unwrap();
        let questions = told["questions"].as_array().unwrap();
        assert!(!questions.is_empty(), "{told:#}");
        assert_eq!(told["omitted"]["questions"], 120 - questions.len(), "{told:#}");
        let run = told["run_id"].as_str().unwrap();
        assert_eq!(said["content"][1]["uri"], format!("regatta://runs/{run}"), "{said:#}");
        let next = told.get("next").map(|next| &next["arguments"]["cursor"]);
        if told["more"] == true {
            assert_eq!(next, Some(&json!(cursor)), "{told:#}");
        } else {
            assert_eq!(next, None, "{told:#}");
            break;
        }
    }
    assert_eq!(seen, cursor);
    let all = world.regatta(&["events"]).exits(0).out.lines().count();
    assert_eq!(seen, all as u64);
}

#[test]
fn a_run_is_said_to_have_ended_when_all_its_events_are_told_and_its_result_is_told_then() {
    let tasks: String = (0..100).map(|n| format!("  - {{ id: t{n:03}, run: 'true' }}\n")).collect();
    let world = World::with(&format!("version: 1\ntasks:\n{tasks}"));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let mut client = Client::new(&world, &[]);
    let (mut seen, mut asked, mut pages) = (0, json!({}), 0);
    loop {
        let said = client.call("run_wait", asked);
        pages += 1;
        for event in said["events"].as_array().unwrap() {
            seen += 1;
            assert_eq!(event["pos"], seen, "{event}");
        }
        assert_eq!((&said["status"], &said["cursor"]), (&json!("succeeded"), &json!(seen)));
        assert_eq!(said["ended"], said["more"] == false, "{said:#}");
        assert_eq!(said.get("result").is_some(), said["ended"] == true, "{said:#}");
        if said["ended"] == true {
            assert_eq!(said.get("next"), None, "{said:#}");
            break;
        }
        asked = said["next"]["arguments"].clone();
        assert_eq!((&said["next"]["tool"], &asked["cursor"]), (&json!("run_wait"), &json!(seen)), "{said:#}");
    }
    assert!(pages > 1);
    assert_eq!(seen, world.regatta(&["events"]).exits(0).out.lines().count());
}

#[test]
fn a_command_that_a_person_pastes_is_never_cut() {
    let world = at_gates(60);
    let whole = world.regatta(&["status", "--json"]).exits(0).json();
    let mut client = Client::new(&world, &[]);
    for tool in ["run_status", "run_wait"] {
        let said = client.call(tool, json!({}));
        let questions = said["questions"].as_array().unwrap();
        assert!(!questions.is_empty() && said["truncated"] == true, "{said:#}");
        for (told, whole) in questions.iter().zip(whole["questions"].as_array().unwrap()) {
            for key in ["task", "question", "allow", "deny"] {
                assert_eq!(told[key], whole[key], "{tool}");
            }
        }
    }
    let said = client.call("explain", json!({}));
    let whole = world.regatta(&["explain", "--json"]).exits(0).json();
    assert_eq!(said["tasks"][0]["task"], whole[0]["task"]);
}

#[test]
fn what_failed_in_a_large_run_that_goes_on_is_told_first_and_states_are_counted() {
    let open: String =
        (0..600).map(|n| format!("  - {{ id: p{n:03}, needs: [hold], run: 'true' }}\n")).collect();
    let world = World::with(&format!(
        "version: 1\non_failure: continue\ngates: {{ ok: {{ person: go on? }} }}\ntasks:\n  - {{ id: hold, gate: ok }}\n{open}  - {{ id: zz, run: 'exit 3' }}\n"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let mut client = Client::new(&world, &[]);
    let said = client.call("run_status", json!({}));
    assert_eq!(said["tasks"]["zz"]["status"], "failed", "{said:#}");
    assert_eq!(said["tasks"]["hold"]["status"], "in_doubt", "{said:#}");
    assert_eq!(said["counts"], json!({ "failed": 1, "in_doubt": 1, "pending": 600 }), "{said:#}");
    let said = client.call("explain", json!({}));
    let first: Vec<&Value> = said["tasks"].as_array().unwrap().iter().map(|t| &t["task"]).take(3).collect();
    assert_eq!(first, ["zz", "hold", "p000"], "{said:#}");
    let said = world.regatta(&["explain"]).exits(0).out;
    assert!(said.starts_with("zz: failed: exit 3\n"), "{said}");
}

#[test]
fn limits_of_the_environment_hold_for_a_document_as_for_a_plan() {
    let mut world = World::new();
    world.set("REGATTA_MAX_PARALLEL", "1");
    let mut client = Client::new(&world, &[]);
    let commands = json!([ { "id": "a", "cmd": "true" }, { "id": "b", "cmd": "true" } ]);
    client.call("shell_batch", json!({ "commands": commands, "config": { "maxConcurrent": 8 } }));
    let said = client.call("run_status", json!({}));
    assert_eq!((&said["max_parallel"], &said["most_at_once"]), (&json!(1), &json!(1)), "{said:#}");
    let task = |id: &str| json!({ "id": id, "tool": "shell", "params": { "cmd": "true" } });
    client.call("parallel_execute", json!({ "tasks": [task("a"), task("b")] }));
    let said = client.call("run_status", json!({}));
    assert_eq!((&said["max_parallel"], &said["most_at_once"]), (&json!(1), &json!(1)), "{said:#}");
    world.set("REGATTA_MAX_PARALLEL", "many");
    let mut client = Client::new(&world, &[]);
    let said = client.call("shell_batch", json!({ "commands": commands }));
    assert!(said["error"]["message"].as_str().unwrap().contains("REGATTA_MAX_PARALLEL"), "{said:#}");
    assert!(said["error"]["code"].is_string(), "{said:#}");
}

#[test]
fn a_short_wait_for_a_run_that_nobody_orchestrates_says_what_takes_it_up() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: 'echo up >up; cat go' } ]\n");
    world.fifo("up");
    world.fifo("go");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    let mut client = Client::new(&world, &[]);
    child.kill().unwrap();
    child.wait().unwrap();
    let said = client.call("run_wait", json!({ "wait_ms": 0 }));
    assert_eq!(
        (&said["status"], &said["next"]["tool"]),
        (&json!("interrupted"), &json!("run_resume")),
        "{said:#}"
    );
    client.call("run_resume", said["next"]["arguments"].clone());
    std::fs::write(world.path("go"), "go\n").unwrap();
    while client.call("run_wait", json!({}))["ended"] == false {}
}

#[test]
fn of_a_long_result_head_and_tail_are_told_and_the_whole_can_be_read() {
    let world = World::new();
    let text = "hello world line\n".repeat(200_000);
    world.write("long.txt", &text);
    world.write("short.txt", "hi");
    let mut client = Client::new(&world, &[]);
    let task = |id: &str, path: &str| json!({ "id": id, "tool": "file_read", "params": { "path": path } });
    let tasks = json!([task("a", "long.txt"), task("b", "short.txt")]);
    let asked = json!({ "name": "parallel_execute", "arguments": { "tasks": tasks } });
    let said = client.ask("tools/call", asked)["result"].clone();
    let told = &said["structuredContent"];
    let (a, b) = (&told["tasks"]["a"], &told["tasks"]["b"]);
    assert_eq!((&a["status"], &a["truncated"], b.get("truncated")), (&json!("success"), &json!(true), None));
    let run = told["executionId"].as_str().unwrap();
    let uri = format!("regatta://runs/{run}/tasks/a/result");
    let links: Vec<_> =
        said["content"].as_array().unwrap().iter().filter_map(|c| c["uri"].as_str()).collect();
    assert_eq!(links, [format!("regatta://runs/{run}/result"), uri.clone()]);
    let mut read = |uri: &str| {
        let said = client.ask("resources/read", json!({ "uri": uri }));
        let text = said["result"]["contents"][0]["text"].as_str().unwrap_or_else(|| panic!("{said}"));
        text.to_owned()
    };
    // The whole is what the command line tells; of it the result of the run has the ends only.
    let whole = read(&uri);
    assert_eq!(a["resultBytes"], whole.len());
    let result: Value = serde_json::from_str(&whole).unwrap();
    assert!(result.as_str() == Some(&text), "it is the whole");
    let result: Value = serde_json::from_str(&read(&format!("regatta://runs/{run}/result"))).unwrap();
    let ends = result["tasks"]["a"]["result"].as_str().unwrap();
    assert!(ends.len() < 100_000 && ends.contains("bytes omitted"), "{}", ends.len());
    assert_eq!(result["tasks"]["b"]["result"], b["result"]);
    assert_eq!(
        serde_json::from_str::<Value>(&read(&format!("regatta://runs/{run}/tasks/b/result"))).unwrap(),
        b["result"]
    );
}

#[test]
fn what_cannot_be_read_here_is_no_fault_of_the_client() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: 'true' } ]\n");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let mut client = Client::new(&world, &[]);
    let said = client.ask("resources/read", json!({ "uri": "regatta://runs/none" }));
    assert_eq!(said["error"]["code"], -32002, "{said}");
    let files: Vec<_> =
        std::fs::read_dir(world.path(".regatta")).unwrap().map(|f| f.unwrap().path()).collect();
    let journal = files.iter().find(|path| path.extension().is_some_and(|e| e == "db")).unwrap();
    std::fs::write(journal, "no journal any more, but a text that is longer than a head").unwrap();
    let said = client.ask("resources/list", json!({}));
    assert_eq!(said["error"]["code"], -32603, "{said}");
}
