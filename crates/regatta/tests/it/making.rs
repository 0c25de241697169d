//! Spec 6 "Making": which worktrees there are when a task begins, and what follows where one cannot be made.

use crate::repo_world::{belongings, branches, git, with_plan, worktrees};
use crate::world::{World, ends};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;

/// Waits until so many worktrees are there, the user's own among them, and looks that there are never more.
fn sees(count: usize) -> String {
    format!(
        "n=0; while n=$(git worktree list | wc -l); test $n -lt {count}; do test -e $REGATTA_WORKSPACE/plan.yaml || exit 9; done; test $n -le {count}"
    )
}

/// Git for regatta and its tasks that fails where `when`, a shell command over its arguments, says so.
fn git_that_fails(world: &mut World, when: &str) {
    git_that(world, when, "echo planted failure >&2; exit 128");
}

/// Git that does something first where `when` says so.
pub fn git_that(world: &mut World, when: &str, does: &str) {
    let real = std::env::var("PATH").unwrap();
    let real = std::env::split_paths(&real).map(|dir| dir.join("git")).find(|git| git.exists()).unwrap();
    let path = world.path("bin/git");
    world.write(
        "bin/git",
        &format!("#!/bin/sh\nif {when}; then {does}; fi\nexec {} \"$@\"\n", real.display()),
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.write(".git/info/exclude", "bin\nlog\n");
    let bin = format!("{}:{}", world.path("bin").display(), std::env::var("PATH").unwrap());
    world.set("PATH", &bin);
}

#[test]
fn with_waves_all_worktrees_of_a_wave_are_there_when_its_first_task_begins() {
    // One slot: nobody but the first task could have made the others'.
    let world = with_plan(
        "schedule: waves
limits: { max_parallel: 1 }
tasks:
  - { id: a, run: 'test $(git worktree list | wc -l) = 4' }
  - { id: b, run: 'true' }
  - { id: c, run: 'true' }
  - { id: never, needs: [a], when: 'a.status == \"failed\"', run: 'true' }
  - { id: last, needs: [a, b, c], run: 'true' }
",
    );
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(branches(&world), ["a", "b", "c", "last"]);
}

#[test]
fn with_dataflow_all_of_the_first_admission_is_there_and_the_next_are_made_ahead() {
    let first = with_plan(
        "limits: { max_parallel: 3 }
tasks:
  - { id: a, run: 'test $(git worktree list | wc -l) -ge 4' }
  - { id: b, run: 'test $(git worktree list | wc -l) -ge 4' }
  - { id: c, run: 'test $(git worktree list | wc -l) -ge 4' }
",
    );
    first.regatta(&["run", "plan.yaml"]).exits(0);
    let ahead = with_plan(&format!(
        "limits: {{ max_parallel: 1 }}\ntasks:\n  - {{ id: a, run: '{}' }}\n  - {{ id: b, run: 'true' }}\n  - {{ id: c, run: 'true' }}\n",
        sees(3)
    ));
    ahead.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(branches(&ahead), ["a", "b", "c"]);
}

#[test]
fn what_was_made_ahead_for_a_task_that_never_starts_is_gone_afterwards() {
    let world = with_plan(&format!(
        "limits: {{ max_parallel: 1 }}\non_failure: stop\ntasks:\n  - {{ id: a, priority: P0, run: '{}; exit 1' }}\n  - {{ id: b, run: 'true' }}\n",
        sees(3)
    ));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!((branches(&world), worktrees(&world)), (vec!["a".to_owned()], 1));
}

#[test]
fn if_one_of_the_first_admission_fails_nothing_starts_and_nothing_is_left_behind() {
    let mut world = with_plan(
        "tasks:
  - { id: a, run: 'touch $REGATTA_WORKSPACE/log' }
  - { id: b, run: 'touch $REGATTA_WORKSPACE/log' }
  - { id: c, needs: [a], run: 'touch $REGATTA_WORKSPACE/log' }
",
    );
    git_that_fails(&mut world, "echo \"$*\" | grep -q 'worktree add.*/t/b '");
    let before = belongings(&world);
    let said = world.regatta(&["run", "plan.yaml"]).exits(1);
    assert!(said.out.contains("the worktree of `b` cannot be made"), "{}", said.out);
    assert!(said.out.contains("planted failure"), "{}", said.out);
    assert_eq!(world.regatta(&["status", "--json"]).json()["status"], "failed");
    assert!(!world.path("log").exists());
    assert_eq!((branches(&world), worktrees(&world), belongings(&world)), (vec![], 0, before));
    assert_eq!(std::fs::read_dir(world.path(".regatta/worktrees")).unwrap().count(), 0);
}

#[test]
fn with_on_error_sequential_tasks_then_work_one_after_the_other_in_one_worktree_of_ours() {
    let mut world = with_plan(
        "limits: { max_parallel: 3 }
worktree: { on_error: sequential, copy: [.env] }
merge: { gates: ['test -e a.txt'] }
tasks:
  - { id: a, run: 'mkdir $REGATTA_WORKSPACE/alone && test ! -e left.log && pwd >>$REGATTA_WORKSPACE/log && cat .env && touch left.log && echo A >a.txt && rmdir $REGATTA_WORKSPACE/alone' }
  - { id: b, run: 'mkdir $REGATTA_WORKSPACE/alone && test ! -e a.txt && test ! -e left.log && pwd >>$REGATTA_WORKSPACE/log && cat .env && touch left.log && echo B >b.txt && rmdir $REGATTA_WORKSPACE/alone' }
  - { id: c, needs: [a, b], run: 'mkdir $REGATTA_WORKSPACE/alone && test -e a.txt && test -e b.txt && test ! -e left.log && pwd >>$REGATTA_WORKSPACE/log && rmdir $REGATTA_WORKSPACE/alone' }
",
    );
    world.write(".env", "TOKEN=1\n");
    git_that_fails(&mut world, "echo \"$*\" | grep -q 'worktree add.*/t/b .*-b-'");
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(said.out.contains("tasks work one after the other"), "{}", said.out);
    let log = world.read("log");
    let places: std::collections::BTreeSet<&str> = log.lines().collect();
    assert_eq!((log.lines().count(), places.len()), (3, 1), "{log}");
    assert_ne!(places.first().copied(), Some(world.root().to_str().unwrap()));
    assert_eq!((world.read("a.txt"), world.read("b.txt")), ("A\n".to_owned(), "B\n".to_owned()));
    assert_eq!((branches(&world), worktrees(&world)), (vec![], 0));
    assert_eq!(git(&world, &["status", "--porcelain", "--", ":!.env"]), "");
}

#[test]
fn with_sparse_a_task_has_only_the_directories_that_it_needs_and_all_that_lands_is_whole() {
    let world = with_plan(
        "worktree: { sparse: true }
merge: { gates: ['test -e docs/deep/page.md && test -e src/api/x.txt && test -e src/a.txt'] }
tasks:
  - { id: a, files: ['src/api/**'], reads: [docs/top.md], run: 'test -e src/api/x.txt && test -e docs/top.md && test -e root.txt && test ! -e lib && test -z \"$(git status --porcelain)\" && echo A >>src/api/x.txt && echo n >src/api/new.txt && mkdir lib && echo out >lib/new.txt' }
  - { id: b, needs: [a], run: 'test -e lib/l.txt && test -e lib/new.txt && test $(tail -n 1 src/api/x.txt) = A' }
  - { id: c, files: [src/c.txt], needs: [a], run: 'test ! -e lib && test -e src/api/new.txt && echo C >src/c.txt && git add -A && git commit -qm c' }
",
    );
    for file in ["src/api/x.txt", "docs/top.md", "docs/deep/page.md", "lib/l.txt", "root.txt"] {
        world.write(file, "1\n");
    }
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "-q", "-m", "more"]);
    let before = git(&world, &["config", "--local", "--list"]);
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(said.out.contains("it changed files that are not its own: lib/new.txt"), "{}", said.out);
    assert_eq!(git(&world, &["status", "--porcelain"]), "");
    let changed = git(&world, &["diff", "--name-status", "HEAD@{1}"]);
    assert_eq!(changed, "A\tlib/new.txt\nA\tsrc/api/new.txt\nM\tsrc/api/x.txt\nA\tsrc/c.txt");
    assert_eq!(git(&world, &["config", "--local", "--list"]), before);
}

