//! The journal of a workspace, opened for writing: made if it is missing, examined if it is there.
//!
//! One journal becomes one run's: [`Journal::create_run`] and [`Journal::open_run`] take it over.

use crate::damage::with_suffix;
use crate::db::{self, Access, Db};
use crate::error::StoreError;
use crate::lock::RunLock;
use crate::place::{Place, io_error, look_at, make_private_file};
use crate::run::RunJournal;
use crate::run_id::RunId;
use crate::run_row::NewRun;
use crate::run_table::{self, Progress, missing_run};
use crate::schema;
use crate::verify::{Heads, RunRows};
use crate::wal::{self, Tail};
use regatta_fault as fault;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The journal of a workspace, opened for writing.
#[derive(Debug)]
pub struct Journal {
    db: Db,
}

impl Journal {
    /// Opens the journal of `workspace`; makes `.regatta` and the database if they are missing.
    ///
    /// # Errors
    /// A network file system, links, a foreign, newer or damaged database, anything that the system refuses.
    pub fn open(workspace: &Path) -> Result<Journal, StoreError> {
        Journal::at(Place::create(workspace)?)
    }

    /// Opens the journal of `workspace`; none if it has none.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_existing(workspace: &Path) -> Result<Option<Journal>, StoreError> {
        let Some(place) = Place::find(workspace)? else { return Ok(None) };
        if look_at(&place.database())?.is_none() && place.some_run_dirs(1)?.is_empty() {
            return Ok(None);
        }
        Journal::at(place).map(Some)
    }

    fn at(place: Place) -> Result<Journal, StoreError> {
        refuse_emptied(&place, Access::Write)?;
        refuse_hole(&place, Access::Write)?;
        make_private_file(&place.database())?;
        fault::point("store.made");
        let db = Db::open(place, Access::Write)?;
        schema::prepare(&db)?;
        fault::point("store.prepared");
        db.prepare_writing()?;
        refuse_lost_runs(&db)?;
        Ok(Journal { db })
    }

    /// The places of the workspace.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.db.place
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// Records a new run, then makes its directory and takes its lock.
    ///
    /// # Errors
    /// The id is taken; any failure of the store, before which no directory is made.
    pub fn create_run(self, run: &NewRun) -> Result<RunJournal, StoreError> {
        let db = self.db;
        let tx = db.begin()?;
        let fault = |e| db.fault("write", e);
        let Some(seq) = run_table::insert(&db.conn, run).map_err(fault)? else {
            return Err(StoreError::RunExists { run: run.run_id.clone(), path: db.place.database() });
        };
        tx.commit().map_err(fault)?;
        fault::point("run.recorded");
        let dir = db.place.make_run_dir(&run.run_id)?;
        let lock = RunLock::acquire(&dir, &run.run_id, run.created_wall_ms)?;
        let heads = Heads::none(&run.run_id);
        Ok(RunJournal::new(db, (run.run_id.clone(), seq), (Progress::NEW, heads), lock))
    }

    /// Takes a run over: its lock, then a new epoch in a transaction of its own. `wall_ms` is now.
    ///
    /// # Errors
    /// No such run, another orchestrator holds it, any failure of the store.
    pub fn open_run(self, run: &RunId, wall_ms: u64) -> Result<RunJournal, StoreError> {
        let db = self.db;
        if run_table::find(&db, run)?.is_none() {
            return Err(missing_run(&db, run));
        }
        let dir = db.place.make_run_dir(run)?;
        let lock = RunLock::acquire(&dir, run, wall_ms)?;
        fault::point("epoch.before");
        let tx = db.begin()?;
        // Again, under the lock: the orchestrator before us may have written meanwhile.
        let Some(summary) = run_table::find(&db, run)? else { return Err(missing_run(&db, run)) };
        let seq = summary.seq.cast_signed();
        let progress = Progress {
            state: summary.state,
            started: summary.started_wall_ms,
            ended: summary.ended_wall_ms,
            epoch: summary.epoch + 1,
        };
        let fault = |e| db.fault("write", e);
        progress.write(&db.conn, run, seq).map_err(fault)?;
        tx.commit().map_err(fault)?;
        fault::point("epoch.after");
        let heads = RunRows { db: &db, run, seq }.heads()?;
        Ok(RunJournal::new(db, (run.clone(), seq), (progress, heads), lock))
    }
}

