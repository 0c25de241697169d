//! How attempts end and what follows: success, retry, exhaustion, loss.
//!
//! The reason for which we end an attempt stands above what its process then reports.

use super::Decider;
use crate::cause::Cause;
use crate::effect::Effect;
use crate::event::EventKind;
use crate::ids::{AttemptId, NodeId};
use crate::input::{Ended, Verdict};
use crate::outcome::{AttemptOutcome, NodeOutcome, PauseReason};
use crate::report::Report;
use crate::spec::EffectContract;
use crate::state::node::Live;
use crate::state::{Closing, Phase};
use std::num::NonZeroU64;

/// At most this long between TERM and KILL when a person asked for the end: everything is cleaned up within 10 s.
const ABORT_GRACE_MS: u64 = 5_000;

impl Decider<'_> {
    pub(super) fn attempt_ended(&mut self, ended: Ended) {
        let Ended { attempt, verdict, report } = ended;
        if self.state().rollback.current.is_some_and(|u| u.attempt == attempt) {
            return self.undo_ended(verdict, report);
        }
        let Some((node, live)) = self.live(attempt) else {
            return self.emit(EventKind::ReportIgnored(attempt));
        };
        let told_late = self.graph().policy(node).told_late;
        let ending = live.ending.filter(|_| !report.unasked);
        // What had ended by itself keeps that end, but nothing follows that a cancellation forbids.
        let cancelled = live.ending.filter(|cause| report.unasked && cancels(*cause));
        let (outcome, cause) = judge(ending, verdict, (self.config.conflicts_wait, told_late));
        let retry_after_ms =
            if let Verdict::RateLimited { retry_after_ms } = verdict { retry_after_ms } else { 0 };
        let leaked = report.leaked;
        self.record_end(node, &live, Judged { outcome, cause, report });
        if leaked > 0 {
            self.emit(EventKind::LeakedProcesses { node, attempt, count: leaked });
        }
        match outcome {
            AttemptOutcome::Succeeded => self.attempt_succeeded(node, live.number),
            _ if cancelled.is_some() && self.goes_on_after(node, live.number, (outcome, cause)) => {
                if outcome == AttemptOutcome::Held {
                    self.hold_scopes(node, retry_after_ms);
                }
                self.end_node(node, NodeOutcome::Cancelled, cancelled);
            }
            AttemptOutcome::Failed | AttemptOutcome::TimedOut => {
                let cause = cause.unwrap_or(Cause::Exit);
                if cause == Cause::JoinConflict && self.graph().policy(node).asks_on_conflict {
                    return self.put_in_doubt(node, attempt, cause);
                }
                self.attempt_failed(node, live.number, (outcome, cause));
            }
            AttemptOutcome::Cancelled => self.end_node(node, NodeOutcome::Cancelled, cause),
            // It is taken back: the node is ready again, whatever its contract, because how it ended is known.
            AttemptOutcome::Interrupted if cause == Some(Cause::DiskFull) => {
                if self.state().closing != Closing::No {
                    self.stop_node(node);
                }
            }
            // What it would have begun from conflicts: nothing was done, and a person says when to try again.
            AttemptOutcome::Interrupted if cause == Some(Cause::MergeConflict) => {
                if self.state().closing != Closing::No {
                    return self.stop_node(node);
                }
                self.put_in_doubt(node, attempt, Cause::MergeConflict);
            }
            AttemptOutcome::Interrupted | AttemptOutcome::Lost => self.after_loss(node, &live, outcome),
            AttemptOutcome::Held => self.attempt_held(node, &live, retry_after_ms),
        }
    }

    pub(super) fn attempt_lost(&mut self, attempt: AttemptId, why: Option<Box<str>>) {
        let report = Report { message: why, ..Report::default() };
        if self.state().rollback.current.is_some_and(|u| u.attempt == attempt) {
            return self.undo_gone(AttemptOutcome::Lost, report);
        }
        let Some((node, live)) = self.live(attempt) else {
            return self.emit(EventKind::ReportIgnored(attempt));
        };
        // An attempt that was being cancelled is gone, which is what was asked for.
        let cancelled = live.ending.is_some_and(cancels);
        let outcome = if cancelled { AttemptOutcome::Cancelled } else { AttemptOutcome::Lost };
        let cause = if cancelled { live.ending } else { Some(Cause::Lost) };
        self.record_end(node, &live, Judged { outcome, cause, report });
        if cancelled {
            return self.end_node(node, NodeOutcome::Cancelled, cause);
        }
        self.after_loss(node, &live, outcome);
    }

    fn live(&self, attempt: AttemptId) -> Option<(NodeId, Live)> {
        let node = self.state().node_of(attempt)?;
        Some((node, self.node(node).live()?.clone()))
    }

    fn record_end(&mut self, node: NodeId, live: &Live, Judged { outcome, cause, report }: Judged) {
        let Live { attempt, number, started, .. } = *live;
        let duration_ms = report.ran_ms.map_or_else(|| self.now.since_ms(started), NonZeroU64::get);
        let report = Box::new(report);
        self.emit(EventKind::DispatchEnded { node, attempt, number, outcome, cause, duration_ms, report });
        if !self.graph().claims(node).is_empty() {
            self.emit(EventKind::LeaseReleased { node, attempt });
        }
        if self.graph().has_lease(node) {
            self.effect(Effect::Release { node });
        }
        self.mind_breakers(node, (outcome, cause));
        self.mind_budgets(node);
    }

    pub(super) fn attempt_succeeded(&mut self, node: NodeId, number: u32) {
        if self.graph().policy(node).collects {
            self.emit(EventKind::NodeCollected { node, number });
            self.after_settled(node);
        } else {
            self.end_node(node, NodeOutcome::Succeeded, None);
        }
    }

    /// Whether a node is not at its end with an attempt that came to that.
    fn goes_on_after(
        &self,
        node: NodeId,
        number: u32,
        (outcome, cause): (AttemptOutcome, Option<Cause>),
    ) -> bool {
        match outcome {
            AttemptOutcome::Failed | AttemptOutcome::TimedOut => cause.is_some_and(|cause| {
                let asks = cause == Cause::JoinConflict && self.graph().policy(node).asks_on_conflict;
                asks || self.may_be_tried_again(node, number, cause)
            }),
            AttemptOutcome::Succeeded | AttemptOutcome::Cancelled => false,
            AttemptOutcome::Interrupted | AttemptOutcome::Lost | AttemptOutcome::Held => true,
        }
    }

    /// Whether attempts are left after this one, and its cause is one that another may not meet.
    fn may_be_tried_again(&self, node: NodeId, number: u32, cause: Cause) -> bool {
        cause.retryable() && number < self.graph().policy(node).retry.max_attempts
    }

    fn attempt_failed(&mut self, node: NodeId, number: u32, (outcome, cause): (AttemptOutcome, Cause)) {
        let retry = self.graph().policy(node).retry;
        if self.may_be_tried_again(node, number, cause) {
            if self.state().closing != Closing::No {
                return self.stop_node(node);
            }
            if self.state().budgets.bar(self.graph, node) {
                return self.end_node(node, NodeOutcome::Failed, Some(Cause::Budget));
            }
            let delay_ms = retry.delay_before_ms(number + 1);
            let until = self.now + delay_ms;
            return self.emit(EventKind::RetryScheduled { node, number, delay_ms, until });
        }
        let end = if retry.max_attempts > 1 && cause.retryable() {
            NodeOutcome::Exhausted
        } else if outcome == AttemptOutcome::TimedOut {
            NodeOutcome::TimedOut
        } else {
            NodeOutcome::Failed
        };
        self.end_node(node, end, Some(cause));
    }

    /// The effect contract: what a lost or interrupted attempt means is declared, never guessed.
    fn after_loss(&mut self, node: NodeId, live: &Live, outcome: AttemptOutcome) {
        let policy = *self.graph().policy(node);
        let attempt = live.attempt;
        if outcome == AttemptOutcome::Lost && self.node(node).lost >= policy.max_lost.max(1) {
            return self.put_in_doubt(node, attempt, Cause::MaxLost);
        }
        match policy.effect {
            EffectContract::Pure | EffectContract::Idempotent => {
                if self.state().closing != Closing::No {
                    self.stop_node(node);
                }
            }
            EffectContract::AtMostOnce => {
                self.put_in_doubt(node, attempt, Cause::Lost);
            }
            EffectContract::Reconcile => {
                self.emit(EventKind::NodeInDoubt { node, attempt, cause: Cause::Lost, asking: true });
                if self.state().phase != Phase::Paused(PauseReason::Interrupted) {
                    self.effect(Effect::Reconcile { node, attempt, number: live.number });
                }
            }
        }
    }

    pub(super) fn attempt_idle(&mut self, attempt: AttemptId) {
        let Some(node) = self.state().node_of(attempt) else { return };
        // Whoever waits for a person is not silent by itself.
        let waits = self.node(node).live().is_some_and(|live| live.questions.open().next().is_some());
        if !waits {
            self.end_attempt(node, Cause::Idle);
        }
    }

    /// Ends a live attempt. One that is being ended already is not ended again, but a cancellation stands above
    /// every other reason: without it the node would be tried again.
    pub(super) fn end_attempt(&mut self, node: NodeId, cause: Cause) {
        let Some(live) = self.node(node).live() else { return };
        let (attempt, ending) = (live.attempt, live.ending);
        if ending.is_none_or(|before| cancels(cause) && !cancels(before)) {
            self.emit(EventKind::DispatchEnding { node, attempt, cause });
        }
        if ending.is_none() {
            let grace_ms = self.grace_ms(node, cause);
            self.effect(Effect::End { attempt, grace_ms });
        }
    }

    /// Milliseconds between TERM and KILL for a tree that is ended for `cause`.
    pub(super) fn grace_ms(&self, node: NodeId, cause: Cause) -> u64 {
        let policy = self.graph().policy(node).grace_ms;
        if matches!(cause, Cause::Stopped | Cause::User) { policy.min(ABORT_GRACE_MS) } else { policy }
    }
}

