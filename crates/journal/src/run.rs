//! The journal of one run: the store of the product.
//!
//! Holds the run's lock as long as it lives. Knows no engine: what a turn means is its caller's.
//! ```text
//! append: BEGIN IMMEDIATE, epoch?, turn row, event rows, run's state, COMMIT = one sync
//! ```

use crate::chain::TurnHead;
use crate::checkpoint::{self, Checkpointer};
use crate::db::Db;
use crate::error::StoreError;
use crate::limits::MAX_PAYLOAD_BYTES;
use crate::lock::RunLock;
use crate::place::Place;
use crate::record;
use crate::run_id::RunId;
use crate::run_row::{RunRecord, RunState};
use crate::run_table::{self, Progress};
use crate::schema::row_id;
use crate::store::{Store, StoredEvent, Turn};
use crate::verify::{Heads, Item, RunRows};
use regatta_engine::event::{Event, EventKind};
use regatta_fault as fault;
use rusqlite::params;
use rusqlite::types::{ToSqlOutput, ValueRef};
use std::path::PathBuf;

/// The journal of one run, opened for writing by its one orchestrator.
#[derive(Debug)]
pub struct RunJournal {
    checkpointer: Checkpointer,
    db: Db,
    run: RunId,
    seq: i64,
    progress: Progress,
    heads: Heads,
    buffer: Vec<u8>,
    poisoned: bool,
    _lock: RunLock,
}

impl RunJournal {
    pub(crate) fn new(
        db: Db,
        (run, seq): (RunId, i64),
        (progress, heads): (Progress, Heads),
        lock: RunLock,
    ) -> RunJournal {
        let checkpointer = Checkpointer::default();
        RunJournal {
            checkpointer,
            db,
            run,
            seq,
            progress,
            heads,
            buffer: Vec::new(),
            poisoned: false,
            _lock: lock,
        }
    }

    /// The run.
    #[must_use]
    pub fn run_id(&self) -> &RunId {
        &self.run
    }

