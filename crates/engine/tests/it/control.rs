//! Spec 4 "Control", 11 "Runs": pause, cancel, skip, interrupt, and reports that come late.

use crate::world::{World, ended};
use regatta_engine::cause::Cause;
use regatta_engine::effect::{Effect, Leave};
use regatta_engine::ids::AttemptId;
use regatta_engine::input::{Input, Verdict};

#[test]
fn pause_starts_nothing_while_running_attempts_go_on_and_back_off_expires_into_ready() {
    let mut world = World::at(5, "a; b retry=2 backoff=10 does=fail,ok; c(a)");
    world.send(Input::Pause);
    world.until(100);
    assert_eq!(world.result(), "a succeeded, b ready, c ready; paused (user)");
    world.send(Input::Unpause);
    world.run();
    assert_eq!(world.starts(), "a@0 b@0 b@100 c@100");
}

#[test]
fn pause_now_lets_what_runs_stand_still_with_its_clocks() {
    let mut world = World::at(5, "a takes=15 timeout=20; b takes=90 timeout=20; c(a)");
    world.send(Input::Suspend);
    world.send(Input::Suspend);
    world.until(1_000);
    assert_eq!(world.result(), "a running, b running, c pending; paused (user)");
    world.send(Input::Unpause);
    world.run();
    assert_eq!(world.result(), "a succeeded, b timed_out (timeout), c succeeded; partial");
    assert_eq!(world.starts(), "a@0 b@0 c@1010");
    world.replays();
}

#[test]
fn cancel_and_interrupt_and_a_new_orchestrator_let_what_stands_still_go_on() {
    let ends = |input: Input| {
        let mut world = World::at(5, "a takes=15 timeout=20");
        world.send(Input::Suspend);
        world.until(100);
        world.send(input);
        assert!(!world.engine.state().is_suspended());
        assert!(world.effects.iter().any(|(_, effect)| *effect == Effect::Continue));
        world.run();
        world.result()
    };
    assert_eq!(ends(Input::Cancel { node: None }), "a cancelled (user); cancelled");
    assert_eq!(ends(Input::Interrupt { hard: false }), "a in_doubt; paused (interrupted)");
    let mut world = World::at(5, "a takes=15 timeout=20");
    world.send(Input::Suspend);
    world.until(100);
    world.crash(true);
    world.run();
    assert_eq!(world.result(), "a succeeded; succeeded");
}

#[test]
fn what_had_ended_before_it_was_told_to_keeps_the_end_that_it_came_to() {
    for (verdict, state) in [(Verdict::Succeeded, "succeeded"), (Verdict::Failed(Cause::Exit), "failed")] {
        for asked in [Input::Interrupt { hard: false }, Input::Cancel { node: None }] {
            let mut world = World::at(5, "a takes=15 timeout=20; b(a)");
            world.send(asked);
            let mut input = ended(world.attempt("a"), verdict);
            if let Input::AttemptEnded(ended) = &mut input {
                ended.report.unasked = true;
            }
            world.send(input);
            world.run();
            assert_eq!(world.state("a"), state);
            assert!(!world.starts().contains("b@"), "{}", world.starts());
        }
    }
}

#[test]
fn what_had_ended_before_it_was_cancelled_is_not_tried_again() {
    let limited = Verdict::RateLimited { retry_after_ms: 5 };
    for (plan, verdict, result) in [
        ("a takes=15 retry=3; b", Verdict::Failed(Cause::Exit), "a cancelled (user), b succeeded; partial"),
        ("a takes=15 retry=3; b", limited, "a cancelled (user), b succeeded; partial"),
        ("a takes=15 retry=3; b", Verdict::Succeeded, "a succeeded, b succeeded; succeeded"),
        ("a takes=15; b", Verdict::Failed(Cause::DiskFull), "a cancelled (user), b succeeded; partial"),
    ] {
        let mut world = World::at(5, plan);
        let node = world.engine.graph().find("a").unwrap();
        world.send(Input::Cancel { node: Some(node) });
        let mut input = ended(world.attempt("a"), verdict);
        if let Input::AttemptEnded(ended) = &mut input {
            ended.report.unasked = true;
        }
        world.send(input);
        world.run();
        assert_eq!(world.result(), result, "{verdict:?}");
        assert_eq!(world.starts().matches("a@").count(), 1, "{verdict:?}: {}", world.starts());
    }
}

#[test]
fn a_rate_limit_that_a_cancelled_attempt_met_holds_the_others() {
    let mut world = World::at(5, "a agent=x takes=15; z takes=6; b(z) agent=x");
    let node = world.engine.graph().find("a").unwrap();
    world.send(Input::Cancel { node: Some(node) });
    let mut input = ended(world.attempt("a"), Verdict::RateLimited { retry_after_ms: 50 });
    if let Input::AttemptEnded(ended) = &mut input {
        ended.report.unasked = true;
    }
    world.send(input);
    world.run();
    assert_eq!(world.starts(), "z@0 a@0 b@55");
}

#[test]
fn a_paused_run_whose_last_attempts_end_well_ends() {
    let mut world = World::at(5, "a");
    world.send(Input::Pause);
    world.run();
    assert_eq!(world.result(), "a succeeded; succeeded");
}

