//! How a task is tried, and when others are given a rest: retries, timeouts, the breaker. Part of [`crate::model`].
//!
//! Plain data; times are milliseconds.

use serde::{Deserialize, Serialize};

/// When breakers open.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Breaker {
    /// Failures in a row that open one.
    pub failures: u32,
    /// A share of failures that opens one too.
    pub share: Option<Share>,
    /// Time until a probe.
    pub cool_down_ms: u64,
    /// `wait` or `fail`.
    pub when_open: String,
    /// Time without a success after which a person is told.
    pub limit_ms: u64,
}

/// A share of failures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Share {
    /// In thousandths.
    pub permille: u32,
    /// Of so many attempts.
    pub window: u32,
}

/// Retry policy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts that count.
    pub max_attempts: u32,
    /// `linear`, `exponential` or `fixed`.
    pub strategy: String,
    /// Base of the back-off.
    pub backoff_ms: u64,
    /// Bound of the back-off.
    pub max_backoff_ms: u64,
    /// Another attempt goes on with the session of the one before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resume_session: bool,
    /// Another attempt goes on in the worktree as the one before left it; as `resume_session` where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_worktree: Option<bool>,
}

impl Retry {
    /// Whether another attempt goes on in the worktree as the one before left it.
    #[must_use]
    pub fn keeps_worktree(&self) -> bool {
        self.keep_worktree.unwrap_or(self.resume_session)
    }
}

/// Timeouts of a task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Timeout {
    /// Of one attempt.
    pub attempt_ms: u64,
    /// Of silence.
    pub idle_ms: Option<u64>,
    /// Between TERM and KILL.
    pub grace_ms: u64,
}
