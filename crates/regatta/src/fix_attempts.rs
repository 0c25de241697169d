//! Attempts of agents to mend red gates as formats 5 has them: `fix_attempt_N.json` among the files of an epic.
//!
//! From the report of the landing; says what gates and agents said, and judges nothing.

use crate::context::Context;
use crate::outputs;
use crate::render::escape::escape;
use crate::view::RunView;
use regatta_journal::rfc3339;
use regatta_plan::is_id;
use regatta_plan::model::Action;
use regatta_runtime::landing::{Report, Try};
use serde_json::{Map, Value, json};

/// The checks that a file always names.
const USUAL: [&str; 5] = ["build", "lint", "format", "typecheck", "architecture"];

/// At the end of a run whose plan has an epic: writes one file for each attempt, and answers lines for people. The run is
/// over, so a file that cannot be written is told and no more.
#[must_use]
pub fn at_end(context: &Context, view: &RunView) -> String {
    let (Some(epic), Some(report)) = (view.plan.epic.as_deref(), &view.landing) else { return String::new() };
    let mut lines = String::new();
    for tried in report.tries.iter().filter(|tried| tried.role == "fix" && is_id(epic)) {
        let text = format!("{:#}\n", attempt((view, epic), report, tried));
        let name = format!("{}/fix_attempt_{}.json", outputs::dir_of(epic), tried.number);
        let written = outputs::directory(&context.workspace, &outputs::dir_of(epic))
            .and_then(|_| outputs::write(&context.workspace.join(&name), &text, true));
        match written {
            Ok(()) => lines.push_str(&format!("wrote {}\n", escape(&name))),
            Err(error) => lines.push_str(&format!("warning: {}\n", escape(&error.message))),
        }
    }
    lines
}

fn attempt((view, epic): (&RunView, &str), report: &Report, tried: &Try) -> Value {
    let still = still_red(report, tried);
    let mended = |id: &&String| !still.contains(id);
    let status = match (still.is_empty(), tried.red.iter().any(|id| mended(&id))) {
        (true, _) => "success",
        (false, true) => "partial",
        (false, false) => "failed",
    };
    let issue = |id: &String| format!("gate {id} is red");
    let found: Vec<String> = tried.red.iter().map(issue).collect();
    let fixes: Vec<Value> = tried
        .files
        .iter()
        .filter(|_| tried.commit.is_some())
        .map(|file| json!({ "file": file, "issue": found.join("; "), "fix": tried.said }))
        .collect();
    let why = if tried.commit.is_some() { "it is red after this attempt too" } else { tried.said.as_str() };
    let remaining: Vec<Value> = still
        .iter()
        .map(|id| json!({ "file": Value::Null, "issue": issue(id), "blocker_reason": why }))
        .collect();
    json!({
        "status": status,
        "attempt_number": tried.number,
        "epic_id": epic,
        "agent_type": tried.agent,
        "validation_results": checks(view, tried, &still),
        "fixes_applied": fixes,
        "remaining_issues": remaining,
        "completion_timestamp": rfc3339(tried.ended_at_ms),
    })
}

/// Gates that were red before an attempt and are red after it: what the next one finds, else what was said last.
fn still_red<'a>(report: &'a Report, tried: &'a Try) -> Vec<&'a String> {
    let later =
        |other: &&Try| other.role == "fix" && other.after == tried.after && other.number > tried.number;
    if tried.commit.is_none() {
        return tried.red.iter().collect();
    }
    if let Some(next) = report.tries.iter().find(later) {
        return tried.red.iter().filter(|id| next.red.contains(id)).collect();
    }
    let last = |id: &String| {
        let same = |gate: &&regatta_runtime::landing::GateResult| gate.id == *id && gate.after == tried.after;
        report.gates.iter().rev().find(same).is_some_and(|gate| gate.passed)
    };
    tried.red.iter().filter(|id| !last(id)).collect()
}

fn checks(view: &RunView, tried: &Try, still: &[&String]) -> Value {
    let mut all: Map<String, Value> = USUAL
        .iter()
        .map(|name| {
            let none = json!({ "status": "not_configured", "command": Value::Null, "errors_found": 0, "errors_fixed": 0 });
            ((*name).to_owned(), none)
        })
        .collect();
    for check in view.plan.merge.iter().flat_map(|merge| &merge.gates) {
        let command = match &check.action {
            Action::Shell { script, .. } => script.clone(),
            Action::Argv(argv) => argv.join(" "),
            Action::Agent { .. } | Action::Tool { .. } | Action::Join { .. } | Action::Gate { .. } => {
                continue;
            }
        };
        let (found, left) = (tried.red.contains(&check.name), still.contains(&&check.name));
        let facts = json!({
            "status": if left { "failed" } else { "passed" },
            "command": command,
            "errors_found": u8::from(found),
            "errors_fixed": u8::from(found && !left),
        });
        all.insert(check.name.clone(), facts);
    }
    Value::Object(all)
}
