//! Spec 6 "Merge", "Base": what a person commits where a conflict was left to them is theirs, and is never lost.

use crate::repo_world::{commit_by_hand, git, git_in, integration_worktree, with_plan, worktree_at};
use crate::world::World;
use std::path::PathBuf;

const LANDING: &str = "merge: { on_conflict: manual-escalation, gates: ['true'] }
tasks: [ { id: a, run: 'echo A >src/b.txt; echo a >a.txt' }, { id: b, run: 'echo B >src/b.txt; echo b >b.txt' } ]
";
const BASES: &str = "merge: { on_conflict: manual-escalation, gates: ['true'] }
tasks:
  - { id: a, run: 'echo A >src/b.txt' }
  - { id: b, run: 'echo B >src/b.txt' }
  - { id: c, needs: [a, b], run: 'cp src/b.txt seen-by-c' }
  - { id: d, needs: [a, b], run: 'cp src/b.txt seen-by-d' }
";

/// A run that waits for a person where its work is merged, and that place with their commit.
fn resolved(strategy: &str) -> (World, PathBuf) {
    let world = with_plan(&LANDING.replace("merge: {", &format!("merge: {{ strategy: {strategy},")));
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let place = integration_worktree(&world).unwrap();
    std::fs::write(place.join("src/b.txt"), "A and B\n").unwrap();
    commit_by_hand(&place);
    (world, place)
}

#[cfg(feature = "faults")]
#[test]
fn what_a_person_resolved_outlives_the_death_of_whoever_took_it_up() {
    for strategy in ["no-ff", "squash", "rebase"] {
        for point in ["worktree.gone:1", "landing.bench:1", "landing.merged:1", "landing.stands:1"] {
            let (mut world, place) = resolved(strategy);
            let theirs = git_in(&place, &["rev-parse", "HEAD"]);
            world.set("REGATTA_FAULT", point);
            assert_eq!(world.regatta(&["resume"]).code, None, "{strategy} {point}");
            world.unset("REGATTA_FAULT");
            assert!(!git(&world, &["for-each-ref", "--contains", &theirs]).is_empty(), "{strategy} {point}");
            world.regatta(&["resume"]).exits(0);
            assert_eq!(world.read("src/b.txt"), "A and B\n", "{strategy} {point}");
        }
    }
}

#[test]
fn what_a_person_resolved_is_taken_where_the_same_meets_on_a_target_that_moved_meanwhile() {
    let (world, _) = resolved("no-ff");
    world.write("other.txt", "meanwhile\n");
    git(&world, &["add", "other.txt"]);
    git(&world, &["commit", "-q", "-m", "meanwhile"]);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(
        (world.read("src/b.txt").as_str(), world.read("other.txt").as_str()),
        ("A and B\n", "meanwhile\n")
    );
}

#[test]
fn what_a_person_has_begun_and_not_committed_is_waited_for_where_work_lands() {
    let world = with_plan(LANDING);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let place = integration_worktree(&world).unwrap();
    std::fs::write(place.join("src/b.txt"), "half\n").unwrap();
    let said = world.regatta(&["resume"]).exits(5);
    assert!(said.out.contains("is not committed"), "{}", said.out);
    assert_eq!(std::fs::read_to_string(place.join("src/b.txt")).unwrap(), "half\n");
    std::fs::write(place.join("src/b.txt"), "whole\n").unwrap();
    commit_by_hand(&place);
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("src/b.txt"), "whole\n");
}

#[test]
fn what_a_person_committed_and_nobody_needed_is_kept() {
    let world = with_plan(BASES);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let mut theirs = Vec::new();
    for (task, text) in [("c", "of c\n"), ("d", "of d\n")] {
        let place = worktree_at(&world, &format!("-base-{task}-")).unwrap();
        std::fs::write(place.join("src/b.txt"), text).unwrap();
        commit_by_hand(&place);
        theirs.push(git_in(&place, &["rev-parse", "HEAD"]));
    }
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("seen-by-c"), world.read("seen-by-d"));
    for commit in theirs {
        assert!(!git(&world, &["for-each-ref", "--contains", &commit]).is_empty(), "{commit} is lost");
    }
}

