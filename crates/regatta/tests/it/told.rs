//! What is told of a landing: who is to blame, what waits and for whom, and the one command that goes on.

use crate::mcp::Client;
use crate::repo_world::{branches, with_plan, worktree_at};
use crate::world::{World, ends, signal};
use rustix::process::Signal;
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

#[test]
fn a_conflict_among_predecessors_has_one_command_that_goes_on() {
    let world = with_plan(
        "merge: { on_conflict: manual-escalation, gates: ['true'] }
tasks:
  - { id: a, run: 'echo A >src/b.txt' }
  - { id: b, run: 'echo B >src/b.txt' }
  - { id: c, needs: [a, b], run: 'true' }
",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(5).out;
    let (run, place) = (world.run_id(), worktree_at(&world, "-base-c-").unwrap());
    let summary = said.split_once("\n\nrun ").unwrap().1.to_owned();
    let resolve =
        format!("resolve it in {}, `git commit` there, then: regatta resume {run}", place.display());
    for said in [summary, world.regatta(&["status"]).out, world.regatta(&["explain", "c"]).out] {
        assert!(said.contains(&resolve), "{said}");
        assert!(!said.contains("--continue") && !said.contains("regatta answer"), "{said}");
        for line in said.lines().filter_map(|line| line.trim().strip_prefix("next: ")) {
            assert_eq!(line, format!("regatta resume {run}"));
        }
    }
    // Nor is it a doubt for programs: what is no attempt has not had its effect. That it is tried again is what `resume` does.
    assert_eq!(status(&world)["doubts"], serde_json::json!([]));
    let said = world.regatta(&["answer", "c", "--succeeded"]).exits(2).err;
    assert!(said.contains("resolve it") && said.contains("regatta resume"), "{said}");
    assert!(said.contains(&format!("regatta status {run}")), "{said}");
    let mut client = Client::new(&world, &[]);
    let said = client.call("run_wait", serde_json::json!({}));
    assert_eq!((said.get("doubts"), said.get("next")), (None, None), "{said:#}");
    assert!(said["hint"].as_str().unwrap().contains(&resolve), "{said:#}");
    world.regatta(&["answer", "c", "--failed"]).exits(0);
}

#[test]
fn a_run_that_waits_for_an_answer_says_what_is_collected_and_one_command() {
    let out = "policy: merge-succeeded, on_gate_failure: take-out, approve: true, gates: ['true']";
    let world = with_plan(&format!(
        "merge: {{ {out} }}\ntasks: [ {{ id: a, run: 'echo a >a.txt' }}, {{ id: b, run: 'echo b >b.txt' }} ]\n"
    ));
    let said = world.regatta(&["run", "plan.yaml"]).exits(5).out;
    assert!(said.contains("tasks        2 collected\n"), "{said}");
    let next: Vec<&str> = said.lines().filter_map(|line| line.trim().strip_prefix("next: ")).collect();
    assert_eq!(next, [format!("regatta merge {} --approve", world.run_id())]);
    world.regatta(&["merge", "--reject", "--task", "b"]).exits(5);
    let said = world.regatta(&["status"]).out;
    let b = said.lines().find(|line| line.trim().starts_with("b ")).unwrap();
    assert!(b.contains("does not land: refused by"), "{said}");
    assert!(said.contains("a  collected      its work is committed and waits for landing"), "{said}");
}

#[test]
fn what_is_in_the_way_is_told_in_one_line_with_what_mends_it_and_leaves_no_branch() {
    let plan = "merge: { gates: ['true'] }\ntasks: [ { id: a, run: 'echo a >a.txt; echo a >src/a.txt' } ]\n";
    let result = |world: &World| branches(world).contains(&"result".to_owned());
    for (put, mend, away) in [
        ("echo mine >a.txt", "move them away or delete them", "rm a.txt"),
        ("echo mine >src/a.txt", "commit or stash them", "git checkout -q src/a.txt"),
        (
            "touch .git/index.lock",
            "another git has the index; remove its lock if none runs any more",
            "rm .git/index.lock",
        ),
    ] {
        let world = with_plan(plan);
        let sh = |line: &str| assert!(world.program("sh", &["-c", line]).status().unwrap().success());
        sh(put);
        let said = world.regatta(&["run", "plan.yaml"]).exits(5).out;
        let next = format!("    next: {mend}, then: regatta resume {}\n", world.run_id());
        assert!(said.contains(&next) && !said.contains("\\n"), "{said}");
        assert!(result(&world), "{put}");
        sh(away);
        world.regatta(&["resume"]).exits(0);
        assert_eq!((world.read("a.txt").as_str(), result(&world)), ("a\n", false), "{put}");
    }
}

#[test]
fn what_people_should_know_of_a_task_is_told_while_its_run_goes_on() {
    let world = with_plan(
        "tasks:
  - { id: a, files: [src/a.txt], run: 'echo x >other.txt' }
  - { id: b, files: [src/b.txt], needs: [a], run: 'echo up >$REGATTA_WORKSPACE/up; read word <$REGATTA_WORKSPACE/gate' }
",
    );
    world.fifo("up");
    world.fifo("gate");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    assert!(regatta_runtime::control::stands(&world.run_dir()).is_some());
    let said = world.regatta(&["status"]).exits(0).out;
    assert!(said.contains("note         a: it changed files that are not its own: other.txt"), "{said}");
    // One that stands still says nothing, so its journal is read.
    signal(&child, Signal::STOP);
    assert_eq!(world.regatta(&["status"]).exits(0).out, said);
    signal(&child, Signal::CONT);
    std::fs::write(world.path("gate"), "go\n").unwrap();
    assert_eq!(ends(&mut child), Some(0));
}
