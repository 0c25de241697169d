//! Spec 6 "Merge": the target is that of the run's beginning, wherever the user goes meanwhile.

use crate::repo_world::{branches, git, with_plan};
use crate::world::{World, ends};

/// A run of one task whose orchestrator died while the task worked.
fn broken_off() -> World {
    let world = with_plan(
        "merge: { gates: ['true'] }\ntasks: [ { id: a, run: 'echo a >a.txt; echo x >$REGATTA_WORKSPACE/begun; cat $REGATTA_WORKSPACE/go' } ]\n",
    );
    world.fifo("begun");
    world.fifo("go");
    world
}

fn on(world: &World, branch: &str) -> String {
    git(world, &["log", "-1", "--format=%s", branch])
}

#[test]
fn a_run_that_is_taken_up_lands_on_the_branch_that_it_began_on() {
    let world = broken_off();
    let mut child = world.start(&["run", "plan.yaml"]);
    world.hear("begun");
    child.kill().unwrap();
    assert_eq!(ends(&mut child), None);
    git(&world, &["checkout", "-q", "-b", "feature"]);
    // The task has outlived it.
    std::fs::write(world.path("go"), "go\n").unwrap();
    let said = world.regatta(&["resume"]).exits(0);
    assert!(said.out.contains("landed       1 task on main"), "{}", said.out);
    assert_eq!((on(&world, "main").as_str(), on(&world, "feature").as_str()), ("Merge a: a", "first"));
    assert_eq!(git(&world, &["symbolic-ref", "--short", "HEAD"]), "feature");
}

/// A run that waits for an answer.
fn asked() -> World {
    let world =
        with_plan("merge: { approve: true, gates: ['true'] }\ntasks: [ { id: a, run: 'echo a >a.txt' } ]\n");
    world.regatta(&["run", "plan.yaml"]).exits(5);
    world
}

#[test]
fn what_is_approved_lands_where_the_run_began_although_the_user_is_elsewhere() {
    for elsewhere in [&["checkout", "-q", "-b", "feature"][..], &["checkout", "-q", "--detach"]] {
        let world = asked();
        git(&world, elsewhere);
        let seen = world.regatta(&["merge", "--dry-run"]).exits(0).out;
        assert!(seen.contains("onto main at"), "{seen}");
        let said = world.regatta(&["merge", "--approve"]).exits(0);
        assert!(said.out.contains("landed       1 task on main"), "{}", said.out);
        assert_eq!(on(&world, "main"), "Merge a: a");
        assert!(!branches(&world).contains(&"result".to_owned()), "{:?}", branches(&world));
    }
}

#[test]
fn what_began_on_no_branch_lands_on_its_own_although_the_user_is_on_one_now() {
    let world =
        with_plan("merge: { approve: true, gates: ['true'] }\ntasks: [ { id: a, run: 'echo a >a.txt' } ]\n");
    git(&world, &["checkout", "-q", "--detach"]);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    git(&world, &["checkout", "-q", "main"]);
    world.regatta(&["merge", "--approve"]).exits(0);
    assert_eq!(on(&world, "main"), "first");
    assert_eq!(on(&world, &format!("regatta/{}/result", world.run_id())), "Merge a: a");
}

#[test]
fn files_in_the_way_are_in_nobodys_way_once_the_user_is_elsewhere() {
    let world = with_plan("merge: { gates: ['true'] }\ntasks: [ { id: a, run: 'echo a >a.txt' } ]\n");
    world.write("a.txt", "mine\n");
    world.regatta(&["run", "plan.yaml"]).exits(5);
    git(&world, &["checkout", "-q", "-b", "feature"]);
    world.regatta(&["resume"]).exits(0);
    assert_eq!((on(&world, "main").as_str(), on(&world, "feature").as_str()), ("Merge a: a", "first"));
    assert_eq!(world.read("a.txt"), "mine\n");
}

