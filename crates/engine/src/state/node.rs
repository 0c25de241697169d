//! The state of one node: one enum, its data inside the variant.
//! ```text
//! pending -> ready -> running -> succeeded
//!                ^        |-> waiting_retry -> ready
//!                |        |-> failed | timed_out | exhausted | cancelled
//!                |        |-> collected -> succeeded | failed | blocked
//!                `--------|-> in_doubt -> ready | succeeded | failed | cancelled
//! pending -> blocked | failed (condition);  pending | ready | waiting_retry -> skipped | cancelled
//! ```
//! Knows no graph; `state` moves nodes between variants.

use crate::cause::Cause;
use crate::ids::{AttemptId, Timestamp};
use crate::outcome::NodeOutcome;
use crate::permission::Questions;

/// What a ready node waits for in other hands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeaseWait {
    /// The lease, by index.
    pub resource: u32,
    /// Who has it, for people.
    pub by: Box<str>,
}

/// A live attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Live {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its number.
    pub number: u32,
    /// When it was dispatched.
    pub started: Timestamp,
    /// Why it is being ended, once it is.
    pub ending: Option<Cause>,
    /// How long it stood still, which its timeout does not count, in milliseconds.
    pub suspended_ms: u64,
    /// What it asked people.
    pub questions: Questions,
}

/// A doubt about an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Doubt {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its number.
    pub number: u32,
    /// The `reconcile` command is being asked.
    pub asking: bool,
    /// Why there is a doubt.
    pub cause: Cause,
}

/// The state of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NodeState {
    /// Predecessors are open, or its condition is.
    Pending,
    /// May start.
    Ready,
    /// An attempt is alive.
    Running(Box<Live>),
    /// A back-off runs until then, or a rate limit of this task alone.
    WaitingRetry {
        /// Its end.
        until: Timestamp,
    },
    /// Whether its effect happened is not known.
    InDoubt(Box<Doubt>),
    /// Good and committed; landing decides.
    Collected,
    /// Terminal.
    Ended {
        /// How.
        outcome: NodeOutcome,
        /// Why, unless it succeeded.
        cause: Option<Cause>,
    },
}

/// A node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Its state.
    pub state: NodeState,
    /// Direct predecessors that are neither terminal nor collected.
    pub open: u32,
    /// Attempts that counted.
    pub attempts: u32,
    /// Attempts lost or held since the last one that counted.
    pub lost: u32,
    /// The outcome of an earlier run stands for it.
    pub reused: bool,
    /// It was collected in this run, whatever came of it when it was to land.
    pub was_collected: bool,
}

impl Node {
    /// How it ended, if it did.
    #[must_use]
    pub fn outcome(&self) -> Option<NodeOutcome> {
        match self.state {
            NodeState::Ended { outcome, .. } => Some(outcome),
            NodeState::Pending
            | NodeState::Ready
            | NodeState::Running(_)
            | NodeState::WaitingRetry { .. }
            | NodeState::InDoubt(_)
            | NodeState::Collected => None,
        }
    }

    /// True if it is terminal and its work was done, also where that did not land: what it did besides is there.
    #[must_use]
    pub fn ended_well(&self) -> bool {
        self.outcome().is_some_and(|outcome| outcome == NodeOutcome::Succeeded || self.was_collected)
    }

    /// Why it ended as it did.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        match self.state {
            NodeState::Ended { cause, .. } => cause,
            NodeState::Pending
            | NodeState::Ready
            | NodeState::Running(_)
            | NodeState::WaitingRetry { .. }
            | NodeState::InDoubt(_)
            | NodeState::Collected => None,
        }
    }

    /// True for terminal and collected nodes: dependants need not wait for them.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.state, NodeState::Ended { .. } | NodeState::Collected)
    }

    /// True while a rate limit holds this task alone: after an attempt that counted no retry is awaited with lost ones.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.lost > 0 && matches!(self.state, NodeState::WaitingRetry { .. })
    }

    /// The live attempt.
    #[must_use]
    pub fn live(&self) -> Option<&Live> {
        match &self.state {
            NodeState::Running(live) => Some(live),
            NodeState::Pending
            | NodeState::Ready
            | NodeState::WaitingRetry { .. }
            | NodeState::InDoubt(_)
            | NodeState::Collected
            | NodeState::Ended { .. } => None,
        }
    }

    /// The name of the state in views.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match &self.state {
            NodeState::Pending => "pending",
            NodeState::Ready => "ready",
            NodeState::Running(_) => "running",
            NodeState::WaitingRetry { .. } => "waiting_retry",
            NodeState::InDoubt(_) => "in_doubt",
            NodeState::Collected => "collected",
            NodeState::Ended { outcome, .. } => outcome.name(),
        }
    }
}
