//! `on_end`: a command that is run when the run has ended, whatever its end, and that changes nothing about it.

use crate::world::World;

fn world(command: &str, task: &str) -> World {
    World::with(&format!(
        "version: 1\nname: nightly\nenv: [GREETING]\non_end: {command}\ntasks:\n  - {{ id: a, effect: idempotent, run: '{task}' }}\n"
    ))
}

const TELL: &str = "[sh, -c, 'echo $REGATTA_PLAN_NAME $REGATTA_RUN_STATUS $REGATTA_RUN_ID $GREETING $SECRET >>told; regatta_says=quiet; echo said']";

#[test]
fn it_is_run_once_after_the_end_with_the_run_its_status_and_what_the_plan_passes() {
    let mut world = world(TELL, "test ! -e told; echo out");
    world.set("GREETING", "hello");
    world.set("SECRET", "none of its business");
    let said = world.regatta(&["run", "plan.yaml", "--json"]).exits(0);
    assert_eq!(said.json()["status"], "succeeded", "what it writes is not in the data: {}", said.out);
    assert!(said.err.ends_with("said\n"), "{}", said.err);
    assert_eq!(world.read("told"), format!("nightly succeeded {} hello\n", world.run_id()));
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("told").lines().count(), 1, "the run had ended before");
}

#[test]
fn it_tells_of_a_failure_but_not_of_a_run_that_is_only_interrupted() {
    let failed = world(TELL, "exit 3");
    failed.regatta(&["run", "plan.yaml"]).exits(1);
    assert!(failed.read("told").starts_with("nightly failed "), "{}", failed.read("told"));
    let interrupts = "test -e go || { kill -INT $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1); sleep 60; }";
    let interrupted = world(TELL, interrupts);
    interrupted.regatta(&["run", "plan.yaml"]).exits(130);
    assert_eq!(interrupted.read("told"), "");
    interrupted.write("go", "");
    interrupted.regatta(&["resume"]).exits(0);
    assert!(interrupted.read("told").starts_with("nightly succeeded "), "{}", interrupted.read("told"));
}

#[test]
fn that_it_fails_is_told_and_changes_nothing() {
    for (command, why) in [
        ("[sh, -c, 'exit 7']", "on_end: `sh` ended with exit status: 7"),
        ("[no-such-program]", "on_end: `no-such-program` cannot be run: No such file"),
        ("[sh, -c, 'kill -9 $$']", "on_end: `sh` ended with signal: 9"),
    ] {
        let world = world(command, "true");
        let said = world.regatta(&["run", "plan.yaml"]).exits(0);
        assert!(said.err.contains(&format!("warning: {why}")), "{}", said.err);
        assert_eq!(world.regatta(&["status", "--json"]).json()["status"], "succeeded");
    }
    let world = world("[]", "true");
    assert!(!world.regatta(&["run", "plan.yaml"]).exits(0).err.contains("on_end"));
}
