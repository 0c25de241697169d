//! How the work of a run was merged, and what gates said of it.
//!
//! From the report of the landing; without a merge there is nothing to tell.

use super::facts::Facts;
use super::{Texts, json};
use regatta_runtime::landing::{Conflict, GateResult, Report};
use serde_json::{Value, json};

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
        let text: String = pass.iter().map(|gate| line(gate)).collect();
        texts.insert(facts.path(&log(n + 1)), text);
    }
    let blocks = |gate: &&&GateResult| {
        let merge = facts.plan.merge.as_ref();
        let known = merge.and_then(|merge| merge.gates.iter().find(|check| check.name == gate.gate));
        !gate.passed && known.is_none_or(|check| check.blocking)
    };
    let red = passes.last().is_some_and(|pass| pass.iter().any(|gate| blocks(&gate)));
    let result = json!({
        "status": if red { "failed" } else { "passed" },
        "attempts": passes.len(),
        "final_attempt_log": facts.path(&log(passes.len())),
        "timestamp": facts.at(),
    });
    texts.insert(facts.path("validation/result.json"), json(&result));
}

fn log(n: usize) -> String {
    format!("validation/attempt_{n}.log")
}

fn line(gate: &GateResult) -> String {
    let after = gate.after.as_ref().map_or(String::new(), |task| format!(" after the merge of {task}"));
    let result = if gate.passed { "passed" } else { "red" };
    let said: String = gate.said.lines().map(|line| format!("    {line}\n")).collect();
    format!("{result}: {}{after}\n{said}", gate.gate)
}
