//! Reading of judged maps: asks for keys by name, and takes what has the right form.
//!
//! Reports nothing: `language` has judged the document already. Knows no particular key.

use crate::tree::{Item, Key, List, Map, Value, same};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The keys of a map.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'t> {
    map: Map<'t>,
    /// The lengths of its keys, a bit each: most keys that are asked for are not there.
    lengths: u64,
}

impl<'t> Fields<'t> {
    const NONE: Fields<'static> = Fields { map: Map::NONE, lengths: 0 };

    /// The keys of a map; of anything else none.
    pub(crate) fn of(item: Item<'t>) -> Fields<'t> {
        match item.value() {
            Value::Map(map) => Fields { map, lengths: map.iter().fold(0, |all, (k, _)| all | bit(k.text)) },
            _ => Fields::NONE,
        }
    }

    /// The pairs of a map; of anything else none.
    pub(crate) fn pairs_of(item: Item<'t>) -> impl Iterator<Item = (Key<'t>, Item<'t>)> {
        if let Value::Map(map) = item.value() { map.iter() } else { Map::NONE.iter() }
    }

    /// The keys of the map under a key.
    pub(crate) fn inside(self, key: &str) -> Fields<'t> {
        self.get(key).map_or(Fields::NONE, Fields::of)
    }

    /// Its pairs.
    pub(crate) fn pairs(self) -> impl Iterator<Item = (Key<'t>, Item<'t>)> {
        self.map.iter()
    }

    /// The value of a key, unless it is missing or nothing.
    pub(crate) fn get(self, key: &str) -> Option<Item<'t>> {
        if self.lengths & bit(key) == 0 {
            return None;
        }
        self.map.iter().find(|(k, _)| same(k.text, key)).map(|(_, v)| v).filter(|v| !v.is_null())
    }

    /// The text of a key.
    pub(crate) fn text(self, key: &str) -> Option<String> {
        self.get(key).and_then(text)
    }

    /// True or false.
    pub(crate) fn flag(self, key: &str) -> Option<bool> {
        match self.get(key)?.value() {
            Value::Bool(value) => Some(value),
            Value::Plain(text) => Some(text == "true"),
            _ => None,
        }
    }

    /// A whole number.
    pub(crate) fn whole(self, key: &str) -> Option<u64> {
        self.get(key).and_then(whole)
    }

    /// A whole number of at most 32 bits.
    pub(crate) fn small(self, key: &str) -> Option<u32> {
        self.whole(key).and_then(|n| u32::try_from(n).ok())
    }

    /// A duration, in milliseconds.
    pub(crate) fn duration_ms(self, key: &str) -> Option<u64> {
        parse_duration_ms(&self.text(key)?)
    }

    /// A share, in thousandths.
    pub(crate) fn permille(self, key: &str) -> Option<u32> {
        match self.get(key)?.value() {
            Value::Plain(text) | Value::Number(text) => parse_permille(text),
            _ => None,
        }
    }

    /// A decimal number, in millionths.
    pub(crate) fn millionths(self, key: &str) -> Option<u64> {
        match self.get(key)?.value() {
            Value::Plain(text) | Value::Number(text) => parse_millionths(text),
            _ => None,
        }
    }

    /// The entries of a list.
    pub(crate) fn list(self, key: &str) -> List<'t> {
        match self.get(key).map(Item::value) {
            Some(Value::List(items)) => items,
            _ => List::NONE,
        }
    }

    /// The texts of a list.
    pub(crate) fn texts(self, key: &str) -> Vec<String> {
        self.list(key).iter().filter_map(text).collect()
    }

    /// Whole numbers by key. That a key is empty is told elsewhere.
    pub(crate) fn counts(self, key: &str) -> BTreeMap<String, u32> {
        let count = |(k, v): (Key<'_>, Item<'_>)| {
            Some((k.text.to_owned(), whole(v).and_then(|n| u32::try_from(n).ok())?))
        };
        self.inside(key).pairs().filter(|(k, _)| !k.text.is_empty()).filter_map(count).collect()
    }
}

