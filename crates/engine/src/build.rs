//! Builds a [`Graph`] from a [`GraphSpec`]: edges both ways, waves, order key, ranks, remaining paths.
//!
//! Every step is linear or one sort; nothing recurses. Knows nothing of states and time.

use crate::graph::{Facts, Graph};
use crate::ids::NodeId;
use crate::maps::Maps;
use crate::rows::Rows;
use crate::spec::{Claim, ClaimKind, GraphSpec, NodeSpec};
use std::collections::BTreeSet;

/// Why a [`GraphSpec`] is not a graph. The plan crate finds all of these earlier, with spans.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GraphError {
    /// Edges form a cycle through this node.
    #[error("task `{0}` is part of a cycle")]
    Cycle(String),
    /// Two nodes share an id.
    #[error("task `{0}` exists twice")]
    Duplicate(String),
    /// An index points outside its table.
    #[error("task `{task}` names {what} {index}, which does not exist")]
    Range {
        /// The task.
        task: String,
        /// The table.
        what: &'static str,
        /// The index.
        index: u32,
    },
    /// The pinned order names a node that there is not.
    #[error("the order names task {0}, which does not exist")]
    Pinned(u32),
    /// A node claims more than there is.
    #[error("task `{task}` claims {units} units of `{resource}`, more than there are")]
    Claim {
        /// The task.
        task: String,
        /// The resource.
        resource: String,
        /// What it claims.
        units: u32,
    },
    /// A map has no slot, or a node is a slot twice.
    #[error("map {0} has no slot, or shares one")]
    Map(u32),
    /// More than `u32::MAX` nodes or edges.
    #[error("the graph has too many nodes or edges")]
    TooLarge,
}

impl Graph {
    /// Builds the graph.
    ///
    /// # Errors
    /// A cycle, a duplicate id, an index outside its table, or more than 2^32 - 1 nodes or edges.
    pub fn build(spec: GraphSpec) -> Result<Graph, GraphError> {
        check_ranges(&spec)?;
        let n = spec.nodes.len();
        let (mut preds, mut tags) = (Rows::new(), Rows::new());
        let (mut text, mut name_start) = (String::new(), vec![0_u32]);
        let (mut claims, mut claim_start) = (Vec::new(), vec![0_u32]);
        for node in &spec.nodes {
            preds.push_row(sorted(&node.needs)).ok_or(GraphError::TooLarge)?;
            tags.push_row(sorted(&node.tags)).ok_or(GraphError::TooLarge)?;
            text.push_str(&node.id);
            name_start.push(u32::try_from(text.len()).map_err(|_| GraphError::TooLarge)?);
            claims.extend(merged(&node.claims));
            claim_start.push(u32::try_from(claims.len()).map_err(|_| GraphError::TooLarge)?);
        }
        let succs = preds.transposed(n);
        let (waves, topological) =
            waves(&preds, &succs, n).map_err(|i| GraphError::Cycle(spec.nodes[i].id.clone()))?;
        let maps = maps(&spec)?;
        let order = order(&spec, &maps, &waves)?;
        let durations_ms = durations(&spec);
        let remaining = remaining(&succs, &topological, &durations_ms);
        let wave_start = wave_starts(&order, &waves);
        let mut facts: Vec<Facts> = spec
            .nodes
            .iter()
            .enumerate()
            .map(|(i, node)| Facts {
                priority: node.priority,
                agent: node.agent,
                policy: node.policy,
                wave: waves[i],
                rank: 0,
                pos: 0,
                remaining: remaining[i],
                tool: node.tool,
            })
            .collect();
        for (pos, node) in order.iter().enumerate() {
            let f = &mut facts[node.index()];
            f.pos = pos as u32;
            f.rank = f.pos - wave_start[f.wave as usize];
        }
        let GraphSpec { persons, agents, tags: tag_names, resources, policies, tools, pinned, .. } = spec;
        let mut graph = Graph {
            text,
            name_start,
            preds,
            succs,
            tags,
            claim_start,
            claims,
            facts,
            order,
            wave_start,
            durations_ms,
            pinned: Vec::new(),
            maps,
            persons: persons.into_iter().map(|(i, asked)| (NodeId(i), asked)).collect(),
            policies,
            resources,
            agents,
            tag_names,
            tools,
        };
        graph.pin(&pinned.into_iter().map(NodeId).collect::<Vec<_>>());
        Ok(graph)
    }
}

