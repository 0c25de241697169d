//! Which server a tool is of, where some server cannot be had, does not have it, or is Regatta itself.

use crate::mcp::Client;
use crate::world::World;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/server.py")
}

/// A workspace with a server `s` and one more.
fn beside(other: &Value) -> World {
    let world = World::new();
    let s = json!({ "command": "python3", "args": [script(), "log"] });
    world.write(".mcp.json", &json!({ "mcpServers": { "other": other, "s": s } }).to_string());
    world
}

fn request(tool: &str, params: &Value) -> Value {
    json!({ "tasks": [ { "id": "a", "tool": tool, "params": params } ] })
}

#[test]
fn a_bare_name_that_one_server_lists_does_not_suffer_from_a_variable_that_another_wants() {
    let script = script();
    for other in [
        json!({ "command": "python3", "args": [script, "log2"], "env": { "K": "${REGATTA_TEST_UNSET}" } }),
        json!({ "command": "${REGATTA_TEST_UNSET}" }),
        json!({ "url": "http://127.0.0.1:9/mcp", "headers": { "X": "${REGATTA_TEST_UNSET}" } }),
    ] {
        let world = beside(&other);
        world.write("r.json", &request("text", &json!({})).to_string());
        let said = world.regatta(&["run", "r.json", "--json"]).exits(0);
        assert_eq!(said.json()["tasks"]["a"]["result"], "words", "{}", said.out);
        let told = world.regatta(&["logs", "a", "--stderr"]).out;
        assert!(
            told.contains("server `other` could not be asked for `text`")
                && told.contains("REGATTA_TEST_UNSET"),
            "{told}"
        );
        world.write("r.json", &request("other/text", &json!({})).to_string());
        let said = world.regatta(&["run", "r.json", "--json"]).exits(1).json();
        assert_eq!(said["tasks"]["a"]["error"]["code"], "VARIABLE_RESOLUTION_ERROR", "{said:#}");
    }
}

#[test]
fn our_own_program_behind_another_or_copied_is_never_called_by_a_run() {
    let binary = env!("CARGO_BIN_EXE_regatta");
    let copied = World::new();
    std::fs::copy(binary, copied.path("copy")).unwrap();
    let shell = format!("exec '{binary}' mcp");
    for other in [
        json!({ "command": "env", "args": [binary, "mcp"] }),
        json!({ "command": "sh", "args": ["-c", shell] }),
        json!({ "command": copied.path("copy"), "args": ["mcp"] }),
    ] {
        let world = beside(&other);
        world.write("r.json", &request("other/run_status", &json!({})).to_string());
        let said = world.regatta(&["run", "r.json", "--json"]).exits(1).json();
        let message = said["tasks"]["a"]["error"]["message"].as_str().unwrap();
        assert!(message.contains("it is Regatta itself, which a run never calls"), "{message}");
        world.write("r.json", &request("run_status", &json!({})).to_string());
        let said = world.regatta(&["run", "r.json", "--json"]).exits(3).json();
        assert_eq!(said["error"]["problems"].as_array().map(Vec::len), Some(1), "{said:#}");
    }
}

#[test]
fn what_a_server_of_a_run_starts_is_offered_no_tool_of_ours() {
    let mut world = World::new();
    world.set("REGATTA_TOOL_SERVER", "1.1");
    let mut client = Client::new(&world, &[]);
    let tools = client.ask("tools/list", json!({}));
    assert_eq!(tools["result"]["tools"], json!([]), "{tools}");
    let call = json!({ "name": "run_start", "arguments": { "plan": "version: 1\ntasks: [ { id: a, run: 'true' } ]\n" } });
    let said = client.ask("tools/call", call);
    assert!(said["error"].is_object(), "{said}");
}

#[test]
fn parameters_that_a_server_does_not_take_are_no_unknown_tool() {
    let world = beside(&json!({ "command": "regatta-has-no-such-program" }));
    let mut two = request("large", &json!({ "bytes": "many" }));
    world.write("r.json", &two.to_string());
    let code = |said: &Value| said["error"]["code"].clone();
    let said = world.regatta(&["run", "r.json", "--json"]).exits(3).json();
    assert_eq!(code(&said), "PARALLEL_EXECUTION_ERROR", "{said:#}");
    assert_eq!(said["error"]["problems"][0]["code"], "PARALLEL_EXECUTION_ERROR", "{said:#}");
    let tasks = two["tasks"].as_array_mut().unwrap();
    tasks.push(json!({ "id": "b", "tool": "nobody_has_it", "params": {} }));
    world.write("r.json", &two.to_string());
    let said = world.regatta(&["run", "r.json", "--json"]).exits(3).json();
    assert_eq!(code(&said), "UNKNOWN_TOOL", "{said:#}");
    let codes: Vec<_> = said["error"]["problems"].as_array().unwrap().iter().map(|p| &p["code"]).collect();
    assert_eq!(codes, ["PARALLEL_EXECUTION_ERROR", "UNKNOWN_TOOL", "UNKNOWN_TOOL"], "{said:#}");
}

#[test]
fn an_unknown_bare_tool_is_named_with_its_task_and_what_is_near_also_if_a_server_cannot_be_asked() {
    let world = beside(&json!({ "command": "regatta-has-no-such-program" }));
    for (tool, near) in [("ehco", Some("did you mean `s/echo`?")), ("nobody_has_it_at_all", None)] {
        world.write("r.json", &request(tool, &json!({})).to_string());
        let said = world.regatta(&["run", "r.json", "--json"]).exits(3).json();
        let message = said["error"]["message"].as_str().unwrap();
        for words in ["task `a`", &format!("tool `{tool}`"), "`other` could not"].into_iter().chain(near) {
            assert!(message.contains(words), "{words}: {message}");
        }
        assert_eq!(said.to_string().contains("did you mean"), near.is_some(), "{said:#}");
        assert!(said.to_string().contains("regatta-has-no-such-program"), "{said:#}");
    }
}
