//! Asking a line of an agent for a field: what is not there, or of another type, is nothing.
//!
//! Knows no dialect.

use serde_json::Value;

/// A text by its path, such as `/message/text`.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    value.pointer(path)?.as_str()
}

/// A whole number that is not negative, 0 if there is none.
pub(super) fn count(value: &Value, path: &str) -> u64 {
    number(value, path).unwrap_or(0)
}

/// A whole number that is not negative.
pub(super) fn number(value: &Value, path: &str) -> Option<u64> {
    value.pointer(path)?.as_u64()
}

/// The entries of a list.
pub(super) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Dollars as millionths, rounded to the nearest; 0 for what is no sensible sum.
pub(super) fn micro_usd(value: &Value, path: &str) -> u64 {
    let millionths = value.pointer(path).and_then(Value::as_f64).unwrap_or(0.0) * 1e6;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 10^15")]
    if (0.0..=1e15).contains(&millionths) { millionths.round() as u64 } else { 0 }
}
