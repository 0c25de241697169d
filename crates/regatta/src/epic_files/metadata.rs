//! A file for each worktree: below `.worktrees/.metadata/`, and in its archive once the worktree is gone.
//!
//! Their names have the run in them, so no run writes over another's.

use super::facts::{Facts, Row};
use super::{Texts, json};
use regatta_journal::rfc3339;
use regatta_runtime::worktrees::Life;
use serde_json::{Value, json};

/// Where they lie, from the workspace.
pub(super) const DIR: &str = ".worktrees/.metadata";

/// Adds them.
pub(super) fn add(facts: &Facts, texts: &mut Texts) {
    for row in &facts.rows {
        // A task that never began has none.
        let Some(life) = row.life else { continue };
        let path = match life {
            Life::Cleaned => format!("{DIR}/archived/{}-{}.json", row.name, compact(facts.at_wall_ms)),
            _ => format!("{DIR}/{}.json", row.name),
        };
        texts.insert(path, json(&worktree(facts, row, life)));
    }
}

fn worktree(facts: &Facts, row: &Row, life: Life) -> Value {
    let landed = matches!(life, Life::Merged | Life::Cleaned);
    let at = |wall_ms: Option<u64>| wall_ms.map(rfc3339);
    json!({
        "name": row.name,
        "epic_id": facts.epic,
        "task_name": row.task,
        "path": row.path.display().to_string(),
        "branch": row.branch,
        "base_branch": facts.base_branch,
        "agent_id": row.agent,
        "status": life.name(),
        // It is made when its first attempt is.
        "created_at": at(row.past.assigned_wall_ms),
        "assigned_at": at(row.past.assigned_wall_ms),
        "completed_at": at(row.past.completed_wall_ms),
        "merged_at": at(row.past.ended_wall_ms.filter(|_| landed)),
        "cleaned_at": at(row.past.ended_wall_ms.filter(|_| life == Life::Cleaned)),
        "commits": row.commits.iter().map(|oid| oid.as_str()).collect::<Vec<_>>(),
        "error_message": row.error(),
    })
}

/// `20261121-225501`.
fn compact(wall_ms: u64) -> String {
    let text: String = rfc3339(wall_ms).chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, time) = text.split_at(8);
    format!("{day}-{time}")
}
