//! What people see: escaping, durations, live screen, plain lines, summary.
//!
//! Everything that a task or a plan can influence passes [`escape::escape`] before it reaches a terminal.

pub mod chart;
pub mod conflicts;
pub mod escalations;
pub mod escape;
pub mod lines;
pub mod live;
pub mod schedule;
pub mod summary;
pub mod why;

/// A duration for people: `340 ms`, `2.4 s`, `3 m 05 s`, `2 h 07 m`.
#[must_use]
pub fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} m {:02} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {:02} m", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// `1 task`, `2 tasks`.
#[must_use]
pub fn count(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
