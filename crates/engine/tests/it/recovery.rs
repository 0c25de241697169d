//! Spec 4 "The effect contract", 11 "Turn, time, recovery": lost attempts, doubts, answers, resume.

use crate::world::{World, check, ended};
use regatta_engine::effect::Leave;
use regatta_engine::input::{Answer, Ended, Input, Resumed, Verdict};
use regatta_engine::report::{Report, Usage};

const DOUBT: [&str; 4] = ["dispatch_lost", "node_in_doubt", "answered", "dispatch_started"];

#[test]
fn a_lost_attempt_of_a_pure_or_idempotent_task_is_started_again_under_the_same_number() {
    for effect in ["pure", "idempotent"] {
        let world = World::ran(&format!("a {effect} does=lost,ok; b(a)"));
        insta::allow_duplicates! { insta::assert_snapshot!(world.only(&DOUBT), @"
    0 dispatch_started a 1
    10 dispatch_lost a lost
    10 dispatch_started a 1
    20 dispatch_started b 1
    ") };
        assert_eq!(world.canonical(), World::ran(&format!("a {effect}; b(a)")).canonical());
    }
}

#[test]
fn a_lost_attempt_of_an_at_most_once_task_is_in_doubt_and_holds_its_descendants_only() {
    let world = World::ran("a does=lost; b(a); c takes=50; d(c)");
    assert_eq!(world.result(), "a in_doubt, c succeeded, b pending, d succeeded; paused (waiting)");
    assert_eq!(world.left, Some(Leave::Waiting));
}

#[test]
fn lost_attempts_end_in_doubt_after_max_lost_in_a_row() {
    check("a pure does=lost", "a in_doubt; paused (waiting)");
    assert_eq!(World::ran("a pure does=lost").starts().split(' ').count(), 5);
    check("a pure max_lost=2 does=lost,fail,lost,ok retry=2 backoff=1", "a succeeded; succeeded");
    check("a pure max_lost=2 does=lost,lost,ok", "a in_doubt; paused (waiting)");
    let world = World::ran("a reconcile finds=not_done does=lost"); // asked each time, and yet not for ever
    assert_eq!(world.starts().split(' ').count(), 5);
    assert_eq!(world.result(), "a in_doubt; paused (waiting)");
}

#[test]
fn reconcile_says_done_not_done_or_unknown() {
    check("a reconcile finds=done does=lost; b(a)", "a succeeded, b succeeded; succeeded");
    check("a reconcile finds=not_done does=lost,ok; b(a)", "a succeeded, b succeeded; succeeded");
    check("a reconcile finds=unknown does=lost; b(a)", "a in_doubt, b pending; paused (waiting)");
    insta::assert_snapshot!(World::ran("a reconcile finds=not_done does=lost,ok").only(&DOUBT), @"
    0 dispatch_started a 1
    10 dispatch_lost a lost
    10 node_in_doubt a lost
    11 answered a
    11 dispatch_started a 1
    ");
    insta::assert_snapshot!(World::ran("a reconcile finds=done does=lost").only(&DOUBT), @"
    0 dispatch_started a 1
    10 dispatch_lost a lost
    10 node_in_doubt a lost
    11 answered a
    ");
}

#[test]
fn an_answer_allows_one_more_attempt_or_records_the_outcome() {
    for (answer, expect) in [
        (Answer::Again, "a succeeded, b succeeded; succeeded"),
        (Answer::Succeeded(None), "a succeeded, b succeeded; succeeded"),
        (Answer::Failed, "a failed (user), b blocked (upstream a); failed"),
    ] {
        for leave_first in [false, true] {
            let mut world = World::ran("a does=lost,ok; b(a)");
            let answered = Input::Answered { node: world.node("a"), answer: answer.clone() };
            if leave_first {
                world.take_over(false, vec![answered]);
            } else {
                world.send(answered);
            }
            world.run();
            assert_eq!(world.result(), expect, "{answer:?}");
        }
    }
}

#[test]
fn an_answer_to_a_node_that_is_not_in_doubt_changes_nothing() {
    let mut world = World::at(5, "a");
    let events = world.events.len();
    world.send(Input::Answered { node: world.node("a"), answer: Answer::Failed });
    assert_eq!(world.events.len(), events);
}

#[test]
fn a_node_in_doubt_may_be_cancelled_and_the_rest_goes_on() {
    let mut world = World::ran("! waves; a does=lost; b; c(b); d(a)");
    assert_eq!(world.state("c"), "ready"); // behind the barrier
    world.send(Input::Cancel { node: Some(world.node("a")) });
    world.run();
    assert_eq!(
        world.result(),
        "a cancelled (user), b succeeded, c succeeded, d blocked (upstream a); partial"
    );
}

#[test]
fn a_stopping_run_waits_for_the_answer_and_starts_nothing() {
    let mut world = World::ran("! stop; a does=lost; b takes=20 does=fail; c(a)");
    assert_eq!(world.result(), "a in_doubt, b failed (exit), c pending; paused (waiting)");
    world.send(Input::Answered { node: world.node("a"), answer: Answer::Again });
    world.run();
    assert_eq!(world.result(), "a skipped (stopped), b failed (exit), c skipped (stopped); failed");
}

#[test]
fn attempts_that_live_are_adopted_those_that_ended_are_taken_over_the_rest_is_lost() {
    let mut world = World::at(5, "a takes=20; b takes=30; c pure takes=40; d; e(d)");
    let (live, done) = (vec![world.attempt("a")], world.attempt("b"));
    let lost = [world.attempt("c"), world.attempt("d")];
    let ended = vec![Ended { attempt: done, verdict: Verdict::Succeeded, report: Report::default() }];
    world.send(Input::Resumed(Resumed { epoch: 7, live, ended, boot_changed: false }));
    assert_eq!(world.engine.state().epoch, 7);
    assert_eq!(world.state("c"), "running"); // again
    for attempt in lost {
        assert!(world.engine.state().node_of(attempt).is_none());
    }
    insta::assert_snapshot!(world.only(&["run_resumed", "dispatch_adopted", "dispatch_succeeded", "dispatch_lost", "node_in_doubt"]), @"
    5 run_resumed
    5 dispatch_succeeded b
    5 dispatch_lost d lost
    5 node_in_doubt d lost
    5 dispatch_adopted a
    5 dispatch_lost c lost
    ");
    world.run();
    insta::assert_snapshot!(world.result(), @"a succeeded, b succeeded, c succeeded, d in_doubt, e pending; paused (waiting)");
}

#[test]
fn finished_nodes_are_never_run_again() {
    let mut world = World::at(25, "a; b(a); c(b) pure; d(c)");
    world.crash(false);
    world.run();
    assert_eq!(world.starts(), "a@0 b@10 c@20 c@25 d@35");
}

#[test]
fn a_crash_at_any_moment_ends_as_the_undisturbed_run() {
    let plan = "! max=3; a pure; b pure retry=3 backoff=7 does=fail,ok; c(a) pure when=true; d(a) pure when=false
        e(d) allow_skipped pure; f(b,c) pure takes=3; g(f) pure timeout=5 retry=2 backoff=4 does=hang dies=2; h(g) pure";
    let quiet = World::ran(plan);
    for survive in [true, false] {
        for at in 0..70 {
            let mut world = World::at(at, plan);
            world.crash(survive);
            world.crash(survive);
            world.run();
            assert_eq!(world.canonical(), quiet.canonical(), "crash at {at}");
            assert_eq!(world.attempts(), quiet.attempts());
        }
    }
}

#[test]
fn a_question_that_was_open_is_asked_again() {
    let mut world = World::at(10, "a reconcile finds=done does=lost; b(a)");
    assert_eq!(world.state("a"), "in_doubt");
    world.crash(false);
    world.run();
    assert_eq!(world.result(), "a succeeded, b succeeded; succeeded");
}

#[test]
fn an_attempt_that_was_being_ended_is_ended_again_by_the_next_orchestrator() {
    let mut world = World::at(25, "a does=hang timeout=20 dies=50");
    world.crash(true);
    let ends =
        world.effects.iter().filter(|(_, e)| matches!(e, regatta_engine::effect::Effect::End { .. })).count();
    assert_eq!(ends, 2);
    world.run();
    assert_eq!(world.result(), "a timed_out (timeout); failed");
}

#[test]
fn a_cancelled_attempt_that_vanished_is_cancelled() {
    let mut world = World::at(5, "a does=hang dies=50; b(a)");
    world.send(Input::Cancel { node: Some(world.node("a")) });
    world.crash(false);
    world.run();
    assert_eq!(world.result(), "a cancelled (user), b blocked (upstream a); failed");
}

#[test]
fn usage_travels_on_the_event_that_ends_the_attempt_and_not_into_the_canonical_log() {
    let mut world = World::at(5, "a does=hang");
    let usage =
        Usage { input_tokens: 1, cached_tokens: 2, output_tokens: 3, reasoning_tokens: 4, cost_micro_usd: 5 };
    let report = Report {
        exit: Some(0),
        usage: Some(usage),
        leaked: 2,
        message: Some("secret".into()),
        ..Report::default()
    };
    world.send(Input::AttemptEnded(Ended {
        attempt: world.attempt("a"),
        verdict: Verdict::Succeeded,
        report: report.clone(),
    }));
    let ends = world.events.iter().find_map(|e| match &e.kind {
        regatta_engine::event::EventKind::DispatchEnded { report, .. } => Some((**report).clone()),
        _ => None,
    });
    assert_eq!(ends, Some(report));
    assert_eq!(world.only(&["leaked_processes"]), "5 leaked_processes a");
    assert!(!world.canonical().contains("secret") && !world.canonical().contains("token"));
}

#[test]
fn a_report_of_a_lost_attempt_that_comes_after_all_is_not_obeyed() {
    let mut world = World::at(5, "a pure does=hang");
    let first = world.attempt("a");
    world.send(Input::AttemptLost { attempt: first, why: None });
    world.send(ended(first, Verdict::Failed(regatta_engine::cause::Cause::Exit)));
    assert_eq!(world.state("a"), "running");
    assert_ne!(world.attempt("a"), first);
}
