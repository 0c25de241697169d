//! Attempts that work in a worktree of their own, from the order to start to the judgement.
//!
//! ```text
//! Start -> Making -> Setup -> Working -> Collecting -> Verifying -> judged
//!          a worker  keeper    keeper     a worker      keeper
//! ```
//! What the stages are is forgotten when an orchestrator dies; the next one begins
//! again where the keeper stands, and each stage may be done twice. Knows no driver.

use crate::action::Site;
use crate::began_on;
use crate::collect;
use crate::git::{Oid, Repo, RepoError, lfs};
use crate::judge::Job;
use crate::keeper;
use crate::landing::target_of;
use crate::private_file;
use crate::readying::Readying;
use crate::redact::Raw;
use crate::reuse::Footing;
use crate::run_error::RunError;
use crate::works::Works;
use crate::yard::{Collected, Done, Finding, Ground, Names, TASK_DIR, Workers, cone, links};
use regatta_engine::cause::Cause;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::graph::Graph;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::outcome::{AttemptOutcome, NodeOutcome};
use regatta_engine::spec::Limits;
use regatta_plan::Plan;
use regatta_plan::model::works_on_files;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

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
    /// What `setup` left is being remembered.
    Remembering(u8),
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
    /// The attempt before it is gone on with in its worktree, which is set up.
    pub(crate) goes_on: bool,
    /// It is to end; what was not started is not started any more.
    pub(crate) ending: bool,
    /// What people are told of it besides.
    pub(crate) note: Option<String>,
}

impl InFlight {
    /// One of which nothing more is known.
    pub(crate) fn new((node, number): (NodeId, u32), stage: Stage, job: Option<Job>) -> InFlight {
        InFlight { node, number, stage, job, base: None, goes_on: false, ending: false, note: None }
    }

    /// People are told this of it, too.
    pub(crate) fn note(&mut self, said: Option<String>) {
        let notes: Vec<String> = self.note.take().into_iter().chain(said).collect();
        self.note = (!notes.is_empty()).then(|| notes.join("; "));
    }
}

