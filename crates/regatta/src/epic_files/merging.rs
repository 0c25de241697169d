//! How the work of a run was merged, and what gates said of it.
//!
//! From the report of the landing; without a merge there is nothing to tell.

use super::facts::Facts;
use super::{Texts, json};
use crate::plain_file::small_text;
use crate::render::landing::after;
use regatta_journal::rfc3339;
use regatta_runtime::landing::{Conflict, GateResult, Report, Try};
use regatta_runtime::workspace::landing_dir;
use serde_json::{Map, Value, json};

/// What a gate wrote is taken up to this many bytes of each stream; beyond that its last words.
const MAX_LOG_BYTES: u64 = 256 << 10;
/// The checks that a fix attempt tells of, which are gates of these ids.
const CHECKS: [&str; 5] = ["build", "lint", "format", "typecheck", "architecture"];

/// Adds `merge_summary.json` if something landed or nothing stood in the way, `merge_conflicts.json` if a conflict is open, and
/// the files of the validation if gates ran.
pub(super) fn add(facts: &Facts, texts: &mut Texts) {
    let Some(report) = &facts.landing else { return };
    let open: Vec<&Conflict> =
        report.conflicts.iter().filter(|conflict| conflict.resolved.is_empty()).collect();
    if !open.is_empty() {
        texts.insert(facts.path("merge_conflicts.json"), json(&conflicts(facts, report, &open)));
    }
    if open.is_empty() || report.landed {
        texts.insert(facts.path("merge_summary.json"), json(&summary(facts, report)));
    }
    validation(facts, report, texts);
    fixes(facts, report, texts);
}

/// The domains of tasks, each once, in the order of the tasks.
fn domains<'a>(facts: &Facts, tasks: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for domain in tasks.filter_map(|task| facts.domain_of(task)) {
        if !found.iter().any(|known| known == domain) {
            found.push(domain.to_owned());
        }
    }
    found
}

fn summary(facts: &Facts, report: &Report) -> Value {
    let status = match (report.landed, report.left_out.is_empty()) {
        (true, true) if facts.rows.iter().all(super::facts::Row::is_good) => "success",
        (true, _) => "partial",
        (false, _) => "failed",
    };
    let conflict = |conflict: &Conflict| {
        json!({
            "domain": facts.domain_of(&conflict.task),
            "task": conflict.task,
            "files": conflict.paths,
            "resolved": conflict.resolved,
        })
    };
    json!({
        "status": status,
        "execution_mode": "parallel",
        "merge_order": domains(facts, facts.rows.iter().map(|row| &row.task)),
        "merged_domains": if report.landed { domains(facts, report.merged.iter()) } else { Vec::new() },
        "conflicts": report.conflicts.iter().map(conflict).collect::<Vec<_>>(),
        "worktrees_cleaned": facts.rows.iter().all(|row| !row.there),
        "completion_timestamp": facts.at(),
    })
}

fn conflicts(facts: &Facts, report: &Report, open: &[&Conflict]) -> Value {
    let run = &facts.run_id;
    let mut steps: Vec<String> = Vec::new();
    for conflict in open {
        steps.push(format!("`{}` conflicts in {}", conflict.task, conflict.paths.join(", ")));
    }
    match &report.waits {
        Some((_, command)) => steps.push(command.clone()),
        None => {
            for conflict in open {
                steps.push(format!("regatta worktree adopt {run} {}", conflict.task));
            }
            steps.push(format!("regatta retry {run}"));
        }
    }
    json!({
        "status": "conflicts",
        "conflicted_domains": domains(facts, open.iter().map(|conflict| &conflict.task)),
        "resolution_required": true,
        "next_steps": steps,
        "conflict_timestamp": facts.at(),
    })
}

