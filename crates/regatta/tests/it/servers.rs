//! Tools of servers, called by the real binary: a good one, one that crashes, floods, lies, or goes on working.

use crate::mcp::Client;
use crate::world::{World, gone, lives};
use serde_json::{Value, json};
use std::path::Path;

/// A plan with a server `s` that runs with further words, and these tasks.
fn world(words: &str, tasks: &str) -> World {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/server.py");
    World::with(&format!(
        "version: 1\ntimeout: {{ attempt: 50s }}\nmcp_servers: {{ s: {{ command: python3, args: ['{}', log{words}] }} }}\ntasks:\n{tasks}",
        script.display()
    ))
}

fn starts(world: &World) -> usize {
    world.read("log").lines().filter(|line| line.starts_with("start ")).count()
}

fn calls(world: &World) -> usize {
    world.read("log").lines().filter(|line| line.starts_with("call ")).count()
}

#[test]
fn a_call_answers_structured_content_or_text_or_blocks_and_one_server_serves_them_all() {
    let world = world(
        "",
        "  - { id: a, tool: s/echo, params: { n: 1, deep: { l: [true] } } }
  - { id: b, tool: s/text, params: { text: 'n is ${a.result.args.n}, first ${a.result.args.deep.l.0}' } }
  - { id: c, tool: s/blocks, needs: [b] }
  - { id: d, tool: file_write, params: { path: out, content: '${b.result} ${c.result.1.mimeType} ${a.result.key}' } }\n",
    );
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    let key = format!("{}/a", world.run_id());
    assert_eq!(world.read("out"), format!("n is 1, first true image/png {key}"));
    let log = world.read("log");
    assert_eq!((starts(&world), log.lines().last()), (1, Some("closed")), "{log}");
    assert_eq!(world.regatta(&["logs", "b"]).out.trim(), "n is 1, first true");
}

/// 2^53 + 1, the ends of what 64 bits hold, and one that they do not hold: `${a.result…}` of each.
const WHOLE: &str = "[9007199254740993, -9223372036854775808, 9223372036854775807, 18446744073709551615]";

#[test]
fn whole_numbers_of_64_bits_pass_unchanged_from_result_to_result() {
    let world = world(
        "",
        &"  - { id: a, run: 'echo NUMBERS >\"$REGATTA_RESULT\"' }
  - { id: b, tool: s/echo, params: { all: '${a.result}', one: 9007199254740993, text: 'is ${a.result.0}' } }
  - { id: c, tool: s/echo, params: { all: '${b.result.args.all}', one: '${b.result.args.one}' } }
  - { id: e, for_each: '${c.result.args.all}', tool: s/echo, params: { item: '${item}' } }
  - { id: q, tool: json_query, params: { data: '${c.result}', path: '$.args.all[0, 2, 3]' } }
  - { id: j, needs: [q], join: { conflict: fail-fast } }
  - { id: w, when: 'a.result[0] == 9007199254740993 && a.result[0] != 9007199254740992 && a.result[2] == 9223372036854775807 && a.result[1] < a.result[2]', run: 'true' }
  - { id: t, tool: template, params: { text: '{{ n[0] }} {{ n[3] }}', vars: { n: '${a.result}' } } }
  - { id: d, run: [sh, -c, 'printf \"%s|\" \"$@\" >out', x, '${a.result}', '${b.result.args.text}', '${c.result.args.one}', '${e.results}', '${q.result}', '${j.result.value}', '${t.result}'] }
  - { id: i, needs: [w], inputs: { n: '${a.result}' }, run: 'printf %s \"$REGATTA_INPUTS\" >inputs' }
"
        .replace("NUMBERS", WHOLE),
    );
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    let whole = WHOLE.replace(' ', "");
    let said = world.read("out");
    let parts: Vec<&str> = said.split('|').collect();
    assert_eq!(parts[0], whole);
    assert_eq!(parts[1..3], ["is 9007199254740993", "9007199254740993"], "{said}");
    for number in whole.trim_matches(['[', ']']).split(',') {
        assert!(parts[3].contains(&format!("{{\"item\":{number}}}")), "{number} {said}");
    }
    let large = "[9007199254740993,9223372036854775807,18446744073709551615]";
    assert_eq!(parts[4..7], [large, large, "9007199254740993 18446744073709551615"], "{said}");
    assert_eq!(world.read("inputs"), format!("{{\"n\":{whole}}}"));
    let mut client = Client::new(&world, &[]);
    let request = json!({ "tasks": [
        { "id": "a", "tool": "template", "params": { "text": "{{ n }}", "vars": { "n": u64::MAX } } },
        { "id": "b", "tool": "json_query", "params": { "data": { "n": i64::MIN, "m": 9_007_199_254_740_993_i64 }, "path": "$" } } ] });
    let said = client.call("parallel_execute", request);
    assert_eq!(said["tasks"]["a"]["result"], u64::MAX.to_string(), "{said:#}");
    let expect = json!({ "n": i64::MIN, "m": 9_007_199_254_740_993_i64 });
    assert_eq!(said["tasks"]["b"]["result"], expect, "{said:#}");
    let run = json!({ "run_id": said["executionId"] });
    assert_eq!(client.call("run_wait", run)["result"]["tasks"]["b"]["result"], expect);
}

