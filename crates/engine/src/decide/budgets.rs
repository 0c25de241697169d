//! What a budget that is nearly or wholly used up means: an event, no further attempt of an agent, and if it is hard, the
//! end of those that run.
//!
//! Looks at what the fold has summed; what an attempt uses is known when it has ended, not before.

use super::Decider;
use crate::budget::Level;
use crate::cause::Cause;
use crate::event::EventKind;
use crate::ids::NodeId;
use crate::outcome::NodeOutcome;
use crate::report::Usage;
use crate::state::node::NodeState;
use crate::state::{Closing, Phase};

impl Decider<'_> {
    /// An attempt of `node` has ended, and what it used is summed.
    pub(super) fn mind_budgets(&mut self, node: NodeId) {
        for of in [Some(node), None] {
            self.mind_budget(of);
        }
    }

    /// An agent that helped landing used something, which counts for the run.
    pub(super) fn helper_spent(&mut self, usage: Usage) {
        self.emit(EventKind::HelperSpent(Box::new(usage)));
        self.mind_budget(None);
    }

    fn mind_budget(&mut self, of: Option<NodeId>) {
        let budgets = &self.state().budgets;
        let level = budgets.level((self.graph, self.config), of);
        if let Some(level) = level.filter(|level| budgets.told.get(&of) < Some(level)) {
            self.emit(EventKind::BudgetReached(of, level));
            if of.is_none() && level == Level::Full && self.config.budget.is_some_and(|b| b.hard) {
                self.end_agents();
            }
        }
    }

    fn end_agents(&mut self) {
        let graph = self.graph;
        let live: Vec<NodeId> = self.state().live().map(|(_, node)| node).collect();
        for node in live.into_iter().filter(|node| graph.facts(*node).agent.is_some()) {
            self.end_attempt(node, Cause::Budget);
        }
    }

    /// Ends ready nodes that no budget is left for. Answers whether there was any.
    pub(super) fn end_unpaid(&mut self) -> bool {
        let state = self.state();
        let goes_on = state.phase == Phase::Running && state.closing == Closing::No;
        if !goes_on || !state.budgets.any_full() || state.ready.is_empty() {
            return false;
        }
        let graph = self.graph;
        let unpaid = |node: &NodeId| {
            self.node(*node).state == NodeState::Ready && self.state().budgets.bar(graph, *node)
        };
        let unpaid: Vec<NodeId> = graph.order().iter().copied().filter(unpaid).collect();
        for &node in &unpaid {
            if self.node(node).state == NodeState::Ready {
                self.end_node(node, NodeOutcome::Failed, Some(Cause::Budget));
            }
        }
        !unpaid.is_empty()
    }
}
