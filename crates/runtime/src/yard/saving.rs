//! Saves what stands in a worktree that is about to be made anew, or to become another task's: an attempt that was lost, with
//! its orchestrator and its keeper, was collected by nobody; and somebody may have put something where a task was done.
//!
//! Knows no attempt but the one that follows.

use super::Ground;
use super::own_git::OwnGitError;
use crate::git::{GitError, Oid, Stamp};
use crate::private_file;
use std::io::Read as _;
use std::path::Path;

/// What a commit says of what nobody collected.
pub(super) const LOST: &str = "left by a lost attempt of";

/// Where git puts aside what was not committed, for what it has half done;
const STASHED: [&str; 3] = ["MERGE_AUTOSTASH", "rebase-merge/autostash", "rebase-apply/autostash"];
/// and what it names in commits there: what is being rebased, and what is merged or picked.
const NAMED: [&str; 5] =
    ["rebase-merge/orig-head", "rebase-apply/orig-head", "sequencer/head", "MERGE_HEAD", "CHERRY_PICK_HEAD"];
/// So much of such a file is read, in bytes.
const MOST_BYTES: u64 = 64 << 10;

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

    /// Keeps where the branch of a task stands, which is about to stand elsewhere, if that is lost with it.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn keep_tip(&self, task: &str, next: &Oid) -> Result<(), GitError> {
        let (git, branch) = (&self.repo.git, format!("refs/heads/{}", self.names.branch(task)));
        let Some(tip) = git.commit(&branch)?.filter(|tip| tip != next) else { return Ok(()) };
        if git.is_ancestor(&tip, next)? || git.is_held_besides(&branch, &tip)? {
            return Ok(());
        }
        git.set_ref(&self.names.set_aside(task, tip.as_str()), &tip)
    }

    /// Keeps what git has half done in a worktree of a task, and what it had put aside for that.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn keep_half_done(&self, path: &Path, task: &str) -> Result<(), GitError> {
        let (git, Some(admin)) = (&self.repo.git, self.admin(path)) else { return Ok(()) };
        let commits = |name: &str| -> Result<Vec<Oid>, GitError> {
            let mut text = String::new();
            let read = private_file::open(&admin.join(name));
            // What cannot be read names nothing.
            let _ = read.and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
            let named = text.lines().filter_map(|line| Oid::parse(line.trim()));
            named.filter_map(|oid| git.commit(oid.as_str()).transpose()).collect()
        };
        for name in STASHED {
            for commit in commits(name)? {
                git.set_ref(&self.names.stashed(commit.as_str()), &commit)?;
            }
        }
        for name in NAMED {
            for commit in commits(name)? {
                if !git.is_held(&commit)? {
                    git.set_ref(&self.names.set_aside(task, commit.as_str()), &commit)?;
                }
            }
        }
        Ok(())
    }

    /// What is there as a commit, if no ref holds it.
    fn save(&self, path: &Path, task: &str, what: &str) -> Result<Option<Oid>, OwnGitError> {
        let mend = |source| OwnGitError::Mend { path: path.to_owned(), source };
        self.unlock(path, &self.names.branch(task)).map_err(mend)?;
        let git = self.git_in(path)?;
        self.keep_half_done(path, task)?;
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
