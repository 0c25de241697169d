//! Spec 5 `permissions: ask`: what a running attempt asks a person, and what becomes of the question.

use crate::world::{World, ended};
use regatta_engine::effect::Effect;
use regatta_engine::ids::AttemptId;
use regatta_engine::input::{Input, Verdict};
use regatta_engine::permission::{PermissionTold, Question};

const TOLD: [&str; 2] = ["permission_asked", "permission_answered"];

fn asked(attempt: AttemptId, number: u32, title: &str) -> Input {
    let question = Question { number, title: title.into(), tool: "edit".into(), always: false };
    Input::Permission { attempt, told: PermissionTold::Asked(question) }
}

fn answered(attempt: AttemptId, number: u32, allowed: bool) -> Input {
    Input::Permission { attempt, told: PermissionTold::Answered { number, allowed } }
}

/// What attempts were told: number and answer.
fn permits(world: &World) -> Vec<(u32, bool)> {
    let permit = |effect: &Effect| match effect {
        Effect::Permit { number, allowed, .. } => Some((*number, *allowed)),
        _ => None,
    };
    world.effects.iter().filter_map(|(_, effect)| permit(effect)).collect()
}

#[test]
fn an_attempt_that_asks_waits_until_a_person_answers_and_says_so() {
    let mut world = World::at(5, "a does=hang");
    let attempt = world.attempt("a");
    world.send(asked(attempt, 1, "Write x"));
    world.send(asked(attempt, 2, "Write y"));
    assert_eq!(world.why("a"), "attempt 1 asks (edit) \"Write x\", and 1 more; a person must answer");
    assert_eq!((world.state("a"), permits(&world)), ("running", vec![]));
    world.now = 9;
    world.send(answered(attempt, 1, true));
    world.send(answered(attempt, 2, false));
    assert_eq!(permits(&world), [(1, true), (2, false)]);
    assert_eq!(world.why("a"), "attempt 1 runs since 0.000 s");
    insta::assert_snapshot!(world.only(&TOLD), @"
    5 permission_asked a
    5 permission_asked a
    9 permission_answered a
    9 permission_answered a
    ");
    world.send(ended(attempt, Verdict::Succeeded));
    world.run();
    assert_eq!(world.result(), "a succeeded; succeeded");
}

#[test]
fn a_question_told_twice_is_told_once_and_an_answer_given_twice_is_given_once() {
    let mut world = World::at(5, "a does=hang");
    let attempt = world.attempt("a");
    for _ in 0..2 {
        world.send(asked(attempt, 1, "Write x"));
    }
    for allowed in [true, false] {
        world.send(answered(attempt, 1, allowed));
    }
    // Whoever asks again what was answered gets the same answer; another question under its number gets none.
    world.send(asked(attempt, 1, "Write x"));
    world.send(asked(attempt, 1, "Delete everything"));
    assert_eq!(permits(&world), [(1, true), (1, true)]);
    insta::assert_snapshot!(world.only(&TOLD), @"
    5 permission_asked a
    5 permission_answered a
    ");
}

#[test]
fn whoever_waits_for_a_person_is_not_idle_but_its_timeout_goes_on() {
    let mut world = World::at(10, "a does=hang idle=20 timeout=100 dies=1");
    let attempt = world.attempt("a");
    world.send(asked(attempt, 1, "Write x"));
    world.until(40);
    world.send(Input::AttemptIdle { attempt });
    world.run();
    insta::assert_snapshot!(world.only(&["permission_asked", "dispatch_ending", "dispatch_timed_out"]), @"
    10 permission_asked a
    100 dispatch_ending a timeout
    101 dispatch_timed_out a timeout
    ");

    let mut world = World::at(10, "a does=hang idle=20 dies=1");
    let attempt = world.attempt("a");
    world.send(asked(attempt, 1, "Write x"));
    world.send(answered(attempt, 1, true));
    world.until(40);
    world.send(Input::AttemptIdle { attempt });
    world.run();
    assert_eq!(world.result(), "a timed_out (idle); failed");
}

#[test]
fn the_end_of_an_attempt_closes_its_questions() {
    let mut world = World::at(5, "a does=hang,ok retry=2 backoff=10");
    let first = world.attempt("a");
    world.send(asked(first, 1, "Write x"));
    world.send(ended(first, Verdict::Failed(regatta_engine::cause::Cause::Exit)));
    world.send(answered(first, 1, true));
    world.send(asked(first, 2, "Write y"));
    assert_eq!((permits(&world), world.why("a").contains("asks")), (vec![], false));
    world.until(15);
    let second = world.attempt("a");
    world.send(answered(second, 1, true));
    assert_eq!((permits(&world), world.why("a").as_str()), (vec![], "attempt 2 runs since 0.015 s"));
    world.run();
    assert_eq!(world.result(), "a succeeded; succeeded");
}

#[test]
fn an_attempt_that_is_being_ended_asks_nobody_and_is_answered_nothing() {
    let mut world = World::at(5, "a does=hang dies=20");
    let attempt = world.attempt("a");
    world.send(asked(attempt, 1, "Write x"));
    world.send(Input::Cancel { node: None });
    world.send(asked(attempt, 2, "Write y"));
    world.send(answered(attempt, 1, true));
    assert_eq!((permits(&world), world.why("a").as_str()), (vec![], "attempt 1 is being ended (user)"));
    world.run();
    assert_eq!(world.result(), "a cancelled (user); cancelled");
}

#[test]
fn an_answer_that_was_recorded_without_an_orchestrator_is_given_by_the_next_one() {
    let mut world = World::at(5, "a does=hang");
    let attempt = world.attempt("a");
    world.send(asked(attempt, 1, "Write x"));
    world.take_over(true, vec![answered(attempt, 1, true)]);
    world.send(asked(attempt, 1, "Write x"));
    assert_eq!(permits(&world).last(), Some(&(1, true)));
    let told = world.only(&TOLD);
    assert_eq!(told.lines().count(), 2, "{told}");
}

#[test]
fn a_question_goes_on_through_a_pause_and_is_no_part_of_the_canonical_log() {
    let mut world = World::at(5, "a does=hang; b(a)");
    let attempt = world.attempt("a");
    world.send(Input::Suspend);
    world.send(asked(attempt, 1, "Write x"));
    world.send(answered(attempt, 1, true));
    world.send(Input::Unpause);
    world.send(ended(attempt, Verdict::Succeeded));
    world.run();
    assert_eq!(
        (permits(&world), world.result().as_str()),
        (vec![(1, true)], "a succeeded, b succeeded; succeeded")
    );
    assert_eq!(world.canonical(), World::ran("a; b(a)").canonical());
}
