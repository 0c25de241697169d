//! Instants as events tell them (RFC 3339 in UTC), as milliseconds since 1970. It knows no event.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now.
pub(crate) fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1e3)
}

/// `2026-11-21T16:32:11.487Z`.
pub(crate) fn parse_ms(text: &str) -> Option<f64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-').map(|word| word.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.split(':').map(|word| word.parse::<f64>().ok());
    let seconds = time.next()?? * 3_600.0 + time.next()?? * 60.0 + time.next()??;
    Some((days(year, month, day) * 86_400) as f64 * 1e3 + seconds * 1e3)
}

/// Days since 1970-01-01. A year begins in March here, so that the leap day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_to_the_millisecond() {
        let ms = [
            ("1970-01-01T00:00:00.000Z", 0.0),
            ("2000-02-29T12:00:00.000Z", 951_825_600_000.0),
            ("2026-11-21T16:32:11.487Z", 1_795_278_731_487.0),
        ];
        for (text, expect) in ms {
            assert_eq!(parse_ms(text), Some(expect), "{text}");
        }
        assert_eq!([parse_ms("2026-11-21"), parse_ms("xT00:00:00Z")], [None, None]);
        assert!(now_ms() > 1.7e12);
    }
}
