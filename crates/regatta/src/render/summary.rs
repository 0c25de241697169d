//! The summary at the end of a run: what was done, how long it took, what failed, and the command that goes on.
//!
//! As text for people and as JSON for programs; both from the same numbers.

use super::escalations;
use super::escape::escape;
use super::landing;
use super::lines;
use super::looking::{explain, look};
use super::questions;
use super::usage;
use super::waits;
use super::why::{self, why};
use super::{count, duration};
use crate::view::RunView;
use regatta_engine::Engine;
use regatta_engine::ids::NodeId;
use regatta_engine::outcome::{NodeOutcome, PauseReason, RunStatus};
use regatta_engine::state::Phase;
use regatta_journal::RunId;
use regatta_runtime::escalation::shell_word;
use regatta_runtime::metrics::Metrics;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// At most this many tasks are listed one by one.
const MAX_LISTED: usize = 20;

/// The status of a run for people.
#[must_use]
pub fn status(engine: &Engine) -> &'static str {
    match engine.state().phase {
        Phase::New => "created",
        Phase::Running => "running",
        Phase::Paused(PauseReason::Interrupted) => "interrupted",
        Phase::Paused(PauseReason::Waiting) => "waiting",
        Phase::Paused(PauseReason::User) => "paused",
        Phase::Ended(status) => status.name(),
    }
}

/// The summary as text.
#[must_use]
pub fn text(view: &RunView) -> String {
    let (engine, metrics, run_id) = (&view.engine, &view.metrics, view.record.summary.run_id.as_str());
    let mut out = format!("\nrun {run_id} {}\n", status(engine));
    let reused = if metrics.reused > 0 { format!(" ({} reused)", metrics.reused) } else { String::new() };
    out.push_str(&format!("  tasks        {}{reused}\n", counts(engine)));
    out.push_str(&format!("  attempts     {}\n", attempts(metrics)));
    let slots = engine.state().limits.max_parallel;
    let bound = metrics.lower_bound_ms(engine.graph(), &engine.state().limits);
    let beside = if metrics.unwatched { "  (less the time in which nobody orchestrated)" } else { "" };
    out.push_str(&format!("  wall         {}{beside}\n", duration(metrics.wall_ms)));
    out.push_str(&format!("  sum          {}{}\n", duration(metrics.busy_ms), speed_up(metrics)));
    out.push_str(&format!(
        "  lower bound  {} with {} and all caps\n",
        duration(bound),
        count(u64::from(slots), "slot")
    ));
    let peak = engine.state().high_water.total;
    out.push_str(&format!("  most at once {peak}\n"));
    out.push_str(&view.landing.as_ref().map(|report| landing::text(report, run_id)).unwrap_or_default());
    out.push_str(&usage::text(view));
    out.push_str(&warnings(engine, &view.warnings));
    out.push_str(&failures(view));
    for (node, (cause, report)) in &view.failed_undos {
        let reason = lines::reason(Some(*cause), report);
        out.push_str(&format!("  {}: its undo failed{reason}\n", escape(engine.graph().name(*node))));
    }
    let answered_below = to_answer(view);
    out.push_str(&escalations::text(view.stand(), &|node| answered_below == Some(node)));
    out.push_str(&next(view));
    out
}

fn attempts(metrics: &Metrics) -> String {
    let Metrics { attempts, retries, lost, held, .. } = metrics;
    let mut of_them = Vec::new();
    if retries + lost > 0 {
        of_them.push(retried(*retries));
    }
    if *lost > 0 {
        of_them.push(format!("{lost} lost or interrupted"));
    }
    if *held > 0 {
        of_them.push(format!("{held} held by a rate limit"));
    }
    if of_them.is_empty() { attempts.to_string() } else { format!("{attempts} ({})", of_them.join(", ")) }
}

fn retried(retries: u64) -> String {
    if retries == 1 { "1 retry".to_owned() } else { format!("{retries} retries") }
}

fn speed_up(metrics: &Metrics) -> String {
    if metrics.wall_ms == 0 || metrics.busy_ms == 0 || metrics.unwatched {
        return String::new();
    }
    let tenths = metrics.busy_ms * 10 / metrics.wall_ms;
    format!("  (speed-up {}.{})", tenths / 10, tenths % 10)
}

/// How many tasks ended in which way: `3 succeeded, 1 failed`.
#[must_use]
pub fn counts(engine: &Engine) -> String {
    let state = engine.state();
    let mut parts: Vec<String> = NodeOutcome::ALL
        .into_iter()
        .filter(|&o| state.count(o) > 0)
        .map(|o| format!("{} {}", state.count(o), o.name().replace('_', " ")))
        .collect();
    let collected = engine.shown().filter(|&node| state.node(node).state_name() == "collected").count();
    if collected > 0 {
        parts.push(format!("{collected} collected"));
    }
    if state.open() > 0 {
        parts.push(format!("{} open", state.open()));
    }
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// Nodes in order key that did not end well, with the reason.
fn unwell(engine: &Engine) -> impl Iterator<Item = NodeId> + '_ {
    engine.shown().filter(|&node| {
        let node = engine.state().node(node);
        node.outcome().is_some_and(NodeOutcome::blocks) || node.state_name() == "in_doubt"
    })
}

/// What people should know of tasks that ended well, a line each.
#[must_use]
pub fn warnings(engine: &Engine, warnings: &BTreeMap<NodeId, Box<str>>) -> String {
    let mut out = String::new();
    for (node, said) in warnings.iter().take(MAX_LISTED) {
        let name = escape(engine.graph().name(*node));
        out.push_str(&format!("  note         {name}: {}\n", escape(said)));
    }
    if warnings.len() > MAX_LISTED {
        out.push_str(&format!("  … and {} more notes\n", warnings.len() - MAX_LISTED));
    }
    out
}

