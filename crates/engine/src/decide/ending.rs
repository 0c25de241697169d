//! How a run ends: landing, rollback, the final status; or how it waits for a person.
//!
//! Looks at counts only; called at the end of every settling.

use super::Decider;
use crate::cause::Cause;
use crate::effect::{Effect, Leave};
use crate::event::EventKind;
use crate::ids::{AttemptId, NodeId};
use crate::input::Verdict;
use crate::outcome::{AttemptOutcome, NodeOutcome, PauseReason, RunStatus};
use crate::report::Report;
use crate::spec::OnFailure;
use crate::state::node::NodeState;
use crate::state::{Closing, Phase, Timer};

impl Decider<'_> {
    pub(super) fn end_if_done(&mut self) {
        let state = self.state();
        if state.used.total > 0 || state.rollback.current.is_some() || matches!(state.phase, Phase::Ended(_))
        {
            return;
        }
        let undo = self.next_undo();
        if self.state().open == 0 && self.state().collected == 0 && undo.is_none() {
            let status = self.final_status();
            self.emit(EventKind::RunEnded { status });
            return self.effect(Effect::Leave(Leave::Ended));
        }
        if self.state().phase == Phase::Paused(PauseReason::Interrupted) {
            return self.effect(Effect::Leave(Leave::Interrupted));
        }
        if self.state().open > 0 {
            return self.wait_if_stuck();
        }
        if self.state().phase != Phase::Running {
            return;
        }
        match undo {
            Some(node) if self.state().collected == 0 => self.start_undo(node),
            Some(_) | None => self.effect(Effect::Land),
        }
    }

    /// Nodes in doubt hold themselves and their descendants only; once nothing else can move, the run waits.
    /// Called after admission, so what is still ready now cannot start by itself.
    fn wait_if_stuck(&mut self) {
        let state = self.state();
        let asking = state.in_doubt().any(|n| match &state.node(n).state {
            NodeState::InDoubt(doubt) => doubt.asking,
            NodeState::Pending
            | NodeState::Ready
            | NodeState::Running(_)
            | NodeState::WaitingRetry { .. }
            | NodeState::Collected
            | NodeState::Ended { .. } => false,
        });
        // A breaker or a hold that nobody stands before moves nothing.
        let idle =
            |timer: &Timer| matches!(timer, Timer::Hold(_) | Timer::CoolDown(_)) && state.ready.is_empty();
        let timed = state.timers.iter().any(|(_, timer)| *timer != Timer::Run && !idle(timer));
        let gated = self.state().wave_gate(self.config).is_some_and(|(at, _)| at > self.now);
        if asking || timed || gated || state.in_doubt.is_empty() || !state.lease_waits.is_empty() {
            return;
        }
        match state.phase {
            Phase::Running => {
                self.emit(EventKind::RunPaused { reason: PauseReason::Waiting });
                self.effect(Effect::Leave(Leave::Waiting));
            }
            Phase::Paused(PauseReason::Waiting) => self.effect(Effect::Leave(Leave::Waiting)),
            Phase::New | Phase::Paused(_) | Phase::Ended(_) => {}
        }
    }

    fn next_undo(&self) -> Option<NodeId> {
        let stopping = matches!(self.state().closing, Closing::Stopping(_));
        if self.config.on_failure != OnFailure::Rollback || !stopping {
            return None;
        }
        let graph = self.graph();
        let end = self.state().rollback.done_from.map_or(graph.len(), |pos| pos as usize);
        // What an earlier run did is not this one's to undo.
        let undoes = |n: &NodeId| {
            let node = self.node(*n);
            graph.policy(*n).undo && !node.reused && node.ended_well()
        };
        graph.order()[..end].iter().rev().copied().find(undoes)
    }

    fn start_undo(&mut self, node: NodeId) {
        let attempt = AttemptId(self.state().next_attempt);
        self.emit(EventKind::UndoStarted { node, attempt });
        self.effect(Effect::Undo { node, attempt });
    }

    /// Ends the undo that runs, unless it is being ended already.
    pub(super) fn end_undo(&mut self, cause: Cause) {
        let Some(undo) = self.state().rollback.current.filter(|u| u.ending.is_none()) else { return };
        let (node, attempt) = (undo.node, undo.attempt);
        self.emit(EventKind::DispatchEnding { node, attempt, cause });
        let grace_ms = self.grace_ms(node, cause);
        self.effect(Effect::End { attempt, grace_ms });
    }

    pub(super) fn undo_ended(&mut self, verdict: Verdict, report: Report) {
        let Some(undo) = self.state().rollback.current else { return };
        let cause = match (undo.ending.filter(|_| !report.unasked), verdict) {
            (Some(Cause::Stopped), _) | (None, Verdict::Failed(Cause::DiskFull)) => {
                return self.undo_gone(AttemptOutcome::Interrupted, report);
            }
            (Some(cause), _) | (None, Verdict::Failed(cause)) => Some(cause),
            (None, Verdict::RateLimited { .. }) => Some(Cause::RateLimit),
            (None, Verdict::Succeeded) => None,
        };
        let (node, attempt) = (undo.node, undo.attempt);
        self.emit(EventKind::UndoEnded { node, attempt, cause, report: Box::new(report) });
    }

    /// An undo is idempotent: a lost or interrupted one runs again, as the next of the rollback.
    pub(super) fn undo_gone(&mut self, outcome: AttemptOutcome, report: Report) {
        let Some(undo) = self.state().rollback.current else { return };
        let (node, attempt, number) = (undo.node, undo.attempt, 1);
        let cause = undo.ending.or(Some(Cause::Lost));
        let (duration_ms, report) = (0, Box::new(report));
        self.emit(EventKind::DispatchEnded { node, attempt, number, outcome, cause, duration_ms, report });
    }

    fn final_status(&self) -> RunStatus {
        let state = self.state();
        match state.closing {
            Closing::Cancelling(Cause::User) => return RunStatus::Cancelled,
            Closing::Cancelling(_) | Closing::Stopping(_) => return RunStatus::Failed,
            Closing::No => {}
        }
        let good = state.count(NodeOutcome::Succeeded);
        let bad = [
            NodeOutcome::Failed,
            NodeOutcome::TimedOut,
            NodeOutcome::Exhausted,
            NodeOutcome::Blocked,
            NodeOutcome::Cancelled,
        ];
        let bad: u32 = bad.into_iter().map(|o| state.count(o)).sum();
        match (good, bad + state.skipped_by_people) {
            (_, 0) => RunStatus::Succeeded,
            (0, _) => RunStatus::Failed,
            _ => RunStatus::Partial,
        }
    }
}
