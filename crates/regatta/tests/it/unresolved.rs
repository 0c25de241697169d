//! Spec 6 "Collect": a conflict that a task met in its own worktree and did not resolve is no work that could land.

use crate::keep_worktree::{KEPT, killed_between, slow};
use crate::making::git_that;
use crate::repo_world::{git, with_plan, worktree_at};
use crate::worktrees::failure;
use crate::world::{World, status};

/// `a.txt` is changed on a branch of the user's, and by the task.
const CLASH: &str = "echo task >src/a.txt; git commit -qam task";

fn with_branch(plan: &str) -> World {
    let world = with_plan(plan);
    branch_off(&world);
    world
}

fn branch_off(world: &World) {
    git(world, &["checkout", "-q", "-b", "side"]);
    world.write("src/a.txt", "side\n");
    git(world, &["commit", "-qam", "side"]);
    git(world, &["checkout", "-q", "main"]);
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

/// The first attempt leaves markers and fails, the second one touches something else.
const LEAVES: &str = "if test $REGATTA_ATTEMPT = 1; then echo task >src/a.txt; git commit -qam task; git merge -q side || true; exit 1; fi; echo x >x.txt";

#[test]
fn markers_of_an_attempt_never_land_from_a_worktree_that_was_made_anew_of_its_work() {
    let world = slow(LEAVES);
    branch_off(&world);
    world
        .write("plan.yaml", &world.read("plan.yaml").replace("tasks:", "merge: { gates: ['true'] }\ntasks:"));
    killed_between(&world);
    let path = worktree_at(&world, &format!("{}-a", world.run_id())).unwrap();
    std::fs::remove_dir_all(path).unwrap();
    world.regatta(&["resume"]).exits(5);
    let (cause, message) = failure(&world, "a");
    assert!(cause == "partial" && message.contains("unresolved: src/a.txt"), "{cause}: {message}");
    assert_eq!(git(&world, &["show", "main:src/a.txt"]), git(&world, &["show", "side~1:src/a.txt"]));
}

#[test]
fn markers_of_an_attempt_never_land_where_another_task_had_the_common_worktree_meanwhile() {
    let mut world = with_branch(&format!(
        "worktree: {{ on_error: sequential }}
merge: {{ policy: merge-succeeded, gates: ['true'] }}
tasks:
  - {{ id: z, run: 'echo z >z.txt' }}
  - {{ id: a, needs: [z], retry: {{ max_attempts: 2, backoff: 1s{KEPT} }}, run: '{LEAVES}' }}
  - {{ id: b, needs: [z], run: 'echo b >b.txt' }}
"
    ));
    git_that(
        &mut world,
        "echo \"$*\" | grep -q 'worktree add.*/t/z .*-z-'",
        "echo planted failure >&2; exit 128",
    );
    let said = world.regatta(&["run", "plan.yaml"]);
    assert!(said.out.contains("tasks work one after the other"), "{}{}", said.out, said.err);
    let (cause, message) = failure(&world, "a");
    assert!(cause == "partial" && message.contains("unresolved: src/a.txt"), "{cause}: {message}");
    assert_eq!(git(&world, &["show", "main:src/a.txt"]), git(&world, &["show", "side~1:src/a.txt"]));
    assert_eq!(git(&world, &["show", "main:b.txt"]), "b");
}
