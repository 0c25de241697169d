//! What never belongs into a commit, and somebody committed all the same: our own directory, and what was copied in.
//!
//! Tasks, and git of ours, are told by a setting what is excluded. A person's git has no such setting: for it our directory
//! excludes itself, and what was copied in is found where it was committed.

use super::making::{TASK_DIR, is_copied};
use super::resolutions::new_index;
use super::{AttributesError, Ground};
use crate::git::{Change, ChangeKind, Git, GitError, Oid};

impl Ground {
    /// The paths among changes that never belong into a commit.
    pub(super) fn never_committed<'a>(&self, changes: &'a [Change]) -> Vec<&'a str> {
        let never = |change: &&Change| {
            is_ours(&change.path) && change.kind != ChangeKind::Deleted || self.is_copy(&change.path)
        };
        changes.iter().filter(never).map(|change| change.path.as_str()).collect()
    }

    /// A tree in which paths that never belong into a commit are as another one has them, and which they were.
    ///
    /// # Errors
    /// Git fails, or a file of ours cannot be written.
    pub(crate) fn without_copies(
        &self,
        git: &Git,
        (than, tree): (&Oid, &Oid),
    ) -> Result<(Oid, Vec<String>), AttributesError> {
        let changes = git.changes(than, tree)?;
        let out: Vec<String> = self.never_committed(&changes).into_iter().map(str::to_owned).collect();
        if out.is_empty() {
            return Ok((tree.clone(), out));
        }
        let index = new_index(&self.scratch)?;
        let vars = [("GIT_INDEX_FILE", index.to_string_lossy().into_owned())];
        let put_back = || -> Result<Vec<u8>, GitError> {
            let call = |args: &[&str], stdin: &[u8]| git.run_as(args, (stdin, &vars));
            call(&["read-tree", tree.as_str()], b"")?;
            let zeros = "0".repeat(tree.as_str().len());
            let mut lines: Vec<u8> =
                out.iter().flat_map(|path| format!("0 {zeros}\t{path}\0").into_bytes()).collect();
            for path in &out {
                let args = ["ls-tree", "-z", "--full-tree", than.as_str(), "--", path];
                lines.extend(git.run_as(&args, (b"", &[("GIT_LITERAL_PATHSPECS", "1".to_owned())]))?);
            }
            call(&["update-index", "--replace", "-z", "--index-info"], &lines)?;
            call(&["write-tree"], b"")
        };
        let written = put_back();
        // Nobody else knows its name.
        let _ = std::fs::remove_file(&index);
        let answer = || GitError::Answer { command: "write-tree".to_owned() };
        let tree = Oid::parse(String::from_utf8_lossy(&written?).trim()).ok_or_else(answer)?;
        Ok((tree, out))
    }

    /// Paths that were put into a worktree and are in one of the commits between two, sorted, each with one that has it. The last
    /// of these may not show them any more: with them they would be in the history of whatever they land in.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn committed_copies(
        &self,
        git: &Git,
        (base, head): (&Oid, &Oid),
    ) -> Result<Vec<(String, Oid)>, GitError> {
        if base == head {
            return Ok(Vec::new());
        }
        let written = git.written_between(base, head)?;
        Ok(written.into_iter().filter(|(path, _)| self.is_given(path)).collect())
    }

    /// Whether a path is that of a file of the user's which worktrees get. What is tracked is there anyway.
    fn is_copy(&self, path: &str) -> bool {
        is_copied(&self.copies, path) && !self.tracked.contains(path)
    }

    /// Whether a path was put into the worktree by us.
    pub(super) fn is_given(&self, path: &str) -> bool {
        is_ours(path) || self.is_copy(path)
    }
}

/// Whether a path is in our own directory.
fn is_ours(path: &str) -> bool {
    path.strip_prefix(TASK_DIR).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
