//! The decision: four criteria, each a knob, and a reason that names all that were missed.
//!
//! Compares exactly: a share of files as whole numbers times hundred, a speed-up as a quotient of whole numbers.

use super::{Division, Share};
use std::collections::BTreeMap;

/// From where on parallel is worth it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Knobs {
    /// At least so many files.
    pub min_files: usize,
    /// In at least so many domains.
    pub min_domains: usize,
    /// Less than this part of them needed by several units, in percent.
    pub max_overlap_percent: f64,
    /// At least this predicted speed-up.
    pub min_speed_up: f64,
}

impl Default for Knobs {
    fn default() -> Knobs {
        Knobs { min_files: 5, min_domains: 2, max_overlap_percent: 30.0, min_speed_up: 1.5 }
    }
}

/// The decision.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// Whether parallel is worth it.
    pub viable: bool,
    /// Why.
    pub reason: String,
    /// Domains that own something.
    pub domain_count: usize,
    /// Files that several units need, in percent of all, with two decimals.
    pub overlap_percent: f64,
    /// Work in all over work of the longest path of units, with two decimals.
    pub speed_up: f64,
    /// What weighs: estimates in milliseconds, else files.
    pub weight: Weight,
    /// Work in all, and on the longest path.
    pub work: (u64, u64),
}

/// What a unit weighs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    /// Its estimate, in milliseconds: every unit has one.
    EstimatesMs,
    /// The files that it owns.
    Files,
}

/// Judges a division.
#[must_use]
pub fn judge(division: &Division, knobs: &Knobs) -> Verdict {
    let (files, shared) = (division.file_count, division.shared.len());
    let domains = division.order.len();
    let weight = match division.shares.iter().all(|share| share.unit.estimate_ms.is_some()) {
        true if !division.shares.is_empty() => Weight::EstimatesMs,
        _ => Weight::Files,
    };
    let weigh = |share: &Share| match weight {
        Weight::EstimatesMs => share.unit.estimate_ms.unwrap_or(0),
        Weight::Files => share.owns.len() as u64,
    };
    let sum = division.shares.iter().map(weigh).fold(0, u64::saturating_add);
    let longest = longest(division, &weigh);
    let overlap = if files == 0 { 0.0 } else { shared as f64 * 100.0 / files as f64 };
    let speed_up = if longest == 0 { 1.0 } else { sum as f64 / longest as f64 };
    let missed = [
        (files < knobs.min_files)
            .then(|| format!("{}, fewer than {}", count(files, "file"), knobs.min_files)),
        (domains < knobs.min_domains)
            .then(|| format!("{}, fewer than {}", count(domains, "domain"), knobs.min_domains)),
        (overlap >= knobs.max_overlap_percent).then(|| {
            format!(
                "{} % of the files are needed by several units, not less than {} %",
                rounded(overlap),
                knobs.max_overlap_percent
            )
        }),
        (speed_up < knobs.min_speed_up)
            .then(|| format!("predicted speed-up {}, less than {}", rounded(speed_up), knobs.min_speed_up)),
    ];
    let missed: Vec<String> = missed.into_iter().flatten().collect();
    let reason = if missed.is_empty() {
        format!(
            "{} in {}, {} % of them needed by several units, predicted speed-up {}",
            count(files, "file"),
            count(domains, "domain"),
            rounded(overlap),
            rounded(speed_up)
        )
    } else {
        missed.join("; ")
    };
    Verdict {
        viable: missed.is_empty(),
        reason,
        domain_count: domains,
        overlap_percent: rounded(overlap),
        speed_up: rounded(speed_up),
        weight,
        work: (sum, longest),
    }
}

/// The heaviest chain of units that need each other; units that need nobody are chains of one. A unit that is needed and
/// owns nothing weighs nothing.
fn longest(division: &Division, weigh: &dyn Fn(&Share) -> u64) -> u64 {
    let by_id: BTreeMap<&str, &Share> = division.shares.iter().map(|s| (s.id.as_str(), s)).collect();
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    let mut after: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, share) in &by_id {
        let needs = share.unit.needs.iter().filter_map(|need| by_id.get_key_value(need.as_str()));
        let needs: Vec<&str> = needs.map(|(need, _)| *need).collect();
        waiting.insert(id, needs.len());
        needs.into_iter().for_each(|need| after.entry(need).or_default().push(id));
    }
    let mut ready: Vec<&str> = waiting.iter().filter(|(_, n)| **n == 0).map(|(id, _)| *id).collect();
    let mut before: BTreeMap<&str, u64> = BTreeMap::new();
    let mut most = 0;
    while let Some(id) = ready.pop() {
        let end = before
            .get(id)
            .copied()
            .unwrap_or(0)
            .saturating_add(by_id.get(id).map_or(0, |share| weigh(share)));
        most = most.max(end);
        for next in after.remove(id).unwrap_or_default() {
            let start = before.entry(next).or_default();
            *start = (*start).max(end);
            let Some(left) = waiting.get_mut(next) else { continue };
            *left = left.saturating_sub(1);
            if *left == 0 {
                ready.push(next);
            }
        }
    }
    most
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
