//! What the files of an epic are made of: gathered once from journal, landing report, disk and git.
//!
//! Judges what a domain came to; knows no file.

use crate::context::Context;
use crate::error::CliError;
use crate::task_apart::repository;
use crate::view::{RunView, store_error};
use regatta_engine::event::EventKind;
use regatta_engine::ids::NodeId;
use regatta_engine::outcome::NodeOutcome;
use regatta_journal::{Reader, StoredEvent, rfc3339};
use regatta_runtime::began_on;
use regatta_runtime::escape::escape_path;
use regatta_runtime::git::{Change, Git, GitError, Head, Oid};
use regatta_runtime::landing::Report as Landing;
use regatta_runtime::merge_order::merge_order;
use regatta_runtime::worktrees::{Life, Past, past};
use regatta_runtime::yard::Names;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// What tasks said of themselves: their results, by node.
#[derive(Debug, Default)]
pub(super) struct Results(BTreeMap<NodeId, Value>);

impl Results {
    /// Takes the next event.
    pub(super) fn push(&mut self, stored: &StoredEvent) {
        let node = match &stored.event.kind {
            EventKind::DispatchEnded { node, .. } | EventKind::NodeReused { node, .. } => *node,
            _ => return,
        };
        if let Some(value) = stored.payload.as_ref().and_then(|bytes| serde_json::from_slice(bytes).ok()) {
            self.0.insert(node, value);
        }
    }
}

/// A task that worked in a worktree, or was to.
pub(super) struct Row {
    pub(super) task: String,
    pub(super) domain: String,
    pub(super) agent: Option<String>,
    pub(super) past: Past,
    /// Where in its life its worktree is; none if it never had one.
    pub(super) life: Option<Life>,
    /// The name of its directory, the directory, and whether that is there.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) there: bool,
    pub(super) branch: String,
    /// What it changed, and its commits, as far as they are there.
    pub(super) changes: Vec<Change>,
    pub(super) commits: Vec<Oid>,
    /// Its result.
    pub(super) result: Value,
}

impl Row {
    /// Its work is good, whether it landed or not.
    pub(super) fn is_good(&self) -> bool {
        self.past.collected || matches!(self.past.outcome, Some((NodeOutcome::Succeeded, _)))
    }

    /// It came so far that it left something to look at.
    pub(super) fn has_result(&self) -> bool {
        self.past.work.is_some()
    }

    /// Why it did not go well, for people.
    pub(super) fn error(&self) -> Option<String> {
        if self.is_good() && self.past.message.is_none() {
            return None;
        }
        let cause = self.past.outcome.and_then(|(_, cause)| cause).map(|cause| cause.code().to_owned());
        self.past.message.clone().or(cause)
    }
}

/// What the files are made of.
pub(super) struct Facts {
    pub(super) epic: String,
    pub(super) run_id: String,
    pub(super) run_dir: PathBuf,
    pub(super) landing: Option<Landing>,
    /// In merge order.
    pub(super) rows: Vec<Row>,
    /// The branch that the worktrees began from, or what stands for it.
    pub(super) base_branch: String,
    /// When the run ended, or the last thing happened.
    pub(super) at_wall_ms: u64,
}

impl Facts {
    /// Gathers them.
    ///
    /// # Errors
    /// The journal cannot be read, or there is no repository any more.
    pub(super) fn of(
        context: &Context,
        (reader, view): (&Reader, &RunView),
        (epic, mut results): (String, Results),
    ) -> Result<Facts, CliError> {
        let run = &view.record.summary;
        let run_dir = reader.place().run_dir(&run.run_id);
        let repo = began_on::as_it_began(repository(&context.workspace)?, &run_dir)
            .map_err(|error| CliError::environment(format!("{}: {error}", escape_path(&run_dir))))?;
        let pasts = past(reader, &run.run_id, &view.plan).map_err(store_error)?;
        let names = Names::of(run.run_id.as_str());
        let rules = view.plan.worktrees.as_ref();
        let dir = context.workspace.join(rules.map_or("", |rules| rules.dir.as_str()));
        let dir = fs::canonicalize(&dir).unwrap_or(dir);
        let row = |node: NodeId| -> Option<Result<Row, GitError>> {
            let task = &view.plan.tasks[node.index()];
            let own = task.worktree.as_ref()?;
            let (past, name) = (pasts[node.index()].clone(), names.worktree(&task.id));
            let path = dir.join(&name);
            let there = path.is_dir();
            let life = past.life(&task.id, view.landing.as_ref());
            let life = if life == Some(Life::Merged) && !there { Some(Life::Cleaned) } else { life };
            let work = past.work.clone();
            let seen = work.map(|(base, head)| changed(&repo.git, &base, &head)).transpose();
            let (changes, commits) = match seen {
                Ok(seen) => seen.unwrap_or_default(),
                Err(error) => return Some(Err(error)),
            };
            Some(Ok(Row {
                domain: own.domain.clone(),
                agent: task.action.agent().map(str::to_owned),
                branch: names.branch(&task.id),
                result: results.0.remove(&node).unwrap_or_default(),
                task: task.id.clone(),
                past,
                life,
                name,
                path,
                there,
                changes,
                commits,
            }))
        };
        let order = merge_order(&view.plan, view.engine.graph());
        let rows: Result<Vec<Row>, GitError> = order.into_iter().filter_map(row).collect();
        let last = pasts.iter().flat_map(|past| [past.ended_wall_ms, past.completed_wall_ms]).flatten().max();
        let base = rules.map_or("HEAD", |rules| rules.base.as_str());
        Ok(Facts {
            epic,
            run_id: run.run_id.to_string(),
            run_dir,
            landing: view.landing.clone(),
            rows: rows.map_err(|error| CliError::environment(error.to_string()))?,
            base_branch: match (&repo.head, base) {
                (Head::Branch(branch), "HEAD") => branch.trim_start_matches("refs/heads/").to_owned(),
                (_, base) => base.to_owned(),
            },
            at_wall_ms: run.ended_wall_ms.or(last).unwrap_or(run.created_wall_ms),
        })
    }

    /// The domains in the order in which they are merged, each with its tasks.
    pub(super) fn domains(&self) -> Vec<(&str, Vec<&Row>)> {
        let mut found: Vec<(&str, Vec<&Row>)> = Vec::new();
        for row in &self.rows {
            match found.iter_mut().find(|(domain, _)| *domain == row.domain) {
                Some((_, rows)) => rows.push(row),
                None => found.push((&row.domain, vec![row])),
            }
        }
        found
    }

    /// The domain of a task.
    pub(super) fn domain_of(&self, task: &str) -> Option<&str> {
        self.rows.iter().find(|row| row.task == task).map(|row| row.domain.as_str())
    }

    /// When the run ended, as text.
    pub(super) fn at(&self) -> String {
        rfc3339(self.at_wall_ms)
    }

    /// A path below the files of the epic, from the workspace.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{name}", crate::outputs::dir_of(&self.epic))
    }
}

/// What differs between two commits and which lie between them; nothing if they are gone.
fn changed(git: &Git, base: &Oid, head: &Oid) -> Result<(Vec<Change>, Vec<Oid>), GitError> {
    let present = git.present([base, head].into_iter())?;
    if !present.contains(base) || !present.contains(head) {
        return Ok(Default::default());
    }
    Ok((git.changes(base, head)?, git.commits_between(base, head)?))
}
