//! Outcomes of earlier runs that stand for nodes of this one: by `retry`, by `--reuse RUN`, by `cache: true`.
//! ```text
//! retry RUN     the node succeeded there             known by its id
//! --reuse RUN   a node of equal content key did      known by its content key
//! cache: true   a node of equal content key did, in any run of this workspace
//! ```
//! Answers whether and what; the engine decides what follows.

mod content;
mod earlier;
mod files;
mod selection;
mod takeover;

pub use earlier::Earlier;
pub use selection::{Fate, Selection, select};
pub use takeover::Footing;

use crate::action::Actions;
use crate::collect;
use crate::git::{Repo, RepoError};
use crate::outputs::Outputs;
use crate::run_error::RunError;
use crate::turn::Arrival;
use crate::workspace;
use earlier::Done;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::input::{Input, Recalled, Reused, ReusedBy};
use regatta_engine::report::Digest;
use regatta_fault as fault;
use regatta_journal::{Payload, Reader, RunId};
use regatta_plan::Plan;
use regatta_plan::model::Task;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The list of files that an attempt left, beside its output.
const FILES: &str = "files.json";
/// Fields of a task by which its work in a worktree is the same.
const FIELDS_APART: [&str; 15] = [
    "action",
    "accept",
    "cache_key",
    "cwd",
    "env",
    "files",
    "for_each",
    "gate",
    "inputs",
    "matrix",
    "needs",
    "reads",
    "result_is_stdout",
    "role",
    "worktree",
];
/// Outcomes of equal work that are looked at before it is done anew.
const MOST_CANDIDATES: usize = 8;

/// How a run was started: what it may reuse. Kept with the run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// It retries a run.
    Retry {
        /// That run.
        run: String,
        /// The first run of the chain of retries.
        first_run: String,
        /// Tasks that were asked for; empty for all that did not succeed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tasks: Vec<String>,
    },
    /// It takes equal work of a run.
    Content {
        /// That run.
        run: String,
    },
}

impl Reuse {
    /// The run whose outcomes it may take.
    #[must_use]
    pub fn run(&self) -> &str {
        match self {
            Reuse::Retry { run, .. } | Reuse::Content { run } => run,
        }
    }
}

/// What became of the work, as far as it can be told without doing it.
enum Look {
    Found(Box<Done>, ReusedBy),
    Missed(String),
}

/// The memory of earlier runs.
#[derive(Debug)]
pub struct Memory {
    own: RunId,
    run_dir: PathBuf,
    reader: Option<Reader>,
    earlier: Option<Earlier>,
    reuse: Option<Reuse>,
    selection: Selection,
    /// Nodes for which nothing stands, as recorded: what depends on them runs again.
    missed: BTreeSet<NodeId>,
}

impl Memory {
    /// The memory of a run; opened only if the run has a use for it.
    ///
    /// # Errors
    /// The earlier run cannot be read.
    pub fn open(
        (own, run_dir): (&RunId, PathBuf),
        workspace: &Path,
        (reuse, caches): (Option<Reuse>, bool),
    ) -> Result<Memory, RunError> {
        let reader = if reuse.is_some() || caches { Reader::open(workspace)? } else { None };
        let mut memory = Memory {
            own: own.clone(),
            run_dir,
            reader,
            earlier: None,
            reuse,
            selection: Selection::default(),
            missed: BTreeSet::new(),
        };
        if let (Some(reuse), Some(reader)) = (&memory.reuse, &memory.reader) {
            let run = RunId::new(reuse.run())?;
            let mut earlier = Earlier::load(reader, &run)?;
            if matches!(reuse, Reuse::Retry { .. }) && earlier.plan().worktrees.is_some() {
                earlier.adopt(&Repo::find(workspace)?.git, &run).map_err(RepoError::Git)?;
            }
            if let Reuse::Retry { tasks, .. } = reuse {
                let named: Vec<NodeId> = tasks.iter().filter_map(|t| earlier.graph().find(t)).collect();
                memory.selection = select(earlier.graph(), earlier.fates(), &named);
            }
            memory.earlier = Some(earlier);
        }
        Ok(memory)
    }

    /// The first run of the chain of retries, for idempotency keys.
    #[must_use]
    pub fn first_run(&self) -> &str {
        match &self.reuse {
            Some(Reuse::Retry { first_run, .. }) => first_run,
            Some(Reuse::Content { .. }) | None => self.own.as_str(),
        }
    }

    /// Nodes that are not to run, although they did not succeed.
    #[must_use]
    pub fn skipped(&self) -> &[NodeId] {
        &self.selection.skip
    }

