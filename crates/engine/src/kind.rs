//! Questions about an event: its name, its node, its attempt, the result it carries.
//!
//! Exhaustive over every variant, so that a new one cannot be forgotten.

use crate::budget::Level;
use crate::event::EventKind;
use crate::ids::{AttemptId, NodeId};
use crate::input::{Answer, Claimed, LeaseChange};
use crate::outcome::{AttemptOutcome, NodeOutcome};
use crate::permission::PermissionTold;
use crate::report::{Digest, Usage};

impl EventKind {
    /// The name of the kind in journals and logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            EventKind::RunStarted { .. } => "run_started",
            EventKind::RunPaused { .. } => "run_paused",
            EventKind::RunSuspended => "run_suspended",
            EventKind::RunResumed { .. } => "run_resumed",
            EventKind::RunStopping { .. } => "run_stopping",
            EventKind::RunEnding { .. } => "run_ending",
            EventKind::RunEnded { .. } => "run_ended",
            EventKind::WaveStarted { .. } => "wave_started",
            EventKind::WaveEnded { .. } => "wave_ended",
            EventKind::ConditionEvaluated { .. } => "condition_evaluated",
            EventKind::NodeExpanded(..) => "node_expanded",
            EventKind::NodeReady { .. } => "node_ready",
            EventKind::LeaseGranted { .. } => "lease_granted",
            EventKind::LeaseReleased { .. } => "lease_released",
            EventKind::LeaseRefused { .. } => "lease_refused",
            EventKind::DispatchStarted { .. } => "dispatch_started",
            EventKind::DispatchEnding { .. } => "dispatch_ending",
            EventKind::DispatchAdopted { .. } => "dispatch_adopted",
            EventKind::DispatchEnded { outcome, .. } => dispatch_name(*outcome),
            EventKind::LeakedProcesses { .. } => "leaked_processes",
            EventKind::RetryScheduled { .. } => "retry_scheduled",
            EventKind::NodeCollected { .. } => "node_collected",
            EventKind::ConflictPredicted(..) => "conflict_predicted",
            EventKind::BatchTested(batch) if batch.passed => "merge_batch_passed",
            EventKind::BatchTested(_) => "merge_batch_red",
            EventKind::NodeEnded { outcome, .. } => node_name(*outcome),
            EventKind::NodeInDoubt { .. } => "node_in_doubt",
            EventKind::Answered { .. } => "answered",
            EventKind::UndoStarted { .. } => "undo_started",
            EventKind::UndoEnded { cause: None, .. } => "undo_succeeded",
            EventKind::UndoEnded { cause: Some(_), .. } => "undo_failed",
            EventKind::LimitsChanged { .. } => "limits_changed",
            EventKind::NodeReused { .. } => "node_reused",
            EventKind::ReuseMissed(..) => "reuse_missed",
            EventKind::LeaseClaimed { answer: Claimed::Granted { .. }, .. } => "lease_acquired",
            EventKind::LeaseClaimed { answer: Claimed::Taken { .. }, .. } => "lease_awaited",
            EventKind::LeaseWaitEnded { .. } => "lease_wait_ended",
            EventKind::LeaseTold { told, .. } => change_name(told.change),
            EventKind::Permission(_, _, told) => permission_name(told),
            EventKind::ReportIgnored { .. } => "report_ignored",
            EventKind::BreakerOpened { .. } => "breaker_opened",
            EventKind::BreakerHalfOpen { .. } => "breaker_half_open",
            EventKind::BreakerClosed { .. } => "breaker_closed",
            EventKind::HoldStarted { .. } => "hold_started",
            EventKind::HoldEnded { .. } => "hold_ended",
            EventKind::Escalated { .. } => "escalated",
            EventKind::BudgetReached(_, Level::Near) => "budget_warned",
            EventKind::BudgetReached(_, Level::Full) => "budget_exhausted",
            EventKind::HelperSpent(_) => "helper_spent",
        }
    }

    /// The node it is about.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        match self {
            EventKind::RunStopping { node }
            | EventKind::ConditionEvaluated { node, .. }
            | EventKind::NodeExpanded(node, _)
            | EventKind::NodeReady { node, .. }
            | EventKind::LeaseGranted { node, .. }
            | EventKind::LeaseReleased { node, .. }
            | EventKind::LeaseRefused { node, .. }
            | EventKind::DispatchStarted { node, .. }
            | EventKind::DispatchEnding { node, .. }
            | EventKind::DispatchAdopted { node, .. }
            | EventKind::DispatchEnded { node, .. }
            | EventKind::LeakedProcesses { node, .. }
            | EventKind::RetryScheduled { node, .. }
            | EventKind::NodeCollected { node, .. }
            | EventKind::NodeEnded { node, .. }
            | EventKind::NodeInDoubt { node, .. }
            | EventKind::Answered { node, .. }
            | EventKind::UndoStarted { node, .. }
            | EventKind::UndoEnded { node, .. }
            | EventKind::NodeReused { node, .. }
            | EventKind::ReuseMissed(node, ..)
            | EventKind::LeaseClaimed { node, .. }
            | EventKind::LeaseWaitEnded(node)
            | EventKind::ConflictPredicted(node, ..)
            | EventKind::Permission(node, ..)
            | EventKind::LeaseTold { node, .. } => Some(*node),
            EventKind::RunStarted { .. }
            | EventKind::RunPaused { .. }
            | EventKind::RunSuspended
            | EventKind::RunResumed { .. }
            | EventKind::RunEnding { .. }
            | EventKind::RunEnded { .. }
            | EventKind::WaveStarted { .. }
            | EventKind::WaveEnded { .. }
            | EventKind::LimitsChanged { .. }
            | EventKind::HelperSpent(_)
            | EventKind::ReportIgnored { .. } => None,
            EventKind::BreakerOpened { scope, .. }
            | EventKind::BreakerHalfOpen(scope)
            | EventKind::BreakerClosed(scope)
            | EventKind::HoldStarted(scope, _)
            | EventKind::HoldEnded(scope)
            | EventKind::Escalated { about: scope, .. } => scope.node(),
            EventKind::BudgetReached(node, _) => *node,
            EventKind::BatchTested(batch) => batch.nodes.last().copied(),
        }
    }

    /// The attempt it is about.
    #[must_use]
    pub fn attempt(&self) -> Option<AttemptId> {
        match self {
            EventKind::LeaseGranted { attempt, .. }
            | EventKind::LeaseReleased { attempt, .. }
            | EventKind::DispatchStarted { attempt, .. }
            | EventKind::DispatchEnding { attempt, .. }
            | EventKind::DispatchAdopted { attempt, .. }
            | EventKind::DispatchEnded { attempt, .. }
            | EventKind::LeakedProcesses { attempt, .. }
            | EventKind::NodeInDoubt { attempt, .. }
            | EventKind::Answered { attempt, .. }
            | EventKind::UndoStarted { attempt, .. }
            | EventKind::UndoEnded { attempt, .. }
            | EventKind::NodeReused { attempt, .. }
            | EventKind::LeaseTold { attempt, .. }
            | EventKind::Permission(_, attempt, _)
            | EventKind::ReportIgnored(attempt) => Some(*attempt),
            EventKind::RunStarted { .. }
            | EventKind::RunPaused { .. }
            | EventKind::RunSuspended
            | EventKind::RunResumed { .. }
            | EventKind::RunStopping { .. }
            | EventKind::RunEnding { .. }
            | EventKind::RunEnded { .. }
            | EventKind::WaveStarted { .. }
            | EventKind::WaveEnded { .. }
            | EventKind::ConditionEvaluated { .. }
            | EventKind::NodeExpanded(..)
            | EventKind::NodeReady { .. }
            | EventKind::LeaseRefused { .. }
            | EventKind::RetryScheduled { .. }
            | EventKind::NodeCollected { .. }
            | EventKind::ConflictPredicted(..)
            | EventKind::BatchTested(_)
            | EventKind::NodeEnded { .. }
            | EventKind::ReuseMissed(..)
            | EventKind::LeaseClaimed { .. }
            | EventKind::LeaseWaitEnded { .. }
            | EventKind::LimitsChanged { .. }
            | EventKind::BreakerOpened { .. }
            | EventKind::BreakerHalfOpen { .. }
            | EventKind::BreakerClosed { .. }
            | EventKind::HoldStarted { .. }
            | EventKind::HoldEnded { .. }
            | EventKind::Escalated { .. }
            | EventKind::HelperSpent(_)
            | EventKind::BudgetReached { .. } => None,
        }
    }

    /// What an attempt reported to have used when it ended.
    #[must_use]
    pub fn usage(&self) -> Option<&Usage> {
        let EventKind::DispatchEnded { report, .. } = self else { return None };
        report.usage.as_ref()
    }

    /// The result that this event carries, if it does.
    #[must_use]
    pub fn result(&self) -> Option<Digest> {
        if let EventKind::DispatchEnded { report, .. } = self {
            return report.result;
        }
        if let EventKind::NodeReused { reused, .. } = self {
            return reused.report.result;
        }
        let EventKind::Answered { answer: Answer::Succeeded(result), .. } = self else { return None };
        *result
    }
}

