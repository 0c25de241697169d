//! Ends that were heard and are not judged yet: what they left is read, collected or looked through beside the loop.
//!
//! Whatever such an attempt is to be ended for by then, it had ended by itself, and its end stands. Not so where it had been told
//! to end before, or where work of it is still to be done. Knows no loop.

use std::collections::BTreeMap;

/// Ends that nobody had asked for when they were heard.
#[derive(Debug, Default)]
pub(crate) struct Unasked(BTreeMap<u64, bool>);

impl Unasked {
    /// An attempt has ended, and had not been told to.
    pub(crate) fn heard(&mut self, attempt: u64) {
        self.0.insert(attempt, false);
    }

    /// It is to end.
    pub(crate) fn is_to_end(&mut self, attempt: u64) {
        self.0.entry(attempt).and_modify(|told| *told = true);
    }

    /// It is judged, or its end does not stand alone. Answers whether it is to end since it was heard.
    pub(crate) fn forget(&mut self, attempt: u64) -> bool {
        self.0.remove(&attempt).unwrap_or_default()
    }
}
