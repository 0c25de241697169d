//! Output that cannot be written is an error, and never a silent success; a reader that goes away is none.

use crate::world::World;
use std::fs::{File, OpenOptions};
use std::process::{Output, Stdio};

const PLAN: &str = "version: 1\ntasks:\n  - { id: a, run: 'echo one; echo two >>x.txt' }\n";

/// A disk without room.
fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

fn into_full(world: &World, args: &[&str]) -> Output {
    world.command(args).stdout(full()).stderr(Stdio::piped()).output().unwrap()
}

#[test]
fn what_cannot_be_written_is_told_and_is_exit_4() {
    let world = World::with(PLAN);
    world.regatta(&["run", "plan.yaml"]).exits(0);
    for args in [
        &["schema"][..],
        &["plan", "plan.yaml"],
        &["plan", "plan.yaml", "--json"],
        &["check", "plan.yaml", "--json"],
        &["export", "plan.yaml"],
        &["logs", "a"],
        &["status"],
        &["status", "--json"],
        &["ls", "--json"],
        &["events"],
        &["events", "--canonical"],
        &["man"],
        &["completions", "bash"],
        &["init", "-"],
        &["--help"],
        &["--version"],
    ] {
        let said = into_full(&world, args);
        let told = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(4), "{args:?} {told}");
        assert!(told.contains("error: standard output cannot be written: "), "{args:?} {told}");
        assert_eq!(told.matches("cannot be written").count(), 1, "{args:?} {told}");
    }
}

#[test]
fn a_run_goes_on_when_its_lines_cannot_be_written_and_its_journal_is_whole() {
    let world = World::with(PLAN);
    for args in [&["run", "plan.yaml"][..], &["run", "plan.yaml", "--json"]] {
        assert_eq!(into_full(&world, args).status.code(), Some(4), "{args:?}");
        assert_eq!(world.regatta(&["status", "--json"]).json()["status"], "succeeded");
        world.regatta(&["replay"]).exits(0);
    }
    assert_eq!(world.read("x.txt"), "two\ntwo\n");
    // What was wrong before stays what is told.
    world.write("bad.yaml", "version: 1\ntasks: none\n");
    assert_eq!(into_full(&world, &["check", "bad.yaml", "--json"]).status.code(), Some(3));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let world = World::with(PLAN);
    for args in [&["schema"][..], &["run", "plan.yaml"], &["logs", "a"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let said = world.command(args).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(said.status.code(), Some(0), "{args:?} {}", String::from_utf8_lossy(&said.stderr));
    }
}
