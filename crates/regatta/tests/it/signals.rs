//! Signals, closed outputs and detached runs: how a run is left and what is left of it.
//!
//! A task says by a FIFO where it has come to; processes are looked at by number.

use crate::world::{World, ends, gone, lives, signal};
use rustix::process::{Pid, Signal};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

const ALL: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

/// A task with a child, one in a session of its own; it notes their numbers and tells that it is up.
fn tree(before: &str, keys: &str) -> World {
    let world = World::with(&format!(
        "version: 1
effect: idempotent
tasks:
  - id: tree
    {keys}
    run: |
      if test -e go; then touch done; exit 0; fi
      {before}
      setsid sleep 300 & echo $! >>pids
      sleep 300 & echo $! >>pids
      echo $$ >>pids
      echo up >gate
      while :; do sleep 0.05; done
  - {{ id: after, needs: [tree], run: touch after }}
"
    ));
    world.fifo("gate");
    world
}

/// Everybody in `pids` is gone.
fn all_dead(world: &World) {
    let pids = world.read("pids");
    assert!(pids.lines().count() >= 3, "{pids}");
    for pid in pids.lines() {
        assert!(!lives(pid), "process {pid} lives on");
    }
}

#[test]
fn the_first_signal_ends_the_trees_leaves_130_and_a_run_that_goes_on() {
    for which in ALL {
        let world = tree("", "timeout: { grace: 10s }");
        let mut child = world.start(&["run", "plan.yaml"]);
        assert_eq!(world.hear("gate"), "up");
        signal(&child, which);
        assert_eq!(ends(&mut child), Some(130), "{which:?}");
        all_dead(&world);
        let facts = world.regatta(&["status", "--json"]).exits(0).json();
        assert_eq!(facts["status"], "interrupted");
        assert_eq!(facts["orchestrator"], Value::Null);
        assert!(!world.path("after").exists());
        world.write("go", "");
        let summary = world.regatta(&["resume", "--json"]).exits(0).json();
        assert_eq!(summary["tasks"]["tree"]["attempts"], 1, "an interrupted attempt does not count");
        assert!(world.path("done").exists() && world.path("after").exists());
        world.regatta(&["replay"]).exits(0);
    }
}

#[test]
fn a_tree_has_its_grace_to_end_by_itself_and_then_is_killed() {
    for (trap, keys) in [
        ("trap 'touch cleaned; exit 1' TERM", "timeout: { grace: 30s }"),
        ("trap '' TERM", "timeout: { grace: 200ms }"),
    ] {
        let world = tree(trap, keys);
        let mut child = world.start(&["run", "plan.yaml"]);
        world.hear("gate");
        signal(&child, Signal::INT);
        assert_eq!(ends(&mut child), Some(130));
        assert_eq!(world.path("cleaned").exists(), trap.contains("cleaned"));
        all_dead(&world);
    }
}

#[test]
fn the_second_signal_kills_at_once() {
    for which in ALL {
        let world = tree("trap 'echo heard >heard' TERM", "timeout: { grace: 30s }");
        world.fifo("heard");
        let mut child = world.start(&["run", "plan.yaml"]);
        world.hear("gate");
        signal(&child, which);
        assert_eq!(world.hear("heard"), "heard", "the first is graceful");
        let second = Instant::now();
        signal(&child, which);
        assert_eq!(ends(&mut child), Some(130));
        // The grace would have been 5 s; strays have 2 s of their own.
        assert!(second.elapsed() < Duration::from_secs(4), "{which:?}: {:?}", second.elapsed());
        all_dead(&world);
        world.write("go", "");
        world.regatta(&["resume"]).exits(0);
    }
}

#[test]
fn a_signal_during_a_back_off_leaves_at_once_and_loses_no_retry() {
    let world = World::with(
        "version: 1
tasks:
  - id: flaky
    retry: { max_attempts: 2, backoff: 2s }
    run: echo x >>tries; echo up >gate; test $REGATTA_ATTEMPT = 2
",
    );
    world.fifo("gate");
    let mut child = world.start(&["run", "plan.yaml"]);
    world.hear("gate");
    let mut follow = world.command(&["events", "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("\"retry_scheduled\"")));
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    assert_eq!(world.read("tries"), "x\n");
    let mut again = world.start(&["resume"]);
    world.hear("gate");
    assert_eq!(ends(&mut again), Some(0));
    assert_eq!(world.read("tries"), "x\nx\n");
    assert_eq!(ends(&mut follow), Some(0), "who follows sees the run to its end, across the interruption");
    world.regatta(&["replay"]).exits(0);
}

#[test]
fn a_run_that_is_interrupted_again_and_again_ends_as_the_undisturbed_one() {
    let mut plan = "version: 1\nname: p\neffect: idempotent\ntasks:\n".to_owned();
    for n in 0..6 {
        let needs = if n == 0 { String::new() } else { format!("needs: [t{}], ", n - 1) };
        plan.push_str(&format!("  - {{ id: t{n}, {needs}run: 'n={n}; . ./task.sh; echo {n} >>ran' }}\n"));
    }
    let world = World::with(&plan);
    world.write("task.sh", "");
    world.regatta(&["run", "plan.yaml"]).exits(0);
    let undisturbed = world.canonical();
    let world = World::with(&plan);
    world.write("task.sh", "test -e k$n || { touch k$n; kill -INT $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1); kill -TERM $(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1); sleep 60; }");
    world.regatta(&["run", "plan.yaml"]).exits(130);
    for _ in 1..6 {
        world.regatta(&["resume"]).exits(130);
    }
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("ran"), "0\n1\n2\n3\n4\n5\n");
    assert_eq!(world.canonical(), undisturbed);
}

