//! What is put before a person: the classes of causes, and which cause is of which class.
//!
//! Knows no file and no command; the runtime writes them.

use crate::cause::Cause;
use crate::graph::Graph;
use crate::ids::Timestamp;
use crate::scope::Scope;

/// The class of a cause (spec 4 "Circuit breaker, escalation").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CauseClass {
    /// An agent's work failed.
    Agent,
    /// A tool or command failed.
    Tool,
    /// It took too long, or was silent too long.
    Timeout,
    /// Landing met a conflict.
    MergeConflict,
    /// A gate is red.
    Gate,
    /// A budget is used up.
    Budget,
    /// Attempts were lost: what they did is not known.
    Lost,
    /// The plan itself is at fault.
    Plan,
}

impl CauseClass {
    /// Every class.
    pub const ALL: [CauseClass; 8] = [
        CauseClass::Agent,
        CauseClass::Tool,
        CauseClass::Timeout,
        CauseClass::MergeConflict,
        CauseClass::Gate,
        CauseClass::Budget,
        CauseClass::Lost,
        CauseClass::Plan,
    ];

    /// The name in journals and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CauseClass::Agent => "agent",
            CauseClass::Tool => "tool",
            CauseClass::Timeout => "timeout",
            CauseClass::MergeConflict => "merge_conflict",
            CauseClass::Gate => "gate",
            CauseClass::Budget => "budget",
            CauseClass::Lost => "lost",
            CauseClass::Plan => "plan",
        }
    }

    /// The class of a cause. What a process did is put down to the agent or to the tool, whichever it was.
    #[must_use]
    pub fn of(graph: &Graph, about: Scope, cause: Cause) -> CauseClass {
        match cause {
            Cause::Exit
            | Cause::Signal
            | Cause::Spawn
            | Cause::OutputLimit
            | Cause::BadResult
            | Cause::DiskFull
            | Cause::RateLimit
            | Cause::Ownership
            | Cause::HistoryRewritten
            | Cause::NoChange
            | Cause::MissingOutput
            | Cause::Tampered
            | Cause::Partial
            | Cause::Verify
            | Cause::Worktree
            | Cause::Tool
            | Cause::BreakerOpen => {
                let agent = match about {
                    Scope::Agent(_) => true,
                    Scope::Node(node) => graph.facts(node).agent.is_some(),
                    Scope::Tool(_) | Scope::Tag(_) => false,
                };
                if agent { CauseClass::Agent } else { CauseClass::Tool }
            }
            Cause::Timeout | Cause::Idle | Cause::RunTimeout => CauseClass::Timeout,
            Cause::Agent | Cause::Denied => CauseClass::Agent,
            Cause::Budget => CauseClass::Budget,
            Cause::MergeConflict | Cause::JoinConflict => CauseClass::MergeConflict,
            Cause::Gate | Cause::RedGate | Cause::Person | Cause::Refused => CauseClass::Gate,
            Cause::Lost | Cause::MaxLost => CauseClass::Lost,
            Cause::Resolution
            | Cause::Plan
            | Cause::Upstream
            | Cause::When
            | Cause::UpstreamSkipped
            | Cause::Stopped
            | Cause::NotLanded
            | Cause::User => CauseClass::Plan,
        }
    }
}

/// Something that a person must look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Escalation {
    /// The class of the cause.
    pub class: CauseClass,
    /// The cause.
    pub cause: Cause,
    /// When.
    pub at: Timestamp,
}
