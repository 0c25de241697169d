//! Folds what is known of leases: who waits for them, and for whom they are held until the start.
//!
//! Who has what across runs is not known here.

use super::{Applied, Fact};
use crate::ids::NodeId;
use crate::input::Claimed;
use crate::state::node::NodeState;
use crate::state::{LeaseWait, State};

impl State {
    pub(super) fn lease_claimed(&mut self, fact: &Fact<'_>, node: NodeId, answer: &Claimed) -> Applied {
        self.require(fact, self.may_claim(fact, node))?;
        match answer {
            Claimed::Granted { .. } => {
                self.lease_grants.insert(node);
            }
            Claimed::Taken { resource, by } => {
                self.require(fact, (*resource as usize) < fact.graph.resources.len())?;
                self.lease_waits.insert(node, LeaseWait { resource: *resource, by: by.clone() });
            }
        }
        Ok(())
    }

    pub(super) fn lease_wait_ended(&mut self, fact: &Fact<'_>, node: NodeId) -> Applied {
        let waited = self.lease_waits.remove(&node).is_some();
        let held = self.lease_grants.remove(&node);
        self.require(fact, waited || held)
    }

    fn may_claim(&self, fact: &Fact<'_>, node: NodeId) -> bool {
        self.node(node).state == NodeState::Ready
            && fact.graph.has_lease(node)
            && !self.lease_waits.contains_key(&node)
            && !self.lease_grants.contains(&node)
    }
}