fn sorted(items: &[u32]) -> Vec<u32> {
    let mut items = items.to_vec();
    items.sort_unstable();
    items.dedup();
    items
}

fn check_ranges(spec: &GraphSpec) -> Result<(), GraphError> {
    u32::try_from(spec.nodes.len()).map_err(|_| GraphError::TooLarge)?;
    if let Some(&index) = spec.pinned.iter().find(|&&i| i as usize >= spec.nodes.len()) {
        return Err(GraphError::Pinned(index));
    }
    for node in &spec.nodes {
        let range = |what, index| GraphError::Range { task: node.id.clone(), what, index };
        let outside = |items: &[u32], len: usize| items.iter().copied().find(|&i| i as usize >= len);
        let resources: Vec<u32> = node.claims.iter().map(|c| c.resource).collect();
        let tables: [(&'static str, &[u32], usize); 6] = [
            ("task", &node.needs, spec.nodes.len()),
            ("tag", &node.tags, spec.tags.len()),
            ("agent", node.agent.as_slice(), spec.agents.len()),
            ("tool", node.tool.as_slice(), spec.tools.len()),
            ("resource", &resources, spec.resources.len()),
            ("policy", &[node.policy], spec.policies.len()),
        ];
        for (what, items, len) in tables {
            outside(items, len).map_or(Ok(()), |index| Err(range(what, index)))?;
        }
        check_claims(spec, node)?;
    }
    Ok(())
}

/// A claim above the capacity could never be granted, and the run would never end.
fn check_claims(spec: &GraphSpec, node: &NodeSpec) -> Result<(), GraphError> {
    for claim in merged(&node.claims) {
        let resource = &spec.resources[claim.resource as usize];
        if let ClaimKind::Units(units) = claim.kind
            && units > resource.capacity.unwrap_or(1)
        {
            return Err(GraphError::Claim { task: node.id.clone(), resource: resource.name.clone(), units });
        }
    }
    Ok(())
}

/// One claim per resource, in canonical order: units add up, the exclusive claim covers every other.
fn merged(claims: &[Claim]) -> Vec<Claim> {
    let mut all = claims.to_vec();
    all.sort_unstable();
    all.dedup_by(|next, kept| {
        if next.resource != kept.resource {
            return false;
        }
        kept.kind = match (kept.kind, next.kind) {
            (ClaimKind::Exclusive, _) | (_, ClaimKind::Exclusive) => ClaimKind::Exclusive,
            (ClaimKind::Units(a), ClaimKind::Units(b)) => ClaimKind::Units(a.saturating_add(b)),
            (ClaimKind::Units(units), ClaimKind::Shared) | (ClaimKind::Shared, ClaimKind::Units(units)) => {
                ClaimKind::Units(units)
            }
            (ClaimKind::Shared, ClaimKind::Shared) => ClaimKind::Shared,
        };
        true
    });
    all
}

/// The maps, if each has slots of its own.
fn maps(spec: &GraphSpec) -> Result<Maps, GraphError> {
    let mut seen = BTreeSet::new();
    for (slots, map) in spec.maps.iter().zip(0..) {
        let own = |&slot: &u32| (slot as usize) < spec.nodes.len() && seen.insert(slot);
        if slots.is_empty() || !slots.iter().all(own) {
            return Err(GraphError::Map(map));
        }
    }
    Ok(Maps::new(&spec.maps))
}

/// Kahn's algorithm (Kahn 1962); the wave of a node is 1 + the largest wave of its predecessors.
/// Answers the waves and a topological order, or the first node that a cycle holds back.
fn waves(preds: &Rows, succs: &Rows, n: usize) -> Result<(Vec<u32>, Vec<u32>), usize> {
    let mut open: Vec<u32> = (0..n).map(|i| preds.row(NodeId(i as u32)).len() as u32).collect();
    let mut wave = vec![0_u32; n];
    let mut queue: Vec<u32> = (0..n as u32).filter(|&i| open[i as usize] == 0).collect();
    let mut head = 0;
    while let Some(&i) = queue.get(head) {
        head += 1;
        let below = wave[i as usize] + 1;
        for &s in succs.row(NodeId(i)) {
            let s = s as usize;
            wave[s] = wave[s].max(below);
            open[s] -= 1;
            if open[s] == 0 {
                queue.push(s as u32);
            }
        }
    }
    open.iter().position(|&o| o > 0).map_or(Ok((wave, queue)), Err)
}

/// The order key: wave, then priority, then id bytewise, slots of one map by the index of their items. Two nodes that compare equal share an id.
fn order(spec: &GraphSpec, maps: &Maps, waves: &[u32]) -> Result<Vec<NodeId>, GraphError> {
    let id = |i: u32| spec.nodes[i as usize].id.as_bytes();
    let mut by_id: Vec<(u128, u32)> = (0..spec.nodes.len() as u32).map(|i| (prefix(id(i)), i)).collect();
    by_id.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| id(a.1).cmp(id(b.1))));
    if let Some(pair) = by_id.windows(2).find(|p| p[0].0 == p[1].0 && id(p[0].1) == id(p[1].1)) {
        return Err(GraphError::Duplicate(spec.nodes[pair[0].1 as usize].id.clone()));
    }
    maps.settle_order(&mut by_id);
    // A counting sort by wave and priority keeps the order of the ids.
    let class = |i: u32| waves[i as usize] as usize * 4 + spec.nodes[i as usize].priority.index();
    let mut next = vec![0_u32; waves.iter().max().map_or(0, |&w| w as usize * 4 + 4) + 1];
    for &(_, i) in &by_id {
        next[class(i) + 1] += 1;
    }
    for c in 1..next.len() {
        next[c] += next[c - 1];
    }
    let mut order = vec![NodeId(0); by_id.len()];
    for &(_, i) in &by_id {
        let slot = &mut next[class(i)];
        order[*slot as usize] = NodeId(i);
        *slot += 1;
    }
    Ok(order)
}

