//! The decision for people: lines that are a report, or the comments at the top of the plan.
//!
//! Texts of documents are escaped by who prints them: each line is one line.

use crate::render::{count, duration};
use regatta_plan::analysis::{Division, Verdict, Weight};

/// Shared files that are told one by one.
const MAX_SHARED: usize = 20;

/// The report, a line each.
#[must_use]
pub fn lines(division: &Division, verdict: &Verdict, notes: &[String]) -> Vec<String> {
    let word = if verdict.viable { "parallel is worth it" } else { "parallel is not worth it" };
    let weight = |n: u64| match verdict.weight {
        Weight::EstimatesMs => duration(n),
        Weight::Files => count(n, "file"),
    };
    let (all, longest) = verdict.work;
    let mut lines = vec![
        format!("{word}: {}", verdict.reason),
        format!("{} in all, {} for the longest unit", weight(all), weight(longest)),
    ];
    let width = division.shares.iter().map(|share| share.id.chars().count()).max().unwrap_or(0);
    for share in &division.shares {
        let domain =
            if share.id == share.unit.domain { String::new() } else { format!("  {}", share.unit.domain) };
        let reads = match share.reads.len() {
            0 => String::new(),
            n => format!(", reads {n} of others"),
        };
        let estimate = share.unit.estimate_ms.map(|ms| format!(", {}", duration(ms))).unwrap_or_default();
        lines.push(format!(
            "  {:<width$}{domain}  {}{estimate}{reads}",
            share.id,
            count(share.owns.len() as u64, "file")
        ));
    }
    for (file, by) in division.shared.iter().take(MAX_SHARED) {
        let owner = by.first().map_or("", String::as_str);
        lines.push(format!("  {file} is needed by {}; {owner} owns it", by.join(", ")));
    }
    if division.shared.len() > MAX_SHARED {
        lines.push(format!("  and {} more are needed by several units", division.shared.len() - MAX_SHARED));
    }
    if !division.empty.is_empty() {
        lines.push(format!("no task, because all their files are another's: {}", division.empty.join(", ")));
    }
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    lines
}
