//! The conflict report for people, as one line and as a table, and for programs.
//!
//! Knows what was found, not how.

use super::count;
use super::escape::{escape, escape_path};
use regatta_plan::{Conflict, ConflictKind, Conflicts};
use serde_json::{Value, json};
use std::path::Path;

/// Conflicts that are listed one by one.
const MAX_LISTED: usize = 40;

/// One line that names the command which shows them; none if there are none.
#[must_use]
pub fn line(conflicts: &Conflicts, plan: &Path) -> Option<String> {
    if conflicts.found.is_empty() && conflicts.complete {
        return None;
    }
    let shown = escape_path(plan);
    Some(format!("conflicts: {}; `regatta plan {shown}` shows them\n", tally(conflicts)))
}

/// The report in the schedule of a plan; empty if there are none.
#[must_use]
pub fn table(conflicts: &Conflicts) -> String {
    if conflicts.found.is_empty() && conflicts.complete {
        return String::new();
    }
    let mut text = format!("conflicts      {}\n", tally(conflicts));
    for conflict in conflicts.found.iter().take(MAX_LISTED) {
        text.push_str(&row(conflict));
    }
    if conflicts.found.len() > MAX_LISTED {
        text.push_str(&format!("  … and {} more; `--json` lists all\n", conflicts.found.len() - MAX_LISTED));
    }
    text
}

/// A list for programs, in the order of the table.
#[must_use]
pub fn json(conflicts: &Conflicts) -> Value {
    let row = |c: &Conflict| {
        json!({
            "a": c.a,
            "b": c.b,
            "kind": c.kind.name(),
            "severity": c.kind.severity(),
            "what": c.what,
            "keptApart": c.kept_apart,
        })
    };
    conflicts.found.iter().map(row).collect()
}

/// `3 between tasks without an order (2 high, 1 medium), 1 of them kept apart`.
fn tally(conflicts: &Conflicts) -> String {
    let of = |kind| conflicts.found.iter().filter(|c| c.kind == kind).count();
    let apart = conflicts.found.iter().filter(|c| c.kept_apart.is_some()).count();
    let mut text = format!(
        "{} of tasks without an order ({} high, {} medium)",
        count(conflicts.found.len() as u64, "pair"),
        of(ConflictKind::WriteWrite),
        of(ConflictKind::WriteRead)
    );
    if apart > 0 {
        text.push_str(&format!(", {apart} kept apart"));
    }
    if !conflicts.complete {
        text.push_str(", and perhaps more: not everything could be looked at");
    }
    text
}

fn row(conflict: &Conflict) -> String {
    let Conflict { a, b, kind, what, kept_apart } = conflict;
    let apart = kept_apart.as_ref().map(|why| format!("; one after the other, by {why}")).unwrap_or_default();
    format!("  {:<6}  {a}, {b}: {} on {}{}\n", kind.severity(), kind.name(), escape(what), escape(&apart))
}
