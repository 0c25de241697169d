//! Damage has an answer: it is told, put aside, and never replaced in silence.

use crate::world::{World, all, fold_error, id, started, turn, turn_with_result};
use regatta_journal::{Journal, Reader, Store, StoreError};
use std::path::PathBuf;

/// A closed workspace with one run of 1 + 3 x 4 events.
fn closed() -> World {
    let world = World::new();
    let mut run = world.create("r1");
    run.append(&started()).unwrap();
    for n in 0..4 {
        run.append(&turn_with_result(n, b"{\"value\":\"result\"}")).unwrap();
    }
    run.close().unwrap();
    world
}

fn detail(error: StoreError) -> (String, Option<PathBuf>) {
    let text = error.to_string();
    match error {
        StoreError::Damaged { detail, copy, .. } => (detail, copy),
        _ => panic!("{text}"),
    }
}

/// Damages a closed workspace by SQL and says what the fold finds.
fn after(sql: &str) -> String {
    let world = closed();
    assert_eq!(world.hand().execute(sql, []).unwrap(), 1, "{sql}");
    let found = match world.resume("r1") {
        Ok(mut run) => fold_error(&mut run),
        Err(e) => e,
    };
    let (detail, copy) = detail(found);
    assert_eq!(copy, Some(world.db().with_file_name("regatta.db.damaged-1")));
    detail
}

#[test]
fn a_flipped_bit_in_any_row_is_found_and_named() {
    let flips = [
        // One bit of a letter, of a number, of a result, of a checksum.
        (
            "UPDATE events SET body=replace(body,'\"exit\":0','\"exit\":1') WHERE id&255=4",
            "run r1: pos 4 does not match its checksum",
        ),
        ("UPDATE events SET wall_ms=wall_ms+64 WHERE id&255=2", "run r1: pos 2 does not match its checksum"),
        (
            "UPDATE events SET payload=CAST(replace(payload,'result','resuLt') AS BLOB) WHERE id&255=7",
            "run r1: pos 7 does not match its checksum",
        ),
        ("UPDATE events SET payload=NULL WHERE id&255=7", "run r1: pos 7 does not match its checksum"),
        (
            "UPDATE events SET link=x'00000000000000000000000000000000' WHERE id&255=3",
            "run r1: pos 3 does not match its checksum",
        ),
        ("UPDATE events SET link=x'00' WHERE id&255=13", "run r1: pos 13 does not match its checksum"),
        ("UPDATE turns SET now_ms=now_ms+1 WHERE id&255=2", "run r1: turn 2 does not match its checksum"),
        (
            "UPDATE turns SET inputs=replace(inputs,'settle','settlf') WHERE id&255=2",
            "run r1: turn 2 does not match its checksum",
        ),
        ("DELETE FROM events WHERE id&255=5", "run r1: pos 5 is missing"),
        ("DELETE FROM events WHERE id&255=13", "run r1: its turns tell of 13 events, pos 12 is the last"),
        ("DELETE FROM turns WHERE id&255=2", "run r1: turn 2 is missing"),
        ("DELETE FROM turns WHERE id&255=5", "run r1: its turns tell of 10 events, pos 13 is the last"),
        ("UPDATE runs SET status='succeeded'", "run r1: its state does not match its checksum"),
        ("UPDATE runs SET epoch=epoch+1", "run r1: its state does not match its checksum"),
    ];
    for (sql, what) in flips {
        assert_eq!(after(sql), what, "{sql}");
    }
}

#[test]
fn a_flipped_bit_in_the_record_of_a_run_is_found() {
    for sql in [
        "UPDATE runs SET plan_digest='e'||substr(plan_digest,2)",
        "UPDATE runs SET plan_name='quickstaru'",
        "UPDATE runs SET cohort=101",
        "UPDATE plans SET plan='{}'",
        "UPDATE plans SET config='{ }'",
        "UPDATE plans SET source=NULL",
        "DELETE FROM plans",
    ] {
        let world = closed();
        assert_eq!(world.hand().execute(sql, []).unwrap(), 1, "{sql}");
        let error = world.resume("r1").unwrap().record().unwrap_err();
        assert_eq!(detail(error).0, "run r1: its record does not match its checksum", "{sql}");
    }
}

