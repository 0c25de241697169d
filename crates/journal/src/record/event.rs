//! The record of an event, and how an event is written into it.
//!
//! `event_read` reads it. Outcomes stand in the kind (`dispatch_timed_out`, `node_blocked`).

use super::parts::{
    self, DigestRecord, LimitsRecord, OwnLeaseRecord, ReportRecord, ReusedRecord, Text, UsageRecord,
};
use super::permission::PermissionRecord;
use regatta_engine::caps::CapRef;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::input::Claimed;
use regatta_engine::scope::Scope;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One flat object for every kind; a kind leaves out what it has not.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventRecord<'a> {
    #[serde(borrow)]
    pub(super) kind: Cow<'a, str>,
    /// Engine time in milliseconds.
    pub(super) at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attempt_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) number: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wave: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cause: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delay_before_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) round: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delay_ms: Option<u64>,
    /// Engine time in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cap: Text<'a>,
    /// Index of the cap among those of its sort.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) upstream: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asking: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) answer: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<DigestRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by_person: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) schedule_plan_hash: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limits: Option<LimitsRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) report: Option<ReportRecord<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) reused: Option<ReusedRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) leases: Option<Vec<OwnLeaseRecord<'a>>>,
    /// What an agent that helped landing used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<UsageRecord>,
    /// The sort of a scope; its place among those is `index`, a task's is `node`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) class: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) permission: Option<PermissionRecord<'a>>,
}

impl<'a> From<&'a Event> for EventRecord<'a> {
    fn from(event: &'a Event) -> Self {
        let kind = &event.kind;
        let mut record = EventRecord {
            kind: Cow::Borrowed(kind.name()),
            at: event.at.0,
            node: kind.node().map(|n| n.0),
            attempt_id: kind.attempt().map(|a| a.0),
            ..EventRecord::default()
        };
        record.fill(kind);
        record
    }
}

impl<'a> EventRecord<'a> {
    /// What a kind has besides its node and attempt.
    fn fill(&mut self, kind: &'a EventKind) {
        match kind {
            EventKind::RunStarted { schedule_plan_hash } => {
                self.schedule_plan_hash = Some(Cow::Borrowed(schedule_plan_hash));
            }
            EventKind::RunPaused { reason } => self.reason = named(reason.name()),
            EventKind::RunResumed { epoch } => self.epoch = Some(*epoch),
            EventKind::RunEnded { status } => self.status = named(status.name()),
            EventKind::WaveStarted { wave } | EventKind::WaveEnded { wave } => self.wave = Some(*wave),
            EventKind::ConditionEvaluated { answer, .. } => {
                let (name, error) = parts::condition(answer);
                (self.answer, self.error) = (named(name), error);
            }
            EventKind::NodeExpanded(_, answer) => (self.count, self.error) = parts::expansion(answer),
            EventKind::LeaseRefused { by, .. } => {
                let (cap, index) = cap(*by);
                (self.cap, self.index) = (named(cap), index);
            }
            EventKind::RunEnding { cause } | EventKind::DispatchEnding { cause, .. } => {
                self.cause = named(cause.code());
            }
            EventKind::LeakedProcesses { count, .. } => self.count = Some(*count),
            EventKind::NodeReady { number, .. } | EventKind::NodeCollected { number, .. } => {
                self.number = Some(*number);
            }
            EventKind::RetryScheduled { number, delay_ms, until, .. } => {
                (self.number, self.delay_ms, self.until) = (Some(*number), Some(*delay_ms), Some(until.0));
            }
            EventKind::NodeInDoubt { cause, asking, .. } => {
                (self.cause, self.asking) = (named(cause.code()), Some(*asking));
            }
            EventKind::Answered { answer, by_person, .. } => {
                let (name, result) = parts::answer(answer);
                (self.answer, self.result, self.by_person) = (named(name), result, Some(*by_person));
            }
            EventKind::BreakerOpened { .. }
            | EventKind::BreakerHalfOpen(_)
            | EventKind::BreakerClosed(_)
            | EventKind::HoldStarted(..)
            | EventKind::HoldEnded(_)
            | EventKind::Escalated { .. } => self.fill_scope(kind),
            EventKind::LimitsChanged { limits } => self.limits = Some(LimitsRecord::from(&**limits)),
            EventKind::ConflictPredicted(..)
            | EventKind::BatchTested(_)
            | EventKind::NodeReused { .. }
            | EventKind::ReuseMissed(..)
            | EventKind::LeaseClaimed { .. }
            | EventKind::LeaseTold { .. } => self.fill_shared(kind),
            EventKind::DispatchStarted { .. }
            | EventKind::DispatchEnded { .. }
            | EventKind::NodeEnded { .. }
            | EventKind::UndoEnded { .. } => self.fill_work(kind),
            EventKind::Permission(_, _, told) => self.permission = Some(PermissionRecord::from(&**told)),
            EventKind::HelperSpent(usage) => self.usage = Some((**usage).into()),
            // The level stands in the kind.
            EventKind::BudgetReached { .. }
            | EventKind::RunSuspended
            | EventKind::RunStopping { .. }
            | EventKind::LeaseGranted { .. }
            | EventKind::LeaseReleased { .. }
            | EventKind::DispatchAdopted { .. }
            | EventKind::UndoStarted { .. }
            | EventKind::LeaseWaitEnded { .. }
            | EventKind::ReportIgnored { .. } => {}
        }
    }

