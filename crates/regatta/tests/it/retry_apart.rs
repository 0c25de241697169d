//! Spec 6 "Base", 11 "Runs": what an earlier run left in worktrees is taken over by `retry` and `run --reuse`, and lands, if
//! its commits are there and it would begin from the same; else it is done again, and why is told.

use crate::repo_world::{branches, git, git_in, with_plan};
use crate::world::World;
use std::path::PathBuf;

/// Two good tasks, one that fails until `mended.log` is there, and what needs all. Each notes that it ran.
const TASKS: &str = "tasks:
  - { id: a, run: 'echo a >>$REGATTA_WORKSPACE/ran.log; echo A >a.txt' }
  - { id: b, needs: [a], run: 'echo b >>$REGATTA_WORKSPACE/ran.log; cat a.txt >b.txt' }
  - { id: bad, run: 'echo bad >>$REGATTA_WORKSPACE/ran.log; test -e $REGATTA_WORKSPACE/mended.log && echo m >bad.txt' }
  - { id: z, needs: [b, bad], run: 'echo z >>$REGATTA_WORKSPACE/ran.log; cat b.txt bad.txt >z.txt' }
";

fn half(merge: &str) -> World {
    let world = with_plan(&format!("{merge}{TASKS}"));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    world.write("ran.log", "");
    world
}

/// What ran since it was asked last.
fn ran(world: &World) -> String {
    let text = world.read("ran.log");
    world.write("ran.log", "");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join(" ")
}

fn why(world: &World, task: &str) -> String {
    world.regatta(&["explain", task]).exits(0).out
}

