//! What the predecessors of a task left conflicts: that is resolved by the policy for conflicts, before the task begins
//! (spec 6 "Base").
//!
//! ```text
//! base -> conflict -> rules or an agent, in a worktree of ours -> remembered -> base …
//!            |  ^        `-> no: a person, if the policy has one     until the base is whole
//!            v  |
//!         a person commits where the conflict stands
//! ```
//! Only the paths that conflict are resolved here: what else must change to fit is the work of the task. Doing it again from
//! the start is always right. Knows no engine state, and no gate: what lands is looked at where it lands.

use super::integrate::Bench;
use super::resolver::Resolved;
use super::{Conflict, Dock, Finding, LandError, Piece, Report, Try, Verdict};
use crate::git::Oid;
use crate::yard::{Base, Clash, LEFT, TASK_DIR, base};
use regatta_fault as fault;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// What came of a conflict among predecessors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Agreed {
    /// There is none any more: the task can begin. What is to be said of how that came.
    Yes(Vec<String>),
    /// Nobody has resolved it: why, and what a person can do.
    No(String),
    /// The run is being left, or nobody wants it any more.
    Left,
}

/// What of one conflict came.
enum Solved {
    /// The tree without it, and who resolved which path.
    By(Oid, BTreeMap<String, String>),
    /// Nobody has.
    No(String),
    Left,
}

/// What stands where a conflict was left to a person.
enum Standing {
    /// Nothing of this conflict.
    Nothing,
    /// They committed something that was not taken.
    Committed(Oid),
    /// They are not done.
    Open,
}

impl Dock {
    /// Resolves what conflicts among the work that a task would begin from; `pieces` are what its predecessors left, in
    /// merge order.
    ///
    /// # Errors
    /// Git fails, or a file cannot be read or written.
    pub fn agree(&self, task: &str, pieces: &[Piece]) -> Result<Agreed, LandError> {
        let heads: Vec<(String, Oid)> =
            pieces.iter().map(|piece| (piece.task.clone(), piece.head.clone())).collect();
        self.gather(task)?;
        let mut notes = Vec::new();
        let agreed = self.agree_on(task, (pieces, &heads), &mut notes)?;
        Ok(match agreed {
            Agreed::Yes(_) => Agreed::Yes(notes),
            Agreed::No(why) => Agreed::No([&[why], &notes[..]].concat().join("; ")),
            Agreed::Left => Agreed::Left,
        })
    }

    fn agree_on(
        &self,
        task: &str,
        (pieces, heads): (&[Piece], &[(String, Oid)]),
        notes: &mut Vec<String>,
    ) -> Result<Agreed, LandError> {
        loop {
            if self.stop.load(Ordering::SeqCst) {
                return Ok(Agreed::Left);
            }
            let Base::Conflict { task: other, clash } = base(&self.ground, heads)? else {
                self.ground.clear_resolved(task)?;
                return Ok(Agreed::Yes(Vec::new()));
            };
            let Some(at) = pieces.iter().position(|piece| piece.task == other) else {
                return Ok(Agreed::No(format!("the work of `{other}` is not known")));
            };
            let (merged, piece) = (&pieces[..at], &pieces[at]);
            let (tree, by) = match self.solve(task, (piece, merged), (&clash, notes))? {
                Solved::By(tree, by) => (tree, by),
                Solved::No(why) => return Ok(Agreed::No(why)),
                Solved::Left => return Ok(Agreed::Left),
            };
            fault::point("landing.base.resolved");
            if !self.ground.remember((&self.ground.repo.git, &clash), (&tree, &by))? {
                let paths = clash.paths().join(", ");
                return Ok(Agreed::No(format!(
                    "what was made of {paths} is no file, or its name is no text, so it cannot be taken"
                )));
            }
            fault::point("landing.base.recorded");
        }
    }

    /// Attempts of agents to resolve what tasks were to begin from, for the report.
    pub(super) fn tries_before(&self) -> Result<Vec<Try>, LandError> {
        Ok(Try::read(&self.run_dir)?.into_iter().filter(|tried| tried.before.is_some()).collect())
    }

    /// What persons committed where conflicts were left to them, for whichever task: the same can meet here.
    fn gather(&self, task: &str) -> Result<(), LandError> {
        let (git, all) = (&self.ground.repo.git, format!("refs/heads/{}", self.ground.names.base("")));
        let mut made: Vec<Oid> = git.refs(&all)?.into_iter().map(|(_, at)| at).collect();
        let place = self.place_for(task);
        if self.ground.is_there(&place) {
            made.extend(self.ground.git_in(&place)?.commit("HEAD")?);
        }
        for commit in made {
            if let Some(sides) = self.asked_below(&commit)? {
                self.learn(&commit, &sides)?;
            }
        }
        Ok(())
    }

