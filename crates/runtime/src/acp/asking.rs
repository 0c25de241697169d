//! Permissions that a person gives: the question goes to whoever orchestrates the run, and the answer comes back.
//!
//! ```text
//! request --number--> thread --control socket--> orchestrator … a person … --> answer
//!                        `-- nobody listens: again, for we outlive orchestrators
//! ```
//! While it waits it writes a line from time to time, so that nobody takes it for idle, also where no orchestrator knows
//! that it asks. Knows no protocol of agents.

use super::say;
use crate::control::{self, Command, Reply};
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Between two knocks at a door at which nobody listens.
const AGAIN: Duration = Duration::from_millis(200);
/// Lines that say that it waits come at most so often.
const SHORTEST_BEAT_MS: u64 = 250;
/// Where nobody counts the silence: as good as never.
const NEVER: Duration = Duration::from_secs(3_600);

/// Where a person can be asked.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The directory of the run.
    pub run_dir: PathBuf,
    /// The attempt that asks.
    pub attempt: u64,
    /// The silence after which the attempt would be taken for idle, in milliseconds.
    pub idle_ms: Option<u64>,
}

/// What came of a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Came {
    /// A person answered.
    Answered(bool),
    /// It may not be asked; why.
    Refused(String),
    /// The turn was cancelled first.
    Cancelled,
}

/// Asks, one number for each question.
#[derive(Debug)]
pub(super) struct Asking {
    desk: Desk,
    asked: AtomicU32,
}

impl Asking {
    pub(super) fn new(desk: Desk) -> Asking {
        Asking { desk, asked: AtomicU32::new(0) }
    }

    /// Asks for `title`, a tool of kind `tool`, of which a yes may be one for `always`, until somebody answers or the turn is cancelled.
    pub(super) async fn ask(
        &self,
        (title, tool, always): (String, String, bool),
        mut cancelled: watch::Receiver<bool>,
    ) -> Came {
        let question = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        say(&json!({ "kind": "asks", "question": question, "title": title, "tool": tool, "always": always }));
        let Desk { run_dir, attempt, idle_ms } = self.desk.clone();
        let command = Command::Permission { attempt, question, title, tool, always };
        let (tell, told) = oneshot::channel();
        // It is of no use to anybody when we are gone, and ends with us.
        let asks = std::thread::Builder::new().name("asks".to_owned());
        let started = asks.spawn(move || {
            if let Some(came) = until_answered(&run_dir, &command, &|| tell.is_closed()) {
                // Nobody waits any more.
                let _ = tell.send(came);
            }
        });
        if let Err(error) = started {
            return Came::Refused(format!("nobody can be asked: {error}"));
        }
        let came = wait(told, &mut cancelled, beat(idle_ms)).await;
        if let Came::Answered(allowed) = came {
            say(&json!({ "kind": "answered", "question": question, "allowed": allowed }));
        }
        came
    }
}

/// The time between two lines that say that it waits: two of them may be late, and nobody takes it for idle.
fn beat(idle_ms: Option<u64>) -> Duration {
    idle_ms.map_or(NEVER, |ms| Duration::from_millis((ms / 3).max(SHORTEST_BEAT_MS)))
}

async fn wait(
    mut told: oneshot::Receiver<Came>,
    cancelled: &mut watch::Receiver<bool>,
    every: Duration,
) -> Came {
    let mut beat = interval_at(Instant::now() + every, every);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            came = &mut told => return came.unwrap_or(Came::Cancelled),
            // Whoever could cancel is gone: so is the turn.
            _ = cancelled.wait_for(|cancelled| *cancelled) => return Came::Cancelled,
            _ = beat.tick() => say(&json!({ "kind": "waits" })),
        }
    }
}

/// Blocks until somebody has answered; none if nobody waits for it any more.
fn until_answered(run_dir: &std::path::Path, command: &Command, is_over: &dyn Fn() -> bool) -> Option<Came> {
    while !is_over() {
        match control::ask(run_dir, command) {
            Ok(Some(Reply::Permission { allowed })) => return Some(Came::Answered(allowed)),
            Ok(Some(Reply::Refused(why))) => return Some(Came::Refused(why)),
            // Nobody listens, or whoever listened is gone.
            Ok(_) | Err(_) => std::thread::sleep(AGAIN),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_says_so_three_times_before_it_would_be_taken_for_idle() {
        let check = |idle_ms: Option<u64>, ms: u64| assert_eq!(beat(idle_ms), Duration::from_millis(ms));
        check(Some(300_000), 100_000);
        check(Some(3_000), 1_000);
        // Outputs are looked at each second.
        check(Some(100), 250);
        check(None, 3_600_000);
    }

    #[test]
    fn nobody_is_asked_any_more_when_nobody_waits_for_the_answer() {
        let dir = tempfile::tempdir().unwrap();
        let (title, tool) = (String::new(), String::new());
        let command = Command::Permission { attempt: 1, question: 1, title, tool, always: false };
        assert_eq!(until_answered(dir.path(), &command, &|| true), None);
    }
}
