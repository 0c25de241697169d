//! How the driver of this machine hands attempts to drivers of the program, and takes what came of them.
//!
//! A part of the driver: it never waits. An end is put into the form that a call of a tool has, and judged as such: its
//! result is redacted like any other. Nothing is acknowledged to the keeper, which knows nothing of it.

use crate::action::{Kind, Prepared};
use crate::collect::{self, write_private};
use crate::driven::{Call, Ending};
use crate::judge::Job;
use crate::keeper::{Ended, How};
use crate::local::{Broken, Local};
use crate::private_file::is_no_room;
use crate::rate_limit;
use crate::run_error::RunError;
use crate::tool_files::SAID_FILE;
use crate::tools::{Class, Order, Said};
use regatta_engine::effect::Effect;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::state::State;
use std::io;
use std::path::Path;

/// A message holds at most so many characters.
const MESSAGE_CHARS: usize = 1_000;

impl Local {
    /// Tasks that are not at their end and want a driver that is not here.
    ///
    /// # Errors
    /// There is one.
    pub(crate) fn check_drivers(&self, state: &State) -> Result<(), RunError> {
        let plan = self.actions.plan();
        for (task, i) in plan.tasks.iter().zip(0..) {
            if state.node(NodeId(i)).outcome().is_some() {
                continue;
            }
            let tools = [Some(&task.action), task.undo.as_ref()].into_iter().flatten();
            let mut missing = tools
                .filter_map(|action| action.tool()?.split_once('/'))
                .filter(|(driver, _)| plan.drivers.iter().any(|name| name == driver))
                .filter(|(driver, tool)| self.driven.driver_of(&format!("{driver}/{tool}")).is_none());
            if let Some((driver, _)) = missing.next() {
                return Err(RunError::NoDriver { driver: driver.to_owned(), task: task.id.clone() });
            }
        }
        Ok(())
    }

    /// Hands a call to the driver that it names; gives it back if that is none of the program's.
    pub(crate) fn hand_over(
        &mut self,
        job: Job,
        call: Box<Order>,
        prepared: Prepared,
    ) -> Option<(Job, Box<Order>, Prepared)> {
        let Some((driver, tool)) = self.driven.driver_of(&call.tool) else {
            return Some((job, call, prepared));
        };
        let undoes = job.kind == Kind::Undo;
        let told = Call {
            task: self.actions.task(job.node).id.clone(),
            tool: tool.to_owned(),
            params: call.params,
            number: call.number,
            undoes,
            idempotency_key: call.idempotency_key,
            cwd: prepared.cwd,
            grace_ms: call.grace_ms,
            lease_epoch: self.epochs.remove(&job.node).filter(|_| !undoes),
        };
        let (attempt, node, number) = (job.attempt, job.node, told.number);
        self.jobs.insert(attempt.0, job);
        let start = match undoes {
            true => Effect::Undo { node, attempt },
            false => Effect::Start { node, attempt, number },
        };
        self.driven.begin((attempt, driver), told, &start);
        None
    }

    /// Takes what drivers have said.
    pub(crate) fn hear_drivers(&mut self) {
        for (attempt, ending) in self.driven.take_ends() {
            self.driven_ended(attempt, ending);
        }
    }

    fn driven_ended(&mut self, attempt: AttemptId, ending: Ending) {
        let Some(job) = self.jobs.get(&attempt.0) else { return };
        let how = match store(&job.dir.path, ending) {
            Ok(code) => How::Code(code),
            Err(error) if is_no_room(&error) => {
                let what = format!("what driver and attempt {attempt} came to could not be stored: {error}");
                self.broken = Some(Broken::NoRoom(what));
                return;
            }
            Err(error) => How::NotStarted { message: format!("its end could not be stored: {error}") },
        };
        self.take_end(&Ended::new(attempt.0, how));
    }
}

/// Puts an end into the form of a tool's; answers the exit code that it would have had.
fn store(dir: &Path, ending: Ending) -> io::Result<i32> {
    let (class, message) = match ending {
        Ending::Done(value) => {
            let bytes = serde_json::to_vec(&value).map_err(io::Error::other)?;
            if bytes.len() as u64 <= collect::MAX_RESULT_BYTES {
                return write_private(&dir.join(collect::RESULT), &bytes).map(|_| 0);
            }
            (Class::Failed, format!("its result has {} bytes, more than 16 MiB", bytes.len()))
        }
        Ending::Failed(message) => (Class::Failed, message),
        Ending::Lost(message) => (Class::Lost, message),
        Ending::Limited { retry_after_ms, message } => {
            let seconds = format!("{}.{:03}\n", retry_after_ms / 1_000, retry_after_ms % 1_000);
            write_private(&dir.join(rate_limit::FILE), seconds.as_bytes())?;
            (Class::Failed, message)
        }
    };
    let said = Said { class, message: message.chars().take(MESSAGE_CHARS).collect() };
    let bytes = serde_json::to_vec(&said).map_err(io::Error::other)?;
    write_private(&dir.join(SAID_FILE), &bytes).map(|_| 1)
}