    /// True if the earlier outcome of the node stands, so its condition was answered once and for all.
    #[must_use]
    pub fn stands(&self, node: NodeId) -> bool {
        self.selection.reuse.contains(&node)
    }

    /// True if the node is to be skipped when the run has come to it: an item of a map of which others were asked for.
    #[must_use]
    pub fn leaves(&self, node: NodeId) -> bool {
        self.selection.leave.contains(&node)
    }

    /// Takes note of an event.
    pub fn absorb(&mut self, event: &Event) {
        if let EventKind::ReuseMissed(node, _) = event.kind {
            self.missed.insert(node);
        }
    }

    /// Answers whether a node's work was done before; its files get into the directory of `attempt`. A node that works in a
    /// worktree has a footing.
    #[must_use]
    pub fn recall(
        &self,
        (actions, outputs): (&Actions, &Outputs),
        (node, attempt): (NodeId, AttemptId),
        footing: Option<&Footing<'_>>,
    ) -> Arrival {
        if self.leaves(node) {
            return Input::Skip { node }.into();
        }
        let looked = match footing {
            None => self.look((actions, outputs), node),
            Some(footing) => self.look_apart(actions, (node, attempt), footing),
        };
        let (done, by) = match looked {
            Look::Missed(why) => return missed(node, why),
            Look::Found(done, by) => (done, by),
        };
        fault::point("reuse.found");
        let mut payloads = Vec::new();
        let mut report = done.report.clone();
        if let Err(lacks) = self.fetch((&done, attempt), &mut payloads) {
            if by == ReusedBy::Content {
                return missed(node, lacks);
            }
            // Finished work is never repeated, not even for the sake of its output.
            report.message = Some(lacks.into());
        }
        fault::point("reuse.linked");
        let reused =
            Reused { run: done.run.into(), attempt: done.attempt, by, duration_ms: done.duration_ms, report };
        let input = Input::Recalled { node, answer: Recalled::Found(Box::new(reused)) };
        Arrival { input, payloads }
    }

    fn look(&self, (actions, outputs): (&Actions, &Outputs), node: NodeId) -> Look {
        let missed = match (&self.reuse, &self.earlier) {
            (Some(Reuse::Retry { run, .. }), Some(earlier)) => {
                if let Err(why) = self.none_runs_again(actions, node) {
                    return Look::Missed(why);
                }
                if let Some(done) = earlier.done(node).filter(|_| self.stands(node)) {
                    return Look::Found(Box::new(done.clone()), ReusedBy::Retry);
                }
                let fate = earlier.fates()[node.index()];
                let undone = if fate.undone { " and undone" } else { "" };
                format!("in run {run} it ended as {}{undone}, so it runs again", fate.outcome.name())
            }
            (Some(Reuse::Content { run }), Some(earlier)) => {
                match self.in_earlier(earlier, (actions, outputs), node) {
                    Ok(done) => return Look::Found(Box::new(done), ReusedBy::Content),
                    Err(why) => format!("run {run}: {why}"),
                }
            }
            _ => String::new(),
        };
        if !actions.task(node).cache {
            return Look::Missed(missed);
        }
        match self.in_any((actions, outputs), node) {
            Ok(done) => Look::Found(Box::new(done), ReusedBy::Content),
            Err(why) if missed.is_empty() => Look::Missed(why),
            Err(why) => Look::Missed(format!("{missed}; {why}")),
        }
    }

    /// What was left in a worktree: known by the task, whoever runs it again, and judged by where it began.
    fn look_apart(
        &self,
        actions: &Actions,
        (node, attempt): (NodeId, AttemptId),
        footing: &Footing<'_>,
    ) -> Look {
        let (Some(reuse), Some(earlier)) = (&self.reuse, &self.earlier) else {
            return Look::Missed("work in a worktree is taken over by `retry` and `--reuse` only".to_owned());
        };
        let found = match reuse {
            Reuse::Retry { .. } => self.stood(earlier, node).map(|done| (done, ReusedBy::Retry)),
            Reuse::Content { .. } => same_task(earlier, actions, node).map(|done| (done, ReusedBy::Content)),
        };
        let run = reuse.run();
        let task = &actions.task(node).id;
        let taken = found.and_then(|(done, by)| {
            self.none_runs_again(actions, node)?;
            let work = match actions.gate(node) {
                Some(_) => takeover::still_so(footing, done, by)?,
                None => takeover::take_over(footing, done, (task, attempt))?,
            };
            let mut done = done.clone();
            done.report.work = Some(Box::new(work));
            Ok((done, by))
        });
        match taken {
            Ok((done, by)) => Look::Found(Box::new(done), by),
            Err(why) => Look::Missed(format!("run {run}: {why}")),
        }
    }

