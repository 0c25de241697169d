//! Spec 4 "Circuit breaker, escalation": when a breaker opens, probes and closes; whom a rate limit holds.

use crate::world::{World, check, check_starts};

const BREAKER: [&str; 3] = ["breaker_opened", "breaker_half_open", "breaker_closed"];
const HOLD: [&str; 3] = ["dispatch_held", "hold_started", "hold_ended"];

/// The lines of the journal of `plan` that are of some kinds.
#[track_caller]
fn check_only(kinds: &[&str], plan: &str, expect: &[&str]) {
    assert_eq!(World::ran(plan).only(kinds).lines().collect::<Vec<_>>(), expect, "plan: {plan}");
}

#[test]
fn without_a_breaker_nothing_opens() {
    check_starts(
        "! max=1; a agent=x does=fail; b agent=x does=fail; c agent=x does=fail; d agent=x",
        "a@0 b@10 c@20 d@30",
    );
}

#[test]
fn failures_in_a_row_open_it_one_probe_tries_after_the_cool_down_and_success_closes_it() {
    let plan =
        "! breaker=2 cool=100 max=1; a agent=x does=fail; b agent=x does=fail; c agent=x; d agent=x; e";
    check_starts(plan, "a@0 b@10 e@20 c@120 d@130");
    let expect = [
        "20 breaker_opened agent:x until 120 after 2",
        "120 breaker_half_open agent:x",
        "130 breaker_closed agent:x",
    ];
    check_only(&BREAKER, plan, &expect);
}

#[test]
fn a_success_between_failures_keeps_it_closed() {
    let plan = "! breaker=2 max=1; a agent=x does=fail; b agent=x; c agent=x does=fail; d agent=x";
    check_only(&BREAKER, plan, &[]);
}

#[test]
fn there_is_exactly_one_probe_and_a_failed_one_opens_it_anew() {
    let plan = "! breaker=1 cool=50 max=8; a P0 agent=x takes=5 does=fail
        z takes=6; b(z) agent=x does=fail; c(z) agent=x; d(z) agent=x";
    check_starts(plan, "a@0 z@0 b@55 c@115 d@125");
    let expect = [
        "5 breaker_opened agent:x until 55 after 1",
        "55 breaker_half_open agent:x",
        "65 breaker_opened agent:x until 115 after 2",
        "115 breaker_half_open agent:x",
        "125 breaker_closed agent:x",
    ];
    check_only(&BREAKER, plan, &expect);
}

#[test]
fn a_task_has_the_breaker_of_its_agent_or_tool_else_those_of_its_tags_else_none() {
    check_starts(
        "! breaker=1 cool=50 max=1; a tool=t does=fail; b tool=t; c agent=t; d tags=t",
        "a@0 c@10 d@20 b@60",
    );
    let tags = "! breaker=1 cool=50 max=1; a tags=s,t does=fail; b tags=t,u; c tags=u; d agent=x tags=t; e";
    check_starts(tags, "a@0 c@10 d@20 e@30 b@60");
    check_starts("! breaker=1 cool=50 max=1; a does=fail; b does=fail; c", "a@0 b@10 c@20");
}

#[test]
fn however_many_tags_are_barred_who_has_none_of_them_is_not_held_up() {
    let mut plan = "! breaker=1 cool=5000 max=1".to_owned();
    for i in 0..70 {
        plan.push_str(&format!("; a{i} P0 tags=t{i} does=fail; b{i} tags=t{i}; c{i} tags=u{i}"));
    }
    let world = World::at(1_400, &plan);
    let starts = world.starts();
    let started = |letter: &str| starts.split(' ').filter(|start| start.starts_with(letter)).count();
    assert_eq!([started("a"), started("b"), started("c")], [70, 0, 70], "{starts}");
}

#[test]
fn timeouts_count_and_what_never_asked_the_agent_does_not() {
    check_only(
        &["breaker_opened"],
        "! breaker=1; a agent=x does=hang timeout=30",
        &["31 breaker_opened agent:x until 300031 after 1"],
    );
    check_only(&["breaker_opened"], "! breaker=1; a agent=x does=VARIABLE_RESOLUTION_ERROR", &[]);
    check_only(
        &["breaker_opened"],
        "! breaker=1; a agent=x pure does=lost,ok; b agent=x does=held:5,ok",
        &[],
    );
}

#[test]
fn a_share_of_failures_over_a_full_window_opens_it_too() {
    let plan = "! breaker=9 window=2/4 cool=100 max=1; a agent=x does=fail; b agent=x does=fail; c agent=x; d agent=x; e agent=x";
    check_starts(plan, "a@0 b@10 c@20 d@30 e@40"); // the share was too large when the window became full, at a success
    let plan = "! breaker=9 window=2/4 cool=100 max=1; a agent=x does=fail; b agent=x; c agent=x; d agent=x does=fail; e agent=x";
    check_starts(plan, "a@0 b@10 c@20 d@30 e@140");
}

