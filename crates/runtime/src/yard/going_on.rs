//! Whether an attempt goes on in the worktree as the one before it left it (spec 6 "Retry").
//!
//! ```text
//! set up -> an attempt works there: written down beside what git keeps for the worktree
//! again:  there, and nobody spoiled it -> what git had half done goes, and it is gone on with
//!         gone, or never set up        -> made anew from the newest work of the task, unless that was spoiled
//!         spoiled                      -> made anew from where the first attempt began
//! ```
//! Where a task begins is the same for all its attempts, and what they changed is told from there. Each step may be done twice.
//! Knows no plan.

use super::Ground;
use super::making::{MakeError, TASK_DIR, make_task_dir};
use super::own_git::OwnGitError;
use super::saving::LOST;
use crate::git::{Git, Oid, Stamp};
use crate::{private_file, synced_lines};
use regatta_fault as fault;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The file in what git keeps for a worktree that says who works there.
const WORKER: &str = "regatta-attempt";
/// So much of it is read, in bytes.
const MOST_BYTES: u64 = 64 << 10;
/// The file in the directory of a run: the ids of attempts whose worktrees are not gone on with.
const SPOILED: &str = "spoiled";

/// What git keeps of something half done: a merge, a rebase, a series of picks, a bisection.
const HALF_DONE: [&str; 21] = [
    "MERGE_HEAD",
    "MERGE_MODE",
    "MERGE_MSG",
    "MERGE_RR",
    "MERGE_AUTOSTASH",
    "SQUASH_MSG",
    "AUTO_MERGE",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
    "BISECT_LOG",
    "BISECT_START",
    "BISECT_NAMES",
    "BISECT_TERMS",
    "BISECT_HEAD",
    "BISECT_EXPECTED_REV",
    "BISECT_ANCESTORS_OK",
    "BISECT_FIRST_PARENT",
    "rebase-merge",
    "rebase-apply",
    "sequencer",
];
/// Where some of these put aside what was not committed.
const PUT_ASIDE: [&str; 3] = ["MERGE_AUTOSTASH", "rebase-merge/autostash", "rebase-apply/autostash"];

/// A worktree in which an attempt can begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Begin {
    /// Where the task begins: what its attempts change is told from there.
    pub base: Oid,
    /// An attempt has worked there: it is set up, and as that attempt left it.
    pub goes_on: bool,
    /// What people are told of it.
    pub note: Option<String>,
}

/// Where an attempt begins that is to go on where the one before it stopped.
pub(super) enum Way {
    /// In the worktree that is there.
    Here,
    /// In a new one at a commit; and what people are told.
    Anew(Oid, Option<String>),
}

