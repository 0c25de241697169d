//! The version of the tables, as data.
//!
//! Knows no table.

use core::fmt;

/// Version of the tables.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SchemaVersion(pub u32);

impl SchemaVersion {
    /// What this build writes, and the newest it reads.
    pub const CURRENT: SchemaVersion = SchemaVersion(2);
}

impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
