//! Spec 10 "MCP server" and formats 1 and 2: the binary on standard input and output, spoken to in lines of JSON.

use crate::asking::{asking, until_asked};
use crate::person_gates::live;
use crate::world::{World, ends};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

/// A client that has said hello.
pub struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    next: u64,
    /// Notifications that came between answers.
    heard: Vec<Value>,
    /// What each tool says that it answers.
    answers: BTreeMap<String, Value>,
    /// What it says of itself.
    pub instructions: String,
}

impl Client {
    pub fn new(world: &World, args: &[&str]) -> Client {
        let root = world.root().to_str().unwrap();
        Client::start(world, &[&["mcp", "--workspace", root], args].concat(), json!({}))
    }

    pub fn start(world: &World, args: &[&str], capabilities: Value) -> Client {
        let mut command = world.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut client = Client {
            child,
            stdin,
            stdout,
            next: 0,
            heard: Vec::new(),
            answers: BTreeMap::new(),
            instructions: String::new(),
        };
        let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities,
            "clientInfo": { "name": "test", "version": "1" } });
        let said = client.ask("initialize", hello);
        assert_eq!(said["result"]["serverInfo"]["name"], "regatta", "{said}");
        client.instructions = said["result"]["instructions"].as_str().unwrap().to_owned();
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string());
        let said = client.ask("tools/list", json!({}));
        let tools = said["result"]["tools"].as_array().unwrap().iter();
        client.answers =
            tools.map(|t| (t["name"].as_str().unwrap().to_owned(), t["outputSchema"].clone())).collect();
        client
    }

    pub fn send(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    pub fn hear(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.stdout.read_line(&mut line).unwrap() > 0, "the server has gone");
        serde_json::from_str(&line).unwrap()
    }

    pub fn order(&mut self, method: &str, params: Value) -> u64 {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string());
        id
    }

    pub fn answer(&mut self, id: u64) -> Value {
        loop {
            let said = self.hear();
            if said["id"] == id && said.get("method").is_none() {
                return said;
            }
            self.heard.push(said);
        }
    }

    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.order(method, params);
        self.answer(id)
    }

    /// The structured answer of a tool, which its text repeats.
    pub fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let said = self.ask("tools/call", json!({ "name": tool, "arguments": arguments }));
        let (result, text) = (&said["result"], &said["result"]["content"][0]["text"]);
        let content = result["structuredContent"].clone();
        assert_eq!(serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap(), content, "{said}");
        assert_eq!(result["isError"], content["success"] == false, "{said}");
        let schema = &self.answers[tool];
        assert!(schema.is_object(), "`{tool}` says what it answers");
        if let Err(error) = jsonschema::validate(schema, &content) {
            panic!("{tool}: {error}\n{content:#}\n{schema:#}");
        }
        content
    }

    fn tools(&mut self) -> Vec<String> {
        let said = self.ask("tools/list", json!({}));
        let tools = said["result"]["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The client goes away; the server follows.
    pub fn leaves(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A plan whose task waits until somebody writes to `go`.
fn waiting(world: &World) -> Value {
    world.fifo("go");
    json!({ "version": 1, "tasks": [ { "id": "a", "run": "cat $REGATTA_WORKSPACE/go" }, { "id": "b", "needs": ["a"], "run": "echo b" } ] })
}

#[test]
fn a_batch_is_run_and_answered_to_the_letter_of_its_format() {
    let world = World::new();
    let mut client = Client::new(&world, &[]);
    let mut said = client.call(
        "shell_batch",
        json!({ "commands": [ { "id": "a", "cmd": "echo hi" }, { "id": "b", "cmd": "exit 3", "dependsOn": ["a"] } ] }),
    );
    assert_eq!(said["executionId"].as_str().unwrap().len(), 36);
    for of in ["a", "b"] {
        let command = said["commands"][of].as_object_mut().unwrap();
        ["startTime", "endTime", "duration"].iter().for_each(|key| assert!(command.remove(*key).is_some()));
    }
    assert_eq!(said["status"], "partial");
    assert_eq!(
        said["commands"]["a"],
        json!({ "id": "a", "status": "success", "exitCode": 0, "stdout": "hi\n", "stderr": "" })
    );
    assert_eq!(
        (&said["commands"]["b"]["status"], &said["commands"]["b"]["exitCode"]),
        (&json!("failed"), &json!(3))
    );
    assert_eq!(said["summary"], json!({ "total": 2, "succeeded": 1, "failed": 1, "skipped": 0 }));
    client.leaves();
}

#[test]
fn a_document_with_problems_is_refused_with_all_of_them_and_nothing_is_started() {
    let world = World::new();
    let mut client = Client::new(&world, &[]);
    let circle = json!({ "commands": [ { "id": "a", "cmd": "x", "dependsOn": ["b"] }, { "id": "b", "cmd": "x", "dependsOn": ["a"] } ] });
    let said = client.call("shell_batch", circle);
    assert_eq!(said["error"]["message"], "Circular dependency detected: a → b → a");
    assert_eq!(
        (&said["error"]["code"], &said["error"]["cycle"]),
        (&json!("CIRCULAR_DEPENDENCY"), &json!(["a", "b", "a"]))
    );
    let said = client
        .call("parallel_execute", json!({ "tasks": [ { "id": "a", "tool": "no_such", "params": {} } ] }));
    assert_eq!(said["error"]["code"], "UNKNOWN_TOOL");
    let near = json!([ { "id": "a", "tool": "file_reed", "params": {} }, { "id": "b", "tool": "sleep", "params": { "ms": 1 }, "dependsOn": ["aa"] } ]);
    let said = client.call("parallel_execute", json!({ "tasks": near }));
    assert_eq!(said["error"]["hint"], "did you mean `a`?", "{said}");
    let hints: Vec<_> = said["error"]["problems"].as_array().unwrap().iter().map(|p| &p["hint"]).collect();
    assert_eq!(hints, ["did you mean `file_read`?", "did you mean `a`?"], "{said}");
    let nope = json!([ { "id": "a", "tool": "template", "params": { "text": "${nope.result}" } } ]);
    let said = client.call("parallel_execute", json!({ "tasks": nope }));
    assert_eq!(said["error"]["code"], "MISSING_DEPENDENCY", "{said}");
    let plan = json!({ "version": 1, "tasks": [ { "id": "a", "run": "true" } ] });
    let said = client.call("parallel_execute", plan.clone());
    assert_eq!(said["error"]["hint"], "a plan is started with `run_start`");
    let wrong = json!({ "version": 1, "tasks": [ { "id": "a", "run": "true", "needs": ["b"] } ] });
    let said = client.call("run_start", json!({ "plan": wrong }));
    assert_eq!(said["error"]["code"], "MISSING_DEPENDENCY", "{said}");
    let mut deep = json!(1);
    (0..70).for_each(|_| deep = json!([deep]));
    let task = json!({ "id": "a", "tool": "json_query", "params": { "data": deep, "path": "$" } });
    let said = client.call("parallel_execute", json!({ "tasks": [task] }));
    assert!(said["error"]["message"].as_str().unwrap().contains("deeper than 64"), "{said}");
    let said =
        client.call("plan_check", json!({ "plan": "version: 1\ntasks: [ { id: a, run: x, needs: [b] } ]" }));
    assert_eq!((&said["valid"], &said["problems"][0]["line"]), (&json!(false), &json!(2)));
    assert_eq!(client.call("plan_check", json!({ "plan": plan }))["valid"], true);
    let said = client.call("run_wait", json!({ "foo": 1 }));
    assert!(said["error"]["message"].as_str().unwrap().contains("unknown field `foo`"), "{said}");
    assert!(!world.path(".regatta").exists());
}

#[test]
fn what_outlasts_its_wait_answers_the_run_and_is_waited_for_with_a_cursor() {
    let world = World::new();
    world.fifo("go");
    let mut client = Client::new(&world, &["--wait", "1"]);
    let said = client
        .call("shell_batch", json!({ "commands": [ { "id": "a", "cmd": "cat $REGATTA_WORKSPACE/go" } ] }));
    assert_eq!((&said["status"], &said["next"]["tool"]), (&json!("running"), &json!("run_wait")));
    let asked = said["next"]["arguments"].clone();
    let said = client.call("run_wait", asked);
    assert_eq!((&said["ended"], &said["status"]), (&json!(false), &json!("running")));
    let cursor = said["cursor"].as_u64().unwrap();
    assert_eq!(said["events"].as_array().unwrap().last().unwrap()["pos"], cursor);
    std::fs::write(world.path("go"), "now\n").unwrap();
    let mut next = said["next"]["arguments"].clone();
    let ended = loop {
        let said = client.call("run_wait", next.clone());
        if said["ended"] == true {
            break said;
        }
        next = said["next"]["arguments"].clone();
    };
    assert_eq!(ended["result"]["commands"]["a"]["stdout"], "now\n");
    let first = ended["events"][0]["pos"].as_u64().unwrap();
    assert!(first > cursor && ended["more"] == false, "{ended}");
}

#[test]
fn taking_a_call_back_or_losing_the_client_leaves_the_run_alone() {
    let world = World::new();
    let mut client = Client::new(&world, &[]);
    let plan = waiting(&world);
    let run = client.call("run_start", json!({ "plan": plan }))["run_id"].clone();
    let params =
        json!({ "name": "run_wait", "arguments": { "run_id": run }, "_meta": { "progressToken": "p" } });
    let id = client.order("tools/call", params);
    // As soon as it tells how far the run is, the call waits.
    let progress = client.hear();
    assert_eq!(progress["params"]["progressToken"], "p", "{progress}");
    assert_eq!((&progress["params"]["progress"], &progress["params"]["total"]), (&json!(0.0), &json!(2.0)));
    let back =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } });
    client.send(&back.to_string());
    assert_eq!(client.call("run_status", json!({ "run_id": run }))["status"], "running");
    client.order("tools/call", json!({ "name": "run_wait", "arguments": { "run_id": run } }));
    client.leaves();
    std::fs::write(world.path("go"), "now\n").unwrap();
    let mut another = Client::new(&world, &[]);
    let ended = another.call("run_wait", json!({ "run_id": run }));
    assert_eq!((&ended["ended"], &ended["status"]), (&json!(true), &json!("succeeded")));
}

