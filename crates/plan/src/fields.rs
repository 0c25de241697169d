//! Typed reading of one map: asks for keys by name, reports wrong types, unknown and duplicate keys.
//!
//! Collects problems and goes on with what is usable. Knows no particular key.

use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Item, Key, Span, Value};
use std::collections::BTreeMap;

/// The keys of a map, asked for one by one.
pub(crate) struct Fields<'a> {
    pairs: Vec<(&'a Key, &'a Item)>,
    taken: Vec<&'static str>,
    what: String,
    /// Where the map stands.
    pub(crate) span: Span,
}

/// Where problems go.
pub(crate) type Problems = Vec<Diagnostic>;

impl<'a> Fields<'a> {
    /// The keys of `item`, which must be a map; `what` names it in messages.
    pub(crate) fn of(item: &'a Item, what: impl Into<String>, problems: &mut Problems) -> Option<Fields<'a>> {
        let what = what.into();
        let Value::Map(pairs) = &item.value else {
            problems.push(wrong_type(item, &what, "a map"));
            return None;
        };
        let mut kept: Vec<(&Key, &Item)> = Vec::with_capacity(pairs.len());
        let mut seen: BTreeMap<&str, &Key> = BTreeMap::new();
        for (key, value) in pairs {
            match seen.get(key.text.as_str()) {
                Some(first) => problems.push(
                    Diagnostic::error(
                        Code::DuplicateKey,
                        key.span.clone(),
                        format!("key `{}` stands twice in {what}", key.text),
                    )
                    .label("here again")
                    .also(first.span.clone(), "first here"),
                ),
                None => {
                    seen.insert(&key.text, key);
                    kept.push((key, value));
                }
            }
        }
        Some(Fields { pairs: kept, taken: Vec::new(), what, span: item.span.clone() })
    }

    /// The value of a key, unless it is missing or nothing.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'a Item> {
        self.taken.push(key);
        self.pairs.iter().find(|(k, _)| k.text == key).map(|(_, v)| *v).filter(|v| !v.is_null())
    }

