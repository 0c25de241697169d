//! Caps, resources and locks count live work: told by the tasks themselves, never by what the run says of
//! itself.
//!
//! A task is live while one of its processes is; what a slot was taken for is over before the slot is given
//! away.

use crate::world::{World, status};

/// Each task leaves a mark for all it takes, counts the marks of its sort twice, and takes its own away.
const COUNT: &str = r#"
for mark; do : >"live/$mark:$REGATTA_TASK_ID"; done
look() { for mark; do sort=${mark%%=*}; ls live | grep -c "^$sort=" >>"seen.$sort"; done; }
look "$@"
sleep 0.02
look "$@"
for mark; do rm "live/$mark:$REGATTA_TASK_ID"; done
"#;

/// What task `n` takes: the marks it leaves, and the keys that say so in the plan.
fn taking(n: u32) -> (Vec<String>, String) {
    let mut marks = vec!["all=1".to_owned(), format!("wave{}=1", n / 15), format!("P{}=1", n % 4)];
    let mut keys = format!("priority: P{}", n % 4);
    if n >= 15 {
        keys.push_str(&format!(", needs: [t{:02}]", n - 15));
    }
    if n.is_multiple_of(3) {
        marks.push("db=1".to_owned());
        keys.push_str(", tags: [db, other]");
    }
    let mut locks = Vec::new();
    if n.is_multiple_of(2) {
        let units = n % 3 + 1;
        marks.extend((1..=units).map(|unit| format!("gpu={unit}")));
        locks.push(format!("{{ resource: gpu, units: {units} }}"));
    }
    if n.is_multiple_of(5) {
        marks.push("lock=1".to_owned());
        locks.push("{ resource: dev-db, mode: exclusive }".to_owned());
    }
    (marks, format!("{keys}, locks: [{}]", locks.join(", ")))
}

#[test]
fn live_work_never_exceeds_any_cap_resource_or_exclusive_lock() {
    for schedule in ["dataflow", "waves"] {
        let mut plan = format!(
            "version: 1
schedule: {schedule}
limits: {{ max_parallel: 6, per_wave: 4, per_priority: {{ P0: 3, P1: 2, P3: 1 }}, per_tag: {{ db: 2 }} }}
resources: {{ gpu: 3 }}
tasks:
"
        );
        for n in 0..30 {
            let (marks, keys) = taking(n);
            plan.push_str(&format!(
                "  - {{ id: t{n:02}, {keys}, run: 'sh count.sh {}' }}\n",
                marks.join(" ")
            ));
        }
        let world = World::with(&plan);
        world.write("count.sh", COUNT);
        std::fs::create_dir(world.path("live")).unwrap();
        let summary = world.run();
        assert_eq!(summary["status"], "succeeded", "{summary}");
        let caps = [("all", 6), ("wave0", 4), ("wave1", 4), ("P0", 3), ("P1", 2), ("P3", 1)];
        for (sort, cap) in caps.into_iter().chain([("db", 2), ("gpu", 3), ("lock", 1)]) {
            let seen = world.read(&format!("seen.{sort}"));
            let most = seen.lines().map(|line| line.trim().parse::<u32>().unwrap()).max();
            assert!(most <= Some(cap), "{schedule}: {sort} had {most:?} alive, its cap is {cap}");
            assert!(most >= Some(1), "{schedule}: nobody counted {sort}");
        }
    }
}

#[test]
fn the_schedule_sequential_has_one_task_alive_at_a_time() {
    let mut plan = "version: 1\nschedule: sequential\ntasks:\n".to_owned();
    for n in 0..8 {
        plan.push_str(&format!("  - {{ id: t{n}, run: 'sh count.sh all=1; echo {n} >>order' }}\n"));
    }
    let world = World::with(&plan);
    world.write("count.sh", COUNT);
    std::fs::create_dir(world.path("live")).unwrap();
    assert_eq!(world.run()["status"], "succeeded");
    assert_eq!(world.read("seen.all"), "1\n".repeat(16));
    assert_eq!(world.read("order"), "0\n1\n2\n3\n4\n5\n6\n7\n");
}

