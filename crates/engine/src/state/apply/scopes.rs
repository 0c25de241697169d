//! Folds events of breakers, holds and escalations, and what attempts mean for breakers.
//!
//! A probe is the attempt that starts while a breaker is half open; nobody names it otherwise.

use super::{Applied, Fact};
use crate::breaker::{BreakerPhase, verdict};
use crate::cause::Cause;
use crate::escalation::{CauseClass, Escalation};
use crate::graph::Graph;
use crate::ids::{AttemptId, NodeId, Timestamp};
use crate::outcome::AttemptOutcome;
use crate::scope::Scope;
use crate::state::node::NodeState;
use crate::state::{State, Timer};

impl State {
    pub(super) fn breaker_opened(
        &mut self,
        fact: &Fact<'_>,
        scope: Scope,
        (until, failures): (Timestamp, u32),
    ) -> Applied {
        let closed = self.breaker_phase(scope) == BreakerPhase::Closed;
        let probed = self.breaker_phase(scope) == BreakerPhase::HalfOpen { probe: None };
        self.require(fact, self.has_breaker(fact, scope) && (closed || probed))?;
        let breaker = self.scopes.breakers.entry(scope).or_default();
        breaker.phase = BreakerPhase::Open { until };
        breaker.failures = failures;
        breaker.open_since.get_or_insert(fact.event.at);
        self.timers.insert((until, Timer::CoolDown(scope)));
        self.part_by(fact.graph, scope);
        Ok(())
    }

    pub(super) fn breaker_half_open(&mut self, fact: &Fact<'_>, scope: Scope) -> Applied {
        let BreakerPhase::Open { until } = self.breaker_phase(scope) else {
            return self.require(fact, false);
        };
        self.timers.remove(&(until, Timer::CoolDown(scope)));
        self.scopes.breakers.entry(scope).or_default().phase = BreakerPhase::HalfOpen { probe: None };
        Ok(())
    }

    pub(super) fn breaker_closed(&mut self, fact: &Fact<'_>, scope: Scope) -> Applied {
        self.require(fact, self.breaker_phase(scope) == BreakerPhase::HalfOpen { probe: None })?;
        self.scopes.breakers.remove(&scope);
        self.scopes.escalations.remove(&scope);
        Ok(())
    }

    /// A task alone waits as if for a retry, so that others with its needs are not held with it.
    pub(super) fn hold_started(&mut self, fact: &Fact<'_>, scope: Scope, until: Timestamp) -> Applied {
        if let Scope::Node(node) = scope {
            self.require(fact, self.node(node).state == NodeState::Ready && self.node(node).lost > 0)?;
            self.set(fact.graph, node, NodeState::WaitingRetry { until });
            return Ok(());
        }
        let before = self.scopes.holds.get(&scope).copied();
        self.require(fact, scope.name(fact.graph).is_some() && before.is_none_or(|before| before < until))?;
        if let Some(before) = before {
            self.timers.remove(&(before, Timer::Hold(scope)));
        }
        self.scopes.holds.insert(scope, until);
        self.timers.insert((until, Timer::Hold(scope)));
        self.part_by(fact.graph, scope);
        Ok(())
    }

    pub(super) fn hold_ended(&mut self, fact: &Fact<'_>, scope: Scope) -> Applied {
        if let Scope::Node(node) = scope {
            return self.require(fact, self.node(node).is_held());
        }
        let held = self.scopes.holds.remove(&scope);
        self.require(fact, held.is_some())?;
        if let Some(until) = held {
            self.timers.remove(&(until, Timer::Hold(scope)));
        }
        Ok(())
    }

    pub(super) fn escalated(
        &mut self,
        fact: &Fact<'_>,
        about: Scope,
        (class, cause): (CauseClass, Cause),
    ) -> Applied {
        self.require(fact, about.name(fact.graph).is_some())?;
        self.scopes.escalations.insert(about, Escalation { class, cause, at: fact.event.at });
        Ok(())
    }

    /// The first attempt that starts while a breaker is half open is its probe.
    pub(super) fn probe_started(&mut self, graph: &Graph, node: NodeId, attempt: AttemptId) {
        for scope in graph.scopes(node) {
            if let Some(breaker) = self.scopes.breakers.get_mut(&scope)
                && let BreakerPhase::HalfOpen { probe } = &mut breaker.phase
            {
                probe.get_or_insert(attempt);
            }
        }
    }

    /// Counts the end of an attempt, and frees the place of a probe.
    pub(super) fn count_for_breakers(
        &mut self,
        fact: &Fact<'_>,
        (node, attempt): (NodeId, AttemptId),
        (outcome, cause): (AttemptOutcome, Option<Cause>),
    ) {
        let Some(policy) = &fact.config.breaker else { return };
        for scope in fact.graph.scopes(node) {
            let breaker = self.scopes.breakers.entry(scope).or_default();
            if breaker.phase == (BreakerPhase::HalfOpen { probe: Some(attempt) }) {
                breaker.phase = BreakerPhase::HalfOpen { probe: None };
            }
            if let Some(failed) = verdict(outcome, cause) {
                breaker.note(policy, failed);
            }
        }
    }

    /// Who is barred holds up nobody who is not. Agents and tools part groups anyway.
    fn part_by(&mut self, graph: &Graph, scope: Scope) {
        if let Scope::Tag(tag) = scope {
            self.ready.part_by(graph, tag, &self.limits);
        }
    }

    fn breaker_phase(&self, scope: Scope) -> BreakerPhase {
        self.scopes.breakers.get(&scope).map_or(BreakerPhase::Closed, |breaker| breaker.phase)
    }

    fn has_breaker(&self, fact: &Fact<'_>, scope: Scope) -> bool {
        fact.config.breaker.is_some() && scope.node().is_none() && scope.name(fact.graph).is_some()
    }
}
