//! Maps over a list (`for_each`): a node for each item that there may be, its slot.
//!
//! How many items there are is asked once, when everything that the map waits for is settled. Until then its first slot
//! stands for all of them; afterwards the slots beyond the last item are absent: nobody sees them and nobody waits for
//! them. So the graph of a run never grows, and every rule about nodes is a rule about slots. Knows no items.

use crate::ids::NodeId;
use std::collections::BTreeMap;

/// The slots of a graph.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Maps {
    pub(crate) slots: Vec<Box<[NodeId]>>,
    pub(crate) of: BTreeMap<NodeId, Slot>,
}

/// One slot of a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// The map, by index.
    pub map: u32,
    /// Its place among the slots: the index of its item.
    pub index: u32,
}

impl Maps {
    /// Of slots by node index.
    pub(crate) fn new(maps: &[Vec<u32>]) -> Maps {
        let slots: Vec<Box<[NodeId]>> =
            maps.iter().map(|map| map.iter().copied().map(NodeId).collect()).collect();
        let of = slots.iter().zip(0..).flat_map(|(nodes, map)| {
            nodes.iter().zip(0..).map(move |(&node, index)| (node, Slot { map, index }))
        });
        Maps { of: of.collect(), slots }
    }

    /// Moves the slots of each map into the order of their items, within the places that they have in `by_id`.
    pub(crate) fn settle_order(&self, by_id: &mut [(u128, u32)]) {
        if self.of.is_empty() {
            return;
        }
        let mut places: Vec<Vec<usize>> = vec![Vec::new(); self.slots.len()];
        for (place, &(_, node)) in by_id.iter().enumerate() {
            if let Some(slot) = self.of.get(&NodeId(node)) {
                places[slot.map as usize].push(place);
            }
        }
        for (places, nodes) in places.iter().zip(&self.slots) {
            for (&place, node) in places.iter().zip(nodes) {
                by_id[place].1 = node.0;
            }
        }
    }
}