    /// The work of a node that was not selected to run again.
    fn stood<'a>(&self, earlier: &'a Earlier, node: NodeId) -> Result<&'a Done, String> {
        let fate = earlier.fates()[node.index()];
        let again = || {
            let undone = if fate.undone { " and undone" } else { "" };
            format!("there it ended as {}{undone}, so it runs again", fate.outcome.name())
        };
        earlier.done(node).filter(|_| self.stands(node)).ok_or_else(again)
    }

    /// What a node needs is not done anew.
    fn none_runs_again(&self, actions: &Actions, node: NodeId) -> Result<(), String> {
        match actions.preds(node).find(|pred| self.missed.contains(pred)) {
            Some(pred) => Err(format!("`{}`, which it needs, runs again", actions.task(pred).id)),
            None => Ok(()),
        }
    }

    /// Equal work of the run that was named.
    fn in_earlier(
        &self,
        earlier: &Earlier,
        (actions, outputs): (&Actions, &Outputs),
        node: NodeId,
    ) -> Result<Done, String> {
        let key = content::key(actions, node, outputs)?;
        match earlier.by_key(&key) {
            Some(done) => intact(done, actions.workspace()).map(|()| done.clone()),
            None => Err(why_not_equal(earlier, actions, node)),
        }
    }

    /// Equal work of any earlier run.
    fn in_any(&self, (actions, outputs): (&Actions, &Outputs), node: NodeId) -> Result<Done, String> {
        let Some(reader) = &self.reader else { return Err("there are no earlier runs".to_owned()) };
        let key = content::key(actions, node, outputs)?;
        let found = reader.shared(&key, MOST_CANDIDATES).map_err(|e| e.to_string())?;
        let mut why = "no earlier run did equal work".to_owned();
        for (run, stored) in found.iter().filter(|(run, _)| *run != self.own) {
            let run_dir = reader.place().run_dir(run);
            let done = Done::of(stored, (run, &run_dir), None).filter(|d| d.key() == Some(key));
            let Some(done) = done else { continue };
            match intact(&done, actions.workspace()) {
                Ok(()) => return Ok(done),
                Err(lacks) => why = format!("run {run} did equal work, but {lacks}"),
            }
        }
        Err(why)
    }

    /// Takes the output and the result of earlier work over; what is gone stays in the report, so that whoever asks
    /// for it is told.
    fn fetch(&self, (done, attempt): (&Done, AttemptId), payloads: &mut Vec<Payload>) -> Result<(), String> {
        let report = &done.report;
        let dir = workspace::reused_dir(&self.run_dir, attempt.0);
        let mut lacks = None;
        let mut link = |digest: Option<Digest>, from: PathBuf, name: &str| {
            if let Some(error) = digest.and_then(|_| link(&from, (&dir, name)).err()) {
                lacks = Some(format!("its {name} cannot be taken over: {error}"));
            }
        };
        link(report.stdout, done.dir.join(collect::STDOUT), collect::STDOUT);
        link(report.stderr, done.dir.join(collect::STDERR), collect::STDERR);
        link(done.files(), done.dir.join(FILES), FILES);
        let large = report.result.filter(|r| r.bytes > collect::INLINE_RESULT_BYTES as u64);
        link(large, done.large_result.clone(), collect::LARGE_RESULT);
        if report.result.is_some() && large.is_none() {
            let (run, pos) = &done.at;
            let bytes = self.reader.as_ref().and_then(|r| r.payload(run, *pos).ok().flatten());
            payloads.extend(bytes.map(|bytes| Payload { attempt, bytes }));
            if payloads.is_empty() {
                lacks = Some("its result cannot be read".to_owned());
            }
        }
        lacks.map_or(Ok(()), Err)
    }
}

/// The content key of a node about to start, if it has one.
#[must_use]
pub fn content_key(actions: &Actions, node: NodeId, outputs: &Outputs) -> Option<[u8; 32]> {
    content::key(actions, node, outputs).ok()
}

