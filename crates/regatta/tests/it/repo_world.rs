//! A workspace that is a git repository.
//!
//! Knows git's commands, and no run.

use crate::world::World;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who has the repository, as their own settings say: no repository has an identity of its own.
const PERSON: &str = "[user]\n\tname = Person\n\temail = person@example.com\n";

/// A repository with one commit on `main`: `src/a.txt`, `src/b.txt` and a `.gitignore`.
pub fn repository() -> World {
    let mut world = World::new();
    world.lives_at_home(&[(".gitconfig", PERSON)]);
    git(&world, &["init", "-q", "-b", "main"]);
    world.write("src/a.txt", "one\ntwo\nthree\n");
    world.write("src/b.txt", "b\n");
    world.write(".gitignore", "*.log\nplan.yaml\n");
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "-q", "-m", "first"]);
    world
}

/// A repository with a plan: `head` and tasks in worktrees, all idempotent.
pub fn with_plan(plan: &str) -> World {
    let world = repository();
    world.write("plan.yaml", &format!("version: 1\nisolation: worktree\neffect: idempotent\n{plan}"));
    world
}

/// What git says at the top of the repository.
pub fn git(world: &World, args: &[&str]) -> String {
    git_in(world.root(), args)
}

/// What git says in a directory.
pub fn git_in(dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"GIT_")) {
        command.env_remove(name);
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
    // Whatever a call says by `-c` comes first.
    command.env("GIT_CONFIG_COUNT", "2");
    command.env("GIT_CONFIG_KEY_0", "user.name").env("GIT_CONFIG_VALUE_0", "Person");
    command.env("GIT_CONFIG_KEY_1", "user.email").env("GIT_CONFIG_VALUE_1", "person@example.com");
    let output = command.current_dir(dir).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "git {args:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Everything of the user's that a run must not touch: where `HEAD` is, index, stash, files, branches and settings.
pub fn belongings(world: &World) -> String {
    let all: [&[&str]; 6] = [
        &["symbolic-ref", "HEAD"],
        &["rev-parse", "HEAD"],
        &["status", "--porcelain", "--ignored", "--", ":!.regatta"],
        &["ls-files", "--stage"],
        &[
            "for-each-ref",
            "--format=%(refname) %(objectname)",
            "refs/heads/main",
            "refs/heads/other",
            "refs/stash",
        ],
        &["config", "--local", "--list"],
    ];
    all.iter().map(|args| git(world, args) + "\n").collect()
}

/// The branches of runs.
pub fn branches(world: &World) -> Vec<String> {
    let out = git(world, &["for-each-ref", "--format=%(refname:short)", "refs/heads/regatta"]);
    out.lines().map(|line| line.rsplit('/').next().unwrap().to_owned()).collect()
}

/// The names of the tasks that have a worktree now; ours for merging is `integration`.
pub fn worktrees(world: &World) -> usize {
    git(world, &["worktree", "list", "--porcelain"])
        .lines()
        .filter(|line| line.starts_with("worktree "))
        .count()
        - 1
}

/// The worktree whose path has a part of a name in it, if there is one.
pub fn worktree_at(world: &World, part: &str) -> Option<PathBuf> {
    let list = git(world, &["worktree", "list", "--porcelain"]);
    list.lines()
        .filter_map(|line| line.strip_prefix("worktree "))
        .find(|path| path.contains(part))
        .map(PathBuf::from)
}

/// Where work of the newest run is merged, if that is there.
pub fn integration_worktree(world: &World) -> Option<PathBuf> {
    worktree_at(world, &format!("{}-integration", world.run_id()))
}

/// Commits everything in a worktree as a person does who has resolved a conflict there.
pub fn commit_by_hand(place: &Path) {
    git_in(place, &["-c", "user.name=P", "-c", "user.email=p@x", "commit", "-qa", "-m", "by hand"]);
}

/// The cause of a task's last failure, and what was said of it.
pub fn failure(world: &World, task: &str) -> (String, String) {
    let events = world.regatta(&["events"]).out;
    let of_task = format!("\"node_id\":\"{task}\"");
    let failed = |line: &&str| line.contains("\"dispatch_failed\"") && line.contains(&of_task);
    let line = events.lines().rev().find(failed).unwrap_or_else(|| panic!("{task} did not fail:\n{events}"));
    let event: Value = serde_json::from_str(line).unwrap();
    let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
    (text("cause"), text("message"))
}
