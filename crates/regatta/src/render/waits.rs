//! What of a run waits for a person, for programs: doubts, what agents ask, escalations, each with the commands that answer.
//!
//! Knows nobody who asks.

use super::why::why;
use super::{escalations, questions};
use crate::view::RunView;
use regatta_engine::ids::NodeId;
use regatta_runtime::escalation::shell_word;
use serde_json::{Value, json};

/// Adds what there is of it to what is told of a run, and in `hint` what to do if nothing goes on before a person has answered.
/// Answers whether it is so.
pub fn tell(view: &RunView, told: &mut Value) -> bool {
    let mut any = false;
    let lists = [
        ("doubts", doubts(view)),
        ("questions", questions::json(view.stand())),
        ("escalations", escalations::json(view)),
    ];
    for (key, list) in lists {
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            told[key] = list;
            any = true;
        }
    }
    let stands = any && view.status() == "waiting";
    if stands {
        told["hint"] = hint(view).into();
    }
    stands
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
    // What a gate asks a person is a question.
    let doubted = view.engine.state().in_doubt().filter(|node| view.engine.graph().asked(*node).is_none());
    doubted.map(row).collect()
}

/// What to do about a run that stands still because it waits for a person.
fn hint(view: &RunView) -> String {
    let run_id = view.record.summary.run_id.as_str();
    format!(
        "a person answers first, in a terminal: `regatta status {run_id}` says what; then `regatta resume {run_id}` or `run_resume`"
    )
}
