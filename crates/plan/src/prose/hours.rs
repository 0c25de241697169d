//! Times as people write them: `3 hours`, `1.5 h`, `45 minutes`, `2-3 hours`.
//!
//! Exact: tenths and hundredths of an hour are whole milliseconds.

/// Milliseconds; of a span of times the longer one. `None` for what is no time, and for days, which have no length.
pub(crate) fn estimate_ms(text: &str) -> Option<u64> {
    let text = text.trim().trim_start_matches(['~', '≈']).trim_start();
    let text = text.strip_prefix("about ").or_else(|| text.strip_prefix("approx. ")).unwrap_or(text).trim();
    let (first, rest) = number(text)?;
    let (amount, unit) = match rest.trim_start().strip_prefix(['-', '–', '—']) {
        Some(second) => {
            let (second, rest) = number(second.trim_start())?;
            (first.max(second), rest)
        }
        None => match rest.trim_start().strip_prefix("to ") {
            Some(second) => {
                let (second, rest) = number(second.trim_start())?;
                (first.max(second), rest)
            }
            None => (first, rest),
        },
    };
    let factor_ms: u64 = match unit.trim().trim_end_matches('.').to_ascii_lowercase().as_str() {
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        _ => return None,
    };
    Some(amount.checked_mul(factor_ms)? / 100).filter(|ms| *ms <= MAX_MS)
}

/// A year: more is a slip.
const MAX_MS: u64 = 366 * 24 * 3_600_000;

/// A number in hundredths, and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let whole = text.bytes().take_while(u8::is_ascii_digit).count();
    let value: u64 = text.get(..whole)?.parse().ok()?;
    let rest = &text[whole..];
    let hundredths = value.checked_mul(100)?;
    let Some(places) = rest.strip_prefix('.') else { return Some((hundredths, rest)) };
    let digits = places.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 2 {
        return None;
    }
    let part: u64 = format!("{:0<2}", &places[..digits]).parse().ok()?;
    Some((hundredths.checked_add(part)?, &places[digits..]))
}

#[cfg(test)]
mod tests {
    use super::estimate_ms;

    #[test]
    fn times_are_read_as_people_write_them_and_nothing_else_is() {
        let minutes = |text: &str| estimate_ms(text).map(|ms| ms / 60_000);
        for (text, expect) in [
            ("3 hours", 180),
            ("1 hour", 60),
            ("1.5 hours", 90),
            ("0.25h", 15),
            ("45 minutes", 45),
            ("2-3 hours", 180),
            ("2 – 4 hrs", 240),
            ("2 to 3 h", 180),
            ("~2 hours", 120),
            ("about 2 hours", 120),
        ] {
            assert_eq!(minutes(text), Some(expect), "{text}");
        }
        for bad in [
            "",
            "hours",
            "3",
            "3 days",
            "two hours",
            "1.234 hours",
            "-1 hours",
            "3 hours or so",
            "99999999 hours",
            "99999999999999999999 h",
        ] {
            assert_eq!(minutes(bad), None, "{bad}");
        }
    }
}
