//! Ends of gates that are tasks, and the thread that reads what they wrote: a report may have 64 MiB, and others have their
//! times.
//!
//! What the evidence says goes to the judgement with the job, and is kept in the directory of the attempt for whoever takes the
//! attempt over. Knows no loop and no engine.

use crate::evidence::{self, Told};
use crate::judge::Job;
use crate::keeper::Ended;
use crate::redact::{Raw, Redactor};
use regatta_plan::model::Evidence;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// Takes what was read of an attempt back to the loop.
pub(crate) type Back = Arc<dyn Fn(u64, io::Result<Vec<Told>>) + Send + Sync>;

/// What is to be read.
pub(crate) struct Order {
    pub(crate) attempt: u64,
    pub(crate) evidence: Vec<Evidence>,
    /// Where it lies.
    pub(crate) root: PathBuf,
    /// The directory of the attempt.
    pub(crate) dir: PathBuf,
    pub(crate) redactor: Arc<Redactor>,
}

/// An end that is not judged yet.
pub(crate) type End = (Job, Ended, [Option<Raw>; 2]);

/// Ends that wait for their evidence, and who reads it.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) back: Option<Back>,
    reader: Option<(Sender<Order>, JoinHandle<()>)>,
    /// Nobody wants to know any more.
    over: Arc<AtomicBool>,
    held: BTreeMap<u64, End>,
}

impl Reading {
    /// The attempts that wait.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = u64> + '_ {
        self.held.keys().copied()
    }

    /// The end of an attempt that waits no longer.
    pub(crate) fn take(&mut self, attempt: u64) -> Option<End> {
        self.held.remove(&attempt)
    }

    /// Keeps an end until its evidence was read. Gives the order back if nobody can read it.
    pub(crate) fn ask(&mut self, order: Order, end: End) -> Result<(), Order> {
        self.held.insert(order.attempt, end);
        if self.reader.is_none()
            && let Some(back) = self.back.clone()
        {
            let (sender, orders) = channel();
            let thread = std::thread::Builder::new().name("evidence".to_owned());
            let over = Arc::clone(&self.over);
            self.reader =
                thread.spawn(move || read(&orders, &over, &back)).ok().map(|thread| (sender, thread));
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
            self.over.store(true, Ordering::SeqCst);
            // One that panicked reads nothing any more.
            let _ = thread.join();
        }
    }
}

/// There are no more orders than attempts that are live, which the caps of the run bound.
fn read(orders: &Receiver<Order>, over: &AtomicBool, back: &Back) {
    while let Ok(order) = orders.recv() {
        if over.load(Ordering::SeqCst) {
            return;
        }
        let told = catch_unwind(AssertUnwindSafe(|| order.read()));
        let told =
            told.unwrap_or_else(|_| Err(io::Error::other("reading it broke off; this is a bug of regatta")));
        back(order.attempt, told);
    }
}

impl Order {
    /// Reads it, and keeps what it says.
    ///
    /// # Errors
    /// It cannot be kept.
    pub(crate) fn read(&self) -> io::Result<Vec<Told>> {
        evidence::judged(&self.evidence, (&self.root, &self.dir), &self.redactor)
    }
}
