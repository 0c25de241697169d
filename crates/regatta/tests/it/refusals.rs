//! Bad input never starts anything, never leaves a half-made directory, never panics: plans, places,
//! arguments.
//!
//! What a plan document may say wrong is in `plans`.

use crate::world::{Said, World};
use std::process::{Command, Stdio};

const PLAN: &str = "version: 1
inputs: { who: me }
tasks:
  - { id: a, run: touch ran }
  - { id: b, needs: [a], run: 'true' }
";

/// Fails unless the command ended with this code, said this, and left nothing behind.
fn refused(world: &World, args: &[&str], (code, text): (i32, &str)) {
    let said = world.regatta(args).exits(code);
    told(&said, text, args);
    assert!(!world.path(".regatta").exists(), "{args:?} leaves a directory behind");
    assert!(!world.path("ran").exists(), "{args:?} started something");
}

/// One clear error: the text is there, and no panic.
fn told(said: &Said, text: &str, args: &[&str]) {
    assert!(said.err.contains(text), "{args:?}: {text:?} is not in:\n{}", said.err);
    assert!(!said.err.contains("panicked") && !said.err.contains("RUST_BACKTRACE"), "{}", said.err);
}

#[test]
fn a_file_that_is_no_plan_starts_nothing_whatever_verb_reads_it() {
    let world = World::with(PLAN);
    std::fs::write(world.path("utf8.yaml"), b"version: 1\ntasks: [{id: a, run: \"\xff\xfe touch ran\"}]\n")
        .unwrap();
    std::fs::write(world.path("utf16.yaml"), b"\xff\xfev\0e\0r\0s\0i\0o\0n\0").unwrap();
    std::fs::write(world.path("nul.yaml"), [0; 64]).unwrap();
    std::fs::File::create(world.path("sparse.yaml")).unwrap().set_len(8 << 30).unwrap();
    world.write("empty.yaml", "");
    world.write("list.yaml", "- 1\n- 2\n");
    world.write("word.json", "\"tasks\"");
    world.fifo("fifo");
    std::os::unix::fs::symlink("loop", world.path("loop")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(world.path("socket")).unwrap();
    for verb in ["run", "check", "plan"] {
        for file in
            ["utf8.yaml", "utf16.yaml", "nul.yaml", "sparse.yaml", "empty.yaml", "list.yaml", "word.json"]
        {
            let said = world.regatta(&[verb, file]).exits(3);
            assert!((said.err + &said.out).contains(file), "{verb} {file}");
        }
        for file in ["fifo", ".", "/", "/dev/null", "/dev/zero", "/dev/full"] {
            refused(&world, &[verb, file], (2, "is not a plain file"));
        }
        for file in ["socket", "loop", "missing", "plan.yaml/x", "/proc/self/mem/x"] {
            refused(&world, &[verb, file], (2, "cannot be opened"));
        }
    }
    drop(socket);
    assert!(!world.path(".regatta").exists() && !world.path("ran").exists());
}

#[test]
fn a_file_that_may_not_be_read_is_refused() {
    let world = World::with(PLAN);
    let mut mode = std::fs::metadata(world.path("plan.yaml")).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0);
    std::fs::set_permissions(world.path("plan.yaml"), mode).unwrap();
    // Nothing is unreadable for root, but what the kernel itself refuses to read.
    if std::fs::read(world.path("plan.yaml")).is_err() {
        refused(&world, &["run", "plan.yaml"], (2, "cannot be opened"));
    }
    refused(&world, &["run", "/proc/self/mem"], (4, "cannot be read"));
}

#[test]
fn bad_arguments_are_usage_errors_before_anything_starts() {
    let world = World::with(PLAN);
    for (args, text) in [
        (&["--max-parallel", "0"][..], "`--max-parallel 0` would let nothing run"),
        (&["--max-parallel", "-1"], "unexpected argument '-1'"),
        (&["--max-parallel", "4294967296"], "--max-parallel"),
        (&["--max-parallel", "many"], "--max-parallel"),
        (&["--per-wave", "0"], "would let nothing run"),
        (&["--per-tag", "db=0"], "would let nothing run"),
        (&["--per-tag", "db"], "is not NAME=NUMBER"),
        (&["--per-tag", "db=x"], "is not NAME=NUMBER"),
        (&["--per-priority", "P9=1"], "`--per-priority P9=…`: there is no such priority"),
        (&["--per-tag", "db=1", "--per-tag", "db=2"], "`--per-tag db=2` and `db=1` are two caps of one name"),
        (&["--schedule", "random"], "[possible values: dataflow, waves, sequential]"),
        (&["--input", "who"], "has no `=`"),
        (&["--frobnicate"], "--frobnicate"),
        (&["second.yaml"], "second.yaml"),
    ] {
        let args: Vec<&str> = ["run", "plan.yaml"].iter().chain(args).copied().collect();
        refused(&world, &args, (2, text));
    }
    refused(&world, &["run", "plan.yaml", "--input", "whom=x"], (3, "whom"));
    refused(&world, &["run"], (2, "PLAN"));
    refused(&world, &["launch", "plan.yaml"], (2, "launch"));
}

