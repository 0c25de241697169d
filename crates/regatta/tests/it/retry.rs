//! Spec 4 "Control", 11 "Runs": `retry` makes a new run that reuses what succeeded, by the ids of the tasks.

use crate::world::{World, status};
use serde_json::Value;

/// Two good tasks with every sort of outcome, one that fails until `mended` is there, and what depends on it.
const PLAN: &str = r#"version: 1
name: half
tasks:
  - { id: text, run: "echo text >>ran; echo hello; echo oops >&2" }
  - { id: value, run: "echo value >>ran; echo '{\"n\": 7}' >$REGATTA_RESULT" }
  - { id: large, run: "echo large >>ran; printf '{\"pad\": \"%070000d\"}' 1 >$REGATTA_RESULT" }
  - { id: off, needs: [text], when: "value.result.n > 7", run: "echo off >>ran" }
  - id: bad
    needs: [text, value, large]
    env: { GOT: "${text.stdout}/${value.result.n}/${large.status}" }
    run: "echo bad >>ran; echo $REGATTA_IDEMPOTENCY_KEY $GOT >>keys; test -e mended"
  - { id: after, needs: [bad], run: "echo after >>ran; echo ${text.stdout} ${value.result.n} | wc -c" }
  - { id: apart, run: "echo apart >>ran; test -e mended" }
"#;

/// A run of the plan, half of which failed, and what it then ran in `ran`.
fn half() -> World {
    let world = World::with(PLAN);
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    let id = world.run_id();
    assert!(said.out.ends_with(&format!("then: regatta retry {id}\n")), "{}", said.out);
    world.write("ran", "");
    world
}

fn sorted(world: &World) -> String {
    let text = world.read("ran");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join(" ")
}