#[test]
fn good_work_that_did_not_land_is_taken_over_and_lands_with_the_rest() {
    let world = half("merge: { gates: ['true'] }\n");
    let first = world.run_id();
    let head = git(&world, &["rev-parse", &format!("regatta/{first}/t/b")]);
    world.write("mended.log", "");
    let said = world.regatta(&["retry"]).exits(0);
    assert!(said.err.contains(&format!("retries {first}: 2 tasks again, 2 reused")), "{}", said.err);
    assert_eq!(ran(&world), "bad z");
    assert_eq!(world.read("z.txt"), "A\nm\n");
    git(&world, &["merge-base", "--is-ancestor", &head, "main"]);
    assert_eq!(branches(&world), ["a", "b", "bad"], "those of the first run");
    let landing = world.regatta(&["status", "--json"]).json()["landing"].clone();
    assert_eq!(landing["merged"], serde_json::json!(["a", "bad", "b", "z"]));
    assert!(why(&world, "b").contains(&format!("run {first} (this run retries it)")), "{}", why(&world, "b"));
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn what_would_begin_from_another_commit_is_done_again_with_what_depends_on_it() {
    let world = half("merge: { gates: ['true'] }\n");
    world.write("mended.log", "");
    world.write("theirs.txt", "t\n");
    git(&world, &["add", "theirs.txt"]);
    git(&world, &["commit", "-q", "-m", "meanwhile"]);
    let said = world.regatta(&["retry"]).exits(0);
    assert!(said.err.contains("what did not land runs again"), "{}", said.err);
    assert_eq!(ran(&world), "a b bad z");
    let why_a = why(&world, "a");
    assert!(why_a.contains("it began from ") && why_a.contains(", and would begin from "), "{why_a}");
    assert!(why(&world, "b").contains("`a`, which it needs, runs again"), "{}", why(&world, "b"));
}

#[test]
fn what_has_landed_is_in_what_a_retry_begins_from_and_lands_once() {
    for strategy in ["no-ff", "squash"] {
        let world =
            half(&format!("merge: {{ policy: merge-succeeded, strategy: {strategy}, gates: ['true'] }}\n"));
        assert_eq!(world.read("b.txt"), "A\n");
        world.write("mended.log", "");
        world.regatta(&["retry"]).exits(0);
        assert_eq!(ran(&world), "bad z", "{strategy}");
        assert_eq!(world.read("z.txt"), "A\nm\n");
        let merged =
            git(&world, &["log", "--first-parent", "--format=%(trailers:key=Regatta-Task,valueonly)"]);
        let mut merged: Vec<&str> = merged.split_whitespace().collect();
        merged.sort_unstable();
        assert_eq!(merged, ["a", "b", "bad", "z"], "{strategy}");
        world.regatta(&["replay"]).exits(0);
    }
}

#[test]
fn without_a_merge_dependants_begin_from_what_was_taken_over() {
    let world = half("");
    world.write("mended.log", "");
    world.regatta(&["retry"]).exits(0);
    assert_eq!(ran(&world), "bad z");
    let run = world.run_id();
    assert_eq!(git(&world, &["show", &format!("regatta/{run}/t/z:z.txt")]), "A\nm");
    // It is held by names of its own: the earlier run may go.
    assert_eq!(git(&world, &["show", &format!("regatta/{run}/t/a:a.txt")]), "A");
}

#[test]
fn work_whose_commits_are_gone_is_done_again() {
    let world = half("merge: { gates: ['true'] }\n");
    let run = world.run_id();
    world.regatta(&["worktree", "gc", "--delete", "--keep-commits", "0"]).exits(0);
    for task in ["a", "b", "bad"] {
        git(&world, &["branch", "-D", &format!("regatta/{run}/t/{task}")]);
    }
    git(&world, &["reflog", "expire", "--expire=now", "--all"]);
    git(&world, &["gc", "-q", "--prune=now"]);
    world.write("mended.log", "");
    world.regatta(&["retry"]).exits(0);
    assert_eq!(ran(&world), "a b bad z");
    assert!(why(&world, "a").contains("of its work is gone"), "{}", why(&world, "a"));
}

#[test]
fn what_was_itself_the_misfit_is_done_again() {
    let world = with_plan(
        "merge: { gates: ['true'] }
tasks:
  - { id: a, run: 'echo a >>$REGATTA_WORKSPACE/ran.log; echo A >src/b.txt' }
  - { id: b, run: 'echo b >>$REGATTA_WORKSPACE/ran.log; test -e $REGATTA_WORKSPACE/mended.log || echo B >src/b.txt' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(1);
    ran(&world);
    world.write("mended.log", "");
    world.regatta(&["retry"]).exits(0);
    assert_eq!((ran(&world).as_str(), world.read("src/b.txt").as_str()), ("b", "A\n"));
}

#[test]
fn what_a_person_committed_in_the_worktree_of_a_task_is_its_work_after_adopt() {
    let world = half("worktree: { protect: ['.github/**'] }\nmerge: { gates: ['test ! -e evil.txt'] }\n");
    let run = world.run_id();
    let rows = world.regatta(&["worktree", "ls", "--json"]).json();
    let bad = rows["worktrees"].as_array().unwrap().iter().find(|row| row["task"] == "bad").unwrap();
    let bad = PathBuf::from(bad["path"].as_str().unwrap());
    let adopt = ["worktree", "adopt", &run, "bad"];
    std::fs::write(bad.join("bad.txt"), "by hand\n").unwrap();
    assert!(world.regatta(&adopt).exits(2).err.contains("not committed: bad.txt"));
    git_in(&bad, &["add", "-A"]);
    git_in(&bad, &["commit", "-q", "-m", "by hand"]);
    std::fs::create_dir(bad.join(".github")).unwrap();
    std::fs::write(bad.join(".github/w"), "x").unwrap();
    git_in(&bad, &["add", "-A"]);
    git_in(&bad, &["commit", "-q", "-m", "too much"]);
    assert!(world.regatta(&adopt).exits(2).err.contains("protected paths: .github/w"));
    git_in(&bad, &["reset", "-q", "--hard", "HEAD~"]);
    git_in(&bad, &["init", "-q", "inside"]);
    git_in(&bad.join("inside"), &["commit", "-q", "--allow-empty", "-m", "nobody else has it"]);
    git_in(&bad, &["add", "-A"]);
    git_in(&bad, &["commit", "-q", "-m", "a link to nothing"]);
    assert!(world.regatta(&adopt).exits(2).err.contains("a repository of its own inside"));
    git_in(&bad, &["reset", "-q", "--hard", "HEAD~"]);
    std::fs::remove_dir_all(bad.join("inside")).unwrap();
    let said = world.regatta(&adopt).exits(0).out;
    assert!(said.starts_with("adopted  bad: 1 commit, 1 path from "), "{said}");
    assert!(said.ends_with(&format!("next: regatta retry {run}\n")), "{said}");
    world.regatta(&["retry"]).exits(0);
    assert_eq!((ran(&world).as_str(), world.read("z.txt").as_str()), ("z", "A\nby hand\n"));
    // What has landed is changed where it landed.
    let landed = world.run_id();
    world.regatta(&["worktree", "adopt", &landed, "z"]).exits(0);
    assert!(world.regatta(&["worktree", "adopt", &landed, "z"]).exits(2).err.contains("has landed"));
}

#[test]
fn a_changed_plan_takes_over_the_tasks_that_did_not_change() {
    let world = half("merge: { gates: ['true'] }\n");
    let first = world.run_id();
    world.write("mended.log", "");
    world.write("plan.yaml", &world.read("plan.yaml").replace("cat b.txt bad.txt", "cat bad.txt b.txt"));
    world.regatta(&["run", "plan.yaml", "--reuse", &first]).exits(0);
    assert_eq!((ran(&world).as_str(), world.read("z.txt").as_str()), ("bad z", "m\nA\n"));
    assert!(why(&world, "a").contains(&format!("of run {first}")), "{}", why(&world, "a"));
    let second = half("");
    let first = second.run_id();
    second.write("mended.log", "");
    second.write("plan.yaml", &second.read("plan.yaml").replace("echo A >a.txt", "echo AA >a.txt"));
    second.regatta(&["run", "plan.yaml", "--reuse", &first]).exits(0);
    assert_eq!(ran(&second), "a b bad z");
    assert!(why(&second, "a").contains("`run` was"), "{}", why(&second, "a"));
}

#[test]
fn a_gate_that_passed_stands_with_the_work_behind_it_while_what_it_looked_at_stands() {
    for merge in [
        "",
        "merge: { policy: all-success }\n",
        "merge: { policy: merge-succeeded }\n",
        "merge: { policy: merge-succeeded, strategy: squash }\n",
    ] {
        let world = with_plan(&format!(
            "{merge}gates: {{ ok: {{ run: 'echo g >>$REGATTA_WORKSPACE/ran.log; ls' }} }}
tasks:
  - {{ id: a, run: 'echo a >>$REGATTA_WORKSPACE/ran.log; echo A >a.txt' }}
  - {{ id: g, needs: [a], gate: ok }}
  - {{ id: b, needs: [g], run: 'echo b >>$REGATTA_WORKSPACE/ran.log; cat a.txt >b.txt' }}
  - {{ id: first, gate: ok }}
  - {{ id: c, needs: [b, first], run: 'echo c >>$REGATTA_WORKSPACE/ran.log; test -e $REGATTA_WORKSPACE/mended.log && cat b.txt >c.txt' }}
"
        ));
        world.regatta(&["run", "plan.yaml"]).exits(1);
        assert_eq!(ran(&world), "a b c g g", "{merge}");
        // What a retry takes over, the next one takes over from it.
        world.regatta(&["retry"]).exits(1);
        assert_eq!(ran(&world), "c", "{merge}: {}", why(&world, "g"));
        world.write("mended.log", "");
        world.regatta(&["retry"]).exits(0);
        assert_eq!(ran(&world), "c", "{merge}: {}", why(&world, "g"));
        world.regatta(&["replay"]).exits(0);
        let run = world.run_id();
        assert!(!branches(&world).contains(&"g".to_owned()), "{run}: a gate leaves nothing");
        // A plan that asks the gate something else asks it.
        world.write("plan.yaml", &world.read("plan.yaml").replace("; ls'", "; ls >&2'"));
        world.regatta(&["run", "plan.yaml", "--reuse", &run]).exits(0);
        let again = ran(&world);
        assert!(again.starts_with("b c g g"), "{merge}: {again}");
    }
}

#[test]
fn a_gate_looks_again_where_a_run_that_reuses_begins_from_another_commit() {
    let world = with_plan(
        "gates: { ok: { run: 'echo g >>$REGATTA_WORKSPACE/ran.log' } }\ntasks: [ { id: g, gate: ok } ]\n",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let first = world.run_id();
    world.regatta(&["run", "plan.yaml", "--reuse", &first]).exits(0);
    assert_eq!(ran(&world), "g");
    world.write("theirs.txt", "t\n");
    git(&world, &["add", "theirs.txt"]);
    git(&world, &["commit", "-q", "-m", "meanwhile"]);
    world.regatta(&["run", "plan.yaml", "--reuse", &first]).exits(0);
    assert_eq!(ran(&world), "g");
    assert!(why(&world, "g").contains("it looked at "), "{}", why(&world, "g"));
}
