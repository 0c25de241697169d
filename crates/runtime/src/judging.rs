//! Large ends, and the threads that judge them: what a task wrote is read, redacted and written once more, which takes the
//! time that timeouts, starts and people have to be minded in.
//!
//! An attempt whose end is being judged is live to the engine and gone to the keeper. How an end is judged is known by `judge`.
//! Knows no loop.

use crate::action::{Actions, Kind};
use crate::collect;
use crate::driven::Ring;
use crate::judge::{Job, Left, NoRoom, judge};
use crate::keeper::Ended;
use crate::redact::Raw;
use crate::tool_files;
use crate::turn::Arrival;
use regatta_engine::input::Input;
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// What is smaller is looked through at once, in bytes: some milliseconds at most.
pub(crate) const LARGE_BYTES: u64 = 256 << 10;

/// Everything that is needed to judge an end.
pub(crate) struct Large {
    pub(crate) job: Job,
    pub(crate) ended: Ended,
    pub(crate) streams: [Option<Raw>; 2],
    pub(crate) left: Left,
}

impl Large {
    /// Whether there is much to read. What cannot be asked is small: reading it fails, too.
    fn is_large(&self) -> bool {
        let written = self.streams.iter().flatten().map(|raw| raw.bytes().unwrap_or_default());
        let files = [collect::RESULT, tool_files::SAID_FILE].map(|name| self.job.dir.path.join(name));
        let left = files.iter().filter(|_| self.job.kind == Kind::Attempt);
        let left = left.map(|path| path.symlink_metadata().map_or(0, |meta| meta.len()));
        written.chain(left).sum::<u64>() > LARGE_BYTES
    }

    /// Judges it.
    pub(crate) fn judge(self, actions: &Actions) -> Done {
        let Large { job, ended, streams, left } = self;
        let (id, ran_ms) = (ended.attempt, NonZeroU64::new(ended.ran_ms));
        let judged = catch_unwind(AssertUnwindSafe(|| judge(actions, &job, (&ended, streams), left)));
        let judged = judged.unwrap_or_else(|_| {
            let why = Some("judging its end broke off; this is a bug of regatta".into());
            Ok(Input::AttemptLost { attempt: job.attempt, why }.into())
        });
        Done { id, job, judged, ran_ms }
    }
}

/// An end that was judged.
pub(crate) struct Done {
    /// The number that the keeper knows.
    pub(crate) id: u64,
    pub(crate) job: Job,
    pub(crate) judged: Result<Arrival, NoRoom>,
    /// How long the attempt ran: it is judged later than it ended.
    pub(crate) ran_ms: Option<NonZeroU64>,
}

/// The ends that are judged on threads: as many at once as there are cores. Waits for these when it is dropped.
#[derive(Default)]
pub(crate) struct Judging {
    /// Their attempts by the numbers that the keeper knows.
    under_way: BTreeMap<u64, u64>,
    waiting: VecDeque<Large>,
    threads: Vec<JoinHandle<()>>,
    done: Arc<Mutex<Vec<Done>>>,
    ring: Option<Ring>,
}

impl Judging {
    /// One that wakes the loop when something is done.
    pub(crate) fn new(ring: Ring) -> Judging {
        let mut judging = Judging::default();
        judging.ring = Some(ring);
        judging
    }

    /// The attempts whose ends are not judged yet.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = u64> + '_ {
        self.under_way.values().copied()
    }

    /// Takes an end that is better judged beside the loop; gives it back if it is not.
    pub(crate) fn takes(&mut self, large: Large, actions: &Arc<Actions>) -> Option<Large> {
        if self.ring.is_none() || !large.is_large() {
            return Some(large);
        }
        self.under_way.insert(large.ended.attempt, large.job.attempt.0);
        self.waiting.push_back(large);
        self.goes_on(actions);
        None
    }

    /// What was judged since the last call; what waits is begun with instead.
    pub(crate) fn take_done(&mut self, actions: &Arc<Actions>) -> Vec<Done> {
        let done = std::mem::take(&mut *lock(&self.done));
        for one in &done {
            self.under_way.remove(&one.id);
        }
        self.goes_on(actions);
        done
    }

    /// Begins with what waits, as far as there are cores.
    fn goes_on(&mut self, actions: &Arc<Actions>) {
        self.threads.retain(|thread| !thread.is_finished());
        if self.waiting.is_empty() {
            // Asked each turn, and to count cores reads the files of a control group.
            return;
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        while self.under_way.len() - self.waiting.len() - lock(&self.done).len() < cores {
            let Some(large) = self.waiting.pop_front() else { return };
            // Where there is no thread to be had it is judged here.
            let slot = Arc::new(Mutex::new(Some(large)));
            let (taken, actions) = (Arc::clone(&slot), Arc::clone(actions));
            let (done, ring) = (Arc::clone(&self.done), self.ring.clone());
            let work = move || {
                let Some(large) = lock(&taken).take() else { return };
                let judged = large.judge(&actions);
                lock(&done).push(judged);
                if let Some(ring) = ring {
                    ring();
                }
            };
            let again = work.clone();
            match thread::Builder::new().name("judge".to_owned()).spawn(work) {
                Ok(thread) => self.threads.push(thread),
                Err(_) => again(),
            }
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Judging {
    fn drop(&mut self) {
        self.waiting.clear();
        for thread in self.threads.drain(..) {
            // One that panicked has told nothing, and the keeper still has that end.
            let _ = thread.join();
        }
    }
}
