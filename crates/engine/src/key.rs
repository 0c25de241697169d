//! The key and class of an event: where it stands in the canonical log, and whether it stands there at all.
//!
//! A key is known when the event is emitted and independent of timing (11-semantics "Canonical log").
//! ```text
//! 0.0.0.0    run_started            w.0.0.1     wave_started          w.r.0.2   condition_evaluated
//! w.r.n.0    node_ready             w.r.n.1     dispatch_started      w.r.n.2   its end
//! w.r.n.3    retry_scheduled, node_collected    w.r.n.4   the node's terminal event
//! w.r.0.3    node_reused             w.r.0.5    node_expanded, of the first slot of a map
//! w.N.0.0    wave_ended (N = nodes of the wave) W.i.1.s   undo (W = waves, i = place in reverse order)
//! W.N.2.0    run_ended
//! ```

use crate::event::{Event, EventKind};
use crate::graph::Graph;
use crate::ids::NodeId;
use core::fmt;

/// `wave.rank.attempt.step`; wave and rank 0-based, attempt 1-based (0 where none).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    /// 0-based wave.
    pub wave: u32,
    /// 0-based rank.
    pub rank: u32,
    /// Attempt number.
    pub attempt: u32,
    /// Step within the attempt.
    pub step: u32,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.wave, self.rank, self.attempt, self.step)
    }
}

/// Whether an event follows from plan, config and outcomes, or from timing and people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// In the canonical log.
    Logical,
    /// In the journal only.
    Operational,
}

impl EventKind {
    /// The class; a property of the kind.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            EventKind::RunStarted { .. }
            | EventKind::RunEnded { .. }
            | EventKind::WaveStarted { .. }
            | EventKind::WaveEnded { .. }
            | EventKind::ConditionEvaluated { .. }
            | EventKind::NodeExpanded(..)
            | EventKind::NodeReady { .. }
            | EventKind::DispatchStarted { .. }
            | EventKind::RetryScheduled { .. }
            | EventKind::NodeCollected { .. }
            | EventKind::NodeEnded { .. }
            | EventKind::UndoStarted { .. }
            | EventKind::UndoEnded { .. }
            | EventKind::NodeReused { .. } => Class::Logical,
            EventKind::DispatchEnded { outcome, .. } if outcome.counts() => Class::Logical,
            EventKind::DispatchEnded { .. }
            | EventKind::RunPaused { .. }
            | EventKind::RunSuspended
            | EventKind::RunResumed { .. }
            | EventKind::RunStopping { .. }
            | EventKind::RunEnding { .. }
            | EventKind::LeaseGranted { .. }
            | EventKind::LeaseReleased { .. }
            | EventKind::LeaseRefused { .. }
            | EventKind::DispatchEnding { .. }
            | EventKind::DispatchAdopted { .. }
            | EventKind::LeakedProcesses { .. }
            | EventKind::NodeInDoubt { .. }
            | EventKind::Answered { .. }
            | EventKind::LimitsChanged { .. }
            | EventKind::ConflictPredicted(..)
            | EventKind::BatchTested(_)
            | EventKind::ReuseMissed(..)
            | EventKind::LeaseClaimed { .. }
            | EventKind::LeaseWaitEnded { .. }
            | EventKind::LeaseTold { .. }
            | EventKind::Permission(..)
            | EventKind::ReportIgnored { .. }
            | EventKind::BreakerOpened { .. }
            | EventKind::BreakerHalfOpen { .. }
            | EventKind::BreakerClosed { .. }
            | EventKind::HoldStarted { .. }
            | EventKind::HoldEnded { .. }
            | EventKind::Escalated { .. }
            | EventKind::HelperSpent(_)
            | EventKind::BudgetReached { .. } => Class::Operational,
        }
    }
}

impl Event {
    /// The key.
    #[must_use]
    pub fn key(&self, graph: &Graph) -> Key {
        let of = |node: NodeId, attempt: u32, step: u32| {
            let facts = graph.facts(node);
            Key { wave: facts.wave, rank: facts.rank, attempt, step }
        };
        let undo = |node: NodeId, step| Key {
            wave: graph.waves(),
            rank: graph.len() as u32 - 1 - graph.facts(node).pos,
            attempt: 1,
            step,
        };
        match &self.kind {
            EventKind::WaveStarted { wave } => Key { wave: *wave, rank: 0, attempt: 0, step: 1 },
            EventKind::WaveEnded { wave } => {
                Key { wave: *wave, rank: graph.wave(*wave).len() as u32, attempt: 0, step: 0 }
            }
            EventKind::ConditionEvaluated { node, .. } => of(*node, 0, 2),
            EventKind::NodeExpanded(node, _) => of(*node, 0, 5),
            EventKind::NodeReady { node, number } => of(*node, *number, 0),
            EventKind::DispatchStarted { node, number, .. } => of(*node, *number, 1),
            EventKind::DispatchEnded { node, number, .. } => of(*node, *number, 2),
            EventKind::RetryScheduled { node, number, .. } | EventKind::NodeCollected { node, number } => {
                of(*node, *number, 3)
            }
            EventKind::NodeReused { node, .. } => of(*node, 0, 3),
            EventKind::NodeEnded { node, number, .. } => of(*node, *number, 4),
            EventKind::UndoStarted { node, .. } => undo(*node, 1),
            EventKind::UndoEnded { node, .. } => undo(*node, 2),
            EventKind::RunEnded { .. } => {
                Key { wave: graph.waves(), rank: graph.len() as u32, attempt: 2, step: 0 }
            }
            EventKind::RunStarted { .. }
            | EventKind::RunPaused { .. }
            | EventKind::RunSuspended
            | EventKind::RunResumed { .. }
            | EventKind::RunEnding { .. }
            | EventKind::LimitsChanged { .. }
            | EventKind::ReportIgnored { .. }
            | EventKind::BreakerOpened { .. }
            | EventKind::BreakerHalfOpen { .. }
            | EventKind::BreakerClosed { .. }
            | EventKind::HoldStarted { .. }
            | EventKind::HoldEnded { .. }
            | EventKind::Escalated { .. }
            | EventKind::BatchTested(_)
            | EventKind::HelperSpent(_)
            | EventKind::BudgetReached { .. } => Key { wave: 0, rank: 0, attempt: 0, step: 0 },
            EventKind::RunStopping { node }
            | EventKind::ConflictPredicted(node, ..)
            | EventKind::LeaseGranted { node, .. }
            | EventKind::LeaseReleased { node, .. }
            | EventKind::LeaseRefused { node, .. }
            | EventKind::DispatchEnding { node, .. }
            | EventKind::DispatchAdopted { node, .. }
            | EventKind::LeakedProcesses { node, .. }
            | EventKind::NodeInDoubt { node, .. }
            | EventKind::Answered { node, .. }
            | EventKind::ReuseMissed(node, ..)
            | EventKind::LeaseClaimed { node, .. }
            | EventKind::LeaseWaitEnded(node)
            | EventKind::Permission(node, ..)
            | EventKind::LeaseTold { node, .. } => of(*node, 0, 0),
        }
    }
}