/// How an attempt is seen to have ended.
struct Judged {
    outcome: AttemptOutcome,
    cause: Option<Cause>,
    report: Report,
}

fn cancels(cause: Cause) -> bool {
    matches!(cause, Cause::User | Cause::RunTimeout)
}

fn judge(
    ending: Option<Cause>,
    verdict: Verdict,
    (conflicts_wait, told_late): (bool, bool),
) -> (AttemptOutcome, Option<Cause>) {
    match (ending, verdict) {
        (Some(Cause::Timeout | Cause::Idle), Verdict::Succeeded) if told_late => {
            (AttemptOutcome::Succeeded, None)
        }
        (Some(cause @ (Cause::Timeout | Cause::Idle)), _) => (AttemptOutcome::TimedOut, Some(cause)),
        (Some(cause), _) if cancels(cause) => (AttemptOutcome::Cancelled, Some(cause)),
        (Some(cause @ Cause::Budget), _) => (AttemptOutcome::Failed, Some(cause)),
        (Some(cause), _) => (AttemptOutcome::Interrupted, Some(cause)),
        // Its keeper ended it at its deadline, because no orchestrator was there to say so.
        (None, Verdict::Failed(cause @ (Cause::Timeout | Cause::Idle))) => {
            (AttemptOutcome::TimedOut, Some(cause))
        }
        (None, Verdict::Failed(Cause::DiskFull)) => (AttemptOutcome::Interrupted, Some(Cause::DiskFull)),
        (None, Verdict::Failed(cause @ Cause::MergeConflict)) if conflicts_wait => {
            (AttemptOutcome::Interrupted, Some(cause))
        }
        (None, Verdict::Succeeded) => (AttemptOutcome::Succeeded, None),
        (None, Verdict::Failed(cause)) => (AttemptOutcome::Failed, Some(cause)),
        (None, Verdict::RateLimited { .. }) => (AttemptOutcome::Held, Some(Cause::RateLimit)),
    }
}
