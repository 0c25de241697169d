//! What a keeper owns: attempts that live, and ends that nobody has acknowledged. Plain state; time is an argument.
//!
//! Knows no process, socket or file system.

use super::message::Ended;
use std::collections::BTreeMap;
use std::fs::File;
use std::time::{Duration, Instant};

/// The two streams of an attempt, from their first byte.
pub(super) type Streams = [Option<File>; 2];

/// An attempt that was asked for and has not ended.
#[derive(Debug)]
struct Live {
    since: Instant,
    kill_after: Option<Duration>,
    grace_ms: u64,
    output_limit: bool,
    deadline: bool,
    /// The silence that was noticed while nobody listened, in milliseconds.
    idle_ms: Option<u64>,
}

/// The ledger.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    lives: BTreeMap<u64, Live>,
    unacked: BTreeMap<u64, (Ended, Streams)>,
    sweeps: u32,
    /// Since when what lives stands still.
    suspended: Option<Instant>,
}

impl Ledger {
    /// With what an earlier keeper left.
    pub(super) fn inherit(ended: BTreeMap<u64, Ended>) -> Ledger {
        let unacked = ended.into_iter().map(|(attempt, ended)| (attempt, (ended, [None, None]))).collect();
        Ledger { unacked, ..Ledger::default() }
    }

    /// True while there is a reason to stay.
    pub(super) fn owns(&self) -> bool {
        !self.lives.is_empty() || !self.unacked.is_empty() || self.sweeps > 0
    }

    /// Attempts that live.
    pub(super) fn live(&self) -> Vec<u64> {
        self.lives.keys().copied().collect()
    }

    /// Ends that were not acknowledged.
    pub(super) fn unacked(&self) -> impl Iterator<Item = &(Ended, Streams)> {
        self.unacked.values()
    }

    /// An attempt is to be started; false if it was asked for before and is still known.
    pub(super) fn start(
        &mut self,
        attempt: u64,
        (grace_ms, kill_after_ms): (u64, Option<u64>),
        now: Instant,
    ) -> bool {
        if self.lives.contains_key(&attempt) || self.unacked.contains_key(&attempt) {
            return false;
        }
        let kill_after = kill_after_ms.map(Duration::from_millis);
        let live =
            Live { since: now, kill_after, grace_ms, output_limit: false, deadline: false, idle_ms: None };
        self.lives.insert(attempt, live);
        true
    }

    /// A stream of an attempt went over its limit.
    pub(super) fn output_limit(&mut self, attempt: u64) {
        if let Some(live) = self.lives.get_mut(&attempt) {
            live.output_limit = true;
        }
    }

    /// An attempt was found silent while nobody listened.
    pub(super) fn idle(&mut self, attempt: u64, idle_ms: u64) {
        if let Some(live) = self.lives.get_mut(&attempt) {
            live.idle_ms = Some(idle_ms);
        }
    }

    /// What was noticed while nobody listened, once.
    pub(super) fn take_idle(&mut self) -> Vec<(u64, u64)> {
        self.lives.iter_mut().filter_map(|(attempt, live)| Some((*attempt, live.idle_ms.take()?))).collect()
    }

    /// An attempt ended; answers the end with what is known of its life.
    pub(super) fn end(&mut self, mut ended: Ended, streams: Streams) -> &(Ended, Streams) {
        if let Some(live) = self.lives.remove(&ended.attempt) {
            (ended.output_limit, ended.deadline) = (live.output_limit, live.deadline);
        }
        let [stdout, stderr] = &streams;
        (ended.stdout, ended.stderr) = (stdout.is_some(), stderr.is_some());
        let attempt = ended.attempt;
        self.unacked.entry(attempt).or_insert((ended, streams))
    }

    /// The outcome of an attempt is durable elsewhere; answers its streams, if it was waiting for that.
    pub(super) fn ack(&mut self, attempt: u64) -> Option<Streams> {
        self.unacked.remove(&attempt).map(|(_, streams)| streams)
    }

    /// Nobody will ever ask for what ended.
    pub(super) fn forget_ends(&mut self) {
        self.unacked.clear();
    }

    /// Nobody can come back: nobody will ask for what ended, and what lives has had its time.
    pub(super) fn give_up(&mut self) {
        self.unacked.clear();
        self.suspended = None;
        self.lives.values_mut().for_each(|live| live.kill_after = Some(Duration::ZERO));
    }

    /// A sweep begins.
    pub(super) fn sweep(&mut self) {
        self.sweeps += 1;
    }

