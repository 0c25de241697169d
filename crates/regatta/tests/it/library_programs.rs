//! Programs of their own that link the library: one that is killed, one that leaves nothing, one that keeps itself, and
//! the example.
//!
//! A test that is ignored is such a program: it is started by another one, alone in a process.

use crate::world::{World, ends, lives};
use regatta::{Config, Orchestrator, TaskState};
use regatta_crash::processes::kill;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The variable that names the workspace to such a program.
const WORKSPACE: &str = "LIBRARY_PROGRAM_WORKSPACE";

/// Starts the ignored test `name` as a program.
fn start(world: &World, name: &str) -> Child {
    let mut command = world.program(std::env::current_exe().unwrap().to_str().unwrap(), &[]);
    command.args(["--exact", &format!("library_programs::{name}"), "--ignored", "--test-threads=1"]);
    command.env(WORKSPACE, world.root()).stdout(Stdio::null()).spawn().unwrap()
}

fn workspace() -> Option<PathBuf> {
    std::env::var_os(WORKSPACE).map(PathBuf::from)
}

fn regatta_in(workspace: &Path) -> Orchestrator {
    let config = Config::new().impersonal().driver("mine", |attempt| {
        std::fs::write(attempt.cwd().join("driven"), "x\n")?;
        let _ = attempt.is_cancelled_within(std::time::Duration::from_secs(300));
        Ok(json!(null))
    });
    Orchestrator::new(workspace, config).unwrap()
}

const TO_BE_KILLED: &str = "version: 1\neffect: at-most-once\ntasks:\n\
    - { id: a, run: 'echo once >>a' }\n\
    - { id: b, needs: [a], run: 'echo $$ >up; cat gate; echo once >>b' }\n\
    - { id: c, needs: [b], run: 'echo once >>c' }\n";

#[test]
#[ignore = "a program for another test"]
fn waits_for_its_run() {
    let Some(workspace) = workspace() else { return };
    regatta_in(&workspace).execute(TO_BE_KILLED).unwrap().wait().unwrap();
}

#[test]
fn a_program_is_killed_and_the_command_line_takes_its_run_up_where_it_is() {
    let world = World::new();
    ["up", "gate"].iter().for_each(|name| world.fifo(name));
    let mut program = start(&world, "waits_for_its_run");
    let task = world.hear("up");
    kill(program.id());
    ends(&mut program);
    assert!(lives(&task), "its keeper has it");
    let status = world.regatta(&["status"]).exits(0).out;
    assert!(status.contains("interrupted") && status.contains("1 attempt goes on"), "{status}");
    let mut resumed = world.start(&["resume"]);
    world.follow("dispatch_adopted", 1);
    std::fs::write(world.path("gate"), "").unwrap();
    assert_eq!(ends(&mut resumed), Some(0));
    for name in ["a", "b", "c"] {
        assert_eq!(world.read(name), "once\n", "{name}");
    }
}

#[test]
#[ignore = "a program for another test"]
fn waits_for_its_driver() {
    let Some(workspace) = workspace() else { return };
    let text = "version: 1\ntasks:\n\
        - { id: once, tool: mine/x }\n\
        - { id: again, tool: mine/y, effect: pure }\n\
        - { id: shell, run: 'echo $$ >up; cat gate' }\n";
    regatta_in(&workspace).execute(text).unwrap().wait().unwrap();
}

#[test]
fn what_a_driver_did_in_a_program_that_was_killed_is_lost_and_its_effect_decides() {
    let world = World::new();
    ["up", "gate"].iter().for_each(|name| world.fifo(name));
    let mut program = start(&world, "waits_for_its_driver");
    let task = world.hear("up");
    world.follow("dispatch_started", 3);
    kill(program.id());
    ends(&mut program);
    assert!(lives(&task));
    let config = Config::new().impersonal().driver("mine", |attempt| Ok(json!(attempt.number())));
    let regatta = Orchestrator::new(world.root(), config).unwrap();
    let run = regatta.run(&world.run_id()).unwrap();
    run.resume().unwrap();
    assert!(
        run.events().unwrap().any(|event| event.unwrap().kind() == "dispatch_adopted"),
        "it was taken up"
    );
    std::fs::write(world.path("gate"), "").unwrap();
    let result = run.wait().unwrap();
    assert_eq!(result.task("once").unwrap().state, TaskState::InDoubt);
    assert_eq!(result.result("again"), Some(&json!(1)), "a lost attempt does not count");
    assert_eq!(result.task("shell").unwrap().state, TaskState::Succeeded);
}

