//! Spec 6 "Collect": a conflict that a task met in its own worktree and did not resolve is no work that could land.

use crate::repo_world::{git, with_plan};
use crate::worktrees::failure;
use crate::world::{World, status};

/// `a.txt` is changed on a branch of the user's, and by the task.
const CLASH: &str = "echo task >src/a.txt; git commit -qam task";

fn with_branch(plan: &str) -> World {
    let world = with_plan(plan);
    git(&world, &["checkout", "-q", "-b", "side"]);
    world.write("src/a.txt", "side\n");
    git(&world, &["commit", "-qam", "side"]);
    git(&world, &["checkout", "-q", "main"]);
    world
}

#[test]
fn a_conflict_that_a_task_left_unresolved_fails_its_attempt_and_names_the_files_and_its_markers_never_land() {
    let deeds = [
        ("merge", format!("{CLASH}; git merge -q side || true")),
        ("rebase", format!("{CLASH}; git rebase -q side || true")),
        ("pick", format!("{CLASH}; git cherry-pick side || true")),
        ("stash", "echo mine >src/a.txt; git stash -q; git checkout -q side -- src/a.txt; git commit -qm s; git stash pop || true".to_owned()),
    ];
    let tasks: String =
        deeds.iter().map(|(id, deed)| format!("  - {{ id: {id}, run: '{deed}; echo x >{id}' }}\n")).collect();
    let world = with_branch(&format!(
        "merge: {{ policy: merge-succeeded, gates: ['true'] }}\ntasks:\n{tasks}  - {{ id: fine, run: '{CLASH}; git merge -q side; echo both >src/a.txt; git add src; echo f >f' }}\n"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    for (task, _) in deeds {
        let (cause, message) = failure(&world, task);
        assert!(cause == "partial" && message.contains("unresolved: src/a.txt"), "{task}: {cause} {message}");
    }
    assert_eq!(git(&world, &["show", "main:src/a.txt"]), "both");
}

#[test]
fn an_attempt_that_goes_on_beside_markers_of_the_one_before_is_told_and_fails_until_they_are_gone() {
    for (second, exit) in [("git add -A; git commit -qm all", 5), ("echo both >src/a.txt", 0)] {
        let world = with_branch(&format!(
            "merge: {{ gates: ['true'] }}
agents: {{ w: {{ command: [sh, -c, 'cat $1 >$REGATTA_WORKSPACE/prompt.log; if [ $REGATTA_ATTEMPT = 1 ]; then {CLASH}; git merge -q side || true; else {second}; fi', sh, '{{prompt_file}}'] }} }}
tasks: [ {{ id: a, agent: w, prompt: do, retry: {{ max_attempts: 2, backoff: 1ms, keep_worktree: true }} }} ]
"
        ));
        let said = world.regatta(&["run", "plan.yaml"]);
        let prompt = world.read("prompt.log");
        assert!(prompt.contains("unresolved: src/a.txt"), "{prompt} {}", said.err);
        said.exits(exit);
        let wanted = if exit == 0 { "succeeded" } else { "exhausted" };
        let summary = world.regatta(&["status", "--json"]).json();
        assert_eq!(status(&summary, "a"), wanted);
    }
}
