//! Merges without a checkout, under the attributes that the real merge would see.
//!
//! `merge-tree` reads attributes from the files of the directory it runs in, so that directory must hold those of "ours",
//! whatever git it is: `--attr-source` is younger than what we ask for. Only these files are written.

use super::own_git::OwnGitError;
use super::resolutions::{Clash, Known, Resolutions};
use crate::git::{Git, GitError, Merged, Oid, Repo};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const ATTRIBUTES: &str = ".gitattributes";
/// The directory for a commit that has none.
const NONE: &str = "none";

/// Tells directories apart that are being filled at once.
static FILLED: AtomicU64 = AtomicU64::new(0);

/// Why there is no such directory.
#[derive(Debug, thiserror::Error)]
pub enum AttributesError {
    /// Git fails.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A file cannot be written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl AttributesError {
    /// The same, met in a worktree.
    pub(super) fn into_own(self, worktree: &Path) -> OwnGitError {
        match self {
            AttributesError::Git(error) => OwnGitError::Git(error),
            AttributesError::File { source, .. } => OwnGitError::Mend { path: worktree.to_owned(), source },
        }
    }
}

/// A repository, and a directory of ours for attributes of its commits.
#[derive(Clone, Copy, Debug)]
pub struct Merger<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// The directory; it is made when it is needed.
    pub scratch: &'a Path,
    /// How conflicts were resolved before.
    pub resolutions: &'a Resolutions,
}

/// What came of two commits that met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meeting {
    /// The tree.
    Clean(Oid),
    /// They conflict as others did before, and how that was resolved is known.
    Known(Clash, Known),
    /// They conflict.
    Clash(Clash),
}

impl Merger<'_> {
    /// Git in a directory that holds the attributes of a commit and nothing else.
    ///
    /// # Errors
    /// Git fails, or a file of ours cannot be written.
    pub fn git_at(&self, ours: &Oid) -> Result<Git, AttributesError> {
        let dir = self.attributes_of(ours)?;
        let common = &self.repo.common_dir;
        Ok(self.repo.harmless()?.fixed((&dir, common, common)))
    }

    /// Merges `theirs` into `ours` as [`Git::merge_tree`] does, and takes what was resolved before.
    ///
    /// # Errors
    /// Git fails, or a file of ours cannot be written.
    pub fn merge(&self, git: &Git, base: Option<&Oid>, sides: [&Oid; 2]) -> Result<Meeting, AttributesError> {
        let [ours, theirs] = sides;
        Ok(match git.merge_tree(base, (ours, theirs))? {
            Merged::Clean(tree) => Meeting::Clean(tree),
            Merged::Conflict { tree, met, .. } => {
                let clash = Clash { tree, met, sides: sides.map(Oid::clone) };
                match self.resolutions.settle((git, self.scratch), &clash)? {
                    Some(known) => Meeting::Known(clash, known),
                    None => Meeting::Clash(clash),
                }
            }
        })
    }

    fn attributes_of(&self, ours: &Oid) -> Result<PathBuf, AttributesError> {
        let files = attribute_files(&self.repo.git, ours)?;
        let dir = self.scratch.join(if files.is_empty() { NONE } else { ours.as_str() });
        if dir.is_dir() {
            return Ok(dir);
        }
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| AttributesError::File { path, source }
        };
        if files.is_empty() {
            // A rename would replace an empty one, in which git may work by now.
            return fs::create_dir_all(&dir).map_err(failed(&dir)).map(|()| dir);
        }
        let n = FILLED.fetch_add(1, Ordering::Relaxed);
        let new = self.scratch.join(format!("new.{}.{n}", std::process::id()));
        fs::create_dir_all(&new).map_err(failed(&new))?;
        for (name, blob) in &files {
            let path = new.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(failed(parent))?;
            }
            let content = self.repo.git.run(&["cat-file", "blob", blob.as_str()])?;
            fs::write(&path, content).map_err(failed(&path))?;
        }
        match fs::rename(&new, &dir) {
            Ok(()) => Ok(dir),
            // Somebody else was faster, with the same files.
            Err(_) if dir.is_dir() => {
                let _ = fs::remove_dir_all(&new);
                Ok(dir)
            }
            Err(source) => Err(AttributesError::File { path: dir, source }),
        }
    }
}

/// The files of attributes that a commit has, with their blobs. Git reads none through a link.
fn attribute_files(git: &Git, commit: &Oid) -> Result<Vec<(String, Oid)>, GitError> {
    let out = git.run(&["ls-tree", "-r", "-z", "--full-tree", commit.as_str()])?;
    let entry = |line: &[u8]| {
        let (head, path) = std::str::from_utf8(line).ok()?.split_once('\t')?;
        let mut words = head.split(' ');
        let (mode, blob) = (words.next()?, words.nth(1)?);
        let named = path == ATTRIBUTES || path.ends_with("/.gitattributes");
        (named && mode.starts_with("100")).then(|| Some((path.to_owned(), Oid::parse(blob)?)))?
    };
    Ok(out.split(|b| *b == 0).filter_map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;
    use std::sync::Barrier;

    #[test]
    fn a_directory_in_which_git_may_work_is_replaced_by_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let git = Git::at(dir.path());
        git.run(&["init", "-q", "-b", "main"]).unwrap();
        let empty = git.feed(&["mktree"], b"").unwrap();
        let empty = String::from_utf8(empty).unwrap();
        let names = ["-c", "user.name=a", "-c", "user.email=a"];
        let commit = git.run(&[&names[..], &["commit-tree", "-m", "a", empty.trim()]].concat()).unwrap();
        let commit = Oid::parse(String::from_utf8(commit).unwrap().trim()).unwrap();
        git.run(&["update-ref", "HEAD", commit.as_str()]).unwrap();
        let repo = Repo::find(dir.path()).unwrap();
        let resolutions = Resolutions::read(dir.path()).unwrap();
        for round in 0..20 {
            let scratch = dir.path().join(format!("scratch-{round}"));
            let merger = Merger { repo: &repo, scratch: &scratch, resolutions: &resolutions };
            let all = Barrier::new(4);
            let here = |_: u32| {
                all.wait();
                fs::File::open(merger.attributes_of(&commit).unwrap()).unwrap()
            };
            let used: Vec<fs::File> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|n| scope.spawn(move || here(n))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(
                used.iter().all(|dir| dir.metadata().unwrap().nlink() > 0),
                "one was removed in round {round}"
            );
        }
    }
}
