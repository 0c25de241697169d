//! Spec 3 "States", 11 "Nodes": retries and their exact delays, timeouts, when a slot is free again.

use crate::world::{World, check, check_starts, ended};
use regatta_engine::input::{Input, Verdict};
use regatta_engine::spec::{RetryPolicy, RetryStrategy};

/// The delays in milliseconds before attempts 1, 2, 3 …
#[track_caller]
fn check_delays(strategy: RetryStrategy, (backoff_ms, max_backoff_ms): (u64, u64), expect: &[u64]) {
    let policy = RetryPolicy { max_attempts: 9, strategy, backoff_ms, max_backoff_ms };
    let found: Vec<u64> = (1..=expect.len() as u32).map(|n| policy.delay_before_ms(n)).collect();
    assert_eq!(found, expect);
}

#[test]
fn back_off_before_attempt_n_is_exact() {
    check_delays(RetryStrategy::Linear, (100, 1_000_000), &[0, 100, 200, 300, 400]);
    check_delays(RetryStrategy::Exponential, (100, 1_000_000), &[0, 100, 200, 400, 800]);
    check_delays(RetryStrategy::Fixed, (100, 1_000_000), &[0, 100, 100, 100, 100]);
    check_delays(RetryStrategy::Linear, (100, 250), &[0, 100, 200, 250, 250]);
    check_delays(RetryStrategy::Exponential, (100, 250), &[0, 100, 200, 250, 250]);
    check_delays(RetryStrategy::Fixed, (100, 50), &[0, 50, 50]);
    check_delays(RetryStrategy::Linear, (0, 50), &[0, 0, 0]);
}

#[test]
fn retry_defaults_are_linear_1_s_at_most_5_m_and_one_attempt() {
    let policy = RetryPolicy::default();
    assert_eq!((policy.strategy, policy.backoff_ms), (RetryStrategy::Linear, 1_000));
    assert_eq!((policy.max_backoff_ms, policy.max_attempts), (300_000, 1));
}

#[test]
fn a_delay_never_overflows() {
    for strategy in [RetryStrategy::Linear, RetryStrategy::Exponential, RetryStrategy::Fixed] {
        for backoff_ms in [1, 3, 1 << 40, u64::MAX] {
            let policy =
                RetryPolicy { max_attempts: u32::MAX, strategy, backoff_ms, max_backoff_ms: u64::MAX };
            let delays: Vec<u64> =
                [2, 3, 63, 64, 65, 66, 67, 1 << 31, u32::MAX].map(|n| policy.delay_before_ms(n)).into();
            assert!(delays.is_sorted() && delays[0] == backoff_ms, "{strategy:?} {backoff_ms} {delays:?}");
        }
    }
}

#[test]
fn retries_wait_exactly_as_long_as_the_policy_says() {
    check_starts("a retry=4 backoff=100 linear does=fail", "a@0 a@110 a@320 a@630");
    check_starts("a retry=4 backoff=100 exponential does=fail", "a@0 a@110 a@320 a@730");
    check_starts("a retry=3 backoff=100 fixed does=fail", "a@0 a@110 a@220");
    check_starts("a retry=4 backoff=100 exponential max_backoff=150 does=fail", "a@0 a@110 a@270 a@430");
    check_starts("a retry=3 backoff=0 does=fail", "a@0 a@10 a@20");
}

#[test]
fn failed_and_timed_out_are_for_one_attempt_exhausted_for_more() {
    check("a does=fail", "a failed (exit); failed");
    check("a does=hang timeout=5", "a timed_out (timeout); failed");
    check("a does=fail retry=2", "a exhausted (exit); failed");
    check("a does=hang timeout=5 retry=2", "a exhausted (timeout); failed");
    check("a does=fail,output_limit retry=2", "a exhausted (output_limit); failed"); // the last cause
    check("a does=fail,ok retry=2", "a succeeded; succeeded");
}

