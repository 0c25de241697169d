//! Facts the engine decided. The journal keeps them; the state is their fold.
//!
//! Carries ids and numbers only; names are looked up in the graph by whoever shows an event.

use crate::ids::{AttemptId, NodeId, Timestamp};
use crate::input::{Answer, Batch, Claimed, ConditionAnswer, Expansion, LeaseTold, Reused};
use crate::outcome::{AttemptOutcome, NodeOutcome, PauseReason, RunStatus};
use crate::report::{Report, Usage};
use crate::{budget::Level, caps::CapRef, cause::Cause, escalation::CauseClass, scope::Scope, spec::Limits};

/// An event: a fact and the engine time at which it was decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Engine time.
    pub at: Timestamp,
    /// The fact.
    pub kind: EventKind,
}

/// The facts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// The run began.
    RunStarted {
        /// `schedule_plan_hash`, lower-case hexadecimal.
        schedule_plan_hash: Box<str>,
    },
    /// The run stands still.
    RunPaused {
        /// Why.
        reason: PauseReason,
    },
    /// What runs stands still too, with its clocks, until the pause is lifted (`pause --now`).
    RunSuspended,
    /// The run goes on, under a new epoch where an orchestrator took over.
    RunResumed {
        /// The fencing epoch.
        epoch: u64,
    },
    /// A node's failure stops the run (`on_failure: stop | rollback`).
    RunStopping {
        /// The node.
        node: NodeId,
    },
    /// Everything that is left is being cancelled.
    RunEnding {
        /// `User` or `RunTimeout`.
        cause: Cause,
    },
    /// The run ended.
    RunEnded {
        /// How.
        status: RunStatus,
    },
    /// The first node of a wave left `pending`.
    WaveStarted {
        /// 0-based.
        wave: u32,
    },
    /// The last node of a wave is terminal or collected.
    WaveEnded {
        /// 0-based.
        wave: u32,
    },
    /// A `when` condition was answered.
    ConditionEvaluated {
        /// The node.
        node: NodeId,
        /// The answer.
        answer: ConditionAnswer,
    },
    /// It was found how many items a map has, by its first slot.
    NodeExpanded(NodeId, Expansion),
    /// A node may start.
    NodeReady {
        /// The node.
        node: NodeId,
        /// The number of the attempt it is ready for.
        number: u32,
    },
    /// The claims of a node were granted.
    LeaseGranted {
        /// The node.
        node: NodeId,
        /// The attempt that holds them.
        attempt: AttemptId,
    },
    /// The claims of a node are free again.
    LeaseReleased {
        /// The node.
        node: NodeId,
        /// The attempt that held them.
        attempt: AttemptId,
    },
    /// Nodes with the same needs as this one were refused for the first time although a slot was free.
    LeaseRefused {
        /// The node.
        node: NodeId,
        /// What they lack.
        by: CapRef,
    },
    /// An attempt is to be started.
    DispatchStarted {
        /// The node.
        node: NodeId,
        /// The attempt.
        attempt: AttemptId,
        /// Its number, 1-based.
        number: u32,
        /// Policy delay before it in milliseconds.
        delay_before_ms: u64,
        /// The admission round.
        round: u32,
    },
    /// An attempt is being ended, and why.
    DispatchEnding {
        /// The node.
        node: NodeId,
        /// The attempt.
        attempt: AttemptId,
        /// `Timeout`, `Idle`, `User`, `RunTimeout`, or `Stopped` for an interrupted orchestrator.
        cause: Cause,
    },
    /// An attempt outlived its orchestrator and was found again.
    DispatchAdopted {
        /// The node.
        node: NodeId,
        /// The attempt.
        attempt: AttemptId,
    },
    /// An attempt ended and its tree is dead.
    DispatchEnded {
        /// The node.
        node: NodeId,
        /// The attempt.
        attempt: AttemptId,
        /// Its number, 1-based.
        number: u32,
        /// How.
        outcome: AttemptOutcome,
        /// Why, unless it succeeded.
        cause: Option<Cause>,
        /// Engine time from start to end in milliseconds.
        duration_ms: u64,
        /// The facts.
        report: Box<Report>,
    },
    /// Processes of an attempt outlived its leader and were ended.
    LeakedProcesses {
        /// The node.
        node: NodeId,
        /// The attempt.
        attempt: AttemptId,
        /// How many.
        count: u32,
    },
    /// Another attempt follows after a back-off.
    RetryScheduled {
        /// The node.
        node: NodeId,
        /// The number of the attempt that failed.
        number: u32,
        /// The back-off in milliseconds.
        delay_ms: u64,
        /// Its end.
        until: Timestamp,
    },
    /// The attempt was good and its work is committed; landing decides.
    NodeCollected {
        /// The node.
        node: NodeId,
        /// The number of the good attempt.
        number: u32,
    },
    /// What a node left conflicts with what another one left, as far as a merge of the two tells: where.
    ConflictPredicted(NodeId, NodeId, Box<str>),
    /// Work that was merged together has been through its gates.
    BatchTested(Box<Batch>),
    /// A node is terminal.
    NodeEnded {
        /// The node.
        node: NodeId,
        /// The number of its last attempt that counted, 0 if none.
        number: u32,
        /// How.
        outcome: NodeOutcome,
        /// Why, unless it succeeded.
        cause: Option<Cause>,
        /// The direct predecessors that are the cause, sorted by id.
        upstream: Box<[NodeId]>,
    },
    /// Whether a node's effect happened is not known.
    NodeInDoubt {
        /// The node.
        node: NodeId,
        /// The attempt.
        attempt: AttemptId,
        /// Why: `Lost`, `MaxLost`, a conflict that a person resolves, or `Person` for a gate that a person decides.
        cause: Cause,
        /// True while the node's `reconcile` command is asked, false once only a person can tell.
        asking: bool,
    },
    /// The doubt about a node was settled.
    Answered {
        /// The node.
        node: NodeId,
        /// The attempt in doubt.
        attempt: AttemptId,
        /// The answer.
        answer: Answer,
        /// True if a person gave it, false if the `reconcile` command did.
        by_person: bool,
    },
    /// An `undo` action is to be started.
    UndoStarted {
        /// The node.
        node: NodeId,
        /// The undo attempt.
        attempt: AttemptId,
    },
    /// An `undo` action ended.
    UndoEnded {
        /// The node.
        node: NodeId,
        /// The undo attempt.
        attempt: AttemptId,
        /// `None` if it succeeded.
        cause: Option<Cause>,
        /// The facts.
        report: Box<Report>,
    },
    /// The caps changed.
    LimitsChanged {
        /// The new caps.
        limits: Box<Limits>,
    },
    /// The outcome of an earlier run stands for a node: nothing is started.
    NodeReused {
        /// The node.
        node: NodeId,
        /// The id under which its files lie in this run.
        attempt: AttemptId,
        /// What the earlier run left.
        reused: Box<Reused>,
    },
    /// No earlier run did what a node is to do: why not, for people.
    ReuseMissed(NodeId, Box<str>),
    /// The leases of a node were claimed: all are held for it and it starts in the same turn, or it waits.
    LeaseClaimed {
        /// The node.
        node: NodeId,
        /// The answer.
        answer: Claimed,
    },
    /// A node waits for leases no more: it asks again, or wants none now.
    LeaseWaitEnded(NodeId),
    /// A running attempt asked for leases of its own, or gave some back.
    LeaseTold {
        /// The node.
        node: NodeId,
        /// The attempt.
        attempt: AttemptId,
        /// What became of it.
        told: Box<LeaseTold>,
    },
    /// A running attempt asks a person for a permission, or was answered.
    Permission(NodeId, AttemptId, Box<crate::permission::PermissionTold>),
    /// A report about an attempt that is not alive; recorded, not obeyed.
    ReportIgnored(AttemptId),
    /// A breaker opened: nothing of its scope starts.
    BreakerOpened {
        /// What rests.
        scope: Scope,
        /// When a probe may try.
        until: Timestamp,
        /// Failures in a row.
        failures: u32,
    },
    /// The cool-down is over: one attempt may try.
    BreakerHalfOpen(Scope),
    /// An attempt ended well: the breaker is as new.
    BreakerClosed(Scope),
    /// A rate limit was met: nothing of the scope starts before this time.
    HoldStarted(Scope, Timestamp),
    /// The time of a rate limit is over.
    HoldEnded(Scope),
    /// A person must look at something.
    Escalated {
        /// At what: a task, or what a breaker keeps shut.
        about: Scope,
        /// The class of the cause.
        class: CauseClass,
        /// The cause.
        cause: Cause,
    },
    /// The budget of a node, or of the run, is used up so far.
    BudgetReached(Option<NodeId>, Level),
    /// An agent that helped landing used something: it counts for the run, and for no node.
    HelperSpent(Box<Usage>),
}