/// Everything about worktrees that the driver knows.
pub(crate) struct Apart {
    pub(crate) workers: Workers,
    /// What was left so far.
    pub(crate) works: Works,
    pub(crate) in_flight: BTreeMap<AttemptId, InFlight>,
    pub(crate) outlook: Outlook,
    /// Nodes that wait because what they would begin from conflicts; the first of them is seen to.
    pub(crate) disputes: VecDeque<NodeId>,
    /// Which worktrees are made when.
    pub(crate) readying: Readying,
    /// Nodes whose worktrees are to go when the turn is durable: nobody will work in them.
    pub(crate) useless: Vec<NodeId>,
    /// Nodes whose work will be safe when the turn is durable: their worktrees may be used again.
    pub(crate) done: Vec<NodeId>,
    /// Attempts whose ends were judged, and will be durable with the turn.
    pub(crate) over: BTreeSet<u64>,
    /// A turn is durable since worktrees were last made ahead.
    pub(crate) durable: bool,
    /// The limits of the run.
    pub(crate) limits: Limits,
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

/// The file in the directory of a run whose lock tells that git works for it.
const GIT_LOCK: &str = "git.lock";
/// An empty file there if large files were ever looked after.
const LARGE_FILES: &str = "large-files";

/// How often git of an earlier orchestrator is waited for,
const MOST_WAITS: u32 = 6_000;
/// and how long each time.
const A_MOMENT: Duration = Duration::from_millis(100);

/// Waits until no git of an earlier orchestrator is at work: it was not killed with it, lest it leave anything half done. Not
/// for ever: it could stand at something without an end.
fn alone(path: &Path) -> std::io::Result<File> {
    let file = File::options().create(true).read(true).append(true).mode(0o600).open(path)?;
    for _ in 0..MOST_WAITS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(A_MOMENT),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    let said = "a git that an earlier orchestrator of this run started is still at work; end it, then resume";
    Err(std::io::Error::new(std::io::ErrorKind::TimedOut, said))
}

/// The worktrees of a run, if its plan has any. The commit that it begins from is pinned the first time.
///
/// # Errors
/// No worktrees can be made here.
pub(crate) fn of_run(
    (plan, graph, limits): (&Arc<Plan>, &Arc<Graph>, &Limits),
    (workspace, run_dir, run_id): (&Path, &Path, &str),
    tell: Arc<dyn Fn(Done) + Send + Sync>,
) -> Result<Option<Apart>, RunError> {
    let Some(rules) = plan.worktrees.clone() else { return Ok(None) };
    let mut repo = Repo::find(workspace)?;
    let held = run_dir.join(GIT_LOCK);
    let alone = alone(&held).map_err(|source| RunError::Directory { path: held, source })?;
    repo.git = repo.git.holding(alone);
    let pin = Names::of(run_id).pinned();
    let earlier = repo.git.commit(&pin).map_err(RepoError::Git)?;
    let began_earlier = earlier.is_some();
    let pinned = match earlier {
        Some(pinned) => pinned,
        None => {
            repo.check_top(workspace)?;
            repo.commit(&rules.base)?
        }
    };
    let failed = |source| RunError::Directory { path: workspace.join(&rules.dir), source };
    // Recorded before the ref: whoever finds that knows what was begun with.
    let lfs = large_files((&repo, &pinned), &rules.lfs, (run_dir, began_earlier))?;
    let in_dir = |source| RunError::Directory { path: run_dir.to_owned(), source };
    if began_earlier {
        repo = began_on::as_it_began(repo, run_dir).map_err(in_dir)?;
    } else {
        let target = target_of(plan.merge.as_ref(), &repo).map(|name| repo.git.commit(&name));
        let target_at = target.transpose().map_err(RepoError::Git)?.flatten();
        began_on::write(run_dir, &repo.head, target_at.as_ref()).map_err(in_dir)?;
        repo.git.update_ref(&pin, (None, Some(&pinned))).map_err(RepoError::Git)?;
    }
    let ground = Ground::of((repo, pinned), (workspace, run_dir, run_id), rules.clone());
    let mut ground = ground.map_err(failed)?;
    ground.cones = cone::of_plan(plan);
    ground.owners = links::owners((&ground.repo.git, &ground.pinned), plan).map_err(RepoError::Git)?;
    ground.look_after_lfs(lfs);
    let workers = Workers::start(Arc::new(ground), tell);
    let works = Works::new(Arc::clone(plan), Arc::clone(graph));
    Ok(Some(Apart::new(workers, works, limits.clone())))
}

/// Whether large files are looked after. What was begun without that goes on without.
fn large_files(
    (repo, pinned): (&Repo, &Oid),
    asked: &str,
    (run_dir, began_earlier): (&Path, bool),
) -> Result<bool, RunError> {
    let record = run_dir.join(LARGE_FILES);
    let looked_after = match lfs::looked_after(repo, asked, pinned) {
        Err(RepoError::NoLfs(_)) if began_earlier && record.symlink_metadata().is_err() => false,
        answer => answer?,
    };
    if looked_after {
        private_file::create(&record).map_err(|source| RunError::Directory { path: record, source })?;
    } else if !began_earlier {
        // Of one of us who died before the run had begun.
        let _ = std::fs::remove_file(&record);
    }
    Ok(looked_after)
}

impl Apart {
    /// Nothing under way.
    fn new(workers: Workers, works: Works, limits: Limits) -> Apart {
        let has = works.plan.tasks.iter().map(|task| task.worktree.is_some()).collect();
        let waves = works.plan.schedule == "waves";
        let mut readying = Readying::new(Arc::clone(&works.graph), has, (waves, limits.max_parallel));
        if workers.ground().is_one_by_one() {
            readying.one_by_one();
        }
        Apart {
            workers,
            works,
            in_flight: BTreeMap::new(),
            outlook: Outlook::default(),
            disputes: VecDeque::new(),
            readying,
            useless: Vec::new(),
            done: Vec::new(),
            over: BTreeSet::new(),
            durable: false,
            limits,
        }
    }