/// Each pass of the gates over one tree is an attempt.
fn validation(facts: &Facts, report: &Report, texts: &mut Texts) {
    let mut passes: Vec<Vec<&GateResult>> = Vec::new();
    for gate in &report.gates {
        let goes_on = passes.last().is_some_and(|pass: &Vec<&GateResult>| {
            pass.iter().all(|other| other.after == gate.after && other.gate != gate.gate)
        });
        match passes.last_mut().filter(|_| goes_on) {
            Some(pass) => pass.push(gate),
            None => passes.push(vec![gate]),
        }
    }
    if passes.is_empty() {
        return;
    }
    for (n, pass) in passes.iter().enumerate() {
        let text: String = pass.iter().map(|gate| line(facts, gate)).collect();
        texts.insert(facts.path(&log(n + 1)), text);
    }
    let red = passes.last().is_some_and(|pass| is_red(pass));
    let mut result = json!({
        "status": if red { "failed" } else { "passed" },
        "attempts": passes.len(),
        "final_attempt_log": facts.path(&log(passes.len())),
        "timestamp": facts.at(),
    });
    // An agent that may mend is asked until it may no more.
    if red && report.tries.iter().any(|made| made.role == "fix") {
        result["max_attempts_reached"] = true.into();
    }
    texts.insert(facts.path("validation/result.json"), json(&result));
}

fn log(n: usize) -> String {
    format!("validation/attempt_{n}.log")
}

/// A gate that blocks did not pass.
fn is_red(pass: &[&GateResult]) -> bool {
    pass.iter().any(|gate| !gate.passed && gate.blocking)
}

fn line(facts: &Facts, gate: &GateResult) -> String {
    let after = after(gate);
    let result = if gate.passed { "passed" } else { "red" };
    let dir = landing_dir(&facts.run_dir);
    let whole = gate.log.into_iter().flat_map(|n| {
        let streams =
            ["stdout", "stderr"].map(|name| small_text(&dir.join(format!("{n}.{name}")), MAX_LOG_BYTES));
        streams.into_iter().flatten()
    });
    let text: String = std::iter::once(gate.said.clone() + "\n").chain(whole).collect();
    let said: String = text.lines().map(|line| format!("    {line}\n")).collect();
    format!("{result}: {}{after}\n{said}", gate.gate)
}

/// What an agent did about red gates, a file for each of its attempts.
fn fixes(facts: &Facts, report: &Report, texts: &mut Texts) {
    let tries: Vec<&Try> = report.tries.iter().filter(|made| made.role == "fix").collect();
    for (i, made) in tries.iter().enumerate() {
        // The gates are asked again after it; whoever tries after it found them red.
        let last = !tries[i + 1..].iter().any(|later| later.after == made.after);
        let gates: Vec<&GateResult> = report.gates.iter().filter(|gate| gate.after == made.after).collect();
        let mended = made.commit.is_some() && last && gates.iter().rev().take(1).all(|gate| gate.passed);
        let n = i + 1;
        let checks: Map<String, Value> =
            CHECKS.iter().map(|id| ((*id).to_owned(), check(&gates, id))).collect();
        let issue = made.red.join(", ");
        let fixed = made.files.iter().filter(|_| made.commit.is_some());
        let remaining = made.red.iter().filter(|_| !mended);
        let text = json!({
            "status": if mended { "success" } else { "failed" },
            "attempt_number": n,
            "epic_id": facts.epic,
            "agent_type": made.agent,
            "validation_results": checks,
            "fixes_applied": fixed.map(|file| json!({ "file": file, "issue": issue, "fix": made.said })).collect::<Vec<_>>(),
            "remaining_issues": remaining.map(|id| json!({ "file": null, "issue": id, "blocker_reason": made.said })).collect::<Vec<_>>(),
            "completion_timestamp": rfc3339(made.ended_at_ms),
        });
        texts.insert(facts.path(&format!("fix_attempt_{n}.json")), json(&text));
    }
}

/// What the gate of that id said last; nobody counts errors.
fn check(gates: &[&GateResult], id: &str) -> Value {
    let found = gates.iter().rev().find(|gate| gate.id == id);
    let status = found.map_or("skipped", |gate| if gate.passed { "passed" } else { "failed" });
    json!({
        "status": status,
        "command": found.map(|gate| &gate.gate),
        "errors_found": null,
        "errors_fixed": null,
    })
}