/// Threads, open files and children of this process.
fn held() -> (usize, BTreeSet<String>, Vec<String>) {
    let entries = |path: &str| std::fs::read_dir(path).unwrap().filter_map(Result::ok).collect::<Vec<_>>();
    let files =
        entries("/proc/self/fd").into_iter().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let files = files.map(|path| path.display().to_string()).filter(|path| !path.contains("/proc/"));
    let tasks = entries("/proc/self/task");
    let children = tasks.iter().flat_map(|task| {
        let text = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    });
    (tasks.len(), files.collect(), children.collect())
}

#[test]
#[ignore = "a program for another test"]
fn looks_at_what_is_left_of_it() {
    let Some(workspace) = workspace() else { return };
    let before = held();
    {
        let regatta = regatta_in(&workspace);
        let text = "version: 1\ntasks:\n\
            - { id: a, run: 'echo $PPID >>keeper' }\n- { id: b, run: 'exit 1' }\n- { id: c, tool: sleep, params: { ms: 1 } }\n";
        let run = regatta.execute(text).unwrap();
        assert!(run.events().unwrap().count() > 5);
        run.progress().unwrap();
        run.wait().unwrap();
        let cancelled = regatta.execute("version: 1\ntasks: [ { id: a, tool: mine/x } ]").unwrap();
        let mut events = cancelled.events().unwrap().map(Result::unwrap);
        assert!(events.any(|event| event.kind() == "dispatch_started"));
        cancelled.cancel().unwrap();
        cancelled.wait().unwrap();
        // A keeper that dies is replaced and leaves no zombie.
        let text = "version: 1\neffect: pure\ntasks: [ { id: a, run: 'test -e killed || { touch killed; kill -9 $PPID; sleep 300; }' } ]";
        assert!(regatta.execute(text).unwrap().wait().unwrap().is_success());
    }
    // The thread that waited for the killed keeper may be on its way out.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while held() != before && std::time::Instant::now() < until {
        std::thread::yield_now();
    }
    assert_eq!(held(), before);
    std::fs::write(workspace.join("nothing"), "left").unwrap();
}

#[test]
fn nothing_is_left_in_a_program_when_its_handles_are_dropped() {
    let world = World::new();
    let mut program = start(&world, "looks_at_what_is_left_of_it");
    assert_eq!(ends(&mut program), Some(0));
    assert_eq!(world.read("nothing"), "left");
}

/// The example as cargo builds it beside the tests.
fn example() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.ancestors().nth(2).unwrap().join("examples/release");
    if !path.is_file() {
        // Only one of the tests was asked for.
        let mut cargo = Command::new(env!("CARGO"));
        let args = ["build", "--quiet", "-p", "regatta", "--example", "release"];
        assert!(cargo.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
    }
    path
}

#[test]
fn the_example_keeps_its_processes_itself_and_needs_nothing_beside_it() {
    let world = World::new();
    // Alone in a directory, with no `regatta` near it or in PATH.
    let alone = world.path("far/away/from/us/release");
    std::fs::create_dir_all(alone.parent().unwrap()).unwrap();
    // By another process: one that is written here may be started only when no test has it open any more.
    let copy = world.program("cp", &[example().to_str().unwrap(), alone.to_str().unwrap()]).status().unwrap();
    assert!(copy.success());
    std::fs::create_dir(world.path("work")).unwrap();
    let mut command = world.program(alone.to_str().unwrap(), &[world.path("work").to_str().unwrap()]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("100 %  notes: node_succeeded"), "{said}");
    assert!(said.contains("ok  pack     2 attempts"), "{said}");
    assert_eq!(world.read("work/NOTES.md"), "# 1.2.3\n\n12 tests passed\n");
    assert_eq!(output.stderr, b"");
    // The command line knows the run as its own.
    let status = world.regatta(&["--workspace", "work", "status", "--json"]).exits(0).json();
    assert_eq!(status["status"], "succeeded");
    let again = Orchestrator::new(world.path("work"), Config::new().impersonal()).unwrap();
    assert_eq!(again.runs(9).unwrap().len(), 1);
}

#[test]
fn whoever_is_started_as_a_helper_is_one_and_says_who_it_is() {
    let ask = |program: &Path, word: &str| {
        let output = Command::new(program).args(["regatta-helper", word]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let binary = Path::new(env!("CARGO_BIN_EXE_regatta"));
    let (code, about) = ask(binary, "about");
    assert_eq!(code, Some(0));
    assert_eq!(about, format!("regatta {}, protocols 1 to 2\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(ask(&example(), "about"), (Some(0), about));
    // Nothing but helpers is behind that word.
    for program in [binary, &example()] {
        assert_eq!(ask(program, "status"), (Some(2), String::new()));
    }
}
