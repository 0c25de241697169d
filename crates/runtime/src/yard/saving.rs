//! Saves what stands in a worktree that is about to be made anew: an attempt that was lost, with its orchestrator and its
//! keeper, was collected by nobody.
//!
//! Knows no attempt but the one that follows.

use super::Ground;
use super::own_git::OwnGitError;
use crate::git::{Oid, Stamp};
use std::path::Path;

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
        let saved = self.save(&path, task, next_attempt);
        match saved {
            // What cannot be read is no work that could be saved; what follows puts it aside.
            Err(OwnGitError::Gone(_)) => Ok(()),
            saved => saved,
        }
    }

    fn save(&self, path: &Path, task: &str, next_attempt: u64) -> Result<(), OwnGitError> {
        let mend = |source| OwnGitError::Mend { path: path.to_owned(), source };
        self.unlock(path, &self.names.branch(task)).map_err(mend)?;
        let git = self.git_in(path)?;
        let Some(head) = git.commit("HEAD")? else { return Ok(()) };
        let mut tip = head.clone();
        if git.is_dirty()? {
            git.run(&["add", "--all", "--sparse"])?;
            let tree = git.run(&["write-tree"])?;
            if let Some(tree) = Oid::parse(String::from_utf8_lossy(&tree).trim())
                && tree != git.tree(&head)?
            {
                let seconds = git.seconds(&head)?;
                let stamp =
                    Stamp { author: self.committer.clone(), committer: self.committer.clone(), seconds };
                let run = self.names.run();
                let message =
                    format!("left by a lost attempt of {task}\n\nRegatta-Run: {run}\nRegatta-Task: {task}\n");
                tip = git.commit_tree((&tree, &[&head]), &message, &stamp)?;
            }
        }
        // Its branch is about to begin anew.
        let branch = format!("refs/heads/{}", self.names.branch(task));
        if tip != head || !self.repo.git.is_held_besides(&branch, &head)? {
            self.repo.git.set_ref(&self.names.left(task, next_attempt), &tip)?;
        }
        Ok(())
    }
}
