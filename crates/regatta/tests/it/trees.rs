//! Process trees: caps count live work, and nothing outlives its attempt.

use crate::world::{World, status};

/// Each task counts itself in, looks how many there are, and counts itself out.
const COUNT: &str = "count() { ls live | wc -l >>seen; }; touch live/$REGATTA_TASK_ID; count; sleep 0.03; count; rm live/$REGATTA_TASK_ID";

#[test]
fn live_work_never_exceeds_a_cap() {
    let mut plan = "version: 1\nlimits: { max_parallel: 3, per_tag: { db: 1 } }\ntasks:\n".to_owned();
    for n in 0..12 {
        let tags = if n % 2 == 0 { "[db]" } else { "[]" };
        plan.push_str(&format!("  - {{ id: t{n}, tags: {tags}, run: '{COUNT}' }}\n"));
    }
    let world = World::with(&plan);
    std::fs::create_dir(world.path("live")).unwrap();
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary}");
    let most = world.read("seen").lines().map(|l| l.trim().parse::<u32>().unwrap()).max();
    assert!(most <= Some(3), "{most:?}");
    assert_eq!(summary["most_at_once"], 3);
}

#[test]
fn a_timed_out_tree_is_dead_before_its_slot_is_free() {
    let world = World::with(
        "version: 1
limits: { max_parallel: 1 }
tasks:
  - id: stubborn
    priority: P0
    timeout: { attempt: 1s, grace: 200ms }
    run: |
      trap '' TERM
      (trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ >grandchild; while :; do sleep 1; done') &
      while :; do sleep 1; done
  - id: next
    run: if kill -0 $(cat grandchild) 2>/dev/null; then echo alive; else echo dead; fi >state
",
    );
    let summary = world.run();
    assert_eq!(status(&summary, "stubborn"), "timed_out");
    assert_eq!(world.read("state"), "dead\n");
}

#[test]
fn a_child_that_outlives_its_leader_is_ended_and_recorded() {
    let world = World::with(
        "version: 1
tasks:
  - { id: parent, run: 'sleep 300 & echo $! >pid' }
  - { id: next, needs: [parent], run: 'if kill -0 $(cat pid) 2>/dev/null; then echo alive; else echo dead; fi >state' }
",
    );
    let summary = world.run();
    assert_eq!(status(&summary, "parent"), "succeeded");
    assert_eq!(world.read("state"), "dead\n");
    assert!(world.kinds().contains(&"leaked_processes".to_owned()));
}

#[test]
fn too_much_output_ends_the_attempt() {
    let world = World::with(
        "version: 1
limits: { output: 1MiB }
tasks:
  - { id: flood, run: 'yes' }
",
    );
    let summary = world.run();
    assert_eq!(summary["tasks"]["flood"]["cause"], "output_limit");
}

#[test]
fn standard_input_is_closed_and_output_is_kept_whole() {
    let world = World::with(
        "version: 1
tasks:
  - { id: a, run: 'cat; seq 1 50000; echo err >&2' }
",
    );
    world.run();
    let said = world.regatta(&["logs", "a"]).exits(0);
    assert_eq!(said.out.lines().count(), 50_000);
    assert_eq!(world.regatta(&["logs", "a", "--stderr"]).out, "err\n");
}

#[test]
fn a_second_orchestrator_is_never_started() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: a, effect: idempotent, run: 'echo up >gate; cat hold; touch done' }\n",
    );
    for name in ["gate", "hold"] {
        assert!(std::process::Command::new("mkfifo").arg(world.path(name)).status().unwrap().success());
    }
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.read("gate"), "up\n");
    for args in [&["resume"][..], &["resume", "--stored", "--json"]] {
        let said = world.regatta(args).exits(0);
        assert_eq!(said.out, "the run is not paused\n", "it was asked to go on, which it does");
    }
    let facts = world.regatta(&["status", "--json"]).json();
    assert_eq!(facts["orchestrator"]["pid"], child.id());
    std::fs::write(world.path("hold"), "go").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
