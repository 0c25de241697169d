//! The graph as dense arrays: names, edges both ways, waves, order key, ranks, remaining paths.
//!
//! Built once from a [`crate::spec::GraphSpec`], immutable afterwards. Knows nothing of states and time.
//! ```text
//! GraphSpec --edges--> preds/succs (CSR) --Kahn 1962--> waves --sort by (wave, priority, id)--> order, rank
//!                                                       `--backwards--> longest remaining path
//! ```

use crate::ids::NodeId;
use crate::maps::{Maps, Slot};
use crate::rows::Rows;
use crate::spec::{Asked, Claim, Limits, Policy, Priority, ResourceSpec};
use std::collections::BTreeMap;

/// What the engine knows of one node besides its edges.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// Declared priority.
    pub priority: Priority,
    /// Index of its agent.
    pub agent: Option<u32>,
    /// Index of its policy.
    pub policy: u32,
    /// 0-based wave.
    pub wave: u32,
    /// 0-based place within its wave.
    pub rank: u32,
    /// 0-based place in the whole order key.
    pub pos: u32,
    /// Longest remaining path in milliseconds (or in nodes if nothing is known), itself included.
    pub remaining: u64,
    /// Index of its tool.
    pub tool: Option<u32>,
}

/// The immutable graph of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Graph {
    pub(crate) text: String,
    pub(crate) name_start: Vec<u32>,
    pub(crate) preds: Rows,
    pub(crate) succs: Rows,
    pub(crate) tags: Rows,
    pub(crate) claim_start: Vec<u32>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) facts: Vec<Facts>,
    pub(crate) order: Vec<NodeId>,
    pub(crate) wave_start: Vec<u32>,
    pub(crate) durations_ms: Vec<u64>,
    /// What admission looks at in place of the longest remaining path, by node; empty if no order is pinned.
    pub(crate) pinned: Vec<u64>,
    pub(crate) maps: Maps,
    pub(crate) persons: BTreeMap<NodeId, Asked>,
    /// Distinct policies.
    pub policies: Vec<Policy>,
    /// Counted resources and locks.
    pub resources: Vec<ResourceSpec>,
    /// Names of agents.
    pub agents: Vec<String>,
    /// Names of tags.
    pub tag_names: Vec<String>,
    /// Names of tools.
    pub tools: Vec<String>,
}

impl Graph {
    /// The number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// True for the empty plan.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// What a person is asked about a node, if one decides it.
    #[must_use]
    pub fn asked(&self, node: NodeId) -> Option<&Asked> {
        self.persons.get(&node)
    }

    /// The id of a node as written in the plan.
    #[must_use]
    pub fn name(&self, node: NodeId) -> &str {
        let i = node.index();
        &self.text[self.name_start[i] as usize..self.name_start[i + 1] as usize]
    }

    /// Facts of a node.
    #[must_use]
    pub fn facts(&self, node: NodeId) -> &Facts {
        &self.facts[node.index()]
    }

    /// The policy of a node.
    #[must_use]
    pub fn policy(&self, node: NodeId) -> &Policy {
        &self.policies[self.facts(node).policy as usize]
    }

    /// Direct predecessors, ascending by index.
    pub fn preds(&self, node: NodeId) -> impl ExactSizeIterator<Item = NodeId> + '_ {
        self.preds.row(node).iter().map(|&i| NodeId(i))
    }

    /// Direct successors, ascending by index.
    pub fn succs(&self, node: NodeId) -> impl ExactSizeIterator<Item = NodeId> + '_ {
        self.succs.row(node).iter().map(|&i| NodeId(i))
    }

    /// Tags of a node, ascending.
    #[must_use]
    pub fn tags(&self, node: NodeId) -> &[u32] {
        self.tags.row(node)
    }

    /// Claims of a node in canonical order.
    #[must_use]
    pub fn claims(&self, node: NodeId) -> &[Claim] {
        let i = node.index();
        &self.claims[self.claim_start[i] as usize..self.claim_start[i + 1] as usize]
    }

    /// True if a node claims a lease.
    #[must_use]
    pub fn has_lease(&self, node: NodeId) -> bool {
        self.claims(node).iter().any(|claim| self.resources[claim.resource as usize].lease)
    }

    /// All nodes in order key: wave, priority, id.
    #[must_use]
    pub fn order(&self) -> &[NodeId] {
        &self.order
    }

    /// The number of waves.
    #[must_use]
    pub fn waves(&self) -> u32 {
        self.wave_start.len().saturating_sub(1) as u32
    }

    /// The nodes of a wave in order key.
    #[must_use]
    pub fn wave(&self, wave: u32) -> &[NodeId] {
        let w = wave as usize;
        &self.order[self.wave_start[w] as usize..self.wave_start[w + 1] as usize]
    }

    /// The number of edges.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.preds.total()
    }

    /// Expected duration of a node in milliseconds as used for the order (1 each where nothing is known).
    #[must_use]
    pub fn duration_ms(&self, node: NodeId) -> u64 {
        self.durations_ms[node.index()]
    }

    /// Pins the order in which ready nodes of one priority class are admitted under `dataflow`; those that it leaves
    /// out come after all others, the longest remaining path first. An empty order pins nothing.
    pub fn pin(&mut self, order: &[NodeId]) {
        self.pinned = match order {
            [] => Vec::new(),
            _ => self.facts.iter().map(|facts| facts.remaining.min(u64::MAX / 2)).collect(),
        };
        for (node, place) in order.iter().zip(0..) {
            self.pinned[node.index()] = u64::MAX - place;
        }
    }

    /// True if an order is pinned.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        !self.pinned.is_empty()
    }

    /// What admission looks at after the class, most first: the place in a pinned order, else the longest remaining path.
    pub(crate) fn urgency(&self, node: NodeId) -> u64 {
        self.pinned.get(node.index()).copied().unwrap_or_else(|| self.facts(node).remaining)
    }

    /// The node of a name; linear, for commands typed by people.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<NodeId> {
        (0..self.len() as u32).map(NodeId).find(|&n| self.name(n) == name)
    }

    /// Limits stretched to the tables of this graph, so that every index has an entry.
    #[must_use]
    pub fn fit(&self, mut limits: Limits) -> Limits {
        limits.per_agent.resize(self.agents.len(), None);
        limits.per_tag.resize(self.tag_names.len(), None);
        limits
    }
}

impl Graph {
    /// The number of maps.
    #[must_use]
    pub fn maps(&self) -> u32 {
        self.maps.slots.len() as u32
    }

    /// The slot that a node is, if it is one of a map.
    #[must_use]
    pub fn slot(&self, node: NodeId) -> Option<Slot> {
        self.maps.of.get(&node).copied()
    }

    /// The slots of a map in the order of their items; at least one.
    #[must_use]
    pub fn slots(&self, map: u32) -> &[NodeId] {
        &self.maps.slots[map as usize]
    }

    /// True for what stands for itself whatever is found when the run comes to it: every node but the slots of a map
    /// behind its first.
    #[must_use]
    pub fn is_sure(&self, node: NodeId) -> bool {
        self.slot(node).is_none_or(|slot| slot.index == 0)
    }
}
