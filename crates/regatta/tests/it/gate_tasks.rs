//! Spec 3 "exactly one action: … | gate", spec 10 "Gates": tasks that are gates, decided by a command, run by the real binary.

use crate::repo_world::{belongings, branches, git, with_plan, worktrees};
use crate::world::{World, ends, status};
use serde_json::Value;

/// A gate task with this gate, and a task behind it that keeps its result.
fn gated(gate: &str) -> World {
    World::with(&format!(
        "version: 1
gates: {{ unit: {{ {gate} }} }}
tasks:
  - {{ id: build, run: 'echo built >made.txt' }}
  - {{ id: g, needs: [build], gate: unit }}
  - {{ id: use, needs: [g], run: [sh, -c, 'printf %s \"$1\" >said', x, '${{g.result}}'] }}
"
    ))
}

fn said(world: &World) -> Value {
    serde_json::from_str(&world.read("said")).unwrap()
}

#[test]
fn a_gate_that_passes_is_a_task_that_succeeded_and_says_so_in_its_result() {
    let world = gated("run: 'cat made.txt', name: the tests");
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    assert_eq!(said(&world), serde_json::json!({ "name": "unit", "passed": true, "said": "exit code 0" }));
    assert_eq!(world.regatta(&["logs", "g"]).exits(0).out, "built\n");
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn a_red_gate_fails_its_task_and_blocks_what_needs_it() {
    let world = gated("run: 'echo no >&2; exit 3'");
    let summary = world.run();
    assert_eq!((status(&summary, "g"), status(&summary, "use")), ("failed", "blocked"), "{summary:#}");
    assert_eq!(summary["tasks"]["g"]["cause"], "red_gate");
    let why = world.regatta(&["explain", "g"]).exits(0).out;
    assert!(why.contains("gate `unit` is red: exit code 3"), "{why}");
}

#[test]
fn a_red_gate_that_does_not_block_is_told_and_its_task_succeeds_with_passed_false() {
    for (gate, why) in [
        ("run: 'exit 3', blocking: false", "exit code 3"),
        ("run: 'sleep 300', blocking: false, timeout: 1s", "it took longer than its timeout"),
        (
            "run: \"trap 'exit 0' TERM; sleep 300 & wait\", blocking: false, timeout: 1s",
            "it took longer than its timeout",
        ),
        ("run: 'kill -9 $$', blocking: false", "signal 9"),
        ("run: [no-such-program], blocking: false", "no-such-program"),
    ] {
        let world = gated(gate);
        let said_on_screen = world.regatta(&["run", "plan.yaml"]).exits(0).out;
        assert!(said_on_screen.contains("gate `unit` is red, which is only told: "), "{said_on_screen}");
        let found = said(&world);
        assert_eq!(found["passed"], false, "{found}");
        assert!(found["said"].as_str().unwrap().contains(why), "{found}");
        world.regatta(&["replay"]).exits(0);
    }
}

#[test]
fn a_gate_has_the_time_that_the_gate_says() {
    let world = gated("run: 'sleep 300', timeout: 1s");
    let summary = world.run();
    assert_eq!(status(&summary, "g"), "timed_out", "{summary:#}");
}

const JUNIT: &str = "<testsuites><testsuite name=\"s\"><testcase name=\"a\"/>CASE</testsuite></testsuites>";

#[test]
fn evidence_that_is_red_makes_the_gate_red_although_its_command_ended_well() {
    let evidence = "run: 'cp report.in report.xml', evidence: ['junit:report.xml']";
    let world = gated(evidence);
    world.write("report.in", &JUNIT.replace("CASE", "<testcase name=\"bad\"><failure/></testcase>"));
    let summary = world.run();
    assert_eq!(summary["tasks"]["g"]["cause"], "red_gate", "{summary:#}");
    let why = world.regatta(&["explain", "g"]).exits(0).out;
    assert!(why.contains("gate `unit` is red: 1 of 2 tests failed: bad"), "{why}");

    let world = gated(evidence);
    world.write("report.in", &JUNIT.replace("CASE", ""));
    assert_eq!(world.run()["status"], "succeeded");
    let found = said(&world);
    assert_eq!(found["evidence"][0]["passed"], true, "{found}");
    assert!(found["evidence"][0]["said"].as_str().unwrap().contains("1 tests passed"), "{found}");
}

#[test]
fn what_lay_there_before_a_gate_ran_is_no_evidence_and_is_not_deleted() {
    let world = gated("run: 'true', evidence: ['junit:report.xml']");
    world.write("report.xml", &JUNIT.replace("CASE", ""));
    let summary = world.run();
    assert_eq!(summary["tasks"]["g"]["cause"], "red_gate", "{summary:#}");
    assert!(world.regatta(&["explain", "g"]).exits(0).out.contains("it was not written"));
    assert_eq!(world.read("report.xml"), JUNIT.replace("CASE", ""));
}

#[test]
fn a_long_report_of_a_gate_is_read_while_others_are_started_and_have_their_times() {
    // `s` ends when the command of the gate does, which holds the other end of its pipe.
    let world = World::with(
        "version: 1
gates: { unit: { run: 'exec 9>pipe; cp report.in report.xml', evidence: ['junit:report.xml'] } }
tasks:
  - { id: g, gate: unit }
  - { id: s, run: 'cat pipe' }
  - { id: t, needs: [s], run: 'sleep 300', timeout: { attempt: 50ms, grace: 0s } }
  - { id: u, needs: [g], run: 'true' }
",
    );
    world.fifo("pipe");
    world.write("report.in", &JUNIT.replace("CASE", &"<testcase name=\"one of many\"/>".repeat(1_500_000)));
    let summary = world.run();
    let all = ["g", "t", "u"].map(|task| status(&summary, task).to_owned());
    assert_eq!(all, ["succeeded", "timed_out", "succeeded"], "{summary:#}");
    let events = world.regatta(&["events"]).exits(0).out;
    let at = |kind: &str, task: &str| {
        let is_it =
            |line: &str| line.contains(&format!("\"{kind}\"")) && line.contains(&format!("\"{task}\""));
        events.lines().position(is_it).unwrap_or_else(|| panic!("no {kind} of {task}: {events}"))
    };
    assert!(at("dispatch_timed_out", "t") < at("dispatch_succeeded", "g"), "{events}");
    let said = world.regatta(&["explain", "u"]).exits(0);
    assert!(!said.out.contains("red"), "{}", said.out);
}

#[test]
fn a_gate_may_be_tried_again() {
    let world = World::with(
        "version: 1
gates: { unit: { run: 'test -e tried || { touch tried; exit 1; }' } }
tasks: [ { id: g, gate: unit, retry: { max_attempts: 2, backoff: 0s } } ]
",
    );
    let summary = world.run();
    assert_eq!((status(&summary, "g"), &summary["tasks"]["g"]["attempts"]), ("succeeded", &2.into()));
}

#[test]
fn what_a_gate_needs_is_a_gate_of_a_task_before_it_and_has_passed() {
    let plan = |before: &str, lint: &str| {
        format!(
            "version: 1
gates: {{ lint: {{ {lint} }}, unit: {{ run: 'touch ran', needs: [lint] }} }}
tasks:
  - {{ id: l, gate: lint }}
  - {{ id: g, {before}gate: unit }}
"
        )
    };
    let world = World::with(&plan("", "run: 'true'"));
    let refused = world.regatta(&["check", "plan.yaml"]).exits(3);
    let told = format!("{}{}", refused.out, refused.err);
    assert!(
        told.contains("task `g` is gate `unit`, which needs gate `lint`, and no task before it is that gate")
            && told.contains("add a task with `gate: lint`"),
        "{told}"
    );
    let world = World::with(&plan("needs: [l], ", "run: 'true'"));
    assert_eq!(world.run()["status"], "succeeded");
    assert!(world.path("ran").exists());
    // Red that is only told is no pass to a gate that needs it.
    let world = World::with(&plan("needs: [l], ", "run: 'false', blocking: false"));
    let summary = world.run();
    assert_eq!((status(&summary, "l"), status(&summary, "g")), ("succeeded", "failed"), "{summary:#}");
    assert!(world.regatta(&["explain", "g"]).exits(0).out.contains("not run: it needs `lint`"));
    assert!(!world.path("ran").exists());
}

#[test]
fn a_gate_outlives_its_orchestrator() {
    let world = gated("run: 'echo up >up; read -r word <go; test \"$word\" = go'");
    world.fifo("up");
    world.fifo("go");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    child.kill().unwrap();
    child.wait().unwrap();
    let mut resumed = world.start(&["resume"]);
    world.follow("dispatch_adopted", 1);
    std::fs::write(world.path("go"), "go\n").unwrap();
    assert_eq!(ends(&mut resumed), Some(0));
    assert_eq!(said(&world)["passed"], true);
    assert_eq!(world.kinds().iter().filter(|kind| *kind == "dispatch_started").count(), 3);
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn a_gate_whose_report_is_being_read_when_its_orchestrator_dies_is_judged_by_the_next_one() {
    let world = World::with(
        "version: 1
gates: { unit: { run: 'echo ran >>ran; exec 9>pipe; cp report.in report.xml', evidence: ['junit:report.xml'] } }
tasks:
  - { id: g, gate: unit }
  - { id: s, run: 'cat pipe' }
  - { id: t, needs: [s], run: 'echo up >up; cat hold' }
",
    );
    ["pipe", "up", "hold"].iter().for_each(|name| world.fifo(name));
    world.write("report.in", &JUNIT.replace("CASE", &"<testcase name=\"one of many\"/>".repeat(1_500_000)));
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    child.kill().unwrap();
    child.wait().unwrap();
    let mut resumed = world.start(&["resume"]);
    world.follow("dispatch_adopted", 1);
    std::fs::write(world.path("hold"), "").unwrap();
    assert_eq!(ends(&mut resumed), Some(0));
    assert_eq!(world.read("ran"), "ran\n", "its command is not run again");
    assert_eq!(world.kinds().iter().filter(|kind| *kind == "dispatch_started").count(), 3);
    world.regatta(&["replay"]).exits(0);
}

const APART: &str = "merge: { gates: ['true'] }
gates: { unit: { run: 'cat new.txt >../../seen.log; echo changed >src/b.txt; echo more >leftover.txt; git commit -qam mine; echo 3 >report.json', evidence: ['json:report.json report == 3'] } }
tasks:
  - { id: a, run: 'echo new >new.txt' }
  - { id: g, needs: [a], gate: unit }
  - { id: b, needs: [g], run: 'cp new.txt copied.txt; ls >listed.txt' }
";

#[test]
fn in_a_worktree_plan_a_gate_sees_the_work_before_it_and_nothing_of_its_own_lands() {
    let world = with_plan(APART);
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(!said.out.contains("warning"), "{}", said.out);
    assert_ne!(belongings(&world), before);
    assert_eq!(world.read(".regatta/seen.log"), "new\n");
    assert_eq!((world.read("new.txt"), world.read("copied.txt")), ("new\n".into(), "new\n".into()));
    // What needs the gate begins from what the gate was given.
    let listed = world.read("listed.txt");
    assert!(!listed.contains("leftover") && !listed.contains("report"), "{listed}");
    assert_ne!(world.read("src/b.txt"), "changed\n");
    assert!(!world.path("leftover.txt").exists() && !world.path("report.json").exists());
    let log = git(&world, &["log", "--format=%s", "main"]);
    assert!(!log.contains("mine") && !log.contains("Merge g"), "{log}");
    assert_eq!(worktrees(&world), 0);
    assert!(branches(&world).is_empty());
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn where_work_is_merged_a_red_gate_lets_nothing_land() {
    let world = with_plan(&APART.replace("report == 3", "report == 4"));
    let before = belongings(&world);
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let summary = world.regatta(&["status", "--json"]).json();
    assert_eq!(summary["tasks"]["g"]["cause"], "red_gate", "{summary:#}");
    assert_eq!(status(&summary, "b"), "blocked");
    assert_eq!(belongings(&world), before);
}

#[test]
fn a_gate_task_that_says_what_makes_no_sense_is_a_plan_error_with_help() {
    let check = |gates: &str, task: &str, expect: &str| {
        let world = World::with(&format!(
            "version: 1\ngates: {{ {gates} }}\ntasks: [ {{ id: a, run: 'true' }}, {{ id: g, {task} }} ]\n"
        ));
        let refused = world.regatta(&["check", "plan.yaml"]).exits(3);
        let told = format!("{}{}", refused.out, refused.err);
        assert!(told.contains(expect), "{gates} {task}: {told}");
    };
    let (unit, person) = ("unit: { run: 'true' }", "unit: { person: ok? }");
    check(unit, "gate: unti", "did you mean `unit`?");
    check(unit, "gate: unit, timeout: { attempt: 3s }", "`timeout` of gate `unit` says how long it may take");
    for key in ["files: [a]", "accept: [a]", "verify: [a]", "undo: a", "result: stdout-json", "outputs: [a]"]
    {
        let name = key.split(':').next().unwrap();
        check(unit, &format!("gate: unit, {key}"), &format!("`{name}` of task `g` has no use in a gate"));
    }
    check(unit, "gate: unit, effect: at-most-once", "its effect is `pure`");
    check(unit, "gate: unit, prompt: hello", "`prompt` of task `g` belongs to `agent`");
    check("unit: { person: ok?, timeout: 1m }", "gate: unit", "a person is waited for");
    check(person, "gate: unit, retry: { max_attempts: 2 }", "has no use in a gate that a person decides");
    check(person, "gate: unit, cache: true", "has no use in a gate that a person decides");
    for key in ["cache: true", "cache_key: a", "retry: { max_attempts: 2 }", "max_retries: 2"] {
        let task = format!("gate: unit, {key}");
        check("unit: { expr: 'true' }", &task, "has no use in a gate that is an expression");
    }
    check(
        "unit: { expr: 'nobody.result == 1' }",
        "gate: unit",
        "`nobody` in the condition of task `g` names no task",
    );
    check("unit: { expr: 'a.' }", "run: 'true'", "the expression of gate `unit` does not parse");
    check("unit: { expr: 'true', timeout: 1m }", "run: 'true'", "an expression takes no time");
    check("unit: { expr: 'true', run: 'true' }", "run: 'true'", "");
    check(
        "l: { run: 'true', blocking: false }, unit: { person: ok?, needs: [l] }",
        "gate: unit, needs: [l] }, { id: l, gate: l",
        "`l` does not block",
    );
}

#[test]
fn equal_work_of_an_earlier_gate_stands_only_where_the_plan_says_so() {
    let plan = |cache: &str| {
        format!(
            "version: 1\ncache: true\ngates: {{ unit: {{ run: 'echo x >>count' }} }}\ntasks: [ {{ id: g, gate: unit, reads: [made]{cache} }} ]\n"
        )
    };
    for (cache, times) in [("", 2), (", cache: true", 1)] {
        let world = World::with(&plan(cache));
        world.write("made", "1\n");
        world.run();
        world.run();
        assert_eq!(world.read("count").lines().count(), times, "{cache}");
    }
}

#[test]
fn equal_work_stands_for_no_gate_before_which_a_gate_that_it_needs_is_red() {
    for (cache, again) in
        [(", cache: true", vec!["run", "plan.yaml"]), ("", vec!["run", "plan.yaml", "--reuse", "RUN"])]
    {
        let world = World::with(&format!(
            "version: 1
gates: {{ lint: {{ run: 'test -e ok', blocking: false }}, unit: {{ run: 'echo x >>count', needs: [lint] }} }}
tasks: [ {{ id: l, gate: lint, reads: [ok] }}, {{ id: u, needs: [l], gate: unit, reads: [made]{cache} }} ]
"
        ));
        world.write("ok", "");
        world.write("made", "1\n");
        world.run();
        let run = world.run_id();
        let again: Vec<&str> =
            again.into_iter().map(|arg| if arg == "RUN" { run.as_str() } else { arg }).collect();
        world.regatta(&again).exits(0);
        assert_eq!(world.read("count"), "x\n", "what is equal stands");
        std::fs::remove_file(world.path("ok")).unwrap();
        world.regatta(&again).exits(1);
        let summary = world.regatta(&["status", "--json"]).json();
        assert_eq!((status(&summary, "l"), status(&summary, "u")), ("succeeded", "failed"), "{summary:#}");
        let why = world.regatta(&["explain", "u"]).exits(0).out;
        assert!(why.contains("not run: it needs `lint`"), "{why}");
    }
}

#[test]
fn evidence_lies_where_the_gate_looks_and_nothing_is_read_or_deleted_elsewhere() {
    let out = World::new();
    out.write("r.json", "{\"ok\": true}");
    let link = out.root().display();
    let evidence = "evidence: ['json:rep/r.json report.ok']";
    let said = "a link on the way to it leads out of the directory of the gate";
    let world = gated(&format!("run: 'ln -s {link} rep; touch rep/r.json', {evidence}"));
    let summary = world.run();
    assert_eq!(summary["tasks"]["g"]["cause"], "red_gate", "{summary:#}");
    let why = world.regatta(&["explain", "g"]).exits(0).out;
    assert!(why.contains(said), "{why}");

    let world = with_plan(&format!(
        "merge: {{ gates: [unit] }}
gates: {{ unit: {{ run: 'true', {evidence} }} }}
tasks: [ {{ id: a, run: 'echo new >new.txt' }} ]
"
    ));
    std::os::unix::fs::symlink(out.root(), world.path("rep")).unwrap();
    git(&world, &["add", "rep"]);
    git(&world, &["commit", "-q", "-m", "a link that leads out"]);
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let landing = world.regatta(&["status", "--json"]).json()["landing"].clone();
    assert!(landing["gates"][0]["said"].as_str().unwrap().contains(said), "{landing:#}");
    assert_eq!(out.read("r.json"), "{\"ok\": true}");
}

#[test]
fn gates_that_may_run_at_once_in_one_directory_do_not_share_evidence() {
    let check = |more: &str, code: i32| {
        let world = World::with(&format!(
            "version: 1
gates:
  a: {{ run: 'true', evidence: ['json:r.json report.ok'] }}
  b: {{ run: 'true', evidence: ['junit:x.xml', 'json:r.json report.ok'] }}
tasks: [ {{ id: ga, gate: a{more} }}, {{ id: gb, gate: b{more} }} ]
"
        ));
        let said = world.regatta(&["check", "plan.yaml"]).exits(code);
        format!("{}{}", said.out, said.err)
    };
    let told = check("", 3);
    assert!(
        told.contains(
            "tasks `ga` and `gb` are gates that may run at once, and both have `r.json` as evidence"
        ) && told.contains("put `ga` among the `needs` of `gb`"),
        "{told}"
    );
    check(", locks: [reports]", 0);
    let world = World::with(
        "version: 1
gates: { a: { run: 'true', evidence: ['json:r.json report.ok'] } }
tasks: [ { id: ga, gate: a }, { id: between, needs: [ga], run: 'true' }, { id: gb, needs: [between], gate: a } ]
",
    );
    world.regatta(&["check", "plan.yaml"]).exits(0);
    let apart = "gates: { a: { run: 'true', evidence: ['json:r.json report.ok'] } }
tasks: [ { id: ga, gate: a }, { id: gb, gate: a } ]
";
    with_plan(apart).regatta(&["check", "plan.yaml"]).exits(0);
}
