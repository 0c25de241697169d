//! Names and times as sentences have them.
//!
//! Knows no state; `explain` says what is the matter.

use crate::caps::CapRef;
use crate::graph::Graph;
use crate::ids::{NodeId, Timestamp};
use crate::state::Bar;

/// The name of a cap as the plan spells it.
#[must_use]
pub fn cap_name(graph: &Graph, cap: CapRef) -> String {
    match cap {
        CapRef::Global => "limits.max_parallel".to_owned(),
        CapRef::Wave(wave) => format!("limits.per_wave (wave {})", wave + 1),
        CapRef::Priority(p) => format!("limits.per_priority.P{p}"),
        CapRef::Agent(i) => format!("limits.per_agent.{}", graph.agents[i as usize]),
        CapRef::Tag(i) => format!("limits.per_tag.{}", graph.tag_names[i as usize]),
        CapRef::Resource(i) => {
            let spec = &graph.resources[i as usize];
            let kind = if spec.capacity.is_some() { "resource" } else { "lock" };
            format!("{kind} `{}`", spec.name)
        }
    }
}

/// Engine time for people.
pub(crate) fn seconds(at: Timestamp) -> String {
    format!("{}.{:03} s", at.0 / 1000, at.0 % 1000)
}

/// Nodes by name, the first few of them.
pub(crate) fn list(graph: &Graph, nodes: &[NodeId]) -> String {
    const SHOWN: usize = 8;
    let mut text = String::new();
    for (i, &node) in nodes.iter().take(SHOWN).enumerate() {
        text.push_str(if i == 0 { "`" } else { ", `" });
        text.push_str(graph.name(node));
        text.push('`');
    }
    if nodes.len() > SHOWN {
        text.push_str(&format!(" and {} more", nodes.len() - SHOWN));
    }
    text
}

impl Bar {
    /// One sentence for people, without a full stop.
    pub(crate) fn sentence(self, graph: &Graph) -> String {
        match self {
            Bar::Hold { scope, until } => {
                format!("a rate limit holds {} until {}", scope.words(graph), seconds(until))
            }
            Bar::Open { scope, until } => {
                format!("the breaker of {} is open until {}", scope.words(graph), seconds(until))
            }
            Bar::Probing { scope, probe } => {
                format!("the breaker of {} waits for its probe, attempt id {probe}", scope.words(graph))
            }
        }
    }
}
