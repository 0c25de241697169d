//! Takes a worktree up again: makes one that is gone from what its branch or its refs hold, or takes what a person
//! committed in one for the work of its task.
//!
//! ```text
//! nothing there      -> made again on its branch, at what the branch, the recorded work or the newest attempt holds
//! worktree there     -> `.git` put back; its commit becomes the work that `retry` takes: refs/regatta-adopted/RUN/TASK
//! something foreign  -> refused
//! ```
//! The journal of a run that has ended does not change: who retries it finds the ref, and records what it took.

use super::WorktreesError;
use super::look::{Place, Unsaved, git_at, unsaved};
use super::past::{Past, past};
use crate::git::{Change, Git, GitError, Oid, Repo, lfs};
use crate::keeper;
use crate::yard::{Ground, MakeError, Names, admins, put_back};
use regatta_engine::outcome::NodeOutcome;
use regatta_journal::{Reader, RunId};
use regatta_plan::Plan;
use std::io;
use std::path::{Path, PathBuf};

/// What became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Adopted {
    /// The worktree is there again.
    MadeAgain {
        /// Where.
        path: PathBuf,
        /// The short name of its branch.
        branch: String,
        /// Where it stands.
        head: Oid,
    },
    /// What stands there is the work of the task from now on.
    Taken {
        /// Where.
        path: PathBuf,
        /// Where the work begins.
        base: Oid,
        /// Where it ends.
        head: Oid,
        /// Commits between them.
        commits: usize,
        /// What they change.
        changes: Vec<Change>,
    },
    /// It stands where the journal has it, and that was good.
    AsRecorded {
        /// Where.
        path: PathBuf,
        /// The commit.
        head: Oid,
    },
}

/// Why it cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// It cannot be looked at.
    #[error(transparent)]
    Look(#[from] WorktreesError),
    /// It cannot be made.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// A process of the run lives.
    #[error("run {0} is under way")]
    Lives(String),
    /// The run has not ended, and the worktree is there.
    #[error("run {0} has not ended, so its work is not a person's to change yet")]
    Open(String),
    /// Neither a branch nor a ref holds anything of the task.
    #[error("nothing holds work of task `{0}` any more")]
    Lost(String),
    /// Something is not committed.
    #[error("{} has changes that are not committed: {}", path.display(), paths.join(", "))]
    Unsaved {
        /// The worktree.
        path: PathBuf,
        /// The paths.
        paths: Vec<String>,
    },
    /// The work is in the target already.
    #[error("the work of task `{0}` has landed")]
    Landed(String),
    /// The task never came so far that it had work.
    #[error("task `{0}` has no work that could be gone on with")]
    NoWork(String),
    /// It is not a continuation of what the task began from.
    #[error("what stands there does not descend from {}, where the task began", .0.short())]
    History(Oid),
    /// What lies there for the run only was committed.
    #[error("it cannot be taken: {} was committed, and lies in {} for the run only", paths.join(", "), path.display())]
    Copies {
        /// The worktree.
        path: PathBuf,
        /// Where the work begins.
        base: Oid,
        /// What was committed, sorted.
        paths: Vec<String>,
    },
    /// Nobody may change that.
    #[error("it cannot be taken: {0}")]
    Forbidden(String),
    /// Files of ours cannot be written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl From<GitError> for AdoptError {
    fn from(error: GitError) -> AdoptError {
        AdoptError::Look(error.into())
    }
}

/// What a person gave a task as its work, if anybody did.
///
/// # Errors
/// Git fails.
pub fn adopted(git: &Git, run: &str, task: &str) -> Result<Option<Oid>, GitError> {
    git.commit(&Names::of(run).adopted(task))
}

