//! Agents that speak the Agent Client Protocol: a real one, and a scripted one that knows version 1 alone.

use crate::model::world_with;
use crate::world::{World, ends, lives, status};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

/// Speaks version 1: answers each request by its id, asks for a permission, and writes a file if it gets it. A prompt with
/// `linger` ends only by a cancel; where there is a FIFO `gate` it waits for a word.
const OLD: &str = r#"#!/bin/sh
while read -r line; do
    id=$(printf %s "$line" | sed -n 's/.*"id":\("[^"]*"\|[0-9]*\).*/\1/p')
    say() { printf '%s\n' "$1"; }
    case "$line" in
    *'"initialize"'*)
        say '{"jsonrpc":"2.0","method":"_odd/note","params":{}}'
        say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"protocolVersion\":1,\"agentCapabilities\":{},\"authMethods\":[]}}" ;;
    *'"session/new"'*)
        case "$line" in *"\"cwd\":\"$PWD\""*) ;; *) exit 9 ;; esac
        say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"sessionId\":\"s1\"}}" ;;
    *'"session/prompt"'*linger*)
        prompt=$id; setsid sleep 97 & echo $! >up ;;
    *'"session/prompt"'*)
        prompt=$id
        if [ -p gate ]; then echo up >up; read -r word <gate; fi
        say '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s1","update":{"sessionUpdate":"tool_call","toolCallId":"t1","title":"Write x","kind":"edit","status":"pending"}}}'
        say '{"jsonrpc":"2.0","id":77,"method":"session/request_permission","params":{"sessionId":"s1","toolCall":{"toolCallId":"t1","title":"Write x","kind":"edit"},"options":[{"optionId":"n","name":"Yes","kind":"reject_once"},{"optionId":"y","name":"No","kind":"allow_once"}]}}' ;;
    *'"session/cancel"'*)
        echo cancelled >told
        say "{\"jsonrpc\":\"2.0\",\"id\":$prompt,\"result\":{\"stopReason\":\"cancelled\"}}" ;;
    *'"optionId":"y"'*) echo x >x ;;
    esac
    case "$line" in *'"optionId"'*)
        say '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s1","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"all "}}}}'
        say '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s1","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"done"}}}}'
        say "{\"jsonrpc\":\"2.0\",\"id\":$prompt,\"result\":{\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":5,\"outputTokens\":3,\"totalTokens\":8}}}" ;;
    esac
done
echo closed >>told
"#;

/// A world with that agent, which works outside a worktree.
pub fn old(prompt: &str) -> World {
    old_with("permissions: allow", prompt, "")
}

/// As [`old`], with keys of the agent and of its task.
pub fn old_with(keys: &str, prompt: &str, task: &str) -> World {
    let world = World::with(&format!(
        "version: 1\nagents: {{ old: {{ acp: [./agent.sh], {keys} }} }}\n\
         tasks: [ {{ id: a, agent: old, prompt: '{prompt}', accept: [y]{task} }} ]\n"
    ));
    world.write("agent.sh", OLD);
    std::fs::set_permissions(world.path("agent.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    world
}

fn record(world: &World) -> Value {
    let path = world.run_dir().join("attempts/1/agent.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn an_agent_of_version_1_is_driven_and_refused_what_is_given_inside_a_worktree_only() {
    let world = old("go");
    let summary = world.run();
    assert_eq!(summary["tasks"]["a"]["cause"], "permission", "{summary:#}");
    let record = record(&world);
    let found = [&record["message"], &record["session"], &record["denied"][0], &record["tools"][0]];
    assert_eq!(found, ["all done", "s1", "Write x", "Write x"]);
    assert_eq!((&record["usage"]["input_tokens"], &record["usage"]["output_tokens"]), (&5.into(), &3.into()));
    assert!(!world.path("x").exists());
}

#[test]
fn permissions_are_given_to_whom_they_are_given() {
    let world = old("go");
    world.write("prompt", "go");
    let args = ["acp-agent", "--permissions", "edit", "--prompt-file", "prompt", "--", "./agent.sh"];
    let said = world.regatta(&args).exits(0);
    assert!(said.out.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", said.out);
    assert!(
        !said.out.contains("denied") && said.out.contains("\"stop_reason\":\"end_turn\""),
        "{}",
        said.out
    );
    assert_eq!((world.read("x").as_str(), world.read("told").as_str()), ("x\n", "closed\nclosed\n"));
}

#[test]
fn a_cancel_is_told_in_the_protocol_first_and_nothing_of_the_agent_is_left() {
    let world = old("linger");
    world.fifo("up");
    let mut child = world.start(&["run", "plan.yaml"]);
    let tool = world.hear("up");
    world.regatta(&["cancel"]).exits(0);
    assert_eq!(ends(&mut child), Some(1));
    assert!(!lives(&tool));
    assert_eq!(world.read("told"), "cancelled\nclosed\n");
    assert_eq!(status(&world.regatta(&["status", "--json"]).json(), "a"), "cancelled");
}

#[test]
fn an_agent_outlives_its_orchestrator_and_what_it_says_then_is_heard_by_the_next_one() {
    let world = old("go");
    world.fifo("up");
    world.fifo("gate");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(world.regatta(&["status", "--json"]).json()["live_children"], 1);
    let mut resumed = world.start(&["resume"]);
    world.follow("dispatch_adopted", 1);
    std::fs::write(world.path("gate"), "go\n").unwrap();
    assert_eq!(ends(&mut resumed), Some(1));
    let summary = world.regatta(&["status", "--json"]).json();
    assert_eq!(summary["tasks"]["a"]["cause"], "permission", "{summary:#}");
    assert_eq!((&record(&world)["message"], &summary["usage"]["tokens"]), (&"all done".into(), &8.into()));
}

#[test]
fn an_agent_that_cannot_be_started_or_speaks_no_protocol_has_failed_with_its_reason() {
    for (agent, why) in [("./nothing", "cannot be driven"), ("/bin/true", "")] {
        let world = old("go");
        world.write("plan.yaml", &world.read("plan.yaml").replace("./agent.sh", agent));
        let summary = world.run();
        assert_eq!(status(&summary, "a"), "failed", "{summary:#}");
        let said = world.regatta(&["logs", "a", "--stderr"]).out;
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_real_agent_of_version_2_works_and_is_billed() {
    let Some((world, model)) = world_with("codex-acp") else { return };
    world.write(
        "plan.yaml",
        "version: 1\nagents: { coder: { acp: [codex-acp], env: [LOOP_API_KEY], home: shared } }\n\
         tasks:\n- id: a\n  agent: coder\n  accept: [y]\n  prompt: |\n    SCRIPT: [{\"shell\": \"true\"}, {\"text\": \"looked\"}]\n",
    );
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    let record = record(&world);
    assert_eq!((&record["message"], &record["tool_calls"]), (&"looked".into(), &1.into()), "{record:#}");
    let usage = &summary["usage"];
    let of = |name: &str| usage[name].as_u64().unwrap();
    let told = [
        of("input_tokens") + of("cached_tokens"),
        of("cached_tokens"),
        of("output_tokens"),
        of("reasoning_tokens"),
    ];
    assert_eq!(told, model.billed(), "{summary:#}");
}
