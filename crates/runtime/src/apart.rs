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
use crate::reuse::Footing;
use crate::run_error::RunError;
use crate::works::Works;
use crate::yard::{Collected, Done, Ground, Names, TASK_DIR, Workers};
use regatta_engine::graph::Graph;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
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
    pub(crate) streams: [Option<File>; 2],
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
    /// What was left so far.
    pub(crate) works: Works,
    pub(crate) in_flight: BTreeMap<AttemptId, InFlight>,
    pub(crate) outlook: Outlook,
}

/// Which conflicts among what was collected are looked for.
#[derive(Default)]
pub(crate) struct Outlook {
    /// Nodes that were compared with all that were collected before them.
    pub(crate) seen: BTreeSet<NodeId>,
    /// Comparisons under way.
    pub(crate) open: usize,
    /// A landing waits for them.
    pub(crate) lands: bool,
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
    let works = Works::new(Arc::clone(plan), Arc::clone(graph));
    Ok(Some(Apart { workers, works, in_flight: BTreeMap::new(), outlook: Outlook::default() }))
}

impl Apart {
    /// Where a node would begin now.
    pub(crate) fn footing(&self, node: NodeId) -> Footing<'_> {
        Footing { ground: self.workers.ground(), handed: self.works.handed(node) }
    }

    /// Whether a node works in a worktree.
    pub(crate) fn has(&self, node: NodeId) -> bool {
        self.works.plan.tasks.get(node.index()).is_some_and(|task| task.worktree.is_some())
    }

    pub(crate) fn site(&self, node: NodeId) -> Site {
        let (task, ground) = (&self.works.plan.tasks[node.index()], self.workers.ground());
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
