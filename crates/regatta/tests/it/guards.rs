//! Spec 6 "Guard": what an agent changed of the repository's settings and hooks is put back, and is to be had; what a person
//! changed meanwhile is theirs.

use crate::repo_world::{failure, git, with_plan};
use crate::world::{World, ends};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;

/// The directory that a message names as the place of what was replaced.
fn place_in(said: &str) -> PathBuf {
    let (_, rest) = said.split_once("what stood there is in ").unwrap_or_else(|| panic!("no place: {said}"));
    PathBuf::from(rest.split(['"', '\n']).next().unwrap().trim_end())
}

/// A person works in the user's checkout between tasks: a task that has no worktree does it for them.
fn person(needs: &str, deeds: &str) -> String {
    format!(
        "  - {{ id: person, needs: [{needs}], isolation: none, run: 'cd $REGATTA_WORKSPACE; {deeds}' }}\n"
    )
}

const DEEDS: &str = "git remote add origin /nowhere && git config branch.main.remote origin && echo \"*.mine\" >>.git/info/exclude && echo \"exit 0\" >.git/hooks/pre-push";

#[test]
fn what_a_person_changed_between_attempts_stays_and_no_task_is_blamed() {
    let world = with_plan(&format!(
        "merge: {{ gates: ['true'] }}
tasks:
  - {{ id: a, run: 'echo a >a.txt' }}
{}  - {{ id: b, needs: [person, a], run: 'echo b >b.txt' }}
",
        person("a", DEEDS)
    ));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!((world.read("a.txt"), world.read("b.txt")), ("a\n".to_owned(), "b\n".to_owned()));
    assert_eq!(git(&world, &["config", "remote.origin.url"]), "/nowhere");
    assert_eq!(git(&world, &["config", "branch.main.remote"]), "origin");
    assert!(world.read(".git/info/exclude").contains("*.mine"));
    assert_eq!(world.read(".git/hooks/pre-push"), "exit 0\n");
}

#[test]
fn what_a_person_changed_before_gates_stays_and_what_a_gate_changed_is_put_back_and_said() {
    let world = with_plan(&format!(
        "merge: {{ gates: ['git config evil.key value; echo x >$(git rev-parse --git-common-dir)/hooks/post-merge'] }}
tasks:
  - {{ id: a, run: 'echo a >a.txt' }}
{}",
        person("a", DEEDS)
    ));
    let said = world.regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!(git(&world, &["config", "remote.origin.url"]), "/nowhere");
    assert!(world.read(".git/info/exclude").contains("*.mine"));
    assert!(!world.read(".git/config").contains("evil") && !world.path(".git/hooks/post-merge").exists());
    let status = world.regatta(&["status", "--json"]).json()["landing"]["findings"].to_string();
    assert!(status.contains("changed config, hooks/post-merge of the repository"), "{status}\n{}", said.out);
    let kept = place_in(&status);
    assert!(std::fs::read_to_string(kept.join("config")).unwrap().contains("evil"), "{}", kept.display());
}

