//! Brings the work of a run together: merges it in order on a branch of its own, behind gates, and moves the target once.
//!
//! ```text
//! integration worktree at the target's commit
//!   for each task in merge order: merge -> conflict? by policy -> gates? by policy
//! target --fast-forward--> integration tip        everything that is left out is named, with its cause
//! ```
//! Runs on a thread of its own; commands and agents run under the keeper, asked for through [`Runner`]. Doing it again from the start is
//! always right: dates and authors of our commits follow from what is merged. Knows no engine state.

mod ancestors;
mod approval;
mod batches;
mod errand;
mod fix;
pub mod forecast;
mod gates;
mod integrate;
mod joining;
mod paid;
mod persons;
mod proof;
mod resolve;
mod resolver;
mod scribe;
mod set_up;
mod signing;
mod target;
mod tries;

pub use ancestors::Agreed;
pub use approval::{Approval, Question};
pub use errand::{AgentOrder, Order, Ran, Reply, Runner};
pub use target::target_of;
pub use tries::Try;

use crate::git::{GitError, Oid, RepoError};
use crate::private_file;
use crate::redact::Redactor;
use crate::works::{Cargo, Piece};
use crate::yard::{AttributesError, Ground, MakeError, OwnGitError};
use regatta_engine::cause::Cause;
use regatta_engine::ids::NodeId;
use regatta_fault as fault;
use regatta_plan::model::Merge;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The highest number among the logs that what is recorded of gates speaks of.
pub(crate) fn last_log(run_dir: &Path) -> u64 {
    // A file that cannot be read is told by the landing.
    paid::Paid::read(run_dir).map_or(0, |paid| paid.last_log())
}

/// How often the target may move under our feet before a person is asked.
const MOST_REBUILDS: usize = 3;

/// What became of one piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is in the target.
    Landed,
    /// It is not.
    LeftOut(Cause),
}

/// A conflict, for the report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Conflict {
    /// The task whose work did not fit.
    pub task: String,
    /// The paths.
    pub paths: Vec<String>,
    /// By which rules it was resolved, by path; empty if it was not.
    pub resolved: BTreeMap<String, String>,
    /// Tasks merged before whose work changes these paths, too; none where what is on the target does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
    /// The branch on which work lands, where it is what is there that changes these paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// That branch, if it is known to have moved since the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<String>,
    /// The command of a rule that failed, so that it is not resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedRule>,
}

/// A command that was to make a file anew, and failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FailedRule {
    /// The command.
    pub run: String,
    /// How it ended, and its last words.
    pub said: String,
    /// The number of its log among those of the landing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<u64>,
}

impl Conflict {
    /// One that nobody has resolved yet.
    fn of(task: &str, paths: Vec<String>) -> Conflict {
        let (task, resolved) = (task.to_owned(), BTreeMap::new());
        Conflict { task, paths, resolved, with: Vec::new(), on: None, moved: None, failed: None }
    }

    /// Whom it meets there, as the end of a sentence; empty where nobody knows.
    #[must_use]
    pub fn met(&self) -> String {
        match (&self.moved, &self.on) {
            _ if !self.with.is_empty() => format!(", with the work of {}", self.with.join(", ")),
            (Some(branch), _) => format!(", {}", what_is_on(branch, true)),
            (None, Some(branch)) => format!(", {}", what_is_on(branch, false)),
            (None, None) => String::new(),
        }
    }
}

/// Whom a conflict meets that is with no other work of the run, in words.
#[must_use]
pub fn what_is_on(branch: &str, has_moved: bool) -> String {
    let moved = if has_moved { ", which moved since the run began" } else { "" };
    format!("with what is on {branch}{moved}")
}

/// Something that people should know about the work of a task, for the report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// The task, or what else it is about: `gates`, `setup`, `rules`, `worktrees`.
    pub task: String,
    /// In words.
    pub said: String,
}

/// Work that was merged on a tip whose gates had passed, and what they say now, for the report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Batch {
    /// The tasks, in the order in which they were merged.
    pub tasks: Vec<String>,
    /// The commit that was looked at.
    pub tip: String,
    /// Each gate that blocks has passed.
    pub passed: bool,
}

/// How a gate ended, for the report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GateResult {
    /// The gate, as people call it.
    pub gate: String,
    /// Its id, or the command.
    #[serde(default)]
    pub id: String,
    /// After the merge of this task; nothing for the end.
    pub after: Option<String>,
    /// What was merged with it since gates were asked last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
    /// It passed.
    pub passed: bool,
    /// It ran, or a person answered; otherwise something that it needs is red.
    #[serde(default)]
    pub ran: bool,
    /// Red stops the work.
    #[serde(default)]
    pub blocking: bool,
    /// For people.
    pub said: String,
    /// The number of its log among those of the landing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<u64>,
    /// How long it ran.
    #[serde(default)]
    pub ran_ms: u64,
}

