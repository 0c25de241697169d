//! Caps, counted resources and locks: what is in use, what a node lacks, the high-water marks.
//!
//! Counts live work only. Knows no queue and no order; `admission` asks.

use crate::graph::Graph;
use crate::ids::NodeId;
use crate::spec::{ClaimKind, Limits};

/// Names one cap, resource or lock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CapRef {
    /// `limits.max_parallel`.
    Global,
    /// `limits.per_wave`.
    Wave(u32),
    /// `limits.per_priority`, 0 = P0.
    Priority(u32),
    /// `limits.per_agent`, by agent index.
    Agent(u32),
    /// `limits.per_tag`, by tag index.
    Tag(u32),
    /// A counted resource or lock, by index.
    Resource(u32),
}

/// How much of a resource or lock is in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Held {
    /// Units of a counted resource.
    pub units: u64,
    /// Holders of a shared lock.
    pub shared: u32,
    /// An exclusive holder exists.
    pub exclusive: bool,
}

/// Live work by every cap.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InUse {
    /// All live nodes.
    pub total: u32,
    /// By wave.
    pub waves: Vec<u32>,
    /// By declared priority.
    pub priorities: [u32; 4],
    /// By agent.
    pub agents: Vec<u32>,
    /// By tag.
    pub tags: Vec<u32>,
    /// By resource.
    pub resources: Vec<Held>,
}

impl InUse {
    /// Nothing in use, with a place for every index of `graph`.
    #[must_use]
    pub fn none(graph: &Graph) -> InUse {
        InUse {
            total: 0,
            waves: vec![0; graph.waves() as usize],
            priorities: [0; 4],
            agents: vec![0; graph.agents.len()],
            tags: vec![0; graph.tag_names.len()],
            resources: vec![Held::default(); graph.resources.len()],
        }
    }

    /// Counts `node` in.
    pub fn take(&mut self, graph: &Graph, node: NodeId) {
        self.count(graph, node, |n| *n += 1);
        for claim in graph.claims(node) {
            let held = &mut self.resources[claim.resource as usize];
            match claim.kind {
                ClaimKind::Units(units) => held.units += u64::from(units),
                ClaimKind::Shared => held.shared += 1,
                ClaimKind::Exclusive => held.exclusive = true,
            }
        }
    }

    /// Counts `node` out.
    pub fn release(&mut self, graph: &Graph, node: NodeId) {
        self.count(graph, node, |n| *n -= 1);
        for claim in graph.claims(node) {
            let held = &mut self.resources[claim.resource as usize];
            match claim.kind {
                ClaimKind::Units(units) => held.units -= u64::from(units),
                ClaimKind::Shared => held.shared -= 1,
                ClaimKind::Exclusive => held.exclusive = false,
            }
        }
    }

    fn count(&mut self, graph: &Graph, node: NodeId, step: impl Fn(&mut u32)) {
        let facts = graph.facts(node);
        step(&mut self.total);
        step(&mut self.waves[facts.wave as usize]);
        step(&mut self.priorities[facts.priority.index()]);
        if let Some(agent) = facts.agent {
            step(&mut self.agents[agent as usize]);
        }
        for &tag in graph.tags(node) {
            step(&mut self.tags[tag as usize]);
        }
    }

    /// Raises every mark of `self` to what `now` has in use.
    pub fn raise(&mut self, now: &InUse, graph: &Graph, node: NodeId) {
        let facts = graph.facts(node);
        let up = |mark: &mut u32, now: u32| *mark = (*mark).max(now);
        up(&mut self.total, now.total);
        let wave = facts.wave as usize;
        up(&mut self.waves[wave], now.waves[wave]);
        up(&mut self.priorities[facts.priority.index()], now.priorities[facts.priority.index()]);
        if let Some(agent) = facts.agent {
            up(&mut self.agents[agent as usize], now.agents[agent as usize]);
        }
        for &tag in graph.tags(node) {
            up(&mut self.tags[tag as usize], now.tags[tag as usize]);
        }
        for claim in graph.claims(node) {
            let (mark, now) =
                (&mut self.resources[claim.resource as usize], now.resources[claim.resource as usize]);
            mark.units = mark.units.max(now.units);
            mark.shared = mark.shared.max(now.shared);
            mark.exclusive |= now.exclusive;
        }
    }
}

/// The caps and resources that `node` uses and that have no room for it now, the global one apart.
#[must_use]
pub fn lacking(graph: &Graph, limits: &Limits, used: &InUse, node: NodeId) -> Vec<CapRef> {
    let facts = graph.facts(node);
    let full = |cap: Option<u32>, used: u32| cap.is_some_and(|c| used >= c);
    let mut lacks = Vec::new();
    if full(limits.per_wave, used.waves[facts.wave as usize]) {
        lacks.push(CapRef::Wave(facts.wave));
    }
    let p = facts.priority.index();
    if full(limits.per_priority[p], used.priorities[p]) {
        lacks.push(CapRef::Priority(p as u32));
    }
    if let Some(agent) = facts.agent
        && full(limits.per_agent[agent as usize], used.agents[agent as usize])
    {
        lacks.push(CapRef::Agent(agent));
    }
    for &tag in graph.tags(node) {
        if full(limits.per_tag[tag as usize], used.tags[tag as usize]) {
            lacks.push(CapRef::Tag(tag));
        }
    }
    for claim in graph.claims(node) {
        let held = used.resources[claim.resource as usize];
        let room = match claim.kind {
            ClaimKind::Units(units) => {
                let capacity = graph.resources[claim.resource as usize].capacity.unwrap_or(1);
                !held.exclusive && held.units + u64::from(units) <= u64::from(capacity)
            }
            ClaimKind::Shared => !held.exclusive,
            ClaimKind::Exclusive => !held.exclusive && held.shared == 0 && held.units == 0,
        };
        if !room {
            lacks.push(CapRef::Resource(claim.resource));
        }
    }
    lacks
}

/// True if `node` would use `cap`.
#[must_use]
pub fn uses(graph: &Graph, node: NodeId, cap: CapRef) -> bool {
    let facts = graph.facts(node);
    match cap {
        CapRef::Global => true,
        CapRef::Wave(wave) => facts.wave == wave,
        CapRef::Priority(p) => facts.priority.index() as u32 == p,
        CapRef::Agent(agent) => facts.agent == Some(agent),
        CapRef::Tag(tag) => graph.tags(node).contains(&tag),
        CapRef::Resource(resource) => graph.claims(node).iter().any(|c| c.resource == resource),
    }
}
