//! Engine time and wall time of this machine, read by the loop and handed on as arguments.
//!
//! The simulator hands its own time to the same turn function, so no trait is needed. Of the rest of this crate only
//! the process owner looks at a clock, for its own deadlines.

use regatta_engine::ids::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The machine's monotonic clock as engine time: milliseconds of active run time.
#[derive(Debug)]
pub struct RunClock {
    base: Timestamp,
    began: Instant,
}

impl RunClock {
    /// A clock that goes on from `base`, the last engine time in the journal.
    #[must_use]
    pub fn from(base: Timestamp) -> RunClock {
        RunClock { base, began: Instant::now() }
    }

    /// Engine time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.base + u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Wall clock in milliseconds since the Unix epoch, for people only; 0 if the clock stands before it.
#[must_use]
pub fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
