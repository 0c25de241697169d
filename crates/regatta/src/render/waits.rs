//! What of a run waits for a person, for programs: doubts, what agents ask, escalations, each with the commands that answer.
//!
//! Knows nobody who asks.

use super::why::{left_to_person, why};
use super::{escalations, questions};
use crate::view::RunView;
use regatta_engine::ids::NodeId;
use regatta_runtime::escalation::shell_word;
use serde_json::{Value, json};

/// Adds what there is of it to what is told of a run, and in `hint` what to do if nothing goes on before a person has answered.
/// Answers whether it is so.
pub fn tell(view: &RunView, told: &mut Value) -> bool {
    let lists = [
        ("doubts", doubts(view)),
        ("questions", questions::json(view.stand())),
        ("escalations", escalations::json(view)),
    ];
    let mut said = Vec::new();
    for (key, list) in lists {
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            told[key] = list;
            said.push(key);
        }
    }
    if view.status() != "waiting" {
        return false;
    }
    // Who has something to answer does that first.
    let answers = said.iter().any(|key| *key != "escalations");
    let conflict = view.engine.state().in_doubt().find_map(|node| conflict(view, node)).filter(|_| !answers);
    if said.is_empty() && conflict.is_none() {
        return false;
    }
    told["hint"] = conflict.map_or_else(|| hint(view), str::to_owned).into();
    true
}

/// Tasks of which nobody can tell whether their attempt had its effect.
#[must_use]
pub fn doubts(view: &RunView) -> Value {
    let run_id = view.record.summary.run_id.as_str();
    let row = |node: NodeId| {
        let task = view.engine.graph().name(node);
        let answer = |word: &str| format!("regatta answer {run_id} {} --{word}", shell_word(task));
        json!({
            "task": task,
            "why": why(view, node),
            "again": answer("again"),
            "succeeded": answer("succeeded"),
            "failed": answer("failed"),
        })
    };
    // What a gate asks a person is a question, and a conflict is resolved where it stands.
    let asked = |node: NodeId| view.engine.graph().asked(node).is_some();
    let doubted =
        view.engine.state().in_doubt().filter(|&node| !asked(node) && conflict(view, node).is_none());
    doubted.map(row).collect()
}

/// Where a conflict stands that a node would begin from, with what goes on.
fn conflict(view: &RunView, node: NodeId) -> Option<&str> {
    left_to_person(&view.engine, &view.failures, node)
}

/// What to do about a run that stands still because it waits for a person.
fn hint(view: &RunView) -> String {
    let run_id = view.record.summary.run_id.as_str();
    format!(
        "a person answers first, in a terminal: `regatta status {run_id}` says what; then `regatta resume {run_id}` or `run_resume`"
    )
}
