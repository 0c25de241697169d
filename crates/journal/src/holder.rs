//! Who holds a run, as its lock file tells it to people.
//!
//! Plain data; knows no lock.

use core::fmt;
use serde::{Deserialize, Serialize};

/// Who holds a run.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Start of the process in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start_ticks: u64,
    /// Id of the boot in which it started.
    pub boot_id: String,
    /// Name of the machine.
    pub host: String,
    /// When it took the run, wall clock in milliseconds since the Unix epoch.
    pub since_wall_ms: u64,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host: String = self.host.escape_debug().collect();
        let since = crate::instant::rfc3339(self.since_wall_ms);
        write!(f, "process {} on {host} since {since}", self.pid)
    }
}
