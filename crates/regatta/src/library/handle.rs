//! One run in a program's hands: how far it is, what happens, and what is asked of it.
//!
//! The same for a run that this program orchestrates, one of another program, and one that nobody orchestrates: it is
//! read from the journal, and asked by its control socket.

use super::error::{Error, ErrorKind};
use super::events::{ABANDONED, Events, LOOK};
use super::follower::Follower;
use super::live::Live;
use super::orchestrator::{Desk, deep};
use super::outcome::{RunResult, RunState, state};
use super::progress::Progress;
use super::starting::{Begin, start};
use crate::commands::{control, resume};
use crate::session;
use crate::view::{RunView, plan_to_run, reader, reader_to_write, store_error, writing};
use regatta_journal::{Journal, RunId, StoreError, Which};
use regatta_runtime::control::{Command, Settle};
use regatta_runtime::orchestrator::{Work, now_wall_ms};
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

const CHANGED: &str = "`regatta resume --stored` goes on with the plan that was validated";

/// How a doubt about a task is settled: whether it did its work is not known.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Doubt {
    /// Exactly one more attempt.
    Again,
    /// It was done; its result, if any.
    Succeeded(Option<Value>),
    /// It was not done and is not tried again.
    Failed,
}

/// A run.
///
/// Cheap to clone, and to be used from any thread. Dropping it ends nothing: see [`crate::Orchestrator`].
#[derive(Clone)]
pub struct RunHandle {
    inner: Arc<Inner>,
}

struct Inner {
    desk: Arc<Desk>,
    id: RunId,
    /// The last loop of this program that had the run.
    last: Mutex<Option<Arc<Live>>>,
    follower: Mutex<Option<Follower>>,
}

impl RunHandle {
    pub(super) fn new(desk: Arc<Desk>, id: RunId) -> RunHandle {
        let last = Mutex::new(desk.live(&id));
        RunHandle { inner: Arc::new(Inner { desk, id, last, follower: Mutex::new(None) }) }
    }

    /// The id of the run.
    #[must_use]
    pub fn id(&self) -> &str {
        self.inner.id.as_str()
    }