#[test]
fn a_branch_that_a_task_made_is_no_persons_resolution() {
    // The last task merges what conflicts, on branches that have the names of ours.
    let merge = "r=$(git for-each-ref --format=\"%(refname)\" refs/heads/regatta | head -n 1 | cut -d/ -f4); \
                 git merge -q regatta/$r/t/b; echo mine >src/b.txt; git add -A; git commit -qm merged; \
                 git branch regatta/$r/base/c HEAD; git branch -f regatta/$r/integration HEAD; git reset -q --hard HEAD^";
    let plan = BASES.replace("tasks:\n", "limits: { max_parallel: 1 }\ntasks:\n");
    let at = plan.find("  - { id: c").unwrap();
    let evil = format!("  - {{ id: bb, needs: [a], run: '{merge}' }}\n");
    let world = with_plan(&format!("{}{evil}{}", &plan[..at], &plan[at..]));
    let said = world.regatta(&["run", "plan.yaml"]);
    assert_eq!((said.code, world.read("seen-by-c").as_str()), (Some(5), ""), "{}{}", said.out, said.err);
    assert!(worktree_at(&world, "-base-c-").is_some(), "{}", said.out);
}

/// The refs that keep what persons committed where work is merged.
fn kept_for_persons(world: &World) -> String {
    git(world, &["for-each-ref", "--format=%(refname)", &format!("refs/regatta/{}/+person", world.run_id())])
}

/// A run whose work is merged and waits for an answer.
fn asked(strategy: &str) -> (World, PathBuf) {
    let plan = "tasks: [ { id: a, run: 'echo a >a.txt' }, { id: b, run: 'echo b >b.txt' } ]\n";
    let merge = format!(
        "merge: {{ strategy: {strategy}, approve: true, policy: merge-succeeded, on_gate_failure: take-out, on_conflict: manual-escalation, gates: ['true'] }}"
    );
    let world = with_plan(&format!("{merge}\n{plan}"));
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let place = integration_worktree(&world).unwrap();
    (world, place)
}

#[test]
fn what_a_person_amends_where_work_is_merged_is_kept_and_what_we_merged_there_is_not() {
    for strategy in ["no-ff", "squash", "rebase"] {
        let (world, place) = asked(strategy);
        std::fs::write(place.join("theirs.txt"), "theirs\n").unwrap();
        git_in(&place, &["add", "theirs.txt"]);
        git_in(
            &place,
            &["-c", "user.name=P", "-c", "user.email=p@x", "commit", "-q", "--amend", "--no-edit"],
        );
        let theirs = git_in(&place, &["rev-parse", "HEAD"]);
        // It says of itself what ours say.
        assert!(git(&world, &["log", "-1", "--format=%B", &theirs]).contains("Regatta-Run: "), "{strategy}");
        world.regatta(&["resume"]).exits(5);
        assert!(kept_for_persons(&world).ends_with(&theirs), "{strategy}: {}", kept_for_persons(&world));
        world.regatta(&["merge", "--approve"]).exits(0);
        assert_eq!(kept_for_persons(&world).lines().count(), 1, "{strategy}: {}", kept_for_persons(&world));
    }
}

#[cfg(feature = "faults")]
#[test]
fn who_dies_where_work_is_merged_leaves_nothing_that_looks_like_a_persons() {
    for strategy in ["no-ff", "squash", "rebase"] {
        for point in ["landing.bench:1", "landing.merged:2", "landing.stands:1", "landing.paid:1"] {
            let plan = LANDING.replace("merge: {", &format!("merge: {{ strategy: {strategy},"));
            let mut world = with_plan(&plan.replace("echo B >src/b.txt; ", ""));
            world.set("REGATTA_FAULT", point);
            assert_eq!(world.regatta(&["run", "plan.yaml"]).code, None, "{strategy} {point}");
            world.unset("REGATTA_FAULT");
            // The target goes elsewhere: nothing of before is made again.
            world.write("other.txt", "meanwhile\n");
            git(&world, &["add", "other.txt"]);
            git(&world, &["commit", "-q", "-m", "meanwhile"]);
            world.regatta(&["resume"]).exits(0);
            assert_eq!(kept_for_persons(&world), "", "{strategy} {point}");
        }
    }
}

