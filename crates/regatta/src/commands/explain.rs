//! `regatta explain`: why a task is where it is.

use crate::args::ExplainArgs;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escape::escape;
use crate::render::lines;
use crate::view::{RunView, reader};
use regatta_engine::event::EventKind;
use regatta_engine::ids::NodeId;
use regatta_engine::outcome::NodeOutcome;
use regatta_journal::Which;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Runs the verb.
///
/// # Errors
/// No such run or task, or the journal cannot be read.
pub fn run(context: &Context, args: &ExplainArgs) -> Result<Exit, CliError> {
    let reader = reader(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::Newest, Which::Named);
    let mut last: BTreeMap<NodeId, String> = BTreeMap::new();
    let view = RunView::load(&reader, which, &mut |event| note(&mut last, &event.kind))?;
    let nodes: Vec<NodeId> = match &args.task {
        Some(task) => vec![view.node(task)?],
        None => unwell(&view),
    };
    if args.json {
        let rows: Vec<Value> = nodes.iter().map(|&n| row(&view, n, &last)).collect();
        out(&format!("{}\n", Value::Array(rows)));
        return Ok(Exit::Success);
    }
    if nodes.is_empty() {
        out("every task ended well\n");
    }
    for node in nodes {
        let graph = view.engine.graph();
        out(&format!("{}: {}\n", graph.name(node), escape(&view.engine.explain(node).sentence(graph))));
        if let Some(text) = last.get(&node) {
            out(&format!("  last attempt {text}\n"));
        }
    }
    Ok(Exit::Success)
}

/// Remembers how the last attempt of a node ended, or why its condition failed.
fn note(last: &mut BTreeMap<NodeId, String>, kind: &EventKind) {
    match kind {
        EventKind::DispatchEnded { node, number, outcome, cause, report, .. } if cause.is_some() => {
            last.insert(*node, format!("{number} {}{}", outcome.name(), lines::reason(*cause, report)));
        }
        EventKind::DispatchEnded { node, .. } => {
            last.remove(node);
        }
        EventKind::ConditionEvaluated {
            node,
            answer: regatta_engine::input::ConditionAnswer::Error(why),
        } => {
            last.insert(*node, format!("none: its condition failed: {}", escape(why)));
        }
        _ => {}
    }
}

fn unwell(view: &RunView) -> Vec<NodeId> {
    let well = |n: &NodeId| {
        let outcome = view.engine.state().node(*n).outcome();
        matches!(outcome, Some(NodeOutcome::Succeeded | NodeOutcome::Skipped))
    };
    view.engine.graph().order().iter().copied().filter(|n| !well(n)).collect()
}

fn row(view: &RunView, node: NodeId, last: &BTreeMap<NodeId, String>) -> Value {
    let graph = view.engine.graph();
    json!({
        "task": graph.name(node),
        "status": view.engine.state().node(node).state_name(),
        "why": view.engine.explain(node).sentence(graph),
        "last_attempt": last.get(&node),
    })
}
