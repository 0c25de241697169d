//! Terminal results of attempts, nodes and runs, with their names in logs.
//!
//! Knows nothing of causes or events.

/// Terminal result of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NodeOutcome {
    /// Done.
    Succeeded,
    /// The policy of one attempt, and it failed; or nothing could be tried.
    Failed,
    /// The policy of one attempt, and it timed out.
    TimedOut,
    /// All attempts are used up.
    Exhausted,
    /// An ancestor did not succeed.
    Blocked,
    /// It was not to run.
    Skipped,
    /// Cancelled by a person or the run timeout.
    Cancelled,
}

impl NodeOutcome {
    /// Every outcome.
    pub const ALL: [NodeOutcome; 7] = [
        NodeOutcome::Succeeded,
        NodeOutcome::Failed,
        NodeOutcome::TimedOut,
        NodeOutcome::Exhausted,
        NodeOutcome::Blocked,
        NodeOutcome::Skipped,
        NodeOutcome::Cancelled,
    ];

    /// The name in logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            NodeOutcome::Succeeded => "succeeded",
            NodeOutcome::Failed => "failed",
            NodeOutcome::TimedOut => "timed_out",
            NodeOutcome::Exhausted => "exhausted",
            NodeOutcome::Blocked => "blocked",
            NodeOutcome::Skipped => "skipped",
            NodeOutcome::Cancelled => "cancelled",
        }
    }

    /// True if dependants of such a node are blocked.
    #[must_use]
    pub fn blocks(self) -> bool {
        !matches!(self, NodeOutcome::Succeeded | NodeOutcome::Skipped)
    }

    /// True for the failure of a node's own work, which `on_failure` is about.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, NodeOutcome::Failed | NodeOutcome::TimedOut | NodeOutcome::Exhausted)
    }
}

/// Result of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AttemptOutcome {
    /// It did what it should.
    Succeeded,
    /// It did not.
    Failed,
    /// It took too long, or was silent too long.
    TimedOut,
    /// Cancelled by a person or the run timeout.
    Cancelled,
    /// Ended because the orchestrator was asked to leave; does not count.
    Interrupted,
    /// Vanished with its owner; does not count.
    Lost,
    /// Met a rate limit; does not count.
    Held,
}

impl AttemptOutcome {
    /// Every outcome.
    pub const ALL: [AttemptOutcome; 7] = [
        AttemptOutcome::Succeeded,
        AttemptOutcome::Failed,
        AttemptOutcome::TimedOut,
        AttemptOutcome::Cancelled,
        AttemptOutcome::Interrupted,
        AttemptOutcome::Lost,
        AttemptOutcome::Held,
    ];

    /// The name in logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AttemptOutcome::Succeeded => "succeeded",
            AttemptOutcome::Failed => "failed",
            AttemptOutcome::TimedOut => "timed_out",
            AttemptOutcome::Cancelled => "cancelled",
            AttemptOutcome::Interrupted => "interrupted",
            AttemptOutcome::Lost => "lost",
            AttemptOutcome::Held => "held",
        }
    }

    /// True if the attempt uses up a number; the others leave no trace in the canonical log.
    #[must_use]
    pub fn counts(self) -> bool {
        !matches!(self, AttemptOutcome::Interrupted | AttemptOutcome::Lost | AttemptOutcome::Held)
    }
}

/// Result of a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RunStatus {
    /// Every node succeeded or was skipped by `when`.
    Succeeded,
    /// Some did, some did not.
    Partial,
    /// None did, or the run stopped, rolled back or timed out.
    Failed,
    /// Cancelled by a person.
    Cancelled,
}

impl RunStatus {
    /// Every status.
    pub const ALL: [RunStatus; 4] =
        [RunStatus::Succeeded, RunStatus::Partial, RunStatus::Failed, RunStatus::Cancelled];

    /// The name in logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RunStatus::Succeeded => "succeeded",
            RunStatus::Partial => "partial",
            RunStatus::Failed => "failed",
            RunStatus::Cancelled => "cancelled",
        }
    }
}

/// Why a run stands still.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PauseReason {
    /// A person paused it.
    User,
    /// A signal ended its orchestrator.
    Interrupted,
    /// Nothing more can move without a person.
    Waiting,
}

impl PauseReason {
    /// Every reason.
    pub const ALL: [PauseReason; 3] = [PauseReason::User, PauseReason::Interrupted, PauseReason::Waiting];

    /// The name in logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PauseReason::User => "user",
            PauseReason::Interrupted => "interrupted",
            PauseReason::Waiting => "waiting",
        }
    }
}
