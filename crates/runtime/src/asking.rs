//! What a task asks of others: the texts in which references stand, the expressions of a plan, and the tasks that they name.
//!
//! Reads the plan alone.

use regatta_engine::ids::NodeId;
use regatta_plan::model::{Action, Task};
use regatta_plan::when::Condition;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An expression, or why there is none: a stored plan may hold one that an earlier version accepted and this one does not.
pub(crate) type Expression = Result<Condition, String>;

/// The expressions of a plan, by the node that is asked.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    /// Of `when`.
    pub(crate) when: BTreeMap<NodeId, Expression>,
    /// Of tasks that are gates.
    pub(crate) gates: BTreeMap<NodeId, Expression>,
    /// Of gates of the merge, by their names, each as it is written and parsed.
    pub(crate) merge: BTreeMap<String, (String, Expression)>,
}

/// The tasks that a condition asks about: named ones, and for `tasks` as a whole all predecessors.
pub(crate) fn asked<'a>(condition: &'a Condition, task: &'a Task) -> BTreeSet<&'a String> {
    let all = condition.asks_for_all.then_some(&task.needs).into_iter().flatten();
    condition.names.iter().chain(&condition.literal_tasks).chain(all).collect()
}

/// What a task does, what undoes it, and what asks about it.
pub(crate) fn actions_of(task: &Task) -> impl Iterator<Item = &Action> {
    std::iter::once(&task.action).chain(&task.undo).chain(&task.reconcile)
}

/// Texts of a task in which a reference is replaced directly.
pub(crate) fn texts(task: &Task) -> Vec<String> {
    let mut texts: Vec<String> = task.cwd.iter().chain(task.env.values()).cloned().collect();
    let mut open: Vec<&Value> = task.inputs.values().chain(&task.for_each).collect();
    for action in actions_of(task) {
        match action {
            Action::Argv(items) => texts.extend(items.iter().cloned()),
            Action::Agent { prompt, .. } => texts.extend(prompt.iter().cloned()),
            Action::Tool { params, .. } => open.extend(params.values()),
            Action::Shell { .. } | Action::Join { .. } | Action::Gate { .. } => {}
        }
    }
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => texts.push(text.clone()),
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    texts
}
