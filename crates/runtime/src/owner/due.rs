//! Deadlines with their reasons, in one table. It does not know the clock: `now` is an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The grace of an attempt is over.
    Kill(u64),
    /// The grace of a sweep is over.
    KillSweep(u64),
    /// A sweep looks once more.
    Rescan(u64),
    /// Somebody could not be judged: look at the orphans again.
    Settle,
    /// Output files are looked at.
    Tick,
}

/// Names one deadline.
pub(super) type Key = (Instant, u64);

/// The table.
#[derive(Debug, Default)]
pub(super) struct Due {
    table: BTreeMap<Key, Why>,
    count: u64,
}

impl Due {
    /// Adds a deadline.
    pub(super) fn arm(&mut self, at: Instant, why: Why) -> Key {
        self.count += 1;
        self.table.insert((at, self.count), why);
        (at, self.count)
    }

    /// Takes one away.
    pub(super) fn disarm(&mut self, key: Key) {
        self.table.remove(&key);
    }

    /// How long nothing is due; `None`: nothing is.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.table.first_key_value().map(|((at, _), _)| at.saturating_duration_since(now))
    }

    /// Takes all that is due, in order.
    pub(super) fn take(&mut self, now: Instant) -> Vec<Why> {
        let mut due = Vec::new();
        while let Some(entry) = self.table.first_entry().filter(|entry| entry.key().0 <= now) {
            due.push(entry.remove());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_order_and_only_when_due() {
        let (mut due, start) = (Due::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        due.arm(at(30), Why::Tick);
        let gone = due.arm(at(5), Why::Kill(1));
        due.arm(at(10), Why::Settle);
        due.arm(at(10), Why::Kill(2));
        due.disarm(gone);
        assert_eq!(due.wait(at(4)), Some(Duration::from_millis(6)));
        assert_eq!(due.take(at(10)), [Why::Settle, Why::Kill(2)]);
        assert_eq!(due.take(at(29)), []);
        assert_eq!(due.take(at(31)), [Why::Tick]);
        assert_eq!(due.wait(at(31)), None);
    }
}
