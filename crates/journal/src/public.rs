//! An event as `regatta events --json` prints it (3-execution "Events"): one flat object with names instead of indices.
//!
//! The fields of every event are always there, null where they do not apply; the others only where they do.

use crate::instant::rfc3339;
use crate::record::{LimitsRecord, OwnLeaseRecord, UsageRecord, cap, hex, own_leases, reused_by};
use crate::store::StoredEvent;
use regatta_engine::caps::CapRef;
use regatta_engine::cause::Cause;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::input::{Answer, Claimed, ConditionAnswer, Expansion};
use regatta_engine::key::Class;
use regatta_engine::permission::{PermissionTold, Question};
use regatta_engine::report::{Digest, Report};
use regatta_engine::spec::Priority;
use serde::Serialize;

/// What all events of a run share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicRun<'a> {
    /// The id of the run.
    pub run_id: &'a str,
    /// Its `schedule_plan_hash`.
    pub schedule_plan_hash: &'a str,
    /// Its graph.
    pub graph: &'a Graph,
}

#[derive(Default, Serialize)]
struct PublicEvent<'a> {
    pos: u64,
    key: String,
    run_id: &'a str,
    node_id: Option<&'a str>,
    wave: Option<u32>,
    attempt: Option<u32>,
    attempt_id: Option<u64>,
    agent: Option<&'a str>,
    priority: Option<&'static str>,
    at: String,
    duration_ms: Option<u64>,
    kind: &'static str,
    status: Option<&'static str>,
    cause: Option<&'static str>,
    schedule_plan_hash: &'a str,
    class: &'static str,
    #[serde(flatten)]
    more: More<'a>,
}

/// Fields of single kinds.
#[derive(Default, Serialize)]
struct More<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_before_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    round: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cap: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cap_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_person: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asking: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaked: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reused_from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reused_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<LimitsRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leases: Option<Vec<OwnLeaseRecord<'a>>>,
    #[serde(flatten)]
    scope: ScopeFields<'a>,
    #[serde(flatten)]
    permission: PermissionFields<'a>,
}

/// Fields of what an attempt asks a person, and of the answer.
#[derive(Default, Serialize)]
struct PermissionFields<'a> {
    /// Its number within the attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<bool>,
    /// A yes is one for always.
    #[serde(skip_serializing_if = "Option::is_none")]
    always: Option<bool>,
}

impl<'a> PermissionFields<'a> {
    fn of(told: &'a PermissionTold) -> PermissionFields<'a> {
        match told {
            PermissionTold::Asked(Question { number, title, tool, always }) => PermissionFields {
                question: Some(*number),
                title: Some(title),
                tool_kind: Some(tool),
                allowed: None,
                always: always.then_some(true),
            },
            PermissionTold::Answered { number, allowed } => PermissionFields {
                question: Some(*number),
                allowed: Some(*allowed),
                ..PermissionFields::default()
            },
        }
    }
}

/// Fields of breakers, holds and escalations.
#[derive(Default, Serialize)]
struct ScopeFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope_name: Option<&'a str>,
    /// Engine time in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause_class: Option<&'static str>,
}

/// The line of an event, without a newline.
#[must_use]
pub fn event_json(run: &PublicRun<'_>, stored: &StoredEvent) -> String {
    let event = &stored.event;
    let node = event.kind.node().filter(|n| n.index() < run.graph.len());
    let facts = node.map(|n| run.graph.facts(n));
    let agent = facts.and_then(|f| f.agent).and_then(|a| run.graph.agents.get(a as usize));
    let mut line = PublicEvent {
        pos: stored.pos,
        key: key(run.graph, event),
        run_id: run.run_id,
        node_id: node.map(|n| run.graph.name(n)),
        wave: facts.map(|f| f.wave),
        attempt_id: event.kind.attempt().map(|a| a.0),
        agent: agent.map(String::as_str),
        priority: facts.map(|f| f.priority.name()),
        at: rfc3339(stored.wall_ms),
        kind: event.kind.name(),
        schedule_plan_hash: run.schedule_plan_hash,
        class: match event.kind.class() {
            Class::Logical => "logical",
            Class::Operational => "operational",
        },
        ..PublicEvent::default()
    };
    line.fill(run.graph, &event.kind);
    // Text keys and finite numbers only: this cannot fail.
    visible(serde_json::to_string(&line).unwrap_or_default())
}