#[test]
fn a_target_that_is_gone_is_named_with_the_command_that_goes_on() {
    let world = asked();
    git(&world, &["checkout", "-q", "-b", "feature"]);
    git(&world, &["branch", "-q", "-D", "main"]);
    let said = world.regatta(&["merge", "--approve"]).exits(5);
    assert!(said.out.contains("branch main is gone, on which the run lands"), "{}", said.out);
    let run = world.run_id();
    let next = said.out.lines().find_map(|line| line.trim().strip_prefix("next: git branch main ")).unwrap();
    let (at, then) = next.split_once(", then: ").unwrap();
    assert_eq!(then, format!("regatta resume {run}"));
    git(&world, &["branch", "main", at]);
    world.regatta(&["resume"]).exits(0);
    assert_eq!((on(&world, "main").as_str(), on(&world, "feature").as_str()), ("Merge a: a", "first"));
}

#[test]
fn a_run_of_an_earlier_version_lands_where_the_user_is() {
    let world = asked();
    std::fs::remove_file(world.run_dir().join("began-on.json")).unwrap();
    git(&world, &["checkout", "-q", "-b", "feature"]);
    world.regatta(&["merge", "--approve"]).exits(0);
    assert_eq!((on(&world, "main").as_str(), on(&world, "feature").as_str()), ("first", "Merge a: a"));
}

#[test]
fn a_detached_head_is_told_at_the_start_and_the_branch_of_the_result_is_named() {
    let world = with_plan("merge: { gates: ['true'] }\ntasks: [ { id: a, run: 'echo a >a.txt' } ]\n");
    git(&world, &["checkout", "-q", "--detach"]);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    let result = format!("regatta/{}/result", world.run_id());
    assert!(
        said.err.contains(&format!("HEAD is on no branch: the result goes to branch `{result}`")),
        "{}",
        said.err
    );
    assert!(said.out.contains(&format!("landed       1 task on {result} at")), "{}", said.out);
    assert!(world.regatta(&["status"]).out.contains(&format!("1 task on {result} at")));
    assert!(
        world.regatta(&["merge", "--dry-run", &world.run_id()]).out.contains(&format!("onto {result} at"))
    );
}

#[test]
fn what_is_not_committed_stops_no_run_and_one_line_says_that_tasks_do_not_see_it() {
    let world = with_plan(
        "worktree: { copy: ['.env'] }\nmerge: { gates: ['true'] }\ntasks: [ { id: a, run: 'cat src/a.txt; ls' } ]\n",
    );
    world.write(".env", "x\n");
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(!said.err.contains("not committed"), "{}", said.err);
    world.write("src/a.txt", "changed\n");
    world.write("new.txt", "new\n");
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    let told = "not committed, so tasks in worktrees do not see it: src/a.txt, new.txt\n";
    assert!(said.err.contains(told), "{}", said.err);
    assert!(!world.regatta(&["logs", "a"]).out.contains("changed"));
}

#[test]
fn a_checkout_whose_git_directory_is_elsewhere_gets_its_work() {
    let world = with_plan("merge: { gates: ['true'] }\ntasks: [ { id: a, run: 'echo a >a.txt' } ]\n");
    let elsewhere = tempfile::tempdir().unwrap();
    let dir = elsewhere.path().join("store");
    git(&world, &["init", "-q", "--separate-git-dir", dir.to_str().unwrap()]);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!((world.read("a.txt").as_str(), on(&world, "main").as_str()), ("a\n", "Merge a: a"));
    // Linked worktrees of it, too.
    let linked = elsewhere.path().join("linked");
    git(&world, &["worktree", "add", "-q", "-b", "other", linked.to_str().unwrap()]);
    let plan = world.read("plan.yaml").replace("a.txt", "b.txt");
    std::fs::write(linked.join("plan.yaml"), plan).unwrap();
    let linked = linked.to_str().unwrap();
    world.regatta(&["--workspace", linked, "run", &format!("{linked}/plan.yaml")]).exits(0);
    assert_eq!((on(&world, "main").as_str(), on(&world, "other").as_str()), ("Merge a: a", "Merge a: a"));
    assert_eq!(git(&world, &["show", "other:b.txt"]), "a");
}