/// The text of a scalar.
pub(crate) fn text(item: Item<'_>) -> Option<String> {
    borrowed(item).map(str::to_owned)
}

/// The text of a scalar, where it is.
pub(crate) fn borrowed(item: Item<'_>) -> Option<&str> {
    match item.value() {
        Value::Text(text) | Value::Plain(text) => Some(text),
        _ => None,
    }
}

/// The bit of a key's length.
fn bit(key: &str) -> u64 {
    1 << key.len().min(63)
}

fn whole(item: Item<'_>) -> Option<u64> {
    match item.value() {
        Value::Plain(digits) | Value::Number(digits) => parse_whole(digits),
        _ => None,
    }
}

/// A whole number, also one that is written with nothing but zeros behind a point, as JSON has it.
pub(crate) fn parse_whole(digits: &str) -> Option<u64> {
    let is_zeros = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b == b'0');
    let whole = digits.split_once('.').filter(|(_, rest)| is_zeros(rest)).map_or(digits, |(whole, _)| whole);
    whole.parse().ok().filter(|_| whole.bytes().all(|b| b.is_ascii_digit()))
}

/// A free value as JSON: plain scalars become what YAML's core schema makes of them. Depth is bounded by the
/// readers.
pub(crate) fn json(item: Item<'_>) -> Json {
    match item.value() {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(value),
        Value::Text(text) => Json::String(text.to_owned()),
        Value::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned())),
        Value::Plain(text) => match text {
            "" | "~" | "null" => Json::Null,
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            _ => match serde_json::from_str::<Json>(text) {
                Ok(Json::Number(number)) => Json::Number(number),
                _ => Json::String(text.to_owned()),
            },
        },
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(pairs) => Json::Object(pairs.iter().map(|(k, v)| (k.text.to_owned(), json(v))).collect()),
    }
}

/// Parses a duration; `None` for anything else, negative or longer than 10 years.
#[must_use]
pub fn parse_duration_ms(text: &str) -> Option<u64> {
    const MAX_MS: u64 = 10 * 366 * 86_400_000;
    let (mut total, mut rest) = (0_u64, text);
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = match &rest[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        rest = &rest[letters..];
        total = total.checked_add(number.checked_mul(unit)?)?;
    }
    (total <= MAX_MS).then_some(total)
}

/// Parses a share above 0 and at most 1 into thousandths, exactly; `None` for anything else.
pub(crate) fn parse_permille(text: &str) -> Option<u32> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let places = rest.trim_end_matches('0');
    if whole.is_empty() || !digits(whole) || !digits(rest) || places.len() > 3 {
        return None;
    }
    let thousandths: u32 = format!("{places:0<3}").parse().ok()?;
    let all = whole.parse::<u32>().ok()?.checked_mul(1_000)?.checked_add(thousandths)?;
    (1..=1_000).contains(&all).then_some(all)
}

/// Millionths of a number that is not negative, rounded to the nearest; none for what is no such number or beyond 10^15.
fn parse_millionths(text: &str) -> Option<u64> {
    let millionths = text.parse::<f64>().ok()? * 1e6;
    // 10^15 is far below where whole numbers of this type are not exact any more.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 10^15")]
    (0.0..=1e15).contains(&millionths).then(|| millionths.round() as u64)
}

/// Parses a size in bytes, such as `64MiB`; `None` for anything else, and for nothing.
#[must_use]
pub fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    number.checked_mul(unit).filter(|n| *n > 0)
}

/// Longer texts are like nothing: comparing costs the product of the lengths.
const MAX_LIKE_BYTES: usize = 128;

/// The name most like `text`, if one is like enough.
#[must_use]
pub fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if text.len() > MAX_LIKE_BYTES {
        return None;
    }
    // `One` is like `one`, though no letter says so.
    let text = text.to_ascii_lowercase();
    names
        .filter(|name| name.len() <= MAX_LIKE_BYTES)
        .map(|name| (strsim::jaro_winkler(&text, &name.to_ascii_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, name)| name)
}
