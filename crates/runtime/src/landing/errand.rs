//! What landing asks to be done by a process: a command, or the work of an agent.
//!
//! Processes belong to the keeper, so it is asked for through the loop. Every order is answered or dropped, and a dropped
//! one says so: nobody waits for what will not come.

use regatta_engine::input::Batch;
use regatta_plan::model::{Action, Helper};
use regatta_plan::prompt::Prompt;
use std::path::PathBuf;
use std::sync::mpsc::Sender;

/// What is to be done.
#[derive(Debug)]
pub enum Order {
    /// A command in a directory.
    Command {
        /// The command.
        action: Action,
        /// Where.
        dir: PathBuf,
        /// Longest time.
        timeout_ms: u64,
    },
    /// What a batch of merges came to is told to the journal; answered when it is durable there.
    Tell(Box<Batch>),
    /// Work of an agent in the worktree where work is merged.
    Agent(Box<AgentOrder>),
}

/// What an agent shall do for the merge.
#[derive(Debug)]
pub struct AgentOrder {
    /// Who.
    pub helper: Helper,
    /// What for: `fix` or `resolver`.
    pub role: &'static str,
    /// Which attempt of the run it is.
    pub number: u32,
    /// What it is told.
    pub prompt: Prompt,
    /// What is asked of it, without what is known besides.
    pub instruction: String,
    /// The worktree.
    pub dir: PathBuf,
}

/// How it ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ran {
    /// Its exit code; `None` if it ended otherwise. An agent that did not do its work has no 0.
    pub code: Option<i32>,
    /// For people.
    pub said: String,
    /// The number of its log among those of the landing.
    pub log: Option<u64>,
    /// How long it ran.
    pub ran_ms: u64,
    /// When it was told, in milliseconds since the Unix epoch; for agents only.
    pub ended_at_ms: u64,
    /// It was not started, because no budget is left for it.
    pub unpaid: bool,
    /// What it changed of the repository's settings and was put back, for people; of commands that run alone.
    pub put_back: Option<String>,
}

/// Where the answer goes: with the number by which whoever asks knows the order.
#[derive(Debug)]
pub struct Reply(usize, Option<Sender<(usize, Option<Ran>)>>);

impl Reply {
    /// An answer to order `number`.
    #[must_use]
    pub fn to(number: usize, sender: Sender<(usize, Option<Ran>)>) -> Reply {
        Reply(number, Some(sender))
    }

    /// Answers.
    pub fn send(mut self, ran: Ran) {
        if let Some(to) = self.1.take() {
            // Landing that is being left wants no answer any more.
            let _ = to.send((self.0, Some(ran)));
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(to) = self.1.take() {
            // As above.
            let _ = to.send((self.0, None));
        }
    }
}

/// Has orders carried out under the keeper of the run.
pub trait Runner: Send {
    /// Begins; the reply is sent at the end, or dropped if there will be none.
    fn start(&self, order: Order, reply: Reply);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_nobody_carries_out_is_answered_too() {
        let (sender, answers) = std::sync::mpsc::channel();
        Reply::to(3, sender.clone()).send(Ran { code: Some(0), ..Ran::default() });
        drop(Reply::to(4, sender));
        assert_eq!(answers.recv().unwrap().1.unwrap().code, Some(0));
        assert_eq!(answers.recv().unwrap(), (4, None));
        assert!(answers.recv().is_err());
    }
}
