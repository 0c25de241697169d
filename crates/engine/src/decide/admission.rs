//! Admission: which ready nodes start now, under every cap at once (spec 3 "Admission", 11 "Ageing").
//!
//! A round is a settling that admitted something. Looks at the head of each group only.

use super::Decider;
use crate::caps::{self, CapRef};
use crate::effect::Effect;
use crate::event::EventKind;
use crate::ids::{AttemptId, NodeId};
use crate::spec::Schedule;
use crate::state::{Closing, Phase, Timer};
use std::collections::BTreeSet;

impl Decider<'_> {
    pub(super) fn admit(&mut self) {
        if self.state().phase != Phase::Running || self.state().closing != Closing::No {
            return;
        }
        match self.config.schedule {
            Schedule::Sequential => self.admit_next(),
            Schedule::Dataflow | Schedule::Waves => self.admit_many(),
        }
    }

    /// One at a time in order key; a node keeps its turn through its back-off. Nodes in doubt are passed over.
    fn admit_next(&mut self) {
        let free = |node: &NodeId| self.state().bar(self.graph(), *node).is_none();
        let Some(node) = self.next_in_turn().filter(free) else { return };
        if self.must_claim(node) {
            return self.claim(node);
        }
        if self.state().lease_wait(node).is_none() {
            self.dispatch(node, self.state().round + 1);
        }
    }

    /// Under `sequential`: the ready node whose turn it is; what bars it does not pass the turn on.
    pub(super) fn next_in_turn(&self) -> Option<NodeId> {
        let state = self.state();
        let backs_off = state.timers.iter().any(|(_, timer)| matches!(timer, Timer::Retry(_)));
        if state.used.total > 0 || backs_off {
            return None;
        }
        let mut walk = state.ready.walk(self.graph(), state.round);
        state.ready.next(&mut walk).map(|next| next.node)
    }

    fn admit_many(&mut self) {
        if self.state().used.total >= self.state().limits.max_parallel || self.state().ready.is_empty() {
            return;
        }
        let (round, wave_limit) = (self.state().round, self.open_wave());
        let mut walk = self.state().ready.walk(self.graph(), round);
        let mut reserved: BTreeSet<CapRef> = BTreeSet::new();
        while self.state().used.total < self.state().limits.max_parallel {
            let Some(next) = self.state().ready.next(&mut walk) else { return };
            if wave_limit.is_some_and(|limit| self.graph().facts(next.node).wave > limit) {
                continue;
            }
            if self.state().bar(self.graph(), next.node).is_some() {
                continue; // and all of its group with it; who is barred does not age
            }
            let lacks = self.lacks(next.node, &reserved);
            let Some(&first) = lacks.first() else {
                if self.must_claim(next.node) {
                    return self.claim(next.node);
                }
                self.dispatch(next.node, round + 1);
                self.state().ready.go_on(self.graph(), &mut walk, next);
                continue;
            };
            if next.class < 0 {
                reserved.extend(lacks);
            }
            if next.fresh {
                self.emit(EventKind::LeaseRefused { node: next.node, by: first });
            }
        }
    }

    /// Under `waves`: the last wave that may start; nothing before the pause between waves has passed.
    pub(super) fn open_wave(&self) -> Option<u32> {
        if self.config.schedule != Schedule::Waves {
            return None;
        }
        let current = self.state().current_wave()?;
        let closed = self.state().wave_gate(self.config).is_some_and(|(at, _)| at > self.now);
        Some(if closed { current - 1 } else { current })
    }

    fn lacks(&self, node: NodeId, reserved: &BTreeSet<CapRef>) -> Vec<CapRef> {
        let (graph, state) = (self.graph(), self.state());
        let mut lacks = caps::lacking(graph, &state.limits, &state.used, node);
        lacks.extend(state.lease_waits.get(&node).map(|wait| CapRef::Resource(wait.resource)));
        lacks.extend(reserved.iter().copied().filter(|&cap| caps::uses(graph, node, cap)));
        lacks
    }

    fn dispatch(&mut self, node: NodeId, round: u32) {
        let attempt = AttemptId(self.state().next_attempt);
        let number = self.node(node).attempts + 1;
        let delay_before_ms = self.graph().policy(node).retry.delay_before_ms(number);
        if !self.graph().claims(node).is_empty() {
            self.emit(EventKind::LeaseGranted { node, attempt });
        }
        self.emit(EventKind::DispatchStarted { node, attempt, number, delay_before_ms, round });
        self.effect(Effect::Start { node, attempt, number });
    }
}