#[test]
fn a_retry_waits_for_the_breaker_and_its_attempt_keeps_its_number() {
    let plan = "! breaker=2 cool=500; a agent=x retry=4 backoff=10 does=fail,fail,ok";
    check_starts(plan, "a@0 a@20 a@530");
    check(plan, "a succeeded; succeeded");
}

#[test]
fn a_lost_probe_gives_its_place_to_another() {
    let plan = "! breaker=1 cool=50 max=1; a agent=x does=fail; b agent=x pure does=lost,ok; c agent=x";
    check_starts(plan, "a@0 b@60 b@70 c@80");
}

#[test]
fn with_when_open_fail_ready_tasks_fail_at_once_without_an_attempt() {
    let plan =
        "! breaker=1 cool=50 fail_fast max=1; a P0 agent=x does=fail; b agent=x; c; d(b); e(c) agent=x";
    check(
        plan,
        "a failed (exit), b failed (breaker_open), c succeeded, d blocked (upstream b), e failed (breaker_open); partial",
    );
    check_starts(plan, "a@0 c@10");
    let later = "! breaker=1 cool=5 fail_fast max=1; a P0 agent=x does=fail; c; e(c) agent=x";
    check(later, "a failed (exit), c succeeded, e succeeded; partial"); // half open by then
    let log = World::ran(plan).canonical();
    assert!(
        log.contains(r#""cause":"breaker_open","key":"0.1.0.4","kind":"node_failed","node_id":"b""#),
        "{log}"
    );
}

#[test]
fn fail_fast_waits_for_the_wave_and_for_the_turn() {
    let waves = "! waves breaker=1 cool=15 fail_fast; a agent=x does=fail; b takes=30; c; d(c) agent=x";
    check(waves, "a failed (exit), b succeeded, c succeeded, d succeeded; partial");
    let turns =
        "! sequential breaker=1 cool=15 fail_fast; a agent=x does=fail; b takes=20; c agent=x; d agent=x";
    check(turns, "a failed (exit), b succeeded, c succeeded, d succeeded; partial");
}

#[test]
fn in_a_sequential_run_a_barred_task_keeps_its_turn() {
    check_starts("! sequential breaker=1 cool=50; a agent=x does=fail; b agent=x; c", "a@0 b@60 c@70");
}

#[test]
fn a_rate_limit_holds_all_of_its_agent_until_the_named_time_and_takes_no_attempt_away() {
    let plan = "! max=2; a agent=x does=held:200,ok; b agent=x takes=30; c agent=x; d";
    check_starts(plan, "a@0 b@0 d@10 a@210 c@210");
    check_only(
        &HOLD,
        plan,
        &["10 dispatch_held a rate_limit", "10 hold_started agent:x until 210", "210 hold_ended agent:x"],
    );
    check("a retry=1 does=held:5,held:5,ok", "a succeeded; succeeded");
}

#[test]
fn a_later_named_time_makes_a_hold_longer_and_an_earlier_one_not_shorter() {
    let plan =
        "a agent=x does=held:100,ok; b agent=x takes=20 does=held:300,ok; c agent=x takes=30 does=held:5,ok";
    check_starts(plan, "a@0 b@0 c@0 a@320 b@320 c@320");
    let expect =
        ["10 hold_started agent:x until 110", "20 hold_started agent:x until 320", "320 hold_ended agent:x"];
    check_only(&["hold_started", "hold_ended"], plan, &expect);
}

#[test]
fn a_task_without_agent_tool_and_tag_is_held_alone() {
    let plan = "! max=1; a does=held:100,ok; b";
    check_starts(plan, "a@0 b@10 a@110");
    check_only(
        &HOLD,
        plan,
        &["10 dispatch_held a rate_limit", "10 hold_started task:a until 110", "110 hold_ended task:a"],
    );
    assert_eq!(World::at(50, plan).why("a"), "a rate limit holds it until 0.110 s");
    check_starts("! sequential; a does=held:100,ok; b", "a@0 a@110 b@120");
}

#[test]
fn holds_leave_no_trace_in_the_canonical_log() {
    let plain = "a agent=x retry=3 backoff=5 does=fail,ok; b(a) agent=x; c does=fail";
    let held = "a agent=x retry=3 backoff=5 does=held:40,fail,held:50,ok; b(a) agent=x does=held:9,ok; c does=held:7,fail";
    let breaker = "! breaker=1 cool=77; a agent=x retry=3 backoff=5 does=fail,ok; b(a) agent=x; c does=fail";
    let log = World::ran(plain).canonical();
    assert_eq!(World::ran(held).canonical(), log);
    assert_eq!(World::ran(breaker).canonical(), log);
    assert_eq!(World::ran(held).attempts(), World::ran(plain).attempts());
}

#[test]
fn too_many_holds_in_a_row_end_in_a_question_to_a_person() {
    let mut world = World::ran("a agent=x max_lost=2 does=held:5,held:5,ok");
    assert_eq!(world.result(), "a in_doubt; paused (waiting)");
    assert_eq!(world.only(&["escalated"]), "25 escalated task:a agent rate_limit");
    assert_eq!(world.why("a"), "held by rate limits too many times in a row; a person must answer");
    let node = world.node("a");
    let answer = regatta_engine::input::Answer::Again;
    world.send(regatta_engine::input::Input::Answered { node, answer });
    world.run();
    assert_eq!(world.result(), "a succeeded; succeeded");
    check("a agent=x max_lost=2 pure does=held:5,lost", "a in_doubt; paused (waiting)"); // both count
}

#[test]
fn a_cancelled_or_stopped_run_does_not_wait_for_holds_and_breakers() {
    check(
        "! stop; a agent=x does=held:900,ok; b takes=20 does=fail",
        "a skipped (stopped), b failed (exit); failed",
    );
    let mut world =
        World::at(50, "! breaker=1 max=2; a P0 agent=x does=fail; b agent=x; c P0 does=held:900,ok");
    world.send(regatta_engine::input::Input::Cancel { node: None });
    assert_eq!(world.result(), "a failed (exit), c cancelled (user), b cancelled (user); cancelled");
    assert_eq!(world.now, 50);
}

#[test]
fn a_crash_changes_nothing_about_holds_and_breakers() {
    let plan = "! breaker=1 cool=100; a agent=x does=fail; b(c) agent=x; c takes=20; d agent=y does=held:200,ok; e does=held:90,ok";
    let undisturbed = World::ran(plan);
    let mut world = World::at(60, plan);
    world.crash(false);
    world.run();
    assert_eq!((world.result(), world.starts()), (undisturbed.result(), undisturbed.starts()));
}

#[test]
fn explain_names_what_bars_a_task_and_until_when() {
    let plan =
        "! breaker=1 cool=100 max=9; a agent=x does=fail; z takes=15; b(z) agent=x takes=50; c(z) agent=x";
    assert_eq!(World::at(50, plan).why("b"), "the breaker of agent `x` is open until 0.110 s");
    assert_eq!(World::at(120, plan).why("c"), "the breaker of agent `x` waits for its probe, attempt id 3");
    let plan = "! max=1; a P0 tags=net does=held:100,ok; x tags=net";
    assert_eq!(World::at(50, plan).why("x"), "a rate limit holds tag `net` until 0.110 s");
}

#[test]
fn who_is_barred_reserves_nothing_and_does_not_age() {
    let plan = "! breaker=1 cool=500 ageing=1 has.gpu=1 max=4
        a agent=x does=fail; z takes=11; b(z) P3 agent=x uses=gpu
        c1 uses=gpu; c2(c1) uses=gpu; c3(c2) uses=gpu; c4(c3) uses=gpu";
    check_starts(plan, "c1@0 z@0 a@0 c2@10 c3@20 c4@30 b@510");
}

#[test]
fn a_breaker_that_holds_somebody_back_for_longer_than_its_limit_is_escalated_once() {
    let plan = "! breaker=1 cool=40 limit=100 max=1; a agent=x does=fail; b agent=x retry=9 backoff=0 does=fail,fail,fail,fail,ok";
    let world = World::ran(plan);
    assert_eq!(world.only(&["escalated"]), "110 escalated agent:x agent breaker_open");
    assert_eq!(world.engine.state().scopes.escalations.len(), 0, "its success settles it");
    let idle = "! breaker=1 cool=40 limit=100; a agent=x does=fail; b takes=900";
    assert_eq!(World::ran(idle).only(&["escalated"]), "");
}

#[test]
fn used_up_attempts_and_doubts_are_escalated_and_an_answer_settles_a_doubt() {
    check_only(
        &["escalated"],
        "a retry=2 backoff=1 does=fail; b does=fail; c tool=t retry=2 backoff=1 timeout=5 does=hang",
        &["13 escalated task:c timeout timeout", "21 escalated task:a tool exit"],
    );
    check_only(
        &["escalated"],
        "a agent=x retry=2 backoff=1 does=signal; b does=lost; c pure max_lost=2 does=lost",
        &[
            "10 escalated task:b lost lost",
            "20 escalated task:c lost max_lost",
            "21 escalated task:a agent signal",
        ],
    );
    let mut world = World::ran("a does=lost; b");
    assert_eq!(world.engine.state().scopes.escalations.len(), 1);
    let (node, answer) = (world.node("a"), regatta_engine::input::Answer::Succeeded(None));
    world.send(regatta_engine::input::Input::Answered { node, answer });
    assert_eq!(
        (world.result().as_str(), world.engine.state().scopes.escalations.len()),
        ("a succeeded, b succeeded; succeeded", 0)
    );
}

#[test]
fn what_is_escalated_is_told_anew_after_a_crash() {
    use regatta_engine::effect::Effect;
    let mut world = World::at(50, "a retry=2 backoff=1 does=fail; b takes=99");
    world.effects.clear();
    world.crash(true);
    let told = |(_, e): &&(u64, Effect)| matches!(e, Effect::Escalate { .. });
    assert_eq!(world.effects.iter().filter(told).count(), 1);
}
