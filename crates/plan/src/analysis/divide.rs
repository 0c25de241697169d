//! Gives every file to exactly one of the units that need it: the first of them in merge order, or of those that say that
//! they write it.
//!
//! Knows neither documents nor decisions.

use super::{Unit, Work};
use std::collections::{BTreeMap, BTreeSet};

/// Work, divided.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Division {
    /// The units that own something, in merge order.
    pub shares: Vec<Share>,
    /// Files that several units need, with those, the owner first.
    pub shared: BTreeMap<String, Vec<String>>,
    /// Units that own nothing: all they need is another's.
    pub empty: Vec<String>,
    /// Domains in merge order, of those that own something.
    pub order: Vec<String>,
    /// Distinct files.
    pub file_count: usize,
}

/// What a unit gets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Share {
    /// The unit's id.
    pub id: String,
    /// The unit.
    pub unit: Unit,
    /// Files that it owns, sorted.
    pub owns: Vec<String>,
    /// Files that it needs and another owns, sorted.
    pub reads: Vec<String>,
}

/// Divides work.
#[must_use]
pub fn divide(work: &Work) -> Division {
    let rank = |domain: &str| work.order.iter().position(|d| d == domain).unwrap_or(work.order.len());
    let mut ids: Vec<(&String, &Unit)> = work.units.iter().collect();
    ids.sort_by_key(|(id, unit)| (rank(&unit.domain), unit.domain.clone(), (*id).clone()));
    let place: BTreeMap<&str, usize> = ids.iter().map(|(id, _)| id.as_str()).zip(0..).collect();
    let share = |(id, unit): &(&String, &Unit)| Share {
        id: (*id).clone(),
        unit: (*unit).clone(),
        owns: Vec::new(),
        reads: Vec::new(),
    };
    let mut shares: Vec<Share> = ids.iter().map(share).collect();
    let mut division = Division { file_count: work.files.len(), ..Division::default() };
    for (file, needed) in &work.files {
        let mut by: Vec<usize> = needed.iter().filter_map(|id| place.get(id.as_str()).copied()).collect();
        let writers: BTreeSet<usize> = work
            .written
            .get(file)
            .into_iter()
            .flatten()
            .filter_map(|id| place.get(id.as_str()).copied())
            .collect();
        by.sort_by_key(|unit| (!writers.contains(unit), *unit));
        for (turn, unit) in by.iter().enumerate() {
            let Some(share) = shares.get_mut(*unit) else { continue };
            if turn == 0 { share.owns.push(file.clone()) } else { share.reads.push(file.clone()) }
        }
        if by.len() > 1 {
            let names = by.iter().filter_map(|i| shares.get(*i)).map(|share| share.id.clone()).collect();
            division.shared.insert(file.clone(), names);
        }
    }
    let (kept, empty): (Vec<Share>, Vec<Share>) =
        shares.into_iter().partition(|share| !share.owns.is_empty());
    division.empty = empty.into_iter().map(|share| share.id).collect();
    let mut seen = BTreeSet::new();
    division.order = kept.iter().map(|s| s.unit.domain.clone()).filter(|d| seen.insert(d.clone())).collect();
    division.shares = kept;
    division
}
