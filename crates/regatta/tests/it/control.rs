//! Pause, resume, cancel and skip from another terminal while a run is live, and recorded for the next orchestrator
//! when none is.
//!
//! Tasks wait at FIFOs; a task that ticks appends to a file, so that standing still can be seen.

use crate::world::{World, ends, lives, signal, status};
use rustix::process::Signal;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// `a` waits at its gate with a ticking child in a session of its own; `b` follows it; `c` is free.
fn world(keys: &str) -> World {
    let world = World::with(&format!(
        "version: 1
effect: idempotent
limits: {{ max_parallel: 1 }}
{keys}tasks:
  - id: a
    priority: P0
    run: |
      setsid sh -c 'while :; do echo t >>ticks; sleep 0.02; done' &
      echo $! >pids; echo $$ >>pids; echo up >up
      read word <gate; sleep 0.2; kill $!; echo $word >said
  - {{ id: b, needs: [a], run: touch b }}
  - {{ id: c, run: touch c }}
"
    ));
    world.fifo("up");
    world.fifo("gate");
    world
}

fn open(world: &World) {
    std::fs::write(world.path("gate"), "go\n").unwrap();
}

/// Processes of `a` that are stopped, by the state letter of the kernel.
fn stopped(world: &World) -> usize {
    let state = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().and_then(|rest| rest.trim().chars().next())
    };
    world.read("pids").lines().filter(|pid| state(pid) == Some('T')).count()
}

#[test]
fn pause_starts_nothing_new_and_resume_goes_on() {
    let world = world("");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    let said = world.regatta(&["pause"]).exits(0);
    assert!(said.out.starts_with("the run is paused; what runs goes on"), "{}", said.out);
    assert_eq!(world.regatta(&["pause"]).exits(0).out, "the run is paused already\n");
    assert_eq!(world.regatta(&["ls", "--json"]).json()[0]["status"], "paused");
    open(&world);
    world.follow("node_succeeded", 1);
    assert!(world.read("said") == "go\n" && !world.path("b").exists() && !world.path("c").exists());
    assert_eq!(world.regatta(&["resume"]).exits(0).out, "the run goes on\n");
    assert_eq!(ends(&mut child), Some(0));
    assert!(world.path("b").exists() && world.path("c").exists());
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn pause_now_lets_the_whole_tree_stand_still_and_its_timeout_with_it() {
    // A machine that is too slow to work for less than its time says nothing about what stood still.
    let judged = [6, 12, 24].into_iter().any(stands_still_for_longer_than_its_time);
    assert!(judged, "this machine is too slow for this test");
}

/// Answers whether the attempt worked for less than its time, so that its end says whether standing still counted.
fn stands_still_for_longer_than_its_time(time_s: u64) -> bool {
    let idle_s = time_s + 2;
    let world = world(&format!("timeout: {{ attempt: {time_s}s, idle: {idle_s}s, grace: 0 }}\n"));
    let began = Instant::now();
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    world.regatta(&["pause", "--now"]).exits(0);
    world.follow("run_suspended", 1);
    assert_eq!(stopped(&world), 2, "the leader, and the child in a session of its own");
    let before = began.elapsed();
    let ticks = world.read("ticks").len();
    // A second run takes its time: longer than what the attempt has left.
    let nap = format!("version: 1\ntasks: [ {{ id: nap, run: sleep {} }} ]", time_s + 1);
    World::with(&nap).regatta(&["run", "plan.yaml"]).exits(0);
    assert_eq!((world.read("ticks").len(), stopped(&world)), (ticks, 2));
    let again = Instant::now();
    // Opened for both, so that nobody waits for a reader that has timed out.
    let mut gate = OpenOptions::new().read(true).write(true).open(world.path("gate")).unwrap();
    world.regatta(&["resume"]).exits(0);
    gate.write_all(b"go\n").unwrap();
    let code = ends(&mut child);
    let worked = before + again.elapsed();
    world.regatta(&["replay"]).exits(0);
    if worked > Duration::from_secs(time_s) {
        return false;
    }
    assert_eq!(code, Some(0), "it has not timed out");
    assert!(world.read("ticks").len() > ticks);
    true
}

#[test]
fn cancel_ends_what_stands_still_and_every_process_of_it() {
    let world = world("");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    world.regatta(&["pause", "--now"]).exits(0);
    let began = Instant::now();
    let said = world.regatta(&["cancel"]).exits(0);
    assert!(began.elapsed() < Duration::from_secs(3), "an abort answers in three seconds");
    assert!(said.out.contains("is being ended"), "{}", said.out);
    assert_eq!(ends(&mut child), Some(1));
    assert!(began.elapsed() < Duration::from_secs(10), "and is clean in ten");
    assert!(world.read("pids").lines().all(|pid| !lives(pid)));
    let facts = world.regatta(&["status", "--json"]).json();
    assert_eq!(facts["status"], "cancelled");
    for task in ["a", "b", "c"] {
        assert_eq!(status(&facts, task), "cancelled");
    }
    for verb in ["cancel", "pause"] {
        let said = world.regatta(&[verb]).exits(2);
        assert!(said.err.contains("the run has ended (cancelled)"), "{}", said.err);
    }
}

#[test]
fn one_task_can_be_cancelled_or_skipped_and_the_rest_goes_on() {
    let world = world("");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    assert_eq!(world.regatta(&["skip", "c"]).exits(0).out, "task `c` is skipped\n");
    let said = world.regatta(&["skip", "a"]).exits(2);
    assert!(said.err.contains("task `a` runs; `regatta cancel --task` ends it"), "{}", said.err);
    assert_eq!(world.regatta(&["cancel", "--task", "a"]).exits(0).out, "task `a` is being ended\n");
    assert_eq!(ends(&mut child), Some(1));
    let facts = world.regatta(&["status", "--json"]).json();
    let found = ["a", "b", "c"].map(|task| status(&facts, task).to_owned());
    assert_eq!(found, ["cancelled", "blocked", "skipped"]);
    assert!(!world.path("c").exists());
    let said = world.regatta(&["skip", "c"]).exits(2);
    assert!(said.err.contains("the run has ended"), "{}", said.err);
    assert!(world.regatta(&["skip", "zz"]).exits(2).err.contains("has no task `zz`"));
}

#[test]
fn what_is_asked_of_a_run_without_orchestrator_is_recorded_and_obeyed_first() {
    let world = world("");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    signal(&child, Signal::KILL);
    assert_eq!(ends(&mut child), None);
    for words in [&["skip", "c"][..], &["cancel", "--task", "a"]] {
        let answer = world.regatta(words).exits(0).out;
        let id = world.run_id();
        assert_eq!(answer, format!("recorded, to be obeyed first; next: regatta resume {id}\n"));
    }
    let summary = world.regatta(&["resume", "--json"]).exits(1).json();
    let found = ["a", "b", "c"].map(|task| status(&summary, task).to_owned());
    assert_eq!(found, ["cancelled", "blocked", "skipped"]);
    assert!(world.read("pids").lines().all(|pid| !lives(pid)) && !world.path("c").exists());
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn a_stale_control_socket_is_nobody() {
    let world = world("");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    signal(&child, Signal::KILL);
    assert_eq!(ends(&mut child), None);
    assert!(world.run_dir().join("c").exists(), "its socket outlived it");
    assert!(world.regatta(&["pause"]).exits(0).out.starts_with("nobody orchestrates the run"));
    let mut child = world.start(&["resume"]);
    open(&world);
    assert_eq!(ends(&mut child), Some(0));
}
