//! What people see: escaping, durations, live screen, plain lines, summary.
//!
//! Everything that a task or a plan can influence passes [`escape::escape`] before it reaches a terminal.

pub mod chart;
pub mod conflicts;
pub mod escalations;
pub mod escape;
pub mod forecast;
pub mod landed;
pub mod landing;
pub mod lines;
pub mod live;
pub mod looking;
pub mod questions;
pub mod schedule;
pub mod standing;
pub mod summary;
pub mod usage;
pub mod waits;
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

/// A size for people: `340 B`, `2.4 KiB`, `17.0 MiB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    let (unit, shift) = match n {
        0..1024 => return format!("{n} B"),
        1024..1_048_576 => ("KiB", 10),
        1_048_576..1_073_741_824 => ("MiB", 20),
        _ => ("GiB", 30),
    };
    let tenths = (u128::from(n) * 10) >> shift;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// `1 task`, `2 tasks`.
#[must_use]
pub fn count(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