#[test]
fn a_closed_standard_output_does_not_stop_the_run() {
    for args in [&["run", "plan.yaml"][..], &["run", "plan.yaml", "--json"]] {
        let world = World::with(
            "version: 1
tasks:
  - { id: a, run: 'echo up >gate; until test -e go; do sleep 0.01; done' }
  - { id: b, needs: [a], run: 'yes | head -n 1; touch done' }
",
        );
        world.fifo("gate");
        let mut child = world.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        world.hear("gate");
        drop((child.stdout.take(), child.stderr.take()));
        world.write("go", "");
        assert_eq!(ends(&mut child), Some(0));
        assert!(world.path("done").exists());
        let summary = world.regatta(&["status", "--json"]).exits(0).json();
        assert_eq!(summary["status"], "succeeded");
        assert_eq!(world.regatta(&["logs", "b", "--stderr"]).exits(0).out, "", "SIGPIPE is the task's own");
        world.regatta(&["replay"]).exits(0);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error_of_any_verb() {
    let world = World::with("version: 1\ntasks:\n  - { id: a, run: 'seq 1 100000' }\n");
    world.run();
    for args in [&["logs", "a"][..], &["events"], &["events", "--canonical"], &["status"], &["ls"]] {
        let mut child = world.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(output.stderr.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_detached_run_returns_at_once_in_a_session_of_its_own_and_ends_by_itself() {
    let world = World::with(
        "version: 1
tasks:
  - { id: a, run: 'o=$(grep -o [0-9]* .regatta/runs/$REGATTA_RUN_ID/lock | head -n1); ps -o sid= -p $o >session; echo $o >gate; until test -e go; do sleep 0.01; done' }
  - { id: b, needs: [a], run: 'touch done' }
",
    );
    world.fifo("gate");
    let said = world.regatta(&["run", "plan.yaml", "--detach"]).exits(0);
    let id = world.run_id();
    assert_eq!(said.out, format!("{id}\n"));
    let pid = world.hear("gate");
    assert_eq!(world.read("session").trim(), pid, "no hang-up of a terminal reaches it");
    let facts = world.regatta(&["status", &id, "--json"]).exits(0).json();
    assert_eq!((facts["status"].as_str(), facts["orchestrator"]["pid"].to_string()), (Some("running"), pid));
    world.write("go", "");
    world.regatta(&["events", &id, "--follow"]).exits(0);
    assert!(world.path("done").exists());
    world.regatta(&["replay", &id]).exits(0);
    world.write("bad.yaml", "version: 1\ntasks: [ { id: a } ]\n");
    let said = world.regatta(&["run", "bad.yaml", "--detach"]).exits(3);
    assert_eq!((said.out.as_str(), world.run_id()), ("", id), "nothing was detached");
}

#[test]
fn a_detached_run_is_held_when_its_id_is_told() {
    let world = tree("", "timeout: { grace: 0 }");
    world.regatta(&["run", "plan.yaml", "--detach"]).exits(0);
    let facts = world.regatta(&["status", "--json"]).json();
    let pid = facts["orchestrator"]["pid"].as_u64().unwrap();
    assert_eq!(facts["status"], "running");
    assert_eq!(world.hear("gate"), "up");
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::INT).unwrap();
    assert!(crate::world::gone(pid));
}

#[test]
fn what_ended_while_the_orchestrator_stood_still_had_ended_before_it_was_late_or_asked_to_end() {
    for interrupted in [false, true] {
        let world = World::with(
            "version: 1
tasks:
  - { id: pay, effect: at-most-once, timeout: { attempt: 8s }, retry: { max_attempts: 2, backoff: 10ms }, run: 'echo $$ >gate; read go <go; echo paid >>paid' }
  - { id: after, needs: [pay], effect: idempotent, run: 'echo after >after' }
",
        );
        world.fifo("gate");
        world.fifo("go");
        let mut child = world.start(&["run", "plan.yaml"]);
        let pay = world.hear("gate").parse().unwrap();
        signal(&child, Signal::STOP);
        std::fs::write(world.path("go"), "go\n").unwrap();
        assert!(gone(Pid::from_raw(pay).unwrap()));
        if interrupted {
            signal(&child, Signal::INT);
        } else {
            // Its time passes.
            let mut time = world.program("sleep", &["8.2"]).spawn().unwrap();
            assert_eq!(ends(&mut time), Some(0));
        }
        signal(&child, Signal::CONT);
        let code = ends(&mut child);
        let facts = world.regatta(&["status", "--json"]).exits(0).json();
        assert_eq!(facts["tasks"]["pay"]["status"], "succeeded", "{facts}");
        // The end may have been heard by itself, and what comes after it have ended by then.
        if interrupted && code == Some(130) {
            world.regatta(&["resume"]).exits(0);
        } else {
            assert_eq!(code, Some(0));
        }
        assert_eq!([world.read("paid"), world.read("after")], ["paid\n", "after\n"]);
    }
}