#[test]
fn a_run_is_paused_resumed_and_cancelled_by_tools() {
    let world = World::new();
    let mut client = Client::new(&world, &[]);
    let plan = waiting(&world);
    let run = client.call("run_start", json!({ "plan": plan }))["run_id"].clone();
    assert!(client.call("run_pause", json!({ "run_id": run }))["said"].is_string());
    let said = client.call("run_resume", json!({ "run_id": run }));
    assert_eq!(said["run_id"], run, "{said}");
    assert!(client.call("run_cancel", json!({ "run_id": run, "task": "b" }))["said"].is_string());
    assert!(client.call("run_cancel", json!({ "run_id": run }))["said"].is_string());
    let ended = client.call("run_wait", json!({ "run_id": run }));
    assert_eq!((&ended["ended"], &ended["status"]), (&json!(true), &json!("cancelled")));
    let said = client.call("run_resume", json!({ "run_id": run }));
    assert!(said["error"]["message"].as_str().unwrap().contains("has ended"), "{said}");
}

#[test]
fn what_the_tools_and_resources_tell_is_what_the_command_line_tells() {
    let world = World::with("version: 1\ntasks: [ { id: a, run: 'exit 1' }, { id: b, needs: [a], run: x } ]");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let mut client = Client::new(&world, &[]);
    let status = world.regatta(&["status", "--json"]).exits(0).json();
    assert_eq!(client.call("run_status", json!({})), status);
    let run = status["run_id"].as_str().unwrap();
    let explain = world.regatta(&["explain", "--json"]).exits(0).json();
    assert_eq!(client.call("explain", json!({}))["tasks"], explain);
    assert_eq!(client.call("explain", json!({ "task": "b" }))["tasks"][0]["task"], "b");
    let report = world.regatta(&["post-mortem"]).exits(0).out;
    assert_eq!(client.call("report", json!({ "run_id": run }))["markdown"], report);
    let listed = client.ask("resources/list", json!({}));
    let uri = format!("regatta://runs/{run}");
    assert_eq!(listed["result"]["resources"][0]["uri"], uri);
    let mut read = |part: &str| {
        let said = client.ask("resources/read", json!({ "uri": format!("{uri}{part}") }));
        said["result"]["contents"][0]["text"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    assert_eq!(serde_json::from_str::<Value>(&read("")).unwrap(), status);
    assert_eq!(read("/events"), world.regatta(&["events"]).exits(0).out);
    assert_eq!(read("/report"), report);
    let events = client.call("run_events", json!({ "limit": 1 }));
    assert_eq!((&events["cursor"], &events["more"]), (&json!(1), &json!(true)));
    let said = client.ask("resources/read", json!({ "uri": "regatta://runs/none/nothing" }));
    assert!(said["error"]["message"].as_str().unwrap().contains("there is no resource"), "{said}");
    let prompt = client.ask("prompts/get", json!({ "name": "plan", "arguments": { "goal": "ship it" } }));
    assert!(prompt["result"]["messages"][0]["content"]["text"].as_str().unwrap().contains("ship it"));
}

#[test]
fn a_server_offers_only_what_it_was_told_to() {
    let mut world = World::new();
    let all = Client::new(&world, &[]).tools();
    assert_eq!(all.len(), 12);
    let looks = ["plan_check", "run_status", "run_wait", "run_events", "explain", "report"];
    let mut client = Client::new(&world, &["--read-only"]);
    assert_eq!(client.tools(), looks);
    assert!(!client.instructions.contains("parallel_execute") && !client.instructions.contains("run_start"));
    assert_eq!(client.ask("prompts/list", json!({}))["result"]["prompts"], json!([]));
    let said = world.regatta(&["mcp", "--read-only", "--tools", "shell_batch"]).exits(2);
    assert!(said.err.contains("no tool is left to serve"), "{}", said.err);
    let said = client.ask("tools/call", json!({ "name": "run_start", "arguments": { "plan": {} } }));
    assert_eq!(said["error"]["message"], "there is no tool `run_start`");
    assert_eq!(Client::new(&world, &["--tools", "explain,run_wait"]).tools(), ["run_wait", "explain"]);
    let said = world.regatta(&["mcp", "--tools", "explian"]).exits(2);
    assert!(said.err.contains("there is no tool `explian`; did you mean `explain`?"), "{}", said.err);
    world.set("REGATTA_TASK_ID", "a");
    assert_eq!(
        Client::new(&world, &[]).tools(),
        ["run_status", "explain", "lease_acquire", "lease_release", "report"]
    );
}

#[test]
fn the_workspace_is_the_first_root_of_the_client_and_never_everything() {
    let mut world = World::new();
    world.write("my project/.regatta/config.toml", "");
    let mut client = Client::start(&world, &["mcp"], json!({ "roots": {} }));
    let id = client.order(
        "tools/call",
        json!({ "name": "shell_batch", "arguments": { "commands": [ { "id": "a", "cmd": "pwd" } ] } }),
    );
    let asked = client.hear();
    assert_eq!(asked["method"], "roots/list");
    let root = format!("file://{}", world.path("my project").display().to_string().replace(' ', "%20"));
    let roots = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "roots": [ { "uri": root } ] } });
    client.send(&roots.to_string());
    let said = client.answer(id);
    let told = said["result"]["structuredContent"]["commands"]["a"]["stdout"]
        .as_str()
        .unwrap_or_else(|| panic!("{said}"));
    assert!(told.ends_with("/my project\n"), "{told}");
    let home = world.root().to_str().unwrap().to_owned();
    world.set("HOME", &home);
    for everything in ["/", &home] {
        let mut client = Client::start(&world, &["mcp", "--workspace", everything], json!({}));
        let said = client.call("run_status", json!({}));
        assert!(said["error"]["message"].as_str().unwrap().contains("it is everything you have"), "{said}");
    }
}