#[test]
fn cancel_ends_what_runs_and_makes_every_open_node_cancelled() {
    let mut world =
        World::at(15, "! max=3; a; b does=hang dies=7; c retry=2 does=fail; d(b); e takes=30; f takes=30; g");
    world.send(Input::Cancel { node: None });
    world.send(Input::Cancel { node: None });
    world.run();
    insta::assert_snapshot!(world.result(), @"a succeeded, b cancelled (user), c cancelled (user), e cancelled (user), f cancelled (user), g cancelled (user), d cancelled (user); cancelled");
    insta::assert_snapshot!(world.only(&["run_ending", "dispatch_ending", "dispatch_cancelled", "run_ended"]), @"
    15 run_ending user
    15 dispatch_ending b user
    15 dispatch_ending e user
    15 dispatch_ending f user
    16 dispatch_cancelled e user
    16 dispatch_cancelled f user
    22 dispatch_cancelled b user
    22 run_ended cancelled
    ");
}

#[test]
fn cancel_of_a_task_leaves_the_rest() {
    for at in [5, 0] {
        let mut world = World::new("! max=1; a; b; c(b)");
        world.begin();
        world.until(at);
        world.send(Input::Cancel { node: Some(world.node("b")) });
        world.run();
        assert_eq!(world.result(), "a succeeded, b cancelled (user), c blocked (upstream b); partial");
    }
    let mut world = World::at(5, "a does=hang; b(a)");
    world.send(Input::Cancel { node: Some(world.node("a")) });
    world.run();
    assert_eq!(world.result(), "a cancelled (user), b blocked (upstream a); failed");
}

#[test]
fn a_cancelled_task_is_not_tried_again_although_it_was_timing_out() {
    let mut world = World::at(25, "a does=hang timeout=20 dies=20 retry=3; b");
    world.send(Input::Cancel { node: Some(world.node("a")) });
    world.run();
    assert_eq!(world.result(), "a cancelled (user), b succeeded; partial");
    insta::assert_snapshot!(world.only(&["dispatch_ending", "dispatch_cancelled"]), @"
    20 dispatch_ending a timeout
    25 dispatch_ending a user
    40 dispatch_cancelled a user
    ");
    let ends = world.effects.iter().filter(|(_, e)| matches!(e, Effect::End { .. })).count();
    assert_eq!(ends, 1);
}

#[test]
fn cancel_of_a_waiting_retry_ends_it_at_once() {
    let mut world = World::at(20, "a does=fail retry=3 backoff=1000");
    world.send(Input::Cancel { node: Some(world.node("a")) });
    assert_eq!(world.result(), "a cancelled (user); failed");
}

#[test]
fn skip_is_for_nodes_that_do_not_run_and_makes_the_run_partial() {
    let mut world = World::at(5, "! max=2; a; b retry=2 backoff=50 does=fail; c P3; d(c); e(a)");
    for name in ["a", "c"] {
        world.send(Input::Skip { node: world.node(name) });
    }
    world.until(20);
    world.send(Input::Skip { node: world.node("b") });
    world.send(Input::Skip { node: world.node("a") });
    world.run();
    assert_eq!(
        world.result(),
        "a succeeded, b skipped (user), c skipped (user), d skipped (upstream_skipped c), e succeeded; partial"
    );
}

#[test]
fn what_a_task_would_begin_from_conflicts_and_it_waits_for_a_person_and_is_tried_when_the_run_is_taken_up() {
    let tasks = "a; b(a) does=merge_conflict,merge_conflict,ok; c(b); free takes=9";
    // Without anybody to resolve it the attempt has failed.
    let world = World::ran("a; b(a) does=merge_conflict; c(b)");
    assert_eq!(world.result(), "a succeeded, b failed (merge_conflict), c blocked (upstream b); partial");
    let mut world = World::ran(&format!("!conflicts_wait; {tasks}"));
    assert_eq!(world.result(), "a succeeded, free succeeded, b in_doubt, c pending; paused (waiting)");
    assert_eq!(world.left, Some(Leave::Waiting));
    let kinds = ["dispatch_interrupted", "node_in_doubt", "escalated", "answered"];
    insta::assert_snapshot!(world.only(&kinds), @"
    20 dispatch_interrupted b merge_conflict
    20 node_in_doubt b merge_conflict
    20 escalated task:b merge_conflict merge_conflict
    ");
    // Nobody has resolved it: it is asked again. Then it is.
    for _ in 0..2 {
        world.crash(true);
        world.run();
    }
    assert_eq!(world.result(), "a succeeded, free succeeded, b succeeded, c succeeded; succeeded");
    // It counts as no attempt, and leaves no trace of itself in the canonical log.
    let plain = World::ran("a; b(a); c(b); free takes=9");
    assert_eq!(world.canonical(), plain.canonical());
}

#[test]
fn an_interrupt_ends_running_trees_with_min_grace_5_s_and_keeps_the_run_resumable() {
    let mut world = World::at(5, "a pure takes=20; b grace=700 takes=20; c takes=20 retry=2; d(a)");
    world.send(Input::Interrupt { hard: false });
    let ends: Vec<u64> = world
        .effects
        .iter()
        .filter_map(|(_, e)| if let Effect::End { grace_ms, .. } = e { Some(*grace_ms) } else { None })
        .collect();
    assert_eq!(ends, [5_000, 700, 5_000]);
    world.until(10);
    assert_eq!(world.left, Some(Leave::Interrupted));
    assert_eq!(world.result(), "a ready, b in_doubt, c in_doubt, d pending; paused (interrupted)");
    insta::assert_snapshot!(world.only(&["run_paused", "dispatch_interrupted", "node_in_doubt"]), @"
    5 run_paused interrupted
    6 dispatch_interrupted a stopped
    6 dispatch_interrupted b stopped
    6 node_in_doubt b lost
    6 dispatch_interrupted c stopped
    6 node_in_doubt c lost
    ");
}

#[test]
fn a_cancellation_by_a_person_ends_trees_with_min_grace_5_s() {
    let mut world = World::at(5, "a pure takes=20; b grace=700 takes=20");
    world.send(Input::Cancel { node: None });
    let ends: Vec<u64> = world
        .effects
        .iter()
        .filter_map(|(_, e)| if let Effect::End { grace_ms, .. } = e { Some(*grace_ms) } else { None })
        .collect();
    assert_eq!(ends, [5_000, 700]);
}

#[test]
fn a_second_signal_kills_without_grace() {
    let mut world = World::at(5, "a does=hang dies=3000");
    world.send(Input::Interrupt { hard: false });
    world.until(6);
    assert_eq!(world.left, None);
    world.send(Input::Interrupt { hard: true });
    let last = world.effects.last().cloned();
    assert_eq!(last, Some((6, Effect::End { attempt: AttemptId(1), grace_ms: 0 })));
}

#[test]
fn an_interrupt_that_finds_nothing_alive_leaves_at_once() {
    let mut world = World::at(15, "a does=fail retry=2 backoff=1000");
    world.send(Input::Interrupt { hard: false });
    assert_eq!(world.left, Some(Leave::Interrupted));
    world.crash(false);
    world.run();
    assert_eq!(world.result(), "a exhausted (exit); failed");
}

#[test]
fn a_run_with_nothing_left_ends_although_it_was_interrupted() {
    let mut world = World::at(5, "a does=hang");
    world.turn(vec![Input::Cancel { node: None }, Input::Interrupt { hard: false }]);
    world.run();
    assert_eq!(world.result(), "a cancelled (user); cancelled");
    assert_eq!(world.left, Some(Leave::Ended));
}

#[test]
fn cancel_after_an_interrupt_is_obeyed() {
    let mut world = World::at(5, "a pure does=hang dies=9");
    world.send(Input::Interrupt { hard: false });
    world.send(Input::Cancel { node: Some(world.node("a")) });
    world.run();
    assert_eq!(world.result(), "a cancelled (user); failed");
}

#[test]
fn a_late_or_duplicate_report_is_recorded_and_not_obeyed() {
    let mut world = World::at(15, "a does=fail retry=2 backoff=10; b(a)");
    let before = world.engine.state().node(world.node("a")).clone();
    for attempt in [AttemptId(1), AttemptId(77)] {
        world.turn(vec![ended(attempt, Verdict::Succeeded), Input::AttemptLost { attempt, why: None }]);
    }
    assert_eq!(world.engine.state().node(world.node("a")), &before);
    assert_eq!(world.only(&["report_ignored"]).lines().count(), 4);
    world.run();
    world.send(ended(AttemptId(1), Verdict::Succeeded)); // also after the end
    assert_eq!(world.only(&["report_ignored"]).lines().count(), 5);
    assert_eq!(world.result(), "a exhausted (exit), b blocked (upstream a); failed");
}

#[test]
fn terminal_is_terminal() {
    let mut world = World::ran("a; b does=fail; c(b)");
    let (events, node) = (world.events.len(), Some(world.node("a")));
    let limits = Box::new(world.engine.state().limits.clone());
    for input in [
        Input::Begin,
        Input::Settle,
        Input::Pause,
        Input::Unpause,
        Input::Interrupt { hard: true },
        Input::Cancel { node: None },
        Input::Cancel { node },
        Input::Skip { node: world.node("c") },
        Input::Landed { node: world.node("a") },
        Input::LimitsChanged { limits },
        Input::Resumed(Default::default()),
    ] {
        world.send(input);
    }
    assert_eq!(world.events.len(), events);
}

#[test]
fn nothing_is_obeyed_before_the_run_has_begun() {
    let mut world = World::new("a; b(a)");
    for input in
        [Input::Pause, Input::Cancel { node: None }, Input::Skip { node: world.node("a") }, Input::Settle]
    {
        world.send(input);
    }
    assert_eq!(world.events, []);
}

#[test]
fn time_never_goes_back_inside_the_engine() {
    let mut world = World::at(15, "a; b(a)");
    world.now = 3;
    world.send(Input::Pause);
    assert_eq!(world.only(&["run_paused"]), "10 run_paused user");
}