    /// The value of the first of several spellings that is there; more than one is an error.
    pub(crate) fn one_of(&mut self, keys: &[&'static str], problems: &mut Problems) -> Option<&'a Item> {
        let found: Vec<(&'static str, &Item)> =
            keys.iter().filter_map(|k| self.get(k).map(|v| (*k, v))).collect();
        if let [(first, _), (second, item), ..] = found[..] {
            let message = format!("`{first}` and `{second}` are two spellings of one key in {}", self.what);
            problems.push(Diagnostic::error(Code::DuplicateKey, item.span.clone(), message));
        }
        found.first().map(|(_, item)| *item)
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn finish(self, problems: &mut Problems) {
        for (key, _) in &self.pairs {
            if self.taken.contains(&key.text.as_str()) {
                continue;
            }
            let message = format!("unknown key `{}` in {}", key.text, self.what);
            let mut problem = Diagnostic::error(Code::UnknownKey, key.span.clone(), message);
            if let Some(near) = nearest(&key.text, self.taken.iter().copied()) {
                problem = problem.help(format!("did you mean `{near}`?"));
            }
            problems.push(problem);
        }
    }

    pub(crate) fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<String> {
        let item = self.get(key)?;
        text(item, &format!("`{key}`"), problems)
    }

    pub(crate) fn boolean(&mut self, key: &'static str, problems: &mut Problems) -> Option<bool> {
        let item = self.get(key)?;
        match &item.value {
            Value::Bool(value) => return Some(*value),
            Value::Plain(text) if text == "true" => return Some(true),
            Value::Plain(text) if text == "false" => return Some(false),
            _ => {}
        }
        problems.push(wrong_type(item, &format!("`{key}`"), "true or false"));
        None
    }

    pub(crate) fn integer(
        &mut self,
        key: &'static str,
        (low, high): (u64, u64),
        problems: &mut Problems,
    ) -> Option<u64> {
        let item = self.get(key)?;
        integer(item, &format!("`{key}`"), (low, high), problems)
    }

    pub(crate) fn duration_ms(&mut self, key: &'static str, problems: &mut Problems) -> Option<u64> {
        let item = self.get(key)?;
        duration_ms(item, &format!("`{key}`"), problems)
    }

    pub(crate) fn choice(
        &mut self,
        key: &'static str,
        among: &[&'static str],
        problems: &mut Problems,
    ) -> Option<String> {
        let item = self.get(key)?;
        choice(item, &format!("`{key}`"), among, problems)
    }

    pub(crate) fn texts(&mut self, key: &'static str, problems: &mut Problems) -> Option<Vec<String>> {
        let item = self.get(key)?;
        texts(item, &format!("`{key}`"), problems)
    }

    pub(crate) fn list(&mut self, key: &'static str, problems: &mut Problems) -> Option<&'a [Item]> {
        let item = self.get(key)?;
        list(item, &format!("`{key}`"), problems)
    }

    pub(crate) fn map(&mut self, key: &'static str, problems: &mut Problems) -> Option<&'a [(Key, Item)]> {
        let item = self.get(key)?;
        map(item, &format!("`{key}`"), problems)
    }
}

pub(crate) fn text(item: &Item, what: &str, problems: &mut Problems) -> Option<String> {
    match &item.value {
        Value::Text(text) | Value::Plain(text) => Some(text.clone()),
        _ => {
            problems.push(wrong_type(item, what, "a text"));
            None
        }
    }
}

pub(crate) fn texts(item: &Item, what: &str, problems: &mut Problems) -> Option<Vec<String>> {
    let items = list(item, what, problems)?;
    Some(items.iter().filter_map(|i| text(i, &format!("an entry of {what}"), problems)).collect())
}

pub(crate) fn list<'a>(item: &'a Item, what: &str, problems: &mut Problems) -> Option<&'a [Item]> {
    match &item.value {
        Value::List(items) => Some(items),
        _ => {
            problems.push(wrong_type(item, what, "a list"));
            None
        }
    }
}

/// The pairs of a map with free keys; a key that stands twice is reported.
pub(crate) fn map<'a>(item: &'a Item, what: &str, problems: &mut Problems) -> Option<&'a [(Key, Item)]> {
    let Value::Map(pairs) = &item.value else {
        problems.push(wrong_type(item, what, "a map"));
        return None;
    };
    let mut seen: BTreeMap<&str, &Key> = BTreeMap::new();
    for (key, _) in pairs {
        if let Some(first) = seen.insert(&key.text, key) {
            let message = format!("key `{}` stands twice in {what}", key.text);
            let problem = Diagnostic::error(Code::DuplicateKey, key.span.clone(), message);
            problems.push(problem.label("here again").also(first.span.clone(), "first here"));
        }
    }
    Some(pairs)
}

pub(crate) fn integer(
    item: &Item,
    what: &str,
    (low, high): (u64, u64),
    problems: &mut Problems,
) -> Option<u64> {
    let (Value::Plain(digits) | Value::Number(digits)) = &item.value else {
        problems.push(wrong_type(item, what, "a whole number"));
        return None;
    };
    let number = digits.parse::<u64>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
    match number {
        Some(number) if (low..=high).contains(&number) => Some(number),
        _ => {
            let message = format!("{what} must be a whole number from {low} to {high}, not `{digits}`");
            problems.push(Diagnostic::error(Code::BadValue, item.span.clone(), message));
            None
        }
    }
}

pub(crate) fn choice(
    item: &Item,
    what: &str,
    among: &[&'static str],
    problems: &mut Problems,
) -> Option<String> {
    let text = text(item, what, problems)?;
    if among.contains(&text.as_str()) {
        return Some(text);
    }
    let message = format!("{what} must be one of {}, not `{text}`", among.join(", "));
    let mut problem = Diagnostic::error(Code::BadValue, item.span.clone(), message);
    if let Some(near) = nearest(&text, among.iter().copied()) {
        problem = problem.help(format!("did you mean `{near}`?"));
    }
    problems.push(problem);
    None
}

/// A duration such as `90s`, `1h30m`, `500ms`, `2d`, in milliseconds; at most 10 years.
pub(crate) fn duration_ms(item: &Item, what: &str, problems: &mut Problems) -> Option<u64> {
    let text = text(item, what, problems)?;
    let parsed = parse_duration_ms(&text);
    if parsed.is_none() {
        let message = format!("{what} is not a duration: `{text}`");
        let problem = Diagnostic::error(Code::BadValue, item.span.clone(), message);
        problems.push(problem.help("write a number with a unit, such as `500ms`, `90s`, `10m` or `1h30m`"));
    }
    parsed
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

pub(crate) fn wrong_type(item: &Item, what: &str, wanted: &str) -> Diagnostic {
    let message = format!("{what} must be {wanted}, not {}", item.kind());
    Diagnostic::error(Code::WrongType, item.span.clone(), message)
}

/// The name most like `text`, if one is like enough.
pub(crate) fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (strsim::jaro_winkler(text, name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, name)| name)
}