    /// How far it is. Reads on in the journal from where the last call came to.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn progress(&self) -> Result<Progress, Error> {
        let mut kept = self.inner.follower.lock().unwrap_or_else(PoisonError::into_inner);
        let mut follower = match kept.take() {
            Some(follower) => follower,
            None => Follower::open(self.workspace(), &self.inner.id)?,
        };
        // What cannot be read any more is opened anew by the next call.
        let progress = Progress::of(follower.catch_up()?);
        *kept = Some(follower);
        Ok(progress)
    }

    /// Its events from the first, those that are past too; then as they come.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn events(&self) -> Result<Events, Error> {
        self.events_after(0)
    }

    /// Its events after the one with this [`crate::Event::pos`].
    ///
    /// # Errors
    /// As [`RunHandle::events`].
    pub fn events_after(&self, pos: u64) -> Result<Events, Error> {
        Events::open(self.workspace(), &self.inner.id, (self.own(), pos))
    }

    /// Where it stands.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn state(&self) -> Result<RunState, Error> {
        let reader = reader(self.workspace())?;
        Ok(state(&RunView::load(&reader, Which::Named(self.id()), &mut |_| {})?))
    }

    /// It has ended for good.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn is_complete(&self) -> Result<bool, Error> {
        let reader = reader(self.workspace())?;
        Ok(reader.summary(&self.inner.id).map_err(store_error)?.state.has_ended())
    }

    /// Waits until it has ended, waits for a person, or was left without anybody to go on with it; answers what it came
    /// to. A run that is paused is waited for while somebody orchestrates it.
    ///
    /// # Errors
    /// This program had to leave the run (the store, the keeper or the disk failed), or the journal cannot be read.
    pub fn wait(&self) -> Result<RunResult, Error> {
        let left = self.own().map(|live| live.wait());
        let reader = reader(self.workspace())?;
        let ended = || reader.summary(&self.inner.id).map(|run| run.state.has_ended()).map_err(store_error);
        let held = || reader.holder(&self.inner.id).map(|holder| holder.is_some()).map_err(store_error);
        if left.is_none() || !ended()? && held()? {
            // Another program has it, or has taken it up after us.
            self.wait_for_others()?;
        } else if let Some(Err(error)) = &left
            && !ended()?
        {
            return Err(error.clone());
        }
        let mut result = RunResult::read(&reader, self.id())?;
        result.notes = left.and_then(Result::ok).map(|left| left.notes).unwrap_or_default();
        Ok(result)
    }

    fn wait_for_others(&self) -> Result<(), Error> {
        let reader = reader(self.workspace())?;
        let mut alone = None;
        while !reader.summary(&self.inner.id).map_err(store_error)?.state.has_ended() {
            if reader.holder(&self.inner.id).map_err(store_error)?.is_some() {
                alone = None;
            } else if alone.get_or_insert_with(Instant::now).elapsed() >= ABANDONED {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        // Whoever orchestrated it lets it go at once.
        let until = Instant::now() + ABANDONED;
        while reader.holder(&self.inner.id).map_err(store_error)?.is_some() && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Lets running tasks go on and starts nothing more, until [`RunHandle::resume`]. Answers what that means, for
    /// people; so do the others.
    ///
    /// # Errors
    /// It does not fit the state of the run, or whoever orchestrates it does not answer.
    pub fn pause(&self) -> Result<String, Error> {
        self.ask(&Command::Pause { now: false })
    }

    /// As [`RunHandle::pause`], and stops the processes of running tasks where they are.
    ///
    /// # Errors
    /// As [`RunHandle::pause`].
    pub fn pause_now(&self) -> Result<String, Error> {
        self.ask(&Command::Pause { now: true })
    }

    /// Ends what runs and starts nothing more: the run ends as cancelled.
    ///
    /// # Errors
    /// As [`RunHandle::pause`].
    pub fn cancel(&self) -> Result<String, Error> {
        self.ask(&Command::Cancel { task: None })
    }

    /// Ends one task.
    ///
    /// # Errors
    /// As [`RunHandle::pause`]; or the run has no such task.
    pub fn cancel_task(&self, task: &str) -> Result<String, Error> {
        self.ask(&Command::Cancel { task: Some(task.to_owned()) })
    }

    /// Does not run a task that has not started.
    ///
    /// # Errors
    /// As [`RunHandle::cancel_task`].
    pub fn skip(&self, task: &str) -> Result<String, Error> {
        self.ask(&Command::Skip { task: task.to_owned() })
    }

    /// Settles a task of which nobody knows whether it did its work. If the run waits for that, [`RunHandle::resume`]
    /// goes on with it.
    ///
    /// # Errors
    /// As [`RunHandle::cancel_task`]; or this program belongs to an attempt of a run of the same workspace, which cannot answer
    /// for a person.
    pub fn answer(&self, task: &str, doubt: Doubt) -> Result<String, Error> {
        let settle = match doubt {
            Doubt::Again => Settle::Again,
            Doubt::Succeeded(result) => Settle::Succeeded(result),
            Doubt::Failed => Settle::Failed,
        };
        self.ask(&Command::Answer { task: task.to_owned(), settle })
    }

    /// Answers what the agent of a task asks (`permissions: ask`): the question of that attempt, by its id, and number, else
    /// the only one that the running attempt ever asked.
    ///
    /// # Errors
    /// As [`RunHandle::cancel_task`]; nothing is asked, or more than one and none is named; or this program belongs to an
    /// attempt of a run of the same workspace, which cannot answer for a person.
    pub fn permit(&self, task: &str, question: Option<(u64, u32)>, allow: bool) -> Result<String, Error> {
        self.ask(&Command::Permit { task: task.to_owned(), question, allow })
    }

    /// Goes on with it: lifts a pause, or takes the run up in this program if nobody orchestrates it.
    ///
    /// # Errors
    /// It has ended; its plan file says something else by now; or as [`crate::Orchestrator::execute`].
    pub fn resume(&self) -> Result<(), Error> {
        loop {
            let reader = reader_to_write(self.workspace())?;
            if let Some(live) = self.own()
                && live.left().is_some()
            {
                // It has let the run go, or is about to.
                let _ = live.wait();
            }
            let held = reader.holder(&self.inner.id).map_err(writing(self.workspace()))?.is_some();
            if held && control::ask(self.context(), &reader, (&self.inner.id, &Command::Resume))?.is_some() {
                return Ok(());
            }
            let program = self.inner.desk.program()?;
            if let Some(parts) = deep(|| self.take_up())? {
                let live = start(self.context(), parts, program, &self.inner.desk.runs)?;
                *self.inner.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(live);
                return Ok(());
            }
            // Somebody was faster; then it is asked.
        }
    }

    /// Ends what runs, as a signal to the command line would, and waits until this program has left the run. It can be
    /// resumed. Nothing happens to a run that this program does not orchestrate.
    ///
    /// # Errors
    /// As [`RunHandle::wait`].
    pub fn interrupt(&self) -> Result<RunResult, Error> {
        if let Some(live) = self.own() {
            live.interrupt();
        }
        self.wait()
    }

    /// The run as it was left; none if somebody else has it.
    fn take_up(&self) -> Result<Option<Begin>, Error> {
        let (id, workspace) = (&self.inner.id, self.workspace());
        let record = reader_to_write(workspace)?.run(id).map_err(writing(workspace))?;
        if record.summary.state.has_ended() {
            let error = Error::new(ErrorKind::Refused, format!("run {id} has ended"));
            return Err(error.hinted(format!("a part of it can be run again: regatta retry {id}")));
        }
        let (plan, overrides) = plan_to_run(&record)?;
        resume::refuse_changed(self.context(), (&record, &plan), CHANGED)?;
        let journal = Journal::open(workspace).map_err(writing(workspace))?;
        let run = match journal.open_run(id, now_wall_ms()) {
            Err(StoreError::Held { .. }) => return Ok(None),
            opened => opened.map_err(writing(workspace))?,
        };
        let (vault, notes) = session::vault_after(self.context(), &plan, &record)?;
        let work = self.inner.desk.work(plan, vault);
        Ok(Some(Begin { journal: run, work: Work { reuse: overrides.reuse, ..work }, notes }))
    }

    fn ask(&self, command: &Command) -> Result<String, Error> {
        Ok(control::request(self.context(), Some(self.id()), command)?)
    }

    fn context(&self) -> &crate::context::Context {
        &self.inner.desk.context
    }

    fn workspace(&self) -> &std::path::Path {
        &self.context().workspace
    }

    /// The loop of this program that has the run, or had it last.
    fn own(&self) -> Option<Arc<Live>> {
        let mut last = self.inner.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = self.inner.desk.live(&self.inner.id) {
            *last = Some(live);
        }
        last.clone()
    }
}

impl fmt::Debug for RunHandle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RunHandle").field("id", &self.inner.id).finish_non_exhaustive()
    }
}
