//! Spec 6: copied files and our task folder are never committed, whoever commits: a person where a conflict was left to them,
//! or in the worktree of a task.

use crate::repo_world::{git, git_in, integration_worktree, with_plan, worktree_at};
use crate::world::World;
use std::path::Path;

const COPIES: &str = "worktree: { copy: ['.env'] }\n";

fn with_env(plan: &str) -> World {
    let world = with_plan(plan);
    world.write(".env", "TOKEN=1\n");
    world
}

/// Commits as a person does who does not look: all that there is.
fn commit_all(place: &Path) {
    git_in(place, &["add", "-A"]);
    git_in(place, &["commit", "-q", "-m", "resolved"]);
}

fn files(world: &World, branch: &str) -> String {
    git(world, &["ls-tree", "-r", "--name-only", branch])
}

#[test]
fn what_was_copied_in_does_not_land_by_a_persons_resolution() {
    for strategy in ["no-ff", "squash", "rebase"] {
        let world = with_env(&format!(
            "{COPIES}merge: {{ strategy: {strategy}, on_conflict: manual-escalation, gates: ['true'] }}
tasks: [ {{ id: a, run: 'echo A >src/b.txt' }}, {{ id: b, run: 'echo B >src/b.txt' }} ]\n"
        ));
        world.regatta(&["run", "plan.yaml"]).exits(5);
        let place = integration_worktree(&world).unwrap();
        assert!(place.join(".env").exists());
        // Our own directory is not to be seen there.
        assert!(!git_in(&place, &["status", "--porcelain"]).contains(".regatta-task"), "{strategy}");
        std::fs::write(place.join("src/b.txt"), "both\n").unwrap();
        commit_all(&place);
        let said = world.regatta(&["merge", "--continue"]).exits(0).out;
        assert!(said.contains(".env was in what a person committed, and does not land"), "{said}");
        assert_eq!(files(&world, "main"), ".gitignore\nsrc/a.txt\nsrc/b.txt", "{strategy}");
        assert_eq!(world.read("src/b.txt"), "both\n");
        assert_eq!(git(&world, &["log", "--format=%h", "main", "--", ".env", ".regatta-task"]), "");
        // The user's own is theirs.
        assert_eq!(world.read(".env"), "TOKEN=1\n");
    }
}

#[test]
fn a_copied_path_that_a_person_committed_by_force_does_not_land_either() {
    let world = with_env(&format!(
        "{COPIES}merge: {{ on_conflict: manual-escalation, gates: ['true'] }}
tasks: [ {{ id: a, run: 'echo A >src/b.txt' }}, {{ id: b, run: 'echo B >src/b.txt' }} ]\n"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let place = integration_worktree(&world).unwrap();
    std::fs::write(place.join("src/b.txt"), "both\n").unwrap();
    git_in(&place, &["add", "-f", ".regatta-task"]);
    commit_all(&place);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(files(&world, "main"), ".gitignore\nsrc/a.txt\nsrc/b.txt");
}

#[test]
fn a_person_who_resolves_a_conflict_among_predecessors_need_not_look_what_they_commit() {
    let world = with_env(&format!(
        "{COPIES}merge: {{ on_conflict: manual-escalation, gates: ['true'] }}
tasks:
  - {{ id: a, run: 'echo A >src/b.txt' }}
  - {{ id: b, run: 'echo B >src/b.txt' }}
  - {{ id: c, needs: [a, b], run: 'cp src/b.txt seen' }}\n"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let place = worktree_at(&world, "-base-c-").unwrap();
    assert!(!git_in(&place, &["status", "--porcelain"]).contains(".regatta-task"));
    std::fs::write(place.join("src/b.txt"), "both\n").unwrap();
    commit_all(&place);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("seen"), "both\n");
    assert_eq!(files(&world, "main"), ".gitignore\nseen\nsrc/a.txt\nsrc/b.txt");
}

#[test]
fn what_lies_in_a_worktree_for_the_run_only_is_not_adopted_and_one_command_takes_it_out() {
    let world = with_env(&format!(
        "{COPIES}merge: {{ gates: ['true'] }}
tasks: [ {{ id: a, run: 'echo \"{{}}\" >$REGATTA_RESULT; echo half >a.txt; exit 1' }} ]\n"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let (run, place) = (world.run_id(), worktree_at(&world, "-a-").unwrap());
    std::fs::write(place.join("a.txt"), "done\n").unwrap();
    assert!(!git_in(&place, &["status", "--porcelain"]).contains(".regatta-task"));
    git_in(&place, &["add", "-f", ".regatta-task"]);
    commit_all(&place);
    // It is in the history also when the last commit has it no more.
    git_in(&place, &["rm", "-rq", "--cached", ".env"]);
    git_in(&place, &["commit", "-q", "-m", "without"]);
    let said = world.regatta(&["worktree", "adopt", &run, "a"]).exits(2).err;
    assert!(said.contains(".env") && said.contains(".regatta-task/"), "{said}");
    let command = said.lines().find_map(|line| line.split_once("hint: ")).unwrap().1;
    assert!(world.program("sh", &["-c", command]).status().unwrap().success(), "{command}");
    world.regatta(&["worktree", "adopt", &run, "a"]).exits(0);
    world.regatta(&["retry", &run]).exits(0);
    assert_eq!(files(&world, "main"), ".gitignore\na.txt\nsrc/a.txt\nsrc/b.txt");
    assert_eq!(world.read("a.txt"), "done\n");
    assert_eq!(git(&world, &["log", "--format=%h", "main", "--", ".env", ".regatta-task"]), "");
}

#[test]
fn a_task_that_commits_our_own_directory_by_force_fails() {
    let world = with_plan(
        "tasks: [ { id: a, run: 'echo x >.regatta-task/x; git add -f .regatta-task; git commit -qm mine' } ]\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let said = world.regatta(&["status"]).out;
    assert!(said.contains("it committed what was put into its worktree"), "{said}");
}

#[test]
fn a_tracked_file_that_a_pattern_of_copies_means_too_may_be_changed_by_who_owns_it() {
    let world = with_plan(
        "worktree: { copy: ['conf/*'] }
merge: { gates: ['true'] }
tasks: [ { id: a, files: ['conf/app.yaml'], run: 'grep -q mine conf/local.yaml && echo new >conf/app.yaml' } ]\n",
    );
    world.write("conf/app.yaml", "old\n");
    git(&world, &["add", "conf"]);
    git(&world, &["commit", "-qm", "conf"]);
    world.write("conf/local.yaml", "mine\n");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(world.read("conf/app.yaml"), "new\n");
    assert_eq!(files(&world, "main:conf"), "app.yaml");
}
