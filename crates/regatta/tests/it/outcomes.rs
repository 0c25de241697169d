//! How tasks and runs end: failure policies, retries, timeouts, conditions, undo.

use crate::world::{World, status};

#[test]
fn independent_work_goes_on_in_continue_mode_and_dependants_of_a_failed_task_do_not_run() {
    let world = World::with(
        "version: 1
tasks:
  - { id: bad, run: exit 3 }
  - { id: child, needs: [bad], run: touch child-ran }
  - { id: free, run: touch free-ran }
  - { id: after, needs: [free], run: touch after-ran }
",
    );
    let summary = world.run();
    assert_eq!(summary["status"], "partial");
    assert_eq!(status(&summary, "bad"), "failed");
    assert_eq!(status(&summary, "child"), "blocked");
    assert_eq!(status(&summary, "after"), "succeeded");
    assert!(!world.path("child-ran").exists() && world.path("after-ran").exists());
    let said = world.regatta(&["explain", "child"]).exits(0);
    assert_eq!(said.out, "child: blocked because of `bad`\n");
    let said = world.regatta(&["explain", "bad"]).exits(0);
    assert_eq!(said.out, "bad: failed: exit 3\n");
}

#[test]
fn a_retry_is_not_lost_when_a_sibling_ends_during_its_back_off() {
    let world = World::with(
        "version: 1
tasks:
  - id: flaky
    retry: { max_attempts: 3, backoff: 100ms }
    run: echo x >>tries; test \"$REGATTA_ATTEMPT\" -ge 3
  - { id: a, run: 'true' }
  - { id: b, needs: [a], run: 'true' }
",
    );
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded");
    assert_eq!(world.read("tries").lines().count(), 3);
    assert_eq!(summary["retries"], 2);
}

#[test]
fn attempts_used_up_are_exhausted_and_a_timeout_is_told_from_a_failure() {
    let world = World::with(
        "version: 1
tasks:
  - { id: worn, retry: { max_attempts: 2, backoff: 1ms }, run: exit 1 }
  - { id: slow, timeout: { attempt: 100ms, grace: 100ms }, run: sleep 60 }
  - { id: shot, run: kill -9 $$ }
  - { id: lost, run: [/no/such/program] }
",
    );
    let summary = world.run();
    assert_eq!(status(&summary, "worn"), "exhausted");
    assert_eq!(status(&summary, "slow"), "timed_out");
    assert_eq!(summary["tasks"]["shot"]["cause"], "signal");
    assert_eq!(summary["tasks"]["lost"]["cause"], "spawn");
    assert_eq!(summary["status"], "failed");
}

#[test]
fn a_false_condition_skips_and_does_not_make_the_run_partial() {
    let world = World::with(
        "version: 1
tasks:
  - { id: count, result: stdout-json, run: 'echo ''{\"n\": 3}''' }
  - { id: many, when: 'count.result.n > 5', run: touch many }
  - { id: few, when: 'tasks[\"count\"].result.n <= 5', run: touch few }
  - { id: child, needs: [many], run: 'true' }
  - { id: anyway, needs: [many], allow_skipped: true, run: 'true' }
  - { id: broken, when: 'count.result.missing > 1', run: 'true' }
",
    );
    let summary = world.run();
    assert_eq!(status(&summary, "many"), "skipped");
    assert_eq!(status(&summary, "few"), "succeeded");
    assert_eq!(status(&summary, "child"), "skipped");
    assert_eq!(status(&summary, "anyway"), "succeeded");
    assert_eq!(summary["tasks"]["broken"]["cause"], "plan");
    assert_eq!(summary["tasks"]["broken"]["attempts"], 0);
}

#[test]
fn stop_starts_nothing_new() {
    let world = World::with(
        "version: 1
on_failure: stop
limits: { max_parallel: 1 }
tasks:
  - { id: a, priority: P0, run: exit 1 }
  - { id: b, run: touch b-ran }
",
    );
    let summary = world.run();
    assert_eq!(summary["status"], "failed");
    assert_eq!(summary["tasks"]["b"]["cause"], "stopped");
    assert!(!world.path("b-ran").exists());
}

#[test]
fn rollback_undoes_what_succeeded_in_reverse_order() {
    let world = World::with(
        "version: 1
on_failure: rollback
tasks:
  - { id: one, run: 'true', undo: echo one >>undone }
  - { id: two, needs: [one], run: 'true', undo: 'echo two >>undone; exit 1' }
  - { id: three, needs: [two], run: 'true', undo: echo three >>undone }
  - { id: four, needs: [three], run: exit 1, undo: echo four >>undone }
",
    );
    let summary = world.run();
    assert_eq!(summary["status"], "failed");
    assert_eq!(status(&summary, "one"), "succeeded");
    assert_eq!(world.read("undone"), "three\ntwo\none\n");
    assert!(world.kinds().contains(&"undo_failed".to_owned()));
}

#[test]
fn a_run_timeout_cancels_what_runs_and_ends_the_rest() {
    let world = World::with(
        "version: 1
timeout: { run: 200ms, grace: 100ms }
tasks:
  - { id: long, run: sleep 60 }
  - { id: next, needs: [long], run: 'true' }
",
    );
    let summary = world.run();
    assert_eq!(summary["status"], "failed");
    assert_eq!(summary["tasks"]["long"]["cause"], "run_timeout");
    assert_eq!(summary["tasks"]["next"]["cause"], "run_timeout");
}

#[test]
fn silence_longer_than_the_idle_timeout_ends_an_attempt() {
    let world = World::with(
        "version: 1
tasks:
  - { id: mute, timeout: { idle: 1s, grace: 100ms }, run: echo hello; sleep 60 }
",
    );
    let summary = world.run();
    assert_eq!(summary["tasks"]["mute"]["cause"], "idle");
}

#[test]
fn an_empty_plan_is_valid_and_succeeds() {
    let world = World::with("version: 1\ntasks: []\n");
    assert_eq!(world.run()["status"], "succeeded");
}
