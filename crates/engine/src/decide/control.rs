//! What people and signals ask for: pause, cancel, skip, answer, interrupt; and the landing of collected nodes.
//!
//! A request that does not fit the state changes nothing; the runtime tells the person why.

use super::Decider;
use crate::cause::Cause;
use crate::effect::{Effect, Leave};
use crate::event::EventKind;
use crate::ids::NodeId;
use crate::input::{Answer, Reconciliation};
use crate::outcome::{NodeOutcome, PauseReason};
use crate::scope::Scope;
use crate::state::node::NodeState;
use crate::state::{Closing, Phase};

impl Decider<'_> {
    pub(super) fn pause(&mut self) {
        if self.state().phase == Phase::Running && !matches!(self.state().closing, Closing::Cancelling(_)) {
            self.emit(EventKind::RunPaused { reason: PauseReason::User });
        }
    }

    /// `pause --now`: what runs stands still with its clocks.
    pub(super) fn suspend(&mut self) {
        self.pause();
        if self.state().phase == Phase::Paused(PauseReason::User) && !self.state().is_suspended() {
            self.emit(EventKind::RunSuspended);
            self.effect(Effect::Suspend);
        }
    }

    pub(super) fn unpause(&mut self) {
        if matches!(self.state().phase, Phase::Paused(_)) {
            let (epoch, still) = (self.state().epoch, self.state().is_suspended());
            self.emit(EventKind::RunResumed { epoch });
            if still {
                self.effect(Effect::Continue);
            }
        }
    }

    /// The first signal ends what runs within min(grace, 5 s); the second one without grace.
    pub(super) fn interrupt(&mut self, hard: bool) {
        if self.state().phase != Phase::Paused(PauseReason::Interrupted) {
            let still = self.state().is_suspended();
            self.emit(EventKind::RunPaused { reason: PauseReason::Interrupted });
            if still {
                self.effect(Effect::Continue);
            }
        }
        let live: Vec<_> = self.state().live().collect();
        for (attempt, node) in live {
            self.end_attempt(node, Cause::Stopped);
            if hard {
                self.effect(Effect::End { attempt, grace_ms: 0 });
            }
        }
        if let Some(undo) = self.state().rollback.current {
            self.end_undo(Cause::Stopped); // it runs again at resume
            if hard {
                self.effect(Effect::End { attempt: undo.attempt, grace_ms: 0 });
            }
        }
    }

    /// Cancels everything that is left, for a person or the run timeout.
    pub(super) fn cancel_run(&mut self, cause: Cause) {
        if matches!(self.state().closing, Closing::Cancelling(_)) {
            return;
        }
        let still = self.state().is_suspended();
        self.emit(EventKind::RunEnding { cause });
        if still {
            self.effect(Effect::Continue);
        }
        self.end_undo(cause);
        let graph = self.graph;
        for &node in graph.order() {
            match self.node(node).state {
                NodeState::Running(_) => self.end_attempt(node, cause),
                NodeState::Pending
                | NodeState::Ready
                | NodeState::WaitingRetry { .. }
                | NodeState::InDoubt(_)
                | NodeState::Collected => self.end_node(node, NodeOutcome::Cancelled, Some(cause)),
                NodeState::Ended { .. } => {}
            }
        }
    }

    pub(super) fn cancel_node(&mut self, node: NodeId) {
        if !self.state().is_shown(self.graph, node) {
            return;
        }
        match self.node(node).state {
            NodeState::Running(_) => self.end_attempt(node, Cause::User),
            NodeState::Pending
            | NodeState::Ready
            | NodeState::WaitingRetry { .. }
            | NodeState::InDoubt(_) => {
                self.end_wait();
                self.end_node(node, NodeOutcome::Cancelled, Some(Cause::User));
            }
            NodeState::Collected | NodeState::Ended { .. } => {}
        }
    }

    pub(super) fn skip(&mut self, node: NodeId) {
        if !self.state().is_shown(self.graph, node) {
            return;
        }
        match self.node(node).state {
            NodeState::Pending | NodeState::Ready | NodeState::WaitingRetry { .. } => {
                self.end_node(node, NodeOutcome::Skipped, Some(Cause::User));
            }
            NodeState::Running(_)
            | NodeState::InDoubt(_)
            | NodeState::Collected
            | NodeState::Ended { .. } => {}
        }
    }

    pub(super) fn answered(&mut self, node: NodeId, answer: Answer) {
        // Of a gate there is nothing that could be tried again.
        if answer == Answer::Again && self.graph().asked(node).is_some() {
            return;
        }
        if matches!(self.node(node).state, NodeState::InDoubt(_)) {
            self.end_wait();
            self.settle_doubt(node, answer, true);
        }
    }

    /// A person moved what a run waited for: it goes on by itself.
    fn end_wait(&mut self) {
        if self.state().phase == Phase::Paused(PauseReason::Waiting) {
            self.unpause();
        }
    }

    pub(super) fn reconciled(&mut self, node: NodeId, found: Reconciliation) {
        let NodeState::InDoubt(doubt) = self.node(node).state.clone() else { return };
        match found {
            Reconciliation::Done(result) => self.settle_doubt(node, Answer::Succeeded(result), false),
            Reconciliation::NotDone => self.settle_doubt(node, Answer::Again, false),
            Reconciliation::Unknown if doubt.asking => {
                let attempt = doubt.attempt;
                self.put_in_doubt(node, attempt, Cause::Lost);
            }
            Reconciliation::Unknown => {}
        }
    }

    pub(super) fn settle_doubt(&mut self, node: NodeId, answer: Answer, by_person: bool) {
        let NodeState::InDoubt(doubt) = &self.node(node).state else { return };
        let (attempt, asked) = (doubt.attempt, doubt.cause == Cause::Person);
        self.emit(EventKind::Answered { node, attempt, answer: answer.clone(), by_person });
        match answer {
            Answer::Again if self.state().closing != Closing::No => {
                self.stop_node(node);
            }
            Answer::Again => {}
            Answer::Succeeded(_) => {
                let number = self.node(node).attempts;
                self.attempt_succeeded(node, number);
            }
            Answer::Failed => {
                let cause = if asked { Cause::Refused } else { Cause::User };
                self.end_node(node, NodeOutcome::Failed, Some(cause));
            }
        }
    }

    pub(super) fn landed(&mut self, node: NodeId) {
        if self.node(node).state == NodeState::Collected {
            self.end_node(node, NodeOutcome::Succeeded, None);
        }
    }

    /// Nobody but a person can go on; taking the run up again tries it again.
    pub(super) fn landing_waits(&mut self) {
        let state = self.state();
        if state.phase == Phase::Running && state.open == 0 && state.collected > 0 {
            self.emit(EventKind::RunPaused { reason: PauseReason::Waiting });
            self.effect(Effect::Leave(Leave::Waiting));
        }
    }

    pub(super) fn not_landed(&mut self, node: NodeId, cause: Cause) {
        if self.node(node).state != NodeState::Collected {
            return;
        }
        let outcome = if cause == Cause::Upstream { NodeOutcome::Blocked } else { NodeOutcome::Failed };
        self.end_node(node, outcome, Some(cause));
        if cause == Cause::Gate && self.config.mends {
            self.escalate(Scope::Node(node), cause);
        }
    }
}
