//! One SQLite connection and its place: opened with our settings, errors told in our words.
//!
//! Knows no tables.

use crate::damage;
use crate::error::StoreError;
use crate::limits::BUSY_MS;
use crate::place::Place;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use std::time::Duration;

/// Settings of every connection: nothing a hostile database could run, cells checked, 2 MiB of page cache, no mmap
/// (a torn page would be a SIGBUS).
const COMMON: &str = "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA cache_size=-2048; \
                      PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;";

/// Settings of a writer: every commit is synced; checkpoints are made by us, never inside a commit; after one the
/// WAL file keeps up to 64 MiB, for writing into space that is there is a third cheaper than growing.
const WRITER: &str =
    "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=67108864;";

/// A transaction that writes, of prepared statements: it is made for each turn. Dropped without a commit it is rolled
/// back.
pub(crate) struct Writing<'a> {
    conn: &'a Connection,
}

impl Writing<'_> {
    /// Makes everything since its beginning durable.
    pub(crate) fn commit(self) -> rusqlite::Result<()> {
        run(self.conn, "COMMIT")
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if !self.conn.is_autocommit() {
            // Without it the connection would refuse the next transaction, which tells.
            let _ = run(self.conn, "ROLLBACK");
        }
    }
}

fn run(conn: &Connection, statement: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(statement)?.execute([]).map(drop)
}

/// What a connection may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// Read and write; damage is copied aside.
    Write,
    /// Read only.
    Read,
}

/// A connection and its place.
#[derive(Debug)]
pub(crate) struct Db {
    pub(crate) conn: Connection,
    pub(crate) place: Place,
    access: Access,
}

impl Db {
    /// Opens the database file, which must exist.
    pub(crate) fn open(place: Place, access: Access) -> Result<Db, StoreError> {
        let mode = match access {
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        let flags = mode | OpenFlags::SQLITE_OPEN_NOFOLLOW | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let fault = |e| fault(&place, access, "open", e);
        let conn = Connection::open_with_flags(place.database(), flags).map_err(fault)?;
        conn.busy_timeout(Duration::from_millis(BUSY_MS)).map_err(fault)?;
        conn.set_prepared_statement_cache_capacity(32);
        conn.execute_batch(COMMON).map_err(fault)?;
        Ok(Db { conn, place, access })
    }

    /// The settings of a writer, once the database is ours.
    pub(crate) fn prepare_writing(&self) -> Result<(), StoreError> {
        self.conn.execute_batch(WRITER).map_err(|e| self.fault("open", e))
    }

    /// Begins a transaction that writes. Dropped without a commit it is rolled back.
    pub(crate) fn begin(&self) -> Result<Writing<'_>, StoreError> {
        run(&self.conn, "BEGIN IMMEDIATE").map_err(|e| self.fault("write", e))?;
        Ok(Writing { conn: &self.conn })
    }

    /// Begins a transaction that sees one state of the database.
    pub(crate) fn snapshot(&self) -> Result<Transaction<'_>, StoreError> {
        Transaction::new_unchecked(&self.conn, TransactionBehavior::Deferred)
            .map_err(|e| self.fault("read", e))
    }

    /// An error of SQLite in our words; damage is copied aside by a writer.
    pub(crate) fn fault(&self, action: &'static str, e: rusqlite::Error) -> StoreError {
        fault(&self.place, self.access, action, e)
    }

    /// Damage that we found ourselves.
    pub(crate) fn damaged(&self, detail: String) -> StoreError {
        damaged(&self.place, self.access, detail)
    }
}

/// As [`Db::damaged`], before there is a connection.
pub(crate) fn damaged(place: &Place, access: Access, detail: String) -> StoreError {
    let copy = match access {
        Access::Write => damage::copy_aside(place),
        Access::Read => None,
    };
    StoreError::Damaged { path: place.database(), copy, detail }
}

fn fault(place: &Place, access: Access, action: &'static str, e: rusqlite::Error) -> StoreError {
    let path = place.database();
    match e.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            damaged(place, access, format!("cannot {action} it: {e}"))
        }
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { path },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
        // A value of another type than the schema says: STRICT tables never held it.
        None if is_wrong_type(&e) => damaged(place, access, e.to_string()),
        _ => StoreError::Sqlite { action, path, source: e },
    }
}

fn is_wrong_type(e: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    matches!(
        e,
        InvalidColumnType(..) | FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | Utf8Error(..)
    )
}
