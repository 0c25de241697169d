//! What `setup` made or changed in a worktree before its task began there. It is no task's work until a task changes it.
//!
//! ```text
//! setup done -> what differs from the base, by path and content: a file of the run beside the worktree's name
//!            -> what is new of that is excluded there, as copied files are
//! collecting -> what still has that content is as in the base again, in the commit; the files stay as they are
//! ```
//! What git ignores needs none of it: it is never committed anyway. Knows no task.

use super::entries::Bytes;
use super::making::MakeError;
use super::own_git::OwnGitError;
use super::strange::{special, would_wait};
use super::whole::{add_all, write_tree};
use super::{AttributesError, Ground};
use crate::git::{Difference, Git, GitError, Oid};
use crate::private_file;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// The directory of a run in which it is recorded.
const DIR: &str = "prepared";
/// The end of the name of what is never committed of a worktree.
const EXCLUDE: &str = "exclude";
/// The end of the name of what was found there.
const FOUND: &str = "json";

/// What a key of a path begins with that is no text.
const NO_TEXT: char = '\0';
/// So much of a record is read, in bytes.
const MOST_BYTES: u64 = 1 << 30;

/// What is found of something that git does not keep.
const SPECIAL: &str = "special";

/// What `setup` found and left, by path: mode and object each, or nothing where nothing is.
type Found = BTreeMap<Vec<u8>, (Option<String>, Option<String>)>;

/// A path as the key of a record: one that is no text in hexadecimal, behind what no path has.
fn key(path: &[u8]) -> String {
    match std::str::from_utf8(path) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("{NO_TEXT}{}", String::from(Bytes(path.to_vec()))),
    }
}

/// The path of such a key.
fn path_of(key: String) -> Vec<u8> {
    let bytes = key.strip_prefix(NO_TEXT).and_then(|hex| Bytes::try_from(hex.to_owned()).ok());
    bytes.map_or_else(|| key.into_bytes(), |bytes| bytes.0)
}

/// What is never committed of a worktree of a run, as a file for git, if it has one of its own.
pub(crate) fn own_excludes(run_dir: &Path, worktree: &Path) -> Option<PathBuf> {
    Some(record(run_dir, worktree, EXCLUDE)).filter(|path| path.exists())
}

fn record(run_dir: &Path, worktree: &Path, ending: &str) -> PathBuf {
    let mut name = worktree.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    run_dir.join(DIR).join(name)
}

impl Ground {
    /// `setup` has run in the worktree of a task: what it left is remembered. What is remembered already stands, because
    /// somebody has worked there since.
    ///
    /// # Errors
    /// Git fails, or it cannot be written down.
    pub(super) fn remember_setup(&self, task: &str) -> Result<(), MakeError> {
        let path = self.path(task);
        let [exclude_path, record_path] = [EXCLUDE, FOUND].map(|ending| record(&self.run_dir, &path, ending));
        if record_path.exists() {
            return Ok(());
        }
        let failed = |source| MakeError::File { path: path.clone(), source };
        // Nobody works there.
        let waits = self.unlock(&path, &self.names.branch(task)).map_err(failed)?;
        if let Some(said) = would_wait(&waits) {
            return Err(failed(io::Error::other(said)));
        }
        let git = self.git_in(&path)?;
        let unsaved = git.each_unsaved()?;
        let special = special(&git, &path)?;
        // A worktree that is made of what an earlier attempt left does not begin where the task does.
        let Some(base) = git.commit("HEAD")?.filter(|_| !unsaved.is_empty() || !special.is_empty()) else {
            return Ok(());
        };
        let inner = unsaved.into_iter().filter(|(_, inner)| *inner);
        let inner: Vec<PathBuf> = inner.map(|(path, _)| PathBuf::from(OsStr::from_bytes(&path))).collect();
        let found = self.differs_from((&git, &path), &base, &inner)?;
        let new = found.iter().filter(|differs| differs.before.is_none()).map(|differs| differs.path.clone());
        let new = new.chain(inner.iter().map(|path| path.as_os_str().as_bytes().to_vec()));
        let failed = |source| MakeError::File { path: record_path.clone(), source };
        let mut excludes = fs::read(&self.excludes).map_err(failed)?;
        new.for_each(|path| excludes.extend(literally(&path)));
        let mut found: Found =
            found.into_iter().map(|differs| (differs.path, (differs.before, differs.after))).collect();
        let special = special.into_iter().map(|path| path.into_os_string().into_vec());
        found.extend(special.map(|path| (path, (None, Some(SPECIAL.to_owned())))));
        let record: BTreeMap<String, _> = found.iter().map(|(path, found)| (key(path), found)).collect();
        let text = serde_json::to_vec(&record).unwrap_or_default();
        fs::create_dir_all(self.run_dir.join(DIR)).map_err(failed)?;
        private_file::replace(&exclude_path, &excludes).map_err(failed)?;
        private_file::replace(&record_path, &text).map_err(failed)
    }

