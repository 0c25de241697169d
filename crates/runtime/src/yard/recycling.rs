//! A worktree whose task is done becomes that of another task: only what differs is written.
//!
//! ```text
//! done, durable -> pool -> saved, if somebody put something there
//!                       -> git's own directory anew -> index as we left it -> clean -> reset -> settled
//! ```
//! Nothing of the earlier task may be seen by the later one. What git keeps for a worktree is made anew; and the index is not
//! the one that the task had, in which it could have hidden files, but the one that we wrote before it began: whatever was
//! touched since differs from it by its times and is written anew. Where that cannot be, a new worktree is made.

use super::Ground;
use super::making::MakeError;
use super::own_git::{OwnGitError, put_back};
use super::settled::{NEW, distrust, now_seconds, settle};
use crate::git::{Git, GitError, Oid};
use regatta_fault as fault;
use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The first git that reads an index without its checksum everywhere.
const SETTLES: (u32, u32) = (2, 40);

/// What worktrees of this orchestrator can be used again.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// Those whose tasks are done.
    idle: Mutex<Vec<Idle>>,
    /// So many are being made now.
    making: AtomicUsize,
}

/// A worktree whose task is done.
#[derive(Debug)]
struct Idle {
    path: PathBuf,
    task: String,
    /// Since when, by the clock by which files get their times.
    since: (i64, i64),
}

impl Ground {
    /// The work of a task is safe, and durably known to be: its worktree may become another one's.
    pub fn release(&self, task: &str) {
        // A cone is another one's of the next task, and quickly made anew.
        if self.is_one_by_one() || self.rules.sparse.is_some() {
            return;
        }
        let path = self.path(task);
        if self.kept_index(&path).exists() {
            let now = clock_gettime(ClockId::RealtimeCoarse);
            let idle = Idle { path, task: task.to_owned(), since: (now.tv_sec, now.tv_nsec) };
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(idle);
        }
    }

    /// Makes a worktree of one whose task is done. Answers whether there was one that could be used.
    pub(super) fn recycle(&self, path: &Path, at: (&str, &Oid)) -> Result<bool, MakeError> {
        let idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(old) = idle else { return Ok(false) };
        let made = self.turn_into(&old, path, at);
        let index = self.kept_index(&old.path);
        let done = matches!(made, Ok(true));
        // One that is left over is never looked at again.
        let _ = fs::remove_file(index);
        if !done {
            // Somebody may have made files undeletable there; a new one is made beside.
            self.clear(path)?;
            let full = format!("refs/heads/{}", at.0);
            self.repo.git.drop_refs(std::slice::from_ref(&full))?;
        }
        Ok(done)
    }

    fn turn_into(&self, idle: &Idle, path: &Path, at: (&str, &Oid)) -> Result<bool, MakeError> {
        let old = idle.path.as_path();
        let known = old.symlink_metadata().is_ok_and(|meta| meta.is_dir()) && self.admin(old).is_some();
        // What cannot be saved, or not even looked at, stays where it is.
        let saved = |touched| if touched { self.save_put_there(old, &idle.task) } else { Ok(()) };
        if !known || self.was_touched(idle).and_then(saved).is_err() {
            return Ok(false);
        }
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| MakeError::File { path, source }
        };
        self.repo.add_worktree(path, at)?;
        let Some(admin) = self.admin(path) else { return Ok(false) };
        let rights = path.metadata().map_err(failed(path))?.mode() & 0o7777;
        fs::remove_dir_all(path).map_err(failed(path))?;
        fs::rename(old, path).map_err(failed(old))?;
        put_back(path, &admin).map_err(failed(path))?;
        fault::point("worktree.taken");
        self.repo.remove_worktree(old)?;
        let index = admin.join("index");
        let kept = self.kept_index(old);
        let kept_at = kept.metadata().and_then(|meta| meta.modified()).map_err(failed(&kept))?;
        // Whole or not at all: of half an index nobody could save what a worktree holds.
        let new = index.with_extension(NEW);
        fs::copy(&kept, &new).and_then(|_| fs::rename(&new, &index)).map_err(failed(&index))?;
        let git = self.git_in(path)?;
        git.run(&["clean", "-ffdxq"])?;
        if !distrust((path, &index), kept_at, at.1.as_str().len() / 2).map_err(failed(&index))? {
            return Ok(false);
        }
        self.fill((&git, path), (at.1, Some(rights)))
    }

    /// Whether somebody has put anything into a worktree since its task was done, or committed there beside its branch. What
    /// `verify` left there is older than that, and nobody's.
    fn was_touched(&self, idle: &Idle) -> Result<bool, OwnGitError> {
        let (branch, paths) = self.git_in(&idle.path)?.stands()?;
        let is_new = |path: &Path| {
            let meta = path.symlink_metadata().ok();
            meta.is_some_and(|meta| (meta.ctime(), meta.ctime_nsec()) >= idle.since)
        };
        let touched = |path: &Vec<u8>| {
            let path = idle.path.join(OsStr::from_bytes(path));
            // What is gone has changed the directory in which it was.
            let at = path.ancestors().find(|at| at.symlink_metadata().is_ok());
            at.is_some_and(is_new)
        };
        let own = format!("refs/heads/{}", self.names.branch(&idle.task));
        Ok(branch.as_deref() != Some(own.as_str()) || paths.iter().any(touched))
    }

    /// Writes the files of a worktree that differ from a commit, and settles them. Answers whether it can be used again.
    pub(super) fn fill(
        &self,
        (git, path): (&Git, &Path),
        (commit, rights): (&Oid, Option<u32>),
    ) -> Result<bool, MakeError> {
        let since = now_seconds();
        let making = self.pool.making.fetch_add(1, Ordering::SeqCst) + 1;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let careful = git.with([
            "index.version=2".to_owned(),
            "index.sparse=false".to_owned(),
            "core.splitIndex=false".to_owned(),
            "core.checkStat=default".to_owned(),
            "core.trustctime=true".to_owned(),
            "core.ignoreStat=false".to_owned(),
            format!("checkout.workers={}", (cores / making).max(1)),
        ]);
        let args = ["reset", "--hard", "--quiet", "--no-recurse-submodules", commit.as_str()];
        let reset = careful.run(&args);
        self.pool.making.fetch_sub(1, Ordering::SeqCst);
        reset?;
        let Some(admin) = self.admin(path).filter(|_| self.settles) else { return Ok(true) };
        let index = admin.join("index");
        let settled = settle((path, &index), (since, rights), commit.as_str().len() / 2);
        // What cannot be settled works all the same, and only once.
        let kept = self.kept_index(path);
        match settled {
            Ok(settled) if settled.whole && !settled.gitlinks => drop(fs::copy(&index, &kept)),
            Ok(_) | Err(_) => drop(fs::remove_file(&kept)),
        }
        Ok(true)
    }

    /// Where the index of a worktree lies as we left it.
    fn kept_index(&self, path: &Path) -> PathBuf {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".index");
        self.indexes.join(name)
    }
}

/// Whether this git reads a settled index.
pub(super) fn settles(git: &Git) -> Result<bool, GitError> {
    let said = git.run(&["version"])?;
    let said = String::from_utf8_lossy(&said).into_owned();
    let mut numbers = said.trim_start_matches("git version ").split('.').map(|n| n.parse::<u32>().ok());
    let version = numbers.next().flatten().zip(numbers.next().flatten());
    Ok(version.is_some_and(|version| version >= SETTLES))
}
