//! What persons commit where a conflict was left to them: it is theirs only where they were asked, nothing of it gets lost,
//! and how it resolves the conflict is remembered before anything is made anew there.
//!
//! ```text
//! left to a person -> asked (a synced line) -> they commit -> kept by a ref -> remembered by path -> their place made anew
//! ```
//! A commit that nobody was asked for is no person's: tasks can make branches of any name. Knows no policy.

use super::integrate::Bench;
use super::resolve::A_PERSON;
use super::{Dock, LandError, Piece, Report, Verdict};
use crate::git::Oid;
use crate::synced_lines;
use crate::yard::{LEFT, Meeting, TASK_DIR};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The file in the directory of a run that tells what persons were asked.
const ASKED: &str = "asked.jsonl";
/// So many commits of a person's are looked through for the one that resolves.
const MOST_ON_TOP: usize = 1_000;

/// A conflict that was left to a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Asked {
    /// The task whose work is merged.
    task: String,
    /// The two commits that meet.
    sides: [String; 2],
}

impl Dock {
    /// Leaves a conflict with its markers to a person.
    pub(super) fn leave_to_person(&self, bench: &Bench, piece: &Piece) -> Result<(), LandError> {
        let (ours, theirs) = self.strategy().sides(&bench.git, (&bench.tip, piece))?;
        let asked = Asked { task: piece.task.clone(), sides: [ours.to_string(), theirs.to_string()] };
        let path = self.asked_path();
        // A line that was cut off by a death goes.
        if !synced_lines::take_over::<Asked>(&path)?.contains(&asked) {
            synced_lines::add(&path, &[asked])?;
        }
        self.meet(bench, piece, &["-m", &self.scribe().message(piece)])?;
        // What stands there now is nobody's work.
        let stands = self.ground.as_it_stands((&bench.git, &bench.tip))?;
        let left = format!("{ours}\n{theirs}\n{stands}\n");
        Ok(std::fs::write(bench.path.join(TASK_DIR).join(LEFT), left)?)
    }

    /// What a person has begun where work is merged, and not committed: that is waited for, unless somebody `refused` the
    /// work whose conflict stands there.
    pub(super) fn half_done(&self, refused: &BTreeMap<String, String>) -> Result<Option<Verdict>, LandError> {
        let place = self.merging_place();
        let left = std::fs::read_to_string(place.join(TASK_DIR).join(LEFT)).unwrap_or_default();
        let Some(ours) = left.lines().next().filter(|_| self.ground.is_there(&place)) else {
            return Ok(None);
        };
        // Who says no to work wants nothing of its conflict any more.
        let sides: Vec<&str> = left.lines().take(2).collect();
        let mut met = synced_lines::read::<Asked>(&self.asked_path())?;
        met.retain(|asked| asked.sides[..] == sides[..]);
        if !met.is_empty() && met.iter().all(|asked| refused.contains_key(&asked.task)) {
            return Ok(None);
        }
        // Who has committed is done, whatever else lies there.
        let stands = self.ground.git_in(&place)?.commit("HEAD")?.is_some_and(|head| head.as_str() == ours);
        if !stands || !self.ground.has_been_worked_in(&place)? {
            return Ok(None);
        }
        let (place, run) = (place.display(), self.ground.names.run());
        let what = format!("what was changed in {place} is not committed");
        let command = format!(
            "`git commit` there, or drop it by `git -C {place} reset --hard`, then: regatta resume {run}"
        );
        Ok(Some(Verdict::Wait(what, command)))
    }

    /// The place where work is merged is about to be made anew: what a person committed there is kept, and remembered.
    pub(super) fn keep_merged_by_person(&self, pieces: &[Piece]) -> Result<(), LandError> {
        let (ground, place) = (&self.ground, self.merging_place());
        let full = format!("refs/heads/{}", ground.names.integration());
        let mut made: BTreeSet<Oid> = ground.repo.git.commit(&full)?.into_iter().collect();
        if ground.is_there(&place) {
            made.extend(ground.git_in(&place)?.commit("HEAD")?);
        }
        for commit in made {
            if ground.stood.has(&commit)? || self.is_ours(&commit, pieces)? {
                continue;
            }
            if let Some(sides) = self.asked_below(&commit)? {
                self.ground.keep_by_person(&commit)?;
                self.learn(&commit, &sides)?;
            } else if !ground.repo.git.is_held_besides(&full, &commit)? {
                // Nobody was asked for it, and it is theirs all the same.
                self.ground.keep_by_person(&commit)?;
            }
        }
        Ok(())
    }

