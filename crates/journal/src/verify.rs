//! Reads the rows of a run and checks each against the chain of checksums before anybody sees it.
//!
//! Decides nothing about the events; the engine folds them.

use crate::chain::{Link, TurnHead};
use crate::db::Db;
use crate::error::StoreError;
use crate::record;
use crate::run_id::RunId;
use crate::schema::{row_id, row_of};
use crate::store::StoredEvent;
use rusqlite::{OptionalExtension as _, Row};
use std::sync::Arc;

/// The last rows of a run, to which the next ones are chained.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Heads {
    pub(crate) pos: u64,
    pub(crate) turn: u64,
    pub(crate) event: Link,
    pub(crate) turns: Link,
}

impl Heads {
    /// Of a run without rows.
    pub(crate) fn none(run: &RunId) -> Heads {
        Heads { pos: 0, turn: 0, event: Link::before_events(run), turns: Link::before_turns(run) }
    }
}

/// What a walk meets: the events of a turn, then the turn.
pub(crate) enum Item<'a> {
    /// An event.
    Event(StoredEvent),
    /// A turn and its inputs as stored.
    Turn(TurnHead, &'a [u8]),
}

/// The rows of one run.
#[derive(Clone, Copy)]
pub(crate) struct RunRows<'a> {
    pub(crate) db: &'a Db,
    pub(crate) run: &'a RunId,
    pub(crate) seq: i64,
}

const ALL_TURNS: &str = "SELECT id, now_ms, wall_ms, first_pos, events, inputs, link FROM turns \
                         WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
const EVENTS: &str =
    "SELECT id, wall_ms, body, payload, link FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3";
const LAST_TURN: &str = "SELECT id, now_ms, wall_ms, first_pos, events, inputs, link FROM turns \
                         WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1";
const LAST_EVENT: &str = "SELECT id, link FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1";

