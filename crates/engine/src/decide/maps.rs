//! How a map comes to its slots: asked once, when all that it waits for is settled.
//!
//! Knows no items.

use super::Decider;
use crate::cause::Cause;
use crate::event::EventKind;
use crate::ids::NodeId;
use crate::input::Expansion;
use crate::outcome::NodeOutcome;
use crate::state::Closing;
use crate::state::node::NodeState;

impl Decider<'_> {
    pub(super) fn expanded(&mut self, node: NodeId, answer: Expansion) {
        let waits = self.node(node).state == NodeState::Pending && self.node(node).open == 0;
        let Some(slot) = self
            .graph
            .slot(node)
            .filter(|slot| waits && slot.index == 0 && self.state().items(slot.map).is_none())
        else {
            return;
        };
        if self.state().closing != Closing::No {
            return self.stop_node(node);
        }
        let slots = self.graph.slots(slot.map);
        let answer = match answer {
            Expansion::Items(items) if items as usize > slots.len() => {
                Expansion::Error(format!("{items} items, at most {}", slots.len()).into())
            }
            Expansion::Items(_) | Expansion::Error(_) => answer,
        };
        self.start_wave_of(node);
        self.emit(EventKind::NodeExpanded(node, answer.clone()));
        self.release_behind(node);
        match answer {
            Expansion::Items(items) => {
                slots[..items as usize].iter().for_each(|&slot| self.proceed(slot));
            }
            Expansion::Error(_) => self.end_node(node, NodeOutcome::Failed, Some(Cause::Resolution)),
        }
    }

    /// Slots became absent with this one's map: what waited for them alone may be decided, and the wave may end.
    pub(super) fn release_behind(&mut self, node: NodeId) {
        let Some(slot) = self.graph.slot(node) else { return };
        let (graph, state) = (self.graph, &*self.state);
        let absent = graph.slots(slot.map).iter().filter(|&&slot| state.is_absent(graph, slot));
        let behind = absent.flat_map(|&slot| graph.succs(slot));
        self.released.extend(behind.filter(|&next| state.node(next).open == 0));
        self.end_wave_of(node);
    }
}
