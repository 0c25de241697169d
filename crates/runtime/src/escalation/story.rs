//! The attempts that did not end well, as the events tell them. A view; keeps a few for each task.
//!
//! Knows no file.

use regatta_engine::cause::Cause;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::graph::Graph;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::input::Expansion;
use regatta_engine::outcome::{AttemptOutcome, NodeOutcome};
use regatta_engine::scope::Scope;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Attempts that are kept for each task, and told.
const MAX_TOLD: usize = 10;

/// An attempt that did not end well.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Tried {
    /// The task.
    pub task: String,
    /// Its number; one that did not count has the number that was given again.
    pub number: u32,
    /// Its id, which names its directory.
    pub attempt_id: u64,
    /// How it ended.
    pub outcome: &'static str,
    /// Why.
    pub cause: Option<&'static str>,
    /// Exit code.
    pub exit: Option<i32>,
    /// Signal.
    pub signal: Option<i32>,
    /// How long it took.
    pub duration_ms: u64,
    /// What was said about it.
    pub message: Option<String>,
}

/// The attempts of a run that did not end well.
#[derive(Debug, Default)]
pub struct Story {
    tried: BTreeMap<NodeId, (VecDeque<Tried>, u32)>,
    undos: BTreeSet<AttemptId>,
    /// Nodes that have ended, by index.
    ended: Vec<bool>,
    /// How many items a map has, once that was found.
    items: BTreeMap<u32, u32>,
}

impl Story {
    /// Takes the next event.
    pub fn absorb(&mut self, graph: &Graph, event: &Event) {
        match &event.kind {
            EventKind::UndoStarted { attempt, .. } => {
                self.undos.insert(*attempt);
            }
            EventKind::DispatchEnded { node, attempt, outcome, .. }
                if *outcome != AttemptOutcome::Succeeded && !self.undos.contains(attempt) =>
            {
                let (kept, all) = self.tried.entry(*node).or_default();
                kept.extend(tried(graph, &event.kind));
                *all += 1;
                if kept.len() > MAX_TOLD {
                    kept.pop_front();
                }
            }
            EventKind::NodeExpanded(node, answer) => {
                let items = match answer {
                    Expansion::Items(items) => *items,
                    Expansion::Error(_) => 1,
                };
                self.items.extend(graph.slot(*node).map(|slot| (slot.map, items)));
            }
            EventKind::NodeEnded { node, outcome, .. } => {
                if self.ended.len() <= node.index() {
                    self.ended.resize(node.index() + 1, false);
                }
                self.ended[node.index()] = true;
                if *outcome == NodeOutcome::Succeeded {
                    self.tried.remove(node);
                }
            }
            _ => {}
        }
    }

    /// The last attempt of a node that did not end well.
    #[must_use]
    pub fn last(&self, node: NodeId) -> Option<&Tried> {
        self.tried.get(&node)?.0.back()
    }

    /// The last attempts of a task, or of all that shares a breaker, oldest first; and how many there were.
    pub(super) fn attempts(&self, graph: &Graph, about: Scope) -> (Vec<Tried>, u32) {
        let concerns = |node: NodeId| about == Scope::Node(node) || graph.scopes(node).any(|s| s == about);
        let all = self.tried.iter().filter(|(node, _)| concerns(**node)).map(|(_, tried)| tried);
        let (mut found, mut count) = (Vec::new(), 0);
        for (kept, of_node) in all {
            found.extend(kept.iter().cloned());
            count += of_node;
        }
        found.sort_by_key(|tried| tried.attempt_id);
        let last = found.split_off(found.len().saturating_sub(MAX_TOLD));
        (last, count)
    }

    /// What people see: of a map the items that there are; until that is known its first slot stands for all.
    pub(super) fn is_shown(&self, graph: &Graph, node: NodeId) -> bool {
        let slot = graph.slot(node);
        slot.is_none_or(|slot| slot.index < self.items.get(&slot.map).copied().unwrap_or(1))
    }

    /// Tasks of a scope that have not ended, in order key.
    pub(super) fn open(&self, graph: &Graph, scope: Scope, most: usize) -> Vec<NodeId> {
        let ended = |node: &NodeId| self.ended.get(node.index()).copied().unwrap_or(false);
        let open = graph.order().iter().copied().filter(|node| !ended(node) && self.is_shown(graph, *node));
        open.filter(|&node| graph.scopes(node).any(|s| s == scope)).take(most).collect()
    }
}

fn tried(graph: &Graph, kind: &EventKind) -> Option<Tried> {
    let EventKind::DispatchEnded { node, attempt, number, outcome, cause, duration_ms, report } = kind else {
        return None;
    };
    Some(Tried {
        task: graph.name(*node).to_owned(),
        number: *number,
        attempt_id: attempt.0,
        outcome: outcome.name(),
        cause: cause.map(Cause::code),
        exit: report.exit,
        signal: report.signal,
        duration_ms: *duration_ms,
        message: report.message.as_deref().map(str::to_owned),
    })
}
