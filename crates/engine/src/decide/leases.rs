//! Leases, which other runs claim too: asked for all at once when nothing else holds a node back, waited for, given back.
//!
//! Knows no other run; the runtime answers. A node that waits holds nothing: neither a slot nor another lease.

use super::Decider;
use crate::effect::Effect;
use crate::event::EventKind;
use crate::ids::NodeId;
use crate::input::{Claimed, LeaseTold};
use crate::state::node::NodeState;
use crate::state::{Closing, Phase};

impl Decider<'_> {
    /// True for a node whose leases must be asked for before it can start.
    pub(super) fn must_claim(&self, node: NodeId) -> bool {
        let state = self.state();
        self.graph().has_lease(node)
            && !state.lease_grants.contains(&node)
            && !state.lease_waits.contains_key(&node)
    }

    /// Asks. The turn answers and settles again, so nothing is admitted in between.
    pub(super) fn claim(&mut self, node: NodeId) {
        self.effect(Effect::Claim { node });
    }

    pub(super) fn claimed(&mut self, node: NodeId, answer: Claimed) {
        if self.node(node).state != NodeState::Ready || !self.must_claim(node) {
            return;
        }
        self.emit(EventKind::LeaseClaimed { node, answer });
    }

    /// Everybody who waits asks again, in admission order.
    pub(super) fn leases_freed(&mut self) {
        for node in self.state().lease_waits.keys().copied().collect::<Vec<_>>() {
            self.emit(EventKind::LeaseWaitEnded(node));
        }
    }

    /// A place in the line is kept only by who could start at once: whoever else stood in it would hold up other runs
    /// for a slot of ours. Called when nothing more is admitted.
    pub(super) fn end_lease_waits(&mut self) {
        let state = self.state();
        let admits = state.phase == Phase::Running
            && state.closing == Closing::No
            && state.used.total < state.limits.max_parallel;
        let waits = state.lease_waits.keys().copied().filter(|_| !admits);
        let unused = state.lease_grants.iter().copied();
        for node in waits.chain(unused).collect::<Vec<_>>() {
            self.leave_line(node);
        }
    }

    /// The node wants no leases now.
    pub(super) fn leave_line(&mut self, node: NodeId) {
        if self.state().lease_waits.contains_key(&node) || self.state().lease_grants.contains(&node) {
            self.emit(EventKind::LeaseWaitEnded(node));
            self.effect(Effect::Unclaim { node });
        }
    }

    /// What a running attempt does with leases of its own is recorded, not decided here.
    pub(super) fn lease_told(&mut self, node: NodeId, told: LeaseTold) {
        if let Some(attempt) = self.node(node).live().map(|live| live.attempt) {
            self.emit(EventKind::LeaseTold { node, attempt, told: Box::new(told) });
        }
    }
}
