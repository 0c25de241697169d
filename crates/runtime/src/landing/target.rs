//! The branch that moves: where it is, and how it moves to the tip of what was merged.
//!
//! It moves once, by a fast-forward, in every situation of spec 6 "Landing"; or not at all.

use super::{Cargo, Dock, LandError, Landing, Report, done};
use crate::git::{Git, GitError, Head, Oid, Repo, line_ends};
use regatta_engine::cause::Cause;
use regatta_plan::model::Merge;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// What git's complaint about an index that somebody has contains,
const INDEX_LOCK: &str = "index.lock";
/// and about files that it does not know.
const UNTRACKED: &str = "untracked working tree files";
/// How often the index is waited for,
const MOST_WAITS: u32 = 20;
/// and how long each time.
const A_MOMENT: Duration = Duration::from_millis(100);

/// The target as it stands.
pub(super) struct Goal {
    /// Its full ref; nothing if the user's checkout is on no branch.
    pub(super) branch: Option<String>,
    /// Where it is.
    pub(super) at: Oid,
}

/// Whether the target moved.
pub(super) enum Moved {
    /// It stands at the tip.
    Yes,
    /// Somebody moved it meanwhile.
    Elsewhere,
    /// It cannot: why, and the command that goes on.
    No(String, String),
}

impl Dock {
    /// The full ref of the target; nothing if the user's checkout is on no branch and the plan names none.
    pub(super) fn target(&self) -> Option<String> {
        target_of(Some(&self.merge), &self.ground.repo)
    }

    /// Finds where the target is; or says what a person must do where it is gone, and the command that goes on.
    pub(super) fn goal(&self) -> Result<Result<Goal, (String, String)>, LandError> {
        let (repo, branch) = (&self.ground.repo, self.target());
        repo.check_quiet(branch.as_deref())?;
        let Some(name) = &branch else {
            return Ok(Ok(Goal { branch, at: self.ground.pinned.clone() }));
        };
        if let Some(at) = repo.git.commit(name)? {
            return Ok(Ok(Goal { branch, at }));
        }
        let (short, run) = (name.trim_start_matches("refs/heads/"), self.ground.names.run());
        let what = format!("branch {short} is gone, on which the run lands");
        let command = format!("git branch {short} {}, then: regatta resume {run}", self.ground.pinned);
        Ok(Err((what, command)))
    }

    /// The worktree that is on a branch now: the user may have gone to another one since work began to land.
    fn checkout_of(&self, branch: &str) -> Result<Option<PathBuf>, LandError> {
        let listed = self.ground.repo.worktrees()?;
        let on = listed.into_iter().find(|listed| listed.branch.as_deref() == Some(branch));
        Ok(on.map(|listed| listed.path))
    }

    /// What an earlier orchestrator landed and could not say any more.
    pub(super) fn landed_before(&self, cargo: &Cargo, goal: &Goal) -> Result<Option<Landing>, LandError> {
        let git = &self.ground.repo.git;
        let Some(mut report) = Report::read(&self.run_dir) else { return Ok(None) };
        let Some(tip) = Oid::parse(&report.tip) else { return Ok(None) };
        let name = goal.branch.clone().unwrap_or_else(|| full(&self.ground.names.result()));
        let Some(now) = git.commit(&name)?.filter(|_| report.waits.is_none()) else { return Ok(None) };
        if git.commit(tip.as_str())?.is_none() || !git.is_ancestor(&tip, &now)? {
            return Ok(None);
        }
        let cause = |(task, code): (&String, &String)| {
            (task.clone(), Cause::from_code(code).unwrap_or(Cause::NotLanded))
        };
        let left_out: BTreeMap<String, Cause> = report.left_out.iter().map(cause).collect();
        report.landed = true;
        // Somebody may have committed where work was merged since it died.
        self.keep_merged_by_person(&cargo.pieces)?;
        self.clear_away(cargo, &left_out, &mut report);
        Ok(Some(done(&cargo.pieces, &left_out, report)))
    }

    /// Moves the target to the tip.
    pub(super) fn move_target(&self, goal: &Goal, tip: &Oid) -> Result<Moved, LandError> {
        let git = &self.ground.repo.git;
        let Some(branch) = &goal.branch else {
            git.set_ref(&full(&self.ground.names.result()), tip)?;
            return Ok(Moved::Yes);
        };
        if *tip == goal.at {
            return Ok(Moved::Yes);
        }
        // A rebase that began meanwhile has the target, and its checkout is on no branch.
        self.ground.repo.check_quiet(Some(branch))?;
        let Some(checkout) = self.checkout_of(branch)? else {
            return match git.update_ref(branch, (Some(&goal.at), Some(tip))) {
                Ok(()) => Ok(Moved::Yes),
                Err(error) if git.commit(branch)?.as_ref() == Some(&goal.at) => Err(error.into()),
                Err(_) => Ok(Moved::Elsewhere),
            };
        };
        let there = self.ground.git()?.in_dir(&checkout).with(line_ends(&checkout));
        // Two runs that land in one checkout do it one after the other.
        let _turn = self.ground.repo.turn()?;
        let (_, on) = there.ask(&["symbolic-ref", "--quiet", "HEAD"], &[0, 1])?;
        if String::from_utf8_lossy(&on).trim() != branch || there.commit("HEAD")?.as_ref() != Some(&goal.at) {
            return Ok(Moved::Elsewhere);
        }
        match forward(&there, tip) {
            Ok(()) => Ok(Moved::Yes),
            Err(error) => self.stands_aside(&there, (goal, tip), &error.to_string()),
        }
    }

