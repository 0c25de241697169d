//! Permissions that a running attempt asks for: told to people once, answered once, closed by the end of the attempt.
//!
//! Whoever asks again what was answered gets the same answer, so an attempt may outlive whoever heard it first.

use super::Decider;
use crate::effect::Effect;
use crate::event::EventKind;
use crate::ids::AttemptId;
use crate::permission::PermissionTold;

impl Decider<'_> {
    pub(super) fn permission_told(&mut self, attempt: AttemptId, told: PermissionTold) {
        let Some(node) = self.state().node_of(attempt) else { return };
        let Some(live) = self.node(node).live() else { return };
        // An attempt that is being ended asks nobody any more.
        let ending = live.ending.is_some();
        match told {
            PermissionTold::Asked(question) => match live.questions.get(question.number) {
                None if !ending => {
                    let told = Box::new(PermissionTold::Asked(question));
                    self.emit(EventKind::Permission(node, attempt, told));
                }
                Some((known, Some(allowed))) if *known == question => {
                    self.effect(Effect::Permit { attempt, number: question.number, allowed });
                }
                // It is open already, or another question took its number.
                None | Some(_) => {}
            },
            PermissionTold::Answered { number, allowed } => {
                if !ending && matches!(live.questions.get(number), Some((_, None))) {
                    self.emit(EventKind::Permission(node, attempt, Box::new(told)));
                    self.effect(Effect::Permit { attempt, number, allowed });
                }
            }
        }
    }
}