#[test]
fn what_is_no_message_ends_nothing_and_only_the_protocol_is_on_standard_output() {
    let world = World::new();
    let mut client = Client::new(&world, &[]);
    client.send("rubbish {");
    client.send("[1, 2");
    client.send("{\"jsonrpc\":\"2.0\",\"id\":77,\"method\":7}");
    let said = client.hear();
    assert_eq!((&said["error"]["code"], &said["id"]), (&json!(-32600), &json!(77)), "{said}");
    let said = client.ask("no/such", json!({}));
    assert_eq!(said["error"]["code"], -32601, "{said}");
    let said = client.ask("tools/call", json!({ "name": "nope", "arguments": {} }));
    assert_eq!(
        (&said["error"]["code"], &said["error"]["message"]),
        (&json!(-32602), &json!("there is no tool `nope`"))
    );
    for (misspelt, near) in [("run_strat", "run_start"), ("explian", "explain")] {
        let said = client.ask("tools/call", json!({ "name": misspelt, "arguments": {} }));
        let expected = format!("there is no tool `{misspelt}`; did you mean `{near}`?");
        assert_eq!(said["error"]["message"], expected, "{said}");
    }
    assert_eq!(
        client.call("plan_check", json!({ "plan": "version: 1\ntasks: [ { id: a, run: x } ]" }))["valid"],
        true
    );
    for (method, params) in [
        ("tools/call", json!({})),
        ("tools/call", json!({ "name": "explain", "arguments": [] })),
        ("tools/call", json!({ "name": "explain", "arguments": "all" })),
        ("resources/read", json!({})),
        ("prompts/get", json!({})),
    ] {
        let said = client.ask(method, params.clone());
        assert_eq!(said["error"]["code"], -32602, "{method} {params}: {said}");
    }
    for uri in ["regatta://runs/none", "regatta://runs/../x", "other://x", "regatta://runs/none/nothing"] {
        let said = client.ask("resources/read", json!({ "uri": uri }));
        assert_eq!(said["error"]["code"], -32002, "{uri}: {said}");
    }
    // Too long, and nested too deep: it is answered, and the next one too.
    let call = |text: &str| {
        format!("{{\"jsonrpc\":\"2.0\",\"id\":78,\"method\":\"ping\",\"params\":{{\"x\":{text}}}}}")
    };
    let (long, deep) = ("x".repeat(17 << 20), "[".repeat(100_000) + &"]".repeat(100_000));
    for (text, code, id) in [(format!("\"{long}\""), -32600, Value::Null), (deep, -32700, json!(78))] {
        client.send(&call(&text));
        let said = client.hear();
        assert_eq!((&said["error"]["code"], &said["id"]), (&json!(code), &id), "{said}");
    }
    assert_eq!(client.ask("ping", json!({}))["result"], json!({}));
    assert!(client.heard.is_empty(), "{:?}", client.heard);
    client.leaves();
}