#[test]
fn a_whole_number_that_64_bits_do_not_hold_is_kept_as_text_with_every_digit() {
    let world = world(
        "",
        "  - { id: a, run: 'echo {\\\"n\\\": 123456789012345678901234567890} >\"$REGATTA_RESULT\"' }
  - { id: b, result: stdout-json, run: 'echo [-9223372036854775809, 1e3]' }
  - { id: c, tool: s/huge }
  - { id: d, run: [sh, -c, 'printf \"%s|\" \"$@\" >out', x, '${a.result}', '${b.result}', '${c.result}'] }\n",
    );
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    let expect = "{\"n\":\"123456789012345678901234567890\"}|[\"-9223372036854775809\",1000.0]|\
                  {\"n\":\"18446744073709551616\",\"m\":18446744073709551615}|";
    assert_eq!(world.read("out"), expect);
}

#[test]
fn progress_and_what_a_server_logs_are_told_while_it_works() {
    let world = world(", noisy", "  - { id: a, tool: s/progress }\n");
    assert_eq!(world.run()["status"], "succeeded");
    let told = world.regatta(&["logs", "a", "--stderr"]).out;
    for line in ["progress 1/3: step 1", "progress 3/3: step 3", "info: all done"] {
        assert!(told.contains(line), "{told}");
    }
}

#[test]
fn what_a_tool_says_of_its_failure_is_the_message_and_nothing_is_tried_again_unasked() {
    let world = world("", "  - { id: a, tool: s/fail }\n  - { id: b, tool: s/ecko }\n");
    let summary = world.run();
    let causes = ["a", "b"].map(|id| summary["tasks"][id]["cause"].clone());
    assert_eq!(causes, ["tool", "tool"], "{summary:#}");
    assert!(world.regatta(&["explain", "a"]).out.contains("it went wrong"));
    let why = world.regatta(&["explain", "b"]).out;
    assert!(why.contains("server `s` has no tool `ecko`; did you mean `s/echo`?"), "{why}");
    assert_eq!(calls(&world), 2);
}

#[test]
fn an_answer_that_is_no_result_of_a_tool_leaves_the_call_in_doubt_and_is_never_asked_for_again() {
    let retry = "effect: at-most-once, retry: { max_attempts: 3, backoff: 1ms }";
    let tasks =
        format!("  - {{ id: a, tool: s/empty, {retry} }}\n  - {{ id: b, tool: s/nonsense, {retry} }}\n");
    let world = world("", &tasks);
    let said = world.regatta(&["run", "plan.yaml", "--json"]).exits(5).json();
    let found = ["a", "b"].map(|id| said["tasks"][id]["status"].clone());
    assert_eq!(found, ["in_doubt", "in_doubt"], "{said:#}");
    assert_eq!(calls(&world), 2, "never twice");
    let why = world.regatta(&["explain", "a"]).out;
    let words = "its answer is no result of a tool; whether it did its work cannot be told";
    assert!(why.contains(words), "{why}");
}

