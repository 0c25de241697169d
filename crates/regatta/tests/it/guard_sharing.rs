//! Spec 6 "Guard" where several runs work in one repository: what one of them pinned counts for all, and whose task changed
//! something is blamed, whoever puts it back.

use crate::repo_world::{git, repository};
use crate::world::{World, ends, gone};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Stdio};

/// Plants a setting and a hook.
const PLANTED: &str =
    "git config core.fsmonitor /evil; echo evil >$(git rev-parse --git-common-dir)/hooks/post-checkout";

/// A repository with a second workspace, `other`, which is a worktree of the person's.
fn workspaces() -> World {
    let world = repository();
    git(&world, &["worktree", "add", "-q", "other"]);
    for name in ["go", "up", "go2", "up2"] {
        world.fifo(&format!(".git/{name}"));
    }
    world
}

/// A plan of one task.
fn plan(world: &World, name: &str, task: &str, script: &str) {
    let script = script.replace("TOP", &world.path(".git").display().to_string());
    let head = "version: 1\nisolation: worktree\neffect: idempotent\n";
    world.write(name, &format!("{head}tasks: [ {{ id: {task}, run: '{script}' }} ]\n"));
}

/// A command in a workspace.
fn start(world: &World, dir: &str, args: &[&str]) -> Child {
    let mut command = world.command(args);
    command.current_dir(world.path(dir)).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn let_go(world: &World, fifo: &str) {
    std::fs::write(world.path(fifo), "go\n").unwrap();
}

/// The cause of a task's last failure in a run, and what was said of it; empty if it did not fail.
fn failure(world: &World, run: &str, task: &str) -> (String, String) {
    let events = world.regatta(&["events", run]).out;
    let of_task = format!("\"node_id\":\"{task}\"");
    let failed = |line: &&str| line.contains("\"dispatch_failed\"") && line.contains(&of_task);
    let event: Value = events
        .lines()
        .rev()
        .find(failed)
        .map_or(Value::Null, |line| serde_json::from_str(line).unwrap_or_default());
    let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
    (text("cause"), text("message"))
}

fn nothing_is_planted(world: &World) {
    assert!(!world.read(".git/config").contains("evil"), "{}", world.read(".git/config"));
    assert!(!world.path(".git/hooks/post-checkout").exists());
}

#[test]
fn what_a_task_of_another_run_planted_is_not_pinned_and_its_own_task_alone_is_blamed() {
    for dir in [".", "other"] {
        let world = workspaces();
        plan(&world, "one.yaml", "a", &format!("{PLANTED}; echo up >TOP/up; cat TOP/go; echo a >a.txt"));
        plan(&world, &format!("{dir}/two.yaml"), "b", "echo up >TOP/up2; cat TOP/go2; echo b >b.txt");
        let mut one = start(&world, ".", &["run", "one.yaml"]);
        world.hear(".git/up");
        let run = world.run_id();
        let mut two = start(&world, dir, &["run", "two.yaml"]);
        world.hear(".git/up2");
        // Whoever begins puts back what others are at.
        nothing_is_planted(&world);
        let_go(&world, ".git/go");
        assert_eq!(ends(&mut one), Some(1), "{dir}");
        let (cause, said) = failure(&world, &run, "a");
        let what = "changed config, hooks/post-checkout of the repository";
        assert!(cause == "tampered" && said.contains(what), "{dir}: {cause}: {said}");
        let_go(&world, ".git/go2");
        assert_eq!(ends(&mut two), Some(0), "{dir}");
        nothing_is_planted(&world);
    }
}

#[test]
fn what_a_run_planted_whose_orchestrator_was_killed_is_put_back_by_the_next_run_and_told_where_it_belongs() {
    let world = workspaces();
    plan(&world, "one.yaml", "a", &format!("{PLANTED}; echo up >TOP/up; cat TOP/go; echo a >a.txt"));
    plan(&world, "two.yaml", "b", "echo b >b.txt");
    let mut one = start(&world, ".", &["run", "one.yaml"]);
    world.hear(".git/up");
    let run = world.run_id();
    one.kill().unwrap();
    one.wait().unwrap();
    let_go(&world, ".git/go");
    world.regatta(&["run", "two.yaml"]).exits(0);
    nothing_is_planted(&world);
    // A person has theirs meanwhile.
    git(&world, &["config", "mine.key", "value"]);
    world.regatta(&["resume", &run]).exits(1);
    let (cause, said) = failure(&world, &run, "a");
    let what = "changed config, hooks/post-checkout of the repository";
    assert!(cause == "tampered" && said.contains(what), "{cause}: {said}");
    assert_eq!(git(&world, &["config", "mine.key"]), "value");
}

#[test]
fn what_a_run_planted_of_which_nobody_lives_is_put_back_by_the_next_run_which_says_so() {
    let world = workspaces();
    let once =
        format!("test -e TOP/once || {{ {PLANTED}; touch TOP/once; echo $PPID >TOP/up; cat TOP/go; }}");
    plan(&world, "one.yaml", "a", &once);
    plan(&world, "two.yaml", "b", "echo b >b.txt");
    let mut one = start(&world, ".", &["run", "one.yaml"]);
    let keeper = Pid::from_raw(world.hear(".git/up").parse().unwrap()).unwrap();
    let run = world.run_id();
    one.kill().unwrap();
    one.wait().unwrap();
    kill_process(keeper, Signal::KILL).unwrap();
    assert!(gone(keeper));
    world.regatta(&["run", "two.yaml"]).exits(0);
    nothing_is_planted(&world);
    let told = world.regatta(&["events"]).out;
    assert!(told.contains("config, hooks/post-checkout of the repository"), "{told}");
    let (_, kept) = told.split_once("what stood there is in ").unwrap_or_else(|| panic!("{told}"));
    let kept = Path::new(kept.split(['"', '\\']).next().unwrap());
    assert!(std::fs::read_to_string(kept.join("config")).unwrap().contains("evil"), "{}", kept.display());
    world.regatta(&["resume", &run]).exits(0);
    nothing_is_planted(&world);
}

#[cfg(feature = "faults")]
#[test]
fn who_is_killed_after_putting_back_leaves_the_blame_to_whoever_collects_the_attempt_again() {
    for point in [
        "guard.recorded:1",
        "guard.restored:1",
        "collect.committed:1",
        "end.judged:1",
        "commit.before:2",
        "commit.after:2",
    ] {
        let mut world = workspaces();
        plan(&world, "one.yaml", "a", &format!("{PLANTED}; echo a >a.txt"));
        world.set("REGATTA_FAULT", point);
        assert_eq!(world.regatta(&["run", "one.yaml"]).code, None, "{point}");
        world.unset("REGATTA_FAULT");
        let run = world.run_id();
        world.regatta(&["resume", &run]).exits(1);
        let (cause, said) = failure(&world, &run, "a");
        let what = "it changed config, hooks/post-checkout of the repository";
        assert!(cause == "tampered" && said.contains(what), "{point}: {cause}: {said}");
        assert!(said.contains("what stood there is in "), "{point}: {said}");
        nothing_is_planted(&world);
    }
}

#[test]
fn what_a_gate_planted_and_another_run_put_back_is_said_where_it_landed() {
    let world = workspaces();
    let top = world.path(".git").display().to_string();
    let gate = format!("{PLANTED}; echo up >{top}/up; cat {top}/go");
    let head = "version: 1\nisolation: worktree\neffect: idempotent\n";
    let tasks = "tasks: [ { id: a, run: 'echo a >a.txt' } ]\n";
    world.write("one.yaml", &format!("{head}merge: {{ gates: ['{gate}'] }}\n{tasks}"));
    plan(&world, "two.yaml", "b", "echo b >b.txt");
    let mut one = start(&world, ".", &["run", "one.yaml"]);
    world.hear(".git/up");
    let run = world.run_id();
    world.regatta(&["run", "two.yaml"]).exits(0);
    nothing_is_planted(&world);
    let_go(&world, ".git/go");
    assert_eq!(ends(&mut one), Some(0));
    let told = world.regatta(&["status", &run, "--json"]).json()["landing"]["findings"].to_string();
    assert!(told.contains("changed config, hooks/post-checkout of the repository"), "{told}");
}
