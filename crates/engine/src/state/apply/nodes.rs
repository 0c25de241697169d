//! Folds events of nodes: which move is legal from where.
//!
//! Knows no attempts beyond the doubt about one.

use super::{Applied, Fact};
use crate::event::EventKind;
use crate::ids::{AttemptId, NodeId, Timestamp};
use crate::input::Answer;
use crate::outcome::NodeOutcome;
use crate::scope::Scope;
use crate::state::State;
use crate::state::node::{Doubt, Node, NodeState};

impl State {
    pub(super) fn node_ready(&mut self, fact: &Fact<'_>, node: NodeId) -> Applied {
        let waits = matches!(self.node(node).state, NodeState::Pending | NodeState::WaitingRetry { .. });
        let awake = !self.sleeps(fact.graph, node);
        self.require(fact, waits && awake && self.node(node).open == 0)?;
        self.set(fact.graph, node, NodeState::Ready);
        Ok(())
    }

    pub(super) fn lease_refused(&mut self, fact: &Fact<'_>, node: NodeId) -> Applied {
        self.require(fact, self.node(node).state == NodeState::Ready)?;
        self.ready.refuse(fact.graph, node, self.round);
        Ok(())
    }

    pub(super) fn retry_scheduled(&mut self, fact: &Fact<'_>, node: NodeId, until: Timestamp) -> Applied {
        self.require(fact, self.node(node).state == NodeState::Ready && self.node(node).lost == 0)?;
        self.set(fact.graph, node, NodeState::WaitingRetry { until });
        Ok(())
    }

    pub(super) fn node_collected(&mut self, fact: &Fact<'_>, node: NodeId) -> Applied {
        self.require(fact, self.node(node).state == NodeState::Ready)?;
        self.nodes[node.index()].was_collected = true;
        self.set(fact.graph, node, NodeState::Collected);
        Ok(())
    }

    pub(super) fn node_reused(&mut self, fact: &Fact<'_>, node: NodeId, attempt: AttemptId) -> Applied {
        let from = self.node(node);
        let waits = from.state == NodeState::Pending
            && from.open == 0
            && !from.reused
            && !self.sleeps(fact.graph, node);
        self.require(fact, waits && attempt.0 >= self.next_attempt)?;
        self.next_attempt = attempt.0 + 1;
        self.nodes[node.index()].reused = true;
        if fact.graph.policy(node).collects {
            self.set(fact.graph, node, NodeState::Collected);
        }
        Ok(())
    }

    pub(super) fn node_ended(&mut self, fact: &Fact<'_>) -> Applied {
        let EventKind::NodeEnded { node, outcome, cause, .. } = fact.event.kind else { return Ok(()) };
        let asleep =
            self.sleeps(fact.graph, node) && fact.graph.slot(node).is_some_and(|slot| slot.index > 0);
        self.require(fact, may_end(self.node(node), outcome) && !asleep)?;
        self.scopes.escalations.remove(&Scope::Node(node));
        self.ends_for_all(fact.graph, node);
        self.set(fact.graph, node, NodeState::Ended { outcome, cause });
        Ok(())
    }

    pub(super) fn node_in_doubt(&mut self, fact: &Fact<'_>) -> Applied {
        let EventKind::NodeInDoubt { node, attempt, asking, cause } = fact.event.kind else { return Ok(()) };
        let from = self.node(node);
        self.require(fact, matches!(from.state, NodeState::Ready | NodeState::InDoubt(_)))?;
        let doubt = Doubt { attempt, number: from.attempts + 1, asking, cause };
        // A question to a person has an id of its own, though no attempt: its answer is kept by that.
        self.next_attempt = self.next_attempt.max(attempt.0 + 1);
        self.set(fact.graph, node, NodeState::InDoubt(Box::new(doubt)));
        Ok(())
    }

    /// A person's `again` also forgives the attempts lost so far; the `reconcile` command's does not.
    pub(super) fn answered(&mut self, fact: &Fact<'_>) -> Applied {
        let EventKind::Answered { node, answer, by_person, .. } = &fact.event.kind else { return Ok(()) };
        self.require(fact, matches!(self.node(*node).state, NodeState::InDoubt(_)))?;
        if *answer == Answer::Again && *by_person {
            self.nodes[node.index()].lost = 0;
        }
        self.scopes.escalations.remove(&Scope::Node(*node));
        self.set(fact.graph, *node, NodeState::Ready);
        Ok(())
    }
}

fn may_end(from: &Node, outcome: NodeOutcome) -> bool {
    match from.state {
        NodeState::Pending if from.reused => outcome == NodeOutcome::Succeeded,
        NodeState::Pending => {
            !matches!(outcome, NodeOutcome::Succeeded | NodeOutcome::TimedOut | NodeOutcome::Exhausted)
        }
        NodeState::Ready | NodeState::InDoubt(_) | NodeState::WaitingRetry { .. } => true,
        NodeState::Collected => {
            matches!(
                outcome,
                NodeOutcome::Succeeded | NodeOutcome::Failed | NodeOutcome::Blocked | NodeOutcome::Cancelled
            )
        }
        NodeState::Running(_) | NodeState::Ended { .. } => false,
    }
}