#[test]
fn paths_of_a_call_stay_inside_the_workspace_and_secrets_in_answers_are_redacted() {
    let world = World::new();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "not yours").unwrap();
    std::os::unix::fs::symlink(outside.path(), world.path("out")).unwrap();
    let mut client = Client::new(&world, &[]);
    let absolute = outside.path().join("secret").display().to_string();
    for path in ["out/secret", "../secret", &absolute] {
        let task = json!({ "id": "a", "tool": "file_read", "params": { "path": path } });
        let said = client.call("parallel_execute", json!({ "tasks": [task] }));
        assert_eq!(said["tasks"]["a"]["status"], "failed", "{said}");
        assert!(!said.to_string().contains("not yours"), "{said}");
    }
    let out = json!({ "commands": [ { "id": "a", "cmd": "pwd", "cwd": "out" } ] });
    let said = client.call("shell_batch", out).to_string();
    assert!(!said.contains(outside.path().to_str().unwrap()), "{said}");
    // Put together by the command, so that neither the document nor a scanner of this source finds it.
    let (tail, prefix) = ("R4nD0mQ7vXk2LsT9bWzYc5HdJfMgPe8AuNi3", 'p');
    let token = format!("gh{prefix}_{tail}");
    let cmd = format!("printf 'gh%s_%s' p {tail}");
    let said = client.call("shell_batch", json!({ "commands": [ { "id": "a", "cmd": cmd } ] }));
    let told = said["commands"]["a"]["stdout"].as_str().unwrap();
    assert!(told.contains("[REDACTED:") && !said.to_string().contains(&token), "{said}");
}