/// What happened, for people and for files.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Where the target was.
    pub from: String,
    /// Where what was merged stands.
    pub tip: String,
    /// The branch that moved or was to move.
    pub target: Option<String>,
    /// Tasks in the order in which they were merged.
    pub merged: Vec<String>,
    /// Tasks that were left out, with the code of the cause.
    pub left_out: BTreeMap<String, String>,
    /// Conflicts that were met.
    pub conflicts: Vec<Conflict>,
    /// What else people should know of what was merged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Gates that ran.
    pub gates: Vec<GateResult>,
    /// What batches of merges came to, where more than one is merged at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<Batch>,
    /// Attempts of agents that mended red gates or resolved conflicts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Try>,
    /// The target moved.
    pub landed: bool,
    /// What a person must do first, and the command that goes on.
    pub waits: Option<(String, String)>,
    /// What a person is asked about the tip.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<Question>,
}

/// The file of the report in the directory of a run.
pub const REPORT: &str = "landing.json";

impl Report {
    /// What speaks against the work of a task where it was merged: the last word of each red gate, and the agents that were to
    /// mend that, oldest first. What looked at all merges speaks against each of them.
    #[must_use]
    pub fn against(&self, task: &str) -> (Vec<&GateResult>, Vec<&Try>) {
        let about = |after: &Option<String>| after.as_deref().is_none_or(|after| after == task);
        let mut gates: Vec<&GateResult> = Vec::new();
        let meant = |gate: &&GateResult| about(&gate.after) || gate.with.iter().any(|with| with == task);
        for gate in self.gates.iter().filter(meant) {
            gates.retain(|before| before.id != gate.id);
            gates.extend((!gate.passed && gate.ran).then_some(gate));
        }
        let mends = |tried: &&Try| tried.role == "fix" && about(&tried.after);
        (gates, self.tries.iter().filter(mends).collect())
    }

    /// Takes findings about a piece in, once each.
    fn found(&mut self, piece: &Piece, findings: Vec<String>) {
        findings.into_iter().for_each(|said| self.note(&piece.task, Some(said)));
    }

    /// Takes in what is to be said of something, once.
    fn note(&mut self, of: &str, said: Option<String>) {
        let finding = said.map(|said| Finding { task: of.to_owned(), said });
        let new = finding.filter(|finding| !self.findings.contains(finding));
        self.findings.extend(new);
    }

    /// The report of a run, if it has come so far.
    #[must_use]
    pub fn read(run_dir: &Path) -> Option<Report> {
        serde_json::from_slice(&std::fs::read(run_dir.join(REPORT)).ok()?).ok()
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, run_dir: &Path) -> io::Result<()> {
        private_file::replace(&run_dir.join(REPORT), &serde_json::to_vec_pretty(self)?)
    }
}

/// How landing ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Landing {
    /// Each piece has its fate.
    Done(Vec<(NodeId, Fate)>, Box<Report>),
    /// A person must do something first.
    Waits(Box<Report>),
    /// The run is being left.
    Stopped,
}

