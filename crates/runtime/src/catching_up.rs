//! What the loop does before it says that somebody is late, or obeys somebody who asks for an end: it hears whatever the keeper
//! has said by now.
//!
//! An orchestrator that stood still (a closed laptop, Ctrl-Z) finds ends, deadlines and requests of that time all at once and in
//! no order. What ended in time did so, and had ended before it was asked for. The keeper answers in the order in which things
//! happened, so its answer to a question comes after all of that. Knows no engine.

use crate::keeper::{Ask, Heard};
use crate::local::Local;
use crate::orchestrator::{Message, Orchestrator};
use crate::turn::Arrival;
use regatta_engine::ids::Timestamp;
use std::time::{Duration, Instant};

/// A keeper that does not answer within this time does not hold up a run any longer.
const PATIENCE: Duration = Duration::from_secs(1);

impl Orchestrator {
    /// What came before deadlines that are over now.
    pub(crate) fn heard_before(&mut self, now: Timestamp) -> Vec<Arrival> {
        let due = self.engine.next_deadline().is_some_and(|(at, _)| at <= now) || self.local.is_late(now);
        if !due {
            return Vec::new();
        }
        self.hear_keeper();
        self.drain()
    }

    /// Takes all that the keeper has said by now; what others say meanwhile waits.
    pub(crate) fn hear_keeper(&mut self) {
        let Some(nobody) = self.local.asks_for_news() else { return };
        let until = Instant::now() + PATIENCE;
        while let Ok(message) = self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
            let Message::Heard(number, heard) = message else {
                self.later.push_back(message);
                continue;
            };
            let is_last = |word: &Heard| match word {
                Heard::Streams(of, _) => *of == nobody,
                word => matches!(word, Heard::Gone),
            };
            let last = number == self.keepers && heard.iter().any(is_last);
            self.take(Message::Heard(number, heard));
            if last {
                return;
            }
        }
    }
}

impl Local {
    /// Asks the keeper for a word behind all that it has said; answers of which attempt it will speak, if it will.
    fn asks_for_news(&mut self) -> Option<u64> {
        let nothing_lives = self.jobs.is_empty() && self.timeouts.is_empty() && self.asking.is_empty();
        let keeper = self.keeper.as_mut().filter(|keeper| !nothing_lives && keeper.can_be_looked_at())?;
        // A late answer to an earlier question is about another one.
        let nobody = self.looks.nobody();
        keeper.ask(&[Ask::Look { attempt: nobody }]).ok().map(|()| nobody)
    }
}
