//! What a plan says wrong about worktrees, their merge and its gates is told with its place, and with the way out.

use crate::world::{check, plan, yaml};

/// A plan with further keys in line 2.
fn with(keys: &str) -> String {
    format!("version: 1\n{keys}\ntasks: [ {{ id: a, run: x }} ]")
}

/// What is told about line 2, and how it can be mended.
fn told(keys: &str, expect: &str, help: Option<&str>) {
    check(&with(keys), expect);
    assert_eq!(yaml(&with(keys)).facts()[0].help.as_deref(), help, "{keys}");
}

#[test]
fn paths_of_worktrees_stay_in_the_workspace() {
    for (key, column) in [("copy", 25), ("shared", 27), ("protect", 28)] {
        let expect = format!("RG006 2:{column} `{key}` of `worktree` is not a path inside the workspace");
        told(&format!("worktree: {{ {key}: [src, '../etc'] }}"), &expect, None);
    }
    told(
        "worktree: { dir: /tmp }",
        "RG006 2:18 `dir` of `worktree` is not a path inside the workspace",
        None,
    );
}

#[test]
fn what_lands_behind_gates_is_not_contradicted_by_its_own_policy() {
    told(
        "merge: { gates: [test], on_gate_failure: take-out }",
        "RG006 2:42 `on_gate_failure: take-out` contradicts `policy: all-success`: what is taken out does not land",
        Some("use `policy: merge-succeeded`"),
    );
    let fine = with("merge: { gates: [test], policy: merge-succeeded, on_gate_failure: take-out }");
    assert_eq!(plan(&fine).merge, None, "no task has a worktree");
}

#[test]
fn rules_of_a_merge_need_their_policy_a_path_and_a_way() {
    told(
        "merge: { gates: [test], rules: [ { paths: a.lock, use: ours } ] }",
        "RG006 2:32 `rules` belong to `on_conflict: merge-with-rules`",
        Some("add `on_conflict: merge-with-rules`"),
    );
    let rule = |rule: &str| {
        format!("merge: {{ gates: [test], on_conflict: merge-with-rules, rules: [ {{ {rule} }} ] }}")
    };
    told(
        &rule("paths: /a.lock, use: ours"),
        "RG006 2:65 `paths` of a rule is not a path inside the workspace",
        None,
    );
    for wrong in ["paths: a.lock, use: regenerate", "paths: a.lock, use: ours, run: make"] {
        told(&rule(wrong), "RG006 2:65 `run` and `use: regenerate` belong together", None);
    }
    check(&with(&rule("paths: a.lock, use: regenerate, run: make lock")), "");
}

#[test]
fn a_gate_that_needs_what_is_no_gate_is_told_with_the_name_that_was_meant() {
    told(
        "gates: { lint: { run: x }, tests: { run: y, needs: [lynt] } }",
        "RG015 2:53 gate `tests` needs `lynt`, which is no gate",
        Some("did you mean `lint`?"),
    );
}
