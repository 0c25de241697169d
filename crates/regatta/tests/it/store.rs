//! Damage to the store, on the binary: each kind has its answer, starts nothing and keeps a copy; what can be healed
//! by putting the file back is healed by that.
//!
//! Knows the database as a file; what stands in it is a matter of the journal's own tests.

use crate::world::{World, ends, signal};
use rustix::process::Signal;
use std::path::PathBuf;

/// An interrupted run: one task done, one open.
fn interrupted() -> World {
    let world = World::with(
        "version: 1\neffect: idempotent\ntasks:\n\
         - { id: done, run: echo done >>ran }\n\
         - { id: open, needs: [done], run: 'echo open >>ran; test -e go || { echo up >up; exec sleep 300; }' }\n",
    );
    world.fifo("up");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    world.write("go", "");
    world
}

fn database(world: &World) -> PathBuf {
    world.path(".regatta/regatta.db")
}

/// Every verb that needs the run says what is wrong with which file and exits with 4; nothing is started.
fn refused(world: &World, what: &str) {
    let ran = world.read("ran");
    for words in [&["resume"][..], &["status"], &["events"], &["replay"], &["cancel"]] {
        let said = world.regatta(words);
        assert_eq!(said.code, Some(4), "{what}: {words:?}\n{}{}", said.out, said.err);
        assert!(said.err.contains("regatta.db"), "{what}: {words:?}: {}", said.err);
        assert!(!said.err.contains("panicked"), "{}", said.err);
    }
    assert_eq!(world.read("ran"), ran, "{what}: nothing was started");
}

fn damaged(how: &str, mut bytes: Vec<u8>) -> Vec<u8> {
    match how {
        "truncated" => bytes.truncate(bytes.len() / 2),
        "empty" => bytes.clear(),
        "other bytes" => bytes.fill(b'x'),
        _ => bytes[4096..8192].fill(0),
    }
    bytes
}

#[test]
fn a_truncated_empty_or_overwritten_database_is_refused_copied_aside_and_healed_by_putting_it_back() {
    for what in ["truncated", "empty", "other bytes", "a page of zeros"] {
        let world = interrupted();
        let file = database(&world);
        let whole = std::fs::read(&file).unwrap();
        let wal = std::fs::read(file.with_extension("db-wal")).unwrap_or_default();
        assert!(wal.is_empty(), "a run that was left has its log in the database");
        std::fs::write(&file, damaged(what, whole.clone())).unwrap();
        refused(&world, what);
        let names = std::fs::read_dir(world.path(".regatta")).unwrap();
        let copies = names.filter(|n| n.as_ref().unwrap().file_name().to_string_lossy().contains("damaged"));
        assert!(copies.count() >= 1, "{what}: a copy is kept");
        std::fs::write(&file, whole).unwrap();
        world.regatta(&["resume"]).exits(0);
        assert_eq!(world.read("ran"), "done\nopen\nopen\n", "{what}: what was finished is not repeated");
    }
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let world = interrupted();
    let file = database(&world);
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", 9_999).unwrap();
    drop(connection);
    let before = std::fs::read(&file).unwrap();
    refused(&world, "newer");
    let said = world.regatta(&["resume"]).exits(4);
    assert!(said.err.contains("hint: use the regatta that wrote it, or a newer one"), "{}", said.err);
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn a_database_that_is_gone_beside_the_directories_of_runs_is_damage_and_not_a_new_beginning() {
    let world = interrupted();
    std::fs::remove_file(database(&world)).unwrap();
    for words in [&["resume"][..], &["run", "plan.yaml"]] {
        let said = world.regatta(words).exits(4);
        assert!(said.err.contains("regatta.db"), "{words:?}: {}", said.err);
    }
    assert_eq!(world.read("ran"), "done\nopen\n");
}

#[test]
fn a_database_of_the_first_version_is_brought_up_to_date_and_its_run_goes_on() {
    let world = interrupted();
    let hand = rusqlite::Connection::open(database(&world)).unwrap();
    let version = |hand: &rusqlite::Connection| -> u32 {
        hand.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    let now = version(&hand);
    hand.execute_batch("DROP TABLE shared; PRAGMA user_version = 1").unwrap();
    let status = world.regatta(&["status", "--json"]).exits(0).json();
    assert_eq!(status["status"], "interrupted");
    assert_eq!(version(&hand), 1, "whoever only looks changes nothing");
    world.regatta(&["resume"]).exits(0);
    assert_eq!(version(&hand), now);
    world.regatta(&["replay"]).exits(0);
}
