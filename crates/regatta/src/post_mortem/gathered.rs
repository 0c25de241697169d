//! What a post-mortem needs of the events beyond what every view has: moments, attempts by how they ended, breakers,
//! holds.
//!
//! A view; judges nothing.

use regatta_engine::cause::Cause;
use regatta_engine::event::EventKind;
use regatta_engine::graph::Graph;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::outcome::{AttemptOutcome, NodeOutcome};
use regatta_engine::scope::Scope;
use regatta_journal::StoredEvent;
use std::collections::{BTreeMap, BTreeSet};

/// Tasks that are named one by one.
const MAX_NAMED: usize = 20;

/// What is known of a task.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// How many attempts ended in each way, in the order of [`AttemptOutcome::ALL`].
    pub(super) attempts: [u32; AttemptOutcome::ALL.len()],
    /// Milliseconds of attempts that did not succeed.
    pub(super) wasted_ms: u64,
    /// How it ended.
    pub(super) outcome: Option<NodeOutcome>,
    /// A person settled a doubt.
    pub(super) answered: bool,
    /// Why the last attempt that did not succeed ended so.
    pub(super) cause: Option<Cause>,
    /// The last attempt, and which streams it wrote.
    last: Option<(AttemptId, bool, bool)>,
}

impl Told {
    /// Attempts that ended in this way.
    pub(super) fn count(&self, outcome: AttemptOutcome) -> u32 {
        self.attempts[outcome as usize]
    }

    /// Attempts that did not succeed.
    pub(super) fn unwell(&self) -> u32 {
        self.attempts.iter().sum::<u32>() - self.count(AttemptOutcome::Succeeded)
    }
}

/// What is known of an agent, a tool or a tag.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rests {
    /// How often its breaker opened.
    pub(super) openings: u32,
    /// Its breaker is closed again.
    pub(super) closed: bool,
    /// How many rate limits held it.
    pub(super) holds: u32,
}

/// What a post-mortem needs of the events.
#[derive(Debug, Default)]
pub struct Gathered {
    /// When the run began, in milliseconds since the Unix epoch.
    pub started_wall_ms: Option<u64>,
    /// When it ended.
    pub ended_wall_ms: Option<u64>,
    /// How often an orchestrator took it over, or a pause was lifted.
    pub resumed: u32,
    pub(super) tasks: BTreeMap<NodeId, Told>,
    pub(super) scopes: BTreeMap<Scope, Rests>,
    undos: BTreeSet<AttemptId>,
}

impl Gathered {
    /// Takes the next event.
    pub fn push(&mut self, stored: &StoredEvent) {
        match &stored.event.kind {
            EventKind::RunStarted { .. } => self.started_wall_ms = Some(stored.wall_ms),
            EventKind::RunEnded { .. } => self.ended_wall_ms = Some(stored.wall_ms),
            EventKind::RunResumed { .. } => self.resumed += 1,
            EventKind::UndoStarted { attempt, .. } => {
                self.undos.insert(*attempt);
            }
            EventKind::DispatchEnded { attempt, .. } if !self.undos.contains(attempt) => {
                self.attempt(&stored.event.kind);
            }
            EventKind::NodeEnded { node, outcome, .. } => {
                self.tasks.entry(*node).or_default().outcome = Some(*outcome);
            }
            EventKind::Answered { node, by_person: true, .. } => {
                self.tasks.entry(*node).or_default().answered = true;
            }
            EventKind::BreakerOpened { scope, .. } => {
                let rests = self.scopes.entry(*scope).or_default();
                (rests.openings, rests.closed) = (rests.openings + 1, false);
            }
            EventKind::BreakerClosed(scope) => self.scopes.entry(*scope).or_default().closed = true,
            EventKind::HoldStarted(scope, _) => self.scopes.entry(*scope).or_default().holds += 1,
            _ => {}
        }
    }

    fn attempt(&mut self, kind: &EventKind) {
        let EventKind::DispatchEnded { node, attempt, outcome, cause, duration_ms, report, .. } = kind else {
            return;
        };
        let told = self.tasks.entry(*node).or_default();
        told.attempts[*outcome as usize] += 1;
        if *outcome != AttemptOutcome::Succeeded {
            told.wasted_ms += duration_ms;
            told.cause = *cause;
        }
        let wrote = |stream: Option<regatta_engine::report::Digest>| stream.is_some_and(|d| d.bytes > 0);
        told.last = Some((*attempt, wrote(report.stdout), wrote(report.stderr)));
    }

    /// Sentences about what went as it should.
    pub(super) fn worked_well(&self, graph: &Graph) -> Vec<String> {
        let good = |told: &&Told| told.outcome == Some(NodeOutcome::Succeeded);
        let at_once = self.tasks.values().filter(good).filter(|told| told.unwell() == 0).count();
        let mut found = Vec::new();
        if at_once > 0 {
            found.push(format!("{at_once} of {} tasks succeeded at the first attempt.", graph.len()));
        }
        let again = self.tasks.iter().filter(|(_, told)| good(told) && told.unwell() > 0);
        let names: Vec<&str> = again.map(|(node, _)| graph.name(*node)).collect();
        if !names.is_empty() {
            let shown = names[..names.len().min(MAX_NAMED)].join(", ");
            let more = names.len().saturating_sub(MAX_NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            found.push(format!("Succeeded after further attempts: {shown}{more}."));
        }
        let closed = self.scopes.iter().filter(|(_, rests)| rests.openings > 0 && rests.closed);
        found.extend(
            closed.map(|(scope, _)| format!("The breaker of {} closed again.", super::plain(graph, *scope))),
        );
        found
    }

    /// What the last attempt of each task wrote: `7/stdout`.
    pub(super) fn outputs(&self, graph: &Graph) -> impl Iterator<Item = String> {
        let mut last: Vec<(u32, &Told)> =
            self.tasks.iter().map(|(node, told)| (graph.facts(*node).pos, told)).collect();
        last.sort_by_key(|(pos, _)| *pos);
        let paths = last.into_iter().filter_map(|(_, told)| told.last).flat_map(|(attempt, out, err)| {
            let path = |wrote: bool, name| wrote.then(|| format!("{attempt}/{name}"));
            [path(out, "stdout"), path(err, "stderr")].into_iter().flatten()
        });
        paths.collect::<Vec<_>>().into_iter()
    }
}
