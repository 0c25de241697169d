//! What is told of a landing: who is to blame, what waits and for whom, and the one command that goes on.

use crate::repo_world::{branches, git, integration_worktree, with_plan, worktree_at};
use crate::world::World;
use serde_json::Value;

const BOTH: &str = "tasks: [ { id: a, run: 'echo A >src/b.txt' }, { id: b, run: 'echo B >src/b.txt' } ]\n";

fn status(world: &World) -> Value {
    world.regatta(&["status", "--json"]).json()
}

#[test]
fn a_run_that_was_cancelled_waits_for_nobody() {
    let world = with_plan(&format!("merge: {{ on_conflict: manual-escalation, gates: ['true'] }}\n{BOTH}"));
    world.regatta(&["run", "plan.yaml"]).exits(5);
    world.regatta(&["cancel"]);
    let said = world.regatta(&["resume"]).exits(1).out;
    assert!(!said.contains("waits") && !said.contains("resolve it"), "{said}");
    assert!(status(&world)["landing"]["waits"].is_null());
    assert!(!world.regatta(&["status"]).out.contains("waits"));
}

#[test]
fn where_gates_look_at_all_work_at_once_nobody_is_singled_out() {
    let world = with_plan(
        "merge: { gate_each: false, gates: ['test ! -e b.txt'] }
tasks: [ { id: a, run: 'echo a >a.txt' }, { id: b, run: 'echo b >b.txt' }, { id: c, run: 'echo c >c.txt' } ]\n",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(1).out;
    for task in ["a", "b", "c"] {
        assert_eq!(status(&world)["tasks"][task]["cause"], "gate", "{task}");
    }
    assert!(said.contains("so nobody can be singled out"), "{said}");
    // One alone is to blame.
    let world = with_plan(
        "merge: { gate_each: false, gates: ['test ! -e b.txt'] }\ntasks: [ { id: b, run: 'echo b >b.txt' } ]\n",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(1).out;
    assert!(!said.contains("singled out"), "{said}");
}

#[test]
fn setup_runs_again_after_a_merge_that_changed_a_lock_file() {
    let world = with_plan(
        "worktree: { setup: ['cp Cargo.lock prepared.log 2>/dev/null || echo none >prepared.log'] }
merge: { gates: ['cat prepared.log >>$(git rev-parse --path-format=absolute --git-common-dir)/seen.log'] }
tasks:
  - { id: a, run: 'echo a >a.txt' }
  - { id: b, needs: [a], run: 'echo two >Cargo.lock' }
  - { id: c, needs: [b], run: 'echo c >c.txt' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(world.read(".git/seen.log"), "none\ntwo\ntwo\n");
}

#[test]
fn a_setup_that_a_lock_file_broke_speaks_against_the_work_that_changed_it() {
    let world = with_plan(
        "worktree: { setup: ['! grep bad Cargo.lock 2>/dev/null'] }
merge: { policy: merge-succeeded, on_gate_failure: take-out, gates: ['true'] }
tasks: [ { id: a, run: 'echo a >a.txt' }, { id: b, run: 'echo bad >Cargo.lock' } ]
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let landing = status(&world)["landing"].clone();
    assert_eq!(
        (&landing["merged"], &landing["left_out"]),
        (&serde_json::json!(["a"]), &serde_json::json!({ "b": "gate" }))
    );
    let red = landing["gates"].as_array().unwrap().iter().find(|gate| gate["passed"] == false).unwrap();
    assert_eq!((&red["id"], &red["after"]), (&serde_json::json!("setup"), &serde_json::json!("b")));
}
