//! The plan after reading: defaults explicit, tasks sorted by id, references and matrix expanded.
//!
//! This is what is stored and what runs. Times are milliseconds. Knows no spans.

pub use crate::action::{Action, Claim, Lock};
pub use crate::agents::{Agent, Budget, Driver, KnownPreset, PRESETS, Permissions, TakesMcp, is_key_name};
pub use crate::apart::{Check, Evidence, Helper, InWorktree, Merge, MergeRule, Worktrees};
pub use crate::task::{Task, Terms};
pub use crate::tools::{BUILT_IN, BuiltIn, McpServer, built_in, sleep_ms, works_on_files};
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
    #[serde(deserialize_with = "crate::task::sharing")]
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
    /// The servers whose tools tasks name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mcp_servers: BTreeMap<String, McpServer>,
    /// Names of drivers of the embedding program whose tools tasks name, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drivers: Vec<String>,
}

impl Plan {
    /// The calls of tools: each task, and the tool it names, in its action or in what undoes it.
    pub fn calls(&self) -> impl Iterator<Item = (&Task, &Action)> {
        self.tasks.iter().flat_map(|task| {
            let actions = std::iter::once(&task.action).chain(&task.undo);
            actions.filter(|action| action.tool().is_some()).map(move |action| (task, action))
        })
    }
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