    /// The fencing epoch of this handle.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.progress.epoch
    }

    /// The recorded state.
    #[must_use]
    pub fn state(&self) -> RunState {
        self.progress.state
    }

    /// `pos` of the last event, 0 if there is none.
    #[must_use]
    pub fn last_pos(&self) -> u64 {
        self.heads.pos
    }

    /// The number of committed turns.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.heads.turn
    }

    /// The places of the workspace.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.db.place
    }

    /// The directory of the run.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.db.place.run_dir(&self.run)
    }

    /// What the run was started with.
    ///
    /// # Errors
    /// A damaged row, any failure of SQLite.
    pub fn record(&self) -> Result<RunRecord, StoreError> {
        match run_table::find(&self.db, &self.run)? {
            Some(summary) => run_table::load(&self.db, summary),
            None => Err(run_table::missing_run(&self.db, &self.run)),
        }
    }

    /// Moves the write-ahead log into the database, as far as no reader still needs it; for idle moments.
    ///
    /// # Errors
    /// Any failure of SQLite; what is recorded stays durable.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.checkpointer.idle();
        checkpoint::passive(&self.db).map_err(|e| self.db.fault("checkpoint", e))
    }

    /// Moves the log into the database and closes it. Dropping does the same, in silence.
    ///
    /// # Errors
    /// As [`RunJournal::checkpoint`].
    pub fn close(self) -> Result<(), StoreError> {
        let RunJournal { checkpointer, db, _lock: lock, .. } = self;
        drop(checkpointer);
        checkpoint::passive(&db).map_err(|e| db.fault("checkpoint", e))?;
        let place = db.place.clone();
        let closed = db.conn.close();
        drop(lock);
        closed.map_err(|(_, source)| StoreError::Sqlite { action: "close", path: place.database(), source })
    }

    fn rows(&self) -> RunRows<'_> {
        RunRows { db: &self.db, run: &self.run, seq: self.seq }
    }

    fn alive(&self) -> Result<(), StoreError> {
        if self.poisoned { Err(StoreError::Poisoned { path: self.db.place.database() }) } else { Ok(()) }
    }

    fn write(&mut self, turn: &Turn) -> Result<(), StoreError> {
        let tx = self.db.begin()?;
        self.check_epoch()?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let written = self.write_rows(turn, &mut buffer);
        self.buffer = buffer;
        let (heads, bytes) = written?;
        let mut progress = self.progress;
        if progress.take(&turn.events, turn.wall_ms) {
            progress.write(&self.db.conn, &self.run, self.seq).map_err(|e| self.db.fault("write", e))?;
        }
        fault::point("turn.written");
        tx.commit().map_err(|e| self.db.fault("write", e))?;
        (self.heads, self.progress) = (heads, progress);
        self.checkpointer.committed(&self.db, bytes);
        Ok(())
    }

    /// Nobody took the run over since.
    fn check_epoch(&self) -> Result<(), StoreError> {
        let fault = |e| self.db.fault("read", e);
        let mut epoch = self.db.conn.prepare_cached("SELECT epoch FROM runs WHERE seq=?1").map_err(fault)?;
        let current = epoch.query_row([self.seq], |row| row.get::<_, i64>(0)).map_err(fault)?.cast_unsigned();
        if current == self.progress.epoch {
            return Ok(());
        }
        Err(StoreError::Fenced { run: self.run.clone(), mine: self.progress.epoch, current })
    }

    /// Writes events and turn; answers the new heads and the bytes of the rows.
    fn write_rows(&self, turn: &Turn, buffer: &mut Vec<u8>) -> Result<(Heads, usize), StoreError> {
        let fault = |e| self.db.fault("write", e);
        let (mut heads, mut bytes) = (self.heads, 0);
        let mut insert = self
            .db
            .conn
            .prepare_cached("INSERT INTO events(id, wall_ms, body, link, payload) VALUES(?1,?2,?3,?4,?5)")
            .map_err(fault)?;
        for event in &turn.events {
            let pos = heads.pos + 1;
            let unwritable = |source| self.rows().unreadable("pos", pos, source);
            buffer.clear();
            record::encode_event(event, buffer).map_err(unwritable)?;
            let payload = self.payload(turn, event)?;
            let link = heads.event.event((pos, turn.wall_ms), buffer, payload);
            let (id, wall_ms) = (row_id(self.seq, pos), turn.wall_ms.cast_signed());
            insert.execute(params![id, wall_ms, text(buffer), link.bytes(), payload]).map_err(fault)?;
            bytes += buffer.len() + payload.map_or(0, <[u8]>::len);
            self.share(turn, event, id)?;
            (heads.pos, heads.event) = (pos, link);
        }
        bytes += self.write_turn(turn, &mut heads, buffer)?;
        Ok((heads, bytes))
    }

    /// Lets later runs find an outcome by its content key.
    fn share(&self, turn: &Turn, event: &Event, id: i64) -> Result<(), StoreError> {
        let EventKind::DispatchEnded { attempt, report, .. } = &event.kind else { return Ok(()) };
        let Some(content) = report.content.as_ref().filter(|_| turn.shared.contains(attempt)) else {
            return Ok(());
        };
        let fault = |e| self.db.fault("write", e);
        let mut insert = self
            .db
            .conn
            .prepare_cached("INSERT OR IGNORE INTO shared(content_key, event) VALUES(?1,?2)")
            .map_err(fault)?;
        insert.execute(params![content.key, id]).map_err(fault)?;
        Ok(())
    }

    fn write_turn(&self, turn: &Turn, heads: &mut Heads, buffer: &mut Vec<u8>) -> Result<usize, StoreError> {
        let fault = |e| self.db.fault("write", e);
        let head = TurnHead {
            turn: heads.turn + 1,
            now_ms: turn.now.0,
            wall_ms: turn.wall_ms,
            first_pos: self.heads.pos + 1,
            events: turn.events.len() as u64,
        };
        buffer.clear();
        let unwritable = |source| self.rows().unreadable("turn", head.turn, source);
        record::encode_inputs(&turn.inputs, buffer).map_err(unwritable)?;
        let link = heads.turns.turn(head, buffer, heads.event);
        let mut insert = self
            .db
            .conn
            .prepare_cached(
                "INSERT INTO turns(id, now_ms, wall_ms, first_pos, events, inputs, link) VALUES(?1,?2,?3,?4,?5,?6,?7)",
            )
            .map_err(fault)?;
        insert
            .execute(params![
                row_id(self.seq, head.turn),
                head.now_ms.cast_signed(),
                head.wall_ms.cast_signed(),
                head.first_pos.cast_signed(),
                head.events.cast_signed(),
                text(buffer),
                link.bytes()
            ])
            .map_err(fault)?;
        (heads.turn, heads.turns) = (head.turn, link);
        Ok(buffer.len())
    }

    fn payload<'t>(&self, turn: &'t Turn, event: &Event) -> Result<Option<&'t [u8]>, StoreError> {
        match turn.payload_of(event) {
            Some(p) if p.bytes.len() > MAX_PAYLOAD_BYTES => {
                Err(StoreError::PayloadTooLarge { attempt: p.attempt, bytes: p.bytes.len() })
            }
            payload => Ok(payload.map(|p| &*p.bytes)),
        }
    }
}

/// Records are JSON, hence text.
fn text(json: &[u8]) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(json))
}

impl Store for RunJournal {
    fn append(&mut self, turn: &Turn) -> Result<(), StoreError> {
        self.alive()?;
        if turn.is_empty() {
            return Ok(());
        }
        let written = self.write(turn);
        self.poisoned = written.is_err();
        written
    }

    fn fold(
        &mut self,
        each: &mut dyn FnMut(StoredEvent) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.alive()?;
        let walked = self.rows().walk(&mut |item| match item {
            Item::Event(event) => each(event),
            Item::Turn(..) => Ok(()),
        });
        let sound = match walked {
            Ok(heads) if heads == self.heads => Ok(()),
            Ok(heads) => Err(self.rows().damaged(format!(
                "it ends at pos {}, this process has written up to pos {}",
                heads.pos, self.heads.pos
            ))),
            Err(e) => Err(e),
        };
        self.poisoned = sound.is_err();
        sound
    }
}
