//! The rows of a run in `runs` and `plans`: written, read, sealed against flipped bits.
//!
//! Knows nothing of turns.

use crate::chain::Seal;
use crate::db::Db;
use crate::error::StoreError;
use crate::record::RecordVersion;
use crate::run_id::RunId;
use crate::run_row::{NewRun, RunRecord, RunState, RunSummary};
use regatta_engine::event::{Event, EventKind};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

/// The part of the row that changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Progress {
    pub(crate) state: RunState,
    pub(crate) started: Option<u64>,
    pub(crate) ended: Option<u64>,
    pub(crate) epoch: u64,
}

impl Progress {
    /// Of a new run: one orchestrator.
    pub(crate) const NEW: Progress =
        Progress { state: RunState::Created, started: None, ended: None, epoch: 1 };

    /// Takes a turn's events in; answers whether anything changed.
    pub(crate) fn take(&mut self, events: &[Event], wall_ms: u64) -> bool {
        let before = *self;
        for event in events {
            match &event.kind {
                EventKind::RunStarted { .. } => {
                    self.state = RunState::Running;
                    self.started.get_or_insert(wall_ms);
                }
                EventKind::RunPaused { reason } => self.state = RunState::Paused(*reason),
                EventKind::RunResumed { .. } => self.state = RunState::Running,
                EventKind::RunEnded { status } => {
                    self.state = RunState::Ended(*status);
                    self.ended = Some(wall_ms);
                }
                _ => {}
            }
        }
        before != *self
    }

    fn seal(&self, run: &RunId) -> [u8; 16] {
        Seal::new()
            .text(run.as_str())
            .text(self.state.name())
            .optional(self.state.reason())
            .optional_number(self.started)
            .optional_number(self.ended)
            .number(self.epoch)
            .bytes()
    }

    /// Writes it to the run's row.
    pub(crate) fn write(&self, conn: &Connection, run: &RunId, seq: i64) -> rusqlite::Result<()> {
        let mut update = conn.prepare_cached(
            "UPDATE runs SET status=?2, reason=?3, started_wall_ms=?4, ended_wall_ms=?5, epoch=?6, state_seal=?7 \
             WHERE seq=?1",
        )?;
        update.execute(params![
            seq,
            self.state.name(),
            self.state.reason(),
            self.started.map(u64::cast_signed),
            self.ended.map(u64::cast_signed),
            self.epoch.cast_signed(),
            self.seal(run)
        ])?;
        Ok(())
    }
}

fn seal(run: &NewRun, records: RecordVersion) -> [u8; 16] {
    Seal::new()
        .text(run.run_id.as_str())
        .text(&run.plan_name)
        .text(&run.plan)
        .text(&run.plan_digest)
        .optional(run.plan_source.as_deref())
        .optional(run.source_path.as_deref())
        .text(&run.config)
        .text(&run.schedule_plan_hash)
        .text(&run.engine_version)
        .text(&run.mode)
        .number(u64::from(run.cohort))
        .optional(run.task_type.as_deref())
        .text(&run.flags)
        .optional(run.retry_of.as_ref().map(RunId::as_str))
        .number(run.created_wall_ms)
        .number(u64::from(records.0))
        .bytes()
}

/// Writes the rows of a new run; answers its seq, or none if its id is taken.
pub(crate) fn insert(conn: &Connection, run: &NewRun) -> rusqlite::Result<Option<i64>> {
    let taken = conn.query_row("SELECT 1 FROM runs WHERE run_id=?1", [run.run_id.as_str()], |_| Ok(()));
    if taken.optional()?.is_some() {
        return Ok(None);
    }
    let progress = Progress::NEW;
    conn.execute(
        "INSERT INTO runs(run_id, plan_name, plan_digest, schedule_plan_hash, engine_version, record_version, mode, \
         cohort, task_type, retry_of, created_wall_ms, seal, status, epoch, state_seal) \
         VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)",
        params![
            run.run_id.as_str(),
            run.plan_name,
            run.plan_digest,
            run.schedule_plan_hash,
            run.engine_version,
            RecordVersion::CURRENT.0,
            run.mode,
            run.cohort,
            run.task_type,
            run.retry_of.as_ref().map(RunId::as_str),
            run.created_wall_ms.cast_signed(),
            seal(run, RecordVersion::CURRENT),
            progress.state.name(),
            progress.epoch.cast_signed(),
            progress.seal(&run.run_id)
        ],
    )?;
    let seq = conn.last_insert_rowid();
    conn.execute(
        "INSERT INTO plans(run, source_path, flags, config, plan, source) VALUES(?1,?2,?3,?4,?5,?6)",
        params![seq, run.source_path, run.flags, run.config, run.plan, run.plan_source],
    )?;
    Ok(Some(seq))
}

/// The columns of [`summary`].
pub(crate) const SUMMARY: &str = "seq, run_id, plan_name, schedule_plan_hash, created_wall_ms, status, reason, \
                                  started_wall_ms, ended_wall_ms, epoch, state_seal, record_version";