#[test]
fn spawn_errors_use_up_attempts_and_resolution_errors_are_never_retried() {
    check("a does=spawn retry=3 backoff=1", "a exhausted (spawn); failed");
    check_starts("a does=spawn retry=3 backoff=1", "a@0 a@11 a@23");
    check("a does=VARIABLE_RESOLUTION_ERROR retry=3", "a failed (VARIABLE_RESOLUTION_ERROR); failed");
    check_starts("a does=VARIABLE_RESOLUTION_ERROR retry=3", "a@0");
}

#[test]
fn a_retry_is_not_lost_when_a_sibling_ends_during_its_back_off() {
    check_starts("a retry=2 backoff=100 does=fail,ok; b takes=50; c(a,b)", "a@0 b@0 a@110 c@120");
    check_starts(
        "! max=1; a P0 retry=2 backoff=100 does=fail,ok; b takes=50; c(b) takes=1",
        "a@0 b@10 c@60 a@110",
    );
}

#[test]
fn waiting_retry_holds_no_slot_and_no_lease() {
    check_starts("! max=1; a retry=2 backoff=50 does=fail,ok lock=l; b takes=20 lock=l", "a@0 b@10 a@60");
    check_starts("! max=1; a retry=2 backoff=50 does=fail,ok; b takes=80", "a@0 b@10 a@90");
}

#[test]
fn a_timed_out_task_keeps_its_slot_until_its_tree_is_dead() {
    check_starts("! max=1; a does=hang timeout=50 dies=20; b", "a@0 b@70");
    check_starts("! max=1; a does=hang timeout=50 dies=20 retry=2 backoff=5", "a@0 a@75");
    let world = World::at(60, "! max=1; a does=hang timeout=50 dies=20; b");
    assert_eq!((world.state("a"), world.state("b")), ("running", "ready"));
}

#[test]
fn what_ends_after_its_timeout_has_timed_out_whatever_it_reports() {
    let mut world = World::at(50, "a does=hang timeout=50 dies=20");
    let attempt = world.attempt("a");
    world.send(ended(attempt, Verdict::Succeeded));
    assert_eq!(world.result(), "a timed_out (timeout); failed");
}

#[test]
fn a_silent_attempt_is_ended_by_its_idle_timeout() {
    let mut world = World::at(30, "a does=hang idle=20 retry=2 backoff=5");
    let attempt = world.attempt("a");
    world.send(Input::AttemptIdle { attempt });
    world.until(40);
    world.send(Input::AttemptIdle { attempt }); // of the first one, which is dead: no one is ended
    insta::assert_snapshot!(world.only(&["dispatch_started", "dispatch_ending", "dispatch_timed_out"]), @"
    0 dispatch_started a 1
    30 dispatch_ending a idle
    31 dispatch_timed_out a idle
    36 dispatch_started a 2
    ");
}

#[test]
fn run_timeout_cancels_what_runs_and_ends_the_rest_cancelled() {
    check(
        "! run=25 max=2; a; b takes=30; c takes=40; d retry=2 backoff=50 does=fail; e(d); f(b)",
        "a succeeded, b cancelled (run_timeout), c cancelled (run_timeout), d cancelled (run_timeout), \
         e cancelled (run_timeout), f cancelled (run_timeout); failed",
    );
}

#[test]
fn run_timeout_counts_no_paused_time() {
    let mut world = World::at(10, "! run=50; a takes=15; b(a) takes=1000");
    world.send(Input::Pause);
    world.until(110);
    assert_eq!(world.state("b"), "ready");
    world.send(Input::Unpause);
    world.until(149);
    assert_eq!(world.state("b"), "running");
    world.run();
    assert_eq!(world.result(), "a succeeded, b cancelled (run_timeout); failed");
    assert_eq!(world.only(&["run_ending"]), "150 run_ending run_timeout");
}

#[test]
fn attempt_clocks_go_on_while_the_run_is_paused() {
    let mut world = World::at(10, "a does=hang timeout=50");
    world.send(Input::Pause);
    world.run();
    assert_eq!(world.result(), "a timed_out (timeout); failed");
}