#[test]
fn nothing_is_appended_after_damage_was_found() {
    let world = closed();
    world.hand().execute("UPDATE events SET wall_ms=0 WHERE id&255=2", []).unwrap();
    let mut run = world.resume("r1").unwrap();
    fold_error(&mut run);
    assert!(matches!(run.append(&turn(9)), Err(StoreError::Poisoned { .. })));
}

#[test]
fn a_page_of_events_is_verified_too() {
    let world = closed();
    let reader = world.reader();
    assert_eq!(reader.events(&id("r1"), 3, 2).unwrap().len(), 2);
    world.hand().execute("UPDATE events SET wall_ms=0 WHERE id&255=6", []).unwrap();
    assert_eq!(reader.events(&id("r1"), 3, 3).unwrap().len(), 3);
    let (what, copy) = detail(reader.events(&id("r1"), 3, 4).unwrap_err());
    assert_eq!((what.as_str(), copy), ("run r1: pos 6 does not match its checksum", None));
}

#[test]
fn a_zero_length_database_beside_run_directories_is_damage() {
    let world = closed();
    std::fs::write(world.db(), b"").unwrap();
    let (what, copy) = detail(Journal::open(world.path()).unwrap_err());
    assert_eq!(what, "it is empty beside the directory of run r1");
    assert_eq!(std::fs::metadata(copy.unwrap()).unwrap().len(), 0);
    assert_eq!(std::fs::metadata(world.db()).unwrap().len(), 0, "never replaced");
    detail(Reader::open(world.path()).unwrap_err());
}

#[test]
fn a_missing_database_beside_run_directories_is_damage() {
    let world = closed();
    std::fs::remove_file(world.db()).unwrap();
    let (what, copy) = detail(Journal::open(world.path()).unwrap_err());
    assert_eq!((what.as_str(), copy), ("it is missing beside the directory of run r1", None));
    assert!(!world.db().exists(), "never replaced");
    detail(Journal::open_existing(world.path()).unwrap_err());
    detail(Reader::open(world.path()).unwrap_err());
}

#[test]
fn a_zero_length_database_beside_its_log_is_damage_and_both_are_put_aside() {
    let world = World::new();
    let mut run = world.create("r1");
    run.append(&started()).unwrap();
    let crashed = world.crashed();
    std::fs::write(crashed.db(), b"").unwrap();
    let log = std::fs::read(crashed.wal()).unwrap();
    let (what, copy) = detail(Journal::open(crashed.path()).unwrap_err());
    assert_eq!(what, "it is empty beside its write-ahead log");
    assert_eq!(copy.unwrap(), crashed.home().join("regatta.db.damaged-1"));
    assert_eq!(std::fs::read(crashed.home().join("regatta.db.damaged-1-wal")).unwrap(), log);
    assert_eq!(std::fs::read(crashed.wal()).unwrap(), log, "never replaced");
}

#[test]
fn a_lost_log_beside_run_directories_is_damage() {
    let world = World::new();
    let mut run = world.create("r1");
    run.append(&started()).unwrap();
    let crashed = world.crashed();
    std::fs::remove_file(crashed.wal()).unwrap();
    let (what, _) = detail(Journal::open(crashed.path()).unwrap_err());
    assert!(what.contains("run r1"), "{what}");
}

#[test]
fn a_file_that_is_no_database_is_damage() {
    let world = closed();
    std::fs::write(world.db(), b"not a database, but long enough to look like one of some kind").unwrap();
    let (what, copy) = detail(Journal::open(world.path()).unwrap_err());
    assert!(what.contains("not a database"), "{what}");
    assert!(copy.unwrap().exists());
}

#[test]
fn garbage_in_a_page_is_damage() {
    let world = closed();
    let mut bytes = std::fs::read(world.db()).unwrap();
    assert!(bytes.len() > 5 * 4096);
    for page in 1..bytes.len() / 4096 {
        bytes[page * 4096..page * 4096 + 200].fill(0xa5);
    }
    std::fs::write(world.db(), bytes).unwrap();
    detail(world.resume("r1").unwrap_err());
}

