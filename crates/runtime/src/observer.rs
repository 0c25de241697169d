//! Who looks on while a run goes on: what it is told, and what it may be asked.
//!
//! Knows no driver: the local one calls it.

use regatta_engine::Engine;
use regatta_engine::event::Event;
use std::cell::RefCell;
use std::time::Duration;

/// What shows the run while it goes on. It may ask to be told of the turn again after so long, although nothing
/// happens; the latest answer holds.
pub type Observer = Box<dyn FnMut(&Engine, Told<'_>) -> Option<Duration> + Send>;

/// What an observer is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told<'a> {
    /// Events of a turn, now durable; its effects are not performed yet.
    Durable {
        /// The events, in order; none where the turn decided nothing.
        events: &'a [Event],
        /// Wall clock of the turn in milliseconds since the Unix epoch.
        wall_ms: u64,
    },
    /// The turn is over, its effects are performed: time for what takes time.
    Turn {
        /// Committed turns so far.
        turns: u64,
        /// `pos` of the last event.
        pos: u64,
    },
    /// Somebody asks where the run stands. All that the engine knows is durable.
    Asked {
        /// Takes the answer, for people; without one whoever asked reads the journal.
        answer: &'a RefCell<Option<String>>,
    },
}