impl RunRows<'_> {
    /// Walks all rows in order, verified; answers the last ones.
    ///
    /// # Errors
    /// Damage, a failure of SQLite, or the first error of `each`.
    pub(crate) fn walk(
        self,
        each: &mut dyn FnMut(Item<'_>) -> Result<(), StoreError>,
    ) -> Result<Heads, StoreError> {
        let fault = |e| self.db.fault("read", e);
        let _one_state = self.db.snapshot()?;
        let (first, last) = self.ids(1);
        let mut turns = self.db.conn.prepare_cached(ALL_TURNS).map_err(fault)?;
        let mut turns = turns.query((first, last)).map_err(fault)?;
        let mut events = self.db.conn.prepare_cached(EVENTS).map_err(fault)?;
        let mut events = events.query((first, last, -1)).map_err(fault)?;
        let mut heads = Heads::none(self.run);
        while let Some(row) = turns.next().map_err(fault)? {
            let head = turn_head(row).map_err(fault)?;
            if head.turn != heads.turn + 1 || head.first_pos != heads.pos + 1 {
                return Err(self.damaged(format!("turn {} is missing", heads.turn + 1)));
            }
            for _ in 0..head.events {
                match events.next().map_err(fault)? {
                    Some(row) => each(Item::Event(self.event(row, &mut heads)?))?,
                    None => return Err(self.damaged(format!("pos {} is missing", heads.pos + 1))),
                }
            }
            each(Item::Turn(head, self.turn(row, head, &mut heads)?))?;
        }
        match events.next().map_err(fault)? {
            Some(_) => Err(self.damaged(format!("the turn of pos {} is missing", heads.pos + 1))),
            None => Ok(heads),
        }
    }

    /// Up to `limit` events from `from` on, verified; fewer once their results exceed `most_bytes`.
    ///
    /// # Errors
    /// Damage or a failure of SQLite.
    pub(crate) fn events(
        self,
        from: u64,
        (limit, most_bytes): (usize, usize),
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let fault = |e| self.db.fault("read", e);
        let _one_state = self.db.snapshot()?;
        let from = from.max(1);
        let mut heads = Heads::none(self.run);
        if from > 1 {
            let Some(link) = self.link_before(from)? else { return Ok(Vec::new()) };
            (heads.pos, heads.event) = (from - 1, link);
        }
        let (first, last) = self.ids(from);
        let mut statement = self.db.conn.prepare_cached(EVENTS).map_err(fault)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query((first, last, limit)).map_err(fault)?;
        let (mut page, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next().map_err(fault)? {
            let event = self.event(row, &mut heads)?;
            bytes += event.payload.as_ref().map_or(0, |p| p.len());
            page.push(event);
            if bytes > most_bytes {
                break;
            }
        }
        Ok(page)
    }

    /// The last rows, unverified but for their numbers: [`RunRows::walk`] verifies.
    ///
    /// # Errors
    /// Damage or a failure of SQLite.
    pub(crate) fn heads(self) -> Result<Heads, StoreError> {
        let fault = |e| self.db.fault("read", e);
        let _one_state = self.db.snapshot()?;
        let mut heads = Heads::none(self.run);
        let ids = self.ids(1);
        let turn = |row: &Row<'_>| Ok((turn_head(row)?, stored_link(row, 6)?));
        let event = |row: &Row<'_>| Ok((row_of(row.get(0)?), stored_link(row, 1)?));
        let turn = self.db.conn.query_row(LAST_TURN, ids, turn).optional().map_err(fault)?;
        let event = self.db.conn.query_row(LAST_EVENT, ids, event).optional().map_err(fault)?;
        if let Some((pos, link)) = event {
            let link = link.ok_or_else(|| self.bad_event(pos))?;
            (heads.pos, heads.event) = (pos, link);
        }
        let mut told = 0;
        if let Some((head, link)) = turn {
            let link = link.ok_or_else(|| self.bad_turn(head.turn))?;
            (heads.turn, heads.turns) = (head.turn, link);
            told = (head.first_pos + head.events).saturating_sub(1);
        }
        if told == heads.pos {
            Ok(heads)
        } else {
            Err(self.damaged(format!("its turns tell of {told} events, pos {} is the last", heads.pos)))
        }
    }

    /// The ids of the run's rows from number `from` on.
    fn ids(self, from: u64) -> (i64, i64) {
        (row_id(self.seq, from), row_id(self.seq, u64::MAX))
    }

    fn link_before(self, pos: u64) -> Result<Option<Link>, StoreError> {
        let id = row_id(self.seq, pos - 1);
        let read = |row: &Row<'_>| stored_link(row, 0);
        let link = self.db.conn.query_row("SELECT link FROM events WHERE id=?1", [id], read).optional();
        match link.map_err(|e| self.db.fault("read", e))? {
            Some(None) => Err(self.bad_event(pos - 1)),
            Some(link) => Ok(link),
            None => Ok(None),
        }
    }

    /// Reads and verifies the event that follows `heads`.
    fn event(self, row: &Row<'_>, heads: &mut Heads) -> Result<StoredEvent, StoreError> {
        let pos = heads.pos + 1;
        let fault = |e| self.db.fault("read", e);
        if row_of(row.get(0).map_err(fault)?) != pos {
            return Err(self.damaged(format!("pos {pos} is missing")));
        }
        let wall_ms = row.get::<_, i64>(1).map_err(fault)?.cast_unsigned();
        let body = bytes(row, 2).ok_or_else(|| self.bad_event(pos))?;
        let payload = optional_bytes(row, 3).ok_or_else(|| self.bad_event(pos))?;
        let link = heads.event.event((pos, wall_ms), body, payload);
        if stored_link(row, 4).map_err(fault)? != Some(link) {
            return Err(self.bad_event(pos));
        }
        (heads.pos, heads.event) = (pos, link);
        let event = record::decode_event(body).map_err(|source| self.unreadable("pos", pos, source))?;
        Ok(StoredEvent { pos, wall_ms, event, payload: payload.map(Arc::from) })
    }

    /// Verifies a turn whose events were walked; answers its inputs as stored.
    fn turn<'r>(self, row: &'r Row<'_>, head: TurnHead, heads: &mut Heads) -> Result<&'r [u8], StoreError> {
        let inputs = bytes(row, 5).ok_or_else(|| self.bad_turn(head.turn))?;
        let link = heads.turns.turn(head, inputs, heads.event);
        if stored_link(row, 6).map_err(|e| self.db.fault("read", e))? != Some(link) {
            return Err(self.bad_turn(head.turn));
        }
        (heads.turn, heads.turns) = (head.turn, link);
        Ok(inputs)
    }

    /// A sound record that does not decode.
    pub(crate) fn unreadable(self, what: &str, n: u64, source: record::RecordError) -> StoreError {
        StoreError::Record { run: self.run.clone(), at: format!("{what} {n}"), source }
    }

    fn bad_event(self, pos: u64) -> StoreError {
        self.damaged(format!("pos {pos} does not match its checksum"))
    }

    fn bad_turn(self, turn: u64) -> StoreError {
        self.damaged(format!("turn {turn} does not match its checksum"))
    }

    /// Damage of this run.
    pub(crate) fn damaged(self, what: String) -> StoreError {
        self.db.damaged(format!("run {}: {what}", self.run))
    }
}

/// The numbers of a row of `turns`.
fn turn_head(row: &Row<'_>) -> rusqlite::Result<TurnHead> {
    let number = |i| row.get::<_, i64>(i).map(i64::cast_unsigned);
    Ok(TurnHead {
        turn: row_of(row.get(0)?),
        now_ms: number(1)?,
        wall_ms: number(2)?,
        first_pos: number(3)?,
        events: number(4)?,
    })
}

fn stored_link(row: &Row<'_>, i: usize) -> rusqlite::Result<Option<Link>> {
    Ok(Link::stored(row.get_ref(i)?.as_blob()?))
}

fn bytes<'r>(row: &'r Row<'_>, i: usize) -> Option<&'r [u8]> {
    row.get_ref(i).ok()?.as_bytes().ok()
}

fn optional_bytes<'r>(row: &'r Row<'_>, i: usize) -> Option<Option<&'r [u8]>> {
    row.get_ref(i).ok()?.as_bytes_or_null().ok()
}