    /// What stands in a worktree and not in `base`, read beside its index.
    fn differs_from(
        &self,
        (git, path): (&Git, &Path),
        base: &Oid,
        inner: &[PathBuf],
    ) -> Result<Vec<Difference>, OwnGitError> {
        let failed = |source| OwnGitError::Mend { path: path.to_owned(), source };
        let index = record(&self.run_dir, path, "index");
        fs::create_dir_all(self.run_dir.join(DIR)).map_err(failed)?;
        if let Some(own) = self.admin(path).map(|admin| admin.join("index")).filter(|own| own.exists()) {
            fs::copy(own, &index).map_err(failed)?;
        }
        let vars = [("GIT_INDEX_FILE", index.to_string_lossy().into_owned())];
        let tree = add_all(git, inner, &vars).and_then(|()| write_tree(git, &vars));
        // Nobody else knows its name.
        let _ = fs::remove_file(&index);
        Ok(git.differences(base, &tree?)?)
    }

    /// A worktree is made anew: nothing is known of what `setup` leaves there.
    ///
    /// # Errors
    /// A record cannot be removed.
    pub(super) fn forget_setup(&self, worktree: &Path) -> io::Result<()> {
        for ending in [EXCLUDE, FOUND] {
            match fs::remove_file(record(&self.run_dir, worktree, ending)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// What `setup` left in a worktree, if anything but ignored files.
    fn left_by_setup(&self, worktree: &Path) -> Option<Found> {
        let text = private_file::read(&record(&self.run_dir, worktree, FOUND), MOST_BYTES).ok()?;
        let found: BTreeMap<String, _> = serde_json::from_slice(&text).ok()?;
        let found: Found = found.into_iter().map(|(key, found)| (path_of(key), found)).collect();
        Some(found).filter(|found| !found.is_empty())
    }

    /// Pipes, sockets and devices that a task made in its worktree.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn special_of_task(&self, git: &Git, path: &Path) -> Result<Vec<String>, GitError> {
        let found = self.left_by_setup(path).unwrap_or_default();
        let new = |path: &PathBuf| !found.contains_key(path.as_os_str().as_bytes());
        let special = special(git, path)?.into_iter().filter(new);
        Ok(special.map(|path| path.to_string_lossy().into_owned()).collect())
    }

    /// Takes out of a staged tree of a worktree what `setup` left there and nobody has changed since; what of that was changed
    /// is in it. Answers the tree.
    ///
    /// # Errors
    /// Git fails.
    pub(super) fn without_setup(
        &self,
        (git, path): (&Git, &Path),
        (base, staged): (&Oid, Oid),
    ) -> Result<Oid, AttributesError> {
        let Some(found) = self.left_by_setup(path) else { return Ok(staged) };
        // They are excluded, so nobody has put them into the index but who meant to.
        let made = found.keys().filter(|name| is_file(&found[*name].1) && stands_inside(path, name));
        let made: Vec<u8> = made.flat_map(|name| [name, &b"\0"[..]].concat()).collect();
        git.feed(&["update-index", "--add", "--remove", "-z", "--stdin"], &made)?;
        let now = git.differences(base, &write_tree(git, &[])?)?;
        let gone = format!("0 {}", "0".repeat(base.as_str().len()));
        let left = |differs: &Difference| {
            let (before, after) = found.get(&differs.path)?;
            (*after == differs.after).then(|| (before.as_deref(), differs.path.clone()))
        };
        let mut same: Vec<(Option<&str>, Vec<u8>)> = now.iter().filter_map(left).collect();
        // What goes makes room: a file can be where a directory was.
        same.sort_by_key(|(before, _)| before.is_some());
        let line = |(before, path): &(Option<&str>, Vec<u8>)| {
            [before.unwrap_or(&gone).as_bytes(), b"\t", path, b"\0"].concat()
        };
        let lines: Vec<u8> = same.iter().flat_map(line).collect();
        if !lines.is_empty() {
            git.feed(&["update-index", "-z", "--index-info"], &lines)?;
        }
        Ok(write_tree(git, &[])?)
    }

    /// Whether a worktree holds anything that is not committed and that `setup` has not left there.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn has_more_than_setup(&self, git: &Git, path: &Path) -> Result<bool, GitError> {
        let unsaved = git.each_unsaved()?;
        let Some(found) = self.left_by_setup(path) else { return Ok(!unsaved.is_empty()) };
        for (name, inner) in unsaved {
            let Some((_, left)) = found.get(&name).filter(|_| !inner) else { return Ok(true) };
            let there = path.join(OsStr::from_bytes(&name)).symlink_metadata().ok();
            let same = match (left, there) {
                (None, None) => true,
                (Some(left), Some(meta)) if meta.is_file() => {
                    let args = ["hash-object", "--no-filters", "--"].map(OsStr::new);
                    let id = git.run(&[&args[..], &[OsStr::from_bytes(&name)]].concat())?;
                    left.ends_with(String::from_utf8_lossy(&id).trim())
                }
                _ => false,
            };
            if !same {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn is_file(found: &Option<String>) -> bool {
    found.as_ref().is_some_and(|found| found != SPECIAL)
}

/// Whether something stands at a path, and no link leads to it.
fn stands_inside(root: &Path, path: &[u8]) -> bool {
    let path = Path::new(OsStr::from_bytes(path));
    let (full, parent) = (root.join(path), path.parent().unwrap_or(Path::new("")));
    let real = |path: &Path| fs::canonicalize(path).ok();
    let stays =
        real(root).zip(full.parent().and_then(real)).is_some_and(|(root, at)| at == root.join(parent));
    stays && full.symlink_metadata().is_ok_and(|meta| !meta.is_dir())
}

/// A path as a line with a pattern that means nothing else; in the place of what would end the line any sign of that
/// kind can stand.
fn literally(path: &[u8]) -> Vec<u8> {
    let mut pattern = b"/".to_vec();
    for byte in path {
        match byte {
            b'\n' | b'\r' => pattern.extend_from_slice(b"[[:cntrl:]]"),
            b'\\' | b'*' | b'?' | b'[' | b']' | b' ' | b'#' | b'!' => pattern.extend([b'\\', *byte]),
            _ => pattern.push(*byte),
        }
    }
    pattern.push(b'\n');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_pattern_and_one_key_whatever_its_bytes() {
        assert_eq!(literally(b"a b\nwork/\r"), b"/a\\ b[[:cntrl:]]work/[[:cntrl:]]\n");
        assert_eq!(literally(b"b\xff*"), b"/b\xff\\*\n");
        for path in [&b"a/b"[..], b"b\xff", b"a\nb", b""] {
            assert_eq!(path_of(key(path)), path);
        }
        // As records had them always.
        assert_eq!(key(b"a/b"), "a/b");
    }
}
