//! Spec 6 "Making": which worktrees there are when a task begins, and what follows where one cannot be made.

use crate::repo_world::{belongings, branches, git, with_plan, worktrees};
use crate::world::World;
use std::os::unix::fs::PermissionsExt as _;

/// Waits until so many worktrees are there, the user's own among them, and looks that there are never more.
fn sees(count: usize) -> String {
    format!(
        "n=0; while n=$(git worktree list | wc -l); test $n -lt {count}; do test -e $REGATTA_WORKSPACE/plan.yaml || exit 9; done; test $n -le {count}"
    )
}

/// Git for regatta and its tasks that fails where `when`, a shell command over its arguments, says so.
fn git_that_fails(world: &mut World, when: &str) {
    let real = std::env::var("PATH").unwrap();
    let real = std::env::split_paths(&real).map(|dir| dir.join("git")).find(|git| git.exists()).unwrap();
    let path = world.path("bin/git");
    world.write(
        "bin/git",
        &format!(
            "#!/bin/sh\nif {when}; then echo planted failure >&2; exit 128; fi\nexec {} \"$@\"\n",
            real.display()
        ),
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