/// Lists the files that a node declared to write into the directory of its attempt; none if it declared none, or too
/// many.
///
/// # Errors
/// The list cannot be written, for instance because the disk is full.
pub fn list_files(actions: &Actions, node: NodeId, dir: &Path) -> io::Result<Option<Digest>> {
    let task = actions.task(node);
    if task.files.is_empty() {
        return Ok(None);
    }
    let Ok(listing) = files::list(actions.workspace(), &task.files, content::bound(task)) else {
        return Ok(None);
    };
    let bytes = serde_json::to_vec(&listing)?;
    collect::write_private(&dir.join(FILES), &bytes)?;
    Ok(Some(Digest { sha256: Sha256::digest(&bytes).into(), bytes: bytes.len() as u64 }))
}

/// What a task wrote must still be there as it left it.
fn intact(done: &Done, workspace: &Path) -> Result<(), String> {
    let large = done.report.result.filter(|r| r.bytes > collect::INLINE_RESULT_BYTES as u64);
    let is = |bytes: Vec<u8>, digest: &Digest| Sha256::digest(&bytes)[..] == digest.sha256;
    if large.is_some_and(|digest| !fs::read(&done.large_result).is_ok_and(|bytes| is(bytes, &digest))) {
        return Err("its result is not what was recorded".to_owned());
    }
    let Some(digest) = done.files() else { return Ok(()) };
    let bytes = fs::read(done.dir.join(FILES)).map_err(|e| format!("its list of files is gone: {e}"))?;
    if Sha256::digest(&bytes)[..] != digest.sha256 {
        return Err("its list of files is not what was recorded".to_owned());
    }
    let listing = serde_json::from_slice(&bytes).map_err(|e| format!("its list of files: {e}"))?;
    match files::changed(workspace, &listing) {
        None => Ok(()),
        Some(path) => Err(format!("`{}`, which it wrote, is not as it left it", path.escape_debug())),
    }
}

/// What differs between a task of an earlier run and one of this, in some fields; it is journaled, so it is without secrets.
fn differing(
    (earlier, other): (&Earlier, NodeId),
    (actions, task): (&Actions, &Task),
    fields: &[&str],
) -> Result<Vec<String>, serde_json::Error> {
    let (before, shown) = earlier.task(other);
    let telling = |text| earlier.all_known().then(|| actions.redactor().text(text));
    regatta_plan::changed_fields((before, task), shown, (fields, &telling))
}

/// Why no work of a run is equal to that of a node, as far as the node of the same name tells.
fn why_not_equal(earlier: &Earlier, actions: &Actions, node: NodeId) -> String {
    let task = actions.task(node);
    let Some(other) = earlier.graph().find(&task.id) else { return "it has no such task".to_owned() };
    let Some(done) = earlier.done(other) else {
        return format!("there it ended as {}", earlier.fates()[other.index()].outcome.name());
    };
    if done.key().is_none() {
        return "there no content key was recorded".to_owned();
    }
    match differing((earlier, other), (actions, task), &content::FIELDS) {
        Ok(lines) if !lines.is_empty() => lines.join(", "),
        _ => "a file it reads, a value it refers to or a variable it gets has changed".to_owned(),
    }
}

/// The work of the task of the same name, if it was to do the same: in a worktree, where the files that it depends on are
/// those of the commit that it begins from.
fn same_task<'a>(earlier: &'a Earlier, actions: &Actions, node: NodeId) -> Result<&'a Done, String> {
    let (task, plan) = (actions.task(node), actions.plan());
    let Some(other) = earlier.graph().find(&task.id) else { return Err("it has no such task".to_owned()) };
    let Some(done) = earlier.done(other) else {
        return Err(format!("there it ended as {}", earlier.fates()[other.index()].outcome.name()));
    };
    match differing((earlier, other), (actions, task), &FIELDS_APART) {
        Ok(lines) if !lines.is_empty() => return Err(lines.join(", ")),
        Ok(_) => {}
        Err(error) => return Err(error.to_string()),
    }
    let agent = |plan: &Plan| task.action.agent().and_then(|name| plan.agents.get(name).cloned());
    if agent(plan) != agent(earlier.plan()) {
        return Err("its agent has changed".to_owned());
    }
    if plan.worktrees != earlier.plan().worktrees {
        return Err("`worktree` of the plan has changed".to_owned());
    }
    Ok(done)
}

fn missed(node: NodeId, why: String) -> Arrival {
    Input::Recalled { node, answer: Recalled::Missed(why.into()) }.into()
}

/// Gives a file that is never written again a second name; copies it where that cannot be.
fn link(from: &Path, (dir, name): (&Path, &str)) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).recursive(true).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let to = dir.join(name);
    match fs::remove_file(&to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::hard_link(from, &to).or_else(|_| fs::copy(from, &to).map(|_| ()))?;
    fs::File::open(dir)?.sync_all()
}