fn change_name(change: LeaseChange) -> &'static str {
    match change {
        LeaseChange::Acquired => "lease_taken",
        LeaseChange::Dropped => "lease_dropped",
        LeaseChange::Denied => "lease_denied",
    }
}

fn permission_name(told: &PermissionTold) -> &'static str {
    match told {
        PermissionTold::Asked(_) => "permission_asked",
        PermissionTold::Answered { .. } => "permission_answered",
    }
}

fn dispatch_name(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Succeeded => "dispatch_succeeded",
        AttemptOutcome::Failed => "dispatch_failed",
        AttemptOutcome::TimedOut => "dispatch_timed_out",
        AttemptOutcome::Cancelled => "dispatch_cancelled",
        AttemptOutcome::Interrupted => "dispatch_interrupted",
        AttemptOutcome::Lost => "dispatch_lost",
        AttemptOutcome::Held => "dispatch_held",
    }
}

fn node_name(outcome: NodeOutcome) -> &'static str {
    match outcome {
        NodeOutcome::Succeeded => "node_succeeded",
        NodeOutcome::Failed => "node_failed",
        NodeOutcome::TimedOut => "node_timed_out",
        NodeOutcome::Exhausted => "node_exhausted",
        NodeOutcome::Blocked => "node_blocked",
        NodeOutcome::Skipped => "node_skipped",
        NodeOutcome::Cancelled => "node_cancelled",
    }
}