    /// The kinds about an agent, a tool, a tag or one task.
    fn fill_scope(&mut self, kind: &'a EventKind) {
        match kind {
            EventKind::BreakerOpened { scope, until, failures } => {
                self.scope(*scope);
                (self.until, self.count) = (Some(until.0), Some(*failures));
            }
            EventKind::HoldStarted(scope, until) => {
                self.scope(*scope);
                self.until = Some(until.0);
            }
            EventKind::BreakerHalfOpen(scope)
            | EventKind::BreakerClosed(scope)
            | EventKind::HoldEnded(scope) => self.scope(*scope),
            EventKind::Escalated { about, class, cause } => {
                self.scope(*about);
                (self.class, self.cause) = (named(class.name()), named(cause.code()));
            }
            _ => {}
        }
    }

    fn scope(&mut self, scope: Scope) {
        self.scope = named(scope.kind());
        self.index = match scope {
            Scope::Agent(i) | Scope::Tool(i) | Scope::Tag(i) => Some(i),
            Scope::Node(_) => None,
        };
    }

    /// What runs of a workspace share, outcomes and leases, and what two tasks do not share well.
    fn fill_shared(&mut self, kind: &'a EventKind) {
        match kind {
            EventKind::NodeReused { reused, .. } => self.reused = Some(ReusedRecord::from(&**reused)),
            EventKind::ReuseMissed(_, why) => self.why = Some(Cow::Borrowed(why)),
            EventKind::ConflictPredicted(_, with, paths) => {
                (self.upstream, self.why) = (Some(vec![with.0]), Some(Cow::Borrowed(&**paths)));
            }
            // The last one is `node`; whether it passed stands in the kind.
            EventKind::BatchTested(batch) => {
                let before = batch.nodes.split_last().map_or(&[][..], |(_, before)| before);
                self.upstream = (!before.is_empty()).then(|| before.iter().map(|n| n.0).collect());
                self.why = Some(Cow::Borrowed(&*batch.tip));
            }
            EventKind::LeaseClaimed { answer: Claimed::Granted { epoch }, .. } => self.epoch = Some(*epoch),
            EventKind::LeaseClaimed { answer: Claimed::Taken { resource, by }, .. } => {
                (self.index, self.by) = (Some(*resource), Some(Cow::Borrowed(&**by)));
            }
            EventKind::LeaseTold { told, .. } => {
                (self.why, self.leases) = (Some(Cow::Borrowed(&*told.text)), parts::own_leases(&told.leases));
            }
            _ => {}
        }
    }

    /// The kinds of every task.
    fn fill_work(&mut self, kind: &'a EventKind) {
        match kind {
            EventKind::DispatchStarted { number, delay_before_ms, round, .. } => {
                self.number = Some(*number);
                self.delay_before_ms = Some(*delay_before_ms);
                self.round = Some(*round);
            }
            EventKind::DispatchEnded { number, cause, duration_ms, report, .. } => {
                self.number = Some(*number);
                self.cause = cause.and_then(|c| named(c.code()));
                self.duration_ms = Some(*duration_ms);
                self.report = Some(ReportRecord::from(&**report));
            }
            EventKind::NodeEnded { number, cause, upstream, .. } => {
                self.number = Some(*number);
                self.cause = cause.and_then(|c| named(c.code()));
                self.upstream = (!upstream.is_empty()).then(|| upstream.iter().map(|n| n.0).collect());
            }
            EventKind::UndoEnded { cause, report, .. } => {
                self.cause = cause.and_then(|c| named(c.code()));
                self.report = Some(ReportRecord::from(&**report));
            }
            _ => {}
        }
    }
}

fn named<'a>(name: &'static str) -> Text<'a> {
    Some(Cow::Borrowed(name))
}

/// Name and index of a cap.
pub(crate) fn cap(by: CapRef) -> (&'static str, Option<u32>) {
    match by {
        CapRef::Global => ("global", None),
        CapRef::Wave(i) => ("wave", Some(i)),
        CapRef::Priority(i) => ("priority", Some(i)),
        CapRef::Agent(i) => ("agent", Some(i)),
        CapRef::Tag(i) => ("tag", Some(i)),
        CapRef::Resource(i) => ("resource", Some(i)),
    }
}