/// Takes the worktree of a task up again; `index` is that of the task in the plan.
///
/// # Errors
/// It is not to be had, or not to be taken.
pub fn adopt(
    (reader, workspace): (&Reader, &Path),
    run: &RunId,
    (plan, index): (&Plan, usize),
) -> Result<Adopted, AdoptError> {
    let look = |error: regatta_journal::StoreError| AdoptError::Look(error.into());
    let (summary, run_dir) = (reader.summary(run).map_err(look)?, reader.place().run_dir(run));
    if reader.holder(run).map_err(look)?.is_some() || keeper::is_kept(&run_dir) {
        return Err(AdoptError::Lives(run.to_string()));
    }
    let past = past(reader, run, plan).map_err(look)?;
    let (task, past) = (plan.tasks[index].id.clone(), past[index].clone());
    let Some(rules) = plan.worktrees.clone() else { return Err(AdoptError::NoWork(task)) };
    let repo = Repo::find(workspace).map_err(WorktreesError::from)?;
    let pinned = repo.git.commit(&Names::of(run.as_str()).pinned())?;
    let begun = past.work.as_ref().map(|(base, _)| base.clone()).or(pinned);
    let Some(begun) = begun else { return Err(AdoptError::NoWork(task)) };
    let lfs = lfs::looked_after(&repo, &rules.lfs, &begun).map_err(WorktreesError::Repo)?;
    let mut ground = Ground::of((repo, begun), (workspace, &run_dir, run.as_str()), rules)
        .map_err(|source| AdoptError::File { path: run_dir.clone(), source })?;
    ground.look_after_lfs(lfs);
    let path = ground.path(&task);
    let admin = admins(&ground.repo.common_dir).remove(&path);
    let there = path.symlink_metadata().ok();
    let place = Place {
        run: run.to_string(),
        branch: ground.names.branch(&task),
        task: Some(task),
        index: Some(index),
        path,
        admin: admin.clone(),
    };
    match (there, admin) {
        (None, _) => make_again(&ground, (&place, &past)),
        (Some(meta), Some(admin)) if meta.is_dir() => {
            put_back(&place.path, &admin)
                .map_err(|source| AdoptError::File { path: place.path.clone(), source })?;
            if !summary.state.has_ended() {
                return Err(AdoptError::Open(run.to_string()));
            }
            take(&ground, (&place, &past), &run_dir)
        }
        (Some(_), _) => Err(MakeError::Foreign(place.path).into()),
    }
}

/// Makes a worktree that is gone, at what is left of it.
fn make_again(ground: &Ground, (place, past): (&Place, &Past)) -> Result<Adopted, AdoptError> {
    let (git, task) = (&ground.repo.git, place.task.clone().unwrap_or_default());
    let branch = git.commit(&format!("refs/heads/{}", place.branch))?;
    let recorded = past.work.as_ref().map(|(_, head)| head.clone());
    let present = git.present(recorded.iter())?;
    let kept = past.attempt.map(|attempt| ground.names.kept(&task, attempt));
    let kept = kept.map(|name| git.commit(&name)).transpose()?.flatten();
    let head = branch.or(recorded.filter(|head| present.contains(head))).or(kept);
    let Some(head) = head else { return Err(AdoptError::Lost(task)) };
    if place.admin.is_some() {
        ground.repo.remove_worktree(&place.path)?;
    }
    ground.repo.add_worktree_again(&place.path, (&place.branch, &head))?;
    let made = ground.git_in(&place.path).map_err(MakeError::from)?;
    made.run(&["reset", "--hard", "--quiet", "--no-recurse-submodules"])?;
    ground.furnish(&place.path)?;
    Ok(Adopted::MadeAgain { path: place.path.clone(), branch: place.branch.clone(), head })
}

/// Takes what stands in a worktree for the work of its task.
fn take(ground: &Ground, (place, past): (&Place, &Past), run_dir: &Path) -> Result<Adopted, AdoptError> {
    let (task, path) = (place.task.clone().unwrap_or_default(), place.path.clone());
    if past.collected && matches!(past.outcome, Some((NodeOutcome::Succeeded, _))) {
        return Err(AdoptError::Landed(task));
    }
    let Some(git) = git_at(&ground.repo, place, run_dir)? else { return Err(AdoptError::NoWork(task)) };
    if let Unsaved::Paths(paths) = unsaved(Some(git.clone())) {
        return Err(AdoptError::Unsaved { path, paths });
    }
    let Some(head) = git.commit("HEAD")? else { return Err(AdoptError::NoWork(task)) };
    let base = ground.pinned.clone();
    let good = past.collected || matches!(past.outcome, Some((NodeOutcome::Succeeded, _)));
    if good && past.work.as_ref().is_some_and(|(_, recorded)| *recorded == head) {
        return Ok(Adopted::AsRecorded { path, head });
    }
    if !git.is_ancestor(&base, &head)? {
        return Err(AdoptError::History(base));
    }
    let changes = git.changes(&base, &head)?;
    let copies = ground.committed_copies(&git, (&base, &head))?;
    let paths: Vec<String> = copies.into_iter().map(|(path, _)| path).collect();
    if !paths.is_empty() {
        return Err(AdoptError::Copies { path, base, paths });
    }
    if let Some(finding) = ground.forbidden(&git, (&head, &changes))?.into_iter().next() {
        return Err(AdoptError::Forbidden(finding.message));
    }
    if let Some(said) = ground.links_elsewhere((&git, &path), (&head, &changes))? {
        return Err(AdoptError::Forbidden(said));
    }
    let commits = git.commits_between(&base, &head)?.len();
    ground.put_on_branch(&git, &task, &head)?;
    ground.repo.git.set_ref(&ground.names.adopted(&task), &head)?;
    Ok(Adopted::Taken { path, base, head, commits, changes })
}
