//! The tables, their version, and how older versions are brought up to date.
//!
//! ```text
//! runs    one small row a run: who, what, state         plans   its texts, never touched again
//! turns   id = run << 40 | turn: the inputs             events  id = run << 40 | pos: the events, with results
//! shared  content key, event: which outcomes later runs may find
//! ```
//! The hot tables have integer keys and no second index: a row is appended to the last leaf of one tree.

use crate::db::Db;
use crate::error::StoreError;
use crate::limits::BUSY_MS;
use crate::place::io_error;
use crate::version::SchemaVersion;
use rusqlite::Connection;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// `RGTA` in the header of the database file.
const APPLICATION_ID: i64 = 0x5247_5441;

/// Bits of an id of `turns` and `events` that number rows within a run: 10^12 rows a run, 8 million runs.
const ROW_BITS: u32 = 40;

/// Number `row` of run `seq` as an id of `turns` and `events`.
pub(crate) fn row_id(seq: i64, row: u64) -> i64 {
    (seq << ROW_BITS) | (row & ((1 << ROW_BITS) - 1)).cast_signed()
}

/// The number within its run of an id of `turns` and `events`.
pub(crate) fn row_of(id: i64) -> u64 {
    id.cast_unsigned() & ((1 << ROW_BITS) - 1)
}

/// The run of an id of `turns` and `events`.
pub(crate) fn seq_of(id: i64) -> i64 {
    id >> ROW_BITS
}

/// Step n brings version n to version n + 1. A step is never changed once it was released.
const STEPS: [&str; SchemaVersion::CURRENT.0 as usize] = [VERSION_1, VERSION_2];

const VERSION_1: &str = "
CREATE TABLE runs(
    seq INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    plan_name TEXT NOT NULL,
    plan_digest TEXT NOT NULL,
    schedule_plan_hash TEXT NOT NULL,
    engine_version TEXT NOT NULL,
    record_version INTEGER NOT NULL,
    mode TEXT NOT NULL,
    cohort INTEGER NOT NULL,
    task_type TEXT,
    retry_of TEXT,
    created_wall_ms INTEGER NOT NULL,
    seal BLOB NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    started_wall_ms INTEGER,
    ended_wall_ms INTEGER,
    epoch INTEGER NOT NULL,
    state_seal BLOB NOT NULL
) STRICT;
CREATE TABLE plans(
    run INTEGER PRIMARY KEY,
    source_path TEXT,
    flags TEXT NOT NULL,
    config TEXT NOT NULL,
    plan TEXT NOT NULL,
    source TEXT
) STRICT;
CREATE TABLE turns(
    id INTEGER PRIMARY KEY,
    now_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    first_pos INTEGER NOT NULL,
    events INTEGER NOT NULL,
    inputs TEXT NOT NULL,
    link BLOB NOT NULL
) STRICT;
CREATE TABLE events(
    id INTEGER PRIMARY KEY,
    wall_ms INTEGER NOT NULL,
    body TEXT NOT NULL,
    link BLOB NOT NULL,
    payload BLOB
) STRICT;
";

/// Outcomes by content key: found here, believed only after their event was read and verified.
const VERSION_2: &str = "
CREATE TABLE shared(
    content_key BLOB NOT NULL,
    event INTEGER NOT NULL,
    PRIMARY KEY(content_key, event)
) STRICT, WITHOUT ROWID;
";

/// What a database says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    /// Nothing in it.
    Empty,
    /// Ours.
    Version(u32),
    /// Somebody else's.
    Foreign,
}

