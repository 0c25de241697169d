//! Why an attempt or a node ended as it did: a closed list with stable codes.
//!
//! Carries no text; messages for people travel beside it and never enter the canonical log.

/// The cause of an outcome.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Cause {
    /// The process ended with a non-zero exit code.
    Exit,
    /// The process was ended by a signal that nobody here sent.
    Signal,
    /// The process could not be started.
    Spawn,
    /// The attempt took longer than its timeout.
    Timeout,
    /// The attempt was silent for longer than its idle timeout.
    Idle,
    /// The attempt wrote more than a stream may hold.
    OutputLimit,
    /// The result file or the JSON on stdout could not be read as JSON, or was too large.
    BadResult,
    /// A reference could not be resolved (`VARIABLE_RESOLUTION_ERROR`).
    Resolution,
    /// A condition failed to evaluate, or was not a boolean.
    Plan,
    /// Direct predecessors did not succeed.
    Upstream,
    /// `when` was false.
    When,
    /// A direct predecessor was skipped.
    UpstreamSkipped,
    /// The run was stopping because another node failed.
    Stopped,
    /// A person asked for it.
    User,
    /// The run took longer than its timeout.
    RunTimeout,
    /// The attempt was lost with its owner.
    Lost,
    /// Too many attempts in a row were lost.
    MaxLost,
    /// The disk was full when it failed: it is taken back.
    DiskFull,
    /// Landing met a merge conflict.
    MergeConflict,
    /// Landing met a red gate.
    Gate,
    /// The provider answered that it is used too much for now.
    RateLimit,
    /// The breaker of its agent, tool or tag is open (`when_open: fail`).
    BreakerOpen,
    /// It changed files that are not its own.
    Ownership,
    /// What it left does not descend from where it began.
    HistoryRewritten,
    /// It was to change something and changed nothing.
    NoChange,
    /// A file that it was to write is not there.
    MissingOutput,
    /// It changed the settings or the hooks of the repository.
    Tampered,
    /// It did only a part, or could not go on: its own result says so, or conflicts that it left unresolved.
    Partial,
    /// A command that was to confirm its work failed.
    Verify,
    /// Its worktree could not be made.
    Worktree,
    /// Its work was good, but nothing landed because other work was not.
    NotLanded,
    /// An agent said that it failed, or ended without saying that it is done, whatever its exit code.
    Agent,
    /// An agent was refused a permission.
    Denied,
    /// A budget is used up.
    Budget,
    /// A tool answered that it failed, or could not be called (`TASK_ERROR`).
    Tool,
    /// The results that were to be joined disagree.
    JoinConflict,
    /// It is a gate, and the gate is red.
    RedGate,
    /// It is a gate that a person decides, and nobody has answered yet.
    Person,
    /// Somebody said no: it is a gate that a person decides, or work that a person did not let land.
    Refused,
}

impl Cause {
    /// Every cause, in declaration order.
    pub const ALL: [Cause; 39] = [
        Cause::Exit,
        Cause::Signal,
        Cause::Spawn,
        Cause::Timeout,
        Cause::Idle,
        Cause::OutputLimit,
        Cause::BadResult,
        Cause::Resolution,
        Cause::Plan,
        Cause::Upstream,
        Cause::When,
        Cause::UpstreamSkipped,
        Cause::Stopped,
        Cause::User,
        Cause::RunTimeout,
        Cause::Lost,
        Cause::MaxLost,
        Cause::DiskFull,
        Cause::MergeConflict,
        Cause::Gate,
        Cause::RateLimit,
        Cause::BreakerOpen,
        Cause::Ownership,
        Cause::HistoryRewritten,
        Cause::NoChange,
        Cause::MissingOutput,
        Cause::Tampered,
        Cause::Partial,
        Cause::Verify,
        Cause::Worktree,
        Cause::NotLanded,
        Cause::Agent,
        Cause::Denied,
        Cause::Budget,
        Cause::Tool,
        Cause::JoinConflict,
        Cause::RedGate,
        Cause::Person,
        Cause::Refused,
    ];

    /// The stable code written to journals, logs and reports.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Cause::Exit => "exit",
            Cause::Signal => "signal",
            Cause::Spawn => "spawn",
            Cause::Timeout => "timeout",
            Cause::Idle => "idle",
            Cause::OutputLimit => "output_limit",
            Cause::BadResult => "bad_result",
            Cause::Resolution => "VARIABLE_RESOLUTION_ERROR",
            Cause::Plan => "plan",
            Cause::Upstream => "upstream",
            Cause::When => "when",
            Cause::UpstreamSkipped => "upstream_skipped",
            Cause::Stopped => "stopped",
            Cause::User => "user",
            Cause::RunTimeout => "run_timeout",
            Cause::Lost => "lost",
            Cause::MaxLost => "max_lost",
            Cause::DiskFull => "disk_full",
            Cause::MergeConflict => "merge_conflict",
            Cause::Gate => "gate",
            Cause::RateLimit => "rate_limit",
            Cause::BreakerOpen => "breaker_open",
            Cause::Ownership => "ownership",
            Cause::HistoryRewritten => "history_rewritten",
            Cause::NoChange => "no_change",
            Cause::MissingOutput => "missing_output",
            Cause::Tampered => "tampered",
            Cause::Partial => "partial",
            Cause::Verify => "verify",
            Cause::Worktree => "worktree",
            Cause::NotLanded => "not_landed",
            Cause::Agent => "agent",
            Cause::Denied => "permission",
            Cause::Budget => "budget",
            Cause::Tool => "tool",
            Cause::JoinConflict => "join_conflict",
            Cause::RedGate => "red_gate",
            Cause::Person => "person",
            Cause::Refused => "refused",
        }
    }

    /// The cause of a code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Cause> {
        Cause::ALL.into_iter().find(|c| c.code() == code)
    }

    /// False for causes that another attempt cannot mend (11-semantics: resolution errors are never retried).
    #[must_use]
    pub fn retryable(self) -> bool {
        !matches!(
            self,
            Cause::Resolution
                | Cause::Plan
                | Cause::User
                | Cause::RunTimeout
                | Cause::Budget
                | Cause::JoinConflict
                | Cause::Person
                | Cause::Refused
        )
    }
}
