//! Spec 10 "Gates", spec 6 "Merge": what must be green, and whom a person or an agent is asked before the target moves.

use crate::repo_world::{belongings, git, with_plan, worktrees};
use crate::world::World;
use serde_json::Value;

fn landing(world: &World) -> Value {
    world.regatta(&["status", "--json"]).json()["landing"].clone()
}

const APPROVED: &str = "merge: { approve: true, gates: ['true'] }
tasks: [ { id: a, run: 'echo new >new.txt; echo new >src/b.txt' } ]
";

#[test]
fn with_approve_the_target_moves_only_after_a_person_said_yes_to_that_very_tip() {
    let world = with_plan(APPROVED);
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(5);
    let next = format!("next: regatta merge {} --approve", world.run_id());
    assert!(said.out.contains("may the target move?") && said.out.contains(&next), "{}", said.out);
    assert_eq!(belongings(&world), before);
    let tip = landing(&world)["tip"].as_str().unwrap().to_owned();
    assert_eq!(landing(&world)["asks"][0]["text"], "may the target move?");
    // Nobody answered: it asks again, about the same commit.
    world.regatta(&["resume"]).exits(5);
    assert_eq!((belongings(&world), landing(&world)["tip"].as_str().unwrap()), (before, tip.as_str()));
    let said = world.regatta(&["merge", "--approve"]).exits(0);
    assert!(said.err.contains(&format!("approved for {}", &tip[..10])), "{}", said.err);
    assert_eq!((git(&world, &["rev-parse", "main"]), worktrees(&world)), (tip, 0));
    assert!(
        world.regatta(&["merge", &world.run_id(), "--approve"]).exits(2).err.contains("asks for no approval")
    );
}

#[test]
fn an_attempt_of_another_run_cannot_approve_or_reject_for_a_person() {
    let world = with_plan(APPROVED);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let (asks, before) = (world.run_id(), git(&world, &["rev-parse", "main"]));
    for answer in ["--approve", "--reject"] {
        let action = format!("{} merge {asks} {answer}", env!("CARGO_BIN_EXE_regatta"));
        world.write("other.yaml", &format!("version: 1\ntasks: [ {{ id: t, run: '{action}' }} ]\n"));
        world.regatta(&["run", "other.yaml"]).exits(1);
        let said = world.regatta(&["logs", "t", "--stderr"]).out;
        assert!(said.contains("an answer is a person's: whoever gives this one"), "{said}");
    }
    assert_eq!(git(&world, &["rev-parse", "main"]), before);
    let waits = world.regatta(&["status", &asks, "--json"]).json();
    assert_eq!(waits["landing"]["asks"][0]["text"], "may the target move?");
    world.regatta(&["merge", &asks, "--approve"]).exits(0);
}

#[test]
fn an_approval_is_for_that_tip_only_and_a_tip_that_is_built_anew_is_asked_about_again() {
    let world = with_plan(APPROVED);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    // The person's own files stand in the way, so the run waits once more, but not for an approval.
    world.write("src/b.txt", "mine\n");
    let said = world.regatta(&["merge", "--approve"]).exits(5);
    assert!(said.out.contains("are in the way"), "{}", said.out);
    git(&world, &["checkout", "-q", "--", "src/b.txt"]);
    git(&world, &["commit", "-q", "--allow-empty", "-m", "theirs"]);
    let said = world.regatta(&["resume"]).exits(5);
    assert!(said.out.contains("may the target move?"), "{}", said.out);
    assert_eq!(git(&world, &["log", "-1", "--format=%s", "main"]), "theirs");
    world.regatta(&["merge", "--approve"]).exits(0);
    assert_eq!(git(&world, &["log", "--first-parent", "--format=%s", "-2", "main"]), "Merge a: a\ntheirs");
}

#[test]
fn an_approval_outlives_what_stands_between_it_and_the_landing() {
    let world = with_plan(APPROVED);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    world.write("src/b.txt", "mine\n");
    world.regatta(&["merge", "--approve"]).exits(5);
    git(&world, &["checkout", "-q", "--", "src/b.txt"]);
    // It is not asked twice.
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("new.txt"), "new\n");
}

/// What the report says of each gate, in its order: id, passed, ran.
fn results(world: &World) -> Vec<(String, bool, bool)> {
    let landing = landing(world);
    let of = |row: &Value| {
        let text = row["id"].as_str().unwrap().to_owned();
        (text, row["passed"].as_bool().unwrap(), row["ran"].as_bool().unwrap())
    };
    landing["gates"].as_array().unwrap().iter().map(of).collect()
}

fn result(id: &str, passed: bool, ran: bool) -> (String, bool, bool) {
    (id.to_owned(), passed, ran)
}

