//! Makes, lists and removes worktrees.
//!
//! Knows no task; whose a worktree is, its caller knows by its path.

use super::{Git, GitError, Oid};
use std::path::{Path, PathBuf};

/// A worktree as git lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Where.
    pub path: PathBuf,
    /// The branch that it is on, by its full ref.
    pub branch: Option<String>,
}

impl Git {
    /// Makes a worktree at `path`, on a new branch at `commit`, locked so that nobody's clean-up takes it.
    ///
    /// # Errors
    /// The path or the branch exists, or git fails.
    pub fn add_worktree(&self, path: &Path, (branch, commit): (&str, &Oid)) -> Result<(), GitError> {
        let path = path.to_string_lossy();
        let args = [
            "worktree",
            "add",
            "--quiet",
            "--no-track",
            "--lock",
            "--reason",
            "a run of regatta",
            "-b",
            branch,
            "--",
            &path,
            commit.as_str(),
        ];
        self.run(&args).map(|_| ())
    }

    /// Every worktree of the repository, the user's own first.
    ///
    /// # Errors
    /// Git fails.
    pub fn worktrees(&self) -> Result<Vec<Listed>, GitError> {
        let out = self.run(&["worktree", "list", "--porcelain", "-z"])?;
        let mut listed: Vec<Listed> = Vec::new();
        for line in out.split(|b| *b == 0) {
            let line = String::from_utf8_lossy(line);
            if let Some(path) = line.strip_prefix("worktree ") {
                listed.push(Listed { path: PathBuf::from(path), branch: None });
            } else if let (Some(branch), Some(last)) = (line.strip_prefix("branch "), listed.last_mut()) {
                last.branch = Some(branch.to_owned());
            }
        }
        Ok(listed)
    }

    /// Removes a worktree with all that is in it; one that is gone already is no error.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove_worktree(&self, path: &Path) -> Result<(), GitError> {
        if path.exists() {
            // Twice forced: it is locked, and may hold what was never committed. Who calls has looked at that.
            return self
                .run(&["worktree", "remove", "--force", "--force", "--", &path.to_string_lossy()])
                .map(|_| ());
        }
        self.forget_worktree(path)
    }

    /// Forgets a worktree whose directory is gone.
    fn forget_worktree(&self, path: &Path) -> Result<(), GitError> {
        if self.worktrees()?.iter().any(|listed| listed.path == path) {
            let path = path.to_string_lossy();
            // One that is not locked any more is no error.
            let _ = self.run(&["worktree", "unlock", "--", &path]);
            self.run(&["worktree", "remove", "--force", "--", &path])?;
        }
        Ok(())
    }
}
