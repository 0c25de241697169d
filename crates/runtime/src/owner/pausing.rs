//! How trees stand still and go on: STOP and CONT to all of them. It does not know why.
//!
//! The groups are stopped first, so that nothing is born there any more; then everybody who left them is looked for.
//! Twice, because somebody may be born outside of a group during the first look.

use std::time::Instant;

use rustix::process::{Signal, kill_process_group};

use super::life::Life;
use super::worker::Worker;

/// Looks for processes outside of the groups.
const LOOKS: u32 = 2;

impl Worker {
    /// Every live tree stands still.
    pub(super) fn suspend(&mut self, now: Instant) {
        let goes = |life: &&Life| life.runs() && life.suspended.is_none();
        let attempts: Vec<u64> = self.lives.values().filter(goes).map(|life| life.attempt).collect();
        for _ in 0..LOOKS {
            self.send_all(&attempts, Signal::STOP);
            self.hunt(&attempts);
        }
        self.send_all(&attempts, Signal::STOP);
        for attempt in attempts {
            if let Some(life) = self.lives.get_mut(&attempt) {
                life.suspended = Some(now);
            }
        }
    }

    /// Every tree that stands still goes on; its silence does not count that time.
    pub(super) fn go_on(&mut self, now: Instant) {
        let still = |life: &&Life| life.suspended.is_some();
        let attempts: Vec<u64> = self.lives.values().filter(still).map(|life| life.attempt).collect();
        self.hunt(&attempts);
        self.send_all(&attempts, Signal::CONT);
        for attempt in attempts {
            let Some(life) = self.lives.get_mut(&attempt) else { continue };
            if let Some(since) = life.suspended.take() {
                let still = now.saturating_duration_since(since);
                life.outputs.stood_still(still);
                life.started += still;
            }
        }
    }

    fn send_all(&mut self, attempts: &[u64], signal: Signal) {
        for life in attempts.iter().filter_map(|attempt| self.lives.get(attempt)) {
            if life.runs() {
                // The leader is ours and unreaped, so the group exists.
                let _ = kill_process_group(life.pid, signal);
            }
            life.strays.send(signal);
        }
    }
}