#[test]
fn retry_runs_what_did_not_succeed_and_reuses_the_rest() {
    let world = half();
    let first = world.run_id();
    world.write("mended", "");
    let summary = world.regatta(&["retry", "--json"]).exits(0).json();
    assert_eq!(sorted(&world), "after apart bad");
    assert_eq!((&summary["retry_of"], &summary["reused"]), (&first.clone().into(), &3.into()));
    for task in ["text", "value", "large"] {
        assert_eq!(status(&summary, task), "succeeded");
        assert_eq!(summary["tasks"][task]["reused_from"], first.as_str());
    }
    assert_eq!(status(&summary, "off"), "skipped");
    assert_ne!(world.run_id(), first);
    assert_eq!(world.regatta(&["logs", "text"]).exits(0).out, "hello\n");
    assert_eq!(world.regatta(&["logs", "text", "--stderr"]).exits(0).out, "oops\n");
    let said = world.regatta(&["explain", "value"]).exits(0).out;
    assert!(said.contains(&format!("run {first} (this run retries it)")), "{said}");
    let said = world.regatta(&["explain", "bad"]).exits(0).out;
    assert!(
        said.contains(&format!("not reused: in run {first} it ended as failed, so it runs again")),
        "{said}"
    );
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn the_idempotency_key_is_that_of_the_first_run_of_the_chain() {
    let world = half();
    let first = world.run_id();
    world.regatta(&["retry"]).exits(1);
    world.write("mended", "");
    world.regatta(&["retry"]).exits(0);
    let line = format!("{first}/bad hello/7/succeeded\n");
    assert_eq!(world.read("keys"), line.repeat(3));
    // What was reused twice names the run that did it.
    let summary = world.regatta(&["status", "--json"]).json();
    assert_eq!(summary["tasks"]["large"]["reused_from"], first.as_str());
}

#[test]
fn what_was_reused_is_whole_when_the_earlier_run_is_gone() {
    let world = half();
    let earlier = world.run_dir();
    world.regatta(&["retry"]).exits(1);
    std::fs::remove_dir_all(earlier.join("attempts")).unwrap();
    world.write("mended", "");
    world.write("ran", "");
    let summary = world.regatta(&["retry", "--json"]).exits(0).json();
    assert_eq!((sorted(&world), &summary["reused"]), ("after apart bad".to_owned(), &3.into()));
}

#[test]
fn output_that_is_gone_is_said_and_repeats_no_finished_work() {
    let world = half();
    std::fs::remove_dir_all(world.run_dir().join("attempts")).unwrap();
    world.write("mended", "");
    world.regatta(&["retry"]).exits(1);
    assert_eq!(sorted(&world), "apart");
    let said = world.regatta(&["explain", "bad"]).exits(0).out;
    assert!(said.contains("`${text.stdout}`"), "{said}");
}

#[test]
fn retry_task_runs_that_task_with_what_depends_on_it_and_nothing_else() {
    let world = half();
    world.write("mended", "");
    let summary = world.regatta(&["retry", "--task", "bad", "--json"]).exits(1).json();
    assert_eq!(sorted(&world), "after bad");
    assert_eq!((status(&summary, "apart"), &summary["status"]), ("skipped", &"partial".into()));
    // A task that succeeded may be asked for, too.
    world.write("ran", "");
    world.regatta(&["retry", "--task", "text"]).exits(1);
    assert_eq!(sorted(&world), "after bad text");
    // What a task needs and has not got is run with it.
    let world = half();
    world.write("mended", "");
    world.regatta(&["retry", "--task", "after"]).exits(1);
    assert_eq!(sorted(&world), "after bad");
}

#[test]
fn retry_refuses_what_does_not_fit() {
    let world = World::with(PLAN);
    assert!(world.regatta(&["retry"]).exits(2).err.contains("no run was ever started"));
    let world = half();
    assert!(world.regatta(&["retry", "--task", "none"]).exits(2).err.contains("has no task `none`"));
    assert!(world.regatta(&["retry", "--task", "bad", "--failed"]).exits(2).err.contains("cannot be used"));
    world.write("mended", "");
    world.regatta(&["retry"]).exits(0);
    let said = world.regatta(&["retry"]).exits(2);
    assert!(said.err.contains("so there is nothing to retry\nhint: "), "{}", said.err);
    assert_eq!(world.regatta(&["ls", "--json"]).json().as_array().unwrap().len(), 2, "no run was made");
}

#[test]
fn a_changed_plan_is_refused_with_both_ways_on() {
    let world = half();
    world.write("plan.yaml", &PLAN.replace("test -e mended", "true"));
    world.write("ran", "");
    let said = world.regatta(&["retry"]).exits(3);
    let id = world.run_id();
    assert!(
        said.err.contains(&format!("run PLAN --reuse {id}")) && said.err.contains("--stored"),
        "{}",
        said.err
    );
    world.write("mended", "");
    world.regatta(&["retry", "--stored"]).exits(0);
    assert_eq!(sorted(&world), "after apart bad");
}

#[test]
fn a_run_that_rolled_back_is_retried_as_a_whole() {
    let world = World::with(
        "version: 1\non_failure: rollback\ntasks:\n  - { id: a, run: 'echo a >>ran', undo: 'echo undo >>ran' }\n  \
         - { id: b, needs: [a], run: 'echo b >>ran; test -e mended' }\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(world.read("ran"), "a\nb\nundo\n");
    world.write("mended", "");
    world.write("ran", "");
    world.regatta(&["retry"]).exits(0);
    assert_eq!(world.read("ran"), "a\nb\n");
}

#[test]
fn a_retry_detaches_and_a_request_is_answered_in_its_own_shape() {
    let world = World::new();
    world.write(
        "request.json",
        r#"{"tasks": [{"id": "a", "tool": "shell", "params": {"cmd": "echo one"}},
            {"id": "b", "tool": "shell", "dependsOn": ["a"], "params": {"cmd": "test -e mended && echo two"}}]}"#,
    );
    world.regatta(&["run", "request.json"]).exits(1);
    world.write("mended", "");
    let answer = world.regatta(&["retry", "--json"]).exits(0).json();
    assert_eq!(answer["tasks"]["a"]["result"]["stdout"], "one\n");
    assert_eq!(answer["summary"]["succeeded"], 2);
    let id = world.regatta(&["retry", "--task", "b", "--detach"]).exits(0).out;
    world.follow("run_ended", 1);
    assert_eq!(world.run_id(), id.trim());
}

#[test]
fn the_log_of_a_retry_has_what_was_reused() {
    let world = half();
    world.write("mended", "");
    world.regatta(&["retry"]).exits(0);
    let log = world.canonical();
    let reused: Vec<Value> = log.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let named: Vec<&str> =
        reused.iter().filter(|e| e["kind"] == "node_reused").filter_map(|e| e["node_id"].as_str()).collect();
    assert_eq!(named, ["large", "text", "value"]);
    assert!(reused.iter().all(|e| e["node_id"] != "text" || e["kind"] != "dispatch_started"));
}
