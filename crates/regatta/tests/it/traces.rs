//! Spec 6 "Guard", "Collect", spec 9 "Git": what a task leaves in the repository beside its work is seen by nobody after it.

use crate::repo_world::{git, with_plan};
use crate::world::World;

fn failure(world: &World, task: &str) -> (String, String) {
    let row = world.regatta(&["status", "--json"]).json()["tasks"][task].clone();
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("cause"))
}

#[test]
fn locks_of_a_git_that_was_killed_neither_lose_work_nor_keep_the_next_attempt_from_beginning() {
    let locks = "d=$(git rev-parse --absolute-git-dir); touch $d/index.lock $d/HEAD.lock $d/ORIG_HEAD.lock; \
                 touch $(git rev-parse --path-format=absolute --git-common-dir)/$(git symbolic-ref HEAD).lock";
    let world = with_plan(&format!(
        "retry: {{ max_attempts: 2, backoff: 0ms }}
merge: {{ gates: ['true'] }}
tasks:
  - {{ id: a, run: 'echo $REGATTA_ATTEMPT >a.txt; {locks}; test $REGATTA_ATTEMPT = 2' }}
  - {{ id: b, needs: [a], run: 'cat a.txt >b.txt' }}
"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!((world.read("a.txt"), world.read("b.txt")), ("2\n".to_owned(), "2\n".to_owned()));
    // What the first attempt left is kept, too.
    let kept =
        git(&world, &["for-each-ref", "--format=%(refname)", &format!("refs/regatta/{}/a", world.run_id())]);
    let first = kept.lines().next().unwrap().to_owned();
    assert_eq!(git(&world, &["show", &format!("{first}:a.txt")]), "1");
}

#[test]
fn programs_in_the_settings_of_a_worktree_are_run_by_nobody() {
    let world = with_plan(
        "tasks:
  - id: a
    run: |
      git config --worktree filter.evil.clean \"touch $REGATTA_WORKSPACE/.git/ran-clean; cat\"
      git config --worktree filter.evil.smudge \"touch $REGATTA_WORKSPACE/.git/ran-smudge; cat\"
      git config --worktree filter.evil.process \"touch $REGATTA_WORKSPACE/.git/ran-process\"
      git config --worktree core.fsmonitor \"touch $REGATTA_WORKSPACE/.git/ran-monitor\"
      echo '*.txt filter=evil' >.gitattributes; echo x >x.txt
",
    );
    // As `git sparse-checkout` leaves it.
    git(&world, &["config", "extensions.worktreeConfig", "true"]);
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(failure(&world, "a"), ("failed".to_owned(), "ownership".to_owned()));
    world.regatta(&["worktree", "ls"]).exits(0);
    for name in ["ran-clean", "ran-smudge", "ran-process", "ran-monitor"] {
        assert!(!world.path(".git").join(name).exists(), "{name}");
    }
}

#[test]
fn what_a_task_has_the_repository_ignore_or_treat_otherwise_is_put_back() {
    for (file, line) in [("exclude", "*.new"), ("attributes", "* merge=union")] {
        let world = with_plan(&format!(
            "merge: {{ policy: merge-succeeded, gates: ['true'] }}
limits: {{ max_parallel: 1 }}
tasks:
  - {{ id: a, priority: P0, run: 'echo \"{line}\" >>$(git rev-parse --git-path info/{file}); echo a >a.new' }}
  - {{ id: b, run: 'echo b >b.new' }}
"
        ));
        let before = std::fs::read_to_string(world.path(".git/info").join(file)).ok();
        world.regatta(&["run", "plan.yaml"]).exits(1);
        assert_eq!(failure(&world, "a"), ("failed".to_owned(), "tampered".to_owned()));
        assert_eq!(std::fs::read_to_string(world.path(".git/info").join(file)).ok(), before);
        // The work of the other one is whole.
        assert_eq!(world.read("b.new"), "b\n");
        // And so is what the first one did.
        let kept = format!("refs/regatta/{}/a/1", world.run_id());
        assert_eq!(git(&world, &["ls-tree", "--name-only", &kept, "a.new"]), "a.new", "{file}");
    }
}

#[test]
fn what_git_resolved_before_is_not_taken_again_by_itself() {
    let world = with_plan(
        "merge: { on_conflict: manual-escalation, gates: ['true'] }
tasks: [ { id: a, run: 'echo A >src/b.txt' }, { id: b, run: 'echo B >src/b.txt' } ]
",
    );
    git(&world, &["config", "rerere.enabled", "true"]);
    git(&world, &["config", "rerere.autoupdate", "true"]);
    for (branch, text) in [("one", "A\n"), ("two", "B\n")] {
        git(&world, &["checkout", "-q", "-b", branch, "main"]);
        world.write("src/b.txt", text);
        git(&world, &["commit", "-q", "-am", branch]);
    }
    git(&world, &["checkout", "-q", "one"]);
    let merge = world.program("git", &["merge", "two"]).output().unwrap();
    assert!(!merge.status.success());
    world.write("src/b.txt", "as before\n");
    git(&world, &["commit", "-q", "-am", "merged"]);
    git(&world, &["checkout", "-q", "main"]);
    world.regatta(&["run", "plan.yaml"]).exits(5);
    let place = crate::repo_world::integration_worktree(&world).unwrap();
    assert!(std::fs::read_to_string(place.join("src/b.txt")).unwrap().contains("<<<<<<<"));
}
