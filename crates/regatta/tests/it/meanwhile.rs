//! Spec 6 "Landing": what a person does while work lands, in their checkout and in our worktrees, is theirs, and nothing lands by
//! halves for it. A gate does it for them.

use crate::repo_world::{git, git_in, with_plan, worktree_at};
use crate::world::World;

/// A plan of one task, and deeds of a person's while its gate runs.
fn with_deeds(merge: &str, deeds: &str) -> World {
    let world = with_plan(&format!(
        "merge: {{ {merge} gates: [busy] }}
gates: {{ busy: {{ run: 'sh $(git rev-parse --path-format=absolute --git-common-dir)/deeds.sh' }} }}
tasks: [ {{ id: a, run: 'echo a >a.txt' }} ]
"
    ));
    world.write(
        ".git/deeds.sh",
        &format!(
            "set -e\ncd $(git rev-parse --path-format=absolute --git-common-dir)/..\nunset GIT_CEILING_DIRECTORIES\n{deeds}\n"
        ),
    );
    world
}

#[test]
fn a_checkout_that_went_to_another_branch_meanwhile_is_not_moved() {
    let world = with_deeds("", "git checkout -q -b feature");
    let begun = git(&world, &["rev-parse", "main"]);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(git(&world, &["rev-parse", "feature"]), begun);
    assert_eq!(git(&world, &["show", "main:a.txt"]), "a");
    assert_eq!((git(&world, &["status", "--porcelain"]).as_str(), world.path("a.txt").exists()), ("", false));
}

#[test]
fn a_checkout_that_came_to_the_target_meanwhile_follows_it() {
    let world = with_deeds("target: main,", "git checkout -q main");
    git(&world, &["checkout", "-q", "-b", "other"]);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!((git(&world, &["status", "--porcelain"]).as_str(), world.read("a.txt").as_str()), ("", "a\n"));
}

#[test]
fn what_a_person_commits_in_the_worktree_of_a_task_after_it_ended_is_not_thrown_away() {
    let world = with_deeds(
        "",
        "cd .regatta/worktrees/*-a-*; echo more >more.txt; git add -A; git -c user.name=P -c user.email=p@x commit -qm more",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!((world.read("a.txt").as_str(), world.path("more.txt").exists()), ("a\n", false));
    let place = worktree_at(&world, "-a-").expect("the worktree with more work is gone");
    assert_eq!(git_in(&place, &["log", "-1", "--format=%s"]), "more");
}

#[test]
fn what_a_person_commits_where_work_is_merged_is_not_thrown_away_when_landing_begins_again() {
    let world =
        with_plan("merge: { approve: true, gates: ['true'] }\ntasks: [ { id: a, run: 'echo a >a.txt' } ]\n");
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let place = worktree_at(&world, "-integration").unwrap();
    std::fs::write(place.join("mine.txt"), "mine\n").unwrap();
    git_in(&place, &["add", "-A"]);
    git_in(&place, &["-c", "user.name=P", "-c", "user.email=p@x", "commit", "-qm", "mine"]);
    let theirs = git_in(&place, &["rev-parse", "HEAD"]);
    world.regatta(&["merge", "--approve"]).exits(0);
    assert_eq!((world.read("a.txt").as_str(), world.path("mine.txt").exists()), ("a\n", false));
    assert!(!git(&world, &["for-each-ref", "--contains", &theirs]).is_empty(), "{theirs} is lost");
}

#[test]
fn what_cannot_be_removed_after_the_target_moved_is_said_and_nothing_lands_twice() {
    for strategy in ["no-ff", "squash"] {
        let world = with_deeds(
            &format!("strategy: {strategy},"),
            "cd .regatta/worktrees; for w in *-a-*; do mv $w aside; ln -s / $w; done",
        );
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(world.read("a.txt"), "a\n");
        let landing = world.regatta(&["status", "--json"]).json()["landing"].clone();
        assert_eq!(landing["landed"], true);
        assert!(landing["findings"].to_string().contains("could be removed"), "{landing}");
        assert_eq!(git(&world, &["log", "--format=%s", "--grep=^Merge", "main"]).lines().count(), 1);
    }
}

#[test]
fn a_target_that_is_being_rebased_is_left_alone() {
    let world =
        with_plan("merge: { target: main, gates: ['true'] }\ntasks: [ { id: a, run: 'echo a >a.txt' } ]\n");
    git(&world, &["checkout", "-q", "-b", "other"]);
    world.write("src/b.txt", "other\n");
    git(&world, &["commit", "-q", "-am", "other"]);
    git(&world, &["checkout", "-q", "main"]);
    world.write("src/b.txt", "mine\n");
    git(&world, &["commit", "-q", "-am", "mine"]);
    assert!(!world.program("git", &["rebase", "-q", "other"]).output().unwrap().status.success());
    let said = world.regatta(&["run", "plan.yaml"]).exits(4);
    assert!(said.err.contains("a rebase is under way"), "{}", said.err);
}

#[test]
fn a_target_whose_rebase_began_while_gates_ran_is_left_alone_until_that_is_over() {
    let world = with_deeds(
        "target: main,",
        "test ! -e .git/once || exit 0
touch .git/once
git checkout -q -b other; echo other >src/b.txt; git commit -qam other
git checkout -q main; echo mine >src/b.txt; git commit -qam mine
git rebase -q other || true",
    );
    let said = world.regatta(&["run", "plan.yaml"]).exits(5);
    assert!(said.out.contains("a rebase is under way"), "{}", said.out);
    assert_eq!(git(&world, &["log", "-1", "--format=%s", "main"]), "mine");
    git(&world, &["rebase", "--abort"]);
    world.regatta(&["resume"]).exits(0);
    assert_eq!((world.read("a.txt").as_str(), world.read("src/b.txt").as_str()), ("a\n", "mine\n"));
}
