//! How the work of a run was brought together: what was merged, what was left out and why, what a person must do.
//!
//! As text for people and as JSON for programs; both from the report of the landing.

use super::escape::escape;
use regatta_runtime::escalation::shell_text;
use regatta_runtime::landing::{Batch, Conflict, GateResult, Report, Try};
use regatta_runtime::yard::Names;
use serde_json::{Value, json};

/// At most this many are listed one by one.
const MAX_LISTED: usize = 20;

/// What a target is that did not move, because nothing of a run was new to it.
pub const HAD_IT: &str = "had all of it before";

/// The branch on which the work of a run lands, as people call it: the target, or the one that is the run's own.
#[must_use]
pub fn branch(target: Option<&str>, run: &str) -> String {
    match target {
        Some(name) => name.trim_start_matches("refs/heads/").to_owned(),
        None => Names::of(run).result(),
    }
}

/// The report of a run for people.
#[must_use]
pub fn text(report: &Report, run_id: &str) -> String {
    let mut out = String::new();
    let target = &branch(report.target.as_deref(), run_id);
    let (merged, tip) = (report.merged.len(), report.tip.get(..10).unwrap_or_default());
    let tasks = if merged == 1 { "task" } else { "tasks" };
    if report.landed {
        let before = if report.from == report.tip { format!(", which {HAD_IT}") } else { String::new() };
        out.push_str(&format!("  landed       {merged} {tasks} on {} at {tip}{before}\n", escape(target)));
    } else if report.waits.is_none() {
        let stays =
            report.target.as_ref().map_or(String::new(), |_| format!(": {} is where it was", escape(target)));
        out.push_str(&format!("  landed       nothing{stays}\n"));
    }
    let red = |gate: &&GateResult| !gate.passed;
    let failed: Vec<&GateResult> = report.gates.iter().filter(red).collect();
    if !report.gates.is_empty() {
        out.push_str(&format!(
            "  gates        {} passed, {} red\n",
            report.gates.len() - failed.len(),
            failed.len()
        ));
    }
    for gate in failed.iter().take(MAX_LISTED) {
        out.push_str(&format!(
            "    {}{}: {}\n",
            escape(&gate.gate),
            escape(&after(gate)),
            escape(&gate.said)
        ));
    }
    if !report.batches.is_empty() {
        let red: Vec<&Batch> = report.batches.iter().filter(|batch| !batch.passed).collect();
        out.push_str(&format!(
            "  batches      {} passed, {} red\n",
            report.batches.len() - red.len(),
            red.len()
        ));
        for batch in red.iter().take(MAX_LISTED) {
            out.push_str(&format!("    red with {}\n", escape(&batch.tasks.join(", "))));
        }
    }
    for tried in report.tries.iter().take(MAX_LISTED) {
        out.push_str(&of_try(tried));
    }
    for conflict in report.conflicts.iter().take(MAX_LISTED) {
        let how = if conflict.resolved.is_empty() { "conflict" } else { "resolved" };
        out.push_str(&format!("  {how:<12} {} {}\n", escape(&conflict.task), where_it_is(conflict)));
        if let Some(failed) = &conflict.failed {
            let (run, said) = (escape(&failed.run), escape(&failed.said));
            out.push_str(&format!("    the rule `{run}` failed: {said}\n"));
            out.push_str(&format!("    next: {}\n", log_of(run_id, &failed.run)));
        }
    }
    for finding in report.findings.iter().take(MAX_LISTED) {
        out.push_str(&format!("  note         {}: {}\n", escape(&finding.task), escape(&finding.said)));
    }
    if let Some((what, command)) = &report.waits {
        out.push_str(&format!("  waits        {}\n    next: {}\n", escape(what), escape(command)));
    }
    out
}

/// What an agent did that was to help a merge.
fn of_try(tried: &Try) -> String {
    let word = if tried.commit.is_some() { "helped" } else { "refused" };
    let after = tried.after.as_ref().map_or("all merges", String::as_str);
    let said = match tried.said.lines().next().unwrap_or_default().trim() {
        "" => String::new(),
        words => format!(": {}", escape(words)),
    };
    let (agent, after) = (escape(&tried.agent), escape(after));
    format!("  {word:<12} attempt {} of {agent} after the merge of {after}{said}\n", tried.number)
}

/// The paths of a conflict, and whose work it meets there.
#[must_use]
pub fn where_it_is(conflict: &Conflict) -> String {
    escape(&format!("in {}{}", conflict.paths.join(", "), conflict.met()))
}

/// The command that shows what a gate wrote, or a rule's command.
#[must_use]
pub fn log_of(run: &str, gate: &str) -> String {
    escape(&format!("regatta logs --run {run} --gate {}", shell_text(gate)))
}

/// After which merges a gate ran, for people.
#[must_use]
pub fn after(gate: &GateResult) -> String {
    match (&gate.after, gate.with.is_empty()) {
        (None, _) => String::new(),
        (Some(task), true) => format!(" after the merge of {task}"),
        (Some(task), false) => format!(" after the merges of {}, {task}", gate.with.join(", ")),
    }
}

/// The report for programs.
#[must_use]
pub fn json(report: &Report) -> Value {
    let waits = report.waits.as_ref().map(|(what, command)| json!({ "what": what, "next": command }));
    json!({
        "landed": report.landed,
        "target": report.target,
        "from": report.from,
        "tip": report.tip,
        "merged": report.merged,
        "left_out": report.left_out,
        "conflicts": report.conflicts,
        "findings": report.findings,
        "gates": report.gates,
        "batches": report.batches,
        "tries": report.tries,
        "waits": waits,
        "asks": report.asks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_that_says_nothing_leaves_no_empty_colon() {
        let said = |words: &str| {
            let tried = serde_json::json!({ "number": 1, "role": "fix", "agent": "bot", "tip": "t", "after": "a", "said": words, "commit": "c" });
            of_try(&serde_json::from_value(tried).unwrap())
        };
        assert_eq!(said(""), "  helped       attempt 1 of bot after the merge of a\n");
        assert_eq!(said("done\nmore"), "  helped       attempt 1 of bot after the merge of a: done\n");
    }
}
