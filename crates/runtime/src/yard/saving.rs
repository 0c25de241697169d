//! Saves what stands in a worktree that is about to be made anew, or to become another task's: an attempt that was lost, with
//! its orchestrator and its keeper, was collected by nobody; and somebody may have put something where a task was done.
//!
//! Knows no attempt but the one that follows.

use super::Ground;
use super::own_git::OwnGitError;
use crate::git::{Oid, Stamp};
use std::path::Path;

/// What a commit says of what nobody collected.
pub(super) const LOST: &str = "left by a lost attempt of";

impl Ground {
    /// Keeps what is in the worktree of a task and that no ref holds, under a ref that names the attempt to come. Its dates
    /// are those of the commit that it stands on, so saving it again gives the same.
    ///
    /// # Errors
    /// Git fails; the worktree is as it was.
    pub(super) fn save_left(&self, task: &str, next_attempt: u64) -> Result<(), OwnGitError> {
        let path = self.path(task);
        if !path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) || self.admin(&path).is_none() {
            return Ok(());
        }
        match self.save(&path, task, LOST) {
            Ok(Some(tip)) => Ok(self.repo.git.set_ref(&self.names.left(task, next_attempt), &tip)?),
            Ok(None) => Ok(()),
            // What cannot be read is no work that could be saved; what follows puts it aside.
            Err(OwnGitError::Gone(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Keeps what somebody put into the worktree of a task that was done, if there is any, and says so with the next attempt
    /// that ends.
    ///
    /// # Errors
    /// Git fails; the worktree is as it was.
    pub(super) fn save_put_there(&self, path: &Path, task: &str) -> Result<(), OwnGitError> {
        if let Some(tip) = self.save(path, task, "put into the worktree of")? {
            let name = self.names.put_there(task, tip.as_str());
            self.repo.git.set_ref(&name, &tip)?;
            self.to_be_said(format!(
                "what somebody put into the worktree of `{task}` after its end is at {name}"
            ));
        }
        Ok(())
    }

    /// What is there as a commit, if no ref holds it.
    fn save(&self, path: &Path, task: &str, what: &str) -> Result<Option<Oid>, OwnGitError> {
        let mend = |source| OwnGitError::Mend { path: path.to_owned(), source };
        self.unlock(path, &self.names.branch(task)).map_err(mend)?;
        let git = self.git_in(path)?;
        let Some(head) = git.commit("HEAD")? else { return Ok(None) };
        let mut tip = head.clone();
        let (staged, inner) = self.stage(&git, &head)?;
        let tree = self
            .without_setup((&git, path), (&head, staged))
            .and_then(|staged| self.with_inner((&git, path), (&head, &staged), inner));
        let tree = tree.map_err(|error| error.into_own(path))?.tree;
        if tree != git.tree(&head)? {
            let seconds = git.seconds(&head)?;
            let stamp = Stamp { author: self.committer.clone(), committer: self.committer.clone(), seconds };
            let run = self.names.run();
            let message = format!("{what} {task}\n\nRegatta-Run: {run}\nRegatta-Task: {task}\n");
            tip = git.commit_tree((&tree, &[&head]), &message, &stamp)?;
        }
        // Its branch is about to begin anew.
        let branch = format!("refs/heads/{}", self.names.branch(task));
        Ok((tip != head || !self.repo.git.is_held_besides(&branch, &head)?).then_some(tip))
    }
}
