//! The ends of tasks and runs that `outcomes` does not have: undo that fails, stops and timeouts in the
//! middle of work, and plan mistakes that must not be taken for one another.

use crate::world::{World, status};
use serde_json::Value;

/// The canonical log as values.
fn log(world: &World) -> Vec<Value> {
    world.canonical().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_failed_undo_is_reported_and_never_hides_the_first_cause() {
    let world = World::with(
        "version: 1
on_failure: rollback
limits: { max_parallel: 2 }
tasks:
  - { id: a, run: 'true', undo: echo a >>undone }
  - { id: b, run: 'true', undo: 'echo b >>undone; exit 7' }
  - { id: z, priority: P0, run: 'true', undo: echo z >>undone }
  - { id: c, needs: [a, b], run: 'true', undo: 'sleep 60', timeout: { attempt: 100ms, grace: 50ms } }
  - { id: plain, needs: [a], run: 'true' }
  - { id: last, needs: [c, plain, z], run: exit 9, undo: echo last >>undone }
  - { id: never, needs: [last], run: touch never }
",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    assert!(said.out.contains("not undone b: exit 7"), "{}", said.out);
    assert!(said.out.contains("not undone c: timeout"), "{}", said.out);
    assert!(said.out.contains("undone     z"), "{}", said.out);
    assert_eq!(world.read("undone"), "b\na\nz\n", "in reverse order key, one failure stops no other");
    let summary = world.regatta(&["status", "--json"]).json();
    assert_eq!(summary["status"], "failed");
    assert_eq!(status(&summary, "b"), "succeeded", "a node whose undo failed stays succeeded");
    assert_eq!(status(&summary, "never"), "blocked");
    let first = log(&world).into_iter().find(|line| line["status"] == "failed").unwrap();
    assert_eq!(first["node_id"], "last", "the first cause comes first");
    let undo: Vec<String> = log(&world)
        .iter()
        .filter(|line| line["kind"].as_str().unwrap().starts_with("undo_"))
        .map(|line| format!("{} {}", line["node_id"].as_str().unwrap(), line["kind"].as_str().unwrap()))
        .collect();
    let expect = ["c undo_started", "c undo_failed", "b undo_started", "b undo_failed"];
    assert_eq!(undo[..4], expect);
    assert_eq!(undo.len(), 8);
}

#[test]
fn an_undo_sees_the_result_of_its_own_task() {
    let world = World::with(
        "version: 1
on_failure: rollback
tasks:
  - id: make
    run: 'echo ''{\"id\": \"x y\"}'' >\"$REGATTA_RESULT\"'
    undo: 'echo \"gone ${make.result.id}\" >undone'
  - { id: bad, needs: [make], run: exit 1 }
",
    );
    world.run();
    assert_eq!(world.read("undone"), "gone x y\n");
}

#[test]
fn a_rollback_that_was_killed_goes_on_and_ends() {
    let world = World::with(
        "version: 1
on_failure: rollback
tasks:
  - { id: a, run: 'true', undo: echo a >>undone }
  - id: b
    needs: [a]
    run: 'true'
    undo: 'test -e go || { touch go; kill -9 $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1) $PPID; sleep 60; }; echo b >>undone'
  - { id: c, needs: [b], run: 'true', undo: echo c >>undone }
  - { id: bad, needs: [c], run: exit 1 }
",
    );
    assert_eq!(world.regatta(&["run", "plan.yaml"]).code, None);
    assert_eq!(world.read("undone"), "c\n");
    world.regatta(&["resume"]).exits(1);
    assert_eq!(world.read("undone"), "c\nb\na\n", "the lost undo runs again, the finished one does not");
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn stop_lets_running_attempts_end_and_gives_up_retries_that_wait() {
    let world = World::with(
        "version: 1
on_failure: stop
tasks:
  - id: bad
    run: 'until test -s flaky-tried && test -e long-began; do sleep 0.01; done; sleep 0.1; exit 1'
  - { id: flaky, retry: { max_attempts: 3, backoff: 1h }, run: 'echo x >>flaky-tried; exit 1' }
  - { id: long, run: 'touch long-began; sleep 0.3; touch long-ended' }
  - { id: child, needs: [bad], run: touch child-ran }
  - { id: after, needs: [long], run: touch after-ran }
",
    );
    let summary = world.regatta(&["run", "plan.yaml", "--json"]).exits(1).json();
    assert_eq!(summary["status"], "failed");
    assert_eq!(status(&summary, "long"), "succeeded", "{summary}");
    assert!(world.path("long-ended").exists());
    assert_eq!(status(&summary, "flaky"), "failed");
    assert_eq!(summary["tasks"]["flaky"]["cause"], "stopped", "{summary}");
    assert_eq!(status(&summary, "child"), "blocked");
    assert_eq!(status(&summary, "after"), "skipped");
    assert!(!world.path("after-ran").exists() && !world.path("child-ran").exists());
    assert_eq!(world.read("flaky-tried"), "x\n");
}

#[test]
fn a_run_timeout_ends_whole_trees_that_are_deaf_to_term() {
    let world = World::with(
        "version: 1
timeout: { run: 300ms, grace: 200ms }
tasks:
  - id: deaf
    run: |
      trap '' TERM
      setsid sh -c 'trap \"\" TERM; echo $$ >grandchild; while :; do sleep 0.05; done' &
      while :; do sleep 0.05; done
  - { id: later, retry: { max_attempts: 5, backoff: 1h }, run: exit 1 }
  - { id: next, needs: [deaf], run: touch next-ran }
",
    );
    let summary = world.regatta(&["run", "plan.yaml", "--json"]).exits(1).json();
    assert_eq!(summary["status"], "failed");
    for task in ["deaf", "later", "next"] {
        assert_eq!(status(&summary, task), "cancelled", "{task}: {summary}");
        assert_eq!(summary["tasks"][task]["cause"], "run_timeout", "{summary}");
    }
    assert!(!crate::world::lives(&world.read("grandchild")));
    assert!(!world.path("next-ran").exists());
}

#[test]
fn output_keeps_an_attempt_from_being_idle() {
    let world = World::with(
        "version: 1
tasks:
  - { id: talks, timeout: { idle: 1s, grace: 50ms }, run: 'for i in 1 2 3 4 5; do echo $i; sleep 0.4; done' }
",
    );
    assert_eq!(world.run()["status"], "succeeded");
}

#[test]
fn a_retry_is_not_lost_when_a_sibling_fails_or_times_out_during_its_back_off() {
    for sibling in
        ["run: exit 1", "timeout: { attempt: 50ms, grace: 50ms }, run: sleep 60", "run: kill -9 $$"]
    {
        let world = World::with(&format!(
            "version: 1
limits: {{ max_parallel: 2 }}
tasks:
  - id: flaky
    retry: {{ max_attempts: 3, backoff: 60ms }}
    run: echo x >>tries; test $REGATTA_ATTEMPT = 3
  - {{ id: sibling, {sibling} }}
  - {{ id: child, needs: [flaky], run: touch child-ran }}
"
        ));
        let summary = world.run();
        assert_eq!(status(&summary, "flaky"), "succeeded", "{sibling}: {summary}");
        assert_eq!(world.read("tries"), "x\nx\nx\n");
        assert!(world.path("child-ran").exists());
    }
}

#[test]
fn nothing_below_a_failed_task_runs_however_far_and_everything_beside_it_does() {
    let mut plan =
        "version: 1\ntasks:\n  - { id: root, run: exit 1 }\n  - { id: well, run: 'true' }\n".to_owned();
    for n in 0..12 {
        let (above, beside) = match n {
            0 => ("root".to_owned(), "well".to_owned()),
            n => (format!("d{}", n - 1), format!("w{}", n - 1)),
        };
        plan.push_str(&format!("  - {{ id: d{n}, needs: [{above}, well], run: echo d{n} >>ran }}\n"));
        plan.push_str(&format!("  - {{ id: w{n}, needs: [{beside}], run: echo w{n} >>ran }}\n"));
    }
    let world = World::with(&plan);
    let summary = world.run();
    assert_eq!(summary["status"], "partial");
    let expect: String = (0..12).map(|n| format!("w{n}\n")).collect();
    assert_eq!(world.read("ran"), expect);
    assert!((0..12).all(|n| status(&summary, &format!("d{n}")) == "blocked"), "{summary}");
}

#[test]
fn a_missing_dependency_is_not_reported_as_a_cycle_nor_a_cycle_as_a_missing_one() {
    let codes = |tasks: [&str; 2]| -> Vec<String> {
        let tasks: String = tasks.iter().map(|task| format!("  - {{ run: 'true', {task} }}\n")).collect();
        let world = World::with(&format!("version: 1\ntasks:\n{tasks}"));
        let facts = world.regatta(&["check", "plan.yaml", "--json"]).exits(3).json();
        let problems = facts["problems"].as_array().unwrap();
        problems.iter().map(|p| p["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes(["id: a, needs: [b, ghost]", "id: b, needs: [ghost]"]), ["RG011", "RG011"]);
    assert_eq!(codes(["id: a, needs: [b]", "id: b, needs: [a]"]), ["RG012"]);
    assert_eq!(codes(["id: a, needs: [a]", "id: b"]), ["RG012"]);
    assert_eq!(codes(["id: a, needs: [b, ghost]", "id: b, needs: [a]"]), ["RG011", "RG012"]);
}

#[test]
fn a_duplicate_id_never_runs_twice_nor_once() {
    let tool = r#"{"id":"a","tool":"shell","params":{"cmd":"echo >>ran"}}"#;
    let command = r#"{"id":"a","cmd":"echo >>ran"}"#;
    for (name, text) in [
        ("plan.yaml", "version: 1\ntasks:\n  - { id: a, run: echo >>ran }\n  - { id: a, run: echo >>ran }\n"),
        ("case.yaml", "version: 1\ntasks:\n  - { id: a, run: echo >>ran }\n  - { id: A, run: echo >>ran }\n"),
        ("request.json", &format!("{{\"tasks\":[{tool},{tool}]}}")),
        ("batch.json", &format!("{{\"commands\":[{command},{command}]}}")),
    ] {
        let world = World::new();
        world.write(name, text);
        let said = world.regatta(&["run", name]).exits(3);
        assert!(said.err.contains("RG010"), "{name}: {}", said.err);
        assert!(!world.path("ran").exists() && !world.path(".regatta").exists(), "{name}");
    }
}
