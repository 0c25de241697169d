//! The clock seam: engine time and wall time, read by the loop and handed to the engine as arguments.
//!
//! Two implementations: this one, and the simulator's virtual clock. Nothing else in the workspace reads a clock.

use regatta_engine::ids::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where time comes from.
pub trait Clock {
    /// Engine time: milliseconds of active run time.
    fn now(&self) -> Timestamp;
    /// Wall clock: milliseconds since the Unix epoch, for people only.
    fn wall_ms(&self) -> u64;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct RealClock {
    base: Timestamp,
    began: Instant,
}

impl RealClock {
    /// A clock that goes on from `base`, the last engine time in the journal.
    #[must_use]
    pub fn from(base: Timestamp) -> RealClock {
        RealClock { base, began: Instant::now() }
    }
}

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        self.base + u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn wall_ms(&self) -> u64 {
        wall_ms()
    }
}

/// Wall clock in milliseconds since the Unix epoch; 0 if the clock stands before it.
#[must_use]
pub fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
