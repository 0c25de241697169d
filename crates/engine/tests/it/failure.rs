//! Spec 3 and 11 "on_failure": stop and rollback.

use crate::world::{World, check};
use regatta_engine::input::Input;

#[test]
fn stop_starts_nothing_new_and_lets_running_attempts_end() {
    check(
        "! stop max=2; a does=fail; b takes=50; c; d(a); e(b); f(d,e)",
        "a failed (exit), b succeeded, c skipped (stopped), d blocked (upstream a), e skipped (stopped), \
         f blocked (upstream d); failed",
    );
}

#[test]
fn stop_ends_waiting_retries_as_failed() {
    check(
        "! stop; a takes=20 does=fail; b retry=3 backoff=50 does=fail; c(b)",
        "a failed (exit), b failed (stopped), c blocked (upstream b); failed",
    );
}

#[test]
fn a_retry_that_is_due_ends_as_one_that_still_waits() {
    // The back-off of `b` expires at 15 into ready, while the one slot is taken.
    check(
        "! stop max=1; b takes=5 retry=3 backoff=10 does=fail; c takes=20 does=fail",
        "b failed (stopped), c failed (exit); failed",
    );
}

#[test]
fn an_attempt_that_fails_after_the_stop_is_not_retried() {
    check(
        "! stop; a does=fail; b takes=20 retry=3 does=fail; c takes=20 retry=1 does=fail",
        "a failed (exit), b failed (stopped), c failed (exit); failed",
    );
}

#[test]
fn whether_the_stop_or_the_last_predecessor_came_first_does_not_matter() {
    // `a` ends before the stop in one run and after it in the other; what follows from it is the same.
    let plan =
        |a, bad| format!("! stop; a takes={a}; bad takes={bad} does=fail; q; w(a) when=false; x(w); z(a,q)");
    let (early, late) = (World::ran(&plan(5, 10)), World::ran(&plan(10, 5)));
    assert_eq!(early.result(), late.result());
    assert_eq!(early.canonical(), late.canonical());
    insta::assert_snapshot!(early.result(), @"a succeeded, bad failed (exit), q succeeded, w skipped (when), z skipped (stopped), x skipped (upstream_skipped w); failed");
}

#[test]
fn a_condition_answered_in_the_turn_of_the_stop_starts_nothing() {
    check(
        "! stop; a; bad does=fail; w(a) when=true; x(w)",
        "a succeeded, bad failed (exit), w skipped (stopped), x skipped (stopped); failed",
    );
}

#[test]
fn rollback_undoes_succeeded_nodes_one_at_a_time_in_reverse_order_key() {
    let world =
        World::ran("! rollback; a undo takes=5; b undo; c(a) P3; d(a) undo; e(d) does=fail undo; f takes=60");
    insta::assert_snapshot!(world.only(&["dispatch_failed", "undo_started", "undo_succeeded", "run_ended"]), @"
    25 dispatch_failed e exit
    60 undo_started d
    70 undo_succeeded d
    70 undo_started b
    80 undo_succeeded b
    80 undo_started a
    85 undo_succeeded a
    85 run_ended failed
    ");
    insta::assert_snapshot!(world.result(), @"a succeeded, b succeeded, f succeeded, d succeeded, c succeeded, e failed (exit); failed");
}

#[test]
fn a_failed_undo_is_reported_and_never_hides_the_first_cause() {
    let world = World::ran("! rollback; a undo; b undo undoes=fail; c(a,b) does=fail; d takes=15 does=fail");
    insta::assert_snapshot!(world.only(&["run_stopping", "undo_started", "undo_succeeded", "undo_failed", "run_ended"]), @"
    15 run_stopping d
    20 undo_started b
    30 undo_failed b exit
    30 undo_started a
    40 undo_succeeded a
    40 run_ended failed
    ");
    assert_eq!(world.engine.state().rollback.failed, 1);
    assert_eq!(world.state("b"), "succeeded"); // the node stays succeeded
}

#[test]
fn an_undo_has_the_timeout_of_its_task() {
    let world = World::ran("! rollback; a undo undoes=hang timeout=30; b(a) does=fail");
    insta::assert_snapshot!(world.only(&["undo_started", "dispatch_ending", "undo_failed"]), @"
    20 undo_started a
    50 dispatch_ending a timeout
    51 undo_failed a timeout
    ");
}

#[test]
fn a_lost_undo_runs_again() {
    let world = World::ran("! rollback; a undo undoes=lost,ok; b(a) does=fail");
    insta::assert_snapshot!(world.only(&["undo_started", "undo_succeeded", "dispatch_lost", "run_ended"]), @"
    20 undo_started a
    30 dispatch_lost a lost
    30 undo_started a
    40 undo_succeeded a
    40 run_ended failed
    ");
    assert_eq!(world.canonical().matches("undo_started").count(), 1);
}

#[test]
fn an_undo_that_failed_on_a_full_disk_runs_again() {
    let world = World::ran("! rollback; a undo undoes=disk_full,ok; b(a) does=fail");
    insta::assert_snapshot!(world.only(&["undo_started", "undo_succeeded", "undo_failed", "dispatch_interrupted", "run_ended"]), @"
    20 undo_started a
    30 dispatch_interrupted a lost
    30 undo_started a
    40 undo_succeeded a
    40 run_ended failed
    ");
}

#[test]
fn an_interrupted_undo_runs_again_after_the_resume() {
    for hard in [false, true] {
        let mut world = World::at(25, "! rollback; a undo takes=50; b takes=5 does=fail");
        world.until(60);
        world.send(Input::Interrupt { hard });
        world.until(90);
        assert!(world.left.is_some());
        world.crash(false);
        world.run();
        insta::allow_duplicates! {
            insta::assert_snapshot!(world.only(&["run_paused", "undo_started", "dispatch_interrupted", "undo_succeeded", "undo_failed", "run_ended"]), @"
    50 undo_started a
    60 run_paused interrupted
    61 dispatch_interrupted a stopped
    90 undo_started a
    140 undo_succeeded a
    140 run_ended failed
    ");
        }
    }
}

#[test]
fn a_pause_holds_the_next_undo() {
    let mut world = World::at(25, "! rollback; a undo takes=20; b undo takes=20; c(a) takes=1 does=fail");
    world.send(Input::Pause);
    world.until(100);
    assert_eq!(world.only(&["undo_started"]), "21 undo_started b");
    world.send(Input::Unpause);
    world.run();
    assert_eq!(world.only(&["undo_started"]), "21 undo_started b\n100 undo_started a");
}

#[test]
fn a_cancel_ends_the_rollback() {
    let mut world = World::at(25, "! rollback; a undo takes=20; b undo takes=20; c(a) takes=1 does=fail");
    world.send(Input::Cancel { node: None });
    world.run();
    insta::assert_snapshot!(world.only(&["run_ending", "undo_started", "undo_failed", "run_ended"]), @"
    21 undo_started b
    25 run_ending user
    26 undo_failed b user
    26 run_ended cancelled
    ");
}
