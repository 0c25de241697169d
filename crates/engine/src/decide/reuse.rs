//! Whether the outcome of an earlier run stands for a node: asked once all that it waits for is settled.
//!
//! Knows no content keys; the runtime answers.

use super::Decider;
use crate::effect::Effect;
use crate::event::EventKind;
use crate::ids::{AttemptId, NodeId};
use crate::input::Recalled;
use crate::outcome::NodeOutcome;
use crate::state::Closing;
use crate::state::node::NodeState;

impl Decider<'_> {
    /// A node may start: if it may be reused, the earlier runs are asked first.
    pub(super) fn recall(&mut self, node: NodeId) {
        if self.state().closing != Closing::No {
            return self.stop_node(node);
        }
        let policy = self.graph().policy(node);
        if self.config.reuse || policy.cache {
            return self.effect(Effect::Recall { node });
        }
        self.make_ready(node);
    }

    pub(super) fn recalled(&mut self, node: NodeId, answer: Recalled) {
        if self.node(node).state != NodeState::Pending || self.node(node).open > 0 {
            return;
        }
        if self.state().closing != Closing::No {
            return self.stop_node(node);
        }
        match answer {
            Recalled::Found(reused) => {
                self.start_wave_of(node);
                let attempt = AttemptId(self.state().next_attempt);
                self.emit(EventKind::NodeReused { node, attempt, reused });
                if self.graph().policy(node).collects {
                    // Its work is there; landing decides.
                    self.after_settled(node);
                } else {
                    self.end_node(node, NodeOutcome::Succeeded, None);
                }
            }
            Recalled::Missed(why) => {
                self.emit(EventKind::ReuseMissed(node, why));
                self.make_ready(node);
            }
        }
    }
}