#[test]
fn git_that_outlives_its_orchestrator_is_waited_for_by_the_next_one() {
    let mut world = with_plan("merge: { gates: ['true'] }\ntasks: [ { id: a, run: 'echo new >new.txt' } ]\n");
    world.fifo("up");
    world.fifo("go");
    let top = world.root().display().to_string();
    let first = format!("echo \"$*\" | grep -q 'reset --hard' && mkdir {top}/held.log 2>/dev/null");
    git_that(&mut world, &first, &format!("echo up >{top}/up; read word <{top}/go"));
    world.write(".git/info/exclude", "bin\nup\ngo\n");
    let mut child = world.start(&["run", "plan.yaml"]);
    world.hear("up");
    child.kill().unwrap();
    child.wait().unwrap();
    let lock = File::open(world.run_dir().join("git.lock")).unwrap();
    let taken = flock(&lock, FlockOperation::NonBlockingLockExclusive);
    assert_eq!(taken, Err(rustix::io::Errno::AGAIN), "git is at work and nobody could know");
    drop(lock);
    let mut resumed = world.start(&["resume"]);
    std::fs::write(world.path("go"), "on\n").unwrap();
    assert_eq!(ends(&mut resumed), Some(0));
    assert_eq!((world.read("new.txt").as_str(), worktrees(&world)), ("new\n", 0));
}

#[test]
fn what_part_of_the_tree_the_user_has_checked_out_is_no_matter_of_a_worktrees() {
    for sparse in ["", "worktree: { sparse: false }\n"] {
        let world = with_plan(&format!(
            "{sparse}merge: {{ gates: ['test -e src/a.txt'] }}
tasks: [ {{ id: a, run: 'test -e src/b.txt && git sparse-checkout list && exit 1; echo a >>src/a.txt' }} ]
"
        ));
        git(&world, &["sparse-checkout", "set", "--no-cone", "/*", "!src"]);
        assert!(!world.path("src").exists());
        world.regatta(&["run", "plan.yaml"]).exits(0);
        assert_eq!(git(&world, &["show", "main:src/a.txt"]), "one\ntwo\nthree\na");
        assert!(!world.path("src").exists());
        assert_eq!(git(&world, &["sparse-checkout", "list"]), "/*\n!src");
    }
}
