//! What the journal says of the tasks of a run that work in worktrees.
//!
//! ```text
//! created -> assigned -> in_progress -> completed | failed | conflict -> merged -> cleaned
//! ```
//! A view over events; that a worktree is gone is seen by who looks at the disk.

use crate::git::Oid;
use crate::landing::Report as Landing;
use regatta_engine::cause::Cause;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::outcome::{AttemptOutcome, NodeOutcome};
use regatta_engine::report::Report;
use regatta_journal::{Reader, RunId, StoreError, StoredEvent};
use regatta_plan::Plan;

/// Where in its life a worktree is (spec 6 "Life").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// It is made, and no attempt has begun.
    Created,
    /// It belongs to a task of which no attempt runs now.
    Assigned,
    /// An attempt works in it.
    InProgress,
    /// What its task left is good, and is not merged.
    Completed,
    /// Its task failed.
    Failed,
    /// What its task left conflicts with other work.
    Conflict,
    /// What its task left is in the target.
    Merged,
    /// It is gone.
    Cleaned,
}

impl Life {
    /// The word in files and listings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Life::Created => "created",
            Life::Assigned => "assigned",
            Life::InProgress => "in_progress",
            Life::Completed => "completed",
            Life::Failed => "failed",
            Life::Conflict => "conflict",
            Life::Merged => "merged",
            Life::Cleaned => "cleaned",
        }
    }

    /// True if nothing more becomes of the work in it while its run has ended.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        match self {
            Life::Created | Life::Assigned | Life::InProgress => false,
            Life::Completed | Life::Failed | Life::Conflict | Life::Merged | Life::Cleaned => true,
        }
    }
}

/// What is known of a task.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Attempts that were started.
    pub attempts: u32,
    /// The id of the last one.
    pub attempt: Option<u64>,
    /// That one runs.
    pub running: bool,
    /// Its work was good and waited for landing, or waits still.
    pub collected: bool,
    /// How the task ended, and why.
    pub outcome: Option<(NodeOutcome, Option<Cause>)>,
    /// Where the last work began, and what it left.
    pub work: Option<(Oid, Oid)>,
    /// What was said of the last attempt.
    pub message: Option<String>,
    /// The work is that of an earlier run: its id.
    pub reused_from: Option<String>,
    /// When the first attempt was started, in milliseconds since the Unix epoch.
    pub assigned_wall_ms: Option<u64>,
    /// When the last attempt ended.
    pub completed_wall_ms: Option<u64>,
    /// When the task ended.
    pub ended_wall_ms: Option<u64>,
}

impl Past {
    fn push(&mut self, stored: &StoredEvent, (is_gate, lands): (bool, bool)) {
        let Event { kind, .. } = &stored.event;
        match kind {
            EventKind::DispatchStarted { attempt, number, .. } => {
                (self.attempts, self.attempt, self.running) = (*number, Some(attempt.0), true);
                self.assigned_wall_ms.get_or_insert(stored.wall_ms);
            }
            EventKind::DispatchEnded { attempt, outcome, cause, report, .. }
                if self.attempt == Some(attempt.0) =>
            {
                self.running = false;
                self.completed_wall_ms = Some(stored.wall_ms);
                self.take(report, is_gate);
                let said = report.message.as_deref().map(str::to_owned);
                let failed = *outcome != AttemptOutcome::Succeeded;
                self.message = said.or_else(|| cause.filter(|_| failed).map(|cause| cause.code().to_owned()));
            }
            EventKind::NodeReused { reused, .. } => {
                self.collected = lands && reused.report.work.is_some();
                self.reused_from = Some(reused.run.to_string());
                self.completed_wall_ms = Some(stored.wall_ms);
                self.take(&reused.report, is_gate);
            }
            EventKind::NodeCollected { .. } => self.collected = true,
            EventKind::NodeEnded { outcome, cause, .. } => {
                (self.outcome, self.running) = (Some((*outcome, *cause)), false);
                self.ended_wall_ms = Some(stored.wall_ms);
            }
            _ => {}
        }
    }

    fn take(&mut self, report: &Report, is_gate: bool) {
        // Of a gate it is where it looked: it leaves nothing.
        let work = report.work.as_ref().filter(|_| !is_gate);
        let work = work.and_then(|work| Oid::parse(&work.base).zip(Oid::parse(&work.head)));
        self.work = work.or(self.work.take());
    }

    /// Where in its life the worktree is, as far as the journal knows; nothing if the task never had one. `landing` is the
    /// report of the run.
    #[must_use]
    pub fn life(&self, task: &str, landing: Option<&Landing>) -> Option<Life> {
        let waits = landing.filter(|report| report.waits.is_some());
        let conflicts = |report: &Landing| {
            report.conflicts.last().is_some_and(|last| last.task == task && last.resolved.is_empty())
        };
        Some(match self.outcome {
            None if self.running => Life::InProgress,
            None if self.collected && waits.is_some_and(conflicts) => Life::Conflict,
            None if self.collected => Life::Completed,
            None if self.attempts > 0 => Life::Assigned,
            None => return None,
            Some((NodeOutcome::Succeeded, _)) if self.collected => Life::Merged,
            Some((NodeOutcome::Succeeded, _)) => Life::Completed,
            // It conflicts with other work, or what it was to begin from does.
            Some((_, Some(Cause::MergeConflict))) => Life::Conflict,
            Some(_) if self.attempts == 0 && self.work.is_none() => return None,
            // Its own work is good; something else kept it out.
            Some((_, Some(Cause::NotLanded | Cause::Upstream))) if self.collected => Life::Completed,
            Some(_) => Life::Failed,
        })
    }
}

/// What is known of the tasks of a run, by the index of the task in its plan.
///
/// # Errors
/// No such run, or the journal cannot be read.
pub fn past(reader: &Reader, run: &RunId, plan: &Plan) -> Result<Vec<Past>, StoreError> {
    let mut found = vec![Past::default(); plan.tasks.len()];
    reader.fold(run, &mut |stored| {
        // Node i is task i of the plan.
        let index = stored.event.kind.node().map(|node| node.index());
        if let Some((past, task)) = index.and_then(|i| found.get_mut(i).zip(plan.tasks.get(i))) {
            let is_gate = task.gate.is_some();
            past.push(&stored, (is_gate, plan.merge.is_some() && !is_gate));
        }
        Ok(())
    })?;
    Ok(found)
}
