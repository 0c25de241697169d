//! The plan after reading: defaults explicit, tasks sorted by id, references and matrix expanded.
//!
//! This is what is stored and what runs. Times are milliseconds. Knows no spans.

pub use crate::action::Action;
pub use crate::agents::{Agent, Budget, Driver, KnownPreset, PRESETS, Permissions, is_key_name};
pub use crate::apart::{Check, InWorktree, Merge, MergeRule, Worktrees};
pub use crate::trying::{Breaker, Retry, Share, Timeout};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A validated plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Which document it was read from.
    pub dialect: Dialect,
    /// `dataflow`, `waves` or `sequential`.
    pub schedule: String,
    /// `continue`, `stop` or `rollback`.
    pub on_failure: String,
    /// Caps.
    pub limits: Limits,
    /// Counted resources: capacity in units.
    pub resources: BTreeMap<String, u32>,
    /// Counted leases of the workspace, as its settings have them: capacity in units.
    #[serde(default)]
    pub leases: BTreeMap<String, u32>,
    /// Longest active time of the run.
    pub run_timeout_ms: Option<u64>,
    /// Pause between waves.
    pub wave_delay_ms: u64,
    /// Admission rounds per class of ageing.
    pub ageing: u32,
    /// Lost attempts in a row after which a person is asked.
    pub max_lost: u32,
    /// Names of variables passed on; `None` passes everything.
    pub env: Option<Vec<String>>,
    /// Inputs with their values.
    pub inputs: BTreeMap<String, Value>,
    /// Agents by name.
    pub agents: BTreeMap<String, Agent>,
    /// For statistics.
    pub task_type: Option<String>,
    /// `sequential` or `hybrid`.
    pub mode: Option<String>,
    /// Rollout cohort in percent, for statistics.
    pub cohort: Option<u32>,
    /// Every task asks first whether an earlier run did its work. No key: a run is started so.
    #[serde(skip)]
    pub reuse: bool,
    /// Measured durations of tasks without an estimate, in milliseconds by id. No key: pinned when a run is started.
    #[serde(skip)]
    pub recorded: BTreeMap<String, u64>,
    /// The tasks, by id.
    pub tasks: Vec<Task>,
    /// Keys whose feature is not built yet, with the task that has them.
    pub unbuilt: Vec<Unbuilt>,
    /// What those keys of the plan say.
    pub later: BTreeMap<String, Value>,
    /// When breakers open; `None` is never. Left out where there is none, as are further keys of later versions, so
    /// that the digest of a plan without them stays what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
    /// Task ids in the order in which ready tasks of one priority start; empty if the longest path decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<String>,
    /// Program and arguments of what is run when the run has ended; empty for nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_end: Vec<String>,
    /// How worktrees are made; `None` if no task has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktrees: Option<Worktrees>,
    /// How their branches are merged; `None` if they are left as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<Merge>,
    /// The epic whose files are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epic: Option<String>,
    /// What all agents of the run may use up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Names of variables whose values are redacted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Where each secret comes from, by name; their values are no part of a plan.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vault: BTreeMap<String, SecretSource>,
}

/// Where a secret comes from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// A variable of the process that runs or resumes.
    Env(String),
    /// A file that nobody else may read.
    File(String),
    /// Program and arguments of a command that prints it.
    Command(Vec<String>),
}

/// Which document a plan was read from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// The plan language.
    Plan,
    /// The parallel request (formats 1).
    Request,
    /// The shell batch (formats 2).
    Batch,
}

/// A key whose feature is not built yet.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Unbuilt {
    /// The key, with its value where that matters.
    pub key: String,
    /// The task that has it; `None` for the plan.
    pub task: Option<String>,
}

/// Caps on live work.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Tasks alive at once.
    pub max_parallel: u32,
    /// Of one wave.
    pub per_wave: Option<u32>,
    /// By priority.
    pub per_priority: BTreeMap<String, u32>,
    /// By agent.
    pub per_agent: BTreeMap<String, u32>,
    /// By tag.
    pub per_tag: BTreeMap<String, u32>,
    /// Bytes of one output stream of an attempt.
    pub output_bytes: u64,
}

/// A task.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// What it does.
    pub action: Action,
    /// What undoes it.
    pub undo: Option<Action>,
    /// What tells whether a lost attempt had its effect.
    pub reconcile: Option<Action>,
    /// Direct predecessors, sorted; those implied by references included.
    pub needs: Vec<String>,
    /// `P0` to `P3`.
    pub priority: String,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// What it claims while it lives.
    pub locks: Vec<Lock>,
    /// Files it writes.
    pub files: Vec<String>,
    /// Files it reads.
    pub reads: Vec<String>,
    /// Acceptance criteria.
    pub accept: Vec<String>,
    /// Expected duration.
    pub estimate_ms: Option<u64>,
    /// Working directory inside the workspace.
    pub cwd: Option<String>,
    /// Variables it sets.
    pub env: BTreeMap<String, String>,
    /// Values handed to it, as templates.
    pub inputs: BTreeMap<String, Value>,
    /// Retry policy.
    pub retry: Retry,
    /// Timeouts.
    pub timeout: Timeout,
    /// `pure`, `idempotent`, `at-most-once` or `reconcile`.
    pub effect: String,
    /// A CEL expression.
    pub when: Option<String>,
    /// Equal work of an earlier run may stand for it.
    #[serde(default)]
    pub cache: bool,
    /// A further part of what makes work equal.
    #[serde(default)]
    pub cache_key: Option<String>,
    /// Runs although a predecessor was skipped.
    pub allow_skipped: bool,
    /// Standard output is the result.
    pub result_is_stdout: bool,
    /// `security`, `architecture`, `implementation` or `docs`.
    pub role: Option<String>,
    /// Values of the matrix axes of this cell.
    pub matrix: BTreeMap<String, String>,
    /// Members of the families that references of this task name, in cell order.
    pub families: BTreeMap<String, Vec<String>>,
    /// What keys say whose feature is not built yet.
    pub later: BTreeMap<String, Value>,
    /// The tool it was written as a call of, although its action is a command (`tool: shell`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    /// Its worktree; `None` if it works in the workspace itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<InWorktree>,
    /// What all its attempts may use up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

impl Task {
    /// The tool that does it, if one does.
    #[must_use]
    pub fn tool(&self) -> Option<&str> {
        match &self.action {
            Action::Tool { tool, .. } => Some(tool),
            Action::Argv(_)
            | Action::Shell { .. }
            | Action::Agent { .. }
            | Action::Join { .. }
            | Action::Gate { .. } => self.called.as_deref(),
        }
    }
}

/// A claim.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Lock {
    /// The resource or lock.
    pub resource: String,
    /// How it is claimed.
    pub claim: Claim,
}

/// How a resource or lock is claimed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// Units of a counted resource.
    Units(u32),
    /// Shared with others.
    Shared,
    /// Alone.
    Exclusive,
}