#[test]
fn what_is_put_back_has_its_mode_follows_no_link_and_what_stood_there_is_kept() {
    let world = with_plan(
        "tasks:
  - id: a
    run: |
      cd $(git rev-parse --git-common-dir)
      git config evil.key value
      chmod 666 config
      echo secret >$REGATTA_WORKSPACE/outside.log
      rm info/exclude; ln -s $REGATTA_WORKSPACE/outside.log info/exclude
      ln -s $REGATTA_WORKSPACE/outside.log config.regatta
      echo evil >>hooks/pre-commit
      rm hooks/pre-push; mkfifo hooks/pre-push
      echo planted >hooks/post-checkout; mkfifo hooks/post-merge
",
    );
    let config = world.path(".git/config");
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o640)).unwrap();
    world.write(".git/mine", "exit 0\n");
    symlink("../mine", world.path(".git/hooks/pre-commit")).unwrap();
    world.write(".git/hooks/pre-push", "exit 0\n");
    std::fs::set_permissions(world.path(".git/hooks/pre-push"), std::fs::Permissions::from_mode(0o755))
        .unwrap();
    let (before, exclude) = (world.read(".git/config"), world.read(".git/info/exclude"));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let (cause, said) = failure(&world, "a");
    let what = "it changed config, hooks/post-checkout, hooks/post-merge, hooks/pre-commit, hooks/pre-push, info/exclude of the repository";
    assert!(cause == "tampered" && said.contains(what), "{cause}: {said}");
    let mode = |name: &str| world.path(name).symlink_metadata().unwrap().mode() & 0o7777;
    assert_eq!((world.read(".git/config"), mode(".git/config")), (before, 0o640));
    assert!(world.path(".git/info/exclude").symlink_metadata().unwrap().is_file());
    assert_eq!(
        (world.read(".git/info/exclude"), world.read("outside.log")),
        (exclude, "secret\n".to_owned())
    );
    assert_eq!(
        (world.read(".git/hooks/pre-push").as_str(), mode(".git/hooks/pre-push")),
        ("exit 0\n", 0o755)
    );
    assert!(world.path(".git/hooks/pre-commit").symlink_metadata().unwrap().is_symlink());
    assert_eq!(world.read(".git/mine"), "exit 0\n");
    assert!(
        !world.path(".git/hooks/post-checkout").exists() && !world.path(".git/hooks/post-merge").exists()
    );
    let kept = place_in(&said);
    let read = |name: &str| std::fs::read_to_string(kept.join(name)).unwrap_or_default();
    assert!(read("config").contains("evil"), "{}", kept.display());
    assert_eq!(read("hooks/post-checkout"), "planted\n");
    assert!(kept.join("info/exclude").symlink_metadata().unwrap().is_symlink());
}

#[test]
fn the_lock_of_a_git_that_was_killed_at_the_settings_goes_and_the_settings_are_put_back() {
    let world = with_plan(
        "tasks: [ { id: a, run: 'c=$(git rev-parse --git-common-dir)/config; git config evil.key x; touch $c.lock' } ]\n",
    );
    let before = world.read(".git/config");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(failure(&world, "a").0, "tampered");
    assert_eq!((world.read(".git/config"), world.path(".git/config.lock").exists()), (before, false));
    git(&world, &["config", "mine.key", "value"]);
}

#[test]
fn what_was_changed_while_nobody_watched_is_put_back_by_whoever_takes_the_run_over() {
    let world = with_plan(
        "tasks: [ { id: a, run: 't=$REGATTA_WORKSPACE/.git; echo up >$t/up; cat $t/go; git config evil.key value; echo a >a.txt; echo up >$t/up; cat $t/go' } ]\n",
    );
    for name in [".git/go", ".git/up"] {
        world.fifo(name);
    }
    let before = world.read(".git/config");
    let mut run = world.start(&["run", "plan.yaml"]);
    world.hear(".git/up");
    run.kill().unwrap();
    run.wait().unwrap();
    std::fs::write(world.path(".git/go"), "go\n").unwrap();
    world.hear(".git/up");
    assert!(world.read(".git/config").contains("evil"));
    let mut resumed = world.start(&["resume"]);
    std::fs::write(world.path(".git/go"), "go\n").unwrap();
    assert_eq!(ends(&mut resumed), Some(1));
    assert_eq!(failure(&world, "a").0, "tampered");
    assert_eq!(world.read(".git/config"), before);
}

/// Plants a setting and a hook.
const PLANTED: &str =
    "git config core.fsmonitor /evil; echo evil >$(git rev-parse --git-common-dir)/hooks/post-checkout";

fn nothing_is_planted(world: &World) {
    assert!(!world.read(".git/config").contains("evil"), "{}", world.read(".git/config"));
    assert!(!world.path(".git/hooks/post-checkout").exists());
}

