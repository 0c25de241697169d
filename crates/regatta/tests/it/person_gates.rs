//! Spec 10 "Gates", spec 4 "answer (gates, …)": tasks that wait for a person, run by the real binary.

use crate::repo_world::{belongings, with_plan};
use crate::world::{World, ends, status};
use serde_json::Value;

const PLAN: &str = "version: 1
gates: { ok: { person: review the diff } }
tasks:
  - { id: a, run: 'echo a >>done' }
  - { id: g, needs: [a], gate: ok }
  - { id: after, needs: [g], run: [sh, -c, 'printf %s \"$1\" >said', x, '${g.result.passed}'] }
  - { id: beside, needs: [a], run: 'echo beside >>done' }
";

fn asked() -> World {
    let world = World::with(PLAN);
    let said = world.regatta(&["run", "plan.yaml"]).exits(5);
    let run = world.run_id();
    let next = format!(
        "asks       g: gate `ok` asks: review the diff\n           to allow: regatta answer {run} g --allow\n           to deny:  regatta answer {run} g --deny\n"
    );
    assert!(said.out.contains(&next), "{}", said.out);
    let next = format!(
        "next: regatta answer {run} g --allow\nor:   regatta answer {run} g --deny\nthen: regatta resume {run}\n"
    );
    assert!(said.out.contains(&next), "{}", said.out);
    // When it asks and in the end: once each, and whole.
    assert_eq!(said.out.matches("next:").count(), 1, "{}", said.out);
    for word in ["--allow", "--deny"] {
        assert_eq!(said.out.matches(&format!("regatta answer {run} g {word}")).count(), 2, "{}", said.out);
    }
    world
}

