//! Merges pieces on the integration branch.
//!
//! What is left out takes its descendants with it, because their commits contain it.

use super::gates::red_at_the_end;
use super::joining::{Joined, Joiner, Strategy};
use super::paid::Paid;
use super::resolve::{A_PERSON, BY_AGENT};
use super::resolver::Resolved;
use super::scribe::Scribe;
use super::{Approval, Cargo, Conflict, Dock, LandError, Piece, Report, Verdict};
use crate::began_on;
use crate::git::{Git, Oid};
use crate::yard::{AttributesError, Clash, Stood, patterns};
use regatta_engine::cause::Cause;
use regatta_fault as fault;
use regatta_plan::model::MergeRule;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A merge under way: the worktree, and where it stands.
pub(super) struct Bench {
    pub(super) git: Git,
    pub(super) path: PathBuf,
    /// The full ref of its branch.
    pub(super) branch: String,
    pub(super) tip: Oid,
    /// Where it is written down at which commits we let worktrees stand.
    pub(super) stood: Stood,
    /// The commit at which it was prepared.
    pub(super) set_up_at: Oid,
    /// The worktree does not stand at the tip yet: nobody has had to look there.
    pub(super) behind: Cell<bool>,
    /// Gates that do not block and have not passed at the tip.
    pub(super) unpassed: BTreeSet<String>,
    /// What gates said so far.
    pub(super) paid: Paid,
    /// Of which tips the report tells what which gate said.
    pub(super) told: BTreeSet<(String, String)>,
    /// What was merged besides the last one since gates were asked.
    pub(super) with: Vec<String>,
    /// How an agent resolved the conflict of the last one, which its gates have not seen yet.
    pub(super) unproven: Option<Solved>,
    /// The task that is to begin from what is merged here; nothing where work lands.
    pub(super) before: Option<String>,
}

/// A conflict, the tree without it, and who resolved which path.
pub(super) type Solved = (Clash, Oid, BTreeMap<String, String>);

pub(super) type Outcome<'a> = (&'a mut Report, &'a mut BTreeMap<String, Cause>);

impl Dock {
    /// Merges what can be merged; the tip is in the report.
    pub(super) fn integrate(
        &self,
        cargo: &Cargo,
        from: &Oid,
        (report, left_out): Outcome<'_>,
    ) -> Result<Verdict, LandError> {
        let refused = Approval::left_out(&self.run_dir)?;
        if let Some(verdict) = self.half_done(&refused)? {
            return Ok(verdict);
        }
        let mut bench = self.bench(from, &cargo.pieces)?;
        if let Some(verdict) = self.prepare(&bench, report)? {
            return Ok(verdict);
        }
        for (piece, by) in cargo.pieces.iter().filter_map(|piece| Some((piece, refused.get(&piece.task)?))) {
            report.found(piece, vec![format!("refused by {by}")]);
            left_out.insert(piece.task.clone(), Cause::Refused);
        }
        if let Some(verdict) = self.bring_in(cargo, &mut bench, (report, left_out))? {
            return Ok(verdict);
        }
        bench.stand()?;
        fault::point("landing.stands");
        if !self.merge.gate_each
            && let Some(verdict) = self.last_gates(&mut bench, report)?
        {
            return Ok(verdict);
        }
        report.tip = bench.tip.to_string();
        self.last_word(&mut bench, report)
    }

    /// Whether one piece may be left out for that reason, and the others land.
    pub(super) fn leaves_out(&self, cause: Cause) -> bool {
        self.merge.policy == "merge-succeeded"
            && match cause {
                Cause::Gate => self.merge.on_gate_failure == "take-out",
                Cause::NotLanded => true,
                _ => self.merge.on_conflict != "fail-fast",
            }
    }

    /// The worktree in which work is merged, at a commit.
    fn bench(&self, from: &Oid, pieces: &[Piece]) -> Result<Bench, LandError> {
        let (ground, names) = (&self.ground, &self.ground.names);
        let path = ground.dir.join(names.integration_worktree());
        self.keep_merged_by_person(pieces)?;
        let bench = self.bench_at((path, &names.integration()), from)?;
        fault::point("landing.bench");
        Ok(bench)
    }

    /// A worktree of ours at a commit, on a branch of that name, whatever was there.
    pub(super) fn bench_at(&self, (path, branch): (PathBuf, &str), from: &Oid) -> Result<Bench, LandError> {
        let ground = &self.ground;
        let full = format!("refs/heads/{branch}");
        let stood = ground.stood.clone();
        stood.at(from)?;
        ground.clear(&path)?;
        ground.repo.git.drop_refs(std::slice::from_ref(&full))?;
        let git = ground.check_out(&path, (branch, from))?;
        ground.furnish(&path)?;
        Ok(Bench {
            git,
            path,
            branch: full,
            tip: from.clone(),
            set_up_at: from.clone(),
            stood,
            behind: Cell::new(false),
            unpassed: BTreeSet::new(),
            paid: Paid::read(&self.run_dir)?,
            told: BTreeSet::new(),
            with: Vec::new(),
            unproven: None,
            before: None,
        })
    }

