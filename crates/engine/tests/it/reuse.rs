//! Spec 4 "effect contract", 11 "Runs": the outcome of an earlier run stands for a node, and nothing is started.

use crate::world::{World, check, check_starts};
use regatta_engine::input::{Input, Recalled};

#[test]
fn a_node_that_was_done_before_succeeds_without_an_attempt_and_uses_no_slot() {
    let plan = "! reuse max=1; a done_before; b done_before; c(a,b) takes=5; d(c) done_before";
    check(plan, "a succeeded, b succeeded, c succeeded, d succeeded; succeeded");
    check_starts(plan, "c@0");
    let world = World::ran(plan);
    insta::assert_snapshot!(world.only(&["node_reused", "reuse_missed", "dispatch_started", "run_ended"]), @r"
    0 node_reused b
    0 node_reused a
    0 reuse_missed c
    0 dispatch_started c 1
    5 node_reused d
    5 run_ended succeeded
    ");
    world.replays();
}

#[test]
fn only_nodes_that_may_be_reused_are_asked_about() {
    check_starts("a done_before; b cache done_before; c cache", "a@0 c@0");
}

#[test]
fn a_condition_is_asked_before_and_its_answer_stays_in_the_log() {
    check(
        "! reuse; a when=false done_before; b(a) done_before",
        "a skipped (when), b skipped (upstream_skipped a); succeeded",
    );
    let log = World::ran("! reuse; a when=true done_before").canonical();
    let kinds: Vec<&str> =
        log.lines().filter_map(|line| line.split("\"kind\":\"").nth(1)?.split('"').next()).collect();
    assert_eq!(kinds[2..5], ["condition_evaluated", "node_reused", "node_succeeded"]);
}

#[test]
fn what_is_to_land_is_collected_when_it_is_reused_and_landing_decides() {
    let mut world = World::ran("! reuse; a collects done_before; b(a) collects");
    assert_eq!(world.starts(), "b@0");
    assert_eq!(world.result(), "a collected, b collected; running");
    for name in ["a", "b"] {
        world.send(Input::Landed { node: world.node(name) });
    }
    assert_eq!(world.result(), "a succeeded, b succeeded; succeeded");
}

#[test]
fn a_run_that_stops_reuses_nothing_more() {
    check(
        "! stop; bad does=fail; a takes=20; b(a) cache done_before",
        "a succeeded, bad failed (exit), b skipped (stopped); failed",
    );
}

#[test]
fn rollback_does_not_undo_what_an_earlier_run_did() {
    let world = World::ran("! reuse rollback; a undo done_before; b(a) undo; c(b) does=fail");
    assert_eq!(world.only(&["undo_started"]), "20 undo_started b");
}

#[test]
fn a_crash_before_the_answer_was_durable_asks_again() {
    let mut world = World::at(10, "! reuse; a takes=20; b(a) done_before; c(b)");
    world.crash(true);
    world.run();
    assert_eq!(world.result(), "a succeeded, b succeeded, c succeeded; succeeded");
    assert_eq!(world.starts(), "a@0 c@20");
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let mut world = World::at(5, "a takes=20; b(a)");
    let node = world.node("a");
    world.turn(vec![Input::Recalled { node, answer: Recalled::Missed("late".into()) }]);
    world.run();
    assert_eq!(world.starts(), "a@0 b@20");
}
