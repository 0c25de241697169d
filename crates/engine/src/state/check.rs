//! Conservation (law 8): what the state counts equals what its nodes say, and no cap is exceeded.
//!
//! Recounts everything from the nodes; linear, for tests and the simulator.

use super::State;
use super::node::NodeState;
use crate::breaker::BreakerPhase;
use crate::caps::InUse;
use crate::graph::Graph;
use crate::ids::NodeId;
use crate::spec::ClaimKind;

/// A broken law.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation(pub String);

impl State {
    /// Every broken law; empty if all hold.
    #[must_use]
    pub fn check(&self, graph: &Graph) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                found.push(Violation(what.to_owned()));
            }
        };
        let mut used = InUse::none(graph);
        let (mut open, mut ready, mut shown) = (0, 0, 0);
        for &node in graph.order() {
            let state = &self.node(node).state;
            if matches!(state, NodeState::Running(_)) {
                used.take(graph, node);
            }
            shown += u32::from(self.is_shown(graph, node));
            ready += usize::from(*state == NodeState::Ready);
            open += u32::from(!self.node(node).is_settled());
            expect(self.open_preds(graph, node) == self.node(node).open, "open predecessors are counted");
        }
        expect(open == self.open, "open nodes are counted");
        expect(shown == self.shown(), "nodes that are shown are counted");
        expect(ready == self.ready.len(), "the queue holds the ready nodes");
        expect(used == self.used, "live work is counted");
        expect(self.live.len() == used.total as usize, "every live attempt has a node");
        let probes = self.scopes.breakers.values().filter_map(|breaker| match breaker.phase {
            BreakerPhase::HalfOpen { probe } => probe,
            BreakerPhase::Closed | BreakerPhase::Open { .. } => None,
        });
        expect(probes.into_iter().all(|probe| self.live.contains_key(&probe)), "a probe is alive");
        self.check_caps(graph, &mut expect);
        found
    }

    fn open_preds(&self, graph: &Graph, node: NodeId) -> u32 {
        graph.preds(node).filter(|&p| !self.node(p).is_settled()).count() as u32
    }

    /// A cap that was lowered under live work (`limits_changed`) is exceeded until that work ends; callers that
    /// change limits ask again then.
    fn check_caps(&self, graph: &Graph, expect: &mut impl FnMut(bool, &str)) {
        let within = |cap: Option<u32>, used: u32| cap.is_none_or(|c| used <= c);
        expect(within(Some(self.limits.max_parallel), self.used.total), "the global cap holds");
        for &used in &self.used.waves {
            expect(within(self.limits.per_wave, used), "the wave cap holds");
        }
        for (cap, used) in self.limits.per_priority.iter().zip(self.used.priorities) {
            expect(within(*cap, used), "the priority caps hold");
        }
        for (cap, used) in self.limits.per_agent.iter().zip(&self.used.agents) {
            expect(within(*cap, *used), "the agent caps hold");
        }
        for (cap, used) in self.limits.per_tag.iter().zip(&self.used.tags) {
            expect(within(*cap, *used), "the tag caps hold");
        }
        for (i, (spec, held)) in graph.resources.iter().zip(&self.used.resources).enumerate() {
            expect(held.units <= u64::from(spec.capacity.unwrap_or(u32::MAX)), "resources hold");
            let exclusive = self
                .live
                .values()
                .flat_map(|&n| graph.claims(n))
                .filter(|c| c.resource == i as u32 && c.kind == ClaimKind::Exclusive)
                .count();
            let alone = exclusive == 1 && held.shared == 0 && held.units == 0;
            expect(exclusive == 0 || alone, "exclusive locks exclude");
        }
    }
}
