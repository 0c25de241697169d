//! The conflict report before a run: `plan` shows it, `run` and `check` say in one line that there is one.

use crate::world::World;
use serde_json::json;

const PLAN: &str = "version: 1
tasks:
  - { id: a, run: 'true', files: ['src/*.rs'] }
  - { id: b, run: 'true', files: [src/main.rs], locks: [db] }
  - { id: c, run: 'true', needs: [a], reads: [src/main.rs], locks: [db] }
  - { id: d, run: 'true', needs: [a, b, c], files: [src/main.rs] }
";

#[test]
fn plan_shows_each_conflict_with_what_keeps_it_apart() {
    let world = World::with(PLAN);
    let said = world.regatta(&["plan", "plan.yaml"]).exits(0).out;
    let at = said.find("conflicts").unwrap();
    let report = said[at..].lines().take(4).collect::<Vec<_>>();
    assert_eq!(
        report[..3],
        [
            "conflicts      2 pairs of tasks without an order (1 high, 1 medium), 1 kept apart",
            "  high    a, b: write-write on `src/main.rs` of `src/*.rs`",
            "  medium  b, c: write-read on `src/main.rs`; one after the other, by lock `db`",
        ]
    );
    assert!(report[3].starts_with("hash "), "{said}");
    let plan = world.regatta(&["plan", "plan.yaml", "--json"]).exits(0).json();
    assert_eq!(
        plan["conflicts"],
        json!([
            {
                "a": "a", "b": "b", "kind": "write-write", "severity": "high",
                "what": "`src/main.rs` of `src/*.rs`", "keptApart": null,
            },
            {
                "a": "b", "b": "c", "kind": "write-read", "severity": "medium",
                "what": "`src/main.rs`", "keptApart": "lock `db`",
            },
        ])
    );
    assert_eq!(plan["conflictsComplete"], true);
}

#[test]
fn run_and_check_say_in_one_line_that_there_are_conflicts_and_which_command_shows_them() {
    let world = World::with(PLAN);
    let line = "conflicts: 2 pairs of tasks without an order (1 high, 1 medium), 1 kept apart; \
                `regatta plan plan.yaml` shows them\n";
    for args in [&["check", "plan.yaml"][..], &["run", "plan.yaml"], &["run", "plan.yaml", "--json"]] {
        let said = world.regatta(args).exits(0);
        assert_eq!(said.err.matches(line).count(), 1, "{args:?}: {}", said.err);
        assert!(!said.out.contains("conflicts:"), "{args:?}: {}", said.out);
    }
    assert_eq!(world.regatta(&["check", "plan.yaml", "--json"]).exits(0).json()["conflicts"], 2);
    assert!(
        world.regatta(&["run", "plan.yaml", "--dry-run"]).exits(0).out.contains("conflicts      2 pairs")
    );
}

#[test]
fn a_plan_without_conflicts_says_nothing_and_caps_of_the_command_line_count() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: a, run: 'true', files: [f] }\n  - { id: b, run: 'true', reads: [f] }\n",
    );
    world.write("quiet.yaml", "version: 1\ntasks:\n  - { id: a, run: 'true', files: [f] }\n  - { id: b, run: 'true', needs: [a], reads: [f] }\n");
    for args in [&["check", "quiet.yaml"][..], &["run", "quiet.yaml"], &["plan", "quiet.yaml"]] {
        let said = world.regatta(args).exits(0);
        assert!(!said.out.contains("conflicts") && !said.err.contains("conflicts"), "{args:?}: {}", said.err);
    }
    let said = world.regatta(&["plan", "plan.yaml", "--max-parallel", "1"]).exits(0).out;
    assert!(
        said.contains("  medium  a, b: write-read on `f`; one after the other, by `max_parallel: 1`\n"),
        "{said}"
    );
}
