//! Priority classes of nodes, with their names in plans and logs.
//!
//! Knows no schedule: who is served when is decided by admission.

/// Priority class of a node; `P0` is served first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Priority {
    /// Most urgent.
    P0,
    /// High.
    P1,
    /// The default.
    #[default]
    P2,
    /// Least urgent.
    P3,
}

impl Priority {
    /// All classes, most urgent first.
    pub const ALL: [Priority; 4] = [Priority::P0, Priority::P1, Priority::P2, Priority::P3];

    /// 0 for `P0` to 3 for `P3`.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// The name as written in plans and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Priority::P0 => "P0",
            Priority::P1 => "P1",
            Priority::P2 => "P2",
            Priority::P3 => "P3",
        }
    }
}
