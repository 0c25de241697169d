//! What the tasks of a run left, as its events say: where each began, what it left, and what of that waits to land.
//!
//! Folded from events, by whoever orchestrates and by whoever only looks. Knows no git.

use crate::git::Oid;
use crate::merge_order::merge_order;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::input::Batch;
use regatta_engine::outcome::AttemptOutcome;
use regatta_plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A task whose work is to land.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Its node.
    pub node: NodeId,
    /// Its id.
    pub task: String,
    /// Its title.
    pub title: Option<String>,
    /// Its role.
    pub role: Option<String>,
    /// Where its work began.
    pub base: Oid,
    /// What it left.
    pub head: Oid,
    /// Tasks whose work it contains.
    pub ancestors: BTreeSet<String>,
}

/// What is to land.
#[derive(Clone, Debug)]
pub struct Cargo {
    /// The pieces, in merge order.
    pub pieces: Vec<Piece>,
    /// A task of the run did not come to a good end.
    pub incomplete: bool,
}

/// What was left so far.
#[derive(Debug)]
pub struct Works {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its graph.
    pub graph: Arc<Graph>,
    /// The place of each node in merge order.
    rank: Vec<usize>,
    /// Where good attempts began, and what they left.
    left: BTreeMap<NodeId, (Oid, Oid)>,
    /// Nodes whose work waits for landing.
    pub collected: BTreeSet<NodeId>,
    /// Pairs whose conflict was told.
    told: BTreeSet<(NodeId, NodeId)>,
    /// Batches of merges of which it was told what they came to, each with the commit.
    tested: BTreeSet<(Box<[NodeId]>, Box<str>)>,
    /// A node did not come to a good end.
    incomplete: bool,
}

impl Works {
    /// Nothing yet.
    #[must_use]
    pub fn new(plan: Arc<Plan>, graph: Arc<Graph>) -> Works {
        let mut rank = vec![0; graph.len()];
        for (i, node) in merge_order(&plan, &graph).into_iter().enumerate() {
            rank[node.index()] = i;
        }
        let (left, collected) = (BTreeMap::new(), BTreeSet::new());
        Works {
            plan,
            graph,
            rank,
            left,
            collected,
            told: BTreeSet::new(),
            tested: BTreeSet::new(),
            incomplete: false,
        }
    }

    /// Takes note of what an attempt left.
    pub fn absorb(&mut self, event: &Event) {
        let (node, report) = match &event.kind {
            EventKind::DispatchEnded { node, outcome: AttemptOutcome::Succeeded, report, .. } => {
                (node, &**report)
            }
            EventKind::NodeReused { node, reused, .. } => {
                if self.graph.policy(*node).collects {
                    self.collected.insert(*node);
                }
                (node, &reused.report)
            }
            EventKind::NodeCollected { node, .. } => {
                self.collected.insert(*node);
                return;
            }
            EventKind::ConflictPredicted(node, with, _) => {
                self.told.insert((*node, *with));
                return;
            }
            EventKind::BatchTested(batch) => {
                self.tested.insert((batch.nodes.clone(), batch.tip.clone()));
                return;
            }
            EventKind::NodeEnded { node, outcome, .. } => {
                self.incomplete |= !self.collected.remove(node) && outcome.blocks();
                return;
            }
            _ => return,
        };
        // A gate hands on what it was handed: what is recorded of it is where it looked.
        let is_gate = self.plan.tasks.get(node.index()).is_some_and(|task| task.gate.is_some());
        let Some(work) = report.work.as_ref().filter(|_| !is_gate) else { return };
        if let Some(work) = Oid::parse(&work.base).zip(Oid::parse(&work.head)) {
            self.left.insert(*node, work);
        }
    }

    /// Where a node's work began, and what it left.
    #[must_use]
    pub fn of(&self, node: NodeId) -> Option<&(Oid, Oid)> {
        self.left.get(&node)
    }

    /// Whether nothing was left yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Two nodes, the one first that is merged first.
    #[must_use]
    pub fn in_merge_order(&self, a: NodeId, b: NodeId) -> (NodeId, NodeId) {
        if self.rank[a.index()] < self.rank[b.index()] { (a, b) } else { (b, a) }
    }

    /// Whether it was told what a batch of merges came to.
    #[must_use]
    pub fn has_tested(&self, batch: &Batch) -> bool {
        self.tested.contains(&(batch.nodes.clone(), batch.tip.clone()))
    }

    /// Whether it was told that what one node left conflicts with what another one left.
    #[must_use]
    pub fn has_told(&self, node: NodeId, with: NodeId) -> bool {
        self.told.contains(&(node, with))
    }

    /// What the predecessors of a node left, in merge order. A node without a worktree hands on what it was handed.
    #[must_use]
    pub fn handed(&self, node: NodeId) -> Vec<(String, Oid)> {
        let heads = self.handed_by(node).into_iter();
        heads.filter_map(|by| Some((self.graph.name(by).to_owned(), self.left.get(&by)?.1.clone()))).collect()
    }

    /// The same as pieces of work.
    #[must_use]
    pub fn handed_pieces(&self, node: NodeId) -> Vec<Piece> {
        self.handed_by(node).into_iter().filter_map(|by| self.piece(by)).collect()
    }

    /// The nodes whose work a node builds on directly, in merge order.
    fn handed_by(&self, node: NodeId) -> Vec<NodeId> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![node]);
        let mut found: Vec<(usize, NodeId)> = Vec::new();
        while let Some(at) = open.pop() {
            for pred in self.graph.preds(at).filter(|pred| seen.insert(*pred)) {
                if self.left.contains_key(&pred) {
                    found.push((self.rank[pred.index()], pred));
                } else {
                    open.push(pred);
                }
            }
        }
        found.sort_unstable();
        found.into_iter().map(|(_, node)| node).collect()
    }

    /// What is to land, in merge order.
    #[must_use]
    pub fn cargo(&self) -> Cargo {
        Cargo { pieces: self.pieces(|node| self.collected.contains(&node)), incomplete: self.incomplete }
    }

    /// Nodes that wait for landing and left nothing.
    pub fn bare(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.collected.iter().copied().filter(|node| !self.left.contains_key(node))
    }

    /// All that was left, landed or not, in merge order.
    #[must_use]
    pub fn all(&self) -> Cargo {
        Cargo { pieces: self.pieces(|_| true), incomplete: self.incomplete }
    }

    fn pieces(&self, wanted: impl Fn(NodeId) -> bool) -> Vec<Piece> {
        let mut nodes: Vec<NodeId> = self.left.keys().copied().filter(|node| wanted(*node)).collect();
        nodes.sort_by_key(|node| self.rank[node.index()]);
        nodes.into_iter().filter_map(|node| self.piece(node)).collect()
    }

    /// What a node left, as something to merge.
    #[must_use]
    pub fn piece(&self, node: NodeId) -> Option<Piece> {
        let ((base, head), task) = (self.left.get(&node)?.clone(), self.plan.tasks.get(node.index())?);
        let (id, title, role) = (task.id.clone(), task.title.clone(), task.role.clone());
        Some(Piece { node, task: id, title, role, base, head, ancestors: self.ancestors(node) })
    }

    fn ancestors(&self, node: NodeId) -> BTreeSet<String> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![node]);
        while let Some(at) = open.pop() {
            open.extend(self.graph.preds(at).filter(|pred| seen.insert(*pred)));
        }
        seen.into_iter().map(|node| self.graph.name(node).to_owned()).collect()
    }
}