/// Who works in a worktree.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Worker {
    task: String,
    attempt: u64,
    base: String,
    note: Option<String>,
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
        let Some(admin) = self.admin(&self.path(task)) else { return Err(io::ErrorKind::NotFound.into()) };
        let base = base.map_or_else(String::new, |base| base.as_str().to_owned());
        let worker = Worker { task: task.to_owned(), attempt, base, note: note.map(str::to_owned) };
        let new = admin.join(format!("{WORKER}.new"));
        private_file::create(&new)?.write_all(&serde_json::to_vec(&worker)?)?;
        fs::rename(new, admin.join(WORKER))
    }

    /// What people are to be told of an attempt that began under an earlier orchestrator.
    pub(crate) fn note_of(&self, task: &str, attempt: u64) -> Option<String> {
        self.worker(task).filter(|worker| worker.attempt == attempt)?.note
    }

    /// What an attempt left is not gone on with.
    ///
    /// # Errors
    /// That cannot be written down.
    pub(crate) fn spoiled(&self, attempt: u64) -> io::Result<()> {
        synced_lines::add(&self.record_of_spoiled(), &[attempt])
    }

    fn is_spoiled(&self, attempt: u64) -> Result<bool, MakeError> {
        let path = self.record_of_spoiled();
        let all = synced_lines::read::<u64>(&path).map_err(|source| MakeError::File { path, source })?;
        Ok(all.contains(&attempt))
    }

    fn record_of_spoiled(&self) -> PathBuf {
        self.run_dir.join(SPOILED)
    }

    /// Whether a worktree of a task is there in which an attempt of it has worked that may be gone on with.
    pub(super) fn was_worked_in(&self, task: &str) -> bool {
        self.worker(task).is_some()
    }

    /// Who worked last in the worktree of a task, if it is there and set up.
    fn worker(&self, task: &str) -> Option<Worker> {
        let path = self.path(task);
        let admin = self.admin(&path).filter(|_| path.symlink_metadata().is_ok_and(|meta| meta.is_dir()))?;
        let mut text = Vec::new();
        private_file::open(&admin.join(WORKER)).ok()?.take(MOST_BYTES).read_to_end(&mut text).ok()?;
        // Where there is one worktree for all, it may be another one's.
        serde_json::from_slice(&text).ok().filter(|worker: &Worker| worker.task == task)
    }

    /// Where an attempt of a task begins that is to go on where the one before it stopped. `base` is where the task begins.
    ///
    /// # Errors
    /// Git fails, or a file cannot be read or written.
    pub(super) fn way(&self, (task, attempt): (&str, u64), base: &Oid) -> Result<Way, MakeError> {
        let Some(worker) = self.worker(task) else { return self.newest_way((task, attempt), base) };
        let anew = |why: &str| Way::Anew(base.clone(), Some(begun_anew(why, base)));
        if self.is_spoiled(worker.attempt)? {
            return Ok(anew(SPOILT));
        }
        if !worker.base.is_empty() && worker.base != base.as_str() {
            return Ok(anew("the attempt before it began from another commit"));
        }
        match self.pick_up((task, attempt), worker.attempt, base)? {
            true => Ok(Way::Here),
            false => Ok(anew(SPOILT)),
        }
    }

    /// From what the newest attempt left, as its ref has it.
    fn newest_way(&self, (task, attempt): (&str, u64), base: &Oid) -> Result<Way, MakeError> {
        let prefix = self.names.all_kept_of(task);
        let refs = self.repo.git.refs(&prefix)?;
        let number = |name: &str| name.strip_prefix(&prefix)?.parse::<u64>().ok();
        let numbered = refs.into_iter().filter_map(|(name, head)| Some((number(&name)?, head)));
        let newest = numbered.filter(|(earlier, _)| *earlier < attempt).max_by_key(|(earlier, _)| *earlier);
        let Some((earlier, head)) = newest else { return Ok(Way::Anew(base.clone(), None)) };
        if self.is_spoiled(earlier)? || !self.repo.git.is_ancestor(base, &head)? {
            return Ok(Way::Anew(base.clone(), Some(begun_anew(SPOILT, base))));
        }
        let note = format!(
            "the worktree was not there as the attempt before left it; it went on from {}, which that attempt left",
            head.short()
        );
        Ok(Way::Anew(head, Some(note)))
    }

    /// Makes what stands in a worktree something to go on with: on its branch, with nothing half done. Answers whether it can
    /// be.
    fn pick_up(&self, (task, attempt): (&str, u64), before: u64, base: &Oid) -> Result<bool, MakeError> {
        let path = self.path(task);
        let mend = |source| OwnGitError::Mend { path: path.clone(), source };
        self.unlock(&path, &self.names.branch(task)).map_err(mend)?;
        if self.mend(&path)? {
            return Ok(false);
        }
        let git = self.git_in(&path)?;
        self.drop_half_done(&path)?;
        let collected = self.repo.git.commit(&self.names.kept(task, before))?;
        // What was lost nobody collected.
        let Some(tip) = collected.clone().map_or_else(|| git.commit("HEAD"), |kept| Ok(Some(kept)))? else {
            return Ok(false);
        };
        if !git.is_ancestor(base, &tip)? {
            return Ok(false);
        }
        match collected {
            Some(_) => self.bring_back(&git, (task, attempt), &tip)?,
            None => self.keep_lost(&git, (task, attempt), (&tip, base))?,
        }
        self.put_on_branch(&git, task, &tip)?;
        fault::point("worktree.picked");
        self.empty_task_dir(&path)?;
        Ok(true)
    }

    /// What a lost attempt did not commit stays so, and the attempt to come commits it; until then a ref holds it.
    fn keep_lost(
        &self,
        git: &Git,
        (task, attempt): (&str, u64),
        (head, base): (&Oid, &Oid),
    ) -> Result<(), MakeError> {
        let (tree, mut left) = (self.as_it_stands((git, head))?, head.clone());
        if tree != git.tree(head)? {
            let seconds = git.seconds(head)?;
            let stamp = Stamp { author: self.committer.clone(), committer: self.committer.clone(), seconds };
            let run = self.names.run();
            let message = format!("{LOST} {task}\n\nRegatta-Run: {run}\nRegatta-Task: {task}\n");
            left = git.commit_tree((&tree, &[head]), &message, &stamp)?;
        }
        if left != *base {
            self.repo.git.set_ref(&self.names.left(task, attempt), &left)?;
        }
        // A merge that stood half done left paths that git would not commit.
        git.run(&["reset", "--mixed", "--quiet"])?;
        Ok(())
    }

    /// What was collected stands there again, whatever `verify` or a person did since; files that git ignores stay.
    fn bring_back(&self, git: &Git, (task, attempt): (&str, u64), kept: &Oid) -> Result<(), MakeError> {
        let (branch, paths) = git.stands()?;
        let own = format!("refs/heads/{}", self.names.branch(task));
        if paths.is_empty() && branch == Some(own) && git.commit("HEAD")?.as_ref() == Some(kept) {
            return Ok(());
        }
        if self.repo.git.commit(&self.names.left(task, attempt))?.is_none() {
            self.save_left(task, attempt)?;
        }
        self.put_on_branch(git, task, kept)?;
        git.run(&["reset", "--hard", "--quiet", "--no-recurse-submodules", kept.as_str()])?;
        git.run(&["clean", "-ffdq"])?;
        Ok(())
    }

    /// What was half done is over: its files are committed as they stand. What git had put aside for it is kept.
    fn drop_half_done(&self, path: &Path) -> Result<(), MakeError> {
        let Some(admin) = self.admin(path) else { return Ok(()) };
        for aside in PUT_ASIDE {
            let mut text = String::new();
            let read = private_file::open(&admin.join(aside));
            let read = read.and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
            // What cannot be read names nothing.
            let named = read.ok().and_then(|_| Oid::parse(text.trim()));
            let Some(named) = named.filter(|_| !text.is_empty()) else { continue };
            if let Some(commit) = self.repo.git.commit(named.as_str())? {
                self.repo.git.set_ref(&self.names.stashed(commit.as_str()), &commit)?;
            }
        }
        HALF_DONE.iter().try_for_each(|name| take_away(&admin.join(name)))
    }

    /// What the attempt before said of itself is not what the next one says.
    fn empty_task_dir(&self, path: &Path) -> Result<(), MakeError> {
        take_away(&path.join(TASK_DIR))?;
        make_task_dir(path)
    }
}

/// Why nothing is gone on with.
const SPOILT: &str =
    "the attempt before it changed what it must not, or left a history that does not begin there";

fn begun_anew(why: &str, base: &Oid) -> String {
    format!("it began from {} again: {why}", base.short())
}

/// Removes what is there, a link itself and not what it leads to.
fn take_away(path: &Path) -> Result<(), MakeError> {
    let taken = match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    taken.map_err(|source| MakeError::File { path: path.to_owned(), source })
}
