//! What holds agents, tools and tags back: breakers, holds of rate limits; and what a person must look at.
//!
//! A part of the state. Decides nothing; says what bars a node.

use super::node::NodeState;
use super::{Phase, State, Timer};
use crate::breaker::{Breaker, BreakerPhase, WhenOpen};
use crate::escalation::Escalation;
use crate::graph::Graph;
use crate::ids::{AttemptId, NodeId, Timestamp};
use crate::scope::Scope;
use crate::spec::RunConfig;
use std::collections::BTreeMap;

/// Breakers, holds and escalations of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scopes {
    /// Breakers of which something is known.
    pub breakers: BTreeMap<Scope, Breaker>,
    /// What rate limits hold back, and until when. One task alone waits as if for a retry instead.
    pub holds: BTreeMap<Scope, Timestamp>,
    /// What a person must look at and has not dealt with.
    pub escalations: BTreeMap<Scope, Escalation>,
}

/// What keeps a ready node from starting, apart from caps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bar {
    /// A rate limit.
    Hold {
        /// What it holds.
        scope: Scope,
        /// When it is over.
        until: Timestamp,
    },
    /// An open breaker.
    Open {
        /// Whose.
        scope: Scope,
        /// When a probe may try.
        until: Timestamp,
    },
    /// A breaker whose probe is under way.
    Probing {
        /// Whose.
        scope: Scope,
        /// The probe.
        probe: AttemptId,
    },
}

impl State {
    /// What keeps `node` from starting, apart from caps.
    #[must_use]
    pub fn bar(&self, graph: &Graph, node: NodeId) -> Option<Bar> {
        let Scopes { breakers, holds, .. } = &self.scopes;
        if breakers.is_empty() && holds.is_empty() {
            return None;
        }
        let hold = |scope: Scope| Some(Bar::Hold { scope, until: *holds.get(&scope)? });
        let breaker = |scope: Scope| match breakers.get(&scope)?.phase {
            BreakerPhase::Open { until } => Some(Bar::Open { scope, until }),
            BreakerPhase::HalfOpen { probe: Some(probe) } => Some(Bar::Probing { scope, probe }),
            BreakerPhase::HalfOpen { probe: None } | BreakerPhase::Closed => None,
        };
        graph.scopes(node).find_map(hold).or_else(|| graph.scopes(node).find_map(breaker))
    }

    /// True if a ready node stands before the closed door of `scope`.
    pub(crate) fn is_wanted(&self, graph: &Graph, scope: Scope) -> bool {
        let ready = |node: &NodeId| self.node(*node).state == NodeState::Ready;
        !self.ready.is_empty()
            && graph
                .order()
                .iter()
                .filter(|node| ready(node))
                .any(|&node| graph.scopes(node).any(|s| s == scope))
    }

    /// The next moment after `now` at which a breaker has been open for too long.
    pub(crate) fn next_limit(&self, config: &RunConfig, now: Timestamp) -> Option<(Timestamp, Timer)> {
        let policy = config.breaker.filter(|policy| policy.when_open == WhenOpen::Wait)?;
        if !matches!(self.phase, Phase::Running | Phase::Paused(_)) {
            return None;
        }
        let ahead = self.limits_of_breakers(policy.limit_ms).filter(|(_, at)| *at > now);
        ahead.map(|(scope, at)| (at, Timer::OpenTooLong(scope))).min()
    }

    /// Each breaker that is not closed and has not been escalated, with the end of its patience.
    pub(crate) fn limits_of_breakers(&self, limit_ms: u64) -> impl Iterator<Item = (Scope, Timestamp)> + '_ {
        let told = |scope: &Scope| self.scopes.escalations.contains_key(scope);
        let open = self.scopes.breakers.iter().filter(move |(scope, _)| !told(scope));
        open.filter_map(move |(&scope, breaker)| Some((scope, breaker.open_since? + limit_ms)))
    }
}
