//! The file of the leases: opened, emptied at each start of the machine, and made anew where it cannot be used and
//! nobody could lose anything by it.
//!
//! ```text
//! leases.db           the tables
//! leases.open         locked together by all who have them open, alone by who makes them anew; holds the id of the
//!                     boot in which they were opened last
//! leases.db.damaged   what could not be used last
//! ```
//! Knows no lease.

use super::Leases;
use crate::damage::with_suffix;
use crate::error::StoreError;
use crate::limits::BUSY_MS;
use crate::place::{Place, io_error, make_private_file, open_private};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior, params};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "leases.db";
const OPEN: &str = "leases.open";
/// The version of the tables.
const VERSION: i64 = 1;
/// Whoever finds the file unusable has it open for a moment: so often one tries to have it alone,
const TRIES: u32 = 20;
/// after so long each time.
const BETWEEN_TRIES: Duration = Duration::from_millis(10);
/// More than the id of a boot.
const BOOT_BYTES: usize = 64;

const TABLES: &str = "
CREATE TABLE meta(boot TEXT NOT NULL, epoch INTEGER NOT NULL, ticket INTEGER NOT NULL) STRICT;
CREATE TABLE held(
    run TEXT NOT NULL, task TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, units INTEGER NOT NULL,
    capacity INTEGER NOT NULL, epoch INTEGER NOT NULL, since INTEGER NOT NULL, priority TEXT NOT NULL,
    own INTEGER NOT NULL, PRIMARY KEY(epoch, name)) STRICT, WITHOUT ROWID;
CREATE INDEX held_name ON held(name);
CREATE TABLE waiting(
    run TEXT NOT NULL, task TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, units INTEGER NOT NULL,
    capacity INTEGER NOT NULL, ticket INTEGER NOT NULL, since INTEGER NOT NULL, priority TEXT NOT NULL,
    own INTEGER NOT NULL, PRIMARY KEY(ticket, name)) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_name ON waiting(name);
CREATE TABLE denied(
    ticket INTEGER PRIMARY KEY, run TEXT NOT NULL, task TEXT NOT NULL, circle TEXT NOT NULL) STRICT;
";

const SETTINGS: &str = "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; \
                        PRAGMA temp_store=MEMORY; PRAGMA synchronous=OFF;";

/// Now, wall clock in milliseconds since the Unix epoch, and the id of this start of the machine.
type When<'a> = (u64, &'a str);

impl Leases {
    /// Whether any lease was ever claimed in a workspace.
    ///
    /// # Errors
    /// `.regatta` cannot be looked at.
    pub fn exists(workspace: &Path) -> Result<bool, StoreError> {
        Ok(Place::find(workspace)?.is_some_and(|place| place.home().join(FILE).exists()))
    }

    /// Opens the leases of a workspace. `wall_ms` is now; `boot_id` names this start of the machine.
    ///
    /// # Errors
    /// The file cannot be made, or cannot be used.
    pub fn open(workspace: &Path, when: (u64, &str)) -> Result<Leases, StoreError> {
        let home = Place::create(workspace)?.home().to_owned();
        let (path, file) = open_file(&home)?;
        lock(&file, FlockOperation::LockShared).map_err(|e| io_error("lock", &path, e.into()))?;
        opened((&home, file), when)
    }

    /// As [`Leases::open`]; a file that cannot be used is put aside and made anew, if nobody can hold a lease: because
    /// the machine was started since, or because `nobody_lives`.
    ///
    /// # Errors
    /// As [`Leases::open`].
    pub fn open_or_renew(
        workspace: &Path,
        when: (u64, &str),
        nobody_lives: &dyn Fn() -> bool,
    ) -> Result<Leases, StoreError> {
        match Leases::open(workspace, when) {
            Err(StoreError::LeasesUnusable { .. }) => renew(workspace, when, nobody_lives),
            opened => opened,
        }
    }
}

fn open_file(home: &Path) -> Result<(PathBuf, File), StoreError> {
    let path = home.join(OPEN);
    let file = open_private(&path)?;
    Ok((path, file))
}

fn lock(file: &File, how: FlockOperation) -> Result<(), Errno> {
    loop {
        match flock(file, how) {
            Err(Errno::INTR) => {}
            done => return done,
        }
    }
}