#[test]
fn what_an_attempt_changed_whose_keeper_died_is_put_back_before_anything_is_pinned_anew() {
    let world = with_plan(&format!(
        "tasks:
  - {{ id: a, run: 'test -e $REGATTA_WORKSPACE/.git/once || {{ {PLANTED}; touch $REGATTA_WORKSPACE/.git/once; kill -9 $PPID; sleep 9; }}' }}
  - {{ id: b, needs: [a], run: 'echo b >b.txt' }}
"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(0);
    assert!(world.regatta(&["events"]).out.contains("\"dispatch_lost\""));
    nothing_is_planted(&world);
}

#[test]
fn what_a_setup_changed_that_failed_is_put_back() {
    let world = with_plan(&format!(
        "worktree: {{ setup: ['{PLANTED}; exit 1'] }}
tasks:
  - {{ id: a, run: 'true' }}
"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    nothing_is_planted(&world);
}

#[test]
fn a_directory_in_the_place_of_a_lock_keeps_nothing_from_being_put_back() {
    let world = with_plan(&format!(
        "tasks:
  - {{ id: a, run: '{PLANTED}; mkdir -p $REGATTA_WORKSPACE/.git/config.lock/full' }}
  - {{ id: b, run: 'echo b >b.txt' }}
limits: {{ max_parallel: 1 }}
"
    ));
    world.regatta(&["run", "plan.yaml"]).exits(1);
    assert_eq!(failure(&world, "a").0, "tampered");
    nothing_is_planted(&world);
    git(&world, &["config", "user.nick", "me"]);
}

#[test]
fn a_file_too_large_to_be_copied_is_not_cut_and_the_change_is_said() {
    let world = with_plan(
        "tasks:\n  - { id: a, run: 'echo evil >>$(git rev-parse --git-common-dir)/hooks/pre-push' }\n",
    );
    let hook = world.path(".git/hooks/pre-push");
    let bytes = 17 << 20;
    std::fs::File::create(&hook).unwrap().set_len(bytes).unwrap();
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let (cause, said) = failure(&world, "a");
    assert!(
        cause == "tampered" && said.contains("hooks/pre-push (which itself cannot be)"),
        "{cause}: {said}"
    );
    assert_eq!(hook.metadata().unwrap().len(), bytes + 5);
}

#[test]
fn what_hooks_lead_to_directories_below_hooks_and_settings_of_a_persons_worktree_are_put_back() {
    let world = with_plan(
        "tasks:
  - id: a
    run: |
      cd $(git rev-parse --git-common-dir)
      echo evil >>hooks/pre-commit
      echo evil >>hooks/pre-push.d/10-mine
      mkdir hooks/post-merge.d; echo evil >hooks/post-merge.d/deep
      rm -r hooks/update.d; echo evil >hooks/update.d
      git config --file worktrees/theirs/config.worktree core.hooksPath /evil
      echo more >>hooks/commit-msg
",
    );
    git(&world, &["config", "extensions.worktreeConfig", "true"]);
    git(&world, &["worktree", "add", "-q", "theirs"]);
    git(&world, &["-C", "theirs", "config", "--worktree", "my.own", "1"]);
    world.write(".git/mine", "exit 0\n");
    symlink("../mine", world.path(".git/hooks/pre-commit")).unwrap();
    // What a hook is in a checkout is a file of that checkout, which landing and its person change.
    symlink("../../src/a.txt", world.path(".git/hooks/commit-msg")).unwrap();
    for name in ["pre-push.d/10-mine", "update.d/one"] {
        world.write(&format!(".git/hooks/{name}"), "exit 0\n");
    }
    let settings = world.read(".git/worktrees/theirs/config.worktree");
    world.regatta(&["run", "plan.yaml"]).exits(1);
    let (cause, said) = failure(&world, "a");
    let what = "it changed hooks/post-merge.d/deep, hooks/pre-commit, hooks/pre-push.d/10-mine, hooks/update.d, hooks/update.d/one, worktrees/theirs/config.worktree of the repository";
    assert!(cause == "tampered" && said.contains(what), "{cause}: {said}");
    for name in ["mine", "hooks/pre-push.d/10-mine", "hooks/update.d/one"] {
        assert_eq!(world.read(&format!(".git/{name}")), "exit 0\n", "{name}");
    }
    assert!(world.path(".git/hooks/pre-commit").symlink_metadata().unwrap().is_symlink());
    assert!(!world.path(".git/hooks/post-merge.d/deep").exists());
    assert_eq!(world.read(".git/worktrees/theirs/config.worktree"), settings);
    assert_eq!(world.read("src/a.txt"), "one\ntwo\nthree\nmore\n");
    let kept = place_in(&said);
    let read = |name: &str| std::fs::read_to_string(kept.join(name)).unwrap_or_default();
    assert_eq!(read("hooks/pre-commit"), "exit 0\nevil\n", "{}", kept.display());
    assert_eq!((read("hooks/update.d"), read("hooks/post-merge.d/deep")), ("evil\n".into(), "evil\n".into()));
}
