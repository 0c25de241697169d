//! Circuit breakers and rate limits on the real binary.

use crate::world::{World, ends, status};
use serde_json::Value;

/// The events of the newest run that are of a kind.
fn events(world: &World, kind: &str) -> Vec<Value> {
    let all = world.regatta(&["events"]).out;
    let parsed = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    parsed.filter(|event| event["kind"] == kind).collect()
}

const LIMITED: &str = "version: 1
limits: { max_parallel: 1 }
tasks:
  - id: a
    tool: shell
    params: { cmd: 'echo x >>tries; test -e limited || { touch limited; echo 1 >\"$REGATTA_RETRY_AFTER\"; exit 9; }; echo $REGATTA_ATTEMPT >number' }
  - { id: b, tool: shell, params: { cmd: 'test -s number' } }
  - { id: c, run: 'test -e number || touch early' }
";

#[test]
fn a_rate_limit_holds_every_task_of_the_tool_until_its_time_and_takes_no_attempt_away() {
    let world = World::with(LIMITED);
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary}"); // b ran after a
    assert!(world.path("early").exists(), "what uses another tool does not wait");
    assert_eq!((world.read("tries").as_str(), world.read("number").as_str()), ("x\nx\n", "1\n"));
    let held = events(&world, "dispatch_held");
    assert_eq!((held.len(), &held[0]["cause"], &held[0]["exit"]), (1, &"rate_limit".into(), &9.into()));
    assert_eq!(held[0]["message"], "asks to be left alone for 1 s");
    let hold = events(&world, "hold_started");
    assert_eq!((&hold[0]["scope"], &hold[0]["scope_name"]), (&"tool".into(), &"shell".into()));
    assert!(hold[0]["until_ms"].as_u64().unwrap() >= 1_000);
    assert_eq!(events(&world, "hold_ended").len(), 1);
    let log = world.canonical();
    world.regatta(&["replay"]).exits(0);
    let calm = World::with(LIMITED);
    calm.write("limited", "");
    calm.run();
    let unlike =
        |log: &str| log.lines().filter(|l| !l.contains("run_started")).collect::<Vec<_>>().join("\n");
    assert_eq!(unlike(&calm.canonical()), unlike(&log));
    assert_eq!(
        std::fs::read_dir(world.run_dir().join("attempts")).unwrap().count(),
        0,
        "nothing is left behind"
    );
}

#[test]
fn an_exit_code_of_0_and_an_undo_know_no_rate_limit() {
    let world = World::with(
        "version: 1
on_failure: rollback
tasks:
  - { id: a, run: 'echo 3 >\"$REGATTA_RETRY_AFTER\"', undo: 'test -z \"$REGATTA_RETRY_AFTER\" && touch undone' }
  - { id: b, needs: [a], run: exit 1 }
",
    );
    let summary = world.run();
    assert_eq!((status(&summary, "a"), status(&summary, "b")), ("succeeded", "failed"));
    assert!(world.path("undone").exists());
}

#[test]
fn failures_in_a_row_open_the_breaker_and_a_probe_closes_it() {
    let world = World::with(
        "version: 1
breaker: { failures: 2, cool_down: 2s }
limits: { max_parallel: 1 }
tasks:
  - { id: a, priority: P0, tags: [net], run: echo up >begun; exit 1 }
  - { id: b, priority: P0, tags: [net], run: exit 1 }
  - { id: c, tags: [net], run: 'true' }
  - { id: d, run: 'true' }
",
    );
    world.fifo("begun");
    let mut child = world.start(&["run", "plan.yaml"]);
    world.hear("begun");
    world.follow("breaker_opened", 1);
    let said = world.regatta(&["explain", "c"]).exits(0);
    assert!(said.out.starts_with("c: the breaker of tag `net` is open until 2."), "{}", said.out);
    assert_eq!(ends(&mut child), Some(1));
    let kinds = world.kinds();
    let of = |kind: &str| kinds.iter().filter(|k| *k == kind).count();
    assert_eq!((of("breaker_opened"), of("breaker_half_open"), of("breaker_closed")), (1, 1, 1));
    let opened = events(&world, "breaker_opened");
    assert_eq!((&opened[0]["failures"], &opened[0]["class"]), (&2.into(), &"operational".into()));
    assert!(!world.canonical().contains("breaker"));
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn with_when_open_fail_what_is_ready_fails_without_an_attempt_and_the_log_says_so() {
    let world = World::with(
        "version: 1
breaker: { failures: 1, when_open: fail }
limits: { max_parallel: 1 }
tasks:
  - { id: a, priority: P0, tags: [net], run: exit 1 }
  - { id: b, tags: [net], run: touch ran }
  - { id: c, run: 'true' }
",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    assert!(said.out.contains("breaker    of tag `net` opened after 1 failure, until 300."), "{}", said.out);
    assert!(said.out.contains("failed     b (breaker_open)"), "{}", said.out);
    assert!(!world.path("ran").exists());
    let log = world.canonical();
    assert!(
        log.contains(r#""cause":"breaker_open","key":"0.1.0.4","kind":"node_failed","node_id":"b""#),
        "{log}"
    );
    assert_eq!(world.regatta(&["explain", "b", "--json"]).json()[0]["cause"], "breaker_open");
}

#[test]
fn a_hold_and_a_breaker_survive_the_death_of_the_orchestrator() {
    let world = World::with(
        "version: 1
breaker: { failures: 1, cool_down: 2s }
limits: { max_parallel: 1 }
tasks:
  - { id: a, priority: P0, tags: [net], run: echo up >begun; exit 1 }
  - { id: b, tags: [net], run: touch b-ran }
  - id: c
    priority: P0
    run: 'test -e limited || { touch limited; echo 2 >\"$REGATTA_RETRY_AFTER\"; exit 1; }'
",
    );
    world.fifo("begun");
    let mut child = world.start(&["run", "plan.yaml"]);
    world.hear("begun");
    world.follow("hold_started", 1);
    child.kill().unwrap();
    ends(&mut child);
    let said = world.regatta(&["explain"]).exits(0);
    assert!(said.out.contains("b: the breaker of tag `net` is open until 2."), "{}", said.out);
    assert!(said.out.contains("c: a rate limit holds it until 2."), "{}", said.out);
    assert!(!world.path("b-ran").exists());
    world.regatta(&["resume"]).exits(1);
    assert!(world.path("b-ran").exists());
    assert_eq!(world.regatta(&["status", "--json"]).json()["tasks"]["c"]["status"], "succeeded");
}
