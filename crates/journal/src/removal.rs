//! Removes runs that have ended: rows first, as one transaction, then files. Whole or not at all to everybody who looks.
//!
//! ```text
//! mark removed/<run> --synced--> rows gone --COMMIT--> directory gone -> mark gone
//!   killed before COMMIT: the run is as it was       killed after: it is gone; the next one clears what is left
//! ```
//! On a full disk, where rows cannot even be deleted, the files go first: who is killed then leaves a run without its
//! output. One process at a time, by a kernel lock. Which runs are to go is its caller's.

use crate::db::{Access, Db};
use crate::error::StoreError;
use crate::journal::{Journal, refuse_emptied};
use crate::limits::BUSY_MS;
use crate::lock::RunLock;
use crate::place::{Place, io_error, open_private, private_dir};
use crate::run_id::RunId;
use crate::run_table;
use crate::schema::row_id;
use regatta_fault as fault;
use rusqlite::{OptionalExtension as _, params};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::path::Path;

/// A database is compacted if so many of its pages are free, in hundredths,
const MIN_FREE_PERCENT: i64 = 50;
/// and if it is no larger than this: it is done in memory, and whoever wants to write waits meanwhile.
const MAX_COMPACT_BYTES: i64 = 256 << 20;

/// Why a run was not removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotRemoved {
    /// It is not there.
    Gone,
    /// It has not ended.
    Open,
    /// Somebody holds it.
    Held,
    /// A run that has not ended names it.
    Needed,
}

/// The right to remove; given up when dropped or when the process dies.
#[derive(Debug)]
pub struct Remover {
    journal: Journal,
    _lock: File,
}

impl Remover {
    /// Opens the journal of a workspace to remove from it, and clears what an earlier one left half done; none if
    /// the workspace has no journal, or if another remover is at work.
    ///
    /// # Errors
    /// As [`Journal::open`]; what is left cannot be cleared.
    pub fn open(workspace: &Path) -> Result<Option<Remover>, StoreError> {
        let Some(place) = Place::find(workspace)? else { return Ok(None) };
        refuse_emptied(&place, Access::Write)?;
        let path = place.home().join("gc.lock");
        let lock = open_private(&path)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(StoreError::Removing { path }),
            Err(e) => return Err(io_error("lock", &path, e.into())),
        }
        let Some(journal) = Journal::open_existing(workspace)? else { return Ok(None) };
        let remover = Remover { journal, _lock: lock };
        remover.clear()?;
        Ok(Some(remover))
    }

    /// The places of the workspace.
    #[must_use]
    pub fn place(&self) -> &Place {
        self.journal.place()
    }

    /// Removes a run and everything of it.
    ///
    /// # Errors
    /// The store fails, or the files cannot be removed; then the next one removes them.
    pub fn remove(&self, run: &RunId, wall_ms: u64) -> Result<Result<(), NotRemoved>, StoreError> {
        let db = self.journal.db();
        let dir = db.place.run_dir(run);
        let lock = match dir.exists() {
            false => None,
            true => match RunLock::acquire(&dir, run, wall_ms) {
                Err(StoreError::Held { .. }) => return Ok(Err(NotRemoved::Held)),
                taken => Some(taken?),
            },
        };
        if let Err(why) = may_go(db, run)? {
            return Ok(Err(why));
        }
        let mark = db.place.removal_mark(run);
        private_dir(&db.place.removed())?;
        drop(open_private(&mark)?);
        sync_dir(&db.place.removed())?;
        fault::point("gc.marked");
        let removed = match remove_rows(db, run) {
            Err(StoreError::DiskFull { .. }) => {
                self.remove_dir(run)?;
                remove_rows(db, run)?
            }
            other => other?,
        };
        if let Err(why) = removed {
            remove_file(&mark)?;
            return Ok(Err(why));
        }
        fault::point("gc.recorded");
        self.remove_files(run)?;
        drop(lock);
        Ok(Ok(()))
    }

    /// What an earlier one left: a run with rows was not removed, the others are no more.
    fn clear(&self) -> Result<(), StoreError> {
        let db = self.journal.db();
        let marks = db.place.removed();
        let entries = match std::fs::read_dir(&marks) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(io_error("list", &marks, e)),
        };
        for entry in entries.filter_map(Result::ok) {
            // What is no id is nothing of ours.
            let Some(run) = entry.file_name().to_str().and_then(|name| RunId::new(name).ok()) else {
                continue;
            };
            if run_table::find(db, &run)?.is_some() {
                remove_file(&entry.path())?;
            } else {
                self.remove_files(&run)?;
            }
        }
        Ok(())
    }

    /// The directory of a run without rows, then its mark.
    fn remove_files(&self, run: &RunId) -> Result<(), StoreError> {
        self.remove_dir(run)?;
        fault::point("gc.removed");
        remove_file(&self.journal.place().removal_mark(run))
    }

    fn remove_dir(&self, run: &RunId) -> Result<(), StoreError> {
        let dir = self.journal.place().run_dir(run);
        match std::fs::remove_dir_all(&dir) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io_error("remove", &dir, e)),
            _ => Ok(()),
        }
    }

    /// Gives free pages of the database back to the file system, if that is worth it; answers the bytes. Nobody may
    /// be running: a writer waits for it, and not for ever.
    ///
    /// # Errors
    /// SQLite fails.
    pub fn compact(&self) -> Result<u64, StoreError> {
        let db = self.journal.db();
        let ask = |pragma: &str| {
            db.conn
                .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
                .map_err(|e| db.fault("read", e))
        };
        let (pages, free, size) = (ask("page_count")?, ask("freelist_count")?, ask("page_size")?);
        if free.saturating_mul(100) < pages.saturating_mul(MIN_FREE_PERCENT)
            || pages.saturating_mul(size) > MAX_COMPACT_BYTES
        {
            return Ok(0);
        }
        db.conn
            .execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")
            .map_err(|e| db.fault("write", e))?;
        Ok(u64::try_from(pages.saturating_sub(ask("page_count")?).saturating_mul(size)).unwrap_or(0))
    }
}

