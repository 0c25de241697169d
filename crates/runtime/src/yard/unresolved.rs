//! Conflicts that a task left in its worktree: git merged, rebased or took something up there, and nobody resolved what it met.
//!
//! Git tells them by the index, until everything in the worktree is staged. So they are written down before that, in the
//! directory of the run: whoever collects it again, or goes on there, knows of them. Judges no markers that somebody committed
//! without having met a conflict: text may look like them.

use super::Ground;
use super::collecting::{Finding, locked};
use super::forbidden::named;
use super::own_git::OwnGitError;
use crate::git::{Git, GitError};
use crate::private_file;
use regatta_engine::cause::Cause;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// The directory in that of a run: a file for each worktree that has some.
const DIR: &str = "unresolved";

/// What was left in a worktree.
#[derive(Default, Debug, Serialize, Deserialize)]
struct Left {
    /// The attempt that left it last.
    attempt: u64,
    /// The paths.
    paths: BTreeSet<String>,
}

impl Ground {
    /// Takes note of conflicts that an attempt left in its worktree, before anything there is staged. Answers the paths that are
    /// unresolved now: those, and those of earlier attempts that went on there if their markers still stand.
    ///
    /// # Errors
    /// It cannot be written down, or git fails.
    pub(super) fn note_unresolved(
        &self,
        (git, path): (&Git, &Path),
        attempt: u64,
    ) -> io::Result<Vec<String>> {
        let record = self.record_of_unresolved(path);
        let before: Left = match fs::read(&record) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == ErrorKind::NotFound => Left::default(),
            Err(error) => return Err(error),
        };
        let stays = |left: &String| before.attempt == attempt || is_marked(&path.join(left));
        let mut paths: BTreeSet<String> = before.paths.iter().filter(|left| stays(left)).cloned().collect();
        paths.extend(unmerged(git).map_err(io::Error::other)?);
        if !paths.is_empty() {
            fs::create_dir_all(self.run_dir.join(DIR))?;
            let new = record.with_extension("new");
            let left = Left { attempt, paths: paths.clone() };
            private_file::create(&new)?.write_all(&serde_json::to_vec(&left)?)?;
            fs::rename(new, record)?;
        }
        Ok(paths.into_iter().collect())
    }

    /// The same as a finding about an attempt, for people and for the attempt that follows.
    pub(super) fn unresolved(
        &self,
        (git, path): (&Git, &Path),
        attempt: u64,
    ) -> Result<Option<Finding>, OwnGitError> {
        let left = self.note_unresolved((git, path), attempt).map_err(|source| locked(path, source))?;
        let paths: Vec<&str> = left.iter().map(String::as_str).collect();
        let message = format!(
            "it left conflicts of a merge, rebase or the like unresolved: {}; edit them so that no markers are left, \
             and `git add` them",
            named(&paths)
        );
        Ok((!paths.is_empty()).then_some(Finding { cause: Cause::Partial, message }))
    }

    /// A worktree is made anew: nobody has left anything there.
    ///
    /// # Errors
    /// What is written down cannot be removed.
    pub(super) fn forget_unresolved(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(self.record_of_unresolved(path)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn record_of_unresolved(&self, path: &Path) -> PathBuf {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".json");
        self.run_dir.join(DIR).join(name)
    }
}

/// Paths that git would not commit, because what met there was not resolved.
fn unmerged(git: &Git) -> Result<BTreeSet<String>, GitError> {
    let out = git.run(&["ls-files", "--unmerged", "-z"])?;
    let path = |entry: &[u8]| {
        let tab = entry.iter().position(|b| *b == b'\t')?;
        Some(String::from_utf8_lossy(&entry[tab + 1..]).into_owned())
    };
    Ok(out.split(|b| *b == 0).filter_map(path).collect())
}

/// Whether a file has the markers of a conflict in it.
pub(crate) fn is_marked(path: &Path) -> bool {
    let plain = path.symlink_metadata().is_ok_and(|meta| meta.is_file());
    plain && fs::read(path).is_ok_and(|bytes| has_markers(&bytes))
}

/// Whether a line is a marker of a conflict. A row of `=` alone is no sign: it underlines headings.
fn has_markers(bytes: &[u8]) -> bool {
    let marker = |line: &[u8], sign: u8| {
        line.len() >= 7
            && line[..7].iter().all(|b| *b == sign)
            && line.get(7).is_none_or(|b| matches!(b, b' ' | b'\r'))
    };
    bytes.split(|b| *b == b'\n').any(|line| b"<>|".iter().any(|sign| marker(line, *sign)))
}

#[cfg(test)]
mod tests {
    use super::has_markers;

    #[test]
    fn markers_are_told_from_what_looks_like_them() {
        for text in ["<<<<<<< ours\na\n", "a\n>>>>>>> theirs", "a\n||||||| base\r\n", "<<<<<<<"] {
            assert!(has_markers(text.as_bytes()), "{text}");
        }
        for text in ["Title\n=======\n", "a << b", "<<<<<<<<< nine", " <<<<<<< indented", ""] {
            assert!(!has_markers(text.as_bytes()), "{text}");
        }
    }
}