/// With the file alone: looks again, for somebody may have been faster.
fn renew(workspace: &Path, when: When<'_>, nobody_lives: &dyn Fn() -> bool) -> Result<Leases, StoreError> {
    let home = Place::create(workspace)?.home().to_owned();
    let (path, file) = open_file(&home)?;
    let fault = |e: Errno| io_error("lock", &path, e.into());
    let alone = || lock(&file, FlockOperation::NonBlockingLockExclusive);
    let mut tries = 0;
    while let Err(error) = alone() {
        tries += 1;
        match error {
            Errno::WOULDBLOCK if tries < TRIES => std::thread::sleep(BETWEEN_TRIES),
            // Whoever has it open can use it, or cannot and will say so.
            Errno::WOULDBLOCK => return Leases::open(workspace, when),
            error => return Err(fault(error)),
        }
    }
    let since_boot = when.1.is_empty() || last_boot(&file) == when.1.as_bytes();
    match connect(&home, when) {
        Ok(conn) => drop(conn),
        Err(StoreError::LeasesUnusable { .. }) if !since_boot || nobody_lives() => {
            put_aside(&home)?;
            drop(connect(&home, when)?);
        }
        Err(error) => return Err(error),
    }
    lock(&file, FlockOperation::LockShared).map_err(fault)?;
    opened((&home, file), when)
}

/// Connects, and leaves word in which boot.
fn opened((home, open): (&Path, File), when: When<'_>) -> Result<Leases, StoreError> {
    let conn = connect(home, when)?;
    if last_boot(&open) != when.1.as_bytes() {
        // In one piece over what was there: ids have one length.
        open.write_all_at(when.1.as_bytes(), 0).map_err(|e| io_error("write", &home.join(OPEN), e))?;
    }
    Ok(Leases { conn, path: home.join(FILE), _open: open })
}

fn last_boot(open: &File) -> Vec<u8> {
    let mut bytes = vec![0; BOOT_BYTES];
    // What cannot be read is no boot of ours.
    let length = open.read_at(&mut bytes, 0).unwrap_or(0);
    bytes.truncate(length);
    bytes
}

fn put_aside(home: &Path) -> Result<(), StoreError> {
    let path = home.join(FILE);
    let fault = |e| io_error("put aside", &path, e);
    // What was begun in it would be taken back in the new one.
    for suffix in ["-journal", "-wal", "-shm"] {
        match std::fs::remove_file(with_suffix(&path, suffix)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(fault(error)),
            _ => {}
        }
    }
    std::fs::rename(&path, with_suffix(&path, ".damaged")).map_err(fault)
}

fn connect(home: &Path, when: When<'_>) -> Result<Connection, StoreError> {
    let path = home.join(FILE);
    make_private_file(&path)?;
    let fault = |e| fault(&path, "open", e);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NOFOLLOW | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&path, flags).map_err(fault)?;
    conn.busy_timeout(Duration::from_millis(BUSY_MS)).map_err(fault)?;
    conn.set_prepared_statement_cache_capacity(32);
    conn.execute_batch(SETTINGS).map_err(fault)?;
    let tx = Transaction::new_unchecked(&conn, TransactionBehavior::Immediate).map_err(fault)?;
    let version = prepare(&tx, when).map_err(fault)?;
    if version != VERSION {
        let detail = format!("is of version {version}, this regatta knows {VERSION}");
        return Err(StoreError::LeasesUnusable { path: path.clone(), detail });
    }
    tx.commit().map_err(fault)?;
    Ok(conn)
}

/// Makes the tables in an empty file, and empties them after a start of the machine. Epochs go on from the clock where
/// nothing is known of the last one, so that they never go back. Answers the version that was found.
fn prepare(tx: &Transaction<'_>, (wall_ms, boot_id): When<'_>) -> rusqlite::Result<i64> {
    let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let things: i64 = tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if (version, things) == (0, 0) {
        tx.execute_batch(TABLES)?;
        tx.pragma_update(None, "user_version", VERSION)?;
        let first = wall_ms.cast_signed();
        tx.execute("INSERT INTO meta(boot, epoch, ticket) VALUES(?1,?2,0)", params![boot_id, first])?;
        return Ok(VERSION);
    }
    if version == VERSION {
        let boot: String = tx.query_row("SELECT boot FROM meta", [], |row| row.get(0))?;
        if boot != boot_id {
            tx.execute_batch("DELETE FROM held; DELETE FROM waiting; DELETE FROM denied;")?;
            tx.execute("UPDATE meta SET boot=?1", [boot_id])?;
        }
    }
    Ok(version)
}

/// An error of SQLite in our words.
pub(super) fn fault(path: &Path, action: &'static str, e: rusqlite::Error) -> StoreError {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, QueryReturnedNoRows, Utf8Error,
    };
    let path = path.to_owned();
    // What these tables never held: a wrong type, or no row where there is always one.
    let strange = matches!(
        e,
        InvalidColumnType(..)
            | FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | QueryReturnedNoRows
            | Utf8Error(..)
    );
    match e.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::LeasesUnusable { path, detail: format!("is damaged: cannot {action} it: {e}") }
        }
        None if strange => StoreError::LeasesUnusable { path, detail: format!("is damaged: {e}") },
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { path },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
        _ => StoreError::Sqlite { action, path, source: e },
    }
}