#[test]
fn a_truncated_database_is_damage() {
    let world = closed();
    let file = std::fs::OpenOptions::new().write(true).open(world.db()).unwrap();
    file.set_len(2 * 4096).unwrap();
    let found = match world.resume("r1") {
        Ok(mut run) => fold_error(&mut run),
        Err(e) => e,
    };
    detail(found);
}

#[test]
fn the_same_damage_is_put_aside_once() {
    let world = closed();
    std::fs::write(
        world.db(),
        b"nonsense of one kind, as long as a header of a database must be: 100 bytes, is it",
    )
    .unwrap();
    let first = detail(Journal::open(world.path()).unwrap_err()).1;
    let again = detail(Journal::open(world.path()).unwrap_err()).1;
    assert_eq!(first, again);
    std::fs::write(
        world.db(),
        b"nonsense of another kind, as long as a header of a database must be: 100 bytes, yes",
    )
    .unwrap();
    let other = detail(Journal::open(world.path()).unwrap_err()).1;
    assert_eq!(other, Some(world.home().join("regatta.db.damaged-2")));
}

#[test]
fn damage_names_the_file_its_copy_and_what_to_do() {
    let world = closed();
    std::fs::write(world.db(), b"").unwrap();
    let error = Journal::open(world.path()).unwrap_err();
    let text = |s: String| s.replace(world.path().canonicalize().unwrap().to_str().unwrap(), "W");
    insta::assert_snapshot!(
        text(format!("{error}\nhint: {}", error.hint().unwrap())),
        @r"
    journal `W/.regatta/regatta.db` is damaged: it is empty beside the directory of run r1
    hint: nothing was started; a copy is in `W/.regatta/regatta.db.damaged-1`; restore `W/.regatta/regatta.db` from a backup, or move it, its -wal and `W/.regatta/runs` away to begin anew
    "
    );
}

#[test]
fn a_run_whose_row_is_gone_is_damage_if_its_directory_is_there() {
    let world = closed();
    drop(world.create("r2"));
    world.hand().execute("DELETE FROM runs WHERE run_id='r1'", []).unwrap();
    assert_eq!(detail(world.resume("r1").unwrap_err()).0, "run r1 is missing, its directory is there");
    assert!(matches!(world.resume("r3").unwrap_err(), StoreError::NoSuchRun { .. }));
}

#[test]
fn damage_of_one_run_leaves_another_alone() {
    let world = closed();
    let mut other = world.create("r2");
    other.append(&turn(0)).unwrap();
    world.hand().execute("UPDATE events SET wall_ms=0 WHERE id=(SELECT min(id) FROM events)", []).unwrap();
    assert_eq!(all(&mut other).len(), 3);
    let mut first = world.resume("r1").unwrap();
    assert_eq!(detail(fold_error(&mut first)).0, "run r1: pos 1 does not match its checksum");
}

/// Whatever byte of the database is flipped: the fold gives exactly what was written, or an error.
#[test]
fn no_flipped_byte_of_the_database_changes_an_event_in_silence() {
    let world = closed();
    let sound = world.crashed_as_is();
    let events = all(&mut sound.resume("r1").unwrap());
    let bytes = std::fs::read(world.db()).unwrap();
    let (mut same, mut found) = (0, 0);
    for at in (0..bytes.len()).step_by(61) {
        let mut bad = bytes.clone();
        bad[at] ^= 0x04;
        std::fs::write(world.db(), &bad).unwrap();
        for side in ["-wal", "-shm"] {
            let _none_yet = std::fs::remove_file(world.home().join(format!("regatta.db{side}")));
        }
        let mut seen = Vec::new();
        let fold = Reader::open(world.path()).and_then(|reader| {
            let reader = reader.ok_or(StoreError::NoRuns { path: world.db() })?;
            reader.fold(&id("r1"), &mut |event| {
                seen.push(event);
                Ok(())
            })
        });
        if fold.is_ok() {
            assert_eq!(seen, events, "byte {at}");
            same += 1;
        } else {
            found += 1;
        }
    }
    assert!(same > 10 && found > 10, "{same} the same, {found} found");
}
