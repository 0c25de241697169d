//! One attempt of an agent that helps the merge: it is told something, works in the worktree where work is merged, and what
//! it left is taken or refused.
//!
//! ```text
//! prompt -> agent under the keeper -> its tree -> checks -> a commit kept by a ref -> the record of the attempt
//! ```
//! The record is written when all of this is done. Whoever lands again from the same tip finds it and pays no second time;
//! an attempt that broke off left no record and is made again. What the gates say of it is not known here.

use super::errand::{AgentOrder, Order};
use super::integrate::Bench;
use super::{Dock, LandError, Report};
use crate::collect;
use crate::git::{Change, Oid, Stamp};
use crate::private_file;
use crate::redact::{Redactor, safe};
use crate::yard::{LANDING, TASK_DIR, author, inside};
use regatta_plan::model::Helper;
use regatta_plan::prompt::{Item, Part, Trust, compose};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// The file of all attempts in the directory of a run.
const TRIES: &str = "helpers.json";
/// How an agent is to end.
const CONTRACT: &str =
    "End with a short summary of what you changed and why. Do not commit: that is done for you.";

/// An attempt of an agent that helps the merge.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Try {
    /// Its number in the run, from 1.
    pub number: u32,
    /// `fix` or `resolver`.
    pub role: String,
    /// The agent.
    pub agent: String,
    /// The commit that it began from.
    pub tip: String,
    /// What was to be merged into that, for a conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// The task whose merge was red or conflicted; nothing for gates after the last merge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The task that would begin from the conflict; nothing for one that landing met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Ids of the gates that were red.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub red: Vec<String>,
    /// The commit of what it left; nothing if that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Files that it changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// When, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub ended_at_ms: u64,
    /// For people: how it ended, or why it was refused.
    pub said: String,
}

impl Try {
    /// The attempts of a run.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub(super) fn read(run_dir: &Path) -> io::Result<Vec<Try>> {
        match std::fs::read(run_dir.join(TRIES)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn write(all: &[Try], run_dir: &Path) -> io::Result<()> {
        private_file::replace(&run_dir.join(TRIES), &serde_json::to_vec_pretty(all)?)
    }
}

/// What an agent is asked for.
pub(super) struct Ask<'a> {
    pub(super) role: &'static str,
    pub(super) helper: &'a Helper,
    /// What is merged into the tip, for a conflict.
    pub(super) head: Option<&'a Oid>,
    pub(super) after: Option<&'a str>,
    pub(super) before: Option<&'a str>,
    pub(super) red: Vec<String>,
    /// Which attempt at this it is, from 0.
    pub(super) nth: usize,
    pub(super) title: String,
    pub(super) instruction: String,
    pub(super) items: Vec<Item>,
    /// The tree that it finds.
    pub(super) finds: Oid,
    /// Why these changes are refused, if they are.
    pub(super) refuses: &'a dyn Fn(&[Change]) -> Option<String>,
}

/// What came of it.
pub(super) enum Tried {
    /// It has ended.
    Done(Box<Try>),
    /// No budget is left.
    Unpaid,
    /// The run is being left.
    Left,
}

/// Something that others wrote, in a prompt.
pub(super) fn foreign(part: Part, source: String, text: String) -> Item {
    Item { part, source, revision: None, trust: Trust::Foreign, text }
}

impl Dock {
    /// Makes an attempt, or finds it made.
    pub(super) fn attempt(
        &self,
        ask: Ask<'_>,
        bench: &Bench,
        report: &mut Report,
    ) -> Result<Tried, LandError> {
        let mut all = Try::read(&self.run_dir)?;
        let (tip, head) = (bench.tip.as_str(), ask.head.map(Oid::as_str));
        let same = |tried: &&Try| tried.role == ask.role && tried.tip == tip && tried.head.as_deref() == head;
        if let Some(found) = all.iter().filter(same).nth(ask.nth) {
            report.tries.push(found.clone());
            return Ok(Tried::Done(Box::new(found.clone())));
        }
        let number = u32::try_from(all.len()).unwrap_or(u32::MAX).saturating_add(1);
        // What an earlier one said of itself is not this one's.
        let _ = std::fs::remove_file(bench.path.join(TASK_DIR).join(collect::RESULT));
        let order = AgentOrder {
            helper: ask.helper.clone(),
            role: ask.role,
            number,
            prompt: compose(&safe(items(&ask), &self.redactor)),
            instruction: ask.instruction.clone(),
            dir: bench.path.clone(),
        };
        let _at_work = self.ground.watch();
        let Some(ran) = self.carry_out(Order::Agent(Box::new(order))) else { return Ok(Tried::Left) };
        if ran.unpaid {
            return Ok(Tried::Unpaid);
        }
        let (commit, files, why) = self.taken(&ask, (bench, number))?;
        bench.stand_at_tip()?;
        let refused = (ran.code != Some(0)).then(|| ran.said.clone()).or(why);
        let tried = Try {
            number,
            role: ask.role.to_owned(),
            agent: ask.helper.agent.clone(),
            tip: tip.to_owned(),
            head: head.map(str::to_owned),
            after: ask.after.map(str::to_owned),
            before: ask.before.map(str::to_owned),
            red: ask.red.clone(),
            commit: if refused.is_none() { Some(commit.to_string()) } else { None },
            files,
            ended_at_ms: ran.ended_at_ms,
            said: refused.unwrap_or(ran.said),
        };
        all.push(tried.clone());
        Try::write(&all, &self.run_dir)?;
        report.tries.push(tried.clone());
        Ok(Tried::Done(Box::new(tried)))
    }

