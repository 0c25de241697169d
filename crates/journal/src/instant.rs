//! Wall clock milliseconds as RFC 3339 text in UTC.
//!
//! Knows no clock and no time zone. Days to dates after Howard Hinnant, "chrono-compatible low-level date
//! algorithms" (civil_from_days).

const DAY_MS: u64 = 86_400_000;

/// `2026-02-28T23:59:59.999Z` for milliseconds since the Unix epoch.
#[must_use]
pub fn rfc3339(wall_ms: u64) -> String {
    let (year, month, day) = civil(wall_ms / DAY_MS);
    let ms = wall_ms % DAY_MS;
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// Year, month and day of a day since 1970-01-01. Years begin in March, so that the leap day is the last one.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}
