//! What is declared about the attempts of a node: the effect contract, retries, timeouts.
//!
//! Plain data, and the exact delay before an attempt. Knows no node.

use crate::budget::Budget;

/// What a lost attempt means (spec "The effect contract").
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum EffectContract {
    /// No outside effect: started again.
    Pure,
    /// Safe to repeat: started again.
    Idempotent,
    /// In doubt: a person answers.
    #[default]
    AtMostOnce,
    /// The task's `reconcile` command is asked.
    Reconcile,
}

/// Growth of the back-off before an attempt n >= 2. Jitter does not exist.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum RetryStrategy {
    /// (n-1) x backoff
    #[default]
    Linear,
    /// backoff x 2^(n-2)
    Exponential,
    /// backoff
    Fixed,
}

/// Retry policy of a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RetryPolicy {
    /// Attempts that count, at least 1.
    pub max_attempts: u32,
    /// Growth of the back-off.
    pub strategy: RetryStrategy,
    /// Base of the back-off in milliseconds.
    pub backoff_ms: u64,
    /// Upper bound of one back-off in milliseconds.
    pub max_backoff_ms: u64,
}

impl RetryPolicy {
    /// The back-off in milliseconds before attempt `number` (1-based); 0 before the first.
    #[must_use]
    pub fn delay_before_ms(&self, number: u32) -> u64 {
        if number < 2 {
            return 0;
        }
        let raw = match self.strategy {
            RetryStrategy::Linear => self.backoff_ms.saturating_mul(u64::from(number - 1)),
            RetryStrategy::Exponential => {
                let factor = 1_u64.checked_shl(number - 2).unwrap_or(u64::MAX);
                self.backoff_ms.saturating_mul(factor)
            }
            RetryStrategy::Fixed => self.backoff_ms,
        };
        raw.min(self.max_backoff_ms)
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy {
            max_attempts: 1,
            strategy: RetryStrategy::Linear,
            backoff_ms: 1_000,
            max_backoff_ms: 300_000,
        }
    }
}

/// Everything about a node that is shared by many nodes; stored once per distinct value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Policy {
    /// Retry policy.
    pub retry: RetryPolicy,
    /// Longest duration of one attempt in milliseconds; `None` is no limit.
    pub attempt_timeout_ms: Option<u64>,
    /// Longest silence of one attempt in milliseconds; `None` is no limit.
    pub idle_timeout_ms: Option<u64>,
    /// Time between TERM and KILL in milliseconds.
    pub grace_ms: u64,
    /// What a lost attempt means.
    pub effect: EffectContract,
    /// A `when` condition must be asked before the node becomes ready.
    pub conditional: bool,
    /// The node runs although a predecessor was skipped (`join`, or `allow_skipped: true`).
    pub allow_skipped: bool,
    /// Equal work of an earlier run may stand for it (`cache: true`).
    pub cache: bool,
    /// The node has an `undo` action.
    pub undo: bool,
    /// A good attempt is `collected` first; landing decides (merging runs).
    pub collects: bool,
    /// Where results disagree that were to be joined, a person decides.
    pub asks_on_conflict: bool,
    /// That it takes longer than its timeout is told by its driver, which then says that it succeeded.
    pub told_late: bool,
    /// Lost attempts in a row after which the node is in doubt whatever its effect.
    pub max_lost: u32,
    /// What all its attempts may use up.
    pub budget: Option<Budget>,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            retry: RetryPolicy::default(),
            attempt_timeout_ms: Some(1_800_000),
            idle_timeout_ms: None,
            grace_ms: 10_000,
            effect: EffectContract::AtMostOnce,
            conditional: false,
            allow_skipped: false,
            cache: false,
            undo: false,
            collects: false,
            asks_on_conflict: false,
            told_late: false,
            max_lost: 5,
            budget: None,
        }
    }
}
