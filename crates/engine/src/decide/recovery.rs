//! A new orchestrator takes the run over: what was in flight is adopted, reported, or lost.
//!
//! The state is already folded from the journal; this only reconciles it with what was found alive.

use super::Decider;
use crate::cause::Cause;
use crate::effect::Effect;
use crate::event::EventKind;
use crate::ids::{AttemptId, NodeId};
use crate::input::{Answer, Resumed};
use crate::state::Phase;
use crate::state::node::NodeState;
use std::collections::BTreeSet;

impl Decider<'_> {
    pub(super) fn resumed(&mut self, found: Resumed) {
        if self.state().phase == Phase::New {
            self.begin();
        }
        let still = self.state().is_suspended();
        self.emit(EventKind::RunResumed { epoch: found.epoch });
        if still {
            self.effect(Effect::Continue);
        }
        self.leases_freed();
        self.ask_again();
        self.try_conflicts_again();
        self.tell_again();
        let alive: BTreeSet<AttemptId> = found.live.into_iter().collect();
        let mut ended = found.ended;
        ended.sort_by_key(|e| e.attempt);
        for report in ended {
            self.attempt_ended(report);
        }
        let live: Vec<_> = self.state().live().collect();
        for (attempt, node) in live {
            if alive.contains(&attempt) {
                self.adopt(attempt, node);
            } else {
                self.attempt_lost(attempt, None);
            }
        }
        if let Some(undo) = self.state().rollback.current {
            if !alive.contains(&undo.attempt) {
                self.attempt_lost(undo.attempt, None);
            } else if let Some(cause) = undo.ending {
                self.end_again(undo.attempt, undo.node, cause);
            }
        }
    }

    fn adopt(&mut self, attempt: AttemptId, node: NodeId) {
        self.emit(EventKind::DispatchAdopted { node, attempt });
        if let Some(cause) = self.node(node).live().and_then(|l| l.ending) {
            self.end_again(attempt, node, cause);
        }
    }

    fn end_again(&mut self, attempt: AttemptId, node: NodeId, cause: Cause) {
        let grace_ms = self.grace_ms(node, cause);
        self.effect(Effect::End { attempt, grace_ms });
    }

    /// Nodes that wait until a person has resolved what they would begin from: whoever takes the run up looks again.
    fn try_conflicts_again(&mut self) {
        let waiting: Vec<NodeId> = self.state().conflicting().collect();
        for node in waiting {
            self.settle_doubt(node, Answer::Again, false);
        }
    }

    /// Queries and questions that were open when the last orchestrator died are asked again.
    fn ask_again(&mut self) {
        let graph = self.graph;
        for &node in graph.order() {
            match &self.node(node).state {
                NodeState::Pending if self.node(node).open == 0 => self.released.push_back(node),
                NodeState::InDoubt(doubt) if doubt.asking => {
                    let (attempt, number) = (doubt.attempt, doubt.number);
                    self.effect(Effect::Reconcile { node, attempt, number });
                }
                NodeState::Pending
                | NodeState::Ready
                | NodeState::Running(_)
                | NodeState::WaitingRetry { .. }
                | NodeState::InDoubt(_)
                | NodeState::Collected
                | NodeState::Ended { .. } => {}
            }
        }
    }
}
