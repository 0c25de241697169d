//! A disk that does not keep what it was given: each sync of the database or its log fails in turn, once or for ever.
//! The run stops, and nothing is lost, done twice, or started that was not durable.
//!
//! The failing call is a small library that is preloaded into the binary.

use crate::world::World;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library, in a directory that lasts as long as it is used.
fn library(dir: &Path) -> PathBuf {
    let (source, library) = (dir.join("failing_sync.c"), dir.join("failing_sync.so"));
    std::fs::write(&source, include_str!("failing_sync.c")).unwrap();
    let said =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    library
}

/// A chain, so that there are as many turns as tasks; a task that ran leaves a line.
const PLAN: &str = "version: 1\neffect: idempotent\ntasks:\n\
                    - { id: a, run: echo a >>ran }\n\
                    - { id: b, needs: [a], run: echo b >>ran }\n\
                    - { id: c, needs: [b], run: echo c >>ran }\n";

/// Runs the plan while a sync fails, then goes on without; false if there are fewer syncs than that.
fn survives(library: &Path, wanted: &str) -> bool {
    let mut world = World::with(PLAN);
    world.set("LD_PRELOAD", library.to_str().unwrap());
    world.set("FAILING_SYNC", wanted);
    world.set("FAILING_SYNC_FIRED", &world.path("fired").display().to_string());
    let said = world.regatta(&["run", "plan.yaml"]);
    let fired = world.path("fired").exists();
    if said.code == Some(4) {
        assert!(
            fired && said.err.contains("regatta.db") && said.err.contains("hint: "),
            "sync {wanted}: {}",
            said.err
        );
    } else {
        // What moves the log into the database beside the run may fail: the next one does it.
        assert_eq!(said.code, Some(0), "sync {wanted}: {}{}", said.out, said.err);
    }
    let ran = world.read("ran");
    ["LD_PRELOAD", "FAILING_SYNC", "FAILING_SYNC_FIRED"].iter().for_each(|name| world.unset(name));
    let none = world.regatta(&["ls", "--json"]).exits(0).json().as_array().unwrap().is_empty();
    assert!(!none || ran.is_empty(), "sync {wanted}: {ran:?} ran without a record");
    let words: &[&str] = if none { &["run", "plan.yaml"] } else { &["resume"] };
    world.regatta(words).exits(0);
    assert_eq!(world.read("ran"), "a\nb\nc\n", "sync {wanted}");
    world.regatta(&["replay"]).exits(0);
    fired
}

#[test]
fn whichever_sync_of_the_store_fails_the_run_stops_or_ends_and_nothing_is_lost_or_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(dir.path());
    for ever in ["", "+"] {
        let most = (1..100).take_while(|n| survives(&library, &format!("{n}{ever}"))).count();
        assert!(most > 8, "only {most} syncs of the store were made to fail");
    }
}