    fn solve(
        &self,
        task: &str,
        (piece, merged): (&Piece, &[Piece]),
        (clash, notes): (&Clash, &mut Vec<String>),
    ) -> Result<Solved, LandError> {
        let place = self.place_for(task);
        match self.standing((task, &place), clash)? {
            Standing::Committed(commit) => {
                return Ok(Solved::No(self.refused((&place, &commit), (piece, clash))?));
            }
            Standing::Open => return Ok(Solved::No(left_to_person((piece, clash), &place, self.run_id()))),
            Standing::Nothing => {}
        }
        let branch = self.ground.names.base(task);
        let mut bench = self.bench_at((place.clone(), &branch), &clash.sides[0])?;
        bench.before = Some(task.to_owned());
        fault::point("landing.base.stands");
        let rules = match self.by_others((piece, merged), &bench, (clash, notes))? {
            Ok(solved) => return Ok(solved),
            Err(why) => why,
        };
        if !self.merge.asks_person() {
            self.ground.clear(&place)?;
            self.ground.repo.git.drop_refs(&[format!("refs/heads/{branch}")])?;
            return Ok(Solved::No(format!("{}; {rules}", conflicts((piece, clash)))));
        }
        self.leave_to_person(&bench, piece)?;
        Ok(Solved::No(left_to_person((piece, clash), &place, self.run_id())))
    }

    /// Rules, or an agent; or why that is not what they can do.
    fn by_others(
        &self,
        (piece, merged): (&Piece, &[Piece]),
        bench: &Bench,
        (clash, notes): (&Clash, &mut Vec<String>),
    ) -> Result<Result<Solved, String>, LandError> {
        let mut conflict = Conflict::of(&piece.task, clash.paths());
        let names = merged.iter().map(|piece| piece.task.clone()).collect();
        let mut report = Report { merged: names, ..Report::default() };
        let merged: Vec<&Piece> = merged.iter().collect();
        let resolved = match self.merge.on_conflict.as_str() {
            "merge-with-rules" | "resolver" => match self.set_up(bench, &mut report)? {
                Some(Verdict::Stop) => Err(Solved::Left),
                Some(Verdict::Wait(what, _)) => Err(Solved::No(what)),
                None | Some(Verdict::GoOn | Verdict::Nothing(_)) => {
                    Ok(self.resolve((piece, &merged), bench, (&mut conflict, &mut report))?)
                }
            },
            _ => Ok(Resolved::No),
        };
        // No report is written of this: who begins there is told.
        let of = |finding: Finding| {
            format!("where what it begins from was merged, {}: {}", finding.task, finding.said)
        };
        notes.extend(report.findings.into_iter().map(of));
        let resolved = match resolved {
            Ok(resolved) => resolved,
            Err(solved) => return Ok(Ok(solved)),
        };
        Ok(match resolved {
            Resolved::Tree(tree) => Ok(Solved::By(tree, conflict.resolved)),
            Resolved::Left => Ok(Solved::Left),
            // A command that was ended with the run says nothing about the rules.
            Resolved::No if self.stop.load(Ordering::SeqCst) => Ok(Solved::Left),
            Resolved::No => Err(match conflict.failed {
                Some(rule) => format!("the rule `{}` failed: {}", rule.run, rule.said),
                None => "the rules do not resolve that".to_owned(),
            }),
        })
    }

    /// Why what a person committed was not taken.
    fn refused(
        &self,
        (place, commit): (&Path, &Oid),
        (piece, clash): (&Piece, &Clash),
    ) -> Result<String, LandError> {
        let git = &self.ground.repo.git;
        let (tree, _) = self.ground.without_copies(git, (&clash.tree, &git.tree(commit)?))?;
        let changes = git.changes(&clash.tree, &tree)?;
        let other = changes.iter().find(|change| !clash.owns(&change.path));
        let why = match other {
            Some(other) => format!(
                "also changes {}, which does not conflict and is left to the task",
                other.path.escape_debug()
            ),
            None => "puts something else in the place of a file".to_owned(),
        };
        let (place, run) = (place.display(), self.run_id());
        Ok(format!(
            "{}; the commit in {place} {why}: `git commit --amend` there without that, then: regatta resume {run}",
            conflicts((piece, clash))
        ))
    }

    /// What stands where this very conflict was left to a person.
    fn standing(&self, (task, place): (&str, &Path), clash: &Clash) -> Result<Standing, LandError> {
        let git = &self.ground.repo.git;
        let mut made: Vec<Oid> =
            git.commit(&format!("refs/heads/{}", self.ground.names.base(task)))?.into_iter().collect();
        let mut open = false;
        if self.ground.is_there(place) {
            let left = std::fs::read_to_string(place.join(TASK_DIR).join(LEFT)).unwrap_or_default();
            open = left.starts_with(&mark(clash));
            made.extend(self.ground.git_in(place)?.commit("HEAD")?);
        }
        for commit in made {
            if self.asked_below(&commit)?.as_ref() == Some(&clash.sides) {
                return Ok(Standing::Committed(commit));
            }
        }
        Ok(if open { Standing::Open } else { Standing::Nothing })
    }

    /// Where the conflict is resolved that a task would begin from.
    fn place_for(&self, task: &str) -> PathBuf {
        self.ground.dir.join(self.ground.names.base_worktree(task))
    }

    fn run_id(&self) -> &str {
        self.ground.names.run()
    }
}

fn mark(clash: &Clash) -> String {
    clash.sides.each_ref().map(|side| format!("{side}\n")).concat()
}

fn conflicts((piece, clash): (&Piece, &Clash)) -> String {
    let paths = clash.paths().join(", ");
    format!("the work of `{}` conflicts with that of other predecessors in {paths}", piece.task)
}

fn left_to_person(conflict: (&Piece, &Clash), place: &Path, run: &str) -> String {
    let how = format!("resolve it in {}, `git commit` there, then: regatta resume {run}", place.display());
    format!("{}; {how}", conflicts(conflict))
}
