//! How many requests may come: so many at once, and so many a second.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A bucket that fills with time and from which each request takes one.
#[derive(Debug)]
pub struct Rate {
    per_second: u32,
    burst: u32,
    left: Mutex<(f64, Instant)>,
}

impl Rate {
    /// A full bucket of `burst` requests, which fills with `per_second`.
    #[must_use]
    pub fn new((per_second, burst): (u32, u32), now: Instant) -> Rate {
        Rate { per_second, burst, left: Mutex::new((f64::from(burst), now)) }
    }

    /// Whether one more may come now.
    pub fn admits(&self, now: Instant) -> bool {
        let Ok(mut left) = self.left.lock() else { return false };
        let since = now.checked_duration_since(left.1).unwrap_or(Duration::ZERO);
        let filled = left.0 + since.as_secs_f64() * f64::from(self.per_second);
        let filled = filled.min(f64::from(self.burst));
        let admits = filled >= 1.0;
        *left = (if admits { filled - 1.0 } else { filled }, now);
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;
    use std::time::{Duration, Instant};

    #[test]
    fn so_many_come_at_once_and_so_many_a_second() {
        let start = Instant::now();
        let rate = Rate::new((2, 3), start);
        let admitted = |at: f64, asked: usize| {
            let now = start + Duration::from_secs_f64(at);
            (0..asked).filter(|_| rate.admits(now)).count()
        };
        assert_eq!(admitted(0.0, 10), 3);
        assert_eq!(admitted(0.4, 10), 0);
        assert_eq!(admitted(1.1, 10), 2);
        assert_eq!(admitted(100.0, 10), 3);
    }
}