#[test]
fn what_a_person_has_begun_is_waited_for_although_somebody_once_said_no_to_other_work() {
    let (world, _) = asked("no-ff");
    world.write("a.txt", "meanwhile\n");
    git(&world, &["add", "a.txt"]);
    git(&world, &["commit", "-q", "-m", "meanwhile"]);
    let said = world.regatta(&["merge", "--reject", "--task", "b"]).exits(5);
    assert!(said.out.contains("conflicts in a.txt"), "{}{}", said.out, said.err);
    let place = integration_worktree(&world).unwrap();
    std::fs::write(place.join("a.txt"), "half\n").unwrap();
    let said = world.regatta(&["resume"]).exits(5);
    assert_eq!(std::fs::read_to_string(place.join("a.txt")).unwrap(), "half\n", "{}", said.out);
    assert!(said.out.contains("is not committed"), "{}", said.out);
}

#[cfg(feature = "faults")]
#[test]
fn what_a_person_commits_where_work_was_merged_is_kept_although_it_had_landed_before() {
    let mut world = with_plan("merge: { gates: ['true'] }\ntasks: [ { id: a, run: 'echo a >a.txt' } ]\n");
    world.set("REGATTA_FAULT", "landing.moved:1");
    assert_eq!(world.regatta(&["run", "plan.yaml"]).code, None);
    world.unset("REGATTA_FAULT");
    let place = integration_worktree(&world).unwrap();
    std::fs::write(place.join("a.txt"), "theirs\n").unwrap();
    commit_by_hand(&place);
    let theirs = git_in(&place, &["rev-parse", "HEAD"]);
    world.regatta(&["resume"]).exits(0);
    assert!(kept_for_persons(&world).ends_with(&theirs), "{}", kept_for_persons(&world));
    assert_eq!(kept_for_persons(&world).lines().count(), 1);
}

#[test]
fn a_commit_on_top_of_a_persons_resolution_hides_it_from_nobody() {
    for strategy in ["no-ff", "squash", "rebase"] {
        let (world, place) = resolved(strategy);
        std::fs::write(place.join("src/b.txt"), "A and B, better\n").unwrap();
        commit_by_hand(&place);
        world.regatta(&["resume"]).exits(0);
        assert_eq!(world.read("src/b.txt"), "A and B, better\n", "{strategy}");
    }
    let world = with_plan(BASES);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let place = worktree_at(&world, "-base-c-").unwrap();
    for text in ["first\n", "second\n"] {
        std::fs::write(place.join("src/b.txt"), text).unwrap();
        commit_by_hand(&place);
    }
    let theirs = git_in(&place, &["rev-parse", "HEAD"]);
    world.regatta(&["resume"]).exits(0);
    assert_eq!([world.read("seen-by-c"), world.read("seen-by-d")], ["second\n", "second\n"]);
    assert!(!git(&world, &["for-each-ref", "--contains", &theirs]).is_empty(), "{theirs} is lost");
}

#[test]
fn what_a_person_adds_on_top_of_their_resolution_is_left_to_the_task_that_begins_there() {
    let world = with_plan(BASES);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let place = worktree_at(&world, "-base-c-").unwrap();
    std::fs::write(place.join("src/b.txt"), "both\n").unwrap();
    commit_by_hand(&place);
    std::fs::write(place.join("src/a.txt"), "more\n").unwrap();
    commit_by_hand(&place);
    let said = world.regatta(&["resume"]).exits(5);
    assert!(said.out.contains("also changes src/a.txt, which does not conflict"), "{}", said.out);
}

#[test]
fn a_commit_on_top_of_what_we_merged_resolves_no_conflict_below_it() {
    let merge = "merge: { approve: true, on_conflict: manual-escalation, gates: ['true'] }";
    let world = with_plan(&LANDING.replace(LANDING.lines().next().unwrap(), merge));
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let place = integration_worktree(&world).unwrap();
    std::fs::write(place.join("src/b.txt"), "A and B\n").unwrap();
    commit_by_hand(&place);
    world.regatta(&["resume"]).exits(5);
    let place = integration_worktree(&world).unwrap();
    std::fs::write(place.join("src/b.txt"), "something else\n").unwrap();
    commit_by_hand(&place);
    let theirs = git_in(&place, &["rev-parse", "HEAD"]);
    world.regatta(&["merge", "--approve"]).exits(0);
    assert_eq!(world.read("src/b.txt"), "A and B\n");
    assert!(!git(&world, &["for-each-ref", "--contains", &theirs]).is_empty(), "{theirs} is lost");
}