/// The first bytes of an id as a number, so that most comparisons touch no text.
fn prefix(id: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(id) {
        *to = *from;
    }
    u128::from_be_bytes(bytes)
}

fn wave_starts(order: &[NodeId], waves: &[u32]) -> Vec<u32> {
    let mut starts = Vec::new();
    for (pos, node) in order.iter().enumerate() {
        if waves[node.index()] as usize == starts.len() {
            starts.push(pos as u32);
        }
    }
    starts.push(order.len() as u32);
    starts
}

/// Known estimates; unknown ones take the median of the known; 1 each if none is known. A map counts once: how many of its
/// slots there will be is not known.
fn durations(spec: &GraphSpec) -> Vec<u64> {
    let mut counts = vec![true; spec.nodes.len()];
    for slot in spec.maps.iter().flat_map(|slots| slots.iter().skip(1)) {
        counts[*slot as usize] = false;
    }
    let counted = spec.nodes.iter().zip(counts).filter(|(_, counts)| *counts);
    let mut known: Vec<u64> = counted.filter_map(|(n, _)| n.estimate_ms).collect();
    known.sort_unstable();
    let fallback = known.get(known.len() / 2).copied().unwrap_or(1);
    // How long a person thinks is nobody's to guess, and takes no slot.
    let unknown = |i: u32| if spec.persons.contains_key(&i) { 0 } else { fallback };
    spec.nodes.iter().zip(0..).map(|(n, i)| n.estimate_ms.unwrap_or_else(|| unknown(i))).collect()
}

fn remaining(succs: &Rows, topological: &[u32], durations_ms: &[u64]) -> Vec<u64> {
    let mut remaining = vec![0_u64; durations_ms.len()];
    for &i in topological.iter().rev() {
        let after = succs.row(NodeId(i)).iter().map(|&s| remaining[s as usize]).max().unwrap_or(0);
        remaining[i as usize] = after.saturating_add(durations_ms[i as usize]);
    }
    remaining
}
