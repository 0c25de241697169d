//! A task of a run that works in a worktree: what the journal knows of it, and the repository that it is about.
//!
//! For verbs that look. Knows no output.

use crate::error::CliError;
use crate::view::{plan_to_run, reader, store_error};
use regatta_journal::{Reader, RunSummary, Which};
use regatta_plan::Plan;
use regatta_runtime::git::{Repo, RepoError};
use regatta_runtime::worktrees::{Past, WorktreesError, past};
use regatta_runtime::yard::Names;
use std::fs;
use std::path::{Path, PathBuf};

/// Such a task.
#[derive(Debug)]
pub struct TaskApart {
    /// The journal.
    pub reader: Reader,
    /// The run.
    pub run: RunSummary,
    /// Its plan.
    pub plan: Plan,
    /// The index of the task in it.
    pub index: usize,
    /// What is known of it.
    pub past: Past,
}

impl TaskApart {
    /// Finds it.
    ///
    /// # Errors
    /// No such run or task, or it works in the workspace itself.
    pub fn find(workspace: &Path, run: Option<&str>, task: &str) -> Result<TaskApart, CliError> {
        let reader = reader(workspace)?;
        let run = reader.resolve(run.map_or(Which::Newest, Which::Named)).map_err(store_error)?;
        let record = reader.run(&run.run_id).map_err(store_error)?;
        let (plan, _) = plan_to_run(&record)?;
        let id = &run.run_id;
        let Some(index) = plan.tasks.iter().position(|known| known.id == task) else {
            let message = format!("run {id} has no task `{}`", task.escape_debug());
            return Err(CliError::usage(message).hint(format!("`regatta status {id}` lists its tasks")));
        };
        if plan.tasks[index].worktree.is_none() {
            let message = format!("task `{task}` works in the workspace itself, not in a worktree");
            return Err(CliError::usage(message).hint("`isolation: worktree` gives it one"));
        }
        let past = past(&reader, id, &plan).map_err(store_error)?.swap_remove(index);
        Ok(TaskApart { reader, run, plan, index, past })
    }

    /// Its id.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.plan.tasks[self.index].id
    }

    /// The id of the run.
    #[must_use]
    pub fn run_id(&self) -> &str {
        self.run.run_id.as_str()
    }

    /// The directory of its worktree, whether it is there or not, and the short name of its branch.
    #[must_use]
    pub fn place(&self, workspace: &Path) -> (PathBuf, String) {
        let names = Names::of(self.run_id());
        let dir = workspace.join(self.plan.worktrees.as_ref().map_or("", |rules| rules.dir.as_str()));
        let dir = fs::canonicalize(&dir).unwrap_or(dir);
        (dir.join(names.worktree(self.task())), names.branch(self.task()))
    }
}

/// The repository of a workspace.
///
/// # Errors
/// There is none that worktrees can be made of.
pub fn repository(workspace: &Path) -> Result<Repo, CliError> {
    Repo::find(workspace).map_err(|error| repo_error(&error))
}

/// What is wrong with a repository, for people.
#[must_use]
pub fn repo_error(error: &RepoError) -> CliError {
    let told = CliError::environment(error.to_string());
    if error.hint().is_empty() { told } else { told.hint(error.hint()) }
}

/// Why worktrees cannot be looked at, for people.
#[must_use]
pub fn worktrees_error(error: WorktreesError) -> CliError {
    match error {
        WorktreesError::Repo(error) => repo_error(&error),
        WorktreesError::Store(error) => store_error(error),
        other @ (WorktreesError::Git(_) | WorktreesError::OwnGit(_) | WorktreesError::Directory { .. }) => {
            CliError::environment(other.to_string())
        }
    }
}
