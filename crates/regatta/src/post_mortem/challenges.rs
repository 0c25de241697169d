//! The challenges of a run: tasks that did not end well, or only after more than one attempt; breakers; rate limits.
//!
//! Says what happened. Why, and what is to be learned, somebody else must say.

use super::gathered::{Gathered, Rests, Told};
use super::{NOT_ANALYSED, plain};
use crate::render::why::{last, refused_by};
use crate::render::{count, duration, landed};
use crate::view::RunView;
use regatta_engine::cause::Cause;
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::outcome::{AttemptOutcome, NodeOutcome};
use regatta_engine::scope::Scope;
use regatta_engine::state::node::NodeState;
use regatta_runtime::landing::{GateResult, Report};
use serde::Serialize;

/// Challenges that are told one by one.
const MAX_TOLD: usize = 100;
/// Tasks that are named in one.
const MAX_NAMED: usize = 10;

/// Something that did not go as it should.
#[derive(Debug, Serialize)]
pub(super) struct Challenge {
    pub(super) description: String,
    pub(super) impact: String,
    pub(super) root_cause: String,
    pub(super) resolution: String,
    pub(super) lesson: String,
}

/// The challenges of a run: tasks in order key, then breakers and rate limits.
pub(super) fn of(view: &RunView, gathered: &Gathered) -> Vec<Challenge> {
    // Of what a person decides nothing was ever started.
    let nothing = Told::default();
    let told = |node| gathered.tasks.get(&node).unwrap_or(&nothing);
    let tasks = view.engine.shown().filter_map(|node| of_task(view, node, told(node)));
    let warned = view.warnings.iter().map(|(node, said)| of_warning(view.engine.graph().name(*node), said));
    let shared = gathered.scopes.iter().filter(|(scope, _)| scope.node().is_none());
    let graph = view.engine.graph();
    let scopes = shared.map(|(scope, rests)| of_scope(graph, *scope, *rests));
    let gates = view.landing.iter().flat_map(of_gates);
    // What a person is asked comes first: nothing goes on before.
    waiting(view).into_iter().chain(tasks).chain(warned).chain(scopes).chain(gates).take(MAX_TOLD).collect()
}

/// What the landing of a run waits for: a conflict with its files, an approval, files that are in the way.
fn waiting(view: &RunView) -> Option<Challenge> {
    let report = view.landing.as_ref()?;
    let (what, command) = report.waits.as_ref()?;
    let open = || report.conflicts.iter().filter(|conflict| conflict.resolved.is_empty());
    let mut conflicts: Vec<String> = open()
        .take(landed::MAX_NAMED)
        .map(|met| format!("conflict of {} in {}{}", met.task, met.paths.join(", "), met.met()))
        .collect();
    if let more @ 1.. = open().count().saturating_sub(landed::MAX_NAMED) {
        conflicts.push(format!("and {more} more in conflict"));
    }
    Some(Challenge {
        description: format!("the landing waits for a person: {what}"),
        impact: "nothing of the run has landed yet".to_owned(),
        root_cause: match conflicts.is_empty() {
            true => format!("why is {NOT_ANALYSED}"),
            false => format!("{}; why is {NOT_ANALYSED}", conflicts.join("; ")),
        },
        resolution: format!("open: {command}"),
        lesson: NOT_ANALYSED.to_owned(),
    })
}

/// Gates that were red where work was merged, each once for each merge.
fn of_gates(report: &Report) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut told: Vec<(&str, Option<&str>)> = Vec::new();
    for gate in report.gates.iter().filter(|gate| !gate.passed && gate.ran) {
        let about = (gate.id.as_str(), gate.after.as_deref());
        if told.contains(&about) {
            continue;
        }
        told.push(about);
        let same = |other: &&GateResult| (other.id.as_str(), other.after.as_deref()) == about;
        let mended = report.gates.iter().rev().find(same).is_some_and(|last| last.passed);
        let tries = report.tries.iter().filter(|tried| tried.after.as_deref() == about.1).count();
        let place =
            about.1.map_or("after all merges".to_owned(), |task| format!("after the merge of {task}"));
        found.push(Challenge {
            description: format!("gate {} was red {place}", gate.gate),
            impact: if gate.blocking { "what it refused could not land" } else { "none: it does not block" }
                .to_owned(),
            root_cause: format!("{}; why is {NOT_ANALYSED}", gate.said),
            resolution: match (mended, tries) {
                (true, _) => format!("{tries} attempts of agents mended it"),
                (false, 0) => "none".to_owned(),
                (false, n) => format!("open: {n} attempts of agents did not mend it"),
            },
            lesson: NOT_ANALYSED.to_owned(),
        });
    }
    found
}

