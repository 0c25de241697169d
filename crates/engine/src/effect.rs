//! What the runtime must now do: effects as data, performed only after their events are durable.
//!
//! Keyed by attempt id, so performing one twice does no harm.

use crate::escalation::Escalation;
use crate::ids::{AttemptId, NodeId};
use crate::scope::Scope;

/// Why the orchestrator may leave a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leave {
    /// The run has ended.
    Ended,
    /// A signal asked for it; everything that ran has ended.
    Interrupted,
    /// Nothing more can move without a person.
    Waiting,
}

/// An effect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Ask the node's `when` condition; answered before the turn commits.
    Evaluate {
        /// The node.
        node: NodeId,
    },
    /// Ask how many items a map has; answered before the turn commits.
    Expand {
        /// Its first slot.
        node: NodeId,
    },
    /// Ask whether an earlier run did what the node is to do; answered before the turn commits.
    Recall {
        /// The node.
        node: NodeId,
    },
    /// Ask for all leases of the node at once; answered before the turn commits.
    Claim {
        /// The node.
        node: NodeId,
    },
    /// The node waits for leases no more, and holds none.
    Unclaim {
        /// The node.
        node: NodeId,
    },
    /// The attempt of the node is dead: its leases are free.
    Release {
        /// The node.
        node: NodeId,
    },
    /// Start an attempt.
    Start {
        /// The node.
        node: NodeId,
        /// The attempt.
        attempt: AttemptId,
        /// Its number, 1-based.
        number: u32,
    },
    /// End an attempt's whole tree: TERM, grace, KILL.
    End {
        /// The attempt.
        attempt: AttemptId,
        /// Milliseconds between TERM and KILL.
        grace_ms: u64,
    },
    /// Let every live tree stand still.
    Suspend,
    /// Let every live tree go on.
    Continue,
    /// Tell a running attempt what a person answered to its question.
    Permit {
        /// The attempt.
        attempt: AttemptId,
        /// The number of the question.
        number: u32,
        /// Yes or no.
        allowed: bool,
    },
    /// Ask the node's `reconcile` command about a lost attempt.
    Reconcile {
        /// The node.
        node: NodeId,
        /// The lost attempt.
        attempt: AttemptId,
        /// Its number, 1-based.
        number: u32,
    },
    /// Run the node's `undo` action.
    Undo {
        /// The node.
        node: NodeId,
        /// The undo attempt.
        attempt: AttemptId,
    },
    /// Every node is terminal or collected: land what was collected.
    Land,
    /// The orchestrator may leave.
    Leave(Leave),
    /// Tell a person about what was escalated; told anew by whoever takes the run over.
    Escalate {
        /// What.
        about: Scope,
        /// Why.
        escalation: Escalation,
    },
}

impl Effect {
    /// True for queries that the turn answers before it commits.
    #[must_use]
    pub fn is_query(&self) -> bool {
        matches!(
            self,
            Effect::Evaluate { .. } | Effect::Expand { .. } | Effect::Recall { .. } | Effect::Claim { .. }
        )
    }
}
