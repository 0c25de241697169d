//! In which order work is merged: predecessors first; among those that could come next the smallest by domain, wave,
//! priority and id (spec 6 "Merge").
//!
//! Pure.

use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_plan::Plan;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Every node, in merge order.
#[must_use]
pub fn merge_order(plan: &Plan, graph: &Graph) -> Vec<NodeId> {
    let order = plan.merge.as_ref().map(|merge| merge.order.as_slice()).unwrap_or_default();
    let domain = |node: NodeId| {
        let own = plan.tasks.get(node.index()).and_then(|task| task.worktree.as_ref());
        own.and_then(|own| order.iter().position(|domain| *domain == own.domain)).unwrap_or(order.len())
    };
    let place = |node: NodeId| {
        let facts = graph.facts(node);
        Reverse((domain(node), facts.wave, facts.priority.index(), graph.name(node), node))
    };
    let mut open: Vec<usize> = (0..graph.len() as u32).map(|i| graph.preds(NodeId(i)).len()).collect();
    let first = graph.order().iter().copied().filter(|node| open[node.index()] == 0);
    let mut ready: BinaryHeap<_> = first.map(place).collect();
    let mut sorted = Vec::with_capacity(graph.len());
    while let Some(Reverse((.., node))) = ready.pop() {
        sorted.push(node);
        for next in graph.succs(node) {
            open[next.index()] -= 1;
            if open[next.index()] == 0 {
                ready.push(place(next));
            }
        }
    }
    sorted
}
