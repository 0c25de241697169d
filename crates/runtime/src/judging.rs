//! How ends are judged: small ones at once, large ones on threads. What a task wrote is read, redacted and written once
//! more, which takes the time that timeouts, starts and people have to be minded in.
//!
//! ```text
//! ended -> small: judged -------------------------------> input
//!       `-> large: waits -> a thread judges -> Driven ----'
//! ```
//! A part of the driver: it never waits. An attempt whose end is being judged is live to the engine and gone to the
//! keeper; whatever it is to be ended for by then, it had ended by itself. How an end is judged is known by `judge`.

use crate::action::{Actions, Kind};
use crate::collect;
use crate::driven::Ring;
use crate::judge::{Job, Left, NoRoom, judge};
use crate::keeper::Ended;
use crate::local::{Broken, Judged, Local};
use crate::redact::Raw;
use crate::tool_files;
use crate::turn::Arrival;
use regatta_engine::input::Input;
use regatta_fault as fault;
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// What is smaller is judged at once, in bytes: some milliseconds at most.
const LARGE_BYTES: u64 = 256 << 10;

/// Everything that is needed to judge an end.
struct Large {
    job: Job,
    ended: Ended,
    streams: [Option<Raw>; 2],
    left: Left,
}

/// An end that was judged.
struct Done {
    id: u64,
    job: Job,
    judged: Result<Arrival, NoRoom>,
    /// How long the attempt ran: it is judged later than it ended.
    ran_ms: Option<NonZeroU64>,
}

/// The ends that are judged on threads: as many at once as there are cores. Waits for these when it is dropped.
#[derive(Default)]
pub(crate) struct Judging {
    /// By the number that the keeper knows: the attempt, and whether it is to end since.
    under_way: BTreeMap<u64, (u64, bool)>,
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
        self.under_way.values().map(|(attempt, _)| *attempt)
    }

    /// An attempt is to end, and had ended.
    pub(crate) fn is_to_end(&mut self, id: u64) {
        if let Some((_, told)) = self.under_way.get_mut(&id) {
            *told = true;
        }
    }

    fn takes(&mut self, large: Large, actions: &Arc<Actions>) {
        self.under_way.insert(large.ended.attempt, (large.job.attempt.0, false));
        self.waiting.push_back(large);
        self.goes_on(actions);
    }

    /// Begins with what waits, as far as there are cores.
    fn goes_on(&mut self, actions: &Arc<Actions>) {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        while self.under_way.len() - self.waiting.len() < cores {
            let Some(large) = self.waiting.pop_front() else { return };
            self.threads.retain(|thread| !thread.is_finished());
            let (actions, done, ring) = (Arc::clone(actions), Arc::clone(&self.done), self.ring.clone());
            self.threads.push(thread::spawn(move || {
                let Large { job, ended, streams, left } = large;
                let judged = judge(&actions, &job, (&ended, streams), left);
                let (id, ran_ms) = (ended.attempt, NonZeroU64::new(ended.ran_ms));
                done.lock().unwrap_or_else(PoisonError::into_inner).push(Done { id, job, judged, ran_ms });
                if let Some(ring) = ring {
                    ring();
                }
            }));
        }
    }

    fn take_done(&mut self) -> Vec<Done> {
        std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }
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

impl Local {
    /// Judges an end, with what is known of the worktree it was in.
    pub(crate) fn judge(
        &mut self,
        job: Job,
        (ended, streams): (&Ended, [Option<Raw>; 2]),
        left: Option<Left>,
    ) {
        let mut left = left.unwrap_or_default();
        left.warning = left.warning.or_else(|| self.actions.replaced(job.node, &self.outputs));
        if self.judging.ring.is_some() && is_large(&job, &streams) {
            let actions = Arc::clone(&self.actions);
            return self.judging.takes(Large { job, ended: ended.clone(), streams, left }, &actions);
        }
        let judged = judge(&self.actions, &job, (ended, streams), left);
        self.judged(ended.attempt, job, judged);
    }

    /// Takes what was judged on threads.
    pub(crate) fn hear_judged(&mut self) {
        for Done { id, job, judged, ran_ms } in self.judging.take_done() {
            let told = self.judging.under_way.remove(&id).is_some_and(|(_, told)| told);
            let judged = judged.map(|mut arrival| {
                if let Input::AttemptEnded(ended) = &mut arrival.input {
                    ended.report.ran_ms = ended.report.ran_ms.or(ran_ms);
                    ended.report.unasked = told;
                }
                arrival
            });
            self.judged(id, job, judged);
        }
        let actions = Arc::clone(&self.actions);
        self.judging.goes_on(&actions);
    }

    fn judged(&mut self, id: u64, job: Job, judged: Result<Arrival, NoRoom>) {
        fault::point("end.judged");
        match judged {
            Ok(arrival) => {
                self.arrivals.push_back(arrival);
                self.to_ack.0.push(Judged { id, dir: Some(job.dir) });
            }
            Err(NoRoom(what)) => {
                // Nothing is known of it to anybody but the keeper, which still has it.
                self.jobs.insert(id, job);
                self.broken = Some(Broken::NoRoom(what));
            }
        }
    }
}

/// Whether there is much to read. What cannot be asked is small: reading it fails, too.
fn is_large(job: &Job, streams: &[Option<Raw>; 2]) -> bool {
    let written = streams.iter().flatten().map(|raw| raw.bytes().unwrap_or_default());
    let files = [collect::RESULT, tool_files::SAID_FILE].map(|name| job.dir.path.join(name));
    let left = files.iter().filter(|_| job.kind == Kind::Attempt);
    let left = left.map(|path| path.symlink_metadata().map_or(0, |meta| meta.len()));
    written.chain(left).sum::<u64>() > LARGE_BYTES
}
