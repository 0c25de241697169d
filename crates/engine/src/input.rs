//! What the world tells the engine: one closed enum.
//!
//! Every input is journaled beside the events it led to; feeding the same inputs again gives the same events.

pub use crate::answers::{Claimed, ConditionAnswer, Expansion, Recalled, Reused, ReusedBy};
use crate::cause::Cause;
use crate::ids::{AttemptId, NodeId};
use crate::permission::PermissionTold;
use crate::report::{Digest, Report, Usage};
use crate::spec::{ClaimKind, Limits};

/// Work that was merged on a tip whose gates had passed, and what they say now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// What the last one left was merged last.
    pub nodes: Box<[NodeId]>,
    /// The commit that was looked at.
    pub tip: Box<str>,
    /// Each gate that blocks has passed.
    pub passed: bool,
}

/// The verdict on one ended attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It did what it should.
    Succeeded,
    /// It did not.
    Failed(Cause),
    /// Its provider asks to be left alone for this many milliseconds; no failure.
    RateLimited {
        /// From the end of the attempt.
        retry_after_ms: u64,
    },
}

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// The attempt.
    pub attempt: AttemptId,
    /// The verdict.
    pub verdict: Verdict,
    /// The facts.
    pub report: Report,
}

/// A person's answer about a node in doubt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Exactly one more attempt.
    Again,
    /// It was done; its result, if any.
    Succeeded(Option<Digest>),
    /// It was not done and shall not be tried again.
    Failed,
}

/// What a `reconcile` command found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reconciliation {
    /// Done; its result, if any.
    Done(Option<Digest>),
    /// Not done: start again.
    NotDone,
    /// Cannot be told: in doubt.
    Unknown,
}

/// What a running attempt did with leases of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeaseChange {
    /// It got some.
    Acquired,
    /// It gave some back.
    Dropped,
    /// It was refused some, because waiting for them would never end.
    Denied,
}

/// A lease that a running attempt claims by itself, beside what its task declares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnLease {
    /// Its name.
    pub name: Box<str>,
    /// How it is claimed.
    pub kind: ClaimKind,
}

/// What is told of leases of a running attempt's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeaseTold {
    /// What became of it.
    pub change: LeaseChange,
    /// Which leases, for people.
    pub text: Box<str>,
    /// Those that it holds now and did not hold before, or that it holds no more.
    pub leases: Box<[OwnLease]>,
}

/// What the orchestrator found when it took the run over.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Resumed {
    /// The new fencing epoch.
    pub epoch: u64,
    /// Attempts that are still alive.
    pub live: Vec<AttemptId>,
    /// Attempts that ended meanwhile.
    pub ended: Vec<Ended>,
    /// The machine was started anew since.
    pub boot_changed: bool,
}

/// An input.
#[expect(
    clippy::large_enum_variant,
    reason = "the end of an attempt is the most frequent input: no box for each"
)]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// The run begins.
    Begin,
    /// All that had happened by now has been told: expire deadlines, admit, end.
    Settle,
    /// An orchestrator took the run over.
    Resumed(Resumed),
    /// The answer to [`crate::effect::Effect::Evaluate`].
    ConditionEvaluated {
        /// The node.
        node: NodeId,
        /// The answer.
        answer: ConditionAnswer,
    },
    /// The answer to [`crate::effect::Effect::Expand`].
    Expanded {
        /// The first slot of the map.
        node: NodeId,
        /// The answer.
        answer: Expansion,
    },
    /// The answer to [`crate::effect::Effect::Recall`].
    Recalled {
        /// The node.
        node: NodeId,
        /// The answer.
        answer: Recalled,
    },
    /// The answer to [`crate::effect::Effect::Claim`].
    Claimed {
        /// The node.
        node: NodeId,
        /// The answer.
        answer: Claimed,
    },
    /// Leases that were taken may be free now.
    LeasesFreed,
    /// A running attempt asked for leases, or gave some back.
    LeaseTold {
        /// The node.
        node: NodeId,
        /// What became of it.
        told: LeaseTold,
    },
    /// An attempt ended and its whole tree is dead.
    AttemptEnded(Ended),
    /// An attempt vanished with its owner.
    AttemptLost {
        /// The attempt.
        attempt: AttemptId,
        /// What is known of how, for people.
        why: Option<Box<str>>,
    },
    /// An attempt has been silent for its idle timeout.
    AttemptIdle {
        /// The attempt.
        attempt: AttemptId,
    },
    /// The answer to [`crate::effect::Effect::Reconcile`].
    Reconciled {
        /// The node.
        node: NodeId,
        /// The answer.
        found: Reconciliation,
    },
    /// A running attempt asks a person for a permission, or a person answered.
    Permission {
        /// The attempt.
        attempt: AttemptId,
        /// Which.
        told: PermissionTold,
    },
    /// A person answered about a node in doubt.
    Answered {
        /// The node.
        node: NodeId,
        /// The answer.
        answer: Answer,
    },
    /// Start nothing new.
    Pause,
    /// Start nothing new, and let what runs stand still.
    Suspend,
    /// Go on.
    Unpause,
    /// A signal asked to leave: end what runs, keep the run resumable.
    Interrupt {
        /// Without grace.
        hard: bool,
    },
    /// Cancel the run, or one node.
    Cancel {
        /// The node, or the whole run.
        node: Option<NodeId>,
    },
    /// Skip a node that has not started.
    Skip {
        /// The node.
        node: NodeId,
    },
    /// New caps.
    LimitsChanged {
        /// The caps.
        limits: Box<Limits>,
    },
    /// A collected node landed.
    Landed {
        /// The node.
        node: NodeId,
    },
    /// A collected node did not land.
    NotLanded {
        /// The node.
        node: NodeId,
        /// Why; `Upstream` where an ancestor was left out.
        cause: Cause,
    },
    /// What a node left conflicts with what another one left.
    ConflictPredicted {
        /// The node.
        node: NodeId,
        /// The other one, before it in merge order.
        with: NodeId,
        /// The paths, for people.
        paths: Box<str>,
    },
    /// Work that was merged together has been through its gates.
    BatchTested(Box<Batch>),
    /// What was collected cannot land before a person has done something.
    LandingWaits,
    /// An agent that helped landing has ended.
    HelperSpent {
        /// What it used.
        usage: Usage,
    },
}
