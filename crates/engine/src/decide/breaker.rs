//! Breakers and holds: what opens, probes and closes one, whom a rate limit holds, who fails fast.
//!
//! Looks at what the fold has counted; starts nothing.

use super::Decider;
use crate::breaker::{Breaker, BreakerPhase, WhenOpen, verdict};
use crate::cause::Cause;
use crate::event::EventKind;
use crate::ids::NodeId;
use crate::outcome::{AttemptOutcome, NodeOutcome};
use crate::scope::Scope;
use crate::spec::Schedule;
use crate::state::node::{Live, NodeState};
use crate::state::{Bar, Closing, Phase};

impl Decider<'_> {
    /// What the end of an attempt of `node` means for its breakers; it is counted already. An attempt that ends while
    /// no probe is under way counts as one.
    pub(super) fn mind_breakers(&mut self, node: NodeId, end: (AttemptOutcome, Option<Cause>)) {
        let (Some(policy), Some(failed)) = (self.config.breaker, verdict(end.0, end.1)) else { return };
        let graph = self.graph;
        for scope in graph.scopes(node) {
            let Some(breaker) = self.state().scopes.breakers.get(&scope) else { continue };
            let failures = breaker.failures;
            let opens = match breaker.phase {
                BreakerPhase::Closed => failed && breaker.trips(&policy),
                BreakerPhase::HalfOpen { probe: None } if failed => true,
                BreakerPhase::HalfOpen { probe: None } => {
                    self.emit(EventKind::BreakerClosed(scope));
                    false
                }
                BreakerPhase::HalfOpen { probe: Some(_) } | BreakerPhase::Open { .. } => false,
            };
            if opens {
                let until = self.now + policy.cool_down_ms;
                self.emit(EventKind::BreakerOpened { scope, until, failures });
            }
        }
    }

    /// A rate limit holds all that uses the same agent, tool or tags.
    pub(super) fn hold_scopes(&mut self, node: NodeId, retry_after_ms: u64) {
        let until = self.now + retry_after_ms;
        for scope in self.graph.scopes(node) {
            if self.state().scopes.holds.get(&scope).is_none_or(|before| *before < until) {
                self.emit(EventKind::HoldStarted(scope, until));
            }
        }
    }

    /// A rate limit is no failure: it takes no attempt away.
    pub(super) fn attempt_held(&mut self, node: NodeId, live: &Live, retry_after_ms: u64) {
        let until = self.now + retry_after_ms;
        let graph = self.graph;
        self.hold_scopes(node, retry_after_ms);
        if self.state().closing != Closing::No {
            return self.stop_node(node);
        }
        if self.node(node).lost >= graph.policy(node).max_lost.max(1) {
            return self.put_in_doubt(node, live.attempt, Cause::RateLimit);
        }
        if graph.scopes(node).next().is_none() {
            self.emit(EventKind::HoldStarted(Scope::Node(node), until));
        }
    }

    /// `when_open: fail`: ends what is ready and stands before an open breaker, as far as it could start now but for
    /// that. Answers whether there was any.
    pub(super) fn fail_fast(&mut self) -> bool {
        let fails = self.config.breaker.is_some_and(|policy| policy.when_open == WhenOpen::Fail);
        let goes_on = self.state().phase == Phase::Running && self.state().closing == Closing::No;
        let open = |breaker: &Breaker| matches!(breaker.phase, BreakerPhase::Open { .. });
        if !fails || !goes_on || !self.state().scopes.breakers.values().any(open) {
            return false;
        }
        let doomed = self.doomed();
        for &node in &doomed {
            if self.node(node).state == NodeState::Ready {
                self.end_node(node, NodeOutcome::Failed, Some(Cause::BreakerOpen));
            }
        }
        !doomed.is_empty()
    }

    fn doomed(&self) -> Vec<NodeId> {
        let (graph, state) = (self.graph(), self.state());
        let shut = |node: &NodeId| matches!(state.bar(graph, *node), Some(Bar::Open { .. }));
        if self.config.schedule == Schedule::Sequential {
            return self.next_in_turn().filter(shut).into_iter().collect();
        }
        let limit = self.open_wave();
        let ready = |node: &NodeId| {
            let in_wave = limit.is_none_or(|limit| graph.facts(*node).wave <= limit);
            state.node(*node).state == NodeState::Ready && in_wave
        };
        graph.order().iter().copied().filter(ready).filter(shut).collect()
    }
}