#[test]
fn of_several_gates_that_wait_each_is_told_once_with_both_answers() {
    let world = World::with(
        "version: 1\ngates: { ok: { person: really } }\ntasks: [ { id: g, gate: ok }, { id: h, gate: ok } ]\n",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(5).out;
    let run = world.run_id();
    let summary = said.split("\n\n").nth(1).unwrap();
    let status = world.regatta(&["status"]).exits(0).out;
    for (text, next) in [(summary, 1), (&status, 0)] {
        assert_eq!(text.matches("next:").count(), next, "{text}");
        for command in ["g --allow", "g --deny", "h --allow", "h --deny"] {
            assert_eq!(
                text.matches(&format!("regatta answer {run} {command}")).count(),
                1,
                "{command}: {text}"
            );
        }
    }
}

#[test]
fn what_does_not_depend_on_a_person_goes_on_and_then_the_run_waits_with_exit_5() {
    let world = asked();
    assert_eq!(world.read("done"), "a\nbeside\n");
    let run = world.run_id();
    let said = world.regatta(&["status"]).exits(0).out;
    let next = format!(
        "  asks: task g, gate `ok` asks: review the diff\n    to allow: regatta answer {run} g --allow\n"
    );
    assert!(said.contains(&next), "{said}");
    let summary = world.regatta(&["status", "--json"]).json();
    let question = &summary["questions"][0];
    assert_eq!(
        (&question["task"], &question["title"]),
        (&"g".into(), &"review the diff".into()),
        "{summary:#}"
    );
    assert_eq!(question["deny"], format!("regatta answer {run} g --deny"));
    assert_eq!((status(&summary, "g"), summary["tasks"]["g"]["attempts"].clone()), ("in_doubt", 0.into()));
    let why = world.regatta(&["explain", "g"]).exits(0).out;
    assert!(why.contains("g: a person must answer: gate `ok` asks: review the diff\n"), "{why}");
    assert!(why.contains(&format!("to deny:  regatta answer {run} g --deny")), "{why}");
    let story = world.read(&format!(".regatta/runs/{run}/escalations/g.md"));
    assert!(
        story.contains("review the diff") && story.contains(&format!("`regatta answer {run} g --allow`")),
        "{story}"
    );
    let story = world.regatta(&["post-mortem"]).exits(0).out;
    assert!(
        story.contains("review the diff") && story.contains(&format!("regatta answer {run} g --allow")),
        "{story}"
    );
    // No slot, no process, no attempt.
    assert_eq!(world.kinds().iter().filter(|kind| *kind == "dispatch_started").count(), 2);
    // Nobody has answered: it asks on.
    world.regatta(&["resume"]).exits(5);
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn a_yes_that_is_recorded_lets_the_run_go_on_when_it_is_resumed() {
    let world = asked();
    let run = world.run_id();
    let said = world.regatta(&["answer", &run, "g", "--allow"]).exits(0).out;
    assert!(said.contains("recorded, to be obeyed first"), "{said}");
    assert!(
        world
            .regatta(&["answer", &run, "g", "--deny"])
            .exits(2)
            .err
            .contains("waits for nobody's answer now")
    );
    world.regatta(&["resume", &run]).exits(0);
    assert_eq!(world.read("said"), "true");
    world.regatta(&["replay", &run]).exits(0);
}

#[test]
fn a_no_fails_the_task_with_its_cause_and_blocks_what_needs_it() {
    let world = asked();
    let run = world.run_id();
    world.regatta(&["answer", &run, "g", "--deny"]).exits(0);
    world.regatta(&["resume", &run]).exits(1);
    let summary = world.regatta(&["status", "--json"]).json();
    assert_eq!((status(&summary, "g"), status(&summary, "after")), ("failed", "blocked"), "{summary:#}");
    assert_eq!(summary["tasks"]["g"]["cause"], "refused");
    assert_eq!(summary["questions"], Value::Array(vec![]));
    world.regatta(&["replay", &run]).exits(0);
}

#[test]
fn the_words_for_tasks_in_doubt_answer_a_gate_too_but_there_is_nothing_to_be_tried_again() {
    let world = asked();
    let of = |args: &[&str]| world.regatta(&[&["answer", "g"][..], args].concat());
    assert!(of(&["--again"]).exits(2).err.contains("there is nothing to be tried again"));
    assert!(of(&["--allow", "--question", "1.1"]).exits(2).err.contains("leave `--question` out"));
    assert!(of(&["--succeeded", "--result", "1"]).exits(2).err.contains("its result is what they say"));
    assert!(world.regatta(&["skip", "g"]).exits(2).err.contains("regatta answer"));
    of(&["--succeeded"]).exits(0);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("said"), "true");
}

/// As the plan above, with something that runs until it is told to end.
pub fn live() -> (World, std::process::Child) {
    let world = World::with(&PLAN.replace("echo beside >>done", "echo up >up; read -r word <go"));
    world.fifo("up");
    world.fifo("go");
    let child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    world.follow("node_in_doubt", 1);
    (world, child)
}

#[test]
fn a_live_run_obeys_the_answer_at_once() {
    let (world, mut child) = live();
    let said = world.regatta(&["answer", "g", "--allow"]).exits(0).out;
    assert_eq!(said, "task `g` passes gate `ok`\n");
    world.follow("node_succeeded", 3);
    assert_eq!(world.read("said"), "true");
    std::fs::write(world.path("go"), "go\n").unwrap();
    assert_eq!(ends(&mut child), Some(0));
}

#[test]
fn a_question_outlives_the_death_of_its_orchestrator() {
    let (world, mut child) = live();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(world.regatta(&["status"]).exits(0).out.contains("asks: task g, gate `ok`"));
    world.regatta(&["answer", "g", "--allow"]).exits(0);
    let mut resumed = world.start(&["resume"]);
    world.follow("dispatch_adopted", 1);
    std::fs::write(world.path("go"), "go\n").unwrap();
    assert_eq!(ends(&mut resumed), Some(0));
    assert_eq!(world.kinds().iter().filter(|kind| *kind == "node_in_doubt").count(), 1);
    assert_eq!(world.read("said"), "true");
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn two_gates_may_ask_at_once_and_each_gets_its_own_answer() {
    let world = World::with(
        "version: 1
gates: { ok: { person: one }, also: { person: two } }
tasks:
  - { id: g, gate: ok }
  - { id: h, gate: also }
  - { id: x, needs: [g], run: 'echo x >>done' }
  - { id: y, needs: [h], run: 'echo y >>done' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let questions = world.regatta(&["status", "--json"]).json()["questions"].clone();
    assert_eq!(questions.as_array().unwrap().len(), 2, "{questions:#}");
    world.regatta(&["answer", "h", "--allow"]).exits(0);
    world.regatta(&["resume"]).exits(5);
    assert_eq!(world.read("done"), "y\n");
    world.regatta(&["answer", "g", "--deny"]).exits(0);
    world.regatta(&["resume"]).exits(1);
    let summary = world.regatta(&["status", "--json"]).json();
    assert_eq!((status(&summary, "x"), status(&summary, "y")), ("blocked", "succeeded"), "{summary:#}");
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn no_attempt_answers_for_a_person() {
    let binary = env!("CARGO_BIN_EXE_regatta");
    let world = World::with(&PLAN.replace(
        "echo beside >>done",
        &format!(
            "until {binary} status --json | grep -q review; do :; done; {binary} answer g --allow 2>refused"
        ),
    ));
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let summary = world.regatta(&["status", "--json"]).json();
    assert_eq!((status(&summary, "g"), status(&summary, "beside")), ("in_doubt", "failed"), "{summary:#}");
    assert!(
        world.read("refused").contains("answer from a terminal of your own"),
        "{}",
        world.read("refused")
    );
}

#[test]
fn with_on_failure_stop_nobody_is_asked_what_nothing_follows_from() {
    let world = World::with(
        "version: 1
on_failure: stop
gates: { ok: { person: go on? } }
tasks:
  - { id: g, gate: ok }
  - { id: bad, run: 'exit 1' }
",
    );
    let summary = world.run();
    assert_eq!((status(&summary, "g"), status(&summary, "bad")), ("skipped", "failed"), "{summary:#}");
}

#[test]
fn a_person_takes_no_time_in_a_prediction_unless_the_plan_says_how_much() {
    let plan = |estimate: &str| {
        format!(
            "version: 1\ngates: {{ ok: {{ person: go on? }} }}\ntasks:\n  - {{ id: a, run: 'true', estimate: 10s }}\n  - {{ id: g, needs: [a], gate: ok{estimate} }}\n  - {{ id: b, needs: [g], run: 'true', estimate: 10s }}\n"
        )
    };
    for (estimate, sum) in [("", "predicted      20.0 s"), (", estimate: 1m", "predicted      1 m 20 s")] {
        let world = World::with(&plan(estimate));
        let said = world.regatta(&["plan", "plan.yaml"]).exits(0).out;
        assert!(said.contains(sum), "{said}");
    }
}

#[test]
fn in_a_worktree_plan_nothing_lands_before_the_person_said_yes() {
    let world = with_plan(
        "merge: { gates: ['true'] }
gates: { ok: { person: review the diff } }
tasks:
  - { id: a, run: 'echo new >new.txt' }
  - { id: g, needs: [a], gate: ok }
  - { id: b, needs: [g], run: 'cp new.txt copied.txt' }
",
    );
    let before = belongings(&world);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    assert_eq!(belongings(&world), before);
    world.regatta(&["answer", "g", "--allow"]).exits(0);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("copied.txt"), "new\n");
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn nobody_is_asked_where_a_gate_that_must_have_passed_was_skipped() {
    let world = World::with(
        "version: 1
gates: { lint: { run: 'true' }, ok: { person: review the diff, needs: [lint] } }
tasks:
  - { id: one, run: 'true' }
  - { id: l, gate: lint, when: 'false' }
  - { id: between, needs: [one, l], allow_skipped: true, run: 'true' }
  - { id: g, needs: [between], gate: ok }
  - { id: after, needs: [g], run: 'touch ran' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let summary = world.regatta(&["status", "--json"]).json();
    assert_eq!((status(&summary, "g"), status(&summary, "after")), ("failed", "blocked"), "{summary:#}");
    assert_eq!(summary["tasks"]["g"]["cause"], "red_gate");
    let why = world.regatta(&["explain", "g"]).exits(0).out;
    assert!(why.contains("not asked, because it needs `l` to have passed"), "{why}");
    world.regatta(&["replay"]).exits(0);
}
