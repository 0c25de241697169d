//! Whether an attempt goes on in the worktree as the one before it left it (spec 6 "Retry").
//!
//! ```text
//! set up -> an attempt works there: written down (`worked`)
//! again:  there, and nobody spoiled it -> what git had half done or hidden goes, and it is gone on with
//!         gone, or never set up        -> made anew from the newest work of the task, unless that was spoiled
//!         spoiled, or it is not clear  -> made anew from where the first attempt began
//! ```
//! Where a task begins is the same for all its attempts, and what they changed is told from there. Each step may be done twice.
//! Knows no plan.

use super::Ground;
use super::making::{MakeError, TASK_DIR, make_task_dir};
use super::own_git::{CONE, OwnGitError, mend_index};
use super::saving::LOST;
use super::worked::{Last, Worker, take_away};
use crate::git::{Git, Oid, Stamp};
use regatta_fault as fault;
use std::path::Path;

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

impl Ground {
    /// Where an attempt of a task begins that is to go on where the one before it stopped. `base` is where the task begins.
    ///
    /// # Errors
    /// Git fails, or a file cannot be read or written.
    pub(super) fn way(&self, (task, attempt): (&str, u64), base: &Oid) -> Result<Way, MakeError> {
        let anew = |why: &str| Way::Anew(base.clone(), Some(begun_anew(why, base)));
        let worker = match self.last_worker(task) {
            Last::Nobody => return self.newest_way((task, attempt), base),
            // One that began to work and never came to the keeper begins again, and is its own predecessor.
            Last::One(worker) if worker.attempt <= attempt => worker,
            Last::One(_) | Last::Unclear => return Ok(anew("it is not clear who worked there before it")),
        };
        if self.was_spoiled(worker.attempt)? {
            return Ok(anew(SPOILT));
        }
        if worker.base != base.as_str() {
            return Ok(anew("the attempt before it began from another commit"));
        }
        match self.pick_up((task, attempt), &worker, base)? {
            true => Ok(Way::Here),
            false => Ok(anew(SPOILT)),
        }
    }

    fn was_spoiled(&self, attempt: u64) -> Result<bool, MakeError> {
        self.is_spoiled(attempt).map_err(|source| MakeError::File { path: self.record_of_spoiled(), source })
    }

    /// From what the newest attempt left, as its ref has it.
    fn newest_way(&self, (task, attempt): (&str, u64), base: &Oid) -> Result<Way, MakeError> {
        let prefix = self.names.all_kept_of(task);
        let refs = self.repo.git.refs(&prefix)?;
        let number = |name: &str| name.strip_prefix(&prefix)?.parse::<u64>().ok();
        let numbered = refs.into_iter().filter_map(|(name, head)| Some((number(&name)?, head)));
        let newest = numbered.filter(|(earlier, _)| *earlier < attempt).max_by_key(|(earlier, _)| *earlier);
        let Some((earlier, head)) = newest else { return Ok(Way::Anew(base.clone(), None)) };
        if self.was_spoiled(earlier)? || !self.repo.git.is_ancestor(base, &head)? {
            return Ok(Way::Anew(base.clone(), Some(begun_anew(SPOILT, base))));
        }
        let note = format!(
            "the worktree was not there as the attempt before left it; it went on from {}, which that attempt left",
            head.short()
        );
        Ok(Way::Anew(head, Some(note)))
    }

    /// Makes what stands in a worktree something to go on with: on its branch, with nothing half done and nothing hidden.
    /// Answers whether it can be.
    fn pick_up(&self, (task, attempt): (&str, u64), worker: &Worker, base: &Oid) -> Result<bool, MakeError> {
        let path = self.path(task);
        let mend = |source| OwnGitError::Mend { path: path.clone(), source };
        self.unlock(&path, &self.names.branch(task)).map_err(mend)?;
        if self.mend_after(worker.attempt, &path)? {
            return Ok(false);
        }
        self.look_as_before(&path, worker)?;
        let git = self.git_in(&path)?;
        self.admin(&path).iter().try_for_each(|admin| mend_index(&git, admin))?;
        self.note_unresolved((&git, &path), (task, worker.attempt)).map_err(mend)?;
        self.keep_half_done(&path, task)?;
        self.drop_half_done(&path)?;
        let collected = self.repo.git.commit(&self.names.kept(task, worker.attempt))?;
        // What was lost nobody collected.
        let Some(tip) = collected.clone().map_or_else(|| git.commit("HEAD"), |kept| Ok(Some(kept)))? else {
            return Ok(false);
        };
        if !git.is_ancestor(base, &tip)? {
            return Ok(false);
        }
        self.hide_nothing((&git, &path), &tip)?;
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

    /// Git looks at every file of a worktree again: in the index that an attempt had it could have hidden some.
    fn hide_nothing(&self, (git, path): (&Git, &Path), tip: &Oid) -> Result<(), MakeError> {
        git.run(&["read-tree", tip.as_str()])?;
        let is_cone = self.admin(path).is_some_and(|admin| admin.join(CONE).exists());
        if is_cone && git.ask(&["config", "--type=bool", "core.sparseCheckout"], &[0, 1])?.1 == b"true\n" {
            git.run(&["sparse-checkout", "reapply"])?;
        }
        Ok(())
    }

    /// What was half done is over: its files are committed as they stand.
    fn drop_half_done(&self, path: &Path) -> Result<(), MakeError> {
        let Some(admin) = self.admin(path) else { return Ok(()) };
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
