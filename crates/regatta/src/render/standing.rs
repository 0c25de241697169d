//! Where a run stands, task by task, and what a person must look at: the middle of `status`.
//!
//! The same text whether it is made from the journal or by the orchestrator that is asked for it.

use super::{escalations, questions, summary, why};
use crate::view::{Failure, Stand, note, warn};
use regatta_engine::Engine;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::ids::NodeId;
use regatta_engine::input::Reused;
use std::collections::BTreeMap;

/// Tasks that are listed.
const MAX_LISTED: usize = 200;

/// States of tasks, those that a person looks for first.
const STATES: [&[&str]; 6] = [
    &["failed", "timed_out", "exhausted"],
    &["in_doubt"],
    &["waiting_retry", "ready"],
    &["running", "collected"],
    &["blocked", "cancelled", "skipped"],
    &["pending"],
];

/// A line for each task. Where there are too many for that: how many are in each state, and lines of those that a person
/// looks for first.
#[must_use]
pub fn tasks(stand: Stand<'_>) -> String {
    let graph = stand.engine.graph();
    let (mut text, mut listed) = (String::new(), stand.engine.shown().take(MAX_LISTED).collect::<Vec<_>>());
    let all = stand.engine.state().shown() as usize;
    if all > MAX_LISTED {
        (text, listed) = first_of_many(stand);
    }
    let width = listed.iter().map(|&n| graph.name(n).len()).max().unwrap_or(0);
    for node in listed {
        let why = why::of(stand, node);
        let state = stand.engine.state().node(node).state_name();
        let why = if why == state { String::new() } else { why };
        let line = format!("  {:width$}  {state:<13}  {why}", graph.name(node));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if all > MAX_LISTED {
        text.push_str(&format!("  … and {} more\n", all - MAX_LISTED));
    }
    text
}

/// How many tasks are in each state, and those that are listed, by their states and then in order.
fn first_of_many(stand: Stand<'_>) -> (String, Vec<NodeId>) {
    let mut found: [Vec<NodeId>; STATES.len() + 1] = Default::default();
    let mut counts: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    for node in stand.engine.shown() {
        let state = stand.engine.state().node(node).state_name();
        let rank = rank(state);
        *counts.entry((rank, state)).or_insert(0) += 1;
        if found[rank].len() < MAX_LISTED {
            found[rank].push(node);
        }
    }
    let counts: Vec<String> = counts.iter().map(|((_, state), n)| format!("{n} {state}")).collect();
    let listed = found.into_iter().flatten().take(MAX_LISTED).collect();
    (format!("  {}\n", counts.join(", ")), listed)
}

/// How soon a person looks for a task in that state.
#[must_use]
pub fn rank(state: &str) -> usize {
    STATES.iter().position(|some| some.contains(&state)).unwrap_or(STATES.len())
}

/// What an orchestrator remembers of its run, beside the engine, to say where it stands.
#[derive(Debug)]
pub struct Standing {
    run_id: String,
    failures: BTreeMap<NodeId, Failure>,
    reused: BTreeMap<NodeId, Box<Reused>>,
    warnings: BTreeMap<NodeId, Box<str>>,
}

impl Standing {
    /// Of a run that has not begun.
    #[must_use]
    pub fn new(run_id: &str) -> Standing {
        Standing {
            run_id: run_id.to_owned(),
            failures: BTreeMap::new(),
            reused: BTreeMap::new(),
            warnings: BTreeMap::new(),
        }
    }

    /// Takes durable events, all of them from the first.
    pub fn take(&mut self, events: &[Event]) {
        for event in events {
            note(&mut self.failures, &event.kind);
            warn(&mut self.warnings, &event.kind);
            if let EventKind::NodeReused { node, reused, .. } = &event.kind {
                self.reused.insert(*node, reused.clone());
            }
        }
    }

    /// The text between head and end of `status`.
    #[must_use]
    pub fn text(&self, engine: &Engine) -> String {
        let Standing { run_id, failures, reused, warnings } = self;
        // Work is refused while nobody has the run, and who takes that up has not seen it from its beginning.
        let refused = &BTreeMap::new();
        let stand = Stand { engine, failures, reused, refused, run_id, landing: None, held: true };
        tasks(stand)
            + &questions::text(stand)
            + &escalations::below_questions(stand)
            + &summary::warnings(engine, warnings)
    }
}