/// Why landing failed: nothing moved.
#[derive(Debug, thiserror::Error)]
pub enum LandError {
    /// Git fails.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The repository is not what it was.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The worktree for merging cannot be worked with.
    #[error(transparent)]
    OwnGit(#[from] OwnGitError),
    /// The worktree for merging cannot be made.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// Attributes of a commit cannot be had.
    #[error(transparent)]
    Attributes(#[from] AttributesError),
    /// Git does not find work that was merged.
    #[error("the work of `{task}` is not in {tip}, where it was merged")]
    Missing {
        /// The task.
        task: String,
        /// The commit.
        tip: String,
    },
    /// The report cannot be written.
    #[error("the report of the landing cannot be written: {0}")]
    Report(#[from] io::Error),
}

/// What landing works with.
pub struct Dock {
    /// The run's worktrees.
    pub ground: Arc<Ground>,
    /// What the plan says.
    pub merge: Merge,
    /// Runs commands.
    pub runner: Box<dyn Runner>,
    /// The run is being left: begin nothing more.
    pub stop: Arc<AtomicBool>,
    /// The directory of the run, for the report.
    pub run_dir: PathBuf,
    /// What gates and agents say passes it.
    pub redactor: Arc<Redactor>,
    /// What gates that are expressions say, by name: whether they pass, and why.
    pub expressions: BTreeMap<String, (bool, String)>,
    /// So many gates run at once at most.
    pub most_at_once: usize,
}

/// What happens to the whole because of one piece.
enum Verdict {
    /// It goes on.
    GoOn,
    /// Nothing lands.
    Nothing(Cause),
    /// A person must do something first.
    Wait(String, String),
    /// The run is being left.
    Stop,
}

impl Dock {
    /// Lands what can land.
    ///
    /// # Errors
    /// Git fails; the target has not moved.
    pub fn land(&self, cargo: &Cargo) -> Result<Landing, LandError> {
        let mut landing = self.land_all(cargo)?;
        if let Landing::Done(_, report) | Landing::Waits(report) = &mut landing {
            report.note("repository", self.ground.owed_where_work_lands());
        }
        Ok(landing)
    }

    fn land_all(&self, cargo: &Cargo) -> Result<Landing, LandError> {
        fault::point("landing.before");
        let mut report = Report::default();
        if cargo.incomplete && self.merge.policy == "all-success" {
            report.target = self.target();
            return Ok(nothing(&cargo.pieces, (&BTreeSet::new(), Cause::NotLanded), report));
        }
        for _ in 0..MOST_REBUILDS {
            report = Report { tries: self.tries_before()?, ..Report::default() };
            report.target = self.target();
            let goal = match self.goal()? {
                Ok(goal) => goal,
                Err((what, command)) => return Ok(waits(report, what, command)),
            };
            report.from = goal.at.to_string();
            if let Some(landed) = self.landed_before(cargo, &goal)? {
                return Ok(landed);
            }
            let mut left_out: BTreeMap<String, Cause> = BTreeMap::new();
            match self.integrate(cargo, &goal.at, (&mut report, &mut left_out))? {
                Verdict::GoOn => {}
                Verdict::Nothing(cause) => {
                    let blamed = report.left_out.keys().cloned().collect();
                    return Ok(nothing(&cargo.pieces, (&blamed, cause), report));
                }
                Verdict::Wait(what, command) => return Ok(waits(report, what, command)),
                Verdict::Stop => return Ok(Landing::Stopped),
            }
            let Some(tip) = Oid::parse(&report.tip) else { return Ok(Landing::Stopped) };
            if self.stop.load(Ordering::SeqCst) {
                return Ok(Landing::Stopped);
            }
            report.left_out = codes(&left_out);
            let tip = match self.signed((&goal.at, &tip))? {
                Ok(signed) => signed,
                Err(why) => {
                    let what = format!("what is to land cannot be signed: {why}");
                    let mend = "see that `git commit -S` works there without a question";
                    let command = format!("{mend}, then: regatta resume {}", self.ground.names.run());
                    return Ok(waits(report, what, command));
                }
            };
            report.tip = tip.to_string();
            self.prove(cargo, (&goal.at, &tip), &report)?;
            // What is about to land is written down first: if we die, whoever comes next sees whether it did.
            report.write(&self.run_dir)?;
            fault::point("landing.reported");
            match self.move_target(&goal, &tip)? {
                target::Moved::Yes if !self.stands(&goal, &tip)? => {}
                target::Moved::Yes => {
                    fault::point("landing.moved");
                    report.landed = true;
                    self.clear_away(cargo, &left_out, &mut report);
                    fault::point("landing.cleared");
                    return Ok(done(&cargo.pieces, &left_out, report));
                }
                target::Moved::Elsewhere => {}
                target::Moved::No(what, command) => return Ok(waits(report, what, command)),
            }
        }
        let what = "the target moved again and again while work was merged".to_owned();
        let command = format!("regatta resume {}", self.ground.names.run());
        Ok(waits(report, what, command))
    }
}

fn waits(mut report: Report, what: String, command: String) -> Landing {
    report.waits = Some((what, command));
    Landing::Waits(Box::new(report))
}

/// Nothing lands: some pieces are to blame, or what never got so far.
fn nothing(pieces: &[Piece], (blamed, cause): (&BTreeSet<String>, Cause), mut report: Report) -> Landing {
    report.merged.clear();
    let fate = |piece: &Piece| match piece {
        piece if blamed.contains(&piece.task) => cause,
        piece if !blamed.is_disjoint(&piece.ancestors) => Cause::Upstream,
        _ => Cause::NotLanded,
    };
    let fates: Vec<(NodeId, Fate)> =
        pieces.iter().map(|piece| (piece.node, Fate::LeftOut(fate(piece)))).collect();
    report.left_out =
        pieces.iter().map(|piece| (piece.task.clone(), fate(piece).code().to_owned())).collect();
    Landing::Done(fates, Box::new(report))
}

fn done(pieces: &[Piece], left_out: &BTreeMap<String, Cause>, mut report: Report) -> Landing {
    let fate = |piece: &Piece| left_out.get(&piece.task).map_or(Fate::Landed, |cause| Fate::LeftOut(*cause));
    let fates = pieces.iter().map(|piece| (piece.node, fate(piece))).collect();
    report.left_out = codes(left_out);
    Landing::Done(fates, Box::new(report))
}

fn codes(left_out: &BTreeMap<String, Cause>) -> BTreeMap<String, String> {
    left_out.iter().map(|(task, cause)| (task.clone(), cause.code().to_owned())).collect()
}
