//! What an earlier run left: of each task its outcome, its facts and the place of its files.
//!
//! A view over the earlier journal, which is verified as it is read. Decides nothing.

use super::selection::Fate;
use crate::collect;
use crate::git::{Git, GitError, Oid};
use crate::run_error::RunError;
use crate::told_plan::hidden;
use crate::workspace;
use crate::yard::Names;
use regatta_engine::cause::Cause;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::graph::Graph;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::input::Answer;
use regatta_engine::outcome::{AttemptOutcome, NodeOutcome};
use regatta_engine::report::{Digest, Report, Work};
use regatta_journal::{Reader, RunId, StoredEvent};
use regatta_plan::Plan;
use regatta_plan::model::Task;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The outcome of good work.
#[derive(Clone, Debug)]
pub(super) struct Done {
    /// The run that did it, and the attempt there.
    pub(super) run: String,
    pub(super) attempt: AttemptId,
    pub(super) duration_ms: u64,
    pub(super) report: Report,
    /// Where its output lies, and a result too large for the journal.
    pub(super) dir: PathBuf,
    pub(super) large_result: PathBuf,
    /// A person gave it to its task.
    pub(super) adopted: bool,
    /// The event that carries its result.
    pub(super) at: (RunId, u64),
}

impl Done {
    /// The content key of the work, if one was recorded.
    pub(super) fn key(&self) -> Option<[u8; 32]> {
        self.report.content.as_ref().map(|content| content.key)
    }

    /// The list of the files that it wrote.
    pub(super) fn files(&self) -> Option<Digest> {
        self.report.content.as_ref()?.files
    }

    /// The outcome that an event of `run` tells, if it tells one; `before` is what was known of the node.
    pub(super) fn of(
        stored: &StoredEvent,
        (run, run_dir): (&RunId, &Path),
        before: Option<&Done>,
    ) -> Option<Done> {
        let of_attempt = |attempt: AttemptId| {
            let dir = workspace::attempt_dir(run_dir, attempt.0);
            let (at, large_result) = ((run.clone(), stored.pos), dir.join(collect::LARGE_RESULT));
            let (duration_ms, report) = (0, Report::default());
            Done { run: run.to_string(), attempt, duration_ms, report, dir, large_result, adopted: false, at }
        };
        match &stored.event.kind {
            EventKind::DispatchEnded {
                attempt,
                outcome: AttemptOutcome::Succeeded,
                duration_ms,
                report,
                ..
            } => {
                let done = of_attempt(*attempt);
                Some(Done { duration_ms: *duration_ms, report: (**report).clone(), ..done })
            }
            EventKind::NodeReused { attempt, reused, .. } => {
                let dir = workspace::reused_dir(run_dir, attempt.0);
                let large_result = dir.join(collect::LARGE_RESULT);
                let done = Done { dir, large_result, ..of_attempt(reused.attempt) };
                let (duration_ms, report) = (reused.duration_ms, reused.report.clone());
                Some(Done { run: reused.run.to_string(), duration_ms, report, ..done })
            }
            EventKind::Answered { attempt, answer: Answer::Succeeded(result), by_person, .. } => {
                let mut done = before.cloned().unwrap_or_else(|| of_attempt(*attempt));
                done.report.result = *result;
                done.at = (run.clone(), stored.pos);
                if !by_person {
                    done.large_result =
                        workspace::reconcile_dir(run_dir, attempt.0).join(collect::LARGE_RESULT);
                }
                Some(done)
            }
            _ => None,
        }
    }
}

/// What became of a node of which an ended run tells nothing: of a slot of a map, that there was no item for it.
fn untold(graph: &Graph, node: NodeId) -> Fate {
    let (outcome, cause) = match graph.slot(node) {
        Some(_) => (NodeOutcome::Skipped, Some(Cause::When)),
        None => (NodeOutcome::Blocked, None),
    };
    Fate { outcome, cause, undone: false, collected: false, adopted: false }
}

/// An earlier run that has ended.
#[derive(Debug)]
pub struct Earlier {
    plan: Plan,
    /// The plan as it may be shown, if that is another.
    shown: Option<Plan>,
    /// Nothing in it is a secret that nobody can tell any more.
    all_known: bool,
    graph: Graph,
    fates: Vec<Fate>,
    /// The last attempt of each node that left work.
    tried: BTreeMap<NodeId, (AttemptId, Box<Work>)>,
    done: BTreeMap<NodeId, Done>,
    by_key: BTreeMap<[u8; 32], NodeId>,
}

