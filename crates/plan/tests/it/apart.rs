//! What a plan says wrong about worktrees, their merge and its gates is told with its place, and with the way out.

use crate::world::{check, plan, yaml};
use regatta_plan::{Fact, Format, Given, load};

/// A plan with further keys in line 2.
fn with(keys: &str) -> String {
    format!("version: 1\n{keys}\ntasks: [ {{ id: a, isolation: worktree, run: x }} ]")
}

/// What is told about line 2, and how it can be mended.
fn told(keys: &str, expect: &str, help: Option<&str>) {
    check(&with(keys), expect);
    assert_eq!(yaml(&with(keys)).facts()[0].help.as_deref(), help, "{keys}");
}

#[test]
fn what_is_done_in_a_worktree_may_be_done_again_unless_somebody_says_otherwise() {
    let effect = |keys: &str, task: &str| {
        plan(&format!("version: 1\n{keys}\ntasks: [ {{ id: a, run: x{task} }} ]")).tasks[0].effect.clone()
    };
    assert_eq!(effect("isolation: worktree", ""), "idempotent");
    assert_eq!(effect("isolation: worktree", ", isolation: none"), "at-most-once");
    assert_eq!(effect("isolation: worktree", ", effect: at-most-once"), "at-most-once");
    assert_eq!(effect("isolation: worktree\neffect: at-most-once", ""), "at-most-once");
    assert_eq!(effect("isolation: worktree", ", reconcile: y"), "reconcile");
    assert_eq!(effect("isolation: none", ""), "at-most-once");
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
fn variables_of_worktrees_have_names_and_refer_to_what_there_is() {
    let not_a_name = "is no name of a variable: it holds `=` or a NUL character";
    told(
        "worktree: { env: { \"A=B\": x } }",
        &format!("RG006 2:27 `worktree` sets a variable `A=B`, which {not_a_name}"),
        None,
    );
    told("worktree: { env: { \"\": x } }", "RG009 2:20 `env` has an empty name", None);
    told(
        "worktree: { env: { P: '${nope.x}' } }",
        "RG013 2:23 variable `P` of `worktree` refers to `${nope.x}`, which it cannot",
        Some("there are `${worktree.port}`, `${worktree.path}` and `${worktree.name}`"),
    );
    let fine =
        with("worktree: { env: { P: 'a${worktree.port}-${worktree.name}', HOME: '${worktree.path}/h' } }");
    assert!(plan(&fine).worktrees.is_some());
}

#[test]
fn what_lands_behind_gates_is_not_contradicted_by_its_own_policy() {
    told(
        "merge: { gates: [test], on_gate_failure: take-out }",
        "RG006 2:42 `on_gate_failure: take-out` contradicts `policy: all-success`: what is taken out does not land",
        Some("use `policy: merge-succeeded`"),
    );
    let fine = with("merge: { gates: [test], policy: merge-succeeded, on_gate_failure: take-out }");
    assert!(plan(&fine).merge.is_some());
    assert_eq!(plan(&fine.replace("worktree, run", "none, run")).merge, None, "no task has a worktree");
}

#[test]
fn what_has_no_effect_beside_what_else_stands_there_is_told() {
    let told = |keys: &str, expect: &str| check(&with(keys), expect);
    told(
        "merge: { policy: none, gates: [test], keep_branches: true }",
        "RG107 2:31 `gates` of `merge` has no effect with `policy: none`: nothing is merged\n\
         RG107 2:54 `keep_branches` of `merge` has no effect with `policy: none`: nothing is merged",
    );
    told(
        "merge: { gates: [t], strategy: ff-only, message: m, order: [docs], commit: { author: 'A <a>' } }",
        "RG107 2:50 `message` of `merge` has no effect with `strategy: ff-only`: the commits of the tasks land as they are\n\
         RG107 2:60 `order` of `merge` has no effect with `strategy: ff-only`: all tasks have an order already\n\
         RG107 2:86 `commit.author` of `merge` has no effect with `strategy: ff-only`: the commits of the tasks land as they are",
    );
    told(
        "merge: { policy: merge-succeeded, batch: 3, on_gate_failure: take-out }",
        "RG106 2:8 work lands without any gate: nothing checks what comes of the merges\n\
         RG107 2:42 `batch` of `merge` has no effect without `gates`\n\
         RG107 2:62 `on_gate_failure` of `merge` has no effect without `gates`",
    );
    let late = "merge: { policy: merge-succeeded, gates: [t], gate_each: false, on_gate_failure: take-out }";
    told(
        late,
        "RG107 2:82 `on_gate_failure` of `merge` has no effect with `gate_each: false`: gates that run once, after all merges, cannot tell whose work made them red",
    );
    // Somebody who is asked can refuse one task alone.
    told(&late.replace("gates:", "approve: true, gates:"), "");
    check(
        "version: 1\nmerge: { gates: [t] }\ntasks: [ { id: a, run: x } ]",
        "RG107 2:8 `merge` has no effect: no task works in a worktree",
    );
    let kept = "version: 1\nretry: { keep_worktree: true }\ntasks: [ { id: a, run: x, retry: { keep_worktree: true } } ]";
    check(kept, "RG107 3:51 `retry.keep_worktree` of task `a` has no effect: it has no worktree");
    check(&kept.replace("retry: { keep_worktree: true }\n", "isolation: worktree\n"), "");
    for isolation in ["none", "worktree"] {
        let gate = format!(
            "version: 1\nisolation: {isolation}\ngates: {{ g: {{ run: x }} }}\ntasks: [ {{ id: a, gate: g, retry: {{ keep_worktree: true }} }} ]"
        );
        check(
            &gate,
            "RG107 4:52 `retry.keep_worktree` of task `a` has no effect: a gate begins anew with each attempt",
        );
    }
    for fine in ["strategy: squash, message: m", "fix: { agent: b }", "batch: 2", "order: [docs]"] {
        let keys = format!("merge: {{ gates: [t], {fine} }}\nagents: {{ b: {{ command: [x] }} }}");
        check(&with(&keys), "");
    }
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

#[test]
fn the_author_of_merges_is_somebody_whom_git_takes() {
    for (author, why) in [
        ("", "is not `Name <address>`"),
        ("no mail", "is not `Name <address>`"),
        ("<a@b>", "has no name"),
        ("., <a@b>", "has no name"),
        ("A < >", "has no address"),
        ("A <b> <c>", "has a sign in it that git does not take"),
    ] {
        let keys = format!("merge: {{ gates: [x], commit: {{ author: '{author}' }} }}");
        let help = "write it as `Name <address>`, or leave it out: then you are the author";
        told(&keys, &format!("RG006 2:40 `commit.author` of `merge`, `{author}`, {why}"), Some(help));
    }
    assert!(plan(&with("merge: { gates: [x], commit: { author: 'É. <é@x>' } }")).merge.is_some());
}

#[test]
fn a_gate_that_says_nothing_is_none() {
    told(
        "merge: { gates: ['  '] }",
        "RG006 2:18 a gate of `merge` is empty: a command that says nothing is never red",
        Some("write the command that must pass, or the id of a gate"),
    );
}

/// All problems of a plan where there is no program but `lint`.
fn with_lint(text: &str) -> Vec<String> {
    let given = Given { is_program: Some(|word| word == "lint"), ..Given::default() };
    let loaded = load(("plan", text.as_bytes()), Format::Yaml, &given);
    let kind = |f: &Fact| if f.severity.is_error() { "error" } else { "warning" };
    let said = |f: &Fact| format!("{} {} {}:{} {}", kind(f), f.code, f.line, f.column, f.message);
    loaded.facts().iter().map(said).collect()
}

#[test]
fn an_empty_gate_has_one_problem() {
    let message = "a gate of `merge` is empty: a command that says nothing is never red";
    assert_eq!(with_lint(&with("merge: { gates: [''] }")), [format!("error RG006 2:18 {message}")]);
}

#[test]
fn a_word_that_is_no_program_yet_is_a_warning_for_it_may_be_one_when_gates_run() {
    let message = "`mylint` in `merge.gates` is neither a gate of the plan nor a program of this machine";
    let merge = "merge: { gates: [lint, mylint] }";
    assert_eq!(with_lint(&with(merge)), [format!("warning RG015 2:24 {message}")]);
    // `setup` may make it before gates run, which are not given what `env` says.
    let keys = format!("{merge}\nworktree: {{ setup: [make tools] }}");
    assert_eq!(with_lint(&with(&keys)), Vec::<String>::new());
    let keys = format!("{merge}\nworktree: {{ env: {{ PATH: /x }} }}");
    assert_eq!(with_lint(&with(&keys)).len(), 1);
}