#[test]
fn a_client_that_waits_for_a_run_hears_that_it_asks() {
    let world = asking();
    let mut child = world.start(&["run", "plan.yaml"]);
    until_asked(&world);
    let mut client = Client::new(&world, &[]);
    let said = client.call("run_wait", json!({}));
    assert_eq!((&said["ended"], &said["questions"][0]["question"]), (&json!(false), &json!("1.1")));
    assert_eq!(client.call("run_status", json!({}))["questions"][0]["title"], "Write x");
    world.regatta(&["answer", "a", "--allow"]).exits(0);
    assert_eq!(client.call("run_wait", json!({}))["questions"], Value::Null);
    assert_eq!(ends(&mut child), Some(0));
}

#[test]
fn a_client_that_waits_for_a_run_hears_what_a_gate_asks_a_person() {
    let (world, mut child) = live();
    let mut client = Client::new(&world, &[]);
    let said = client.call("run_wait", json!({}));
    assert_eq!((&said["ended"], &said["questions"][0]["question"]), (&json!(false), &json!("ok")));
    assert_eq!(client.call("run_status", json!({}))["questions"][0]["title"], "review the diff");
    world.regatta(&["answer", "g", "--allow"]).exits(0);
    std::fs::write(world.path("go"), "go\n").unwrap();
    assert_eq!(client.call("run_wait", json!({}))["questions"], Value::Null);
    assert_eq!(ends(&mut child), Some(0));
}
