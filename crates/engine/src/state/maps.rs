//! Questions about slots of maps: which are there, which only may be, and which are not.
//!
//! Knows no events.

use super::State;
use crate::graph::Graph;
use crate::ids::NodeId;

/// The slots of all maps but the first of each.
pub(super) fn further(graph: &Graph) -> u32 {
    (0..graph.maps()).map(|map| graph.slots(map).len() as u32 - 1).sum()
}

impl State {
    /// How many items a map has, once that was found; 1 where it ended without.
    #[must_use]
    pub fn items(&self, map: u32) -> Option<u32> {
        self.items[map as usize]
    }

    /// True for a slot beyond the last item: nobody waits for it, and it counts for nothing.
    #[must_use]
    pub fn is_absent(&self, graph: &Graph, node: NodeId) -> bool {
        graph.slot(node).is_some_and(|slot| self.items(slot.map).is_some_and(|items| slot.index >= items))
    }

    /// The node whose fate decides for who needs `node`: itself, or the first slot of a map that ended without a list.
    pub(crate) fn stands_for(&self, graph: &Graph, node: NodeId) -> NodeId {
        let unlisted = graph.slot(node).filter(|slot| self.unlisted.contains(&slot.map));
        unlisted.map_or(node, |slot| graph.slots(slot.map)[0])
    }

    /// True for a slot of a map of which it is not known yet how many items it has.
    #[must_use]
    pub fn sleeps(&self, graph: &Graph, node: NodeId) -> bool {
        graph.slot(node).is_some_and(|slot| self.items(slot.map).is_none())
    }

    /// What people see: every node but absent slots, and but those that only may be there; for these the first slot of
    /// their map stands.
    #[must_use]
    pub fn is_shown(&self, graph: &Graph, node: NodeId) -> bool {
        graph.slot(node).is_none_or(|slot| slot.index < self.items(slot.map).unwrap_or(1))
    }

    /// The nodes of a wave that are shown, and how many of those are settled.
    #[must_use]
    pub fn progress_of(&self, graph: &Graph, wave: u32) -> (u64, u64) {
        let nodes = graph.wave(wave);
        if graph.maps() == 0 {
            let all = nodes.len() as u64;
            return (all, all - u64::from(self.wave(wave).open));
        }
        let shown = nodes.iter().filter(|&&node| self.is_shown(graph, node));
        shown.fold((0, 0), |(all, settled), &node| {
            (all + 1, settled + u64::from(self.node(node).is_settled()))
        })
    }

    /// The number of nodes that are shown.
    #[must_use]
    pub fn shown(&self) -> u32 {
        self.nodes.len() as u32 - self.hidden
    }
}