    /// What an agent left, as a commit that is kept; its files; and why it is refused, if it is.
    fn taken(
        &self,
        ask: &Ask<'_>,
        (bench, number): (&Bench, u32),
    ) -> Result<(Oid, Vec<String>, Option<String>), LandError> {
        let mut findings = self.ground.tampered();
        let mended = self.ground.mend(&bench.path)?;
        self.ground.unlock(&bench.path, bench.branch.trim_start_matches("refs/heads/"))?;
        let (blame, note) = self.ground.refs_after(LANDING, (&bench.git, &bench.path))?;
        note.into_iter().for_each(|note| self.ground.to_be_said(note));
        let whole = self.ground.everything((&bench.git, &bench.path), &ask.finds)?;
        let tree = whole.tree;
        let seconds = bench.git.seconds(&bench.tip)?;
        let stamp = Stamp {
            author: author(Some(&ask.helper.agent)),
            committer: self.ground.committer.clone(),
            seconds,
        };
        let commit = bench.git.commit_tree((&tree, &[&bench.tip]), &self.fix_message(ask, number), &stamp)?;
        self.ground.repo.git.set_ref(&self.ground.names.helped(ask.role, number), &commit)?;
        let changes = bench.git.changes(&ask.finds, &tree)?;
        findings.extend(self.ground.forbidden(&bench.git, (&tree, &changes))?);
        let nested = (!whole.inner.is_empty()).then(|| inside(&whole.inner));
        // Entries in the stash are no reason to refuse what is in the worktree.
        let _ = self.ground.tidy_stash(bench.branch.trim_start_matches("refs/heads/"));
        let finding = findings.into_iter().map(|finding| finding.message).chain(blame).chain(nested).next();
        let mended = mended.then(|| "it changed `.git` of the worktree; that was put back".to_owned());
        let why = finding
            .or(mended)
            .or_else(|| (ask.refuses)(&changes))
            .or_else(|| said_of_itself(&bench.path, &self.redactor));
        Ok((commit, changes.into_iter().map(|change| change.path).collect(), why))
    }

    fn fix_message(&self, ask: &Ask<'_>, number: u32) -> String {
        let run = self.ground.names.run();
        let after = ask.after.map_or(String::new(), |task| format!("Regatta-After: {task}\n"));
        format!("{}\n\nRegatta-Run: {run}\n{after}Regatta-Fix: {number}\n", ask.title)
    }
}

fn items(ask: &Ask<'_>) -> Vec<Item> {
    let own = |part, text: &str| Item {
        part,
        source: "plan".to_owned(),
        revision: None,
        trust: Trust::Plan,
        text: text.to_owned(),
    };
    let mut items = ask.items.clone();
    items.push(own(Part::Title, &ask.title));
    items.push(own(Part::Instruction, &ask.instruction));
    items.push(own(Part::Contract, CONTRACT));
    items
}

/// What the result of an agent says against it, if it wrote one.
fn said_of_itself(worktree: &Path, redactor: &Redactor) -> Option<String> {
    let mut text = String::new();
    let file = private_file::open(&worktree.join(TASK_DIR).join(collect::RESULT)).ok()?;
    io::Read::read_to_string(&mut io::Read::take(file, collect::MAX_RESULT_BYTES), &mut text).ok()?;
    // Raw, it does not outlive its reading.
    let _ = std::fs::remove_file(worktree.join(TASK_DIR).join(collect::RESULT));
    let said: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let status = said.get("status").and_then(serde_json::Value::as_str)?;
    let bad = ["partial", "failed", "blocked"].contains(&status);
    let summary = said.get("summary").and_then(serde_json::Value::as_str).unwrap_or_default();
    let summary = redactor.text(summary.to_owned());
    bad.then(|| format!("its result says `{status}`: {}", summary.chars().take(200).collect::<String>()))
}
