//! The journal of a workspace, opened for reading: never blocks a writer, changes nothing.
//!
//! Knows no engine state; whoever wants one folds.

use crate::db::{Access, Db};
use crate::error::StoreError;
use crate::holder::Holder;
use crate::journal::{refuse_emptied, refuse_headless, refuse_hole, refuse_lost_runs};
use crate::lock::is_locked;
use crate::place::{Place, look_at};
use crate::record;
use crate::run_id::RunId;
use crate::run_row::{RunRecord, RunSummary};
use crate::run_table::missing_run;
use crate::run_table::{self, SUMMARY};
use crate::schema;
use crate::store::{StoredEvent, StoredTurn};
use crate::verify::{Item, RunRows};
use regatta_engine::ids::Timestamp;
use rusqlite::params;
use std::path::Path;

/// A page of events ends once their results exceed this many bytes.
const PAGE_BYTES: usize = 4 << 20;

/// Which run is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which<'a> {
    /// The newest.
    Newest,
    /// The newest that has not ended, else the newest.
    NewestOpen,
    /// This id, or the only one that begins so.
    Named(&'a str),
}

/// The journal of a workspace, opened for reading.
#[derive(Debug)]
pub struct Reader {
    db: Db,
}

impl Reader {
    /// Opens the journal of `workspace`; none if it has none.
    ///
    /// # Errors
    /// As [`crate::Journal::open`]; a damaged database is not copied aside, and the write-ahead log is not searched for
    /// holes behind its head, which takes longer than a look.
    pub fn open(workspace: &Path) -> Result<Option<Reader>, StoreError> {
        let Some(place) = Place::find(workspace)? else { return Ok(None) };
        refuse_emptied(&place, Access::Read)?;
        if look_at(&place.database())?.is_none_or(|bytes| bytes == 0) {
            return Ok(None);
        }
        refuse_headless(&place, Access::Read)?;
        let db = Db::open(place, Access::Read)?;
        if !schema::check(&db)? {
            return match db.place.some_run_dirs(1)?.first() {
                // Again: the tables and the run may have been made since.
                Some(run) if !schema::check(&db)? => {
                    Err(db.damaged(format!("it has no tables beside the directory of run {run}")))
                }
                _ => Ok(None),
            };
        }
        refuse_lost_runs(&db)?;
        Ok(Some(Reader { db }))
    }

    /// As [`Reader::open`], for somebody who is about to write: the whole log is searched for holes, so that no older
    /// run is taken for the newest one.
    ///
    /// # Errors
    /// As [`crate::Journal::open`].
    pub fn open_to_write(workspace: &Path) -> Result<Option<Reader>, StoreError> {
        if let Some(place) = Place::find(workspace)? {
            refuse_hole(&place, Access::Write)?;
        }
        Reader::open(workspace)
    }

