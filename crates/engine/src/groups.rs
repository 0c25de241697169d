//! Which nodes are alike for admission: what holds back one node of a group holds back all of them.
//!
//! A turn costs the number of groups that it comes to, so only what can hold a node back parts groups: its priority,
//! its caller, its tags that have a cap or were barred, and its claims that somebody else may be in the way of. Tags
//! without a cap are labels, and a plan may have one for every task. Knows no state.

use crate::graph::Graph;
use crate::ids::NodeId;
use crate::spec::{Claim, Limits};
use std::collections::{BTreeMap, BTreeSet};

/// When more tags than this were barred, every tag parts groups, so that they are numbered anew a bounded number of
/// times.
const MOST_BARRED_TAGS: usize = 64;

/// The group of every node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Groups {
    of: Vec<u32>,
    barred: BTreeSet<u32>,
}

impl Groups {
    /// The groups under `limits`, which fit the graph, while no tag was ever barred.
    pub(crate) fn new(graph: &Graph, limits: &Limits) -> Groups {
        Groups { of: numbered(graph, limits, &BTreeSet::new()).0, barred: BTreeSet::new() }
    }

    /// The same under other limits.
    pub(crate) fn under(&self, graph: &Graph, limits: &Limits) -> Groups {
        Groups { of: numbered(graph, limits, &self.barred).0, barred: self.barred.clone() }
    }

    /// The same when a tag is barred too; nothing if that parts no more nodes.
    pub(crate) fn parted_by(&self, graph: &Graph, limits: &Limits, tag: u32) -> Option<Groups> {
        if self.barred.len() > MOST_BARRED_TAGS || self.barred.contains(&tag) {
            return None;
        }
        let mut barred = self.barred.clone();
        barred.insert(tag);
        Some(Groups { of: numbered(graph, limits, &barred).0, barred })
    }

    /// The group of a node.
    pub(crate) fn of(&self, node: NodeId) -> u32 {
        self.of[node.index()]
    }
}

impl Graph {
    /// The number of groups of nodes that the same limits, callers and claims hold back.
    #[must_use]
    pub fn groups(&self, limits: &Limits) -> u32 {
        numbered(self, &self.fit(limits.clone()), &BTreeSet::new()).1
    }
}

/// Numbers what parts nodes, in order of first appearance. A resource that one node alone claims is never contended,
/// unless other runs claim it too.
fn numbered(graph: &Graph, limits: &Limits, barred: &BTreeSet<u32>) -> (Vec<u32>, u32) {
    let all = barred.len() > MOST_BARRED_TAGS;
    let parts = |tag: &u32| all || barred.contains(tag) || limits.per_tag[*tag as usize].is_some();
    let mut claimants = vec![0_u32; graph.resources.len()];
    for claim in &graph.claims {
        claimants[claim.resource as usize] += 1;
    }
    let contended = |claim: &Claim| {
        let resource = claim.resource as usize;
        claimants[resource] > 1 || graph.resources[resource].lease
    };
    let mut seen = BTreeMap::new();
    let of = (0..graph.len() as u32)
        .map(|i| {
            let (node, next) = (NodeId(i), seen.len() as u32);
            let facts = graph.facts(node);
            let tags: Vec<u32> = graph.tags(node).iter().copied().filter(parts).collect();
            let claims: Vec<Claim> = graph.claims(node).iter().copied().filter(contended).collect();
            *seen.entry((facts.priority, facts.agent, facts.tool, tags, claims)).or_insert(next)
        })
        .collect();
    (of, seen.len() as u32)
}