/// The summary of a row with the columns [`SUMMARY`], verified; `Err` inside says what is damaged.
pub(crate) fn summary(row: &Row<'_>) -> rusqlite::Result<Result<(RunSummary, RecordVersion), String>> {
    let seq: i64 = row.get(0)?;
    let id: String = row.get(1)?;
    let Ok(run_id) = RunId::new(&id) else {
        return Ok(Err(format!("the row of run number {seq} has no valid id")));
    };
    let (status, reason): (String, Option<String>) = (row.get(5)?, row.get(6)?);
    let number = |i| row.get::<_, Option<i64>>(i).map(|n| n.map(i64::cast_unsigned));
    let Some(state) = RunState::stored(&status, reason.as_deref()) else {
        return Ok(Err(format!("run {run_id}: its state does not match its checksum")));
    };
    let epoch = row.get::<_, i64>(9)?.cast_unsigned();
    let progress = Progress { state, started: number(7)?, ended: number(8)?, epoch };
    if row.get_ref(10)?.as_blob()? != progress.seal(&run_id) {
        return Ok(Err(format!("run {run_id}: its state does not match its checksum")));
    }
    let summary = RunSummary {
        seq: seq.cast_unsigned(),
        plan_name: row.get(2)?,
        schedule_plan_hash: row.get(3)?,
        state,
        created_wall_ms: row.get::<_, i64>(4)?.cast_unsigned(),
        started_wall_ms: progress.started,
        ended_wall_ms: progress.ended,
        epoch,
        run_id,
    };
    Ok(Ok((summary, RecordVersion(row.get(11)?))))
}

/// The summary of a run by its id; none if there is no such run.
///
/// # Errors
/// A damaged row, records of a newer version, any failure of SQLite.
pub(crate) fn find(db: &Db, run: &RunId) -> Result<Option<RunSummary>, StoreError> {
    let sql = format!("SELECT {SUMMARY} FROM runs WHERE run_id=?1");
    let found = db.conn.query_row(&sql, [run.as_str()], summary).optional();
    match found.map_err(|e| db.fault("read", e))? {
        None => Ok(None),
        Some(Err(detail)) => Err(db.damaged(detail)),
        Some(Ok((_, found))) if found > RecordVersion::CURRENT => {
            Err(StoreError::NewerRecords { run: run.clone(), found, known: RecordVersion::CURRENT })
        }
        Some(Ok((summary, _))) => Ok(Some(summary)),
    }
}

/// Everything about a run whose summary is known, verified.
///
/// # Errors
/// A damaged row, any failure of SQLite.
pub(crate) fn load(db: &Db, summary: RunSummary) -> Result<RunRecord, StoreError> {
    let sql = "SELECT plan_digest, engine_version, mode, cohort, task_type, retry_of, seal, source_path, flags, \
               config, plan, source, record_version FROM runs JOIN plans ON plans.run=runs.seq WHERE seq=?1";
    let read = |row: &Row<'_>| -> rusqlite::Result<Option<NewRun>> {
        let retry_of: Option<String> = row.get(5)?;
        let run = NewRun {
            run_id: summary.run_id.clone(),
            plan_name: summary.plan_name.clone(),
            schedule_plan_hash: summary.schedule_plan_hash.clone(),
            created_wall_ms: summary.created_wall_ms,
            plan_digest: row.get(0)?,
            engine_version: row.get(1)?,
            mode: row.get(2)?,
            cohort: row.get(3)?,
            task_type: row.get(4)?,
            retry_of: retry_of.and_then(|id| RunId::new(&id).ok()),
            source_path: row.get(7)?,
            flags: row.get(8)?,
            config: row.get(9)?,
            plan: row.get(10)?,
            plan_source: row.get(11)?,
        };
        let records = RecordVersion(row.get(12)?);
        Ok((row.get_ref(6)?.as_blob()? == seal(&run, records)).then_some(run))
    };
    let found = db.conn.query_row(sql, [summary.seq.cast_signed()], read).optional();
    match found.map_err(|e| db.fault("read", e))?.flatten() {
        Some(run) => Ok(RunRecord { summary, run }),
        None => Err(db.damaged(format!("run {}: its record does not match its checksum", summary.run_id))),
    }
}

/// No row: an unknown id, or damage if its directory is there.
pub(crate) fn missing_run(db: &Db, run: &RunId) -> StoreError {
    let unknown = StoreError::NoSuchRun { run: run.to_string(), path: db.place.database() };
    if !db.place.run_dir(run).join("lock").exists() || db.place.removal_mark(run).exists() {
        return unknown;
    }
    match find(db, run) {
        Ok(None) => db.damaged(format!("run {run} is missing, its directory is there")),
        Ok(Some(_)) => unknown,
        Err(e) => e,
    }
}
