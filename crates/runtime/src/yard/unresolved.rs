//! Conflicts that a task left in its worktree: git merged, rebased or took something up there, and nobody resolved what it met.
//!
//! Git tells them by the index, until everything in the worktree is staged. So they are written down before that, in the
//! directory of the run, for the task: whoever collects it again, or goes on from its work, wherever that stands by then, knows of
//! them. Judges no markers that somebody committed without having met a conflict: text may look like them.

use super::Ground;
use super::collecting::{Finding, locked};
use super::forbidden::named;
use super::making::MakeError;
use super::own_git::{OwnGitError, mend_index};
use crate::git::{Git, GitError};
use crate::private_file;
use regatta_engine::cause::Cause;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

/// The directory in that of a run: a file for each task whose work has some.
const DIR: &str = "unresolved";
/// So much of a record is read, in bytes;
const MOST_BYTES: u64 = 256 << 20;
/// and so much of a file. Git merges none that is larger.
const MOST_MARKED_BYTES: u64 = 1 << 30;
/// The signs of a marker stand at the beginning of its line, so many,
const SIGNS: usize = 7;

/// What a task left.
#[derive(Default, Debug, Serialize, Deserialize)]
struct Left {
    /// The attempt that left it last.
    attempt: u64,
    /// The paths.
    paths: BTreeSet<String>,
}

impl Ground {
    /// Takes note of conflicts that an attempt left in its worktree, before anything there is staged. Answers the paths that are
    /// unresolved now: those, and those of earlier attempts whose work it went on from if their markers still stand.
    ///
    /// # Errors
    /// It cannot be written down, or git fails.
    pub(super) fn note_unresolved(
        &self,
        (git, path): (&Git, &Path),
        (task, attempt): (&str, u64),
    ) -> io::Result<Vec<String>> {
        let record = self.record_of_unresolved(task);
        let named = |why: String| io::Error::other(format!("{}: {why}", record.display()));
        let before: Left = match private_file::read(&record, MOST_BYTES) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| named(error.to_string()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Left::default(),
            Err(error) => return Err(named(error.to_string())),
        };
        let stays = |left: &String| before.attempt == attempt || is_marked(&path.join(left));
        let mut paths: BTreeSet<String> = before.paths.iter().filter(|left| stays(left)).cloned().collect();
        paths.extend(unmerged(git).map_err(io::Error::other)?);
        if !paths.is_empty() {
            fs::create_dir_all(self.run_dir.join(DIR))?;
            let left = Left { attempt, paths: paths.clone() };
            private_file::replace(&record, &serde_json::to_vec(&left)?)?;
        }
        Ok(paths.into_iter().collect())
    }

    /// The same as a finding about an attempt, for people and for the attempt that follows.
    pub(super) fn unresolved(
        &self,
        (git, path): (&Git, &Path),
        worker: (&str, u64),
    ) -> Result<Option<Finding>, OwnGitError> {
        self.admin(path).iter().try_for_each(|admin| mend_index(git, admin))?;
        let left = self.note_unresolved((git, path), worker).map_err(|source| locked(path, source))?;
        let paths: Vec<&str> = left.iter().map(String::as_str).collect();
        let message = format!(
            "it left conflicts of a merge, rebase or the like unresolved: {}; edit them so that no markers are left, \
             and `git add` them",
            named(&paths)
        );
        Ok((!paths.is_empty()).then_some(Finding { cause: Cause::Partial, message }))
    }

    /// The worktree of a task stands as where it begins: nothing is there of what its attempts have left.
    ///
    /// # Errors
    /// What is written down cannot be removed.
    pub(super) fn forget_unresolved(&self, task: &str) -> Result<(), MakeError> {
        let path = self.record_of_unresolved(task);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(MakeError::File { path, source }),
            _ => Ok(()),
        }
    }

    /// By the task and not by where it works: others may have its worktree between two of its attempts.
    fn record_of_unresolved(&self, task: &str) -> PathBuf {
        self.run_dir.join(DIR).join(format!("{}.json", self.names.worktree(task)))
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
    let file = private_file::open(path).map(|file| BufReader::new(file.take(MOST_MARKED_BYTES)));
    // What cannot be read is no file that git wrote markers into.
    file.is_ok_and(|file| has_markers(file).unwrap_or(false))
}

/// Whether a line is a marker of a conflict. A row of `=` alone is no sign: it underlines headings. Keeps the beginning of one
/// line only, however long that is.
fn has_markers(mut text: impl BufRead) -> io::Result<bool> {
    let is_marker = |head: &[u8]| {
        let (signs, rest) = head.split_at(head.len().min(SIGNS));
        let one = signs.first().filter(|sign| b"<>|".contains(sign));
        signs.len() == SIGNS
            && one.is_some_and(|one| signs.iter().all(|sign| sign == one))
            && rest.first().is_none_or(|next| matches!(next, b' ' | b'\r' | b'\n'))
    };
    let mut head = Vec::new();
    loop {
        head.clear();
        let most = SIGNS as u64 + 1;
        if text.by_ref().take(most).read_until(b'\n', &mut head)? == 0 {
            return Ok(false);
        }
        if is_marker(&head) {
            return Ok(true);
        }
        if head.last() != Some(&b'\n') {
            text.skip_until(b'\n')?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{has_markers, is_marked};
    use std::fs::File;
    use std::io::{Seek as _, SeekFrom, Write as _};

    #[test]
    fn markers_are_told_from_what_looks_like_them() {
        for text in [
            "<<<<<<< ours\na\n",
            "a\n>>>>>>> theirs",
            "a\n||||||| base\r\n",
            "<<<<<<<",
            "<<<<<<<\n",
            "longer line\n>>>>>>>\r\nb",
        ] {
            assert!(has_markers(text.as_bytes()).unwrap(), "{text}");
        }
        for text in [
            "Title\n=======\n",
            "a << b",
            "<<<<<<<<< nine",
            " <<<<<<< indented",
            "",
            "<<<<<<>",
            "<<<<<<\n<",
            "12345678<<<<<<< x",
            "<<<<<<<x",
        ] {
            assert!(!has_markers(text.as_bytes()).unwrap(), "{text}");
        }
    }

    #[test]
    fn markers_are_found_in_a_file_of_any_size_without_keeping_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"begins\n").unwrap();
        file.seek(SeekFrom::Start(32 << 20)).unwrap();
        file.write_all(b"\n<<<<<<< ours\n").unwrap();
        assert!(is_marked(&path));
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(!is_marked(&path));
        assert!(!is_marked(dir.path()) && !is_marked(&dir.path().join("gone")));
        std::os::unix::fs::symlink("file", dir.path().join("link")).unwrap();
        std::fs::write(&path, "<<<<<<< ours\n").unwrap();
        assert!(is_marked(&path) && !is_marked(&dir.path().join("link")));
    }
}
