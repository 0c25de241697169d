//! What a person is told about an escalation: two files beside the run, one to read and one for programs.
//! ```text
//! events --absorb--> Story (attempts that did not end well)  --Case::of--> Case --files--> <task>.md, <task>.json
//! ```
//! Made of the journal and the outputs alone, so whoever folds the same events writes the same files. Knows no engine
//! beyond its graph and events.

mod files;
mod markdown;
mod remedies;
mod story;

pub use files::{file_stem, write, write_missing};
pub use remedies::{Remedy, remedies, shell_text, shell_word};
pub use story::{Story, Tried};

use crate::landing::Report as Landing;
use regatta_engine::cause::Cause;
use regatta_engine::escalation::Escalation;
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::scope::Scope;
use regatta_plan::Plan;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// Version of the files.
const VERSION: u32 = 1;
/// Tasks that are named one by one.
const MAX_NAMED: usize = 100;
/// Tasks that are looked for at most.
const MAX_COUNTED: usize = 10_000;

/// The run that an escalation belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Its id.
    pub run_id: &'a str,
    /// Its directory.
    pub run_dir: &'a Path,
    /// Its plan.
    pub plan: &'a Plan,
    /// Its graph.
    pub graph: &'a Graph,
}

/// An escalation as it is told. Text of tasks is as they wrote it; who shows it escapes it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Case {
    version: u32,
    run_id: String,
    /// `task`, or `agent`, `tool`, `tag` for a breaker.
    about: &'static str,
    /// Its name.
    name: String,
    /// The title of the task.
    title: Option<String>,
    /// What a person is asked by a gate, which is not the outcome of anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<String>,
    class: &'static str,
    /// The code of the cause.
    cause: &'static str,
    /// Engine time in milliseconds.
    at_ms: u64,
    /// The last attempts that did not end well, oldest first.
    attempts: Vec<Tried>,
    /// How many there were in all.
    attempts_in_all: u32,
    /// What was said where its work was merged: red gates, and agents that were to mend that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    merging: Vec<String>,
    /// The last lines of the last attempt.
    output: Option<Output>,
    /// What waits for it.
    blocks: Vec<String>,
    /// How many tasks do; no more than 10,000 are counted.
    blocks_in_all: usize,
    remedies: Vec<Remedy>,
}

/// The last lines that an attempt wrote.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Output {
    /// `stderr`, or `stdout` if that is empty.
    stream: &'static str,
    lines: Vec<String>,
}

impl Case {
    /// What there is to tell about an escalation.
    #[must_use]
    pub fn of(run: Run<'_>, story: &Story, (about, escalation): (Scope, Escalation)) -> Case {
        let (attempts, attempts_in_all) = story.attempts(run.graph, about);
        let mut waiting = match about {
            Scope::Node(node) => descendants(run.graph, node),
            Scope::Agent(_) | Scope::Tool(_) | Scope::Tag(_) => story.open(run.graph, about, MAX_COUNTED),
        };
        waiting.retain(|node| story.is_shown(run.graph, *node));
        let name = |node: &NodeId| run.graph.name(*node).to_owned();
        let of_landing = matches!(about, Scope::Node(_)) && escalation.cause == Cause::Gate;
        let landing = of_landing.then(|| Landing::read(run.run_dir)).flatten();
        let named = about.name(run.graph).unwrap_or_default();
        Case {
            merging: landing.as_ref().map(|landing| merging(landing, named)).unwrap_or_default(),
            version: VERSION,
            run_id: run.run_id.to_owned(),
            about: about.kind(),
            name: named.to_owned(),
            title: about.node().and_then(|node| run.plan.tasks.get(node.index())?.title.clone()),
            question: about.node().and_then(|node| Some(run.graph.asked(node)?.words())),
            class: escalation.class.name(),
            cause: escalation.cause.code(),
            at_ms: escalation.at.0,
            output: attempts.last().and_then(|last| files::tail(run.run_dir, last)),
            attempts,
            attempts_in_all,
            blocks: waiting.iter().take(MAX_NAMED).map(name).collect(),
            blocks_in_all: waiting.len(),
            remedies: remedies((run.run_id, landing.as_ref()), run.graph, (about, escalation.cause)),
        }
    }
}

/// What gates and helpers said of the work of a task where it was merged, oldest first.
fn merging(landing: &Landing, task: &str) -> Vec<String> {
    let (gates, tries) = landing.against(task);
    let gates = gates.iter().map(|red| format!("gate {} was red: {}", red.gate, red.said));
    let tries = tries.iter().map(|tried| {
        format!("helper {}, agent {}, was to mend it: {}", tried.number, tried.agent, tried.said)
    });
    gates.chain(tries).collect()
}

/// Everything that needs a node, directly or not, in order key; a worklist, never recursion.
fn descendants(graph: &Graph, node: NodeId) -> Vec<NodeId> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![node]);
    while let Some(next) = open.pop() {
        for after in graph.succs(next) {
            if seen.len() < MAX_COUNTED && seen.insert(after) {
                open.push(after);
            }
        }
    }
    let mut found: Vec<NodeId> = seen.into_iter().collect();
    found.sort_unstable_by_key(|&n| graph.facts(n).pos);
    found
}
