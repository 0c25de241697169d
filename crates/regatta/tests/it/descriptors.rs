//! Many attempts that end at once under a low bound on open files: nothing is lost in silence.

use crate::world::{World, ends, status};
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

const MANY: usize = 60;

/// Tasks that all end at one word, each with output of its own, and one that tells its own bound.
fn plan(world: &World) {
    let here = world.root().display().to_string();
    let mut plan = "version: 1\neffect: at-most-once\nlimits: { max_parallel: 64 }\ntasks:\n".to_owned();
    for n in 0..MANY {
        let waits = format!("echo {n}; echo {n} >>{here}/ran; echo >{here}/here; flock -s {here}/word true");
        plan.push_str(&format!("  - {{ id: t{n}, run: '{waits}' }}\n"));
    }
    plan.push_str("  - { id: bound, run: 'ulimit -n' }\n");
    world.write("plan.yaml", &plan);
}

#[test]
fn a_low_bound_on_open_files_is_raised_for_the_run_and_kept_for_its_tasks() {
    let world = World::new();
    plan(&world);
    world.fifo("here");
    world.write("word", "");
    let word = File::open(world.path("word")).unwrap();
    flock(&word, FlockOperation::LockExclusive).unwrap();
    let line = format!("ulimit -Sn 48; exec {} run plan.yaml", env!("CARGO_BIN_EXE_regatta"));
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(world.root()).env("NO_COLOR", "1");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let here = OpenOptions::new().read(true).write(true).open(world.path("here")).unwrap();
    assert_eq!(BufReader::new(here).lines().take(MANY).count(), MANY);
    drop(word);
    assert_eq!(ends(&mut child), Some(0));
    let facts = world.regatta(&["status", "--json"]).json();
    for n in 0..MANY {
        let id = format!("t{n}");
        assert_eq!(status(&facts, &id), "succeeded", "{id}");
        assert_eq!(world.regatta(&["logs", &id]).exits(0).out, format!("{n}\n"));
    }
    assert_eq!(world.read("ran").lines().count(), MANY);
    assert_eq!(world.regatta(&["logs", "bound"]).exits(0).out, "48\n");
}