#[test]
fn a_gate_whose_need_is_red_is_not_run_and_is_no_pass() {
    let world = with_plan(
        "merge: { gates: [test] }
gates:
  lint: { run: 'echo a finding; exit 1', name: the linter }
  build: { run: 'true' }
  test: { run: 'touch $REGATTA_WORKTREE/../../../ran.log', needs: [build, lint] }
tasks: [ { id: a, run: 'echo new >new.txt' } ]
",
    );
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(belongings(&world), before);
    assert_eq!(
        results(&world),
        [result("build", true, true), result("lint", false, true), result("test", false, false)]
    );
    assert!(said.out.contains("the linter after the merge of a: exit code 1: a finding"), "{}", said.out);
    assert!(said.out.contains("test after the merge of a: not run: it needs `lint`"), "{}", said.out);
    assert!(!world.path("ran.log").exists());
    assert_eq!(world.regatta(&["logs", "--gate", "lint"]).exits(0).out, "a finding\n");
    assert!(world.regatta(&["logs", "--gate", "test"]).exits(2).err.contains("has no log"));
}

#[test]
fn a_red_gate_that_does_not_block_is_told_and_stops_nothing() {
    let world = with_plan(
        "merge: { gates: [slow, 'true'] }
gates: { slow: { run: 'sleep 300', blocking: false, timeout: 1s } }
tasks: [ { id: a, run: 'echo new >new.txt' } ]
",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(said.out.contains("gates        1 passed, 1 red") && said.out.contains("slow"), "{}", said.out);
    assert_eq!(world.read("new.txt"), "new\n");
}

#[test]
fn gates_that_do_not_need_each_other_run_at_once_within_the_cap() {
    let gates = |top: &str| {
        format!(
            "merge: {{ gates: [one, two] }}
gates:
  one: {{ run: 'echo x >{top}/first; cat {top}/second', timeout: 5m }}
  two: {{ run: 'cat {top}/first; echo x >{top}/second', timeout: 5m }}
tasks: [ {{ id: a, run: 'echo new >new.txt' }} ]
"
        )
    };
    let world = with_plan("");
    let plan = world.read("plan.yaml") + &gates(&world.root().display().to_string());
    world.write("plan.yaml", &plan);
    world.fifo("first");
    world.fifo("second");
    // Each waits for the other.
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let world = with_plan(
        "limits: { max_parallel: 1 }
merge: { gates: [one, two] }
gates:
  one: { run: 'mkdir ../busy && sleep 0.2 && rmdir ../busy' }
  two: { run: 'mkdir ../busy && sleep 0.2 && rmdir ../busy' }
tasks: [ { id: a, run: 'echo new >new.txt' } ]
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
}

#[test]
fn a_person_who_is_a_gate_is_asked_once_about_the_tip_and_what_needs_them_runs_after() {
    let world = with_plan(
        "merge: { gates: [ship] }
gates:
  unit: { run: 'echo u >>../order.log' }
  ok: { person: 'is the text good?', needs: [unit] }
  ship: { run: 'echo s >>../order.log', needs: [ok] }
tasks: [ { id: a, run: 'echo a >a.txt' }, { id: b, run: 'echo b >b.txt' } ]
",
    );
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(5);
    assert!(said.out.contains("ok: is the text good?"), "{}", said.out);
    assert!(said.out.contains("--approve"), "{}", said.out);
    assert_eq!(belongings(&world), before);
    assert_eq!(results(&world), [result("unit", true, true), result("unit", true, true)]);
    world.regatta(&["merge", "--approve"]).exits(0);
    // What a gate said of a commit stands: it does not run again because somebody was asked.
    assert_eq!(world.read(".regatta/worktrees/order.log"), "u\nu\ns\n");
    let said =
        landing(&world)["gates"].as_array().unwrap().iter().find(|row| row["id"] == "ok").unwrap().clone();
    assert!(said["said"].as_str().unwrap().starts_with("approved by "), "{said}");
}

#[test]
fn what_a_gate_wrote_must_agree_with_its_exit_code() {
    let junit = |case: &str| {
        format!(
            "<testsuites><testsuite name=\"s\" tests=\"1\" failures=\"0\" errors=\"0\">{case}</testsuite></testsuites>"
        )
    };
    let run = |report: Option<&str>| {
        let script = match report {
            Some(text) => format!("cp ../report.txt out.log; : {}", text.len()),
            None => "true".to_owned(),
        };
        let world = with_plan(&format!(
            "merge: {{ gates: [unit] }}
gates: {{ unit: {{ run: '{script}', evidence: ['junit:out.log'] }} }}
tasks: [ {{ id: a, run: 'echo a >a.txt' }}, {{ id: b, run: 'echo b >b.txt' }} ]
"
        ));
        world.write(".regatta/worktrees/report.txt", report.unwrap_or_default());
        let code = world.regatta(&["run", "plan.yaml"]).code;
        (code, landing(&world)["gates"][0]["said"].as_str().unwrap().to_owned())
    };
    let good = run(Some(&junit("<testcase name=\"one\"/>")));
    assert!(good.0 == Some(0) && good.1 == "1 tests passed, 0 were skipped", "{good:?}");
    let bad = run(Some(&junit("<testcase name=\"one\"><failure/></testcase>")));
    assert!(bad.0 == Some(1) && bad.1.contains("1 of 1 tests failed: one"), "{bad:?}");
    let nested = run(Some(
        "<testsuites><testsuite name=\"o\"><testsuite name=\"i\"><testcase name=\"y\"><failure/></testcase></testsuite>\
         <testcase name=\"k\"/></testsuite></testsuites>",
    ));
    assert!(nested.0 == Some(1) && nested.1.contains("1 of 2 tests failed: y"), "{nested:?}");
    let pytest = run(Some(
        "<testsuite name=\"pytest\" time=\"\" timestamp=\"2024-03-01T12:34:56.123456\"><testcase name=\"k\"/></testsuite>",
    ));
    assert!(pytest.0 == Some(0) && pytest.1 == "1 tests passed, 0 were skipped", "{pytest:?}");
    let none = run(None);
    assert!(none.0 == Some(1) && none.1.contains("cannot be read"), "{none:?}");
}

#[test]
fn coverage_and_json_are_evidence_too_within_bounds_of_the_plan() {
    let run = |evidence: &str, text: &str| {
        let world = with_plan(&format!(
            "merge: {{ gates: [unit] }}
gates: {{ unit: {{ run: 'cp ../report.txt out.log', evidence: ['{evidence}'] }} }}
tasks: [ {{ id: a, run: 'echo a >a.txt' }} ]
"
        ));
        world.write(".regatta/worktrees/report.txt", text);
        let code = world.regatta(&["run", "plan.yaml"]).code;
        (code, landing(&world)["gates"][0]["said"].as_str().unwrap().to_owned())
    };
    let lcov = "SF:a\nDA:1,1\nDA:2,0\nend_of_record\n";
    let cobertura = "<coverage><class filename=\"a\"><line number=\"1\" hits=\"1\"/></class></coverage>";
    for (evidence, text, code, said) in [
        ("lcov:out.log lines>=50", lcov, 0, "1 of 2 lines covered, no branches measured"),
        ("lcov:out.log", lcov, 1, "1 of 2 lines covered, less than 80 %"),
        ("cobertura:out.log", cobertura, 0, "1 of 1 lines covered, no branches measured"),
        ("cobertura:out.log branches>=1", cobertura, 1, "no branches were measured"),
        ("json:out.log report.errors == 0", "{ \"errors\": 0 }", 0, "report.errors == 0: true"),
        ("json:out.log report.errors == 0", "{ \"errors\": 1 }", 1, "report.errors == 0: false"),
    ] {
        assert_eq!(run(evidence, text), (Some(code), said.to_owned()), "{evidence}");
    }
}

#[test]
fn a_word_that_is_neither_gate_nor_program_is_told_with_its_place_and_what_is_near() {
    let world = with_plan(
        "merge: { gates: [unti] }
gates: { unit: { run: 'true' } }
tasks: [ { id: a, run: 'echo new >new.txt' } ]
",
    );
    let said = world.regatta(&["check", "plan.yaml"]).exits(0);
    for part in [
        "warning[RG015]: `unti` in `merge.gates` is neither a gate of the plan nor a program of this machine",
        " --> plan.yaml:4:18",
        "did you mean `unit`?",
    ] {
        assert!(said.err.contains(part), "{part} is not in {}", said.err);
    }
    let said = world.regatta(&["check", "plan.yaml", "--json"]).exits(0).json();
    let problem = &said["problems"][0];
    assert_eq!((&problem["line"], &problem["column"]), (&4.into(), &18.into()), "{said:#}");
}

#[test]
fn a_gate_that_setup_makes_is_not_doubted_and_passes() {
    let bin = tempfile::tempdir().unwrap();
    let lint = bin.path().join("mylint").display().to_string();
    let mut world = with_plan(&format!(
        "merge: {{ gates: [mylint] }}
worktree: {{ setup: ['echo \"test -e new.txt\" >{lint}; chmod +x {lint}'] }}
tasks: [ {{ id: a, run: 'echo new >new.txt' }} ]
"
    ));
    let paths = std::env::var("PATH").unwrap();
    world.set("PATH", &format!("{}:{paths}", bin.path().display()));
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(!said.err.contains("RG015"), "{}", said.err);
    assert_eq!(landing(&world)["gates"][0]["gate"], "mylint", "{:#}", landing(&world));
}

#[test]
fn gates_that_contradict_themselves_are_all_told_at_once() {
    let world = with_plan(
        "merge: { gates: [a], resolver: { agent: bot }, fix: { agent: bto } }
agents: { bot: { command: [x] } }
gates:
  a: { run: 'true', needs: [b] }
  b: { run: 'true', needs: [a], evidence: ['junit:../x', 'odd', 'lcov:x lines>80', 'json:x'] }
  c: { person: ok, timeout: 1s }
tasks: [ { id: a, run: 'true' } ]
",
    );
    let said = world.regatta(&["check", "plan.yaml"]).exits(3).err;
    for part in [
        "gates need each other in a cycle: a -> b -> a",
        "evidence `junit:../x` of gate `b` names a path that",
        "evidence `odd` of gate `b` is of no kind that is known: junit:PATH, sarif:PATH, lcov:PATH [lines>=N]",
        "evidence `lcov:x lines>80` of gate `b` has the bound `lines>80`",
        "evidence `json:x` of gate `b` says nothing of `report`",
        "`timeout` of gate `c` is for commands",
        "`resolver` and `on_conflict: resolver` belong together",
        "agent `bto` is not among `agents`",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
}

#[test]
fn a_person_who_says_no_lands_nothing_or_everything_but_the_tasks_they_name() {
    let plan = |merge: &str| {
        with_plan(&format!(
            "merge: {{ {merge} }}
gates: {{ ok: {{ person: 'good?' }} }}
tasks:
  - {{ id: a, run: 'echo a >a.txt' }}
  - {{ id: b, run: 'echo b >b.txt' }}
  - {{ id: c, needs: [b], run: 'echo c >c.txt' }}
"
        ))
    };
    for (merge, who) in [("gates: [ok]", "ok"), ("gates: ['true'], approve: true", "approval")] {
        let world = plan(merge);
        world.regatta(&["run", "plan.yaml"]).exits(5);
        let before = belongings(&world);
        let named = world.regatta(&["merge", "--reject", "--task", "b"]).exits(2);
        assert!(named.err.contains("the plan takes no task out"), "{}", named.err);
        let said = world.regatta(&["merge", "--reject"]).exits(1);
        assert!(said.err.contains("refused for "), "{}", said.err);
        assert!(said.out.contains(&format!("    {who}: refused by ")), "{}", said.out);
        assert_eq!(belongings(&world), before);
        let again = world.regatta(&["merge", "--approve", &world.run_id()]).exits(2);
        assert!(again.err.contains("asks for no approval"), "{}", again.err);
    }
    let world = plan("policy: merge-succeeded, on_gate_failure: take-out, gates: [ok]");
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let odd = world.regatta(&["merge", "--reject", "--task", "x"]).exits(2);
    assert!(odd.err.contains("task `x` is not in what the run asks about"), "{}", odd.err);
    let said = world.regatta(&["merge", "--reject", "--task", "b"]).exits(5);
    assert!(said.out.contains("good?"), "{}", said.out);
    let said = world.regatta(&["merge", "--approve"]).exits(1);
    assert!(said.out.contains("note         b: refused by "), "{}", said.out);
    // It is told as a person's no, and never as a gate that was red.
    assert!(said.out.contains("left out   b (refused)"), "{}", said.out);
    assert!(
        said.out.contains("  b: failed: its work is committed and did not land: refused by "),
        "{}",
        said.out
    );
    let explained = world.regatta(&["explain", "b"]).exits(0).out;
    assert!(
        explained.starts_with("b: failed: its work is committed and did not land: refused by "),
        "{explained}"
    );
    let report = world.regatta(&["post-mortem"]).exits(0).out;
    assert!(report.contains("Root cause: refused by "), "{report}");
    assert_eq!(landing(&world)["left_out"], serde_json::json!({ "b": "refused", "c": "upstream" }));
    assert!(world.path("a.txt").exists() && !world.path("b.txt").exists() && !world.path("c.txt").exists());
    world.regatta(&["merge"]).exits(2);
}

#[test]
fn control_characters_of_a_title_stay_out_of_the_commits_of_a_merge() {
    let world = with_plan(
        "merge: { gates: ['true'], message: 'Land {task}: {title}' }
tasks: [ { id: a, title: \"red \\e[31mtext\", run: 'echo a >a.txt' } ]
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(git(&world, &["log", "-1", "--format=%s", "main"]), "Land a: red  [31mtext");
}