/// An emptied or missing database is an empty one to SQLite: what lies beside it tells.
///
/// # Errors
/// Damage; a link or special file in the place of the database or its side files.
pub(crate) fn refuse_emptied(place: &Place, access: Access) -> Result<(), StoreError> {
    let path = place.database();
    let wal = with_suffix(&path, "-wal");
    look_at(&with_suffix(&path, "-shm"))?;
    let (bytes, wal_bytes) = (look_at(&path)?, look_at(&wal)?.unwrap_or(0));
    if bytes.unwrap_or(0) > 0 {
        return Ok(());
    }
    let beside = match place.some_run_dirs(1)?.first() {
        _ if wal_bytes > 0 => "its write-ahead log".to_owned(),
        Some(run) => format!("the directory of run {run}"),
        None => return Ok(()),
    };
    // Another process may have made the database after the first look.
    match look_at(&path)? {
        Some(0) => Err(db::damaged(place, access, format!("it is empty beside {beside}"))),
        None => Err(db::damaged(place, access, format!("it is missing beside {beside}"))),
        Some(_) => Ok(()),
    }
}

/// How often a log is looked at before a hole in it is believed: a living writer fills it meanwhile.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// A hole in the write-ahead log would cost every later commit without a word.
///
/// # Errors
/// There is one; the log cannot be read.
pub(crate) fn refuse_hole(place: &Place, access: Access) -> Result<(), StoreError> {
    let mut looks = 1;
    loop {
        let Some((wal, file)) = open_log(place)? else { return Ok(()) };
        match wal::examine(file).map_err(|e| io_error("read", &wal, e))? {
            Tail::Sound { .. } => return Ok(()),
            Tail::Hole { .. } if looks < LOOKS => std::thread::sleep(BETWEEN_LOOKS),
            Tail::Hole { frame, lost } => {
                let what =
                    format!("frame {frame} of its write-ahead log is bad, {lost} commits would be lost");
                return Err(db::damaged(place, access, what));
            }
        }
        looks += 1;
    }
}

/// As [`refuse_hole`], where only the head of the log is looked at first: without it SQLite sees no commit at all.
///
/// # Errors
/// As [`refuse_hole`].
pub(crate) fn refuse_headless(place: &Place, access: Access) -> Result<(), StoreError> {
    let Some((wal, file)) = open_log(place)? else { return Ok(()) };
    if wal::has_head(file).map_err(|e| io_error("read", &wal, e))? {
        return Ok(());
    }
    refuse_hole(place, access)
}

/// The write-ahead log; none if there is none, or the last writer closed and removed it.
fn open_log(place: &Place) -> Result<Option<(PathBuf, File)>, StoreError> {
    let wal = with_suffix(&place.database(), "-wal");
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::open(&wal, flags, Mode::empty()) {
        Ok(fd) => Ok(Some((wal, File::from(fd)))),
        Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(io_error("open", &wal, e.into())),
    }
}

/// A run's directory is made after its row is durable: directories beside a table without rows are damage.
pub(crate) fn refuse_lost_runs(db: &Db) -> Result<(), StoreError> {
    let any = || {
        let any = db.conn.query_row("SELECT EXISTS(SELECT 1 FROM runs)", [], |row| row.get::<_, bool>(0));
        any.map_err(|e| db.fault("read", e))
    };
    if any()? {
        return Ok(());
    }
    match db.place.some_run_dirs(1)?.first() {
        // Again: it may have been made since.
        Some(run) if !any()? => Err(db.damaged(format!("it has no run beside the directory of run {run}"))),
        _ => Ok(()),
    }
}
