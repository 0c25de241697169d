//! Determinism and durability as a user sees them: same bytes, replay, resume, answers.

use crate::world::{World, status};

/// Tasks take 0 to 40 ms, different in each run; ids differ in what locales sort otherwise.
const PLAN: &str = "version: 1
name: same
limits: { max_parallel: 3 }
tasks:
  - { id: a, run: 'sleep 0.0$(($$ % 5))' }
  - { id: b, run: 'sleep 0.0$(($$ % 3)); exit 4', retry: { max_attempts: 2, backoff: 1ms } }
  - { id: c, needs: [a], result: stdout-json, run: 'sleep 0.0$(($$ % 4)); echo 1' }
  - { id: d, needs: [a], when: 'c.result == 1', run: 'sleep 0.0$(($$ % 5))' }
  - { id: e, needs: [b], run: 'true' }
  - { id: f, needs: [c, d], priority: P0, run: 'true' }
  - { id: I9, run: 'sleep 0.0$(($$ % 3))' }
  - { id: i1, run: 'true' }
  - { id: Z, needs: [i1], run: 'sleep 0.0$(($$ % 2))' }
  - { id: z_2, needs: [I9, i1], run: exit 2 }
  - { id: z-10, needs: [z_2], run: 'true' }
  - { id: m, matrix: { ss: [Iota, ida, b-1, b.1, b_1] }, needs: [Z], run: 'sleep 0.0$(($$ % 4))' }
";

#[test]
fn ten_runs_in_any_order_timing_and_locale_give_the_same_bytes() {
    let mut world = World::with(PLAN);
    let (head, tasks) = PLAN.split_once("tasks:\n").unwrap();
    let mut lines: Vec<&str> = tasks.lines().collect();
    let mut runs = Vec::new();
    for n in 0..10 {
        lines.rotate_left(1);
        let other = n % lines.len();
        lines.swap(0, other);
        world.write("plan.yaml", &format!("{head}tasks:\n{}\n", lines.join("\n")));
        world.set("LC_ALL", ["C", "tr_TR.UTF-8", "de_DE.UTF-8", "C.UTF-8"][n % 4]);
        world.set("LANG", ["tr_TR.UTF-8", "de_DE.UTF-8"][n % 2]);
        let summary = world.run();
        assert_eq!(summary["status"], "partial", "{summary}");
        let hash = world.regatta(&["plan", "plan.yaml", "--json"]).json()["schedulePlanHash"].clone();
        let files = ["schedule", "events", "attempts"]
            .map(|name| world.run_dir().join(format!("{name}.snapshot.json")))
            .map(|file| std::fs::read(file).unwrap());
        runs.push((hash, world.canonical(), files));
    }
    assert!(runs[0].1.lines().count() > 30);
    assert!(runs[0].1.contains(runs[0].0.as_str().unwrap()), "the log carries the hash that `plan` shows");
    for run in &runs {
        assert_eq!(run.0, runs[0].0);
        assert_eq!(run.1, runs[0].1);
        assert!(run.2 == runs[0].2, "three snapshot files, byte for byte");
        assert_eq!(run.1.as_bytes(), run.2[1], "`events --canonical` is the second file");
    }
}

#[test]
fn a_changed_plan_is_refused_with_the_difference() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: a, run: 'kill -TERM $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1); sleep 30', effect: idempotent }\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(130);
    world.write("plan.yaml", "version: 1\ntasks:\n  - { id: a, run: touch done, effect: idempotent }\n");
    let said = world.regatta(&["resume"]).exits(3);
    assert!(said.err.contains("task `a`: `run` was"), "{}", said.err);
    assert!(said.err.contains("--stored"), "{}", said.err);
}

#[test]
fn an_interrupted_attempt_at_most_once_waits_for_a_person() {
    let world = World::with(
        "version: 1
tasks:
  - { id: once, run: 'echo x >>ran; test -e go || { kill -INT $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1); sleep 30; }' }
  - { id: after, needs: [once], run: touch after }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(130);
    let said = world.regatta(&["resume"]).exits(5);
    assert!(said.out.contains("regatta answer"), "{}", said.out);
    let id = world.regatta(&["ls", "--json"]).json()[0]["run_id"].as_str().unwrap().to_owned();
    assert_eq!(world.regatta(&["ls", "--json"]).json()[0]["status"], "waiting");
    world.write("go", "");
    world.regatta(&["answer", &id[..8], "once", "--again"]).exits(0);
    world.regatta(&["resume", &id]).exits(0);
    assert_eq!(world.read("ran"), "x\nx\n");
    assert!(world.path("after").exists());
    world.regatta(&["answer", &id, "once", "--again"]).exits(2);
}

#[test]
fn an_answer_can_record_the_outcome_with_its_result() {
    let world = World::with(
        "version: 1
tasks:
  - { id: once, run: 'kill -INT $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1); sleep 30' }
  - { id: after, run: 'echo \"${once.result.n}\" >n' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(130);
    world.regatta(&["resume"]).exits(5);
    let id = world.regatta(&["ls", "--json"]).json()[0]["run_id"].as_str().unwrap().to_owned();
    world.regatta(&["answer", &id, "once", "--succeeded", "--result", "{\"n\": 12}"]).exits(0);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("n"), "12\n");
}

#[test]
fn a_reconcile_command_says_whether_a_lost_attempt_was_done() {
    let world = World::with(
        "version: 1
tasks:
  - id: pay
    effect: reconcile
    reconcile: 'test -e paid && echo ''{\"by\": \"check\"}'' >\"$REGATTA_RESULT\"'
    run: touch paid; kill -INT $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1); sleep 30
  - { id: after, run: 'echo \"${pay.result.by}\" >by' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(130);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("by"), "check\n");
}

#[test]
fn a_detached_run_goes_on_by_itself() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: a, run: 'mkfifo gate 2>/dev/null; echo hi >gate; touch done' }\n",
    );
    let status_of = std::process::Command::new("mkfifo").arg(world.path("gate")).status().unwrap();
    assert!(status_of.success());
    let id = world.regatta(&["run", "plan.yaml", "--detach"]).exits(0).out.trim().to_owned();
    assert_eq!(world.read("gate"), "hi\n", "the task has come to the gate");
    world.regatta(&["events", &id, "--follow"]).exits(0);
    assert!(world.path("done").exists());
    let summary = world.regatta(&["status", &id, "--json"]).exits(0).json();
    assert_eq!(status(&summary, "a"), "succeeded");
}

#[test]
fn the_id_of_what_goes_on_by_itself_is_json_where_that_is_asked_for() {
    let world = World::with("version: 1\ntasks:\n  - { id: a, run: 'test -e mended' }\n");
    let told = |args: &[&str]| {
        let said = world.regatta(args).exits(0).json();
        world.regatta(&["events", "--follow"]);
        assert_eq!(said, serde_json::json!({ "run_id": world.run_id() }), "{args:?}");
    };
    told(&["run", "plan.yaml", "--detach", "--json"]);
    world.write("mended", "");
    told(&["retry", "--detach", "--json"]);
}
