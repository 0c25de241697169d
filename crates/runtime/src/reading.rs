//! Evidence of gates that are tasks is read beside the loop: a report may have 64 MiB, and others have their times.
//!
//! ```text
//! end of an attempt --Local::weigh--> thread --evidence::judged--> Message::Read --Local::evidence_read--> as any other end
//! ```
//! A part of the driver. What the evidence says goes to the judgement with the job, and is kept in the directory of the attempt.
//! Until the judgement the end is not acknowledged: whoever takes the run up hears it again, and finds what was kept.

use crate::action::Kind;
use crate::evidence::{self, Told};
use crate::judge::{Job, unkept};
use crate::keeper::{Ended, How};
use crate::local::{Broken, Local};
use crate::redact::{Raw, Redactor};
use regatta_plan::model::Evidence;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// Takes what was read of an attempt back to the loop.
pub(crate) type Back = Arc<dyn Fn(u64, io::Result<Vec<Told>>) + Send + Sync>;

/// What is to be read.
struct Order {
    attempt: u64,
    evidence: Vec<Evidence>,
    root: PathBuf,
    dir: PathBuf,
    redactor: Arc<Redactor>,
}

/// Ends that wait for their evidence, and who reads it.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) back: Option<Back>,
    reader: Option<(Sender<Order>, JoinHandle<()>)>,
    held: BTreeMap<u64, (Job, Ended, [Option<Raw>; 2])>,
}

impl Reading {
    /// The attempts that wait.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = u64> + '_ {
        self.held.keys().copied()
    }

    /// Hands in an order; gives it back if nobody can read it.
    fn ask(&mut self, order: Order) -> Result<(), Order> {
        if self.reader.is_none()
            && let Some(back) = self.back.clone()
        {
            let (sender, orders) = channel();
            let thread = std::thread::Builder::new().name("evidence".to_owned());
            self.reader = thread.spawn(move || read(&orders, &back)).ok().map(|thread| (sender, thread));
        }
        match &self.reader {
            Some((sender, _)) => sender.send(order).map_err(|refused| refused.0),
            None => Err(order),
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.reader.take() {
            drop(sender);
            // One that panicked reads nothing any more.
            let _ = thread.join();
        }
    }
}

fn read(orders: &Receiver<Order>, back: &Back) {
    while let Ok(order) = orders.recv() {
        let told = catch_unwind(AssertUnwindSafe(|| order.read()));
        let told =
            told.unwrap_or_else(|_| Err(io::Error::other("reading it broke off; this is a bug of regatta")));
        back(order.attempt, told);
    }
}

impl Order {
    fn read(&self) -> io::Result<Vec<Told>> {
        evidence::judged(&self.evidence, (&self.root, &self.dir), &self.redactor)
    }
}

impl Local {
    /// Takes the end of an attempt to its judgement; that of a gate whose command ended well when its evidence was read.
    pub(crate) fn weigh(&mut self, job: Job, (ended, streams): (Ended, [Option<Raw>; 2])) {
        let check = self.actions.gate(job.node).filter(|_| job.kind == Kind::Attempt);
        let Some(check) = check.filter(|check| !check.evidence.is_empty() && ended.how == How::Code(0))
        else {
            return self.go_on(job, (ended, streams));
        };
        let site = self.apart_of(job.node).map(|apart| apart.site(job.node).path);
        let order = Order {
            attempt: ended.attempt,
            evidence: check.evidence.clone(),
            root: site.unwrap_or_else(|| self.actions.workspace().to_owned()),
            dir: job.dir.path.clone(),
            redactor: Arc::clone(self.actions.redactor()),
        };
        let attempt = order.attempt;
        self.reading.held.insert(attempt, (job, ended, streams));
        if let Err(order) = self.reading.ask(order) {
            let told = order.read();
            self.evidence_read(attempt, told);
        }
    }

    /// The evidence of an attempt was read, or what it says could not be kept.
    pub(crate) fn evidence_read(&mut self, attempt: u64, told: io::Result<Vec<Told>>) {
        let Some((mut job, ended, streams)) = self.reading.held.remove(&attempt) else { return };
        match told {
            Ok(told) => {
                job.evidence = Some(told);
                self.go_on(job, (ended, streams));
            }
            Err(error) => {
                self.broken = Some(Broken::NoRoom(unkept(&job, &error).0));
                self.jobs.insert(attempt, job);
            }
        }
    }

    fn go_on(&mut self, job: Job, end: (Ended, [Option<Raw>; 2])) {
        if let Some((job, ended, streams)) = self.ended_apart(job, end) {
            self.judge(job, (&ended, streams), None);
        }
    }

    /// Attempts that have ended and are looked at here, so that no keeper need know of them.
    pub(crate) fn in_hand(&self) -> Vec<u64> {
        self.apart_under_way().into_iter().chain(self.reading.under_way()).collect()
    }
}
