//! Attempts that work in a worktree of their own, from the order to start to the judgement.
//!
//! ```text
//! Start -> Making -> Setup -> Working -> Collecting -> Verifying -> judged
//!          a worker  keeper    keeper     a worker      keeper
//! ```
//! What the stages are is forgotten when an orchestrator dies; the next one begins
//! again where the keeper stands, and each stage may be done twice. Knows no driver.

use crate::action::Site;
use crate::collect;
use crate::git::{Oid, Repo, RepoError};
use crate::judge::Job;
use crate::keeper;
use crate::landing::{Cargo, Piece};
use crate::redact::Raw;
use crate::run_error::RunError;
use crate::yard::{Collected, Done, Ground, Names, TASK_DIR, Workers};
use regatta_engine::event::{Event, EventKind};
use regatta_engine::graph::Graph;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::outcome::AttemptOutcome;
use regatta_plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The first port that worktrees get; each task has its own.
const FIRST_PORT: usize = 20_000;
/// So many ports there are.
const PORTS: usize = 20_000;

/// Where an attempt stands.
pub(crate) enum Stage {
    /// Its worktree is being made.
    Making,
    /// Command `n` of `setup` runs.
    Setup(u8),
    /// It works.
    Working,
    /// It has ended, and what it left is being collected.
    Collecting(Box<Kept>),
    /// Command `n` of its `verify` runs.
    Verifying(u8, Box<(Kept, Collected)>),
}

/// An end that is not judged yet.
pub(crate) struct Kept {
    pub(crate) job: Job,
    pub(crate) ended: keeper::Ended,
    pub(crate) streams: [Option<Raw>; 2],
}

/// An attempt under way.
pub(crate) struct InFlight {
    pub(crate) node: NodeId,
    pub(crate) number: u32,
    pub(crate) stage: Stage,
    /// Until it works: what it will be.
    pub(crate) job: Option<Job>,
    pub(crate) base: Option<Oid>,
    /// It is to end; what was not started is not started any more.
    pub(crate) ending: bool,
}

/// Everything about worktrees that the driver knows.
pub(crate) struct Apart {
    pub(crate) workers: Workers,
    pub(crate) plan: Arc<Plan>,
    pub(crate) graph: Arc<Graph>,
    /// The place of each node in merge order.
    pub(crate) rank: Vec<usize>,
    /// What good attempts left.
    heads: BTreeMap<NodeId, Oid>,
    /// Where they began.
    bases: BTreeMap<NodeId, Oid>,
    /// Nodes whose work waits for landing.
    pub(crate) collected: BTreeSet<NodeId>,
    /// A node did not come to a good end.
    pub(crate) incomplete: bool,
    pub(crate) in_flight: BTreeMap<AttemptId, InFlight>,
}

/// The worktrees of a run, if its plan has any. The commit that it begins from is pinned the first time.
///
/// # Errors
/// No worktrees can be made here.
pub(crate) fn of_run(
    (plan, graph): (&Arc<Plan>, &Arc<Graph>),
    (workspace, run_dir, run_id): (&Path, &Path, &str),
    tell: Arc<dyn Fn(Done) + Send + Sync>,
) -> Result<Option<Apart>, RunError> {
    let Some(rules) = plan.worktrees.clone() else { return Ok(None) };
    let repo = Repo::find(workspace)?;
    let pin = Names::of(run_id).pinned();
    let pinned = match repo.git.commit(&pin).map_err(RepoError::Git)? {
        Some(pinned) => pinned,
        None => {
            let base = repo.commit(&rules.base)?;
            repo.git.update_ref(&pin, (None, Some(&base))).map_err(RepoError::Git)?;
            base
        }
    };
    let failed = |source| RunError::Directory { path: workspace.join(&rules.dir), source };
    let ground = Ground::of((repo, pinned), (workspace, run_dir, run_id), rules.clone());
    let workers = Workers::start(Arc::new(ground.map_err(failed)?), tell);
    Ok(Some(Apart::new(workers, Arc::clone(plan), Arc::clone(graph))))
}

impl Apart {
    /// Nothing under way.
    pub(crate) fn new(workers: Workers, plan: Arc<Plan>, graph: Arc<Graph>) -> Apart {
        let mut rank = vec![0; graph.len()];
        for (i, node) in crate::merge_order::merge_order(&plan, &graph).into_iter().enumerate() {
            rank[node.index()] = i;
        }
        Apart {
            workers,
            plan,
            graph,
            rank,
            heads: BTreeMap::new(),
            bases: BTreeMap::new(),
            collected: BTreeSet::new(),
            incomplete: false,
            in_flight: BTreeMap::new(),
        }
    }

