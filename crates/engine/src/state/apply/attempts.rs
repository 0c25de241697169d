//! Folds events of attempts, those of nodes and those of undo actions.
//!
//! An attempt is live from its start to its end; its slot, claims and timers go with it.

use super::{Applied, Fact, IllegalEvent, illegal};
use crate::budget::Level;
use crate::event::EventKind;
use crate::ids::{AttemptId, NodeId};
use crate::outcome::AttemptOutcome;
use crate::permission::{PermissionTold, Questions};
use crate::state::node::{Live, NodeState};
use crate::state::{Closing, State, Timer, Undo};

impl State {
    pub(super) fn dispatch_started(&mut self, fact: &Fact<'_>) -> Applied {
        let EventKind::DispatchStarted { node, attempt, number, round, .. } = fact.event.kind else {
            return Ok(());
        };
        let ready = self.node(node).state == NodeState::Ready && number == self.node(node).attempts + 1;
        let claimed = self.lease_grants.remove(&node) || !fact.graph.has_lease(node);
        self.require(fact, ready && claimed && attempt.0 >= self.next_attempt)?;
        self.next_attempt = attempt.0 + 1;
        self.round = round;
        let (started, questions) = (fact.event.at, Questions::default());
        let live = Live { attempt, number, started, ending: None, suspended_ms: 0, questions };
        self.set(fact.graph, node, NodeState::Running(Box::new(live)));
        self.probe_started(fact.graph, node, attempt);
        Ok(())
    }

    pub(super) fn dispatch_ending(&mut self, fact: &Fact<'_>) -> Applied {
        let EventKind::DispatchEnding { node, attempt, cause } = fact.event.kind else { return Ok(()) };
        if let Some(undo) = self.rollback.current.filter(|u| u.attempt == attempt) {
            self.drop_undo_timer();
            self.rollback.current = Some(Undo { ending: Some(cause), ..undo });
            return Ok(());
        }
        let live = self.require_live(fact, node, attempt)?;
        if let Some(at) = live.deadline(fact.graph, node) {
            self.timers.remove(&(at, Timer::Attempt(node)));
        }
        self.nodes[node.index()].state = NodeState::Running(Box::new(Live { ending: Some(cause), ..live }));
        Ok(())
    }

    pub(super) fn dispatch_ended(&mut self, fact: &Fact<'_>) -> Applied {
        let EventKind::DispatchEnded { node, attempt, outcome, cause, .. } = fact.event.kind else {
            return Ok(());
        };
        if self.rollback.current.is_some_and(|u| u.attempt == attempt) {
            self.require(fact, !outcome.counts())?;
            self.drop_undo_timer();
            self.rollback.current = None;
            return Ok(());
        }
        self.require_live(fact, node, attempt)?;
        if let Some(usage) = fact.event.kind.usage() {
            self.budgets.add(fact.graph, node, usage);
        }
        self.count_attempt(node, outcome);
        self.count_for_breakers(fact, (node, attempt), (outcome, cause));
        self.set(fact.graph, node, NodeState::Ready);
        Ok(())
    }

    pub(super) fn permission_told(
        &mut self,
        fact: &Fact<'_>,
        (node, attempt): (NodeId, AttemptId),
        told: &PermissionTold,
    ) -> Applied {
        let mut live = self.require_live(fact, node, attempt)?;
        let fits = match told {
            PermissionTold::Asked(question) => live.questions.ask(question),
            PermissionTold::Answered { number, allowed } => live.questions.answer(*number, *allowed),
        };
        self.require(fact, fits && live.ending.is_none())?;
        self.nodes[node.index()].state = NodeState::Running(Box::new(live));
        Ok(())
    }

    fn count_attempt(&mut self, node: NodeId, outcome: AttemptOutcome) {
        let node = &mut self.nodes[node.index()];
        match outcome {
            AttemptOutcome::Lost | AttemptOutcome::Held => node.lost += 1,
            AttemptOutcome::Interrupted => {}
            AttemptOutcome::Succeeded
            | AttemptOutcome::Failed
            | AttemptOutcome::TimedOut
            | AttemptOutcome::Cancelled => {
                node.lost = 0;
                node.attempts += 1;
            }
        }
    }

    pub(super) fn require_live(
        &self,
        fact: &Fact<'_>,
        node: NodeId,
        attempt: AttemptId,
    ) -> Result<Live, IllegalEvent> {
        let live = self.node(node).live().filter(|l| l.attempt == attempt);
        self.require(fact, live.is_some())?;
        live.cloned().ok_or_else(|| illegal(fact, "for an attempt that is not alive"))
    }

    pub(super) fn budget_reached(&mut self, fact: &Fact<'_>, of: Option<NodeId>, level: Level) -> Applied {
        let reached = self.budgets.level((fact.graph, fact.config), of);
        self.require(fact, reached >= Some(level) && self.budgets.told.get(&of) < Some(&level))?;
        self.budgets.told.insert(of, level);
        Ok(())
    }

    pub(super) fn undo_started(&mut self, fact: &Fact<'_>, node: NodeId, attempt: AttemptId) -> Applied {
        let stopping = matches!(self.closing, Closing::Stopping(_));
        let legal = stopping && self.node(node).ended_well();
        let free = self.rollback.current.is_none() && attempt.0 >= self.next_attempt;
        self.require(fact, legal && free)?;
        self.next_attempt = attempt.0 + 1;
        self.rollback.current = Some(Undo { node, attempt, ending: None });
        let limit = fact.graph.policy(node).attempt_timeout_ms;
        self.timers.extend(limit.map(|ms| (fact.event.at + ms, Timer::Undo(node))));
        Ok(())
    }

    pub(super) fn undo_ended(&mut self, fact: &Fact<'_>) -> Applied {
        let EventKind::UndoEnded { node, attempt, cause, .. } = &fact.event.kind else { return Ok(()) };
        let current = self.rollback.current.filter(|u| u.node == *node && u.attempt == *attempt);
        self.require(fact, current.is_some())?;
        self.drop_undo_timer();
        self.rollback.current = None;
        self.rollback.done_from = Some(fact.graph.facts(*node).pos);
        self.rollback.failed += u32::from(cause.is_some());
        Ok(())
    }

    /// All attempts of nodes have ended when an undo runs, so a handful of timers is left.
    fn drop_undo_timer(&mut self) {
        self.timers.retain(|(_, timer)| !matches!(timer, Timer::Undo(_)));
    }
}
