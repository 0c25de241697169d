//! What each domain did, and all of them together.
//!
//! A domain can have several tasks; its result is that of all of them.

use super::facts::{Facts, Row};
use super::{Texts, json};
use regatta_journal::rfc3339;
use regatta_runtime::git::ChangeKind;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Issues that a task tells of are taken up to this many.
const MAX_ISSUES: usize = 100;

/// Adds `{domain}_results.json` and the aggregate.
pub(super) fn add(facts: &Facts, texts: &mut Texts) {
    let mut all = Map::new();
    let (mut successful, mut partial, mut failed) = (0_u32, 0_u32, 0_u32);
    for (domain, rows) in facts.domains() {
        let status = status(&rows);
        match status {
            "success" => successful += 1,
            "partial" => partial += 1,
            _ => failed += 1,
        }
        let file = facts.path(&format!("{domain}_results.json"));
        let (created, modified) = files(&rows);
        let first = rows.iter().find(|row| row.has_result()).or(rows.first());
        all.insert(
            domain.to_owned(),
            json!({
                "status": status,
                "worktree_path": first.map(|row| row.path.display().to_string()),
                "worktree_branch": first.map(|row| row.branch.clone()),
                "files_created": created.len(),
                "files_modified": modified.len(),
                "result_file": file,
            }),
        );
        let text = if status == "missing" {
            placeholder(facts, (domain, &rows))
        } else {
            result(facts, (domain, &rows))
        };
        texts.insert(file, json(&text));
    }
    let total = u32::try_from(all.len()).unwrap_or(u32::MAX);
    let overall = match (successful, partial) {
        (n, _) if n == total => "success",
        (0, 0) => "failed",
        _ => "partial",
    };
    let domains: Vec<&str> = facts.domains().into_iter().map(|(domain, _)| domain).collect();
    let aggregate = json!({
        "phase": "1B",
        "execution_mode": "parallel",
        "epic_id": facts.epic,
        "timestamp": facts.at(),
        "domains": domains,
        "domain_results": all,
        "summary": {
            "total_domains": total,
            "successful": successful,
            "partial": partial,
            "failed": failed,
            "overall_status": overall,
        },
    });
    texts.insert(facts.path("phase1_parallel_results.json"), json(&aggregate));
}

/// What a domain came to.
fn status(rows: &[&Row]) -> &'static str {
    let good = rows.iter().filter(|row| row.is_good()).count();
    let in_part = |row: &&Row| row.result.get("status").and_then(Value::as_str) == Some("partial");
    match good {
        0 if !rows.iter().any(|row| row.has_result()) => "missing",
        0 => "failed",
        n if n == rows.len() && !rows.iter().any(in_part) => "success",
        _ => "partial",
    }
}

/// Paths that were created, and that were modified or deleted.
fn files(rows: &[&Row]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut created, mut modified) = (BTreeSet::new(), BTreeSet::new());
    for change in rows.iter().flat_map(|row| &row.changes) {
        match change.kind {
            ChangeKind::Created => created.insert(change.path.clone()),
            ChangeKind::Modified | ChangeKind::Deleted => modified.insert(change.path.clone()),
        };
    }
    // What one task created and another one changed is new to the epic.
    modified.retain(|path| !created.contains(path));
    (created, modified)
}

fn result(facts: &Facts, (domain, rows): (&str, &[&Row])) -> Value {
    let (created, modified) = files(rows);
    let first = rows.iter().find(|row| row.has_result());
    let completed = rows.iter().filter_map(|row| row.past.completed_wall_ms).max();
    json!({
        "status": status(rows),
        "epic_id": facts.epic,
        "domain": domain,
        "worktree_path": first.map(|row| row.path.display().to_string()),
        "files_created": created,
        "files_modified": modified,
        "issues_encountered": rows.iter().flat_map(|row| issues(row)).take(MAX_ISSUES).collect::<Vec<_>>(),
        "completion_timestamp": rfc3339(completed.unwrap_or(facts.at_wall_ms)),
    })
}

/// Issues: what the task told of, and why it did not go well.
fn issues(row: &Row) -> Vec<Value> {
    let told = row.result.get("issues").and_then(Value::as_array).into_iter().flatten();
    let told = told.filter_map(Value::as_object).map(|issue| {
        let text = |key: &str| issue.get(key).and_then(Value::as_str);
        json!({ "description": text("description"), "file": text("file"), "resolution": text("resolution") })
    });
    let own = row.error().map(
        |error| json!({ "description": format!("{}: {error}", row.task), "file": null, "resolution": null }),
    );
    told.chain(own).collect()
}

/// What stands where a domain has no result.
fn placeholder(facts: &Facts, (domain, rows): (&str, &[&Row])) -> Value {
    let why: Vec<String> = rows
        .iter()
        .map(|row| format!("{}: {}", row.task, row.error().unwrap_or_else(|| "it did not run".to_owned())))
        .collect();
    json!({
        "status": "failed",
        "epic_id": facts.epic,
        "domain": domain,
        "error": why.join("; "),
        "completion_timestamp": facts.at(),
    })
}