    /// A sweep is over.
    pub(super) fn swept(&mut self) {
        self.sweeps = self.sweeps.saturating_sub(1);
    }

    /// What lives stands still: no deadline comes nearer.
    pub(super) fn suspend(&mut self, now: Instant) {
        self.suspended.get_or_insert(now);
    }

    /// What lives goes on; deadlines move by the time that it stood still.
    pub(super) fn go_on(&mut self, now: Instant) {
        let Some(since) = self.suspended.take() else { return };
        for live in self.lives.values_mut() {
            live.since += now.saturating_duration_since(since.max(live.since));
        }
    }

    /// When the next attempt has had its time.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if self.suspended.is_some() {
            return None;
        }
        self.lives.values().filter(|l| !l.deadline).filter_map(|l| Some(l.since + l.kill_after?)).min()
    }

    /// Attempts that have had their time by now, with their grace; each is answered once.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<(u64, u64)> {
        let mut due = Vec::new();
        if self.suspended.is_some() {
            return due;
        }
        for (attempt, live) in &mut self.lives {
            if !live.deadline && live.kill_after.is_some_and(|after| live.since + after <= now) {
                live.deadline = true;
                due.push((*attempt, live.grace_ms));
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::How;
    use super::*;
    use crate::owner::{Status, Usage};

    fn exit(attempt: u64) -> Ended {
        Ended::exited(attempt, Status::Code(0), Usage::default())
    }

    #[test]
    fn an_end_is_owned_until_it_is_acknowledged() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        assert!(!ledger.owns());
        assert!(ledger.start(1, (0, None), now));
        assert!(!ledger.start(1, (0, None), now), "a second start does nothing");
        ledger.end(exit(1), [None, None]);
        assert!(ledger.owns() && ledger.live().is_empty());
        assert!(!ledger.start(1, (0, None), now), "nor does one after the end");
        assert!(ledger.ack(1).is_some() && ledger.ack(1).is_none());
        assert!(!ledger.owns());
    }

    #[test]
    fn a_deadline_is_met_once_and_shows_in_the_end() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        let at = |s| now + Duration::from_secs(s);
        ledger.start(1, (70, Some(5_000)), at(0));
        ledger.start(2, (80, None), at(0));
        assert_eq!(ledger.next_deadline(), Some(at(5)));
        assert_eq!(ledger.overdue(at(4)), []);
        assert_eq!(ledger.overdue(at(5)), [(1, 70)]);
        assert_eq!((ledger.overdue(at(9)), ledger.next_deadline()), (vec![], None));
        assert!(
            ledger.end(exit(1), [None, None]).0.deadline && !ledger.end(exit(2), [None, None]).0.deadline
        );
    }

    #[test]
    fn what_stands_still_has_its_deadline_later() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        let at = |s| now + Duration::from_secs(s);
        ledger.start(1, (0, Some(5_000)), at(0));
        ledger.suspend(at(2));
        assert_eq!((ledger.next_deadline(), ledger.overdue(at(99))), (None, vec![]));
        ledger.go_on(at(102));
        assert_eq!((ledger.next_deadline(), ledger.overdue(at(104))), (Some(at(105)), vec![]));
        assert_eq!(ledger.overdue(at(105)), [(1, 0)]);
    }

    #[test]
    fn without_a_way_back_ends_are_forgotten_and_what_lives_ends_once_with_its_grace() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        assert!(ledger.start(1, (70, None), now) && ledger.start(2, (70, None), now));
        ledger.end(exit(1), [None, None]);
        ledger.suspend(now);
        ledger.give_up();
        assert_eq!((ledger.unacked().count(), ledger.overdue(now)), (0, vec![(2, 70)]));
        ledger.give_up();
        assert_eq!(ledger.overdue(now), [], "told once");
        ledger.end(exit(2), [None, None]);
        ledger.give_up();
        assert!(!ledger.owns());
    }

    #[test]
    fn silence_is_kept_for_the_next_listener_and_told_once() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        ledger.start(1, (0, None), now);
        ledger.idle(1, 300);
        ledger.idle(9, 300);
        assert_eq!((ledger.take_idle(), ledger.take_idle()), (vec![(1, 300)], vec![]));
    }

    #[test]
    fn what_was_inherited_is_owned() {
        let ended = Ended { how: How::Code(3), ..exit(4) };
        let mut ledger = Ledger::inherit(BTreeMap::from([(4, ended)]));
        assert!(ledger.owns() && ledger.ack(4).is_some() && !ledger.owns());
    }
}