    /// Whether the target, which has just moved, has the tip: done means merged, and git says so.
    pub(super) fn stands(&self, goal: &Goal, tip: &Oid) -> Result<bool, LandError> {
        let git = &self.ground.repo.git;
        let name = goal.branch.clone().unwrap_or_else(|| full(&self.ground.names.result()));
        Ok(match git.commit(&name)? {
            Some(now) => now == *tip || git.is_ancestor(tip, &now)?,
            None => false,
        })
    }

    /// The user's files are in the way: nothing moves, and the result has a name.
    fn stands_aside(&self, there: &Git, (goal, tip): (&Goal, &Oid), why: &str) -> Result<Moved, LandError> {
        if there.commit("HEAD")?.as_ref() != Some(&goal.at) {
            return Ok(Moved::Elsewhere);
        }
        let result = self.ground.names.result();
        self.ground.repo.git.set_ref(&full(&result), tip)?;
        let (dir, run) = (there.dir().display(), self.ground.names.run());
        let (what, mend) = match why {
            _ if why.contains(INDEX_LOCK) => {
                let lock = "another git has the index; remove its lock if none runs any more";
                ("the index is locked", lock)
            }
            _ if why.contains(UNTRACKED) => {
                ("untracked files are in the way", "move them away or delete them")
            }
            _ => ("files are in the way", "commit or stash them"),
        };
        let what = format!("{what} in {dir}; the result stands on branch {result} ({why})");
        Ok(Moved::No(what, format!("{mend}, then: regatta resume {run}")))
    }

    /// The same once the target has moved: what cannot be removed is no reason to land again.
    pub(super) fn clear_away(&self, cargo: &Cargo, left_out: &BTreeMap<String, Cause>, report: &mut Report) {
        if let Err(error) = self.clear_up(cargo, left_out) {
            // Git may have quoted a remote with its password.
            let why = self.redactor.text(error.to_string());
            report.note("worktrees", Some(format!("not all of them could be removed: {why}")));
        }
    }

    /// Worktrees and branches of what has landed go; the commits stay under their refs.
    fn clear_up(&self, cargo: &Cargo, left_out: &BTreeMap<String, Cause>) -> Result<(), LandError> {
        let names = &self.ground.names;
        self.ground.clear(&self.ground.dir.join(names.integration_worktree()))?;
        let mut ours = vec![full(&names.integration())];
        if self.target().is_some() {
            // What something was in the way of has landed.
            ours.push(full(&names.result()));
        }
        self.ground.repo.git.drop_refs(&ours)?;
        let mut done = Vec::new();
        for piece in cargo.pieces.iter().filter(|piece| !left_out.contains_key(&piece.task)) {
            let (path, branch) = (self.ground.path(&piece.task), full(&names.branch(&piece.task)));
            // What somebody put there after the end, committed or not, is nobody's to throw away.
            let git = &self.ground.repo.git;
            let mut stands: Vec<Oid> = git.commit(&branch)?.into_iter().collect();
            let mut dirty = false;
            if path.exists() {
                let own = self.ground.git_in(&path)?;
                stands.extend(own.commit("HEAD")?);
                dirty = self.ground.has_more_than_setup(&own, &path)?;
            }
            let mut kept = !dirty;
            for at in stands.iter().filter(|at| **at != piece.head) {
                // The one worktree of several tasks stands at the work of the last of them, which is kept.
                kept &= git.is_held_besides(&branch, at)?;
            }
            if kept {
                self.ground.clear(&path)?;
                done.push(branch);
            }
        }
        if !self.merge.keep_branches {
            self.ground.repo.git.drop_refs(&done)?;
        }
        Ok(())
    }
}

/// Moves a checkout to a commit that descends from where it stands. Somebody else's git, an editor's for instance, may have
/// the index for a moment: that is waited for.
fn forward(there: &Git, tip: &Oid) -> Result<(), GitError> {
    // What is ignored is the user's all the same. Nobody kills it: files and index would be left half moved.
    let there = there.without_limit();
    let args = ["merge", "--ff-only", "--no-autostash", "--no-overwrite-ignore", "--quiet", tip.as_str()];
    for _ in 0..MOST_WAITS {
        match there.run(&args) {
            Err(GitError::Failed { said, .. }) if said.contains(INDEX_LOCK) => thread::sleep(A_MOMENT),
            done => return done.map(|_| ()),
        }
    }
    there.run(&args).map(|_| ())
}

/// The full ref of the branch that work lands on; nothing if the user's checkout is on no branch and the plan names none.
#[must_use]
pub fn target_of(merge: Option<&Merge>, repo: &Repo) -> Option<String> {
    match (merge.and_then(|merge| merge.target.as_ref()), &repo.head) {
        (Some(name), _) => Some(full(name)),
        (None, Head::Branch(branch)) => Some(branch.clone()),
        (None, Head::Detached) => None,
    }
}

/// The full ref of a branch.
pub(super) fn full(name: &str) -> String {
    if name.starts_with("refs/") { name.to_owned() } else { format!("refs/heads/{name}") }
}
