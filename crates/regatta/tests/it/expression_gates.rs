//! Spec 10 "Gates": an expression over results (CEL), run by the real binary.

use crate::repo_world::{belongings, with_plan};
use crate::world::{World, status};

fn asking(gate: &str) -> World {
    World::with(&format!(
        "version: 1
gates: {{ clean: {{ {gate} }} }}
tasks:
  - {{ id: build, run: 'echo ''{{\"errors\": 0, \"files\": [1, 2]}}'' >\"$REGATTA_RESULT\"' }}
  - {{ id: g, gate: clean }}
  - {{ id: use, needs: [g], run: [sh, -c, 'printf %s \"$1\" >said', x, '${{g.result}}'] }}
"
    ))
}

#[test]
fn an_expression_is_true_of_the_results_of_the_tasks_that_it_names_which_come_before_it() {
    let world = asking("expr: 'build.result.errors == 0 && size(build.result.files) > 1'");
    let summary = world.run();
    assert_eq!(summary["status"], "succeeded", "{summary:#}");
    assert!(
        world.read("said").starts_with(r#"{"name":"clean","passed":true,"said":"build.result.errors == 0"#)
    );
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn one_that_is_false_or_cannot_be_told_is_red_and_says_why() {
    for (expr, why) in [
        ("build.result.errors > 0", "gate `clean` is red: build.result.errors > 0: false"),
        ("build.result.nothing > 0", "gate `clean` is red: build.result.nothing > 0: "),
        ("build.result.errors", "not true or false"),
    ] {
        let world = asking(&format!("expr: '{expr}'"));
        let summary = world.run();
        assert_eq!((status(&summary, "g"), status(&summary, "use")), ("failed", "blocked"), "{summary:#}");
        assert_eq!(summary["tasks"]["g"]["cause"], "red_gate");
        let told = world.regatta(&["explain", "g"]).exits(0).out;
        assert!(told.contains(why), "{told}");
        world.regatta(&["replay"]).exits(0);
    }
    let world = asking("expr: 'build.result.errors > 0', blocking: false");
    assert_eq!(world.run()["status"], "succeeded");
    assert!(world.read("said").contains(r#""passed":false"#));
}

#[test]
fn an_expression_among_the_gates_of_the_merge_is_about_the_results_of_all_tasks() {
    let plan = |expr: &str| {
        format!(
            "merge: {{ gates: [clean, built] }}
gates: {{ clean: {{ expr: '{expr}' }}, built: {{ run: 'true', needs: [clean] }} }}
tasks:
  - {{ id: a, run: 'echo new >new.txt; echo ''{{\"errors\": 0}}'' >\"$REGATTA_RESULT\"' }}
  - {{ id: skipped, when: 'false', run: 'true' }}
"
        )
    };
    let world = with_plan(&plan("a.result.errors == 0"));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(world.read("new.txt"), "new\n");
    world.regatta(&["revert", &world.run_id()]).exits(0);
    assert!(!world.path("new.txt").exists());
    for (expr, why) in [
        ("a.result.errors > 0", "a.result.errors > 0: false"),
        ("skipped.result.errors == 0", "skipped.result.errors == 0: "),
    ] {
        let world = with_plan(&plan(expr));
        let before = belongings(&world);
        let said = world.regatta(&["run", "plan.yaml"]).exits(1).out;
        assert!(said.contains(why) && said.contains("not run: it needs `clean`"), "{said}");
        assert_eq!(belongings(&world), before);
    }
    let world = with_plan(&plan("b.result.errors == 0"));
    let refused = world.regatta(&["check", "plan.yaml"]).exits(3);
    assert!(
        refused.err.contains("`b` in gate `clean` names no task")
            || refused.out.contains("`b` in gate `clean` names no task")
    );
}
