//! The canonical log and the snapshots of formats 4: views over stored events, free of timing.
//!
//! The same plan, settings and outcomes give the same bytes, whatever the order of arrival.

use crate::event::{Event, EventKind};
use crate::graph::Graph;
use crate::ids::{AttemptId, NodeId};
use crate::input::ConditionAnswer;
use crate::json::{self, Object};
use crate::key::{Class, Key};
use crate::outcome::AttemptOutcome;
use crate::report::Report;
use std::collections::{BTreeMap, BTreeSet};

/// Collects logical events in arrival order and writes them in key order.
#[derive(Debug, Default)]
pub struct CanonicalLog {
    lines: Vec<(Key, Event)>,
    erased: BTreeSet<AttemptId>,
}

impl CanonicalLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        CanonicalLog::default()
    }

    /// Takes the next event of the journal.
    pub fn push(&mut self, graph: &Graph, event: &Event) {
        if let EventKind::DispatchEnded { attempt, outcome, .. } = &event.kind
            && !outcome.counts()
        {
            self.erased.insert(*attempt);
        }
        if event.kind.class() == Class::Logical {
            self.lines.push((event.key(graph), event.clone()));
        }
    }

    /// The events that stand in the log, in order. Left out are events of erased attempts, and what led to no
    /// attempt although it was to: whether a node was ready, or a retry scheduled, before the run was stopped or
    /// cancelled follows from timing.
    fn standing(&mut self) -> Vec<(Key, &Event)> {
        let erased = &self.erased;
        self.lines.retain(|(_, event)| event.kind.attempt().is_none_or(|a| !erased.contains(&a)));
        self.lines.sort_by_key(|(key, _)| *key);
        let started = |(_, event): &(Key, Event)| {
            if let EventKind::NodeReused { node, .. } = event.kind {
                return Some((node, 1));
            }
            let EventKind::DispatchStarted { node, number, .. } = event.kind else { return None };
            Some((node, number))
        };
        let dispatched: BTreeSet<(NodeId, u32)> = self.lines.iter().filter_map(started).collect();
        let mut last = None;
        self.lines
            .iter()
            .filter(|(_, event)| leads_to(&event.kind).is_none_or(|next| dispatched.contains(&next)))
            .filter(|(key, _)| last.replace(*key) != Some(*key))
            .map(|(key, event)| (*key, event))
            .collect()
    }

    /// The log as JSON lines (RFC 8785), with dense `seq` from 1.
    #[must_use]
    pub fn write(mut self, graph: &Graph) -> Vec<u8> {
        let mut out = Vec::new();
        for (i, (key, event)) in self.standing().into_iter().enumerate() {
            write_line(graph, &mut out, (i as i64 + 1, key, event));
            out.push(b'\n');
        }
        out
    }

    /// `attempts.snapshot.json`: `{node: [{attempt, cause?, delay_before_ms, outcome}]}`, one line.
    #[must_use]
    pub fn attempts(mut self, graph: &Graph) -> Vec<u8> {
        let mut nodes: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
        for (_, event) in self.standing() {
            if let EventKind::DispatchEnded { node, number, outcome, cause, .. } = &event.kind {
                let delay = graph.policy(*node).retry.delay_before_ms(*number);
                let row = (*number, cause.map(crate::cause::Cause::code), delay, *outcome);
                nodes.entry(graph.name(*node)).or_default().push(row);
            }
        }
        let mut out = Vec::new();
        let mut object = Object::open(&mut out);
        for (name, attempts) in nodes {
            json::array(object.key(name), attempts, |out, (number, cause, delay, outcome)| {
                let mut row = Object::open(out);
                row.int("attempt", i64::from(number));
                if let Some(cause) = cause {
                    row.text("cause", cause);
                }
                row.int("delay_before_ms", i64::try_from(delay).unwrap_or(i64::MAX));
                row.text("outcome", outcome.name());
                row.close();
            });
        }
        object.close();
        out.push(b'\n');
        out
    }
}

/// The attempt that an event announces.
fn leads_to(kind: &EventKind) -> Option<(NodeId, u32)> {
    if let EventKind::NodeReady { node, number } = kind {
        return Some((*node, *number));
    }
    if let EventKind::RetryScheduled { node, number, .. } = kind {
        return Some((*node, number + 1));
    }
    let EventKind::ConditionEvaluated { node, answer: ConditionAnswer::True } = kind else { return None };
    Some((*node, 1))
}

