//! Spec 6 "Guard": who is blamed where several were at work when settings of the repository changed.

use crate::repo_world::with_plan;
use crate::world::{World, ends};
use serde_json::Value;

/// A run of tasks that wait for each other through FIFOs beside the repository's files.
fn world(plan: &str, fifos: &[&str]) -> World {
    let world = with_plan(plan);
    fifos.iter().for_each(|name| world.fifo(&format!(".git/{name}")));
    world
}

/// The causes and messages of failures, by task.
fn failures(world: &World) -> Vec<(String, String, String)> {
    let events = world.regatta(&["events"]).out;
    let failed = events.lines().filter(|line| line.contains("\"dispatch_failed\""));
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> = failed
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|event| (text(&event, "node_id"), text(&event, "cause"), text(&event, "message")))
        .collect();
    all.sort();
    all
}

#[test]
fn what_a_task_planted_while_another_was_being_set_up_is_held_against_it() {
    let world = world(
        "worktree: { setup: ['cd $REGATTA_WORKSPACE/.git; test $REGATTA_TASK_ID = t || { read x <planted; }'] }
tasks:
  - { id: t, run: 'g=$REGATTA_WORKSPACE/.git; git config core.fsmonitor /evil; echo 1 >$g/planted; read x <$g/set-up; echo t >t.txt' }
  - { id: s, run: 'echo 1 >$REGATTA_WORKSPACE/.git/set-up; echo s >s.txt' }
",
        &["planted", "set-up"],
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let failed = failures(&world);
    let [(task, cause, said)] = &failed[..] else { panic!("{failed:?}") };
    assert_eq!((task.as_str(), cause.as_str()), ("t", "tampered"), "{said}");
    assert!(said.contains("it, or what ran beside it, changed config"), "{said}");
    assert!(!world.read(".git/config").contains("evil"));
}

#[test]
fn where_nobody_can_tell_which_of_two_tasks_changed_settings_both_fail_and_are_told_why() {
    let world = world(
        "tasks:
  - { id: bad, run: 'g=$REGATTA_WORKSPACE/.git; read x <$g/up; git config core.fsmonitor /evil; echo 1 >$g/planted; read x <$g/go; echo b >b.txt' }
  - { id: good, run: 'g=$REGATTA_WORKSPACE/.git; echo 1 >$g/up; read x <$g/planted; echo 1 >$g/ended' }
",
        &["up", "planted", "go", "ended"],
    );
    let mut run = world.start(&["run", "plan.yaml"]);
    world.hear(".git/ended");
    world.follow("dispatch_failed", 1);
    std::fs::write(world.path(".git/go"), "go\n").unwrap();
    assert_eq!(ends(&mut run), Some(1));
    let failed = failures(&world);
    let all: Vec<_> = failed.iter().map(|(task, cause, _)| (task.as_str(), cause.as_str())).collect();
    assert_eq!(all, [("bad", "tampered"), ("good", "tampered")], "{failed:?}");
    for (.., said) in &failed {
        assert!(said.contains("it, or what ran beside it, changed config"), "{said}");
        assert!(said.contains("whoever worked then fails"), "{said}");
    }
}

#[test]
fn what_every_setup_changes_alike_is_nobodys_fault_although_others_are_at_work() {
    let world = world(
        "worktree: { setup: ['test $REGATTA_TASK_ID = a || read x <$REGATTA_WORKSPACE/.git/up; git config core.hooksPath .husky'] }
tasks:
  - { id: a, run: 'g=$REGATTA_WORKSPACE/.git; echo 1 >$g/up; read x <$g/set-up; echo a >a.txt' }
  - { id: b, run: 'echo 1 >$REGATTA_WORKSPACE/.git/set-up; echo b >b.txt' }
",
        &["up", "set-up"],
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(!world.read(".git/config").contains("husky"));
}

#[cfg(feature = "faults")]
#[test]
fn a_gate_that_removed_its_git_is_tampered_also_if_whoever_put_that_back_died() {
    let mut world = world(
        "gates: { look: { run: 'rm .git' } }
tasks:
  - { id: a, run: 'echo a >a.txt' }
  - { id: g, needs: [a], gate: look }
",
        &[],
    );
    world.set("REGATTA_FAULT", "end.judged:2");
    assert_eq!(world.regatta(&["run", "plan.yaml"]).code, None);
    world.unset("REGATTA_FAULT");
    world.regatta(&["resume"]).exits(1);
    let failed = failures(&world);
    assert!(failed.iter().any(|(task, cause, _)| task == "g" && cause == "tampered"), "{failed:?}");
}