#[test]
fn verbs_that_look_at_runs_make_nothing_where_no_run_ever_was() {
    let world = World::with(PLAN);
    let verbs: [&[&str]; 8] = [
        &["status"],
        &["resume"],
        &["replay"],
        &["events"],
        &["events", "--follow"],
        &["explain"],
        &["logs", "a"],
        &["answer", "x", "a", "--again"],
    ];
    for args in verbs {
        refused(&world, args, (2, "no run was ever started"));
    }
    world.regatta(&["ls"]).exits(0);
    world.regatta(&["ls", "--json"]).exits(0);
    world.regatta(&["check", "plan.yaml"]).exits(0);
    world.regatta(&["plan", "plan.yaml"]).exits(0);
    world.regatta(&["run", "plan.yaml", "--dry-run"]).exits(0);
    assert!(!world.path(".regatta").exists() && !world.path("ran").exists());
}

#[test]
fn an_unknown_run_task_or_attempt_is_a_usage_error_that_names_it() {
    let world = World::with(PLAN);
    world.run();
    world.fifo("fifo");
    std::fs::File::create(world.path("sparse")).unwrap().set_len(8 << 30).unwrap();
    let before = world.regatta(&["events"]).out;
    for (args, text) in [
        (&["status", "nope"][..], "no run `nope`"),
        (&["resume", "nope"], "no run `nope`"),
        (&["replay", "nope"], "no run `nope`"),
        (&["events", "nope"], "no run `nope`"),
        (&["answer", "nope", "a", "--again"], "no run `nope`"),
        (&["status", "../../etc"], "is not a run id"),
        (&["status", ""], "run"),
        (&["status", "%"], "is not a run id"),
        (&["explain", "ghost"], "has no task `ghost`"),
        (&["explain", "\u{1b}[31m"], "has no task `\\u{1b}[31m`"),
        (&["explain", "a", "--run", "nope"], "no run `nope`"),
        (&["logs", "ghost"], "has no task `ghost`"),
        (&["logs", "a", "--attempt", "2"], "no attempt 2"),
        (&["logs", "a", "--attempt", "0"], "attempt"),
        (&["answer", &world.run_id(), "ghost", "--again"], "has no task `ghost`"),
        (&["answer", &world.run_id(), "a", "--again"], "the run has ended"),
        (&["answer", &world.run_id(), "a"], "--again"),
        (&["answer", &world.run_id(), "a", "--again", "--failed"], "--failed"),
        (&["answer", &world.run_id(), "a", "--succeeded", "--result", "{"], "not JSON"),
        (&["answer", &world.run_id(), "a", "--succeeded", "--result", "@none"], "cannot be read"),
        (&["answer", &world.run_id(), "a", "--succeeded", "--result", "@/dev/zero"], "not a plain file"),
        (&["answer", &world.run_id(), "a", "--succeeded", "--result", "@fifo"], "not a plain file"),
        (&["answer", &world.run_id(), "a", "--succeeded", "--result", "@sparse"], "more than"),
        (&["answer", &world.run_id(), "a", "--failed", "--result", "1"], "--succeeded"),
    ] {
        told(&world.regatta(args).exits(2), text, args);
    }
    assert_eq!(world.regatta(&["events"]).out, before, "nothing was recorded");
}

#[test]
fn an_ambiguous_run_prefix_names_two_runs_that_fit() {
    let world = World::with("version: 1\ntasks: []\n");
    let mut ids: Vec<String> = Vec::new();
    // 17 ids and 16 digits to begin with.
    for _ in 0..17 {
        world.regatta(&["run", "plan.yaml"]).exits(0);
        ids.push(world.run_id());
    }
    let first = |id: &String| id.chars().next().unwrap();
    let twice = ids.iter().map(first).find(|c| ids.iter().filter(|id| first(id) == *c).count() > 1).unwrap();
    for verb in ["status", "resume", "replay", "events"] {
        let said = world.regatta(&[verb, &twice.to_string()]).exits(2);
        let named = ids.iter().filter(|id| said.err.contains(id.as_str())).count();
        assert!(said.err.contains("could be run") && named == 2, "{verb}: {}", said.err);
    }
    for id in &ids {
        world.regatta(&["status", id]).exits(0);
    }
}

#[test]
fn a_workspace_that_cannot_be_used_is_told_before_anything_starts() {
    let world = World::with(PLAN);
    world.write("file", "");
    let plan = world.path("plan.yaml").display().to_string();
    for place in ["nowhere", "file", "file/x"] {
        let args = ["--workspace", place, "run", &plan];
        refused(&world, &args, (4, &format!("{place}`")));
    }
    // Read-only for everybody, also for root.
    refused(&world, &["--workspace", "/proc", "run", &plan], (4, "`/proc/.regatta`"));
    world.write(".regatta", "a file stands in the way");
    let said = world.regatta(&["run", "plan.yaml"]).exits(4);
    told(&said, ".regatta` is a link or a file, not a directory", &["run"]);
    std::fs::remove_file(world.path(".regatta")).unwrap();
    std::os::unix::fs::symlink(world.path("elsewhere"), world.path(".regatta")).unwrap();
    std::fs::create_dir(world.path("elsewhere")).unwrap();
    let said = world.regatta(&["run", "plan.yaml"]).exits(4);
    told(&said, ".regatta` is a link or a file, not a directory", &["run"]);
    assert_eq!(std::fs::read_dir(world.path("elsewhere")).unwrap().count(), 0, "no link is followed");
    assert!(!world.path("ran").exists());
}

#[test]
fn a_pipe_without_end_is_refused_as_a_plan_in_bounded_memory() {
    let world = World::new();
    let mut zeros = Command::new("yes").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let output = world.command(&["run", "-"]).stdin(zeros.stdout.take().unwrap()).output().unwrap();
    zeros.wait().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("more than 256 MiB"), "{said}");
    assert!(!world.path(".regatta").exists());
    refused(&world, &["run", "-"], (3, "the plan must be a map, not nothing"));
}
