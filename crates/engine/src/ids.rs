//! Newtypes for everything the engine counts: nodes, attempts, time.
//!
//! Knows nothing of names, paths or clocks: a node is a dense index, time is milliseconds of active run time
//! handed in by the caller.

use core::fmt;
use core::ops::Add;

/// A node of the graph: a dense index in the order in which the plan was lowered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The index into the flat arrays of the graph.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One try of a node. Unique within a run, never reused, 1-based; also names undo attempts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AttemptId(pub u64);

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Engine time: milliseconds of active run time. Never goes back inside the engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Milliseconds from `earlier` to `self`, zero if `earlier` is later.
    #[must_use]
    pub fn since_ms(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<u64> for Timestamp {
    type Output = Timestamp;
    /// Adds milliseconds, saturating.
    fn add(self, ms: u64) -> Timestamp {
        Timestamp(self.0.saturating_add(ms))
    }
}