fn write_line(graph: &Graph, out: &mut Vec<u8>, (seq, key, event): (i64, Key, &Event)) {
    let line = Line::of(graph, event);
    let mut object = Object::open(out);
    if let Some(node) = event.kind.node()
        && let Some(agent) = graph.facts(node).agent
    {
        object.text("agent", &graph.agents[agent as usize]);
    }
    if let Some(attempt) = line.attempt {
        object.int("attempt", i64::from(attempt));
    }
    if let Some(cause) = line.cause {
        object.text("cause", cause);
    }
    if let Some(delay) = line.delay_before_ms {
        object.int("delay_before_ms", i64::try_from(delay).unwrap_or(i64::MAX));
    }
    if let Some(exit) = line.exit {
        object.int("exit", i64::from(exit));
    }
    object.text("key", &key.to_string());
    object.text("kind", event.kind.name());
    if let Some(node) = event.kind.node() {
        object.text("node_id", graph.name(node));
        object.text("priority", graph.facts(node).priority.name());
    }
    if let Some(sha256) = line.result_sha256 {
        object.text("result_sha256", &sha256);
    }
    if let Some(hash) = line.schedule_plan_hash {
        object.text("schedule_plan_hash", hash);
    }
    object.int("seq", seq);
    if let Some(signal) = line.signal {
        object.int("signal", i64::from(signal));
    }
    if let Some(status) = line.status {
        object.text("status", status);
    }
    if let Some(wave) = line.wave {
        object.int("wave", i64::from(wave));
    }
    object.close();
}

/// Number, cause, delay before it, outcome.
type Row = (u32, Option<&'static str>, u64, AttemptOutcome);

/// The optional members of a line.
#[derive(Default)]
struct Line<'a> {
    attempt: Option<u32>,
    cause: Option<&'static str>,
    delay_before_ms: Option<u64>,
    exit: Option<i32>,
    signal: Option<i32>,
    result_sha256: Option<String>,
    schedule_plan_hash: Option<&'a str>,
    status: Option<&'static str>,
    wave: Option<u32>,
}

impl<'a> Line<'a> {
    fn of(graph: &Graph, event: &'a Event) -> Line<'a> {
        let wave = event.kind.node().map(|n| graph.facts(n).wave);
        let mut line = Line { wave, ..Line::default() };
        line.fill(&event.kind);
        line
    }

    fn fill(&mut self, kind: &'a EventKind) {
        match kind {
            EventKind::RunStarted { schedule_plan_hash } => {
                self.schedule_plan_hash = Some(schedule_plan_hash)
            }
            EventKind::RunEnded { status } => self.status = Some(status.name()),
            EventKind::WaveStarted { wave } | EventKind::WaveEnded { wave } => self.wave = Some(*wave),
            EventKind::NodeReady { number, .. } | EventKind::NodeCollected { number, .. } => {
                self.attempt = Some(*number);
            }
            EventKind::DispatchStarted { number, delay_before_ms, .. } => {
                self.attempt = Some(*number);
                self.delay_before_ms = Some(*delay_before_ms);
            }
            EventKind::RetryScheduled { number, delay_ms, .. } => {
                self.attempt = Some(*number);
                self.delay_before_ms = Some(*delay_ms);
            }
            EventKind::DispatchEnded { number, outcome, cause, report, .. } => {
                self.attempt = Some(*number);
                self.status = Some(outcome.name());
                self.cause = cause.map(crate::cause::Cause::code);
                self.fill_report(*outcome, report);
            }
            EventKind::NodeEnded { number, outcome, cause, .. } => {
                self.attempt = (*number > 0).then_some(*number);
                self.status = Some(outcome.name());
                self.cause = cause.map(crate::cause::Cause::code);
            }
            EventKind::NodeReused { reused, .. } => {
                self.fill_report(AttemptOutcome::Succeeded, &reused.report);
            }
            EventKind::UndoEnded { cause, .. } => self.cause = cause.map(crate::cause::Cause::code),
            EventKind::RunPaused { .. }
            | EventKind::RunSuspended
            | EventKind::RunResumed { .. }
            | EventKind::RunStopping { .. }
            | EventKind::RunEnding { .. }
            | EventKind::ConditionEvaluated { .. }
            | EventKind::NodeExpanded(..)
            | EventKind::LeaseGranted { .. }
            | EventKind::LeaseReleased { .. }
            | EventKind::LeaseRefused { .. }
            | EventKind::DispatchEnding { .. }
            | EventKind::DispatchAdopted { .. }
            | EventKind::LeakedProcesses { .. }
            | EventKind::NodeInDoubt { .. }
            | EventKind::Answered { .. }
            | EventKind::UndoStarted { .. }
            | EventKind::LimitsChanged { .. }
            | EventKind::ReuseMissed(..)
            | EventKind::LeaseClaimed { .. }
            | EventKind::LeaseWaitEnded { .. }
            | EventKind::LeaseTold { .. }
            | EventKind::Permission(..)
            | EventKind::ReportIgnored { .. }
            | EventKind::ConflictPredicted(..)
            | EventKind::BatchTested(_)
            | EventKind::BreakerOpened { .. }
            | EventKind::BreakerHalfOpen { .. }
            | EventKind::BreakerClosed { .. }
            | EventKind::HoldStarted { .. }
            | EventKind::HoldEnded { .. }
            | EventKind::Escalated { .. }
            | EventKind::HelperSpent(_)
            | EventKind::BudgetReached { .. } => {}
        }
    }

    /// How a tree died that was ended from here (TERM or KILL, an exit of its own just before) is timing.
    fn fill_report(&mut self, outcome: AttemptOutcome, report: &Report) {
        if matches!(outcome, AttemptOutcome::Succeeded | AttemptOutcome::Failed) {
            self.exit = report.exit;
            self.signal = report.signal;
            self.result_sha256 = report.result.map(|r| json::hex(&r.sha256));
        }
    }
}
