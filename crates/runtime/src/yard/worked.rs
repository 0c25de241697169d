//! Who works in which worktree, and whose worktrees are not gone on with: written down in the directory of the run, which is no
//! attempt's place.
//!
//! ```text
//! set up -> written down -> an attempt works there … the worktree is to be made anew -> forgotten -> it goes
//! ```
//! So nobody is written down for a worktree that is not set up. Knows no plan, and not what follows.

use super::Ground;
use super::making::MakeError;
use super::own_git::{CONE, OWN_SETTINGS};
use crate::git::Oid;
use crate::{private_file, synced_lines};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The directory in that of a run: a file for each worktree.
const WORKERS: &str = "workers";
/// The file in the directory of a run: the ids of attempts whose worktrees are not gone on with.
const SPOILED: &str = "spoiled";
/// What git keeps for a worktree that says how it is looked at.
const OWN: [&str; 2] = [OWN_SETTINGS, CONE];

/// So much of each, in bytes,
const MOST_OWN_BYTES: u64 = 1 << 20;
/// and so much of what is written down, in which they are lists of numbers.
const MOST_BYTES: u64 = 16 << 20;

/// Held by whoever adds to a list of ours: a line that was cut off goes first.
static ADDS: Mutex<()> = Mutex::new(());

/// Who works in a worktree.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Worker {
    task: String,
    /// Its id.
    pub(super) attempt: u64,
    /// Where its task begins.
    pub(super) base: String,
    note: Option<String>,
    /// What git kept for the worktree when it began, as `OWN` has it.
    own: [Option<Vec<u8>>; 2],
}

/// Who worked last in the worktree of a task.
pub(super) enum Last {
    /// Nobody: it is not there, not set up, or another one's.
    Nobody,
    /// What is written down says nothing.
    Unclear,
    One(Worker),
}

impl Ground {
    /// An attempt of a task that may be gone on with begins to work in its worktree, which is set up.
    ///
    /// # Errors
    /// That cannot be written down, or the worktree is gone.
    pub(crate) fn works_in(
        &self,
        (task, attempt): (&str, u64),
        base: Option<&Oid>,
        note: Option<&str>,
    ) -> io::Result<()> {
        let path = self.path(task);
        let Some(admin) = self.admin(&path) else { return Err(io::ErrorKind::NotFound.into()) };
        let [settings, cone] = OWN.map(|name| content(&admin.join(name), MOST_OWN_BYTES));
        let base = base.map_or_else(String::new, |base| base.as_str().to_owned());
        let (task, note) = (task.to_owned(), note.map(str::to_owned));
        let worker = Worker { task, attempt, base, note, own: [settings?, cone?] };
        let record = self.record_of_worker(&path);
        fs::create_dir_all(self.run_dir.join(WORKERS))?;
        private_file::replace(&record, &serde_json::to_vec(&worker)?)
    }

    /// What people are to be told of an attempt that began under an earlier orchestrator.
    pub(crate) fn note_of(&self, task: &str, attempt: u64) -> Option<String> {
        match self.last_worker(task) {
            Last::One(worker) if worker.attempt == attempt => worker.note,
            _ => None,
        }
    }

    /// Whether a worktree of a task is there in which an attempt of it has worked that may be gone on with.
    pub(super) fn was_worked_in(&self, task: &str) -> bool {
        !matches!(self.last_worker(task), Last::Nobody)
    }

    /// Who worked last in the worktree of a task, if it is there and set up.
    pub(super) fn last_worker(&self, task: &str) -> Last {
        let path = self.path(task);
        let read = match self.is_there(&path) {
            true => content(&self.record_of_worker(&path), MOST_BYTES),
            false => Ok(None),
        };
        let Ok(text) = read else { return Last::Unclear };
        let Some(text) = text else { return Last::Nobody };
        match serde_json::from_slice::<Worker>(&text) {
            Err(_) => Last::Unclear,
            // Where there is one worktree for all, it may be another one's.
            Ok(worker) if worker.task != task => Last::Nobody,
            Ok(worker) => Last::One(worker),
        }
    }

    /// Nobody has worked in the worktree at a path, which is about to go.
    pub(super) fn forget_worker(&self, path: &Path) -> Result<(), MakeError> {
        let record = self.record_of_worker(path);
        let forgotten = match fs::remove_file(&record) {
            Ok(()) => fs::File::open(self.run_dir.join(WORKERS)).and_then(|dir| dir.sync_all()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        forgotten.map_err(|source| MakeError::File { path: record, source })
    }

    /// How git looks at a worktree is as it was when somebody began to work there.
    pub(super) fn look_as_before(&self, path: &Path, worker: &Worker) -> Result<(), MakeError> {
        let Some(admin) = self.admin(path) else { return Ok(()) };
        for (name, before) in OWN.iter().zip(&worker.own) {
            let file = admin.join(name);
            // What cannot be read is no file that was there.
            if content(&file, MOST_OWN_BYTES).is_ok_and(|now| now == *before) {
                continue;
            }
            take_away(&file)?;
            let Some(before) = before else { continue };
            let written = private_file::create(&file).and_then(|mut new| new.write_all(before));
            written.map_err(|source| MakeError::File { path: file, source })?;
        }
        Ok(())
    }

    fn record_of_worker(&self, path: &Path) -> PathBuf {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".json");
        self.run_dir.join(WORKERS).join(name)
    }

    /// What an attempt left is not gone on with.
    ///
    /// # Errors
    /// That cannot be written down.
    pub(crate) fn spoiled(&self, attempt: u64) -> io::Result<()> {
        let _adds = ADDS.lock().unwrap_or_else(PoisonError::into_inner);
        let record = self.record_of_spoiled();
        match synced_lines::take_over::<u64>(&record)?.contains(&attempt) {
            true => Ok(()),
            false => synced_lines::add(&record, &[attempt]),
        }
    }

    pub(super) fn is_spoiled(&self, attempt: u64) -> io::Result<bool> {
        Ok(synced_lines::read::<u64>(&self.record_of_spoiled())?.contains(&attempt))
    }

    pub(super) fn record_of_spoiled(&self) -> PathBuf {
        self.run_dir.join(SPOILED)
    }
}

/// What is in a plain file, if there is one.
fn content(path: &Path, most_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    match private_file::read(path, most_bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes what is there, a link itself and not what it leads to.
pub(super) fn take_away(path: &Path) -> Result<(), MakeError> {
    let taken = match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    taken.map_err(|source| MakeError::File { path: path.to_owned(), source })
}
