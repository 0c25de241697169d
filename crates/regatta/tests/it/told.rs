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
