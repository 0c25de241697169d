//! A set of ids that were seen, kept as ranges: dense ids cost nothing however many there are.
//! It does not know what the ids name.

use std::collections::BTreeMap;

/// Ids seen, as first -> last of each range without gaps.
#[derive(Debug, Default)]
pub(super) struct Ids {
    ranges: BTreeMap<u64, u64>,
}

impl Ids {
    /// Adds an id; false if it was there.
    pub(super) fn insert(&mut self, id: u64) -> bool {
        let before = self.ranges.range(..=id).next_back().map(|(first, last)| (*first, *last));
        if before.is_some_and(|(_, last)| last >= id) {
            return false;
        }
        let first = match before {
            Some((first, last)) if last.checked_add(1) == Some(id) => first,
            _ => id,
        };
        let last = id.checked_add(1).and_then(|next| self.ranges.remove(&next)).unwrap_or(id);
        self.ranges.insert(first, last);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_new_once_and_neighbours_merge() {
        let mut ids = Ids::default();
        for id in [5, 1, 3, 2, 4, 0, u64::MAX] {
            assert!(ids.insert(id), "{id}");
            assert!(!ids.insert(id), "{id}");
        }
        assert_eq!(ids.ranges, BTreeMap::from([(0, 5), (u64::MAX, u64::MAX)]));
    }
}
