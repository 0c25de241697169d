//! Whole numbers of JSON as they were written: one that no integer of 64 bits holds becomes a text, before a reader makes a
//! floating-point number of it, which has fewer digits.
//!
//! Pure. Looks at tokens only; whether it is JSON is told by whoever reads it.

use std::borrow::Cow;

/// Fewer digits always fit.
const MOST_DIGITS: usize = 18;

/// A text of JSON whose whole numbers can all be kept.
#[must_use]
pub(crate) fn kept(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let end = at + bytes[at..].iter().take_while(|b| is_of_number(**b)).count();
                let token = &text[at..end];
                // A number in the place of a key is no JSON, and a text there would make it some.
                let is_key = || bytes[end..].iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
                if is_too_large(token) && !is_key() {
                    out.push_str(&text[copied..at]);
                    out.extend(["\"", token, "\""]);
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn is_too_large(token: &str) -> bool {
    let digits = token.strip_prefix('-').unwrap_or(token);
    digits.len() > MOST_DIGITS
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0')
        && token.parse::<i64>().is_err()
        && token.parse::<u64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_number_that_64_bits_do_not_hold_becomes_a_text() {
        let check = |text: &str, expect: &str| assert_eq!(kept(text), expect);
        for same in [
            "",
            "1",
            "-1.5e300",
            "[9007199254740993, -9223372036854775808, 18446744073709551615]",
            "{\"a\\\"18446744073709551616\": \"18446744073709551616\"}",
            "\"18446744073709551616",
            "\"\\",
            "18446744073709551616.0",
            "1e30",
            "018446744073709551616",
            "no JSON: x",
            "{99999999999999999999: 1}",
            "{\"a\": {99999999999999999999 \t\r\n: 1}}",
        ] {
            check(same, same);
        }
        check("18446744073709551616", "\"18446744073709551616\"");
        check("-9223372036854775809", "\"-9223372036854775809\"");
        check(
            "{\"ü\":[123456789012345678901234567890,1],\"b\":99999999999999999999}",
            "{\"ü\":[\"123456789012345678901234567890\",1],\"b\":\"99999999999999999999\"}",
        );
        for text in ["[18446744073709551616]", "{\"a\":-9223372036854775809}"] {
            assert!(serde_json::from_str::<serde_json::Value>(&kept(text)).is_ok());
        }
    }
}
