//! A sweep: every process of this user with a marker of a run (or of one attempt) is ended, whoever started it, and
//! whoever lives in the cgroups of an owner that is dead.
//! It does not know attempts; it never ends this process, and reaps nobody: what it ends has another parent.

use std::time::{Duration, Instant};

use super::due::Why;
use super::message::Report;
use super::proc::{Mark, Process};
use super::strays::{Phase, Sent, Strays};
use super::watch::Subject;
use super::worker::Worker;

/// Time between TERM and KILL.
const GRACE: Duration = Duration::from_secs(2);
/// Time until the next look where this one said nothing.
const AGAIN: Duration = Duration::from_millis(50);
/// Looks without a find before it is over: /proc is no snapshot, and a process in the middle of an exec has no marker.
const CLEAN_LOOKS: u32 = 2;
/// The same while somebody without any environment is there.
const UNSURE_LOOKS: u32 = 5;

/// One sweep that goes on.
#[derive(Debug)]
pub(super) struct Sweep {
    /// Of the run, or of one attempt.
    marker: String,
    /// What is said in the end.
    last_word: Report,
    strays: Strays,
    phase: Phase,
    clean: u32,
    killed: u32,
    /// Processes that we may not signal.
    refused: Vec<Process>,
}

impl Worker {
    /// Begins a sweep, which ends with this report.
    pub(super) fn sweep(&mut self, marker: String, last_word: Report, now: Instant) {
        self.sweep_count += 1;
        let sweep = Sweep {
            marker,
            last_word,
            strays: Strays::default(),
            phase: Phase::Terminating,
            clean: 0,
            killed: 0,
            refused: Vec::new(),
        };
        self.sweeps.insert(self.sweep_count, sweep);
        self.due.arm(now + GRACE, Why::KillSweep(self.sweep_count));
        self.rescan(self.sweep_count, now);
    }

    /// Its grace is over.
    pub(super) fn kill_sweep(&mut self, id: u64) {
        let Some(sweep) = self.sweeps.get_mut(&id) else { return };
        sweep.phase = Phase::Killing;
        for process in sweep.strays.processes() {
            // What may not be signalled was let go at the first signal.
            let _ = sweep.strays.signal(process.pid, Phase::Killing);
        }
        self.cgroups.kill_left();
    }

    /// A process of it has ended.
    pub(super) fn swept_one(&mut self, id: u64, pid: u32, now: Instant) {
        let Some(sweep) = self.sweeps.get_mut(&id) else { return };
        sweep.strays.remove(&mut self.watch, pid);
        sweep.killed += 1;
        if sweep.strays.is_empty() {
            self.rescan(id, now);
        }
    }

    /// Looks for processes with the marker, until there are none for long enough.
    pub(super) fn rescan(&mut self, id: u64, now: Instant) {
        let Ok(all) = self.proc.processes() else {
            self.due.arm(now + AGAIN, Why::Rescan(id));
            return;
        };
        // After `all`: a number that has passed on meanwhile is found out by its start.
        let left = self.cgroups.left_members();
        let Some(sweep) = self.sweeps.get_mut(&id) else { return };
        let mut unsure = false;
        for process in &all {
            let mark = self.proc.mark(process);
            let ours = left.contains(&process.pid)
                || matches!(&mark, Mark::Is(marker) if belongs(marker, &sweep.marker));
            match mark {
                _ if ours && !sweep.refused.contains(process) => {
                    let subject = Subject::Swept(id, process.pid);
                    // Whether it could be held, has ended meanwhile or has to wait for a descriptor: look again.
                    let _ = sweep.strays.add(&mut self.proc, &mut self.watch, (process, subject));
                    if sweep.strays.signal(process.pid, sweep.phase) == Sent::Refused {
                        sweep.strays.remove(&mut self.watch, process.pid);
                        sweep.refused.push(*process);
                    }
                    sweep.clean = 0;
                }
                Mark::Empty => unsure = true,
                Mark::Is(_) | Mark::No => {}
            }
        }
        if !sweep.strays.is_empty() {
            return;
        }
        if !left.is_empty() {
            // Born since, or not ours to signal: the KILL of their cgroup asks nobody.
            self.cgroups.kill_left();
            self.due.arm(now + AGAIN, Why::Rescan(id));
            return;
        }
        sweep.clean += 1;
        if sweep.clean < if unsure { UNSURE_LOOKS } else { CLEAN_LOOKS } {
            self.due.arm(now + Duration::from_millis(1 << sweep.clean.min(6)), Why::Rescan(id));
        } else if let Some(mut sweep) = self.sweeps.remove(&id) {
            if let Report::Swept { killed, .. } = &mut sweep.last_word {
                *killed = sweep.killed;
            }
            self.cgroups.remove_left();
            self.reports.push(sweep.last_word);
        }
    }
}

/// `run` and `run/…` belong to `run`; `run-2/…` does not.
fn belongs(marker: &[u8], run: &str) -> bool {
    let run = run.strip_suffix('/').unwrap_or(run).as_bytes();
    !run.is_empty()
        && marker.strip_prefix(run).is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
}

#[cfg(test)]
mod tests {
    use super::belongs;

    #[test]
    fn a_run_owns_its_markers_and_no_run_with_a_longer_name() {
        let found = ["r1", "r1/7", "r1/7/x", "r10/7", "r1-b/7", "x/r1", ""]
            .map(|mark| belongs(mark.as_bytes(), "r1/"));
        assert_eq!(found, [true, true, true, false, false, false, false]);
        assert!(!belongs(b"r1/7", "") && !belongs(b"r1/7", "/"));
    }
}