/// Work that was taken although there was something to say of it.
fn of_warning(task: &str, said: &str) -> Challenge {
    Challenge {
        description: format!("task {task}: {said}"),
        impact: "none: its work was taken".to_owned(),
        root_cause: NOT_ANALYSED.to_owned(),
        resolution: "none".to_owned(),
        lesson: NOT_ANALYSED.to_owned(),
    }
}

fn of_task(view: &RunView, node: NodeId, told: &Told) -> Option<Challenge> {
    let (graph, state) = (view.engine.graph(), view.engine.state().node(node));
    let failed = told.outcome.is_some_and(NodeOutcome::is_failure);
    let in_doubt = matches!(state.state, NodeState::InDoubt(_));
    if !failed && !in_doubt && told.unwell() == 0 {
        return None;
    }
    let name = graph.name(node);
    let state_name = state.state_name().replace('_', " ");
    let blocked: Vec<&str> = graph.succs(node).map(|n| graph.name(n)).collect();
    let wasted = format!("{} of attempts that did not succeed", duration(told.wasted_ms));
    let impact = if (failed || in_doubt) && !blocked.is_empty() {
        format!("{} directly: {}; {wasted}", if failed { "blocks" } else { "holds back" }, named(&blocked))
    } else {
        wasted
    };
    let description = match graph.asked(node).filter(|_| in_doubt) {
        Some(asked) => format!("task {name} waits for a person: {}", asked.words()),
        None => format!("task {name}: {state_name} after {}", attempts(told)),
    };
    Some(Challenge {
        description,
        impact,
        root_cause: match view.failures.get(&node) {
            Some(failure) => format!("{}; why is {NOT_ANALYSED}", last(failure)),
            None if view.cause(node) == Some(Cause::Refused.code())
                && refused_by(view.stand(), node).is_some() =>
            {
                format!("refused by {}", refused_by(view.stand(), node).unwrap_or_default())
            }
            None => match told.cause.map(Cause::code).or(view.cause(node)) {
                Some(cause) => format!("cause {cause}; why is {NOT_ANALYSED}"),
                None => NOT_ANALYSED.to_owned(),
            },
        },
        resolution: resolution(view, node, (told, in_doubt)),
        lesson: NOT_ANALYSED.to_owned(),
    })
}

fn resolution(view: &RunView, node: NodeId, (told, in_doubt): (&Told, bool)) -> String {
    let open = view.engine.state().scopes.escalations.contains_key(&Scope::Node(node));
    match told.outcome {
        Some(NodeOutcome::Succeeded) if told.answered => "a person answered; it succeeded".to_owned(),
        Some(NodeOutcome::Succeeded) => "a further attempt succeeded".to_owned(),
        _ if in_doubt => "open: waits for a person's answer".to_owned(),
        _ if open => "open: escalated".to_owned(),
        Some(_) => "none".to_owned(),
        None => "open: the run has not ended".to_owned(),
    }
}

fn of_scope(graph: &Graph, scope: Scope, rests: Rests) -> Challenge {
    let mut what = Vec::new();
    if rests.openings > 0 {
        what.push(format!("its breaker opened {}", times(rests.openings)));
    }
    if rests.holds > 0 {
        what.push(format!("rate limits held it {}", times(rests.holds)));
    }
    let resolution = match (rests.openings, rests.closed) {
        (0, _) => "the named time was waited for",
        (_, true) => "a task that tried succeeded",
        (_, false) => "open: no task succeeded since",
    };
    Challenge {
        description: format!("{}: {}", plain(graph, scope), what.join("; ")),
        impact: "its tasks did not start meanwhile".to_owned(),
        root_cause: NOT_ANALYSED.to_owned(),
        resolution: resolution.to_owned(),
        lesson: NOT_ANALYSED.to_owned(),
    }
}

fn times(n: u32) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}

/// `3 attempts (2 failed, 1 lost)`.
fn attempts(told: &Told) -> String {
    let all = told.attempts.iter().sum::<u32>();
    let of = |outcome: AttemptOutcome| {
        let n = told.count(outcome);
        (n > 0).then(|| format!("{n} {}", outcome.name().replace('_', " ")))
    };
    let each: Vec<String> = AttemptOutcome::ALL.into_iter().filter_map(of).collect();
    if each.is_empty() {
        "no attempt".to_owned()
    } else {
        format!("{} ({})", count(all.into(), "attempt"), each.join(", "))
    }
}

fn named(names: &[&str]) -> String {
    let shown = names[..names.len().min(MAX_NAMED)].join(", ");
    let more = names.len().saturating_sub(MAX_NAMED);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}