    /// Takes note of what an attempt left, and of which worktrees are needed.
    pub(crate) fn absorb(&mut self, event: &Event) {
        match &event.kind {
            EventKind::DispatchStarted { node, .. } => self.readying.started(*node),
            // Of one that was lost nobody was told anything.
            EventKind::DispatchEnded { attempt, outcome, .. } if *outcome != AttemptOutcome::Lost => {
                self.over.insert(attempt.0);
            }
            EventKind::NodeCollected { node, .. } => {
                self.done.push(*node);
                self.settle(*node);
            }
            EventKind::NodeEnded { node, number, .. } if self.is_gate(*node) => {
                self.settle(*node);
                // It stands where it began, and lands never.
                if *number > 0 && !self.readying.is_one_by_one() {
                    self.useless.push(*node);
                }
            }
            EventKind::NodeEnded { node, outcome, .. } => {
                self.settle(*node);
                if *outcome == NodeOutcome::Succeeded && !self.works.collected.contains(node) {
                    self.done.push(*node);
                }
            }
            _ => {}
        }
        self.works.absorb(event);
    }

    /// An attempt is over, whatever became of it.
    pub(crate) fn leaves(&mut self, attempt: AttemptId) -> Option<InFlight> {
        self.workers.ground().ends_work(attempt.0);
        self.in_flight.remove(&attempt)
    }

    fn settle(&mut self, node: NodeId) {
        if self.readying.settled(node) {
            self.useless.push(node);
        }
    }

    /// Whether tasks have worked in worktrees of this run.
    pub(crate) fn has_worked(&self) -> bool {
        !self.works.is_empty() || self.in_flight.values().any(|flight| !matches!(flight.stage, Stage::Making))
    }

    /// Where a node would begin now.
    pub(crate) fn footing(&self, node: NodeId) -> Footing<'_> {
        Footing { ground: self.workers.ground(), handed: self.works.handed(node) }
    }

    /// The id of the task of a node whose attempts go on in the worktree as the one before left it.
    pub(crate) fn kept_task(&self, node: NodeId) -> Option<&str> {
        let task = self.works.plan.tasks.get(node.index())?;
        // What a gate leaves is thrown away, with all that was set up for it.
        (task.gate.is_none() && task.retry.keeps_worktree()).then_some(&task.id)
    }

    /// An attempt begins to work: whoever comes after it may go on there.
    ///
    /// # Errors
    /// That cannot be written down.
    pub(crate) fn begins_to_work(&self, attempt: AttemptId) -> std::io::Result<()> {
        let Some(flight) = self.in_flight.get(&attempt) else { return Ok(()) };
        let Some(task) = self.kept_task(flight.node) else { return Ok(()) };
        self.workers.ground().works_in((task, attempt.0), flight.base.as_ref(), flight.note.as_deref())
    }

    /// What was found out about an attempt. Some of that nobody may go on with.
    ///
    /// # Errors
    /// That cannot be written down.
    pub(crate) fn takes_note(&self, job: &Job, findings: &[Finding]) -> std::io::Result<()> {
        let spoils = |finding: &Finding| matches!(finding.cause, Cause::Tampered | Cause::HistoryRewritten);
        match self.kept_task(job.node).is_some() && findings.iter().any(spoils) {
            true => self.workers.ground().spoiled(job.attempt.0),
            false => Ok(()),
        }
    }

    /// Whether what a node did is undone in its worktree and not in the user's checkout: what a tool did to files there.
    pub(crate) fn is_undone_there(&self, node: NodeId) -> bool {
        let task = self.works.plan.tasks.get(node.index()).filter(|_| self.has(node));
        let undo = task.and_then(|task| task.undo.as_ref()?.tool());
        undo.is_some_and(works_on_files)
    }

    /// Whether a node works in a worktree.
    pub(crate) fn has(&self, node: NodeId) -> bool {
        self.works.plan.tasks.get(node.index()).is_some_and(|task| task.worktree.is_some())
    }

    /// Whether a node is a gate that looks at a worktree.
    fn is_gate(&self, node: NodeId) -> bool {
        self.has(node) && self.works.plan.tasks[node.index()].gate.is_some()
    }

    pub(crate) fn site(&self, node: NodeId) -> Site {
        let (task, ground) = (&self.works.plan.tasks[node.index()], self.workers.ground());
        let path = ground.path(&task.id);
        let mut vars = ground.variables(task.action.agent(), Some(&path));
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