impl Earlier {
    /// Reads a run.
    ///
    /// # Errors
    /// There is no such run, or its journal or plan cannot be read.
    pub fn load(reader: &Reader, run: &RunId) -> Result<Earlier, RunError> {
        let record = reader.run(run)?;
        let unreadable =
            |e: serde_json::Error| RunError::Earlier { run: run.to_string(), what: e.to_string() };
        let plan: Plan = serde_json::from_str(&record.run.plan).map_err(unreadable)?;
        let hidden = hidden(&record.run.flags).ok();
        let all_known = hidden.as_ref().is_some_and(|hidden| hidden.repeated(&record.run.plan).all_known);
        let shown = hidden.filter(|hidden| !hidden.is_empty());
        let shown = shown.map(|hidden| hidden.show(&record.run.plan)).transpose().map_err(unreadable)?;
        let graph = Graph::build(regatta_plan::lower(&plan).0)?;
        let mut earlier = Earlier {
            fates: (0..graph.len() as u32).map(|i| untold(&graph, NodeId(i))).collect(),
            done: BTreeMap::new(),
            tried: BTreeMap::new(),
            by_key: BTreeMap::new(),
            plan,
            shown,
            all_known,
            graph,
        };
        let run_dir = reader.place().run_dir(run);
        reader.fold(run, &mut |stored| {
            earlier.take(&stored, (run, &run_dir));
            Ok(())
        })?;
        earlier.index();
        Ok(earlier)
    }

    fn take(&mut self, stored: &StoredEvent, place: (&RunId, &Path)) {
        let Event { kind, .. } = &stored.event;
        let Some(node) = kind.node().filter(|n| n.index() < self.fates.len()) else { return };
        if let Some(done) = Done::of(stored, place, self.done.get(&node)) {
            self.done.insert(node, done);
        }
        let is_gate = self.plan.tasks[node.index()].gate.is_some();
        match kind {
            EventKind::NodeCollected { .. } => self.fates[node.index()].collected = true,
            EventKind::NodeReused { reused, .. } => {
                self.fates[node.index()].collected =
                    reused.report.work.is_some() && self.plan.merge.is_some() && !is_gate;
            }
            EventKind::DispatchEnded { attempt, report, .. } => {
                if let Some(work) = &report.work {
                    self.tried.insert(node, (*attempt, work.clone()));
                }
            }
            EventKind::NodeEnded { outcome, cause, .. } => {
                let fate = &mut self.fates[node.index()];
                (fate.outcome, fate.cause) = (*outcome, *cause);
            }
            EventKind::UndoStarted { .. } => self.fates[node.index()].undone = true,
            _ => {}
        }
    }

    fn index(&mut self) {
        let (fates, done) = (&self.fates, &mut self.done);
        done.retain(|n, _| fates[n.index()].is_good());
        let keys = done.iter().filter_map(|(node, done)| Some((done.key()?, *node)));
        self.by_key = keys.collect();
    }

    /// Takes what persons gave tasks of the run as their work.
    ///
    /// # Errors
    /// Git fails.
    pub fn adopt(&mut self, git: &Git, run: &RunId) -> Result<(), GitError> {
        let names = Names::of(run.as_str());
        let given: BTreeMap<String, Oid> = git.refs(&names.all_adopted())?.into_iter().collect();
        if given.is_empty() {
            return Ok(());
        }
        for (i, task) in self.plan.tasks.iter().enumerate().filter(|(_, task)| task.worktree.is_some()) {
            let node = NodeId(u32::try_from(i).unwrap_or(u32::MAX));
            let (Some(head), Some((attempt, work))) =
                (given.get(&names.adopted(&task.id)), self.tried.get(&node))
            else {
                continue;
            };
            let base = work.base.clone();
            let changed = Oid::parse(&base).map(|base| git.changes(&base, head)).transpose()?;
            let changed = changed.map_or(0, |changes| u32::try_from(changes.len()).unwrap_or(u32::MAX));
            let work = Work { base, head: head.as_str().into(), changed };
            let report = Report { work: Some(Box::new(work)), ..Report::default() };
            self.fates[i].adopted = true;
            self.done.insert(
                node,
                Done {
                    run: run.to_string(),
                    attempt: *attempt,
                    duration_ms: 0,
                    report,
                    dir: PathBuf::new(),
                    large_result: PathBuf::new(),
                    adopted: true,
                    at: (run.clone(), 0),
                },
            );
        }
        Ok(())
    }

    /// Its plan.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A task of its plan, and how it may be shown.
    pub(super) fn task(&self, node: NodeId) -> (&Task, &Task) {
        let shown = self.shown.as_ref().unwrap_or(&self.plan);
        (&self.plan.tasks[node.index()], &shown.tasks[node.index()])
    }

    /// Every secret that its plan repeats is known, so texts that may repeat it may be told.
    pub(super) fn all_known(&self) -> bool {
        self.all_known
    }

    /// Its graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// How its nodes ended, by index.
    #[must_use]
    pub fn fates(&self) -> &[Fate] {
        &self.fates
    }

    /// The good outcome of a node that stands.
    pub(super) fn done(&self, node: NodeId) -> Option<&Done> {
        self.done.get(&node)
    }

    /// The good outcome of work with this content key.
    pub(super) fn by_key(&self, key: &[u8; 32]) -> Option<&Done> {
        self.done.get(self.by_key.get(key)?)
    }
}
