//! Parts of the state that tell how far something is: a rollback, a wave, a suspension.
//!
//! Plain data; the fold moves it.

use super::Timer;
use crate::cause::Cause;
use crate::ids::{AttemptId, NodeId, Timestamp};

/// A running undo.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Undo {
    /// The node.
    pub node: NodeId,
    /// The undo attempt.
    pub attempt: AttemptId,
    /// Why it is being ended, once it is.
    pub ending: Option<Cause>,
}

/// Progress of a rollback.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rollback {
    /// The one that runs.
    pub current: Option<Undo>,
    /// Places of the order key from here on are dealt with.
    pub done_from: Option<u32>,
    /// How many failed.
    pub failed: u32,
}

/// What runs stands still.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Suspended {
    pub(crate) since: Timestamp,
    pub(crate) timers: Vec<(Timestamp, Timer)>,
}

/// How many nodes of a wave are not settled, and whether it began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wave {
    /// Nodes that are neither terminal nor collected.
    pub open: u32,
    /// Its start was recorded.
    pub started: bool,
    /// When it ended.
    pub ended: Option<Timestamp>,
}