    /// The two sides of the very conflict that a person was left and resolved by a commit, or by one below it: more may be
    /// committed on top of a resolution.
    pub(super) fn asked_below(&self, commit: &Oid) -> Result<Option<[Oid; 2]>, LandError> {
        let asked = synced_lines::read::<Asked>(&self.asked_path())?;
        if asked.is_empty() {
            return Ok(None);
        }
        for (at, parents) in self.ground.repo.git.ancestry(commit, MOST_ON_TOP)? {
            // What we made there ends the search: our own merges have the sides of conflicts, too.
            if self.ground.stood.has(&at)? {
                return Ok(None);
            }
            let sides: Vec<&str> = parents.iter().map(Oid::as_str).collect();
            if asked.iter().any(|asked| asked.sides[..] == sides[..]) {
                return Ok(<[Oid; 2]>::try_from(parents).ok());
            }
        }
        Ok(None)
    }

    /// Whether it is the merge that we make of its tree: an earlier one of us died there.
    fn is_ours(&self, commit: &Oid, pieces: &[Piece]) -> Result<bool, LandError> {
        let git = &self.ground.repo.git;
        let [tip, head] = &git.parents(commit)?[..] else { return Ok(false) };
        let Some(piece) = pieces.iter().find(|piece| piece.head == *head) else { return Ok(false) };
        let (tree, scribe) = (git.tree(commit)?, self.scribe());
        let stamp = scribe.stamp(git, (tip, piece))?;
        Ok(git.commit_tree((&tree, &[tip, head]), &scribe.message(piece), &stamp)? == *commit)
    }

    /// Remembers how a person resolved a conflict, path by path. What they changed besides cannot be taken by path.
    pub(super) fn learn(&self, commit: &Oid, [ours, theirs]: &[Oid; 2]) -> Result<(), LandError> {
        let (git, merger) = (&self.ground.repo.git, self.ground.merger());
        let met = merger.merge(&merger.git_at(ours)?, None, [ours, theirs])?;
        let Meeting::Clash(clash) = met else { return Ok(()) };
        let (tree, _) = self.ground.without_copies(git, (&clash.tree, &git.tree(commit)?))?;
        if git.changes(&clash.tree, &tree)?.iter().all(|change| clash.owns(&change.path)) {
            let by = clash.paths().into_iter().map(|path| (path, A_PERSON.to_owned())).collect();
            self.ground.remember((git, &clash), (&tree, &by))?;
        }
        Ok(())
    }

    /// What a person committed where the conflict was left: the same two sides, merged, without what was copied in there.
    pub(super) fn resolved_by_person(
        &self,
        (bench, piece): (&Bench, &Piece),
        report: &mut Report,
    ) -> Result<Option<Oid>, LandError> {
        let git = &self.ground.repo.git;
        let (ours, theirs) = self.strategy().sides(&bench.git, (&bench.tip, piece))?;
        let mut last: Option<(u64, Oid)> = None;
        for (_, commit) in git.refs(&self.ground.names.by_persons())? {
            if self.asked_below(&commit)?.is_some_and(|sides| sides == [ours.clone(), theirs.clone()]) {
                // The one that they made last stands.
                let at = (git.seconds(&commit)?, commit);
                last = last.into_iter().chain([at]).max();
            }
        }
        let Some((_, commit)) = last else { return Ok(None) };
        let (tree, out) = self.ground.without_copies(git, (&ours, &git.tree(&commit)?))?;
        if !out.is_empty() {
            let paths = out.join(", ");
            let said = format!(
                "{paths} was in what a person committed, and does not land: it lay there for the run only"
            );
            report.note(&piece.task, Some(said));
        }
        Ok(Some(tree))
    }

    fn merging_place(&self) -> PathBuf {
        self.ground.dir.join(self.ground.names.integration_worktree())
    }

    fn asked_path(&self) -> PathBuf {
        self.run_dir.join(ASKED)
    }
}