    /// Nothing runs in a worktree of ours any more: settings that were changed are put back, locks of what was killed go, and
    /// what programs its settings name is asked anew.
    pub(super) fn calm(&self, bench: &mut Bench, report: &mut Report) -> Result<(), LandError> {
        // What a command of the plan changed of the repository's settings is no finding about anybody's work.
        report.note("gates", self.ground.put_back("one of them"));
        self.ground.mend(&bench.path)?;
        self.ground.unlock(&bench.path, bench.branch.trim_start_matches("refs/heads/"))?;
        bench.git = self.ground.git_in(&bench.path)?;
        Ok(())
    }

    /// Merges one piece. A conflict is met `alone` only: on a tip whose gates have passed.
    pub(super) fn take_in(
        &self,
        (piece, merged): (&Piece, &[&Piece]),
        (bench, alone): (&mut Bench, bool),
        report: &mut Report,
    ) -> Result<Step, LandError> {
        let before = bench.tip.clone();
        let mut findings = Vec::new();
        let (tip, there, own) = (bench.tip.clone(), !bench.behind.get(), bench.git.clone());
        let git_at = |at: &Oid| match *at == tip && there {
            // The worktree has the attributes of its commit.
            true => Ok(own.clone()),
            false => self.ground.merger().git_at(at),
        };
        let joiner = self.joiner(&git_at);
        let joined = joiner.join(&before, piece, &mut findings)?;
        let mut by_agent = false;
        let tip = match joined {
            Joined::There => {
                report.found(piece, findings);
                return Ok(Step::In { by_agent });
            }
            Joined::At(tip) => tip,
            Joined::Behind | Joined::Conflict(..) | Joined::Known(..) if !alone => return Ok(Step::Later),
            Joined::Behind => {
                report.found(piece, vec![behind(&before)]);
                return Ok(Step::Out(Cause::NotLanded));
            }
            Joined::Known(clash, known) => {
                // What a person commits where it was left to them stands above what was known.
                let mut conflict =
                    Conflict { resolved: known.by, ..Conflict::of(&piece.task, clash.paths()) };
                let person = self.resolved_by_person((bench, piece), report)?;
                let tree = match person {
                    Some(tree) => self.by_person((bench, &clash), tree, &mut conflict)?,
                    None => known.tree,
                };
                by_agent = self.is_by_agent(&conflict);
                report.conflicts.push(conflict);
                joiner.commit(&bench.git, &tree, (&before, piece))?
            }
            Joined::Conflict(clash) => {
                let mut conflict = Conflict::of(&piece.task, clash.paths());
                conflict.with = self.others_in(&conflict.paths, merged)?;
                self.meet_target((bench, &mut conflict), report);
                bench.stand()?;
                let solved = self.resolve((piece, merged), bench, (&mut conflict, report))?;
                by_agent = self.is_by_agent(&conflict);
                let by = conflict.resolved.clone();
                report.conflicts.push(conflict);
                match solved {
                    Resolved::Tree(tree) => {
                        bench.unproven = Some((clash, tree.clone(), by));
                        if !by_agent || !self.merge.gate_each {
                            self.proven(bench)?;
                        }
                        joiner.commit(&bench.git, &tree, (&before, piece))?
                    }
                    Resolved::No => return self.unresolved(piece, bench, report),
                    Resolved::Left => return Ok(Step::Other(Verdict::Stop)),
                }
            }
        };
        report.found(piece, findings);
        bench.tip = tip;
        bench.behind.set(true);
        fault::point("landing.merged");
        Ok(Step::In { by_agent })
    }

    /// The tasks among what was merged whose work changes one of some paths, or what stands below it.
    fn others_in(&self, paths: &[String], merged: &[&Piece]) -> Result<Vec<String>, LandError> {
        let mut others = Vec::new();
        for other in merged {
            let side = self.ground.changed_by(other)?;
            others.extend(paths.iter().any(|path| side.meets(path)).then(|| other.task.clone()));
        }
        Ok(others)
    }

    /// A conflict with no other work of the run is with what is on the target, if that is not where tasks began from.
    fn meet_target(&self, (bench, conflict): (&Bench, &mut Conflict), report: &Report) {
        let lands = bench.before.is_none() && conflict.with.is_empty();
        let differs = lands && report.from != self.ground.pinned.as_str();
        let target = report.target.as_deref().filter(|_| differs);
        conflict.on = target.map(|target| target.trim_start_matches("refs/heads/").to_owned());
        conflict.moved = conflict.on.clone().filter(|_| began_on::has_moved(&self.run_dir, &report.from));
    }

