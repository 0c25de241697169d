//! What is known of a run besides its turns: what it was started with, its state, its times.
//!
//! Texts (plan, config, flags) are opaque here. Knows no SQL; `run_table` does.

use crate::run_id::RunId;
use regatta_engine::outcome::{PauseReason, RunStatus};

/// What a run is started with. Pinned: nothing of it changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRun {
    /// Its id.
    pub run_id: RunId,
    /// Name of the plan.
    pub plan_name: String,
    /// The normalised plan as canonical JSON: what runs.
    pub plan: String,
    /// sha-256 of `plan`, lower-case hexadecimal.
    pub plan_digest: String,
    /// The plan as its author wrote it, to show differences at resume.
    pub plan_source: Option<String>,
    /// Where it was read from; none for standard input.
    pub source_path: Option<String>,
    /// The resolved settings as JSON.
    pub config: String,
    /// `schedule_plan_hash`, lower-case hexadecimal.
    pub schedule_plan_hash: String,
    /// Version of the engine that decides.
    pub engine_version: String,
    /// `sequential` or `hybrid`.
    pub mode: String,
    /// Rollout cohort in percent.
    pub cohort: u32,
    /// The plan's `task_type`.
    pub task_type: Option<String>,
    /// Flags as JSON.
    pub flags: String,
    /// The run this one retries.
    pub retry_of: Option<RunId>,
    /// Now, wall clock in milliseconds since the Unix epoch.
    pub created_wall_ms: u64,
}

/// The recorded state of a run. A run whose orchestrator died stays `Running` here: ask [`crate::is_locked`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunState {
    /// Its row exists, nothing began.
    Created,
    /// It began.
    Running,
    /// It stands still.
    Paused(PauseReason),
    /// It ended.
    Ended(RunStatus),
}

impl RunState {
    /// The name in listings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RunState::Created => "created",
            RunState::Running => "running",
            RunState::Paused(_) => "paused",
            RunState::Ended(status) => status.name(),
        }
    }

    /// True once nothing more can happen.
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, RunState::Ended(_))
    }

    /// Why it is paused.
    pub(crate) fn reason(self) -> Option<&'static str> {
        match self {
            RunState::Paused(reason) => Some(reason.name()),
            _ => None,
        }
    }

    /// The state of a stored name and reason.
    pub(crate) fn stored(status: &str, reason: Option<&str>) -> Option<RunState> {
        match status {
            "created" => Some(RunState::Created),
            "running" => Some(RunState::Running),
            "paused" => {
                let reason = PauseReason::ALL.into_iter().find(|r| Some(r.name()) == reason)?;
                Some(RunState::Paused(reason))
            }
            _ => RunStatus::ALL.into_iter().find(|s| s.name() == status).map(RunState::Ended),
        }
    }
}

/// One line of a listing of runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunSummary {
    /// Place among all runs of the workspace, ascending with their start.
    pub seq: u64,
    /// Its id.
    pub run_id: RunId,
    /// Name of its plan.
    pub plan_name: String,
    /// `schedule_plan_hash`, lower-case hexadecimal.
    pub schedule_plan_hash: String,
    /// Its state.
    pub state: RunState,
    /// When it was created, wall clock in milliseconds since the Unix epoch.
    pub created_wall_ms: u64,
    /// When it began.
    pub started_wall_ms: Option<u64>,
    /// When it ended.
    pub ended_wall_ms: Option<u64>,
    /// Its fencing epoch: how many orchestrators it has had.
    pub epoch: u64,
}

/// Everything about a run but its turns and events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunRecord {
    /// State and times.
    pub summary: RunSummary,
    /// What it was started with.
    pub run: NewRun,
}
