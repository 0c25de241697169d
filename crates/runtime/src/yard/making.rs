//! Makes the worktree of an attempt, and puts into it what the plan says.
//!
//! Nothing outside the directory of worktrees is created or removed.

use super::own_git::{CONE, OwnGitError};
use super::{AttributesError, Ground, cone};
use crate::git::{Git, GitError, Oid};
use crate::private_file;
use globset::GlobSet;
use regatta_fault as fault;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::Ordering;

/// The directory in a worktree through which a task speaks to us.
pub const TASK_DIR: &str = ".regatta-task";

/// The file in it that tells which conflict was left there to a person: its two sides, and the tree as it stood.
pub(crate) const LEFT: &str = "left-to-a-person";

/// Why a worktree could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// Git fails.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Predecessors cannot be merged.
    #[error(transparent)]
    Attributes(#[from] AttributesError),
    /// One that is there cannot be worked with.
    #[error(transparent)]
    OwnGit(#[from] OwnGitError),
    /// Something else of that name is there.
    #[error("{} is there and is not ours", .0.display())]
    Foreign(PathBuf),
    /// A file cannot be copied into it, or its directory cannot be made.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Ground {
    /// Makes the worktree of a task at `base`. What an earlier attempt had there is gone: its work is kept by a ref.
    ///
    /// # Errors
    /// It cannot be made; nothing of it is left then.
    pub(super) fn make(&self, task: &str, base: &Oid) -> Result<PathBuf, MakeError> {
        fault::point("worktree.before");
        let path = self.path(task);
        let branch = self.names.branch(task);
        self.forget_worker(&path)?;
        self.clear(&path)?;
        let forgotten = self.forget_setup(&path);
        forgotten.map_err(|source| MakeError::File { path: path.clone(), source })?;
        let full = format!("refs/heads/{branch}");
        // What earlier attempts left their refs keep; what stands on it besides, as in the middle of a rebase, gets one.
        self.keep_tip(task, base)?;
        self.repo.git.drop_refs(std::slice::from_ref(&full))?;
        let at = (branch.as_str(), base);
        let dirs = self.cones.get(task);
        let made = match self.recycle(&path, at) {
            Ok(true) => Ok(()),
            Ok(false) => self.check_out_cone(&path, at, dirs).map(drop),
            Err(error) => Err(error),
        };
        made.and_then(|()| self.furnish(&path)).inspect_err(|_| {
            // What was half made must not be in the way of the next try; that it failed is told already.
            let _ = self.clear(&path);
            let _ = self.repo.git.run(&["update-ref", "--no-deref", "-d", &full]);
        })?;
        fault::point("worktree.made");
        Ok(path)
    }

    /// Removes the worktree of a task in which nobody has worked, and its branch. One that was to be gone on with stays.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, task: &str) -> Result<(), MakeError> {
        if self.was_worked_in(task) {
            return Ok(());
        }
        self.clear(&self.path(task))?;
        let full = format!("refs/heads/{}", self.names.branch(task));
        self.repo.git.drop_refs(std::slice::from_ref(&full))?;
        Ok(())
    }

    /// A conflict that a task would have begun from is resolved: the worktree for that goes, or what a death left of it,
    /// unless it was left to a person who has begun more there.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(crate) fn clear_resolved(&self, task: &str) -> Result<(), MakeError> {
        let path = self.dir.join(self.names.base_worktree(task));
        let branch = format!("refs/heads/{}", self.names.base(task));
        // Without it nobody was asked: what lies there is of a resolver that was killed.
        let left = fs::read_to_string(path.join(TASK_DIR).join(LEFT)).ok();
        let whole = self.is_there(&path);
        if whole && left.is_some() && self.has_been_worked_in(&path)? {
            return Ok(());
        }
        let git = &self.repo.git;
        let stands = git.commit(&branch)?;
        let head = if whole { self.git_in(&path)?.commit("HEAD")? } else { None };
        for commit in stands.iter().chain(&head) {
            let first = left.as_deref().and_then(|left| left.lines().next());
            if first == Some(commit.as_str()) || self.stood.has(commit).unwrap_or(false) {
                continue;
            }
            // Somebody committed there, and it was not needed; it is theirs all the same.
            if left.is_some() || !git.is_held_besides(&branch, commit)? {
                self.keep_by_person(commit)?;
            }
        }
        if stands.is_some() {
            git.drop_refs(&[branch])?;
        }
        match self.clear(&path) {
            // What is no worktree of ours is in nobody's way any more; an empty directory was to be one.
            Err(MakeError::Foreign(_)) => {
                let _ = fs::remove_dir(&path);
                Ok(())
            }
            cleared => cleared,
        }
    }

    /// Keeps what a person committed where a conflict was left to them.
    pub(crate) fn keep_by_person(&self, commit: &Oid) -> Result<(), GitError> {
        self.repo.git.set_ref(&self.names.by_person(commit.as_str()), commit)
    }

    /// Whether there is more in it than we left there.
    pub(crate) fn has_been_worked_in(&self, path: &Path) -> Result<bool, MakeError> {
        let git = self.git_in(path)?;
        if !git.is_dirty()? {
            return Ok(false);
        }
        let left = fs::read_to_string(path.join(TASK_DIR).join(LEFT)).unwrap_or_default();
        let (tree, tip) = (left.lines().nth(2), git.commit("HEAD")?);
        Ok(match (tree, tip) {
            (Some(tree), Some(tip)) => self.as_it_stands((&git, &tip))?.as_str() != tree,
            _ => true,
        })
    }

    /// Whether a worktree of ours is whole at a path.
    pub(crate) fn is_there(&self, path: &Path) -> bool {
        path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) && self.admin(path).is_some()
    }

    /// Where the worktree of a task is.
    #[must_use]
    pub fn path(&self, task: &str) -> PathBuf {
        if self.is_one_by_one() { self.common_path() } else { self.dir.join(self.names.worktree(task)) }
    }

    /// The one worktree that tasks have one after the other where they cannot each have their own.
    fn common_path(&self) -> PathBuf {
        self.dir.join(self.names.common_worktree())
    }

    /// Whether tasks have one worktree, one after the other. It is there for whoever takes the run over.
    #[must_use]
    pub fn is_one_by_one(&self) -> bool {
        self.one_by_one.load(Ordering::SeqCst)
    }

    /// From now on tasks have one worktree, one after the other.
    pub fn one_by_one(&self) {
        self.one_by_one.store(true, Ordering::SeqCst);
    }

    /// Whether an earlier orchestrator found that tasks must have one worktree, one after the other.
    pub(super) fn was_one_by_one(&self) -> bool {
        self.admin(&self.common_path()).is_some()
    }

    /// Makes a worktree on a new branch at a commit, with its files. Answers git in it.
    pub(crate) fn check_out(&self, path: &Path, at: (&str, &Oid)) -> Result<Git, MakeError> {
        self.check_out_cone(path, at, None)
    }

    /// The same with the files of some directories only.
    fn check_out_cone(
        &self,
        path: &Path,
        at: (&str, &Oid),
        dirs: Option<&BTreeSet<String>>,
    ) -> Result<Git, MakeError> {
        self.repo.add_worktree(path, at)?;
        fault::point("worktree.added");
        let git = self.git_in(path)?;
        if let Some((dirs, admin)) = dirs.zip(self.admin(path)) {
            let file = admin.join(CONE);
            let failed = |source| MakeError::File { path: file.clone(), source };
            fs::create_dir_all(admin.join("info")).map_err(failed)?;
            fs::write(&file, cone::text(dirs)).map_err(failed)?;
        }
        self.fill((&git, path), (at.1, None))?;
        fault::point("worktree.filled");
        Ok(git)
    }

    /// Removes what is at a path of ours, if it is a worktree of this repository.
    pub(crate) fn clear(&self, path: &Path) -> Result<(), MakeError> {
        let known = self.admin(path).is_some();
        let there = path.symlink_metadata().ok();
        // A link in the place of a worktree leads to somebody else's files.
        if there.is_some_and(|meta| !known || !meta.is_dir()) {
            return Err(MakeError::Foreign(path.to_owned()));
        }
        if known {
            self.repo.remove_worktree(path)?;
        }
        Ok(())
    }

    /// Puts copied files and our own directory into a new worktree.
    pub(crate) fn furnish(&self, path: &Path) -> Result<(), MakeError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| MakeError::File { path, source }
        };
        make_task_dir(path)?;
        for file in self.copied()? {
            let (from, to) = (self.repo.top.join(&file), path.join(&file));
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).map_err(failed(parent))?;
            }
            copy(&from, &to).map_err(failed(&from))?;
        }
        Ok(())
    }

    /// The untracked files of the user's checkout that each worktree gets.
    fn copied(&self) -> Result<Vec<PathBuf>, GitError> {
        if self.rules.copy.is_empty() {
            return Ok(Vec::new());
        }
        // Ignored ones are meant most of all: `.env` and the like.
        let mut args = vec!["ls-files".to_owned(), "-z".to_owned(), "--others".to_owned(), "--".to_owned()];
        args.extend(self.rules.copy.iter().map(|pattern| format!(":(top,glob){pattern}")));
        let listed = self.repo.git.run(&args)?;
        let paths = listed.split(|b| *b == 0).filter_map(|part| std::str::from_utf8(part).ok());
        Ok(paths.filter(|path| is_copied(&self.copies, path)).map(PathBuf::from).collect())
    }
}

/// Makes our own directory in a worktree. Whoever works there with git settings of their own does not see it either.
pub(super) fn make_task_dir(path: &Path) -> Result<(), MakeError> {
    let dir = path.join(TASK_DIR);
    let ignore = dir.join(".gitignore");
    let made = fs::create_dir_all(&dir).and_then(|()| private_file::create(&ignore)?.write_all(b"*\n"));
    made.map_err(|source| MakeError::File { path: ignore, source })
}

/// True for a path that is copied into worktrees and never belongs into a commit.
pub(super) fn is_copied(copies: &GlobSet, path: &str) -> bool {
    !path.is_empty()
        && copies.is_match(path)
        && Path::new(path).components().all(|c| matches!(c, Component::Normal(_)))
}

/// Copies a plain file with its mode; links are not followed and not copied.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let meta = from.symlink_metadata()?;
    if !meta.is_file() || to.symlink_metadata().is_ok() {
        return Ok(());
    }
    let mut reader = private_file::open(from)?;
    let mut writer = private_file::create(to)?;
    io::copy(&mut reader, &mut writer)?;
    fs::set_permissions(to, meta.permissions())
}
