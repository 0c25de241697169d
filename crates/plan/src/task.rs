//! A task of a plan: what is its own, and the terms it shares with others. Part of [`crate::model`].
//!
//! In a stored plan a task is one flat record; in memory tasks that say the same have their terms in one place, so that a
//! million of them fit. Knows no spans.

use crate::action::{Action, Lock};
use crate::agents::Budget;
use crate::apart::{Check, InWorktree};
use crate::trying::{Retry, Timeout};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A task. What it does not have itself it has by its terms.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "Record")]
pub struct Task {
    /// Its id.
    pub id: String,
    /// What it does.
    pub action: Action,
    /// Direct predecessors, sorted; those implied by references included.
    pub needs: Vec<String>,
    /// Expected duration.
    pub estimate_ms: Option<u64>,
    /// On which terms it runs.
    #[serde(flatten, serialize_with = "shared")]
    pub terms: Arc<Terms>,
}

/// On which terms a task runs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Terms {
    /// Its title.
    pub title: Option<String>,
    /// What undoes it.
    pub undo: Option<Action>,
    /// What tells whether a lost attempt had its effect.
    pub reconcile: Option<Action>,
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
    pub cache: bool,
    /// A further part of what makes work equal.
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
    /// What it is done for each item of, as a template; the index of its item is in its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_each: Option<Value>,
    /// The tool it was written as a call of, although its action is a command (`tool: shell`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    /// Its worktree; `None` if it works in the workspace itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worktree: Option<InWorktree>,
    /// What all its attempts may use up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// The gate that it is, for a task that is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Check>,
}

/// A task as it is stored.
#[derive(Deserialize)]
struct Record {
    id: String,
    action: Action,
    needs: Vec<String>,
    estimate_ms: Option<u64>,
    title: Option<String>,
    undo: Option<Action>,
    reconcile: Option<Action>,
    priority: String,
    tags: Vec<String>,
    locks: Vec<Lock>,
    files: Vec<String>,
    reads: Vec<String>,
    accept: Vec<String>,
    cwd: Option<String>,
    env: BTreeMap<String, String>,
    inputs: BTreeMap<String, Value>,
    retry: Retry,
    timeout: Timeout,
    effect: String,
    when: Option<String>,
    #[serde(default)]
    cache: bool,
    #[serde(default)]
    cache_key: Option<String>,
    allow_skipped: bool,
    result_is_stdout: bool,
    role: Option<String>,
    matrix: BTreeMap<String, String>,
    families: BTreeMap<String, Vec<String>>,
    later: BTreeMap<String, Value>,
    #[serde(default)]
    for_each: Option<Value>,
    #[serde(default)]
    called: Option<String>,
    #[serde(default)]
    worktree: Option<InWorktree>,
    #[serde(default)]
    budget: Option<Budget>,
    #[serde(default)]
    gate: Option<Check>,
}

impl From<Record> for Task {
    fn from(record: Record) -> Task {
        let Record { id, action, needs, estimate_ms, .. } = record;
        let terms = Terms {
            title: record.title,
            undo: record.undo,
            reconcile: record.reconcile,
            priority: record.priority,
            tags: record.tags,
            locks: record.locks,
            files: record.files,
            reads: record.reads,
            accept: record.accept,
            cwd: record.cwd,
            env: record.env,
            inputs: record.inputs,
            retry: record.retry,
            timeout: record.timeout,
            effect: record.effect,
            when: record.when,
            cache: record.cache,
            cache_key: record.cache_key,
            allow_skipped: record.allow_skipped,
            result_is_stdout: record.result_is_stdout,
            role: record.role,
            matrix: record.matrix,
            families: record.families,
            later: record.later,
            for_each: record.for_each,
            called: record.called,
            worktree: record.worktree,
            budget: record.budget,
            gate: record.gate,
        };
        Task { id, action, needs, estimate_ms, terms: Arc::new(terms) }
    }
}

/// Reads stored tasks. One that has the terms of the task before it shares them, as it did when the plan was made.
pub(crate) fn sharing<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Task>, D::Error> {
    struct Tasks;
    impl<'de> Visitor<'de> for Tasks {
        type Value = Vec<Task>;

        fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str("a list of tasks")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<Task>, A::Error> {
            let mut tasks: Vec<Task> = Vec::new();
            while let Some(mut task) = from.next_element::<Task>()? {
                if let Some(before) = tasks.last().filter(|before| before.terms == task.terms) {
                    task.terms = Arc::clone(&before.terms);
                }
                tasks.push(task);
            }
            Ok(tasks)
        }
    }
    from.deserialize_seq(Tasks)
}

fn shared<S: serde::Serializer>(terms: &Arc<Terms>, to: S) -> Result<S::Ok, S::Error> {
    terms.serialize(to)
}

impl Deref for Task {
    type Target = Terms;

    fn deref(&self) -> &Terms {
        &self.terms
    }
}

impl Task {
    /// The tool that does it, if one does.
    #[must_use]
    pub fn tool(&self) -> Option<&str> {
        self.action.tool().or(self.called.as_deref())
    }
}
