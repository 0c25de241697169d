//! Which tool host a run has.
//!
//! Plain data; `hosting` says what is done with it.

/// The host of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Hosting {
    /// What the keeper calls the one that lives.
    pub(crate) host: Option<u64>,
    /// How many were started.
    pub(crate) count: u64,
}
