//! Folds what is found out about maps: which slots are there, and which are absent.
//!
//! Knows no items.

use super::{Applied, Fact};
use crate::cause::Cause;
use crate::graph::Graph;
use crate::ids::NodeId;
use crate::input::Expansion;
use crate::outcome::NodeOutcome;
use crate::state::State;
use crate::state::node::NodeState;

impl State {
    pub(super) fn node_expanded(&mut self, fact: &Fact<'_>, node: NodeId, answer: &Expansion) -> Applied {
        let slot = fact.graph.slot(node).filter(|slot| slot.index == 0);
        let waits = self.node(node).state == NodeState::Pending && self.node(node).open == 0;
        let map = slot.map(|slot| slot.map).filter(|&map| waits && self.items(map).is_none());
        self.require(fact, map.is_some())?;
        let Some(map) = map else { return Ok(()) };
        let most = fact.graph.slots(map).len() as u32;
        // What is no list is one slot that fails.
        let items = if let Expansion::Items(items) = answer { *items } else { 1 };
        self.require(fact, items <= most)?;
        if matches!(answer, Expansion::Error(_)) {
            self.unlisted.insert(map);
        }
        self.expand(fact.graph, map, items);
        Ok(())
    }

    /// A first slot that ends before it was found how many items there are ends for all of them.
    pub(super) fn ends_for_all(&mut self, graph: &Graph, node: NodeId) {
        if let Some(slot) = graph.slot(node).filter(|slot| slot.index == 0 && self.items(slot.map).is_none())
        {
            self.unlisted.insert(slot.map);
            self.expand(graph, slot.map, 1);
        }
    }

    fn expand(&mut self, graph: &Graph, map: u32, items: u32) {
        self.items[map as usize] = Some(items);
        let slots = graph.slots(map);
        let further = slots.len() as u32 - 1;
        self.hidden -= further;
        self.asleep -= further;
        for &absent in &slots[items as usize..] {
            self.hidden += 1;
            let cause = Some(Cause::When);
            self.set(graph, absent, NodeState::Ended { outcome: NodeOutcome::Skipped, cause });
        }
    }
}
