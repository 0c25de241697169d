//! How the owner knows that a tree is dead, and says so. It does not know why it came to its end.
//!
//! ```text
//! leader ends, a stray ends ──> settle: look at the orphans
//!                        ├─ some are ours: signal as the phase demands (Running: it is a leak), wait for their ends
//!                        ├─ somebody cannot be judged yet: look again in a moment
//!                        └─ none: reap the leader; group empty too: Exited. Else those are strays as well
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::test_kill_process_group;

use super::due::Why;
use super::life::{Leader, Life};
use super::message::{Report, Status, Usage};
use super::orphans::Look;
use super::proc::Process;
use super::spawn::{Wait, reap};
use super::strays::Phase;
use super::worker::Worker;

/// Looks in one turn before other work gets its turn.
const ROUNDS: u32 = 100;

impl Worker {
    /// Looks at the orphans, for all attempts whose leader or stray has ended, until only ends are left to wait for.
    pub(super) fn settle(&mut self, now: Instant) {
        if let Some(key) = self.settling.take() {
            self.due.disarm(key);
        }
        for _ in 0..ROUNDS {
            if !self.settle_once(now) {
                break;
            }
        }
        if !self.unsettled.is_empty() {
            return self.settle_later();
        }
        if self.settling.is_none() {
            self.looks = 0;
        }
    }

    /// One look; true if another one has to follow at once.
    fn settle_once(&mut self, now: Instant) -> bool {
        // Without a descriptor to spare nothing is known, so nothing is dead.
        let look = self
            .orphans
            .look(&mut self.proc, &self.claims, Instant::now())
            .unwrap_or(Look { alive: vec![], unsure: true });
        let mut left: BTreeMap<u64, Vec<Process>> = BTreeMap::new();
        for (process, attempt) in look.alive {
            if self.unsettled.contains(&attempt) {
                left.entry(attempt).or_default().push(process);
            }
        }
        self.end_leaks(&left, now);
        let mut again = BTreeSet::new();
        for (attempt, orphans) in left {
            self.unsettled.remove(&attempt);
            self.pursue(attempt, &orphans);
            // All of them ended before they could be held: nobody will wake us for that.
            if self.lives.get(&attempt).is_some_and(|life| life.strays.is_empty()) {
                self.unsettled.remove(&attempt);
                again.insert(attempt);
            }
        }
        if look.unsure {
            self.settle_later();
        } else {
            for attempt in std::mem::take(&mut self.unsettled) {
                if self.lives.get(&attempt).is_some_and(|life| life.strays.is_empty()) {
                    self.finish(attempt, now);
                }
            }
        }
        self.unsettled.append(&mut again);
        !self.unsettled.is_empty() && self.settling.is_none()
    }

    /// Somebody could not be judged or held, or is hidden by a tracer: looks again, less and less often.
    pub(super) fn settle_later(&mut self) {
        if self.settling.is_none() {
            let pause = Duration::from_millis(1 << self.looks.min(6));
            self.looks = self.looks.saturating_add(1);
            self.settling = Some(self.due.arm(Instant::now() + pause, Why::Settle));
        }
    }

    /// Strays of trees that nobody has ended: their leader ended by itself.
    fn end_leaks(&mut self, left: &BTreeMap<u64, Vec<Process>>, now: Instant) {
        let mut orders = Vec::new();
        for (attempt, orphans) in left {
            let Some(life) = self.lives.get_mut(attempt) else { continue };
            if life.phase == Phase::Running {
                life.leaked = u32::try_from(orphans.len()).unwrap_or(u32::MAX);
                orders.push((*attempt, life.stray_grace()));
            }
        }
        if !orders.is_empty() {
            self.end(&orders, now);
        }
    }

    /// Takes hold of orphans of a tree that is being ended; those it did not hold get the signals of the phase.
    fn pursue(&mut self, attempt: u64, orphans: &[Process]) {
        for process in orphans {
            let Some(life) = self.lives.get(&attempt) else { return };
            let (held, reached) = (life.strays.holds(process), life.reaches(process));
            self.hold(process, attempt);
            let fresh =
                !held && (!reached || self.lives.get(&attempt).is_some_and(|l| l.phase == Phase::Killing));
            if fresh {
                self.signal_stray(process, attempt);
            }
        }
    }

    /// No orphan and no stray is left: reaps the leader and reports, unless the group is found not to be empty.
    fn finish(&mut self, attempt: u64, now: Instant) {
        let Some(life) = self.lives.get_mut(&attempt) else { return };
        if let Leader::Ended = life.leader {
            match reap(life.pid, Wait::Look) {
                Ok(Some((status, usage))) => life.leader = Leader::Reaped(status, usage),
                // Dead, but its tracer has not let go of it.
                Ok(None) => {
                    self.unsettled.insert(attempt);
                    return self.settle_later();
                }
                // Somebody in this process waited for "any child": the tree is dead, how it ended is lost.
                Err(_) => life.leader = Leader::Reaped(Status::Code(-1), Usage::default()),
            }
        }
        let group_lives = test_kill_process_group(life.pid) != Err(Errno::SRCH);
        if (group_lives || life.populates()) && self.rest_lives(attempt, now) {
            return;
        }
        let Some(mut life) = self.lives.remove(&attempt) else { return };
        if let Some(cgroup) = life.cgroup.take() {
            self.cgroups.give_back(cgroup, life.ended_by_itself());
        }
        self.claims.remove(life.group(), &life.marker);
        self.orphans.forget(attempt);
        if let Some(key) = life.kill {
            self.due.disarm(key);
        }
        self.report_exit(life);
    }

    /// Members of a group without a leader, or of a cgroup, that came to no list we read (CLONE_PARENT, a main thread
    /// that is gone) or were not known as ours (no group, no marker).
    fn rest_lives(&mut self, attempt: u64, now: Instant) -> bool {
        let Some(life) = self.lives.get_mut(&attempt) else { return false };
        if life.phase == Phase::Running {
            life.leaked = 1;
            let grace = life.stray_grace();
            self.end(&[(attempt, grace)], now);
            if let Some(life) = self.lives.get_mut(&attempt).filter(|life| life.strays.is_empty()) {
                life.leaked = 0; // only dead members, which their own parent has to reap
            }
        } else {
            self.signal_trees(&[attempt]);
        }
        let Some(life) = self.lives.get(&attempt) else { return false };
        if life.strays.is_empty() && life.populates() {
            // Being born, or dying: between two looks.
            self.unsettled.insert(attempt);
            self.settle_later();
            return true;
        }
        !life.strays.is_empty()
    }

    fn report_exit(&mut self, mut life: Life) {
        let Leader::Reaped(status, usage) = life.leader else { return };
        let sizes = life.outputs.sizes().unwrap_or_default();
        if let Some((stream, bytes)) = life.outputs.overflow(sizes) {
            self.reports.push(Report::OutputLimit { attempt: life.attempt, stream, bytes });
        }
        let [stdout_bytes, stderr_bytes] = sizes;
        let stdout = self.written(life.outputs.stdout, stdout_bytes);
        let stderr = self.written(life.outputs.stderr, stderr_bytes);
        self.reports.push(Report::Exited {
            attempt: life.attempt,
            status,
            stdout,
            stderr,
            stdout_bytes,
            stderr_bytes,
            leaked: life.leaked,
            ran_ms: u64::try_from(life.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            usage,
            killed: life.killed,
        });
    }

    /// A file to hand on; an empty one stays here for the next attempt.
    fn written(&mut self, file: File, bytes: u64) -> Option<File> {
        if bytes == 0 {
            self.room.keep(file);
            return None;
        }
        Some(file)
    }
}
