//! The store seam: what a turn hands over to become durable, and what comes back.
//!
//! Two implementations: [`crate::RunJournal`] on SQLite, and the faulty one of the simulator. Knows no SQL.

use crate::error::StoreError;
use regatta_engine::event::Event;
use regatta_engine::ids::{AttemptId, Timestamp};
use regatta_engine::input::Input;
use std::sync::Arc;

/// The bytes of a result that live in the row of the event which carries it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payload {
    /// The attempt that gave the result.
    pub attempt: AttemptId,
    /// The result, at most [`crate::MAX_PAYLOAD_BYTES`].
    pub bytes: Arc<[u8]>,
}

/// One turn of the loop: the inputs it took and the events they led to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Turn {
    /// Engine time of the turn.
    pub now: Timestamp,
    /// Wall clock in milliseconds since the Unix epoch; only ever shown.
    pub wall_ms: u64,
    /// The inputs in the order in which they were fed.
    pub inputs: Vec<Input>,
    /// The events in the order in which they were decided.
    pub events: Vec<Event>,
    /// Results carried by events of this turn; one that no event carries is not kept.
    pub payloads: Vec<Payload>,
    /// Attempts that ended in this turn and that later runs may find by their content keys.
    pub shared: Vec<AttemptId>,
}

impl Turn {
    /// True if there is nothing to keep.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.events.is_empty()
    }

    /// The payload that lives in the row of `event`: its attempt's, where the event carries a result.
    #[must_use]
    pub fn payload_of(&self, event: &Event) -> Option<&Payload> {
        event.kind.result()?;
        let attempt = event.kind.attempt()?;
        self.payloads.iter().find(|p| p.attempt == attempt)
    }
}

/// An event as it was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredEvent {
    /// Arrival number in the run's journal: dense, 1-based.
    pub pos: u64,
    /// Wall clock of its turn in milliseconds since the Unix epoch.
    pub wall_ms: u64,
    /// The event.
    pub event: Event,
    /// The result that lives in its row.
    pub payload: Option<Arc<[u8]>>,
}

/// A turn as it was stored, without its events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredTurn {
    /// Number of the turn in the run: dense, 1-based.
    pub turn: u64,
    /// Engine time.
    pub now: Timestamp,
    /// Wall clock in milliseconds since the Unix epoch.
    pub wall_ms: u64,
    /// The inputs in the order in which they were fed.
    pub inputs: Vec<Input>,
    /// `pos` of its first event (where it has one).
    pub first_pos: u64,
    /// How many events it led to.
    pub events: u64,
}

/// Where turns become durable: SQLite in the product, a faulty one in the simulator.
pub trait Store {
    /// Makes a turn durable: all of it or nothing. A turn without inputs and events writes nothing.
    ///
    /// # Errors
    /// Any failure. Whether the turn is durable is then unknown and every later call fails with
    /// [`StoreError::Poisoned`]; the engine that decided the turn must be discarded.
    fn append(&mut self, turn: &Turn) -> Result<(), StoreError>;

    /// Hands every stored event to `each` in order of `pos`, verified.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for rows that are not what was written, any other failure of the store, or the first
    /// error of `each`.
    fn fold(&mut self, each: &mut dyn FnMut(StoredEvent) -> Result<(), StoreError>)
    -> Result<(), StoreError>;
}