    /// The places of the workspace.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.db.place
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// The newest `limit` runs, newest first.
    ///
    /// # Errors
    /// Damage, any failure of SQLite.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunSummary>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.summaries("ORDER BY seq DESC LIMIT ?1", params![limit])
    }

    /// The run that is meant.
    ///
    /// # Errors
    /// None matches, several match, damage, any failure of SQLite.
    pub fn resolve(&self, which: Which<'_>) -> Result<RunSummary, StoreError> {
        let path = self.db.place.database();
        match which {
            Which::Newest => self.newest(""),
            Which::NewestOpen => match self.newest("WHERE status IN ('created','running','paused')") {
                Err(StoreError::NoRuns { .. }) => self.newest(""),
                found => found,
            },
            Which::Named(prefix) => {
                let id = RunId::new(prefix)?;
                if let Some(run) = run_table::find(&self.db, &id)? {
                    return Ok(run);
                }
                // Ids are of `[A-Za-z0-9_-]`, all of which sort before `~`.
                let range = "WHERE run_id > ?1 AND run_id < ?1 || '~' ORDER BY seq DESC LIMIT 2";
                let mut found = self.summaries(range, params![prefix])?.into_iter();
                match (found.next(), found.next()) {
                    (Some(run), None) => Ok(run),
                    (Some(a), Some(b)) => Err(StoreError::Ambiguous {
                        prefix: prefix.to_owned(),
                        first: a.run_id,
                        second: b.run_id,
                    }),
                    (None, _) => Err(match missing_run(&self.db, &id) {
                        StoreError::NoSuchRun { run, .. } => StoreError::NoSuchRun { run, path },
                        damage => damage,
                    }),
                }
            }
        }
    }

    /// Everything about a run but its turns and events.
    ///
    /// # Errors
    /// No such run, damage, any failure of SQLite.
    pub fn run(&self, run: &RunId) -> Result<RunRecord, StoreError> {
        run_table::load(&self.db, self.summary(run)?)
    }

    /// State and times of a run.
    ///
    /// # Errors
    /// As [`Reader::run`].
    pub fn summary(&self, run: &RunId) -> Result<RunSummary, StoreError> {
        run_table::find(&self.db, run)?.ok_or_else(|| missing_run(&self.db, run))
    }

    /// Who orchestrates a run now; none if nobody does, also when it is recorded as running.
    ///
    /// # Errors
    /// The lock cannot be looked at.
    pub fn holder(&self, run: &RunId) -> Result<Option<Holder>, StoreError> {
        is_locked(&self.db.place.run_dir(run))
    }

    /// Up to `limit` events from `from_pos` on, verified. Fewer where results are large; empty only at the end.
    ///
    /// # Errors
    /// No such run, damage, any failure of SQLite.
    pub fn events(&self, run: &RunId, from_pos: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        self.rows(run, |rows| rows.events(from_pos, (limit, PAGE_BYTES)))
    }

    /// Hands every event to `each` in order, verified as at recovery.
    ///
    /// # Errors
    /// No such run, damage, any failure of SQLite, the first error of `each`.
    pub fn fold(
        &self,
        run: &RunId,
        each: &mut dyn FnMut(StoredEvent) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.rows(run, |rows| {
            rows.walk(&mut |item| match item {
                Item::Event(event) => each(event),
                Item::Turn(..) => Ok(()),
            })
        })
        .map(|_| ())
    }

    /// Hands every turn with its inputs and events to `each` in order, verified.
    ///
    /// # Errors
    /// As [`Reader::fold`].
    pub fn turns(
        &self,
        run: &RunId,
        each: &mut dyn FnMut(StoredTurn, Vec<StoredEvent>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut events = Vec::new();
        let walked = self.rows(run, |rows| {
            rows.walk(&mut |item| match item {
                Item::Event(event) => {
                    events.push(event);
                    Ok(())
                }
                Item::Turn(head, inputs) => {
                    let inputs = record::decode_inputs(inputs);
                    let turn = StoredTurn {
                        turn: head.turn,
                        now: Timestamp(head.now_ms),
                        wall_ms: head.wall_ms,
                        inputs: inputs.map_err(|e| rows.unreadable("turn", head.turn, e))?,
                        first_pos: head.first_pos,
                        events: head.events,
                    };
                    each(turn, std::mem::take(&mut events))
                }
            })
        });
        walked.map(|_| ())
    }

    /// `pos` of the last event and the number of committed turns, both 0 if there is none.
    ///
    /// # Errors
    /// No such run, damage, any failure of SQLite.
    pub fn last(&self, run: &RunId) -> Result<(u64, u64), StoreError> {
        self.rows(run, |rows| rows.heads()).map(|heads| (heads.pos, heads.turn))
    }

    /// The result that lives in the row of the event at `pos`, verified.
    ///
    /// # Errors
    /// No such run, damage, any failure of SQLite.
    pub fn payload(&self, run: &RunId, pos: u64) -> Result<Option<std::sync::Arc<[u8]>>, StoreError> {
        Ok(self.events(run, pos, 1)?.pop().and_then(|event| event.payload))
    }

    /// The newest `most` outcomes that were recorded with this content key, newest first, verified; those of runs
    /// that are gone are left out.
    ///
    /// # Errors
    /// Damage, any failure of SQLite.
    pub fn shared(&self, key: &[u8; 32], most: usize) -> Result<Vec<(RunId, StoredEvent)>, StoreError> {
        let fault = |e| self.db.fault("read", e);
        let mut statement = self
            .db
            .conn
            .prepare_cached("SELECT event FROM shared WHERE content_key=?1 ORDER BY event DESC LIMIT ?2")
            .map_err(fault)?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let ids = statement.query_map(params![&key[..], most], |row| row.get::<_, i64>(0)).map_err(fault)?;
        let mut found = Vec::new();
        for id in ids {
            let id = id.map_err(fault)?;
            let runs = self.summaries("WHERE seq = ?1", params![schema::seq_of(id)])?;
            let Some(run) = runs.into_iter().next().map(|run| run.run_id) else { continue };
            let event = self.events(&run, schema::row_of(id), 1)?.pop();
            found.extend(event.filter(|e| e.pos == schema::row_of(id)).map(|event| (run, event)));
        }
        Ok(found)
    }

    fn rows<T>(
        &self,
        run: &RunId,
        ask: impl FnOnce(RunRows<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let seq = self.summary(run)?.seq.cast_signed();
        ask(RunRows { db: &self.db, run, seq })
    }

    fn newest(&self, filter: &str) -> Result<RunSummary, StoreError> {
        let found = self.summaries(&format!("{filter} ORDER BY seq DESC LIMIT 1"), params![])?;
        found.into_iter().next().ok_or_else(|| StoreError::NoRuns { path: self.db.place.database() })
    }

    fn summaries(&self, rest: &str, params: impl rusqlite::Params) -> Result<Vec<RunSummary>, StoreError> {
        let fault = |e| self.db.fault("read", e);
        let mut statement =
            self.db.conn.prepare(&format!("SELECT {SUMMARY} FROM runs {rest}")).map_err(fault)?;
        let mut rows = statement.query(params).map_err(fault)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(fault)? {
            let summary = run_table::summary(row).map_err(fault)?;
            found.push(summary.map_err(|detail| self.db.damaged(detail))?.0);
        }
        Ok(found)
    }
}
