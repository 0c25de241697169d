//! Who of a run lives, for whoever only looks: by marker, without a keeper's help.
//! It signals nobody and reaps nobody.

use std::collections::BTreeSet;

use super::proc::{Mark, Proc};

/// The attempts of a run of which a process lives, by their markers; those of this user only.
#[must_use]
pub fn live_attempts(run: &str) -> BTreeSet<u64> {
    let mut proc = Proc::new();
    // Without /proc nobody can be found.
    let all = proc.processes().unwrap_or_default();
    let attempt = |mark: Mark| match mark {
        Mark::Is(marker) => {
            let marker = String::from_utf8(marker).ok()?;
            marker.strip_prefix(run)?.strip_prefix('/')?.parse().ok()
        }
        Mark::No | Mark::Empty => None,
    };
    all.iter().filter(|process| !process.zombie).filter_map(|process| attempt(proc.mark(process))).collect()
}
