//! Who is at work beside the settings and hooks of a repository at once, and who of them can have changed what is found.
//!
//! ```text
//! begins -> is set up (commands of the plan) -> works (may be blamed) -> was looked at (is blamed for what comes later no more)
//! ```
//! Whoever has ended and was compared has done nothing of what is found later, unless something of its own runs again.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Who lands or merges, among the ids of attempts.
pub(crate) const LANDING: u64 = u64::MAX;

/// What somebody does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Does {
    /// Commands of the plan prepare its worktree.
    SetsUp,
    /// What the plan does not name runs there.
    Works,
    /// It has ended, and was compared.
    WasLookedAt,
}

/// Who is at work.
#[derive(Debug, Default)]
pub(super) struct AtWork(BTreeMap<u64, Does>);

impl AtWork {
    pub(super) fn is_nobody(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn is_one(&self) -> bool {
        self.0.len() < 2
    }

    /// Nobody but a landing.
    pub(super) fn is_landing(&self) -> bool {
        self.0.keys().all(|who| *who == LANDING)
    }

    pub(super) fn begins(&mut self, who: u64) {
        self.0.insert(who, Does::Works);
    }

    /// Answers whether it was there.
    pub(super) fn ends(&mut self, who: u64) -> bool {
        self.0.remove(&who).is_some()
    }

    /// Somebody who is at work does something else from now on.
    pub(super) fn does(&mut self, who: u64, what: Does) {
        if let Some(does) = self.0.get_mut(&who) {
            *does = what;
        }
    }

    /// Commands that prepare a worktree are at work.
    pub(super) fn sets_up(&self) -> bool {
        self.0.values().any(|does| *does == Does::SetsUp)
    }

    /// Whoever can have changed something: a landing looks after what it runs by itself.
    pub(super) fn suspects(&self) -> Vec<u64> {
        let may = |(who, does): &(&u64, &Does)| **who != LANDING && **does == Does::Works;
        self.0.iter().filter(may).map(|(who, _)| *who).collect()
    }
}

/// Of whom what is put back is said.
pub(super) struct Of<'a> {
    pub(super) who: &'a str,
    /// Written down, to be told with this attempt; or with the next one, if it is not known.
    pub(super) owed: Option<Option<u64>>,
    /// It speaks against that attempt.
    pub(super) blames: bool,
    /// Commands of `setup`: what they make of it counts as theirs also where others are at work.
    pub(super) sets_up: bool,
}

/// An attempt, where it is told with its end.
pub(super) const IT: &str = "it";
/// Commands that prepare worktrees.
pub(super) const SETUP: &str = "`setup`";
/// Nobody of this run.
pub(super) const BEFORE: Of<'_> =
    Of { who: "what ran before", owed: Some(None), blames: false, sets_up: false };

/// Who else may have done what is found.
pub(super) struct Beside {
    /// Directories of other runs that are at work.
    pub(super) runs: Vec<PathBuf>,
    /// Attempts of this run.
    pub(super) suspects: Vec<u64>,
    /// Some other run may have.
    pub(super) shared: bool,
    /// Nobody.
    pub(super) alone: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_being_set_up_or_was_compared_is_not_suspected() {
        let mut at_work = AtWork::default();
        [1, 2, 3, LANDING].into_iter().for_each(|who| at_work.begins(who));
        assert_eq!((at_work.suspects(), at_work.sets_up()), (vec![1, 2, 3], false));
        at_work.does(1, Does::SetsUp);
        at_work.does(2, Does::WasLookedAt);
        at_work.does(9, Does::Works);
        assert_eq!((at_work.suspects(), at_work.sets_up()), (vec![3], true));
        assert!(at_work.ends(1) && !at_work.ends(1) && !at_work.is_landing() && !at_work.is_one());
        assert!(at_work.ends(2) && at_work.ends(3) && at_work.is_landing() && at_work.is_one());
        assert!(at_work.ends(LANDING) && at_work.is_nobody());
    }
}