fn failures(view: &RunView) -> String {
    let engine = &view.engine;
    let mut out = String::new();
    for (i, node) in unwell(engine).enumerate() {
        if i == MAX_LISTED {
            out.push_str(&format!("  … and {} more\n", unwell(engine).count() - MAX_LISTED));
            break;
        }
        out.push_str(&format!("  {}: {}\n", escape(engine.graph().name(node)), why(view, node)));
    }
    out
}

/// The task that a person must answer for before the run goes on.
fn to_answer(view: &RunView) -> Option<NodeId> {
    let engine = &view.engine;
    let waits =
        matches!(engine.state().phase, Phase::Paused(PauseReason::Waiting | PauseReason::Interrupted));
    let asked = |node: &NodeId| engine.graph().asked(*node).is_some();
    // A conflict is resolved where it stands, and no answer.
    let conflicts = |node: &NodeId| why::left_to_person(engine, &view.failures, *node).is_some();
    let doubt = || engine.state().in_doubt().find(|node| !asked(node) && !conflicts(node));
    let gate = || engine.state().in_doubt().find(asked);
    waits.then(|| doubt().or_else(gate)).flatten()
}

/// The command that goes on, as a line; nothing where there is none.
#[must_use]
pub fn next(view: &RunView) -> String {
    let (engine, run_id) = (&view.engine, view.record.summary.run_id.as_str());
    if let Some(node) = to_answer(view) {
        let name = engine.graph().name(node);
        let answer = match engine.graph().asked(node) {
            Some(_) => {
                let command = |allow| lines::gate_command((run_id, name), allow);
                format!("{}\nor:   {}", command(true), command(false))
            }
            None => {
                format!("regatta answer {run_id} {} --again  (or --succeeded, or --failed)", shell_word(name))
            }
        };
        return format!("next: {answer}\nthen: regatta resume {run_id}\n");
    }
    let landing_waits = view.landing.as_ref().is_some_and(|report| report.waits.is_some());
    match engine.state().phase {
        // What it waits for was said with the command that goes on.
        Phase::Paused(PauseReason::Waiting) if landing_waits => String::new(),
        Phase::New | Phase::Running | Phase::Paused(_) => format!("next: regatta resume {run_id}\n"),
        Phase::Ended(RunStatus::Succeeded) => String::new(),
        // Each has said where to look.
        Phase::Ended(_) if !engine.state().scopes.escalations.is_empty() => {
            format!("then: regatta retry {run_id}\n")
        }
        Phase::Ended(_) => {
            // What failed only where it was merged has no output that tells why.
            let merged = |node: &NodeId| {
                matches!(
                    view.cause(*node),
                    Some("merge_conflict" | "gate" | "refused" | "not_landed" | "upstream")
                )
            };
            let tried = |node: &NodeId| engine.state().node(*node).attempts > 0 && !merged(node);
            let (tried, first) = (unwell(engine).find(tried), unwell(engine).next());
            let conflict = unwell(engine).any(|node| view.cause(node) == Some("merge_conflict"));
            let look = match (tried, first) {
                (None, _) if conflict => format!("next: regatta merge {run_id} --dry-run\n"),
                (None, _) if view.landing.is_some() => format!("next: regatta status {run_id}\n"),
                (Some(node), _) => format!("next: {}\n", look(view.stand(), node)),
                (None, Some(node)) => format!("next: {}\n", explain(view.stand(), node)),
                (None, None) => String::new(),
            };
            format!("{look}then: regatta retry {run_id}\n")
        }
    }
}

/// The summary as JSON.
#[must_use]
pub fn json(view: &RunView) -> Value {
    let (engine, metrics, run_id) = (&view.engine, &view.metrics, view.record.summary.run_id.as_str());
    let graph = engine.graph();
    let tasks: serde_json::Map<String, Value> = engine
        .shown()
        .map(|node| {
            let state = engine.state().node(node);
            let row = json!({
                "status": state.state_name(),
                "attempts": state.attempts,
                "duration_ms": metrics.node_ms(node),
                "usage": usage::json(metrics.node_usage(node)),
                "why": why(view, node),
                "cause": view.cause(node),
                "warning": view.warnings.get(&node),
                "reused_from": view.reused.get(&node).map(|reused| &*reused.run),
            });
            (graph.name(node).to_owned(), row)
        })
        .collect();
    let slots = engine.state().limits.max_parallel;
    let mut counts = BTreeMap::new();
    for node in engine.shown() {
        *counts.entry(engine.state().node(node).state_name()).or_insert(0_u32) += 1;
    }
    json!({
        "run_id": run_id,
        "retry_of": view.record.run.retry_of.as_ref().map(RunId::as_str),
        "status": status(engine),
        "attempts": metrics.attempts,
        "retries": metrics.retries,
        "reused": metrics.reused,
        "lost": metrics.lost,
        "held": metrics.held,
        "wall_ms": metrics.wall_ms,
        "sum_ms": metrics.busy_ms,
        "lower_bound_ms": metrics.lower_bound_ms(graph, &engine.state().limits),
        "max_parallel": slots,
        "most_at_once": engine.state().high_water.total,
        "usage": usage::json(metrics.reported()),
        "agents": usage::agents_json(view),
        "doubts": waits::doubts(view),
        "questions": questions::json(view.stand()),
        "escalations": escalations::json(view),
        "landing": view.landing.as_ref().map(landing::json),
        "counts": counts,
        "tasks": tasks,
    })
}
