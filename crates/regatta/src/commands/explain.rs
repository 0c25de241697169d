//! `regatta explain`: why a task is where it is.

use crate::args::ExplainArgs;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escape::escape;
use crate::render::landed::Landed;
use crate::render::{landed, questions, standing, why};
use crate::view::{RunView, reader};
use regatta_engine::explain::Why;
use regatta_engine::ids::NodeId;
use regatta_engine::outcome::NodeOutcome;
use regatta_journal::Which;
use serde_json::{Value, json};

/// Runs the verb.
///
/// # Errors
/// No such run or task, or the journal cannot be read.
pub fn run(context: &Context, args: &ExplainArgs) -> Result<Exit, CliError> {
    let reader = reader(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::Newest, Which::Named);
    let view = RunView::load(&reader, which, &mut |_| {})?;
    let nodes = asked(&view, args.task.as_deref())?;
    if args.json {
        out(&format!("{}\n", rows(&view, &nodes)));
        return Ok(Exit::Success);
    }
    if nodes.is_empty() {
        out("every task ended well\n");
    }
    let landed = Landed::of(&view);
    let whole = args.task.is_none();
    if whole {
        // Said once, however much work waits for it.
        let waits = view.landing.iter().flat_map(|report| landed::waits(report, None));
        waits.enumerate().for_each(|(i, said)| out(&format!("{}{said}\n", if i == 0 { "" } else { "  " })));
    }
    for node in nodes {
        out(&format!("{}: {}\n", view.engine.graph().name(node), why::why(&view, node)));
        out(&questions::next(view.stand(), node));
        let told = view.own_failure(node).is_some()
            || why::left_to_person(&view.engine, &view.failures, node).is_some();
        if let Some(failure) = view.failures.get(&node).filter(|_| !told) {
            out(&format!("  last: {}\n", why::last(failure)));
        }
        if let Some(said) = view.warnings.get(&node) {
            out(&format!("  note: {}\n", escape(said)));
        }
        let waits = matches!(view.engine.explain(node), Why::Collected);
        for said in landed.lines(node).iter().filter(|_| !(whole && waits)) {
            out(&format!("  {said}\n"));
        }
        for (with, passed) in tested(&view, node) {
            let word = if passed { "passed" } else { "red" };
            out(&format!("  gates {word} with {}\n", with.join(", ")));
        }
        if let Some(missed) = view.reuse_missed.get(&node) {
            out(&format!("  not reused: {}\n", escape(missed)));
        }
    }
    Ok(Exit::Success)
}

/// The task that is asked for, else all that did not end well, those that a person looks for first.
///
/// # Errors
/// There is no such task.
pub fn asked(view: &RunView, task: Option<&str>) -> Result<Vec<NodeId>, CliError> {
    task.map_or_else(|| Ok(unwell(view)), |task| Ok(vec![view.node(task)?]))
}

/// Why some tasks are where they are, for programs.
#[must_use]
pub fn rows(view: &RunView, nodes: &[NodeId]) -> Value {
    let landed = Landed::of(view);
    Value::Array(nodes.iter().map(|&node| row((view, &landed), node)).collect())
}

fn unwell(view: &RunView) -> Vec<NodeId> {
    let well = |n: &NodeId| {
        let outcome = view.engine.state().node(*n).outcome();
        matches!(outcome, Some(NodeOutcome::Succeeded | NodeOutcome::Skipped))
    };
    let mut unwell: Vec<NodeId> = view.engine.shown().filter(|n| !well(n)).collect();
    unwell.sort_by_key(|node| standing::rank(view.engine.state().node(*node).state_name()));
    unwell
}

/// The batches of merges that a task was in, and whether their gates passed.
fn tested(view: &RunView, node: NodeId) -> impl Iterator<Item = (Vec<&str>, bool)> {
    let name = |n: &NodeId| view.engine.graph().name(*n);
    let in_it = view.batches.iter().filter(move |batch| batch.nodes.contains(&node));
    in_it.map(move |batch| (batch.nodes.iter().map(name).collect(), batch.passed))
}

fn row((view, landed): (&RunView, &Landed<'_>), node: NodeId) -> Value {
    json!({
        "task": view.engine.graph().name(node),
        "status": view.engine.state().node(node).state_name(),
        "why": why::why(view, node),
        "cause": view.cause(node),
        "reused_from": view.reused.get(&node).map(|reused| &*reused.run),
        "not_reused": view.reuse_missed.get(&node),
        "batches": tested(view, node)
            .map(|(with, passed)| json!({ "tasks": with, "passed": passed }))
            .collect::<Vec<_>>(),
        "landing": landed.lines(node),
        "warning": view.warnings.get(&node),
        "last_attempt": view.failures.get(&node).map(why::last),
    })
}
