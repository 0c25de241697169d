//! Attempts that wait for what a person answers: who hears it when it is durable.
//!
//! Decides nothing, and remembers nothing that an attempt could not ask again.

use crate::control::{Reply, ReplyTo};
use regatta_engine::ids::AttemptId;
use regatta_engine::permission::Question;
use std::collections::{BTreeMap, BTreeSet};

/// Who waits for an answer, by attempt and question.
#[derive(Debug, Default)]
pub(crate) struct Waiting(BTreeMap<(AttemptId, u32), (Question, ReplyTo)>);

impl Waiting {
    /// The answer to a question is durable.
    pub(crate) fn answer(&mut self, attempt: AttemptId, number: u32, allowed: bool) {
        if let Some((_, reply)) = self.0.remove(&(attempt, number)) {
            // Whoever asked and has gone away asks again.
            let _ = reply.send(Reply::Permission { allowed });
        }
    }

    /// An attempt has ended: nobody of it waits.
    pub(crate) fn forget(&mut self, attempt: AttemptId) {
        self.0.retain(|(of, _), _| *of != attempt);
    }

    /// Nobody waits of attempts that do not live any more.
    pub(crate) fn keep(&mut self, lives: &dyn Fn(AttemptId) -> bool) {
        self.0.retain(|(of, _), _| lives(*of));
    }

    /// The questions for whose answers somebody of an attempt waits.
    pub(crate) fn numbers(&self, attempt: AttemptId) -> BTreeSet<u32> {
        self.0.range((attempt, 0)..=(attempt, u32::MAX)).map(|((_, number), _)| *number).collect()
    }

    /// Whoever asked last under a number hears the answer, if it asks the same.
    ///
    /// # Errors
    /// Somebody asks something else under this number; the way to tell so.
    pub(crate) fn wait(
        &mut self,
        attempt: AttemptId,
        question: &Question,
        reply: ReplyTo,
    ) -> Result<(), ReplyTo> {
        match self.0.get(&(attempt, question.number)) {
            Some((known, _)) if known != question => Err(reply),
            Some(_) | None => {
                self.0.insert((attempt, question.number), (question.clone(), reply));
                Ok(())
            }
        }
    }
}
