//! Why good work did not land is told where people look: by the summary, `explain`, `status`, and what is put before a person.

use crate::repo_world::{commit_by_hand, git, integration_worktree, with_plan};
use crate::world::World;

/// What `explain` says of a task.
fn explained(world: &World, task: &str) -> String {
    world.regatta(&["explain", task]).exits(0).out
}

/// What is found in a text, all of it.
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn a_command_of_a_rule_that_fails_is_told_with_its_last_words_and_its_log_and_is_not_foreseen_to_do_better() {
    let world = with_plan(
        "merge: { policy: merge-succeeded, on_conflict: merge-with-rules, gates: ['true'], rules: [{ paths: dep.lock, use: regenerate, run: 'echo no index is there >&2; exit 3' }] }
tasks: [ { id: a, run: 'echo a >dep.lock' }, { id: b, run: 'echo b >dep.lock' } ]
",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(1).out;
    let id = world.run_id();
    let rule = "echo no index is there >&2; exit 3";
    let next = format!("next: regatta logs --run {id} --gate '{rule}'");
    let failed = format!("the rule `{rule}` failed: exit code 3: no index is there");
    has(&said, &[&failed, &next, "b in dep.lock, with the work of a"]);
    has(&world.regatta(&["status"]).out, &[&failed, &next]);
    has(&explained(&world, "b"), &[&failed, &next, "conflict in dep.lock, with the work of a"]);
    let log = world.regatta(&["logs", "--run", &id, "--gate", rule, "--stderr"]).exits(0).out;
    assert_eq!(log, "no index is there\n");
}

#[test]
fn a_rule_that_fails_where_a_task_would_begin_is_told_by_that_task() {
    let world = with_plan(
        "merge: { on_conflict: merge-with-rules, gates: ['true'], rules: [{ paths: dep.lock, use: regenerate, run: 'echo no index is there >&2; exit 3' }] }
tasks: [ { id: a, run: 'echo a >dep.lock' }, { id: b, run: 'echo b >dep.lock' }, { id: c, needs: [a, b], run: 'true' } ]
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    has(&explained(&world, "c"), &["conflicts", "dep.lock", "failed: exit code 3: no index is there"]);
}

#[test]
fn a_merge_that_a_rule_failed_in_is_not_foreseen_as_clean() {
    let world = with_plan(
        "merge: { on_conflict: merge-with-rules, gates: ['true'], rules: [{ paths: dep.lock, use: regenerate, run: 'exit 3' }] }
tasks: [ { id: a, run: 'echo a >dep.lock' }, { id: b, run: 'echo b >dep.lock' }, { id: c, needs: [b], run: 'echo c >c' } ]
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let said = world.regatta(&["merge", "--dry-run"]).exits(1).out;
    has(&said, &["conflicts in dep.lock, and the rule `exit 3` failed there: exit code 3"]);
    assert!(!said.contains("which the rules resolve"), "{said}");
}

#[test]
fn whoever_did_not_land_hears_of_some_of_those_who_kept_all_from_it() {
    let failing: String = (0..10).map(|n| format!("  - {{ id: f{n}, run: 'exit 1' }}\n")).collect();
    let world = with_plan(&format!(
        "merge: {{ gates: ['true'] }}\ntasks:\n{failing}  - {{ id: d, run: 'echo d >d' }}\n  - {{ id: e, run: 'echo e >e' }}\n"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let all = world.regatta(&["explain"]).exits(0).out;
    for task in ["d", "e"] {
        let said = explained(&world, task);
        has(&said, &["nothing lands because of f0 (exit), f1 (exit)", "f7 (exit) and more\n"]);
        has(&all, &[&said]);
    }
}

#[test]
fn explain_names_the_files_of_a_conflict_whose_work_it_met_and_whom_it_kept_from_landing() {
    let world = with_plan(
        "merge: { gates: ['true'] }
tasks:
  - { id: a, run: 'echo A >src/b.txt' }
  - { id: b, run: 'echo B >src/b.txt' }
  - { id: c, needs: [b], run: 'echo c >c' }
  - { id: d, run: 'echo d >d' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let id = world.run_id();
    let dry = format!("next: regatta merge {id} --dry-run");
    has(&explained(&world, "b"), &["conflict in src/b.txt, with the work of a", &dry]);
    let look = format!("next: regatta explain --run {id} b");
    has(&explained(&world, "c"), &["its work contains that of b (merge_conflict)", &look]);
    has(&explained(&world, "d"), &["nothing lands because of b (merge_conflict)", &look]);
    let row = world.regatta(&["explain", "b", "--json"]).json()[0]["landing"].clone();
    assert_eq!(row[0], "conflict in src/b.txt, with the work of a");
}

#[test]
fn explain_names_the_gate_that_was_red_with_its_last_words_and_its_log() {
    let world = with_plan(
        "merge: { policy: merge-succeeded, on_gate_failure: take-out, gates: ['test ! -e bad || { echo bad is there >&2; exit 4; }'] }
tasks: [ { id: a, run: 'echo a >bad' }, { id: b, run: 'echo b >b' }, { id: c, run: 'exit 1' } ]
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    has(
        &explained(&world, "a"),
        &[
            "was red: exit code 4: bad is there",
            &format!("next: regatta logs --run {} --gate 'test", world.run_id()),
        ],
    );
    // What landed, and what never came so far, has nothing of this.
    assert!(!explained(&world, "b").contains("red") && !explained(&world, "c").contains("land"));
}

#[test]
fn what_is_put_before_a_person_when_nobody_could_mend_a_gate_names_the_logs_of_the_gate_and_of_the_agent() {
    let world = with_plan(
        "merge: { gates: [good], fix: { agent: bot, attempts: 1 } }
agents: { bot: { command: [sh, -c, 'echo I cannot'] } }
gates: { good: { run: 'test ! -e bad || { echo bad is there >&2; exit 4; }' } }
tasks: [ { id: a, run: 'echo a >bad' } ]
",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(5).out;
    let id = world.run_id();
    let (gate, helper) =
        (format!("regatta logs --run {id} --gate good"), format!("regatta logs --run {id} --helper 1"));
    has(&said, &[&format!("next: {gate}")]);
    let file = std::fs::read_to_string(world.run_dir().join("escalations/a.md")).unwrap();
    has(&file, &[&gate, &helper, "gate good was red: exit code 4: bad is there", "helper 1, agent bot"]);
    assert!(!file.contains("No attempt is known") && !file.contains("a --stderr"), "{file}");
    assert_eq!(world.regatta(&["logs", "--gate", "good", "--stderr"]).exits(0).out, "bad is there\n");
    assert_eq!(world.regatta(&["logs", "--helper", "1"]).exits(0).out, "I cannot\n");
}

#[test]
fn no_log_is_named_of_a_gate_that_wrote_none() {
    let world = with_plan(
        "merge: { gates: [good], fix: { agent: bot, attempts: 1 } }
agents: { bot: { command: [sh, -c, 'echo I cannot'] } }
gates: { good: { expr: \"a.status == 'failed'\" } }
tasks: [ { id: a, run: 'echo a >bad' } ]
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let file = std::fs::read_to_string(world.run_dir().join("escalations/a.md")).unwrap();
    assert!(!file.contains("--gate"), "{file}");
    has(
        &file,
        &[&format!("regatta status {}", world.run_id()), "gate good was red: a.status == 'failed': false"],
    );
}

#[test]
fn what_is_typed_in_a_worktree_of_a_run_is_about_that_run() {
    let world = with_plan(
        "merge: { on_conflict: manual-escalation, gates: ['true'] }
tasks: [ { id: a, run: 'echo A >src/b.txt' }, { id: b, run: 'echo B >src/b.txt' } ]
",
    );
    // A repository can have settings of ours of its own.
    world.write(".regatta/config.toml", "");
    git(&world, &["add", "-f", ".regatta/config.toml"]);
    git(&world, &["commit", "-qm", "settings"]);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let place = integration_worktree(&world).unwrap();
    std::fs::write(place.join("src/b.txt"), "both\n").unwrap();
    commit_by_hand(&place);
    let from_there = |args: &[&str]| {
        let output = world.command(args).current_dir(place.join("src")).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = from_there(&["status"]);
    assert!(code == Some(0) && said.contains(&world.run_id()), "{code:?} {said}");
    assert_eq!(from_there(&["resume"]).0, Some(0));
    assert_eq!(world.read("src/b.txt"), "both\n");
}

#[test]
fn a_target_that_is_no_branch_is_refused_as_such() {
    let world = with_plan("merge: { target: v1, gates: ['true'] }\ntasks: [ { id: a, run: 'echo a >a' } ]\n");
    git(&world, &["tag", "v1"]);
    let said = world.regatta(&["run", "plan.yaml"]).exits(4).err;
    has(&said, &["`merge.target` names `v1`, which is no branch of", "a tag or a commit cannot move"]);
}