    /// Whether an agent resolved a part of a conflict: then gates decide, and a person where they are red.
    fn is_by_agent(&self, conflict: &Conflict) -> bool {
        self.merge.on_conflict == "resolver" && conflict.resolved.values().any(|by| by.starts_with(BY_AGENT))
    }

    fn by_person(
        &self,
        (bench, clash): (&Bench, &Clash),
        tree: Oid,
        conflict: &mut Conflict,
    ) -> Result<Oid, LandError> {
        conflict.resolved = conflict.paths.iter().map(|path| (path.clone(), A_PERSON.to_owned())).collect();
        self.ground.remember((&bench.git, clash), (&tree, &conflict.resolved))?;
        Ok(tree)
    }

    /// How the last conflict was resolved is good: whoever meets the same again is not asked.
    pub(super) fn proven(&self, bench: &mut Bench) -> Result<(), LandError> {
        if let Some((clash, tree, by)) = bench.unproven.take() {
            // What cannot be remembered is asked again.
            self.ground.remember((&bench.git, &clash), (&tree, &by))?;
        }
        Ok(())
    }

    /// What an unresolved conflict means.
    pub(super) fn unresolved(
        &self,
        piece: &Piece,
        bench: &Bench,
        report: &Report,
    ) -> Result<Step, LandError> {
        if !["manual-escalation", "resolver"].contains(&self.merge.on_conflict.as_str()) {
            return Ok(Step::Out(Cause::MergeConflict));
        }
        self.leave_to_person(bench, piece)?;
        let met = |conflict: &Conflict| format!("{}{}", conflict.paths.join(", "), conflict.met());
        let paths = report.conflicts.last().map(met).unwrap_or_default();
        let what = format!("the work of `{}` conflicts in {paths}", piece.task);
        let (place, run) = (bench.path.display(), self.ground.names.run());
        let command = format!("resolve it in {place}, `git commit` there, then: regatta resume {run}");
        Ok(Step::Other(Verdict::Wait(what, command)))
    }

    fn last_gates(&self, bench: &mut Bench, report: &mut Report) -> Result<Option<Verdict>, LandError> {
        Ok(match self.gated(bench, None, report)? {
            Some(true) => None,
            None => Some(Verdict::Stop),
            Some(false) => {
                if report.merged.len() > 1 {
                    let said = "they looked at all that was merged at once, so nobody can be singled out";
                    report.note("gates", Some(said.to_owned()));
                }
                Some(red_at_the_end(report))
            }
        })
    }

    fn joiner<'a>(&'a self, git_at: &'a dyn Fn(&Oid) -> Result<Git, AttributesError>) -> Joiner<'a> {
        Joiner { strategy: self.strategy(), scribe: self.scribe(), merger: self.ground.merger(), git_at }
    }

    pub(super) fn strategy(&self) -> Strategy {
        Strategy::of(&self.merge.strategy)
    }

    pub(super) fn scribe(&self) -> Scribe<'_> {
        Scribe::of(&self.merge, (self.ground.names.run(), self.ground.committer.clone()))
    }
}

/// Why a piece that is to be taken as it is cannot be.
fn behind(tip: &Oid) -> String {
    format!("it does not descend from {}, and `ff-only` moves forward only", tip.short())
}

impl Bench {
    /// The worktree stands at the tip, for whoever works or looks there next.
    pub(super) fn stand(&self) -> Result<(), LandError> {
        if self.behind.get() { self.stand_at_tip() } else { Ok(()) }
    }

    /// Index and files as the tip has them; nothing that a gate left.
    pub(super) fn stand_at_tip(&self) -> Result<(), LandError> {
        self.stood.at(&self.tip)?;
        // What ran here may have changed to another branch, which is not ours to move.
        self.git.run(&["symbolic-ref", "HEAD", &self.branch])?;
        self.git.run(&["reset", "--hard", "--quiet", self.tip.as_str()])?;
        // Ignored files stay: they are caches of builds.
        self.git.run(&["clean", "-ffd", "--quiet"])?;
        self.behind.set(false);
        Ok(())
    }
}

/// What came of one piece.
pub(super) enum Step {
    /// It is in, perhaps with the help of an agent.
    In {
        /// An agent resolved its conflict.
        by_agent: bool,
    },
    /// It does not come in so easily; what was merged before it must pass its gates first.
    Later,
    /// It is not.
    Out(Cause),
    /// The whole stops here.
    Other(Verdict),
}

/// The first rule that speaks of a path.
pub(super) fn matching<'a>(rules: &'a [MergeRule], path: &str) -> Option<&'a MergeRule> {
    rules.iter().find(|rule| patterns(std::slice::from_ref(&rule.paths)).is_match(path))
}
