//! The facts of a run as an agent is told them: a bounded part of the report, what went wrong first.
//!
//! A prompt must fit into one argument of a program, so what is left out is counted and told.

use super::PostMortem;
use serde_json::{Value, json};

/// The facts have at most this many bytes, as compact JSON.
pub(super) const MAX_FACTS_BYTES: usize = 60_000;
/// A text of them has at most this many characters.
const MAX_TEXT_CHARS: usize = 1_000;
/// How a task stands that needs no judgement.
const GOOD: &str = "succeeded";

/// Challenges first, which are told in their order and without a gap; then tasks that did not succeed, then the others.
pub(super) fn of(report: &PostMortem) -> String {
    let details = &report.execution_details;
    let mut facts = json!({
        "title": report.title, "execution_mode": report.execution_mode,
        "run": details.run_id, "status": details.status, "started_at": details.started_at,
        "completed_at": report.completed_at, "resumed": details.resumed, "tasks_in_all": details.tasks_in_all,
        "summary": report.summary, "metrics": report.metrics,
        "challenges": [], "tasks": [],
        "left_out": { "challenges": report.challenges.len(), "tasks": details.tasks_in_all },
    });
    cut(&mut facts);
    let mut room = MAX_FACTS_BYTES.saturating_sub(facts.to_string().len());
    let challenges = report.challenges.iter().filter_map(|challenge| serde_json::to_value(challenge).ok());
    let challenges = fitting(challenges, &mut room);
    let (good, bad): (Vec<_>, Vec<_>) = details.tasks.iter().partition(|row| row.status == GOOD);
    let rows = bad.into_iter().chain(good).filter_map(|row| serde_json::to_value(row).ok());
    let tasks = fitting(rows, &mut room);
    facts["left_out"] = json!({
        "challenges": report.challenges.len() - challenges.len(),
        "tasks": details.tasks_in_all - tasks.len(),
    });
    (facts["challenges"], facts["tasks"]) = (challenges.into(), tasks.into());
    facts.to_string()
}

/// The first ones that fit, each with its comma.
fn fitting(values: impl Iterator<Item = Value>, room_bytes: &mut usize) -> Vec<Value> {
    let mut kept = Vec::new();
    for mut value in values {
        cut(&mut value);
        let Some(left) = room_bytes.checked_sub(value.to_string().len() + 1) else { break };
        *room_bytes = left;
        kept.push(value);
    }
    kept
}

fn cut(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((at, _)) = text.char_indices().nth(MAX_TEXT_CHARS) {
                text.truncate(at);
                text.push('…');
            }
        }
        Value::Array(items) => items.iter_mut().for_each(cut),
        Value::Object(map) => map.values_mut().for_each(cut),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
