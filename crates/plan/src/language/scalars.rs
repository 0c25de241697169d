//! Judges single values: texts, numbers, durations, sizes, words.
//!
//! Knows no key.

use super::Kind;
use super::check::{What, wrong_type};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::{nearest, parse_bytes, parse_duration_ms, parse_permille, parse_whole};
use crate::tree::{Item, Value};

/// Judges a text, number or flag.
pub(super) fn scalar(item: Item<'_>, kind: &Kind, what: What<'_>, problems: &mut Problems) {
    let fits = match (kind, item.value()) {
        (Kind::Flag, Value::Bool(_)) => return,
        (Kind::Flag, Value::Plain(text)) if text == "true" || text == "false" => return,
        (Kind::Whole(low, high), Value::Plain(text) | Value::Number(text)) => whole(text, (*low, *high)),
        (Kind::Decimal, Value::Plain(text) | Value::Number(text)) => decimal(text),
        (Kind::Share, Value::Plain(text) | Value::Number(text)) => share(text),
        (Kind::Text, Value::Plain(_) | Value::Text(_)) => return,
        (Kind::Name, Value::Plain(text) | Value::Text(text)) => named(text),
        (Kind::Duration | Kind::Size | Kind::Choice(_), Value::Plain(text) | Value::Text(text)) => {
            written(text, kind)
        }
        _ => return problems.push(wrong_type(item, kind, what)),
    };
    if let Err((message, help)) = fits {
        let code = if matches!(kind, Kind::Name) { Code::BadId } else { Code::BadValue };
        let mut problem = Diagnostic::error(code, item.span(), format!("{what} {message}"));
        problem.help = help;
        problems.push(problem);
    }
}

type Fits = Result<(), (String, Option<String>)>;

fn whole(digits: &str, (low, high): (u64, u64)) -> Fits {
    match parse_whole(digits) {
        Some(number) if (low..=high).contains(&number) => Ok(()),
        _ if low == high => Err((format!("must be {low}, not `{digits}`"), None)),
        _ => Err((format!("must be a whole number from {low} to {high}, not `{digits}`"), None)),
    }
}

fn named(text: &str) -> Fits {
    if text.is_empty() { Err(("must not be empty".to_owned(), None)) } else { Ok(()) }
}

fn decimal(text: &str) -> Fits {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(()),
        _ => Err((format!("must be a number that is not negative, not `{text}`"), None)),
    }
}

fn share(text: &str) -> Fits {
    match parse_permille(text) {
        Some(_) => Ok(()),
        None => Err((format!("must be a number above 0 and at most 1, such as 0.5, not `{text}`"), None)),
    }
}

fn written(text: &str, kind: &Kind) -> Fits {
    match kind {
        Kind::Duration if parse_duration_ms(text).is_none() && is_duration(text) => {
            Err((format!("is longer than 3660 days: `{text}`"), None))
        }
        Kind::Duration if parse_duration_ms(text).is_none() => Err((
            format!("is not a duration: `{text}`"),
            Some("write a number with a unit, such as `500ms`, `90s`, `10m` or `1h30m`".to_owned()),
        )),
        Kind::Size if parse_bytes(text).is_none() => Err((
            format!("is not a size: `{text}`"),
            Some("write a number with a unit, such as `64MiB`".to_owned()),
        )),
        Kind::Choice(among) if !among.contains(&text) => {
            let near = nearest(text, among.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            Err((format!("must be one of {}, not `{text}`", among.join(", ")), near))
        }
        _ => Ok(()),
    }
}

/// True for what has the form of a duration, however long.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let next = unit.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let letters = &unit[..unit.len() - next.len()];
        if unit.len() == rest.len() || !["ms", "s", "m", "h", "d"].contains(&letters) {
            return false;
        }
        rest = next;
    }
    !text.is_empty()
}