/// A leader, a child and a grandchild in a session of its own, deaf to TERM, at work until they are killed.
const STUBBORN: &str = "
      work() { trap '' TERM HUP INT; while :; do echo stubborn >>work; sleep 0.01; done; }
      setsid sh -c 'trap \"\" TERM HUP INT; while :; do echo stubborn >>work; sleep 0.01; done' &
      ( work & work ) &
      work
";

#[test]
fn a_timed_out_task_does_not_work_on_while_its_slot_is_given_away() {
    for (limits, keys) in [
        ("limits: { max_parallel: 1 }", ""),
        ("limits: { per_tag: { db: 1 } }", "tags: [db]"),
        ("limits: { per_priority: { P1: 1 } }", "priority: P1"),
        ("limits: { per_wave: 1 }", ""),
        ("resources: { gpu: 2 }", "locks: [ { resource: gpu, units: 2 } ]"),
        ("limits: { max_parallel: 4 }", "locks: [ { resource: dev-db, mode: exclusive } ]"),
        ("schedule: sequential", ""),
    ] {
        let world = World::with(&format!(
            "version: 1
{limits}
tasks:
  - id: a-stubborn
    estimate: 1h
    {keys}
    timeout: {{ attempt: 100ms, grace: 100ms }}
    run: |{STUBBORN}
  - id: next
    {keys}
    run: echo next >>work; sleep 0.1; echo next >>work
"
        ));
        let summary = world.run();
        assert_eq!(status(&summary, "a-stubborn"), "timed_out", "{limits}: {summary}");
        let work = world.read("work");
        let (before, after) = work.split_once("next\n").unwrap();
        assert!(before.lines().filter(|line| *line == "stubborn").count() > 3, "{limits}: {before}");
        assert_eq!(after, "next\n", "{limits}: the timed-out tree works on while `next` has its slot");
    }
}

#[test]
fn a_retry_of_a_timed_out_task_never_meets_its_own_earlier_attempt() {
    let world = World::with(&format!(
        "version: 1
tasks:
  - id: again
    retry: {{ max_attempts: 2, backoff: 1ms }}
    timeout: {{ attempt: 100ms, grace: 50ms }}
    run: |
      if [ \"$REGATTA_ATTEMPT\" = 2 ]; then echo second >>work; sleep 0.05; exit 0; fi{STUBBORN}"
    ));
    let summary = world.run();
    assert_eq!(status(&summary, "again"), "succeeded", "{summary}");
    let work = world.read("work");
    assert!(work.starts_with("stubborn\n") && work.ends_with("stubborn\nsecond\n"), "{work}");
}

#[test]
fn a_cap_given_on_the_command_line_counts_and_is_kept_for_the_resume() {
    let mut plan = "version: 1\neffect: idempotent\nlimits: { max_parallel: 4 }\ntasks:\n".to_owned();
    plan.push_str(
        "  - { id: a, priority: P0, run: 'test -e go || { touch go; kill -9 $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1) $PPID; sleep 60; }' }\n",
    );
    for n in 0..6 {
        plan.push_str(&format!("  - {{ id: t{n}, needs: [a], run: 'sh count.sh all=1' }}\n"));
    }
    let world = World::with(&plan);
    world.write("count.sh", COUNT);
    std::fs::create_dir(world.path("live")).unwrap();
    assert_eq!(world.regatta(&["run", "plan.yaml", "--max-parallel", "2"]).code, None);
    let summary = world.regatta(&["resume", "--json"]).exits(0).json();
    assert_eq!(summary["max_parallel"], 2);
    let most = world.read("seen.all").lines().map(|line| line.trim().parse::<u32>().unwrap()).max();
    assert!(most <= Some(2), "{most:?}");
}
