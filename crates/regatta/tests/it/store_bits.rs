//! Single bits and torn tails of the store, on the binary: what cannot be trusted is refused, what was not durable is
//! as if it had never been, and nothing that finished runs again.

use crate::world::{World, ends, signal};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Positions of a file at which a bit is flipped.
const FLIPS: u64 = 24;

/// One task done, one open; the orchestrator was interrupted and has closed the store, or was killed and has not.
fn left(how: Signal) -> World {
    let world = World::with(
        "version: 1\neffect: idempotent\ntasks:\n\
         - { id: done, run: echo done >>ran }\n\
         - { id: open, needs: [done], run: 'test -e go || { echo up >up; exec sleep 300; }; echo open >>ran' }\n",
    );
    world.fifo("up");
    let mut child = world.start(&["run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    signal(&child, how);
    ends(&mut child);
    if how == Signal::KILL {
        // The keeper too: what is in flight is lost, and the log is all there is.
        let keeper = regatta_crash::processes::keeper(world.root()).unwrap();
        regatta_crash::processes::kill(keeper);
        assert!(regatta_crash::processes::gone(keeper, std::time::Duration::from_secs(60)));
    }
    world.write("go", "");
    world
}

fn database(world: &World) -> PathBuf {
    world.path(".regatta/regatta.db")
}

fn log(world: &World) -> PathBuf {
    world.path(".regatta/regatta.db-wal")
}

/// Puts a directory back as it was.
fn restore(from: &Path, to: &Path) {
    std::fs::remove_dir_all(to).unwrap();
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

/// Flips bits all over a file, one at a time; answers how often `resume` refused.
fn flip(world: &World, file: &Path) -> u64 {
    let (store, kept) = (world.path(".regatta"), world.path("kept"));
    assert!(Command::new("cp").arg("-a").args([&store, &kept]).status().unwrap().success());
    let bytes = std::fs::metadata(file).unwrap().len();
    assert!(bytes > 4_096, "{} is too small to be worth it", file.display());
    let mut refused = 0;
    for n in 0..FLIPS {
        restore(&kept, &store);
        world.write("ran", "done\n");
        let mut content = std::fs::read(file).unwrap();
        let at = usize::try_from(n * bytes / FLIPS + n % 97).unwrap();
        content[at] ^= 1 << (n % 8);
        std::fs::write(file, content).unwrap();
        let said = world.regatta(&["resume"]);
        assert!(!said.err.contains("panicked"), "byte {at}: {}", said.err);
        match said.code {
            // It was nobody's byte, or one that no row depends on: everything is as it was.
            Some(0) => assert_eq!(world.read("ran"), "done\nopen\n", "byte {at}"),
            Some(4) => {
                assert!(said.err.contains("regatta.db"), "byte {at}: {}", said.err);
                assert_eq!(world.read("ran"), "done\n", "byte {at}: nothing was started");
                refused += 1;
            }
            code => panic!("byte {at}: {code:?}\n{}{}", said.out, said.err),
        }
    }
    restore(&kept, &store);
    world.write("ran", "done\n");
    world.regatta(&["resume"]).exits(0);
    assert_eq!(world.read("ran"), "done\nopen\n", "what was put back is whole");
    refused
}

#[test]
fn a_flipped_bit_of_the_database_is_refused_or_without_effect_and_never_repeats_or_loses_anything() {
    let world = left(Signal::INT);
    let refused = flip(&world, &database(&world));
    assert!(refused > 0, "no flip was noticed");
}

#[test]
fn a_flipped_bit_of_the_log_is_refused_or_without_effect_and_never_repeats_or_loses_anything() {
    let world = left(Signal::KILL);
    let refused = flip(&world, &log(&world));
    assert!(refused > 0, "no flip was noticed");
}

/// A plan of one task whose orchestrator dies when a turn is in the log and nothing of it was done.
#[cfg(feature = "faults")]
#[test]
fn a_torn_tail_of_the_log_is_a_turn_that_never_was() {
    for cut in [1, 100, 4_096, 5_000] {
        let mut world = World::with(
            "version: 1\neffect: at-most-once\ntasks:\n\
             - { id: a, run: echo a >>ran }\n- { id: b, needs: [a], run: echo b >>ran }\n",
        );
        world.set("REGATTA_FAULT", "commit.after:2");
        world.regatta(&["run", "plan.yaml"]);
        world.unset("REGATTA_FAULT");
        let events = world.kinds().len();
        let file = std::fs::File::options().write(true).open(log(&world)).unwrap();
        let bytes = file.metadata().unwrap().len();
        file.set_len(bytes - cut).unwrap();
        // What SQLite knew of the log besides died with the machine.
        std::fs::remove_file(world.path(".regatta/regatta.db-shm")).unwrap();
        assert!(world.kinds().len() < events, "{cut}");
        world.regatta(&["resume"]).exits(0);
        assert_eq!(world.read("ran"), "a\nb\n", "{cut}");
        world.regatta(&["replay"]).exits(0);
    }
}

#[test]
fn a_database_without_a_version_is_somebody_elses_and_left_as_it_is() {
    let world = left(Signal::INT);
    let connection = rusqlite::Connection::open(database(&world)).unwrap();
    connection.pragma_update(None, "user_version", 0).unwrap();
    drop(connection);
    let before = std::fs::read(database(&world)).unwrap();
    for words in [&["resume"][..], &["run", "plan.yaml"], &["status"]] {
        let said = world.regatta(words).exits(4);
        assert!(said.err.contains("regatta.db"), "{words:?}: {}", said.err);
    }
    assert_eq!((std::fs::read(database(&world)).unwrap(), world.read("ran")), (before, "done\n".to_owned()));
}
