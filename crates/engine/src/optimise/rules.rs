//! Rules that order nodes before anything is known of the schedule, each with another eye for what is urgent.
//!
//! Starting points of the search; knows no schedule.

use super::sorted_by;
use crate::graph::Graph;
use crate::ids::NodeId;
use core::cmp::Reverse;

/// A rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rule {
    /// Whose latest end comes first.
    LatestEnd,
    /// Who has the most path behind itself and its direct successors.
    WorkBehind,
    /// Who lies on the longest path.
    LeastSlack,
    /// Who is early and has much to come.
    Between,
    /// Who releases the most nodes.
    MostSuccessors,
    /// Who takes longest.
    LongestFirst,
}

/// All of them, what gained most first.
pub(super) const ALL: [Rule; 6] = [
    Rule::LatestEnd,
    Rule::WorkBehind,
    Rule::LeastSlack,
    Rule::Between,
    Rule::MostSuccessors,
    Rule::LongestFirst,
];

/// The order of a rule; `mirrored` is the same graph with its edges turned.
pub(super) fn order(rule: Rule, graph: &Graph, mirrored: &Graph) -> Vec<NodeId> {
    // Sums of paths fit: estimates are durations, and a path has each node once.
    let ms = |n: NodeId| i128::from(graph.duration_ms(n));
    let after = |n: NodeId| i128::from(graph.facts(n).remaining);
    let before = |n: NodeId| i128::from(mirrored.facts(n).remaining) - ms(n);
    match rule {
        Rule::LatestEnd => sorted_by(graph, |n| ms(n) - after(n)),
        Rule::WorkBehind => sorted_by(graph, |n| Reverse(after(n) + graph.succs(n).map(after).sum::<i128>())),
        Rule::LeastSlack => sorted_by(graph, |n| Reverse(before(n) + after(n))),
        Rule::Between => sorted_by(graph, |n| before(n) - after(n)),
        Rule::MostSuccessors => sorted_by(graph, |n| Reverse(graph.succs(n).len())),
        Rule::LongestFirst => sorted_by(graph, |n| Reverse(ms(n))),
    }
}
