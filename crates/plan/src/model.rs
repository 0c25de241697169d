//! The plan after reading: defaults explicit, tasks sorted by id, references and matrix expanded.
//!
//! This is what is stored and what runs. Times are milliseconds. Knows no spans.

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
    /// Variables whose values are redacted.
    pub secrets: Vec<String>,
    /// Inputs with their values.
    pub inputs: BTreeMap<String, Value>,
    /// Names of agents.
    pub agents: Vec<String>,
    /// For statistics.
    pub task_type: Option<String>,
    /// `sequential` or `hybrid`.
    pub mode: Option<String>,
    /// The tasks, by id.
    pub tasks: Vec<Task>,
    /// Keys whose feature is not built yet, with the task that has them.
    pub unbuilt: Vec<Unbuilt>,
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

/// What a task does.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Run {
    /// Program and arguments; references are replaced in each.
    Argv(Vec<String>),
    /// A script for `sh -c`; references travel by environment.
    Shell(String),
    /// Not built yet: agent, tool, join, gate.
    Later(String),
}

/// A task.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// What it does.
    pub run: Run,
    /// What undoes it.
    pub undo: Option<Run>,
    /// What tells whether a lost attempt had its effect.
    pub reconcile: Option<Run>,
    /// Direct predecessors, sorted; those implied by references included.
    pub needs: Vec<String>,
    /// `P0` to `P3`.
    pub priority: String,
    /// Its agent.
    pub agent: Option<String>,
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

/// Retry policy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts that count.
    pub max_attempts: u32,
    /// `linear`, `exponential` or `fixed`.
    pub strategy: String,
    /// Base of the back-off.
    pub backoff_ms: u64,
    /// Bound of the back-off.
    pub max_backoff_ms: u64,
}

/// Timeouts of a task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Timeout {
    /// Of one attempt.
    pub attempt_ms: u64,
    /// Of silence.
    pub idle_ms: Option<u64>,
    /// Between TERM and KILL.
    pub grace_ms: u64,
}
