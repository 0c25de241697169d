//! A circuit breaker: when it trips, and where it stands.
//! ```text
//! closed --failures in a row, or their share--> open --cool-down--> half open --one probe ends well--> closed
//!                                                 ^------------------'  fails
//! ```
//! Counts what it is told. Knows no nodes and no events; the state folds them into it.

use crate::cause::Cause;
use crate::ids::{AttemptId, Timestamp};
use crate::outcome::AttemptOutcome;
use std::collections::VecDeque;

/// What happens to ready nodes while a breaker is open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum WhenOpen {
    /// They wait.
    #[default]
    Wait,
    /// They fail without an attempt.
    Fail,
}

/// A share of failures among the last attempts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Window {
    /// So many of the last attempts are looked at; before there were as many, the share says nothing.
    pub attempts: u32,
    /// So many failures among them trip it.
    pub failures: u32,
}

/// When breakers trip, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BreakerPolicy {
    /// Failures in a row that trip one.
    pub failures: u32,
    /// A share of failures that trips one too.
    pub window: Option<Window>,
    /// Milliseconds until a probe may try.
    pub cool_down_ms: u64,
    /// What ready nodes do meanwhile.
    pub when_open: WhenOpen,
    /// Milliseconds after which a person is told, counted over every opening since the last success.
    pub limit_ms: u64,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        BreakerPolicy {
            failures: 3,
            window: None,
            cool_down_ms: 300_000,
            when_open: WhenOpen::Wait,
            limit_ms: 1_800_000,
        }
    }
}

/// Where a breaker stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BreakerPhase {
    /// Everything may start.
    #[default]
    Closed,
    /// Nothing may start before then.
    Open {
        /// The end of the cool-down.
        until: Timestamp,
    },
    /// One attempt may try.
    HalfOpen {
        /// The one that does.
        probe: Option<AttemptId>,
    },
}

/// A breaker.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Breaker {
    /// Where it stands.
    pub phase: BreakerPhase,
    /// Failures in a row.
    pub failures: u32,
    /// Since when no attempt has closed it, if it is not closed.
    pub open_since: Option<Timestamp>,
    /// The last attempts, newest last; true if one failed.
    recent: VecDeque<bool>,
}

impl Breaker {
    /// Counts an attempt that ended.
    pub(crate) fn note(&mut self, policy: &BreakerPolicy, failed: bool) {
        self.failures = if failed { self.failures.saturating_add(1) } else { 0 };
        let Some(window) = policy.window else { return };
        self.recent.push_back(failed);
        while self.recent.len() > window.attempts as usize {
            self.recent.pop_front();
        }
    }

    /// True if there were too many failures.
    #[must_use]
    pub(crate) fn trips(&self, policy: &BreakerPolicy) -> bool {
        let by_share = policy.window.is_some_and(|window| {
            let failed = self.recent.iter().filter(|failed| **failed).count();
            self.recent.len() >= window.attempts as usize && failed >= window.failures as usize
        });
        self.failures >= policy.failures || by_share
    }
}

/// What the end of an attempt says about its agent, tool or tags: that it failed, that it did not, or nothing. An
/// attempt that never got as far as asking them (a reference without a value) says nothing.
#[must_use]
pub fn verdict(outcome: AttemptOutcome, cause: Option<Cause>) -> Option<bool> {
    match outcome {
        AttemptOutcome::Succeeded => Some(false),
        AttemptOutcome::Failed | AttemptOutcome::TimedOut => {
            let asked =
                !matches!(cause, Some(Cause::Resolution | Cause::Plan | Cause::Worktree | Cause::Budget));
            asked.then_some(true)
        }
        AttemptOutcome::Cancelled
        | AttemptOutcome::Interrupted
        | AttemptOutcome::Lost
        | AttemptOutcome::Held => None,
    }
}
