//! Why good work of a task did not land: where it was merged, what it met there, and the command that shows more.
//!
//! From the report of the landing and the graph. The text is escaped already.

use super::escape::escape;
use super::landing::{log_of, where_it_is};
use super::why::refused_by;
use crate::view::RunView;
use regatta_engine::explain::Why;
use regatta_engine::ids::NodeId;
use regatta_engine::outcome::NodeOutcome;
use regatta_runtime::escalation::shell_word;
use regatta_runtime::landing::{Conflict, Report};
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// At most this many are named.
pub const MAX_NAMED: usize = 8;

/// What kept work of a run from landing. Who is to blame is sought once, however many tasks are asked about.
#[derive(Debug)]
pub struct Landed<'a> {
    view: &'a RunView,
    all: OnceCell<Vec<NodeId>>,
    above: OnceCell<Vec<Vec<NodeId>>>,
}

impl<'a> Landed<'a> {
    /// Of a run.
    #[must_use]
    pub fn of(view: &'a RunView) -> Landed<'a> {
        Landed { view, all: OnceCell::new(), above: OnceCell::new() }
    }

    /// What there is to say, line by line; nothing of a task that landed, or never came so far.
    #[must_use]
    pub fn lines(&self, node: NodeId) -> Vec<String> {
        let view = self.view;
        let (state, run) = (view.engine.state().node(node), view.record.summary.run_id.as_str());
        let Some(report) = view.landing.as_ref().filter(|_| state.was_collected || state.reused) else {
            return Vec::new();
        };
        match view.cause(node) {
            Some("merge_conflict") => conflict(report, (view.engine.graph().name(node), run)),
            Some("refused") => refused_by(view.stand(), node)
                .map(|by| vec![format!("refused by {}", escape(by)), format!("next: regatta retry {run}")])
                .unwrap_or_default(),
            None if matches!(view.engine.explain(node), Why::Collected)
                && refused_by(view.stand(), node).is_none() =>
            {
                waits(report, Some(view.engine.graph().name(node)))
            }
            Some("gate") => gates(report, (view.engine.graph().name(node), run)),
            Some("upstream") => {
                let above = &self.above.get_or_init(|| above(view))[node.index()];
                because(view, "its work contains that of", above)
            }
            Some("not_landed") => {
                let blamed = || view.engine.shown().filter(|other| is_to_blame(view, *other));
                let all = self.all.get_or_init(|| blamed().take(MAX_NAMED + 1).collect());
                because(view, "nothing lands because of", all)
            }
            _ => Vec::new(),
        }
    }
}

/// What landing waits for, with the conflict of one task, or of all: a person, and the command that goes on.
#[must_use]
pub fn waits(report: &Report, task: Option<&str>) -> Vec<String> {
    let Some((what, command)) = &report.waits else { return Vec::new() };
    let mut said = vec![format!("landing waits: {}", escape(what))];
    let asked = |met: &&Conflict| met.resolved.is_empty() && task.is_none_or(|task| met.task == task);
    let met = || report.conflicts.iter().filter(asked);
    let named = met().take(MAX_NAMED);
    said.extend(named.map(|met| format!("conflict of {} {}", escape(&met.task), where_it_is(met))));
    if let more @ 1.. = met().count().saturating_sub(MAX_NAMED) {
        said.push(format!("and {more} more in conflict"));
    }
    said.push(format!("next: {}", escape(command)));
    said
}

fn conflict(report: &Report, (task, run): (&str, &str)) -> Vec<String> {
    let met = report.conflicts.iter().rev().find(|met| met.task == task && met.resolved.is_empty());
    let mut said = Vec::new();
    if let Some(met) = met {
        said.push(format!("conflict {}", where_it_is(met)));
        if let Some(failed) = &met.failed {
            said.push(format!("the rule `{}` failed: {}", escape(&failed.run), escape(&failed.said)));
            said.push(format!("next: {}", log_of(run, &failed.run)));
        }
    }
    said.push(format!("next: regatta merge {run} --dry-run"));
    said
}

fn gates(report: &Report, (task, run): (&str, &str)) -> Vec<String> {
    let (red, tries) = report.against(task);
    let mut said = Vec::new();
    for gate in red {
        said.push(format!("gate {} was red: {}", escape(&gate.gate), escape(&gate.said)));
        if gate.log.is_some() {
            said.push(format!("next: {}", log_of(run, &gate.id)));
        }
    }
    for tried in tries {
        let (agent, words) = (escape(&tried.agent), escape(tried.said.lines().next().unwrap_or_default()));
        said.push(format!("helper {}, agent {agent}, was to mend it: {words}", tried.number));
        said.push(format!("next: regatta logs --run {run} --helper {}", tried.number));
    }
    said
}

/// Whether a task did not end well by itself, or its own work did not fit.
fn is_to_blame(view: &RunView, node: NodeId) -> bool {
    let well = [None, Some(NodeOutcome::Succeeded), Some(NodeOutcome::Skipped)];
    let outcome = view.engine.state().node(node).outcome();
    !well.contains(&outcome) && !matches!(view.cause(node), Some("not_landed" | "upstream"))
}

/// The nearest tasks above each one that are to blame, as many of them as matter.
fn above(view: &RunView) -> Vec<Vec<NodeId>> {
    let graph = view.engine.graph();
    let mut above: Vec<Vec<NodeId>> = vec![Vec::new(); graph.len()];
    // Each comes after what it needs.
    for &node in graph.order() {
        let mut found = BTreeSet::new();
        for pred in graph.preds(node) {
            match is_to_blame(view, pred) {
                true => found.extend([pred]),
                false => found.extend(&above[pred.index()]),
            }
            while found.len() > MAX_NAMED + 1 {
                found.pop_last();
            }
        }
        above[node.index()] = found.into_iter().collect();
    }
    above
}

fn because(view: &RunView, words: &str, blamed: &[NodeId]) -> Vec<String> {
    let (graph, run) = (view.engine.graph(), view.record.summary.run_id.as_str());
    let Some(first) = blamed.first() else { return Vec::new() };
    let named = |node: &NodeId| {
        let cause = view.cause(*node).map_or_else(String::new, |cause| format!(" ({cause})"));
        format!("{}{cause}", escape(graph.name(*node)))
    };
    let some: Vec<String> = blamed.iter().take(MAX_NAMED).map(named).collect();
    let more = if blamed.len() > MAX_NAMED { " and more" } else { "" };
    vec![
        format!("{words} {}{more}", some.join(", ")),
        format!("next: regatta explain --run {run} {}", shell_word(graph.name(*first))),
    ]
}
