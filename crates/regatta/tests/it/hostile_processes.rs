//! Spec 9 "Processes", where other chapters do not have it: groups, children that stop themselves or keep the output
//! open, and a clock that jumps.

use crate::world::{World, lives, status};
use serde_json::Value;
use std::process::Command;

#[test]
fn each_attempt_has_a_process_group_of_its_own() {
    let world = World::with(
        "version: 1
tasks:
  - { id: a, run: 'ps -o pid=,pgid= -p $$ >a' }
  - { id: b, run: [sh, -c, 'ps -o pid=,pgid= -p $$ >b'] }
  - { id: c, retry: { max_attempts: 2, backoff: 1ms }, run: 'ps -o pid=,pgid= -p $$ >c$REGATTA_ATTEMPT; test -e c2' }
",
    );
    assert_eq!(world.run()["status"], "succeeded");
    let mut groups = Vec::new();
    for file in ["a", "b", "c1", "c2"] {
        let text = world.read(file);
        let ids: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(ids.len(), 2, "{file}: {text}");
        assert_eq!(ids[0], ids[1], "{file}: the leader of its group");
        groups.push(ids[1].to_owned());
    }
    groups.sort();
    groups.dedup();
    assert_eq!(groups.len(), 4);
}

#[test]
fn a_child_that_stops_itself_is_ended_by_its_timeout_all_the_same() {
    let world = World::with(
        "version: 1
timeout: { grace: 100ms }
tasks:
  - { id: leader, timeout: { attempt: 1s }, run: 'echo $$ >pid1; kill -STOP $$; touch went-on' }
  - id: tree
    timeout: { attempt: 1s }
    run: 'sh -c ''echo $$ >pid2; kill -STOP $$; touch went-on'' & setsid sh -c ''echo $$ >pid3; kill -STOP $$; touch went-on'' & kill -STOP $$'
  - { id: next, needs: [leader, tree], run: 'true' }
",
    );
    let summary = world.run();
    assert_eq!(
        (status(&summary, "leader"), status(&summary, "tree")),
        ("timed_out", "timed_out"),
        "{summary}"
    );
    assert_eq!(status(&summary, "next"), "blocked");
    assert!(
        ["pid1", "pid2", "pid3"].iter().all(|file| !world.read(file).is_empty() && !lives(&world.read(file)))
    );
    assert!(!world.path("went-on").exists());
}

#[test]
fn a_child_that_holds_the_output_open_after_its_parent_died_delays_nobody_and_is_ended() {
    let world = World::with(
        "version: 1
tasks:
  - { id: a, timeout: { attempt: 5m }, run: 'echo said; (setsid sh -c ''echo $$ >pid; exec sleep 300'' &) ; until test -s pid; do sleep 0.01; done' }
  - { id: b, needs: [a], run: 'echo after >after' }
",
    );
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded");
    assert!(summary["wall_ms"].as_u64() < Some(60_000), "{summary}");
    assert!(!lives(&world.read("pid")));
    assert_eq!(world.regatta(&["logs", "a"]).exits(0).out, "said\n");
}

#[test]
fn exit_code_signal_spawn_error_timeout_and_output_limit_are_told_apart_for_people_and_programs() {
    let world = World::with(
        "version: 1
limits: { output: 1MiB }
timeout: { grace: 50ms }
tasks:
  - { id: code, run: exit 7 }
  - { id: signal, run: 'kill -SEGV $$' }
  - { id: nothing, run: [/no/such/program] }
  - { id: directory, run: [/tmp] }
  - { id: elsewhere, run: 'true', cwd: nowhere }
  - { id: timeout, timeout: { attempt: 100ms }, run: sleep 60 }
  - { id: idle, timeout: { idle: 1s }, run: sleep 60 }
  - { id: flood, run: 'yes' }
",
    );
    let summary = world.run();
    let told = |task: &str| {
        let task = &summary["tasks"][task];
        format!("{} {}", task["status"].as_str().unwrap(), task["cause"].as_str().unwrap())
    };
    for (task, status_and_cause, says) in [
        ("code", "failed exit", "exit 7"),
        ("signal", "failed signal", "signal 11"),
        ("nothing", "failed spawn", "/no/such/program"),
        ("directory", "failed spawn", "/tmp"),
        ("elsewhere", "failed spawn", "nowhere"),
        ("timeout", "timed_out timeout", "timeout"),
        ("idle", "timed_out idle", "idle"),
        ("flood", "failed output_limit", "output_limit"),
    ] {
        assert_eq!(told(task), status_and_cause, "{summary:#}");
        let said = world.regatta(&["explain", task]).exits(0).out;
        assert!(said.contains(says), "{task}: {says:?} is not in {said}");
    }
}

#[test]
fn timeouts_and_back_off_keep_their_time_when_the_wall_clock_jumps() {
    let mut world = World::with(
        "version: 1
tasks:
  - { id: patient, timeout: { attempt: 1h }, run: sleep 0.3 }
  - { id: late, timeout: { attempt: 300ms, grace: 50ms }, run: sleep 60 }
  - { id: again, retry: { max_attempts: 2, backoff: 100ms }, run: 'test $REGATTA_ATTEMPT = 2' }
",
    );
    let library = world.path("wild_clock.so");
    world.write("wild_clock.c", include_str!("wild_clock.c"));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(world.path("wild_clock.c"));
    assert!(compiler.status().unwrap().success());
    world.set("LD_PRELOAD", library.to_str().unwrap());
    let summary = world.run();
    world.unset("LD_PRELOAD");
    let found = ["patient", "late", "again"].map(|task| status(&summary, task));
    assert_eq!(found, ["succeeded", "timed_out", "succeeded"], "{summary}");
    assert!(summary["wall_ms"].as_u64() < Some(60_000), "{summary}");
    // The clock did jump: what is written for people has days of both kinds.
    let days: std::collections::BTreeSet<String> = world
        .regatta(&["events"])
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["at"].as_str().unwrap()[..10].to_owned())
        .collect();
    assert!(days.len() > 1, "{days:?}");
    world.regatta(&["replay"]).exits(0);
}
