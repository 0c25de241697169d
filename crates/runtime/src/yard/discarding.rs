//! Throws away what a gate that is a task left in its worktree: it was to look, and leaves no change behind.
//!
//! Done before its end is told, so that nobody saves it as work. Doing it twice does no harm. What its evidence says is known.

use super::Ground;
use super::collecting::{
    CollectError, Collected, Ended, Finding, changed_git, locked, nothing, take_result, tampered,
};
use crate::git::Oid;
use regatta_engine::cause::Cause;

impl Ground {
    /// Puts the worktree of a gate back to where it began. Answers what it changed outside.
    ///
    /// # Errors
    /// Git fails, or the worktree is gone.
    pub(super) fn discard(&self, ended: &Ended, base: &Oid) -> Result<Collected, CollectError> {
        let path = self.path(&ended.task.id);
        let told = self.all_put_back(ended.attempt);
        let mut findings: Vec<Finding> = told.blame.into_iter().map(tampered).collect();
        self.unlock(&path, &self.names.branch(&ended.task.id)).map_err(|source| locked(&path, source))?;
        let git = self.git_in(&path)?;
        let mended = self.mend_after(ended.attempt, &path)?;
        let spoiled = mended || self.is_spoiled(ended.attempt).map_err(|e| locked(&path, e))?;
        findings.extend(spoiled.then(changed_git));
        if let Err(error) = take_result(&path, &ended.dir) {
            let message = format!("its result cannot be read: {error}");
            findings.push(Finding { cause: Cause::BadResult, message });
        }
        // Its log still tells which commits it made.
        let of_refs = self.compare_refs(ended.attempt, (&git, &path), &mut findings)?;
        self.move_branch(&git, &ended.task.id, base)?;
        git.run(&["reset", "--hard", "--quiet", "--no-recurse-submodules", base.as_str()])?;
        git.run(&["clean", "-ffdxq"])?;
        let warnings: Vec<String> = told
            .note
            .into_iter()
            .chain(of_refs)
            .chain(self.tidy_stash(&self.names.branch(&ended.task.id)))
            .collect();
        let warning = (!warnings.is_empty()).then(|| warnings.join("; "));
        Ok(Collected { findings, warning, ..nothing(base) })
    }
}
