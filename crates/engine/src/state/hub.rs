//! The hub through which every node changes state, with all counts, queues and timers.
//!
//! Knows no events; `apply` decides what is legal.

use super::node::{Live, NodeState};
use super::{State, Timer};
use crate::cause::Cause;
use crate::graph::Graph;
use crate::ids::{NodeId, Timestamp};
use crate::outcome::NodeOutcome;
use crate::queue::Order;
use crate::spec::{Limits, RunConfig, Schedule};

impl State {
    /// Takes a node out of its state and into `next`.
    pub(super) fn set(&mut self, graph: &Graph, node: NodeId, next: NodeState) {
        let was_settled = self.node(node).is_settled();
        let old = core::mem::replace(&mut self.nodes[node.index()].state, next);
        self.leave(graph, node, &old);
        self.enter(graph, node);
        if !was_settled && self.node(node).is_settled() {
            self.settle(graph, node);
        }
    }

    fn leave(&mut self, graph: &Graph, node: NodeId, old: &NodeState) {
        match old {
            NodeState::Ready => self.ready.remove(graph, node),
            NodeState::Running(live) => {
                self.live.remove(&live.attempt);
                self.used.release(graph, node);
                if let Some(at) = live.deadline(graph, node) {
                    self.timers.remove(&(at, Timer::Attempt(node)));
                }
            }
            NodeState::WaitingRetry { until } => {
                self.timers.remove(&(*until, Timer::Retry(node)));
            }
            NodeState::InDoubt(_) => {
                self.in_doubt.remove(&node);
            }
            NodeState::Collected => self.collected -= 1,
            NodeState::Pending | NodeState::Ended { .. } => {}
        }
    }

    fn enter(&mut self, graph: &Graph, node: NodeId) {
        match &self.nodes[node.index()].state {
            NodeState::Ready => self.ready.insert(graph, node),
            NodeState::Running(live) => {
                self.live.insert(live.attempt, node);
                if let Some(at) = live.deadline(graph, node) {
                    self.timers.insert((at, Timer::Attempt(node)));
                }
                self.used.take(graph, node);
                self.high_water.raise(&self.used, graph, node);
            }
            NodeState::WaitingRetry { until } => {
                self.timers.insert((*until, Timer::Retry(node)));
            }
            NodeState::InDoubt(_) => {
                self.in_doubt.insert(node);
            }
            NodeState::Collected => self.collected += 1,
            NodeState::Ended { .. } if self.is_absent(graph, node) => {}
            NodeState::Ended { outcome, cause } => {
                self.ended[*outcome as usize] += 1;
                let by_people = *outcome == NodeOutcome::Skipped && *cause == Some(Cause::User);
                self.skipped_by_people += u32::from(by_people);
            }
            NodeState::Pending => {}
        }
    }

    fn settle(&mut self, graph: &Graph, node: NodeId) {
        self.open -= 1;
        self.waves[graph.facts(node).wave as usize].open -= 1;
        for succ in graph.succs(node) {
            self.nodes[succ.index()].open -= 1;
        }
    }

    pub(super) fn set_limits(&mut self, graph: &Graph, config: &RunConfig, limits: Limits) {
        self.limits = graph.fit(limits);
        self.ready.reorder(graph, queue_order(config, &self.limits), &self.limits);
    }
}

pub(super) fn queue_order(config: &RunConfig, limits: &Limits) -> Order {
    Order {
        schedule: config.schedule,
        by_wave: limits.per_wave.is_some() || config.schedule == Schedule::Waves,
        ageing_rounds: config.ageing_rounds,
    }
}

impl Live {
    /// When it times out. An attempt that is being ended has no timer any more.
    pub(super) fn deadline(&self, graph: &Graph, node: NodeId) -> Option<Timestamp> {
        let limit = graph.policy(node).attempt_timeout_ms?;
        self.ending.is_none().then(|| self.started + limit + self.suspended_ms)
    }
}