    /// Takes note of what an attempt left.
    pub(crate) fn absorb(&mut self, event: &Event) {
        let (node, report) = match &event.kind {
            EventKind::DispatchEnded { node, outcome: AttemptOutcome::Succeeded, report, .. } => {
                (node, &**report)
            }
            EventKind::NodeReused { node, reused, .. } => (node, &reused.report),
            EventKind::NodeCollected { node, .. } => {
                self.collected.insert(*node);
                return;
            }
            EventKind::NodeEnded { node, outcome, .. } => {
                self.incomplete |= !self.collected.remove(node) && outcome.blocks();
                return;
            }
            _ => return,
        };
        let Some(work) = &report.work else { return };
        if let Some((base, head)) = Oid::parse(&work.base).zip(Oid::parse(&work.head)) {
            self.heads.insert(*node, head);
            self.bases.insert(*node, base);
        }
    }

    /// Where a node's work began, and what it left.
    pub(crate) fn work(&self, node: NodeId) -> Option<(Oid, Oid)> {
        Some((self.bases.get(&node)?.clone(), self.heads.get(&node)?.clone()))
    }

    /// Whether a node works in a worktree.
    pub(crate) fn has(&self, node: NodeId) -> bool {
        self.plan.tasks.get(node.index()).is_some_and(|task| task.worktree.is_some())
    }

    /// What the predecessors of a node left, in merge order. A node without a worktree hands on what it was handed.
    pub(crate) fn handed(&self, node: NodeId) -> Vec<(String, Oid)> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![node]);
        let mut found: Vec<NodeId> = Vec::new();
        while let Some(at) = open.pop() {
            for pred in self.graph.preds(at).filter(|pred| seen.insert(*pred)) {
                if self.heads.contains_key(&pred) { found.push(pred) } else { open.push(pred) }
            }
        }
        found.sort_by_key(|node| self.rank[node.index()]);
        found.into_iter().map(|node| (self.graph.name(node).to_owned(), self.heads[&node].clone())).collect()
    }

    pub(crate) fn site(&self, node: NodeId) -> Site {
        let (task, ground) = (&self.plan.tasks[node.index()], self.workers.ground());
        let path = ground.path(&task.id);
        let mut vars = ground.variables(task.action.agent());
        vars.push(("REGATTA_WORKTREE".to_owned(), path.to_string_lossy().into_owned()));
        let port = (FIRST_PORT + node.index() % PORTS).to_string();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for (key, text) in &ground.rules.env {
            let text = text.replace("${worktree.port}", &port).replace("${worktree.name}", &name);
            vars.push((key.clone(), text.replace("${worktree.path}", &path.to_string_lossy())));
        }
        Site { result: path.join(TASK_DIR).join(collect::RESULT), path, vars }
    }

    /// Attempts that are neither to be started nor to be asked of the keeper.
    pub(crate) fn under_way(&self) -> Vec<u64> {
        self.in_flight.keys().map(|attempt| attempt.0).collect()
    }
}

impl Apart {
    /// What is to land, in merge order.
    pub(crate) fn cargo(&self) -> Cargo {
        let mut pieces: Vec<(usize, Piece)> = Vec::new();
        for node in self.collected.iter().copied() {
            let Some((base, head)) = self.work(node) else { continue };
            let task = &self.plan.tasks[node.index()];
            let piece = Piece {
                node,
                task: task.id.clone(),
                title: task.title.clone(),
                role: task.role.clone(),
                base,
                head,
                ancestors: self.ancestors(node),
            };
            pieces.push((self.rank[node.index()], piece));
        }
        pieces.sort_by_key(|(rank, _)| *rank);
        Cargo { pieces: pieces.into_iter().map(|(_, piece)| piece).collect(), incomplete: self.incomplete }
    }

    fn ancestors(&self, node: NodeId) -> BTreeSet<String> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![node]);
        while let Some(at) = open.pop() {
            open.extend(self.graph.preds(at).filter(|pred| seen.insert(*pred)));
        }
        seen.into_iter().map(|node| self.graph.name(node).to_owned()).collect()
    }
}
