//! `--only` and `--until`: a part of a plan runs as a plan of its own, also after a crash.

use crate::world::{World, status};

const PLAN: &str = "version: 1\ntasks:\n  - { id: build, run: echo build >>log }\n  \
                    - { id: test, needs: [build], run: echo test >>log }\n  \
                    - { id: docs, needs: [build], run: echo docs >>log }\n  \
                    - { id: ship, needs: [test, docs], run: 'echo ship ${test.status} >>log' }\n";

fn tasks(world: &World, args: &[&str]) -> Vec<String> {
    let summary = world.regatta(&[&["run", "plan.yaml", "--json"], args].concat()).exits(0).json();
    assert_eq!(summary["status"], "succeeded", "{summary}");
    summary["tasks"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn until_runs_a_task_with_all_that_it_needs_and_only_runs_it_alone() {
    let world = World::with(PLAN);
    assert_eq!(tasks(&world, &["--until", "test"]), ["build", "test"]);
    assert_eq!(tasks(&world, &["--until", "test", "--until", "docs"]), ["build", "docs", "test"]);
    assert_eq!(tasks(&world, &["--only", "docs"]), ["docs"]);
    assert_eq!(tasks(&world, &["--only", "docs", "--only", "build"]), ["build", "docs"]);
    let log = world.read("log");
    assert_eq!(log.lines().filter(|l| *l == "build").count(), 3, "{log}");
    assert_eq!(log.lines().filter(|l| l.starts_with("ship")).count(), 0, "{log}");
    let shown = world.regatta(&["plan", "plan.yaml", "--until", "test"]).exits(0).out;
    assert!(shown.contains("2 tasks in 2 waves"), "{shown}");
    let dry = world.regatta(&["run", "plan.yaml", "--until", "test", "--dry-run"]).exits(0).out;
    assert_eq!(dry, shown);
}

#[test]
fn a_part_that_cannot_be_is_refused_with_what_to_do_and_nothing_starts() {
    let world = World::with(PLAN);
    for (args, what, hint) in [
        (["--only", "ship"], "task `ship` uses what `test` gives, which is left out", "`--until ship` runs"),
        (["--until", "tset"], "the plan has no task `tset`", "did you mean `test`?"),
        (["--only", "\u{1b}[31m"], "the plan has no task `\\u{1b}[31m`", "lists its tasks"),
    ] {
        let said = world.regatta(&[&["run", "plan.yaml"][..], &args].concat()).exits(2);
        assert!(said.err.contains(what) && said.err.contains(hint), "{}", said.err);
    }
    world.regatta(&["run", "plan.yaml", "--only", "test", "--until", "test"]).exits(2);
    assert!(!world.path("log").exists() && !world.path(".regatta").exists());
}

#[test]
fn the_hint_about_a_map_names_the_map_and_is_obeyed() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: a, run: 'echo [1] >$REGATTA_RESULT' }\n  \
         - { id: m, for_each: '${a.result}', run: echo }\n",
    );
    for verb in ["run", "plan", "export"] {
        let said = world.regatta(&[verb, "plan.yaml", "--only", "m"]).exits(2);
        assert!(said.err.contains("hint: `--until m` runs what it needs too"), "{}", said.err);
    }
    world.regatta(&["run", "plan.yaml", "--until", "m"]).exits(0);
}

#[test]
fn a_part_is_resumed_and_retried_as_the_part_it_was() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: a, effect: idempotent, run: 'test -e go || { kill -INT $(grep -o [0-9]* \
         .regatta/runs/$REGATTA_RUN_ID/lock | head -n1); sleep 60; }' }\n  - { id: b, needs: [a], run: test -e mended }\n  \
         - { id: c, needs: [b], run: touch c }\n",
    );
    world.regatta(&["run", "plan.yaml", "--until", "b"]).exits(130);
    world.write("go", "");
    let summary = world.regatta(&["resume", "--json"]).exits(1).json();
    assert_eq!((status(&summary, "b"), status(&summary, "c")), ("failed", "missing"));
    world.write("mended", "");
    let summary = world.regatta(&["retry", "--json"]).exits(0).json();
    assert_eq!((status(&summary, "b"), status(&summary, "c")), ("succeeded", "missing"));
    assert!(!world.path("c").exists());
    let text = world.read("plan.yaml");
    world.write("plan.yaml", &text.replace("id: b,", "id: bb,").replace("[b]", "[bb]"));
    assert!(world.regatta(&["retry", "--task", "b"]).exits(3).err.contains("has changed"));
}

#[test]
fn what_is_left_out_need_not_be_built() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: a, run: touch a }\n  - { id: g, needs: [a], handoff: {}, run: x }\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(2);
    world.regatta(&["run", "plan.yaml", "--until", "a"]).exits(0);
    assert!(world.path("a").exists());
}
