//! What of the budgets is used up: the fold of what attempts reported. A part of the state.
//!
//! Keeps sums of nodes that have a budget of their own only.

use crate::budget::{Level, Spent};
use crate::graph::Graph;
use crate::ids::NodeId;
use crate::report::Usage;
use crate::spec::RunConfig;
use std::collections::BTreeMap;

/// What was used up, and what was told of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Budgets {
    /// By all attempts.
    pub run: Spent,
    pub(crate) nodes: BTreeMap<NodeId, Spent>,
    /// The highest level that an event told of: of the run, or of a node.
    pub(crate) told: BTreeMap<Option<NodeId>, Level>,
}

impl Budgets {
    /// An attempt of a node ended.
    pub(crate) fn add(&mut self, graph: &Graph, node: NodeId, usage: &Usage) {
        self.run.add(usage);
        if graph.policy(node).budget.is_some() {
            self.nodes.entry(node).or_default().add(usage);
        }
    }

    /// How far the budget of a node, or of the run, is used up.
    pub(crate) fn level(&self, (graph, config): (&Graph, &RunConfig), of: Option<NodeId>) -> Option<Level> {
        match of {
            None => config.budget?.level(self.run),
            Some(node) => {
                graph.policy(node).budget?.level(self.nodes.get(&node).copied().unwrap_or_default())
            }
        }
    }

    /// True if an attempt of the node may not start: its own budget is used up, or it is an agent's and the run's is.
    pub(crate) fn bar(&self, graph: &Graph, node: NodeId) -> bool {
        let full = |of: Option<NodeId>| self.told.get(&of) == Some(&Level::Full);
        graph.facts(node).agent.is_some() && (full(None) || full(Some(node)))
    }

    /// True if any budget is used up.
    pub(crate) fn any_full(&self) -> bool {
        self.told.values().any(|level| *level == Level::Full)
    }
}