#[test]
fn a_server_that_speaks_an_unknown_revision_is_refused_before_it_is_called() {
    let world = world(", later", "  - { id: a, tool: s/text }\n");
    assert_eq!(world.run()["tasks"]["a"]["status"], "failed");
    let why = world.regatta(&["explain", "a"]).out;
    assert!(why.contains("it speaks revision `2099-01-01` of the protocol, which is not known"), "{why}");
    assert_eq!(calls(&world), 0);
}

#[test]
fn a_result_larger_than_the_journal_takes_is_a_blob_and_one_beyond_the_bound_fails() {
    let world = world(
        "",
        "  - { id: a, tool: s/large, params: { bytes: 300000 } }
  - { id: b, tool: file_write, params: { path: out, content: '${a.result}' } }
  - { id: c, tool: s/large, params: { bytes: 17000000 } }\n",
    );
    let summary = world.run();
    assert_eq!(world.read("out").len(), 300_000, "{summary:#}");
    assert_eq!(
        (&summary["tasks"]["c"]["status"], &summary["tasks"]["c"]["cause"]),
        (&"failed".into(), &"tool".into())
    );
    assert!(world.regatta(&["explain", "c"]).out.contains("more than 16 MiB"));
}

#[test]
fn a_timeout_stops_the_work_of_the_server_and_all_that_it_started_and_the_next_call_has_a_new_one() {
    let world = world(
        "",
        "  - { id: a, tool: s/slow, params: { up: up }, timeout: { attempt: 8s } }
  - { id: b, run: 'true' }
  - { id: c, tool: s/text, needs: [a], allow_skipped: true }
  - { id: d, tool: s/text, when: 'tasks[\"a\"].status == \"timed_out\"' }\n",
    );
    world.fifo("up");
    world.regatta(&["run", "plan.yaml", "--detach"]).exits(0);
    let pids = world.hear("up");
    assert!(pids.split(' ').all(lives), "{pids}");
    world.follow("dispatch_timed_out", 1);
    for pid in pids.split(' ') {
        assert!(!lives(pid), "{pid} of {pids}");
    }
    world.follow("run_ended", 1);
    assert!(world.read("log").contains("cancelled"), "{}", world.read("log"));
}

#[test]
fn a_cancel_stops_the_work_too_and_no_server_outlives_the_run() {
    let world = world("", "  - { id: a, tool: s/slow, params: { up: up } }\n");
    world.fifo("up");
    world.regatta(&["run", "plan.yaml", "--detach"]).exits(0);
    let pids = world.hear("up");
    world.regatta(&["cancel"]).exits(0);
    world.follow("dispatch_cancelled", 1);
    assert!(!pids.split(' ').any(lives), "{pids}");
}