/// The same JSON with every character escaped that steers a terminal or hides: DEL, C1, direction, zero width, tags.
fn visible(json: String) -> String {
    let hidden = |c: char| {
        matches!(c, '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    if json.is_ascii() && !json.contains('\u{7f}') || !json.contains(hidden) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if hidden(c) {
            // Such a character stands inside a string only: JSON's own characters are ASCII.
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// The key, or `-` for an event of another graph.
fn key(graph: &Graph, event: &Event) -> String {
    let node_fits = event.kind.node().is_none_or(|n| n.index() < graph.len());
    let wave_fits = match &event.kind {
        EventKind::WaveStarted { wave } | EventKind::WaveEnded { wave } => *wave < graph.waves(),
        _ => true,
    };
    if node_fits && wave_fits { event.key(graph).to_string() } else { "-".into() }
}

impl<'a> PublicEvent<'a> {
    fn fill(&mut self, graph: &'a Graph, kind: &'a EventKind) {
        let more = &mut self.more;
        match kind {
            EventKind::RunPaused { reason } => more.reason = Some(reason.name()),
            EventKind::RunResumed { epoch } => more.epoch = Some(*epoch),
            EventKind::RunEnding { cause } | EventKind::DispatchEnding { cause, .. } => {
                self.cause = Some(cause.code());
            }
            EventKind::RunEnded { status } => self.status = Some(status.name()),
            EventKind::WaveStarted { wave } | EventKind::WaveEnded { wave } => self.wave = Some(*wave),
            EventKind::ConditionEvaluated { answer, .. } => match answer {
                ConditionAnswer::True => more.answer = Some("true"),
                ConditionAnswer::False => more.answer = Some("false"),
                ConditionAnswer::Error(text) => {
                    (more.answer, more.message) = (Some("error"), Some(&**text));
                }
            },
            EventKind::NodeExpanded(_, answer) => match answer {
                Expansion::Items(items) => more.items = Some(*items),
                Expansion::Error(text) => more.message = Some(&**text),
            },
            EventKind::NodeReady { number, .. } | EventKind::NodeCollected { number, .. } => {
                self.attempt = Some(*number);
            }
            EventKind::LeaseRefused { by, .. } => {
                (more.cap, more.cap_name) = (Some(cap(*by).0), cap_name(graph, *by));
            }
            EventKind::LeakedProcesses { count, .. } => more.leaked = Some(*count),
            EventKind::RetryScheduled { number, delay_ms, .. } => {
                (self.attempt, more.delay_before_ms) = (Some(*number), Some(*delay_ms));
            }
            EventKind::NodeInDoubt { cause, asking, .. } => {
                (self.cause, more.asking) = (Some(cause.code()), Some(*asking));
            }
            EventKind::Answered { .. } => self.fill_answer(kind),
            EventKind::ConflictPredicted(..)
            | EventKind::BatchTested(_)
            | EventKind::NodeReused { .. }
            | EventKind::ReuseMissed(..)
            | EventKind::LeaseClaimed { .. }
            | EventKind::LeaseTold { .. } => self.fill_shared(graph, kind),
            EventKind::LimitsChanged { limits } => more.limits = Some(LimitsRecord::from(&**limits)),
            EventKind::DispatchStarted { number, delay_before_ms, round, .. } => {
                self.attempt = Some(*number);
                (more.delay_before_ms, more.round) = (Some(*delay_before_ms), Some(*round));
            }
            EventKind::DispatchEnded { .. } | EventKind::NodeEnded { .. } | EventKind::UndoEnded { .. } => {
                self.fill_end(graph, kind);
            }
            EventKind::BreakerOpened { .. }
            | EventKind::BreakerHalfOpen { .. }
            | EventKind::BreakerClosed { .. }
            | EventKind::HoldStarted { .. }
            | EventKind::HoldEnded { .. }
            | EventKind::Escalated { .. } => self.fill_scope(graph, kind),
            EventKind::HelperSpent(_) | EventKind::BudgetReached(..) => self.fill_budget(kind),
            EventKind::Permission(_, _, told) => more.permission = PermissionFields::of(told),
            EventKind::RunStarted { .. }
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

    fn fill_answer(&mut self, kind: &'a EventKind) {
        let (EventKind::Answered { answer, by_person, .. }, more) = (kind, &mut self.more) else { return };
        more.by_person = Some(*by_person);
        more.answer = Some(match answer {
            Answer::Again => "again",
            Answer::Succeeded(_) => "succeeded",
            Answer::Failed => "failed",
        });
        (more.result_sha256, more.result_bytes) = digest(kind.result());
    }

    fn fill_scope(&mut self, graph: &'a Graph, kind: &'a EventKind) {
        let more = &mut self.more.scope;
        let scope = match kind {
            EventKind::BreakerOpened { scope, until, failures } => {
                (more.until_ms, more.failures) = (Some(until.0), Some(*failures));
                scope
            }
            EventKind::HoldStarted(scope, until) => {
                more.until_ms = Some(until.0);
                scope
            }
            EventKind::Escalated { about, class, cause } => {
                (more.cause_class, self.cause) = (Some(class.name()), Some(cause.code()));
                about
            }
            EventKind::BreakerHalfOpen(scope)
            | EventKind::BreakerClosed(scope)
            | EventKind::HoldEnded(scope) => scope,
            _ => return,
        };
        (more.scope, more.scope_name) = (Some(scope.kind()), scope.name(graph));
    }

    /// What runs of a workspace share: outcomes and leases.
    fn fill_budget(&mut self, kind: &'a EventKind) {
        match kind {
            EventKind::HelperSpent(usage) => self.more.usage = Some((**usage).into()),
            EventKind::BudgetReached(_, level) => self.more.percent = Some(level.percent()),
            _ => {}
        }
    }

    fn fill_shared(&mut self, graph: &'a Graph, kind: &'a EventKind) {
        let more = &mut self.more;
        match kind {
            EventKind::NodeReused { reused, .. } => {
                self.duration_ms = Some(reused.duration_ms);
                more.report(&reused.report);
                (more.reused_from, more.reused_by) = (Some(&*reused.run), Some(reused_by(reused.by)));
            }
            EventKind::ConflictPredicted(_, with, paths) => {
                more.upstream = names(graph, std::slice::from_ref(with));
                more.message = Some(&**paths);
            }
            EventKind::BatchTested(batch) => {
                let before = batch.nodes.split_last().map_or(&[][..], |(_, before)| before);
                (more.upstream, more.message) = (names(graph, before), Some(&*batch.tip));
            }
            EventKind::ReuseMissed(_, why) => more.message = Some(&**why),
            EventKind::LeaseClaimed { answer: Claimed::Granted { epoch }, .. } => more.epoch = Some(*epoch),
            EventKind::LeaseClaimed { answer: Claimed::Taken { resource, by }, .. } => {
                more.cap_name = cap_name(graph, CapRef::Resource(*resource));
                more.message = Some(&**by);
            }
            EventKind::LeaseTold { told, .. } => {
                (more.message, more.leases) = (Some(&*told.text), own_leases(&told.leases));
            }
            _ => {}
        }
    }

    fn fill_end(&mut self, graph: &'a Graph, kind: &'a EventKind) {
        match kind {
            EventKind::DispatchEnded { number, outcome, cause, duration_ms, report, .. } => {
                (self.attempt, self.duration_ms) = (Some(*number), Some(*duration_ms));
                (self.status, self.cause) = (Some(outcome.name()), cause.map(Cause::code));
                self.more.report(report);
            }
            EventKind::NodeEnded { number, outcome, cause, upstream, .. } => {
                self.attempt = (*number > 0).then_some(*number);
                (self.status, self.cause) = (Some(outcome.name()), cause.map(Cause::code));
                self.more.upstream = names(graph, upstream);
            }
            EventKind::UndoEnded { cause, report, .. } => {
                self.status = Some(if cause.is_some() { "failed" } else { "succeeded" });
                self.cause = cause.map(Cause::code);
                self.more.report(report);
            }
            _ => {}
        }
    }
}

impl<'a> More<'a> {
    fn report(&mut self, report: &'a Report) {
        (self.exit, self.signal) = (report.exit, report.signal);
        self.message = report.message.as_deref();
        (self.result_sha256, self.result_bytes) = digest(report.result);
        (self.stdout_sha256, self.stdout_bytes) = digest(report.stdout);
        (self.stderr_sha256, self.stderr_bytes) = digest(report.stderr);
        self.usage = report.usage.map(Into::into);
        self.leaked = (report.leaked > 0).then_some(report.leaked);
    }
}

fn digest(digest: Option<Digest>) -> (Option<String>, Option<u64>) {
    let text = |d: &Digest| String::from_utf8_lossy(&hex(&d.sha256)).into_owned();
    (digest.as_ref().map(text), digest.map(|d| d.bytes))
}

fn names<'a>(graph: &'a Graph, nodes: &[NodeId]) -> Option<Vec<&'a str>> {
    let known = nodes.iter().filter(|n| n.index() < graph.len());
    (!nodes.is_empty()).then(|| known.map(|n| graph.name(*n)).collect())
}

fn cap_name(graph: &Graph, by: CapRef) -> Option<String> {
    match by {
        CapRef::Global => None,
        CapRef::Wave(wave) => Some(wave.to_string()),
        CapRef::Priority(p) => Priority::ALL.get(p as usize).map(|p| p.name().to_owned()),
        CapRef::Agent(i) => graph.agents.get(i as usize).cloned(),
        CapRef::Tag(i) => graph.tag_names.get(i as usize).cloned(),
        CapRef::Resource(i) => graph.resources.get(i as usize).map(|r| r.name.clone()),
    }
}
