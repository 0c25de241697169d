//! Questions of running attempts on their way: who waits for the answer, and how it is given.
//!
//! ```text
//! acp-agent --socket--> asked --> Input::Permission --> turn (durable) --> Effect::Permit --> whoever waits
//! ```
//! Nothing here is remembered: whoever asked and lost its connection asks again, and the state knows the answer.

use crate::control::permissions::{Known, may_ask};
use crate::control::{Reply, ReplyTo};
use crate::local::Local;
use regatta_engine::Engine;
use regatta_engine::ids::AttemptId;
use regatta_engine::input::Input;
use regatta_engine::permission::{PermissionTold, Question};
use regatta_plan::model::Permissions;

impl Local {
    /// A running attempt asks a person for a permission. Answers the input that tells of it, once for each question: who asks
    /// again only waits again, or hears the answer. Whoever may not ask is told so.
    pub(crate) fn asks_permission(
        &mut self,
        engine: &Engine,
        (attempt, question): (AttemptId, Question),
        reply: ReplyTo,
    ) -> Option<Input> {
        let waiting = self.waiting.numbers(attempt);
        let may = may_ask(engine, (attempt, &waiting), &question).and_then(|(node, known)| {
            let agent = self.actions.agent(self.actions.task(node));
            let asks = agent.is_some_and(|(_, agent)| agent.permissions == Permissions::Ask);
            if asks {
                Ok(known)
            } else {
                Err(format!("the agent of attempt {attempt} has no `permissions: ask`"))
            }
        });
        let refused = match may {
            Ok(Known::Answered(allowed)) => {
                // Whoever asked may have gone away.
                let _ = reply.send(Reply::Permission { allowed });
                return None;
            }
            Ok(known) => match self.waiting.wait(attempt, &question, reply) {
                Ok(()) => {
                    let told = PermissionTold::Asked(question);
                    return (known == Known::New).then_some(Input::Permission { attempt, told });
                }
                Err(reply) => (reply, format!("question {} is another one", question.number)),
            },
            Err(why) => (reply, why),
        };
        let (reply, why) = refused;
        // Whoever asked may have gone away.
        let _ = reply.send(Reply::Refused(why));
        None
    }
}