/// Makes the tables or brings them up to date.
///
/// # Errors
/// A newer or foreign database; any failure of SQLite.
pub(crate) fn prepare(db: &Db) -> Result<(), StoreError> {
    let alone = match found(db)? {
        Found::Version(version) if version == SchemaVersion::CURRENT.0 => return Ok(()),
        Found::Empty => Some(alone(db)?),
        Found::Version(_) | Found::Foreign => None,
    };
    // Again: somebody may have made it while we waited.
    if alone.is_some() && found(db)? == Found::Empty {
        without_rollback_file(db)?;
    }
    write_ahead(db)?;
    let tx = db.begin()?;
    // Again, inside the transaction: another process may have been faster.
    let version = match found(db)? {
        Found::Empty => 0,
        Found::Version(version) => version,
        Found::Foreign => return Err(StoreError::Foreign { path: db.place.database() }),
    };
    if version > SchemaVersion::CURRENT.0 {
        return Err(newer(db, version));
    }
    let fault = |e| db.fault("prepare", e);
    for step in STEPS.iter().skip(version as usize) {
        db.conn.execute_batch(step).map_err(fault)?;
    }
    db.conn.pragma_update(None, "application_id", APPLICATION_ID).map_err(fault)?;
    db.conn.pragma_update(None, "user_version", SchemaVersion::CURRENT.0).map_err(fault)?;
    tx.commit().map_err(fault)
}

/// For a reader, which changes nothing: true if the tables are there.
///
/// # Errors
/// A newer, older or foreign database; any failure of SQLite.
pub(crate) fn check(db: &Db) -> Result<bool, StoreError> {
    match found(db)? {
        Found::Empty => Ok(false),
        Found::Version(version) if version > SchemaVersion::CURRENT.0 => Err(newer(db, version)),
        Found::Version(_) => Ok(true),
        Found::Foreign => Err(StoreError::Foreign { path: db.place.database() }),
    }
}

/// The version of tables that are there.
pub(crate) fn version(db: &Db) -> Result<SchemaVersion, StoreError> {
    let asked = db.conn.pragma_query_value(None, "user_version", |row| row.get(0));
    asked.map(SchemaVersion).map_err(|e| db.fault("read", e))
}

fn newer(db: &Db, found: u32) -> StoreError {
    let (found, known) = (SchemaVersion(found), SchemaVersion::CURRENT);
    StoreError::NewerSchema { path: db.place.database(), found, known }
}

fn found(db: &Db) -> Result<Found, StoreError> {
    let ask = |conn: &Connection| -> rusqlite::Result<Found> {
        let id: i64 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok(match (id, version, tables) {
            (0, 0, 0) => Found::Empty,
            (APPLICATION_ID, version, _) if version > 0 => Found::Version(version),
            _ => Found::Foreign,
        })
    };
    ask(&db.conn).map_err(|e| db.fault("read", e))
}

/// Between two attempts to switch the journal mode, in milliseconds.
const ASK_AGAIN_MS: u64 = 5;

/// Waits until nobody else makes the database of this workspace; over when the answer is dropped.
fn alone(db: &Db) -> Result<OwnedFd, StoreError> {
    let home = db.place.home();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = open(home, flags, Mode::empty()).map_err(|e| io_error("open", home, e.into()))?;
    flock(&dir, FlockOperation::LockExclusive).map_err(|e| io_error("lock", home, e.into()))?;
    Ok(dir)
}

/// The switch to the write-ahead log writes one page into an empty file. There is nothing to roll back to, so the file
/// for that, its three syncs and its removal serve nobody. Only while we are [`alone`]: asked of a database that has a
/// log already, this would switch it off.
fn without_rollback_file(db: &Db) -> Result<(), StoreError> {
    let switched = db.conn.pragma_update_and_check(None, "journal_mode", "memory", |_| Ok(()));
    switched.map_err(|e| db.fault("prepare", e))
}

/// Switches to the write-ahead log, which the file remembers. Two processes at once: one is told "locked" at once,
/// whatever its busy timeout, so it asks again.
fn write_ahead(db: &Db) -> Result<(), StoreError> {
    for _ in 0..BUSY_MS / ASK_AGAIN_MS {
        match db.conn.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => {}
            Err(e) => match db.fault("prepare", e) {
                StoreError::Busy { .. } => {}
                other => return Err(other),
            },
        }
        std::thread::sleep(Duration::from_millis(ASK_AGAIN_MS));
    }
    Err(StoreError::Busy { path: db.place.database() })
}