#[test]
fn a_server_that_crashes_leaves_a_call_in_doubt_unless_it_may_be_repeated() {
    let world = world(
        "",
        "  - { id: once, tool: s/crash_once, params: { mark: one } }
  - { id: again, tool: s/crash_once, params: { mark: two }, effect: idempotent }\n",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(5);
    let line = said.out.lines().find(|line| line.contains(" lost       once ")).unwrap_or(&said.out);
    let reason = "lost: server `s`: it closed the connection (exit status: 3)";
    assert!(line.contains(reason), "the line that people see while it runs says why: {line}");
    let status = world.regatta(&["status", "--json"]).json();
    let tasks = &status["tasks"];
    assert_eq!(
        (&tasks["again"]["status"], &tasks["once"]["status"]),
        (&"succeeded".into(), &"in_doubt".into()),
        "{tasks:#}"
    );
    assert_eq!(world.read("log").matches("crash_once {\"mark\": \"one\"}").count(), 1, "never twice");
    let why = world.regatta(&["explain", "once"]).exits(0).out;
    assert!(
        why.contains("attempt 1 lost: lost: server `s`: it closed the connection (exit status: 3)"),
        "{why}"
    );
    world.regatta(&["answer", &world.run_id(), "once", "--again"]);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(
        world.read("log").matches("crash_once {\"mark\": \"one\"}").count(),
        2,
        "but when a person says so"
    );
}

#[test]
fn a_server_that_floods_or_answers_rubbish_is_given_up_and_one_that_chatters_is_not() {
    let world = world(
        "",
        "  - { id: flood, tool: s/flood }
  - { id: rubbish, tool: s/rubbish }
  - { id: chatter, tool: s/notices }\n",
    );
    let said = world.regatta(&["run", "plan.yaml", "--json"]).exits(5);
    let tasks = &said.json()["tasks"];
    let found = ["flood", "rubbish", "chatter"].map(|id| tasks[id]["status"].clone());
    assert_eq!(found, ["in_doubt", "in_doubt", "succeeded"], "{tasks:#}");
}

#[test]
fn an_answer_that_cannot_be_read_leaves_the_call_in_doubt_at_once_and_says_why() {
    let kinds = ["nan", "infinity", "surrogate", "latin", "deep", "spread"];
    let tasks: String = kinds
        .iter()
        .map(|kind| format!("  - {{ id: {kind}, tool: s/unreadable, params: {{ as: {kind} }} }}\n"))
        .collect();
    let world = world("", &(tasks + "  - { id: echoing, tool: s/unreadable, params: { as: echoing } }\n"));
    let said = world.regatta(&["run", "plan.yaml", "--json"]).exits(5).json();
    for kind in kinds {
        assert_eq!(said["tasks"][kind]["status"], "in_doubt", "{kind}: {said:#}");
        let why = world.regatta(&["explain", kind]).out;
        assert!(why.contains("its answer cannot be read: "), "{kind}: {why}");
    }
    assert_eq!(said["tasks"]["echoing"]["status"], "succeeded", "what it logs is no answer: {said:#}");
}

#[test]
fn a_server_that_cannot_be_had_is_a_failure_that_may_be_tried_again() {
    let world = world(", dead", "  - { id: a, tool: s/text, retry: { max_attempts: 2, backoff: 1ms } }\n");
    let summary = world.run();
    assert_eq!(
        (&summary["tasks"]["a"]["cause"], starts(&world), calls(&world)),
        (&"tool".into(), 2, 0),
        "{summary:#}"
    );
    let why = world.regatta(&["explain", "a"]).out;
    assert!(why.contains("it said: no licence") && why.contains("before it was initialised"), "{why}");
}

#[test]
fn a_server_that_knows_no_handshake_is_spoken_to_in_the_revision_without_one() {
    let tasks = "  - { id: a, tool: s/echo, params: { x: 1 } }\n  - { id: b, needs: [a], tool: s/progress }\n  - { id: c, needs: [b], tool: s/ecko }\n";
    let world = world(", newer", tasks);
    let summary = world.run();
    let status = |task: &str| summary["tasks"][task]["status"].clone();
    assert_eq!(["a", "b", "c"].map(status), ["succeeded", "succeeded", "failed"], "{summary:#}");
    // Once to be refused the handshake, once for good.
    assert_eq!(starts(&world), 2);
    assert!(world.regatta(&["explain", "c"]).out.contains("did you mean `s/echo`"));
    let said = world.regatta(&["check", "plan.yaml", "--connect"]).exits(3);
    assert!(said.err.contains("`s/ecko`, which server `s` does not have"), "{}", said.err);
}

#[test]
fn a_server_gets_its_own_variables_and_those_of_every_task_and_no_others() {
    let mut world = world(
        "",
        "  - { id: a, tool: s/env, effect: pure }\n  - { id: b, tool: file_write, params: { path: env, content: '${a.result}' } }\n",
    );
    let plan = world.read("plan.yaml").replace("log]", "log], env: { OWN: 'x-${env.GIVEN}' }");
    world.write("plan.yaml", &plan.replace("version: 1\n", "version: 1\nenv: [PASSED]\n"));
    for (name, value) in [("GIVEN", "g"), ("PASSED", "p"), ("SECRET", "s")] {
        world.set(name, value);
    }
    assert_eq!(world.run()["status"], "succeeded");
    let env: Value = serde_json::from_str(&world.read("env")).unwrap();
    assert_eq!(
        (&env["OWN"], &env["PASSED"], &env["SECRET"], &env["GIVEN"]),
        (&"x-g".into(), &Value::Null, &Value::Null, &Value::Null)
    );
    assert!(env["PATH"].is_string() && env["REGATTA_MARKER"].is_string(), "{env:#}");
}

#[test]
fn a_secret_reaches_the_server_and_its_tool_and_is_in_no_file_of_the_run() {
    let mut world = world(
        "",
        "  - { id: a, tool: s/env }\n  - { id: b, tool: s/echo, params: { k: '${vault.key}' } }\n  - { id: c, tool: s/nope, params: { k: '${vault.key}' } }\n",
    );
    let plan =
        world.read("plan.yaml").replace("log]", "log], env: { OWN: '${vault.key}', TOK: '${env.MY_TOKEN}' }");
    world.write("plan.yaml", &plan.replace("version: 1\n", "version: 1\nvault: { key: { env: KEY } }\n"));
    for (name, value) in [("KEY", "open-sesame-1"), ("MY_TOKEN", "other-word-22")] {
        world.set(name, value);
    }
    let summary = world.run();
    assert_eq!(
        (&summary["tasks"]["a"]["status"], &summary["tasks"]["b"]["status"]),
        (&"succeeded".into(), &"succeeded".into()),
        "{summary:#}"
    );
    assert!(world.read("log").contains("call echo {\"k\": \"open-sesame-1\"}"), "the tool gets it");
    let found = std::process::Command::new("grep")
        .args(["-rlE", "open-sesame-1|other-word-22", ".regatta"])
        .current_dir(world.root())
        .output()
        .unwrap();
    assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
}

#[test]
fn a_bare_name_is_of_the_only_server_that_has_it_and_one_of_two_must_be_named() {
    let world = world("", "  - { id: a, tool: ours }\n");
    let two = world.read("plan.yaml").replace(
        "mcp_servers: { s: {",
        "mcp_servers: { t: { command: python3, args: [SCRIPT, log, tool=ours, tool=both] }, s: {",
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/server.py");
    let two = two.replace("SCRIPT", &format!("'{}'", script.display()));
    world.write("plan.yaml", &two);
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert!(world.read("log").contains("call ours"), "{}", world.read("log"));
    for (tool, why) in [("echo", "name `s/echo` or `t/echo`"), ("ourz", "did you mean `t/ours`?")] {
        world.write("plan.yaml", &two.replace("tool: ours }", &format!("tool: {tool} }}")));
        let said = world.regatta(&["run", "plan.yaml"]).exits(3);
        assert!(said.err.contains(why), "{}", said.err);
    }
    assert_eq!(calls(&world), 1, "nothing was started");
    let servers = json!({ "mcpServers": { "s": { "command": "python3", "args": [script, "log"] } } });
    world.write(".mcp.json", &servers.to_string());
    world.write("r.json", r#"{"tasks":[{"id":"a","tool":"ecko","params":{}}]}"#);
    let error = world.regatta(&["run", "r.json", "--json"]).exits(3).json()["error"].clone();
    assert_eq!(error["code"], "UNKNOWN_TOOL", "{error:#}");
    assert!(error["message"].as_str().unwrap().contains("did you mean `s/echo`?"), "{error:#}");
    world.write(".mcp.json", &servers.to_string().replace("\"s\"", "\"one\""));
    world.write("r.json", r#"{"tasks":[{"id":"a","tool":"One/echo","params":{}}]}"#);
    let error = world.regatta(&["run", "r.json", "--json"]).exits(3).json()["error"].clone();
    assert_eq!(error["hint"], "did you mean `one`?", "{error:#}");
    // Put together here, so that no scanner of this source finds it.
    let token = format!("gh{}_{}", 'p', "R4nD0mQ7vXk2LsT9bWzYc5HdJfMgPe8AuNi3");
    world.write("r.json", &json!({ "tasks": [ { "id": "a", "tool": token, "params": {} } ] }).to_string());
    let said = world.regatta(&["run", "r.json", "--json"]).exits(3);
    let all = format!("{}{}", said.out, said.err);
    assert!(!all.contains(&token) && all.contains("github-pat"), "{all}");
}

#[test]
fn servers_of_the_workspace_serve_a_request_and_only_those_that_are_named_are_started() {
    let world = World::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/server.py");
    let servers = json!({ "mcpServers": {
        "s": { "command": "python3", "args": [script, "log"], "env": { "T": "${HOME}" } },
        "other": { "command": "python3", "args": [script, "other"] } } });
    world.write(".mcp.json", &servers.to_string());
    world.write(
        "r.json",
        r#"{"tasks":[
        {"id":"a","tool":"s/echo","params":{"x":[1,2]}},
        {"id":"b","tool":"s/text","params":{"text":"${a.result.args.x.length} items"}},
        {"id":"c","tool":"s/fail","params":{}}]}"#,
    );
    let said = world.regatta(&["run", "r.json", "--json"]).exits(1).json();
    assert_eq!(said["tasks"]["b"]["result"], "2 items", "{said:#}");
    assert_eq!(said["tasks"]["a"]["result"]["args"]["x"], json!([1, 2]));
    let error = &said["tasks"]["c"]["error"];
    assert!(
        error["code"] == "TASK_ERROR" && error["message"].as_str().unwrap().contains("it went wrong"),
        "{error}"
    );
    assert!(!world.path("other").exists());
}

#[test]
fn a_literal_secret_of_a_server_is_a_declared_value_and_told_by_nobody() {
    let world = World::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/server.py");
    let (key, token) = ("three plain words", "another-plain-thing");
    let env = json!({ "SERVICE_API_KEY": key, "MODE": "a-plain-mode" });
    let web =
        json!({ "url": "http://127.0.0.1:9/mcp", "headers": { "Authorization": format!("Bearer {token}") } });
    let servers = json!({ "mcpServers": { "s": { "command": "python3", "args": [script, "log"], "env": env }, "web": web } });
    world.write(".mcp.json", &servers.to_string());
    let request = json!({ "tasks": [
        { "id": "a", "tool": "s/env", "params": {} },
        { "id": "b", "tool": "web/x", "params": {} },
        { "id": "c", "tool": "s/fail", "params": {}, "dependsOn": ["a"] },
        { "id": "d", "tool": "shell", "params": { "cmd": "cat .mcp.json" } } ] });
    world.write("r.json", &request.to_string());
    let said = world.regatta(&["run", "r.json", "--json"]).exits(1);
    let result = said.json()["tasks"]["a"]["result"].clone();
    assert_eq!(
        (&result["MODE"], &result["SERVICE_API_KEY"]),
        (&json!("a-plain-mode"), &json!("[REDACTED:mcp.s.SERVICE_API_KEY]")),
        "{result}"
    );
    let mut all = vec![said.out, said.err];
    for args in [
        &["logs", "a"][..],
        &["logs", "d"],
        &["events"],
        &["status", "--json"],
        &["explain", "b"],
        &["plan", "r.json"],
    ] {
        let said = world.regatta(args);
        all.extend([said.out, said.err]);
    }
    for told in all {
        assert!(!told.contains(key) && !told.contains(token), "{told}");
    }
}

#[test]
fn a_bare_name_that_one_server_lists_does_not_suffer_from_another_that_cannot_be_had() {
    let world = World::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/server.py");
    let servers = json!({ "mcpServers": {
        "gone": { "command": "regatta-has-no-such-program" },
        "s": { "command": "python3", "args": [script, "log"] } } });
    world.write(".mcp.json", &servers.to_string());
    let request = |tool: &str| json!({ "tasks": [ { "id": "a", "tool": tool, "params": {} } ] }).to_string();
    world.write("r.json", &request("text"));
    let said = world.regatta(&["run", "r.json", "--json"]).exits(0);
    assert_eq!(said.json()["tasks"]["a"]["result"], "words", "{}", said.err);
    let told = world.regatta(&["logs", "a", "--stderr"]).out;
    assert!(told.contains("server `gone` could not be asked for `text`"), "{told}");
    for tool in ["nobody_has_it", "gone/text"] {
        world.write("r.json", &request(tool));
        let said = world.regatta(&["run", "r.json", "--json"]);
        let all = format!("{}{}", said.out, said.err);
        assert!(said.code != Some(0) && all.contains("regatta-has-no-such-program"), "{tool}: {all}");
    }
}

#[test]
fn a_list_of_servers_that_cannot_be_read_stops_only_those_who_need_it_and_says_why() {
    let world = World::new();
    let request =
        |tool: &str| json!({ "tasks": [ { "id": "a", "tool": tool, "params": { "ms": 1 } } ] }).to_string();
    world.write(".mcp.json", "{ \"mcpServers\": { broken");
    world.write("r.json", &request("sleep"));
    world.regatta(&["run", "r.json", "--json"]).exits(0);
    for tool in ["s/text", "text"] {
        world.write("r.json", &request(tool));
        let said = world.regatta(&["run", "r.json", "--json"]).exits(3);
        assert!(said.out.contains(".mcp.json") && said.out.contains("line 1 column"), "{tool}: {}", said.out);
    }
    let entries =
        json!({ "mcpServers": { "s": { "type": "sse", "url": "https://x.test" }, "t": { "cmd": "x" } } });
    world.write(".mcp.json", &entries.to_string());
    for (tool, why) in [("s/text", "`sse`"), ("t/text", "neither `command` nor `url`")] {
        world.write("r.json", &request(tool));
        let said = world.regatta(&["run", "r.json", "--json"]).exits(3);
        assert!(said.out.contains(".mcp.json") && said.out.contains(why), "{tool}: {}", said.out);
    }
}

#[test]
fn our_own_program_is_never_a_server_of_a_run() {
    let world = World::with(&format!(
        "version: 1\nmcp_servers: {{ me: {{ command: '{}', args: [mcp] }} }}\ntasks: [ {{ id: a, tool: me/report }} ]\n",
        env!("CARGO_BIN_EXE_regatta")
    ));
    world.run();
    assert!(world.regatta(&["explain", "a"]).out.contains("is this program itself"));
}

#[test]
fn our_own_entry_among_the_servers_of_a_workspace_is_left_out_where_a_bare_name_is_looked_for() {
    let world = World::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/server.py");
    let us =
        json!({ "command": env!("CARGO_BIN_EXE_regatta"), "args": ["mcp", "--workspace", world.root()] });
    let one = json!({ "command": "python3", "args": [script, "log"] });
    world.write(".mcp.json", &json!({ "mcpServers": { "one": one, "regatta": us } }).to_string());
    let request = |tool: &str| json!({ "tasks": [ { "id": "a", "tool": tool, "params": {} } ] }).to_string();
    world.write("r.json", &request("text"));
    let said = world.regatta(&["run", "r.json", "--json"]).exits(0).json();
    assert_eq!(said["tasks"]["a"]["result"], "words", "{said:#}");
    for (tool, near) in [("txet", "one/text"), ("file_raed", "file_read")] {
        world.write("r.json", &request(tool));
        let error = world.regatta(&["run", "r.json", "--json"]).exits(3).json()["error"].clone();
        let hint = format!("did you mean `{near}`?");
        assert_eq!(error["code"], "UNKNOWN_TOOL", "{error:#}");
        assert!(error["message"].as_str().unwrap().contains(&hint), "{error:#}");
        assert_eq!(error["problems"].as_array().map(Vec::len), Some(1), "{error:#}");
    }
    let mut client = Client::new(&world, &[]);
    let mut call = |tool: &str| {
        let said = client.call("parallel_execute", serde_json::from_str(&request(tool)).unwrap());
        (said["tasks"]["a"]["result"].clone(), said["error"]["code"].clone())
    };
    assert_eq!(call("text"), ("words".into(), Value::Null));
    assert_eq!(call("txet"), (Value::Null, "UNKNOWN_TOOL".into()));
    world.write("r.json", &request("regatta/report"));
    let said = world.regatta(&["run", "r.json", "--json"]).exits(1).json();
    let message = said["tasks"]["a"]["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("is this program itself"), "{message}");
}

#[test]
fn a_call_goes_on_when_the_orchestrator_dies_and_is_adopted_with_its_server() {
    let world = world(
        "",
        "  - { id: a, tool: s/pid }
  - { id: b, tool: s/slow, needs: [a], params: { up: up }, timeout: { attempt: 600s } }\n",
    );
    world.fifo("up");
    let mut run = world.start(&["run", "plan.yaml"]);
    let pids = world.hear("up");
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(pids.split(' ').all(lives), "{pids}");
    let mut again = world.start(&["resume"]);
    world.follow("dispatch_adopted", 1);
    assert!(pids.split(' ').all(lives), "{pids}");
    world.regatta(&["cancel"]).exits(0);
    crate::world::ends(&mut again);
    assert!(!pids.split(' ').any(lives), "{pids}");
    assert_eq!(starts(&world), 1, "the pool had it from the first call");
}

#[test]
fn when_the_host_dies_its_servers_die_and_the_call_is_in_doubt() {
    let world = world(
        "",
        "  - { id: a, tool: s/slow, params: { up: up } }\n  - { id: b, tool: s/text, needs: [c] }\n  - { id: c, run: 'cat gate' }\n",
    );
    world.fifo("up");
    world.fifo("gate");
    let mut run = world.start(&["run", "plan.yaml"]);
    let pids = world.hear("up");
    let server = pids.split(' ').next().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{server}/stat")).unwrap();
    let host = stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().to_owned();
    let host = rustix::process::Pid::from_raw(host.parse().unwrap()).unwrap();
    rustix::process::kill_process(host, rustix::process::Signal::KILL).unwrap();
    world.follow("node_in_doubt", 1);
    for pid in pids.split(' ') {
        assert!(gone(rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap()), "{pid} lives");
    }
    std::fs::write(world.path("gate"), "").unwrap();
    assert_eq!(crate::world::ends(&mut run), Some(5));
    assert!(world.read("log").contains("call text"), "the next call has a new host");
}

#[test]
fn check_with_connect_holds_calls_against_schemas_and_effects_against_what_servers_say() {
    let world = world(
        "",
        "  - { id: a, tool: s/large, params: { bytes: many } }
  - { id: b, tool: s/larg, params: {} }
  - { id: c, tool: s/large, params: { bytes: '${d.result}' } }
  - { id: d, tool: s/text, effect: pure }
  - { id: e, tool: s/slow, effect: idempotent }
  - { id: f, tool: s/fail, effect: idempotent }\n",
    );
    world.regatta(&["check", "plan.yaml"]).exits(0);
    assert!(!world.path("log").exists(), "nobody is asked unasked");
    let said = world.regatta(&["check", "plan.yaml", "--connect"]).exits(3);
    let lines: Vec<&str> = said.err.lines().collect();
    assert_eq!(
        lines,
        [
            "error: task `a` calls `s/large` with `params.bytes` that do not fit: \"many\" is not of type \"integer\"",
            "error: task `b` names tool `s/larg`, which server `s` does not have; did you mean `s/large`?",
            "warning: task `e` has `effect: idempotent`, and its server says that `s/slow` is destructive",
        ]
    );
    assert_eq!((starts(&world), calls(&world), world.read("log").lines().last()), (1, 0, Some("closed")));
    let problems =
        world.regatta(&["check", "plan.yaml", "--connect", "--json"]).exits(3).json()["problems"].clone();
    assert_eq!(problems.as_array().map(Vec::len), Some(3), "{problems:#}");
    assert!(world.regatta(&["plan", "plan.yaml", "--connect"]).exits(3).err.contains("2 objections"));
    let ill = world.read("plan.yaml").replace("log]", "log, dead]");
    world.write("plan.yaml", &ill);
    let said = world.regatta(&["check", "plan.yaml", "--connect"]).exits(3);
    assert!(said.err.contains("error: server `s`: it closed the connection"), "{}", said.err);
}
