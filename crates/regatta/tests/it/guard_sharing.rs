//! Spec 6 "Guard" where several runs of a store work in one repository: what one of them pinned counts for all; what is found
//! while several are at work is put back and told to all, and nobody's fault.

use crate::repo_world::{git, repository};
use crate::world::{World, ends, gone};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::os::unix::fs::symlink;
use std::process::{Child, Stdio};

/// Plants a setting and a hook.
const PLANTED: &str =
    "git config core.fsmonitor /evil; echo evil >$(git rev-parse --git-common-dir)/hooks/post-checkout";

/// A repository with FIFOs for two tasks.
fn world() -> World {
    let world = repository();
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

/// Starts a run; answers its name when its task has come as far as to say so.
fn start(world: &World, plan: &str, up: &str) -> (Child, String) {
    let mut command = world.command(&["run", plan]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    world.hear(up);
    (child, world.run_id())
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

/// Everything that a run was told of the repository.
fn told(world: &World, run: &str) -> String {
    let events = world.regatta(&["events", run]).out;
    let told: Vec<&str> = events.lines().filter(|line| line.contains("of the repository")).collect();
    told.join("\n")
}

const FOUND: &str = "changed config, hooks/post-checkout of the repository; that was put back";

#[test]
fn what_a_task_of_another_run_planted_is_not_pinned_but_put_back_and_told_to_both() {
    let world = world();
    plan(&world, "one.yaml", "a", &format!("{PLANTED}; echo up >TOP/up; cat TOP/go; echo a >a.txt"));
    plan(&world, "two.yaml", "b", "echo up >TOP/up2; cat TOP/go2; echo b >b.txt");
    let (mut one, first) = start(&world, "one.yaml", ".git/up");
    let (mut two, second) = start(&world, "two.yaml", ".git/up2");
    // Whoever begins puts back what others are at.
    nothing_is_planted(&world);
    let_go(&world, ".git/go");
    assert_eq!(ends(&mut one), Some(0));
    let_go(&world, ".git/go2");
    assert_eq!(ends(&mut two), Some(0));
    nothing_is_planted(&world);
    for run in [&first, &second] {
        assert_eq!(told(&world, run).matches(FOUND).count(), 1, "{}", told(&world, run));
    }
    // Nothing of it is in the repository.
    assert!(!world.path(".git/regatta-guard").exists());
    assert!(world.path(".regatta/guard.turn").exists());
}

#[test]
fn what_a_task_planted_while_another_run_is_at_work_is_put_back_by_whoever_ends_first_and_fails_nobody() {
    let world = world();
    let planted =
        format!("echo up >TOP/up; cat TOP/go; {PLANTED}; echo up >TOP/up; cat TOP/go; echo a >a.txt");
    plan(&world, "one.yaml", "a", &planted);
    plan(&world, "two.yaml", "b", "echo up >TOP/up2; cat TOP/go2; echo b >b.txt");
    let (mut one, first) = start(&world, "one.yaml", ".git/up");
    let (mut two, second) = start(&world, "two.yaml", ".git/up2");
    let_go(&world, ".git/go");
    world.hear(".git/up");
    let_go(&world, ".git/go2");
    assert_eq!(ends(&mut two), Some(0));
    nothing_is_planted(&world);
    let_go(&world, ".git/go");
    assert_eq!(ends(&mut one), Some(0));
    for run in [&first, &second] {
        assert_eq!(told(&world, run).matches(FOUND).count(), 1, "{}", told(&world, run));
    }
}

#[test]
fn what_a_run_planted_whose_orchestrator_was_killed_and_whose_task_works_on_is_put_back_and_told_where_it_belongs()
 {
    let world = world();
    plan(&world, "one.yaml", "a", &format!("{PLANTED}; echo up >TOP/up; cat TOP/go; echo a >a.txt"));
    plan(&world, "two.yaml", "b", "echo b >b.txt");
    let (mut one, run) = start(&world, "one.yaml", ".git/up");
    one.kill().unwrap();
    one.wait().unwrap();
    world.regatta(&["run", "two.yaml"]).exits(0);
    nothing_is_planted(&world);
    let_go(&world, ".git/go");
    world.regatta(&["resume", &run]).exits(0);
    assert_eq!(told(&world, &run).matches(FOUND).count(), 1, "{}", told(&world, &run));
}

/// A run whose task plants something the first time it is tried, and of which nobody lives any more.
fn broken_off(world: &World) -> String {
    let once =
        format!("test -e TOP/once || {{ {PLANTED}; touch TOP/once; echo $PPID >TOP/up; cat TOP/go; }}");
    plan(world, "one.yaml", "a", &once);
    let mut command = world.command(&["run", "one.yaml"]);
    let mut one = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let keeper = Pid::from_raw(world.hear(".git/up").parse().unwrap()).unwrap();
    one.kill().unwrap();
    one.wait().unwrap();
    kill_process(keeper, Signal::KILL).unwrap();
    assert!(gone(keeper));
    world.run_id()
}

#[test]
fn what_changed_since_a_run_broke_off_is_told_by_the_next_one_and_put_back_by_itself_alone() {
    let world = world();
    let run = broken_off(&world);
    // A person has theirs meanwhile.
    git(&world, &["config", "mine.key", "value"]);
    plan(&world, "two.yaml", "b", "echo b >b.txt");
    plan(&world, "three.yaml", "c", &format!("{PLANTED}; git config mine.key evil; echo c >c.txt"));
    world.regatta(&["run", "two.yaml"]).exits(0);
    let two = world.run_id();
    let said = format!(
        "run {run} broke off while it was at work; config, hooks/post-checkout of the repository changed since then; `regatta resume {run}` puts back what it pinned"
    );
    assert_eq!(told(&world, &two).matches(&said).count(), 1, "{}", told(&world, &two));
    assert_eq!(git(&world, &["config", "mine.key"]), "value");
    assert!(world.path(".git/hooks/post-checkout").exists());
    // What a task does there now is its own doing: that run has done nothing since.
    world.regatta(&["run", "three.yaml"]).exits(1);
    let (cause, said) = failure(&world, &world.run_id(), "c");
    assert!(cause == "tampered" && said.contains("it changed config of the repository"), "{cause}: {said}");
    assert_eq!(git(&world, &["config", "mine.key"]), "value");
    world.regatta(&["resume", &run]).exits(0);
    nothing_is_planted(&world);
}

#[test]
fn a_run_that_is_resumed_while_another_works_by_what_it_left_puts_nothing_back_and_says_so() {
    let world = world();
    let run = broken_off(&world);
    plan(&world, "two.yaml", "b", "echo up >TOP/up2; cat TOP/go2; echo b >b.txt");
    let (mut two, _) = start(&world, "two.yaml", ".git/up2");
    world.regatta(&["resume", &run]).exits(0);
    let_go(&world, ".git/go2");
    assert_eq!(ends(&mut two), Some(0));
    let what = "config, hooks/post-checkout of the repository changed since this run broke off; that stays";
    assert_eq!(told(&world, &run).matches(what).count(), 1, "{}", told(&world, &run));
    assert!(world.read(".git/config").contains("evil"));
}

#[test]
fn what_a_task_puts_in_the_place_of_our_files_is_neither_followed_nor_waited_for() {
    let world = world();
    let run = broken_off(&world);
    let open = format!(".regatta/runs/{run}/guard.open");
    world.write("mine", "kept");
    plan(&world, "two.yaml", "b", &format!("{PLANTED}; git config evil.n $$; echo b >b.txt"));
    let turns = [".regatta/guard.turn", ".git/regatta.lock"];
    let put: [&dyn Fn(&str); 2] =
        [&|name| symlink(world.path("mine"), world.path(name)).unwrap(), &|name| world.fifo(name)];
    for put in put {
        for name in [turns[0], turns[1], &open] {
            std::fs::remove_file(world.path(name)).unwrap();
            put(name);
        }
        // That of git's calls is needed.
        assert_ne!(world.regatta(&["run", "two.yaml"]).code, Some(0));
        let (cause, said) = failure(&world, &world.run_id(), "b");
        assert!(cause == "worktree" && said.contains("regatta.lock"), "{cause}: {said}");
        std::fs::remove_file(world.path(turns[1])).unwrap();
        let before = world.read(".git/config");
        world.regatta(&["run", "two.yaml"]).exits(1);
        assert_eq!(failure(&world, &world.run_id(), "b").0, "tampered");
        assert_eq!((world.read(".git/config"), world.read("mine").as_str()), (before, "kept"));
    }
}

#[test]
fn who_keeps_the_turn_for_ever_keeps_no_run_from_its_end() {
    let world = world();
    plan(&world, "one.yaml", "a", &format!("{PLANTED}; echo a >a.txt"));
    std::fs::create_dir_all(world.path(".regatta")).unwrap();
    let turn = std::fs::File::create(world.path(".regatta/guard.turn")).unwrap();
    turn.lock().unwrap();
    world.regatta(&["run", "one.yaml"]).exits(1);
    assert_eq!(failure(&world, &world.run_id(), "a").0, "tampered");
    nothing_is_planted(&world);
}

#[test]
fn what_a_run_has_open_of_another_repository_is_its_own_affair() {
    let world = world();
    let run = broken_off(&world);
    for content in ["", "/elsewhere/.git"] {
        world.write(&format!(".regatta/runs/{run}/guard.open"), content);
        plan(&world, "two.yaml", "b", "echo b >b.txt");
        world.regatta(&["run", "two.yaml"]).exits(0);
        assert_eq!(told(&world, &world.run_id()), "");
    }
    world.regatta(&["resume", &run]).exits(0);
    nothing_is_planted(&world);
}

#[test]
fn a_copy_that_names_other_files_is_not_believed() {
    let world = world();
    let run = broken_off(&world);
    let path = world.path(".regatta/runs").join(&run).join("guard.json");
    let mut copy: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    world.write("mine", "kept");
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let evil = serde_json::json!({ "File": { "mode": 0o644, "body": hex("evil") } });
    for name in ["../mine".to_owned(), world.path("mine").display().to_string()] {
        copy["entries"][hex(&name)] = evil.clone();
    }
    std::fs::write(&path, copy.to_string()).unwrap();
    world.regatta(&["resume", &run]).exits(0);
    assert_eq!(world.read("mine"), "kept");
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
        let mut world = world();
        plan(&world, "one.yaml", "a", &format!("{PLANTED}; echo a >a.txt"));
        world.set("REGATTA_FAULT", point);
        assert_eq!(world.regatta(&["run", "one.yaml"]).code, None, "{point}");
        world.unset("REGATTA_FAULT");
        let run = world.run_id();
        world.regatta(&["resume", &run]).exits(1);
        let (cause, said) = failure(&world, &run, "a");
        let what = "it changed config, hooks/post-checkout of the repository";
        assert!(cause == "tampered" && said.matches(what).count() == 1, "{point}: {cause}: {said}");
        assert!(said.contains("what stood there is in "), "{point}: {said}");
        nothing_is_planted(&world);
    }
}

#[test]
fn what_a_gate_planted_and_another_run_put_back_is_said_where_it_landed() {
    let world = world();
    let top = world.path(".git").display().to_string();
    let gate = format!("{PLANTED}; echo up >{top}/up; cat {top}/go");
    let head = "version: 1\nisolation: worktree\neffect: idempotent\n";
    let tasks = "tasks: [ { id: a, run: 'echo a >a.txt' } ]\n";
    world.write("one.yaml", &format!("{head}merge: {{ gates: ['{gate}'] }}\n{tasks}"));
    plan(&world, "two.yaml", "b", "echo b >b.txt");
    let (mut one, run) = start(&world, "one.yaml", ".git/up");
    world.regatta(&["run", "two.yaml"]).exits(0);
    nothing_is_planted(&world);
    let_go(&world, ".git/go");
    assert_eq!(ends(&mut one), Some(0));
    let told = world.regatta(&["status", &run, "--json"]).json()["landing"]["findings"].to_string();
    assert!(told.contains("changed config, hooks/post-checkout of the repository"), "{told}");
    assert!(!world.path(&format!(".regatta/runs/{run}/guard.owed")).exists());
}