/// Takes all rows of a run away, unless something speaks against it now.
fn remove_rows(db: &Db, run: &RunId) -> Result<Result<(), NotRemoved>, StoreError> {
    let fault = |e| db.fault("write", e);
    let tx = db.begin()?;
    let seq = match may_go(db, run)? {
        Ok(seq) => seq,
        Err(why) => return Ok(Err(why)),
    };
    let (first, last) = (row_id(seq, 0), row_id(seq, u64::MAX));
    for table in [
        "DELETE FROM shared WHERE event BETWEEN ?1 AND ?2",
        "DELETE FROM events WHERE id BETWEEN ?1 AND ?2",
        "DELETE FROM turns WHERE id BETWEEN ?1 AND ?2",
    ] {
        db.conn.execute(table, params![first, last]).map_err(fault)?;
    }
    db.conn.execute("DELETE FROM plans WHERE run=?1", [seq]).map_err(fault)?;
    db.conn.execute("DELETE FROM runs WHERE seq=?1", [seq]).map_err(fault)?;
    tx.commit().map_err(fault)?;
    Ok(Ok(()))
}

/// Whether nothing speaks against the removal of a run; its number.
fn may_go(db: &Db, run: &RunId) -> Result<Result<i64, NotRemoved>, StoreError> {
    let Some(summary) = run_table::find(db, run)? else { return Ok(Err(NotRemoved::Gone)) };
    if !summary.state.has_ended() {
        return Ok(Err(NotRemoved::Open));
    }
    // Whoever takes outcomes of it has said so in its record, which came before it read them.
    let needed = "SELECT 1 FROM runs JOIN plans ON plans.run=runs.seq \
                  WHERE status IN ('created','running','paused') AND (retry_of=?1 OR instr(config, ?1)>0) LIMIT 1";
    let found = db.conn.query_row(needed, [run.as_str()], |_| Ok(())).optional();
    match found.map_err(|e| db.fault("read", e))? {
        Some(()) => Ok(Err(NotRemoved::Needed)),
        None => Ok(Ok(summary.seq.cast_signed())),
    }
}

fn remove_file(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io_error("remove", path, e)),
        _ => Ok(()),
    }
}

fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(|e| io_error("sync", path, e))
}

/// Keeps runs of a workspace from being removed while one of them is looked at for a new run; given up when dropped or
/// when the process dies.
#[derive(Debug)]
pub struct Keeping {
    _lock: File,
}

impl Keeping {
    /// Waits for a remover that is at work.
    ///
    /// # Errors
    /// The lock cannot be taken, or the remover takes too long.
    pub fn begin(workspace: &Path) -> Result<Option<Keeping>, StoreError> {
        const PAUSE_MS: u64 = 10;
        let Some(place) = Place::find(workspace)? else { return Ok(None) };
        let path = place.home().join("gc.lock");
        let lock = open_private(&path)?;
        for _ in 0..BUSY_MS / PAUSE_MS {
            match flock(&lock, FlockOperation::NonBlockingLockShared) {
                Ok(()) => return Ok(Some(Keeping { _lock: lock })),
                Err(Errno::WOULDBLOCK) => std::thread::sleep(std::time::Duration::from_millis(PAUSE_MS)),
                Err(e) => return Err(io_error("lock", &path, e.into())),
            }
        }
        Err(StoreError::Removing { path })
    }
}
