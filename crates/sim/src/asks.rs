//! Attempts that ask people while they work, and what they were answered.
//!
//! What is asked and answered is a matter of the weather: an attempt ends when it ends, so its outcome does not follow from it.

use regatta_engine::event::{Event, EventKind};
use regatta_engine::ids::AttemptId;
use regatta_engine::input::Input;
use regatta_engine::permission::{PermissionTold, Question};
use std::collections::BTreeMap;

/// A question of an attempt.
type Asked = (AttemptId, u32);

/// What is known of questions outside of the engine.
#[derive(Debug, Default)]
pub struct Asks {
    /// What attempts asked, and what they were told.
    told: BTreeMap<Asked, Option<bool>>,
    /// Answers whose events are durable.
    durable: BTreeMap<Asked, bool>,
}

impl Asks {
    /// An attempt asks, for the first time or again.
    pub fn ask(&mut self, attempt: AttemptId, number: u32) -> Input {
        self.told.entry((attempt, number)).or_default();
        let title = format!("write {number}").into();
        let question = Question { number, title, tool: "edit".into(), always: false };
        Input::Permission { attempt, told: PermissionTold::Asked(question) }
    }

    /// Takes note of what is durable.
    pub fn remember(&mut self, events: &[Event]) {
        for event in events {
            if let EventKind::Permission(_, attempt, told) = &event.kind
                && let PermissionTold::Answered { number, allowed } = **told
            {
                self.durable.insert((*attempt, number), allowed);
            }
        }
    }

    /// Questions of `attempt` to which it heard no answer: it asks again whoever takes the run over.
    pub fn open(&self, attempt: AttemptId) -> Vec<u32> {
        let of = self.told.range((attempt, 0)..=(attempt, u32::MAX));
        of.filter(|(_, answer)| answer.is_none()).map(|((_, number), _)| *number).collect()
    }

    /// An attempt is told an answer.
    ///
    /// # Errors
    /// The law that this breaks.
    pub fn permit(&mut self, (attempt, number): Asked, allowed: bool) -> Result<(), &'static str> {
        if self.durable.get(&(attempt, number)) != Some(&allowed) {
            return Err("law 1: an attempt was told an answer that is not durable");
        }
        match self.told.insert((attempt, number), Some(allowed)) {
            None => Err("law 4: an answer was given that nobody asked for"),
            Some(Some(before)) if before != allowed => Err("law 4: an attempt was told yes and no"),
            Some(_) => Ok(()),
        }
    }
}

/// What a person says to a question.
#[must_use]
pub fn answer(attempt: AttemptId, number: u32, allowed: bool) -> Input {
    Input::Permission { attempt, told: PermissionTold::Answered { number, allowed } }
}
