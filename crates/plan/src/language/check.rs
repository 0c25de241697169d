//! Judges a document by the declarations: types, ranges, unknown, doubled and missing keys, all at once.
//!
//! Knows no key by name, except that an `id` names its record. Depth is bounded by the declarations; free values
//! are walked without recursion.

use super::scalars::scalar;
use super::{Field, Kind, Shape, fitting};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::nearest;
use crate::tree::{Item, Key, List, Map, Span, Value, same};
use std::collections::BTreeMap;
use std::fmt;

/// What a value is called in messages; made into text only when there is a problem.
#[derive(Clone, Copy)]
pub(crate) enum What<'a> {
    /// The whole document.
    Document(&'static str),
    /// The value of a key.
    Key(&'a str),
    /// The value of a free key of a map.
    Member(&'a str, &'a What<'a>),
    /// An entry of a list.
    Entry(&'a What<'a>),
    /// A record of a list, by its id or its 1-based number.
    Numbered(&'static str, Option<&'a str>, usize),
}

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Document(name) => write!(f, "the {name}"),
            What::Key(key) => write!(f, "`{key}`"),
            What::Member(key, of) => write!(f, "`{key}` of {of}"),
            What::Entry(of) => write!(f, "an entry of {of}"),
            What::Numbered(name, Some(id), _) => write!(f, "{name} `{id}`"),
            What::Numbered(name, None, number) => write!(f, "{name} {number}"),
        }
    }
}

/// Judges a value.
pub(crate) fn check(item: Item<'_>, kind: &Kind, what: What<'_>, problems: &mut Problems) {
    match (kind, item.value()) {
        (Kind::Free, _) => free(item, problems),
        (Kind::Record(shape), Value::Map(pairs)) => record((item, pairs), shape, what, problems),
        (Kind::List(entry), Value::List(items)) => list(items, entry, what, problems),
        (Kind::Map(entry), Value::Map(pairs)) => {
            doubled(pairs, what, problems);
            for (key, value) in pairs.iter() {
                if key.text.is_empty() {
                    let message = format!("{what} has an empty name");
                    problems.push(Diagnostic::error(Code::BadId, key.span(), message));
                    continue;
                }
                check(value, entry, What::Member(key.text, &what), problems);
            }
        }
        (Kind::Either(among), value) => match fitting(among, value) {
            Some(kind) => check(item, kind, what, problems),
            None => problems.push(wrong_type(item, kind, what)),
        },
        (_, Value::Plain(_) | Value::Text(_) | Value::Number(_) | Value::Bool(_)) => {
            scalar(item, kind, what, problems);
        }
        (_, Value::Null | Value::List(_) | Value::Map(_)) => problems.push(wrong_type(item, kind, what)),
    }
}

/// The form of a kind: 0 a scalar, 1 a list, 2 a map.
pub(super) fn form(kind: &Kind) -> u8 {
    match kind {
        Kind::List(_) => 1,
        Kind::Map(_) | Kind::Record(_) => 2,
        _ => 0,
    }
}

pub(super) fn form_of(value: Value<'_>) -> u8 {
    match value {
        Value::List(_) => 1,
        Value::Map(_) => 2,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Plain(_) => 0,
    }
}

fn list(items: List<'_>, entry: &Kind, what: What<'_>, problems: &mut Problems) {
    for (i, item) in items.iter().enumerate() {
        match entry {
            Kind::Record(shape) => {
                let id = shape.field("id").and_then(|_| id_of(item)).map(|(id, _)| id);
                check(item, entry, What::Numbered(shape.name, id, i + 1), problems);
            }
            _ => check(item, entry, What::Entry(&what), problems),
        }
    }
}

/// The id of a record and where it stands, if it has a usable one.
fn id_of(item: Item<'_>) -> Option<(&str, Span)> {
    let Value::Map(pairs) = item.value() else { return None };
    let (_, id) = pairs.iter().find(|(k, _)| k.text == "id")?;
    match id.value() {
        Value::Plain(text) | Value::Text(text) if !text.is_empty() && !id.is_null() => {
            Some((text, id.span()))
        }
        _ => None,
    }
}

fn record((item, pairs): (Item<'_>, Map<'_>), shape: &Shape, what: What<'_>, problems: &mut Problems) {
    doubled(pairs, what, problems);
    let mut found: Vec<(&Field, Key<'_>)> = Vec::with_capacity(FEW);
    for (key, value) in pairs.iter() {
        let Some(field) = shape.field(key.text) else {
            problems.push(unknown(&key, shape, what, problems.len() < MOST_GUESSES));
            continue;
        };
        if value.is_null() {
            continue;
        }
        if let Some((_, first)) = found.iter().find(|(f, k)| f.key == field.key && k.text != key.text) {
            let message =
                format!("`{}` and `{}` are two spellings of one key in {what}", first.text, key.text);
            problems.push(Diagnostic::error(Code::DuplicateKey, key.span(), message));
        }
        // One of each spelling: a key may stand again and again.
        if !found.iter().any(|(_, known)| known.text == key.text) {
            found.push((field, key));
        }
        check(value, &field.kind, What::Key(key.text), problems);
    }
    let start = item.span().start..item.span().start;
    for field in shape.fields.iter().filter(|f| f.required && !found.iter().any(|(g, _)| g.key == f.key)) {
        let message = format!("{what} has no `{}`", field.key);
        let help = format!("`{}`: {}", field.key, lower_first(field.doc));
        problems.push(Diagnostic::error(Code::MissingKey, start.clone(), message).help(help));
    }
    let Some((group, keys)) = shape.exactly_one else { return };
    let mut there = found.iter().filter(|(field, _)| keys.contains(&field.key)).map(|(_, key)| key);
    let first = there.next();
    // A key that stands twice has been reported as that.
    let second = there.find(|key| first.is_some_and(|first| first.text != key.text));
    let (span, message) = match (first, second) {
        (Some(_), None) => return,
        (None, _) => (id_of(item).map_or(start, |(_, span)| span), format!("{what} has no {group}")),
        (_, Some(key)) => (key.span(), format!("{what} has more than one {group}: `{}` too", key.text)),
    };
    let help = format!("give it exactly one of `{}`", keys.join("`, `"));
    problems.push(Diagnostic::error(Code::Action, span, message).help(help));
}

/// So many problems may come with a guess; comparing names is dear.
const MOST_GUESSES: usize = 1_000;

fn unknown(key: &Key<'_>, shape: &Shape, what: What<'_>, guess: bool) -> Diagnostic {
    let message = format!("unknown key `{}` in {what}", key.text);
    let problem = Diagnostic::error(Code::UnknownKey, key.span(), message);
    let spellings = shape.fields.iter().flat_map(Field::spellings).filter(|_| guess);
    match nearest(key.text, spellings) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    }
}

/// So many keys are compared with each other; more are looked up.
const FEW: usize = 16;

/// Reports each key that stands twice.
fn doubled(pairs: Map<'_>, what: What<'_>, problems: &mut Problems) {
    let few = pairs.iter().nth(FEW).is_none();
    let mut seen: BTreeMap<&str, Key<'_>> = BTreeMap::new();
    for (i, (key, _)) in pairs.iter().enumerate() {
        let first = if few {
            pairs.iter().take(i).map(|(other, _)| other).find(|other| same(other.text, key.text))
        } else {
            let first = seen.get(key.text).copied();
            seen.entry(key.text).or_insert(key);
            first
        };
        let Some(first) = first else { continue };
        let message = format!("key `{}` stands twice in {what}", key.text);
        let problem = Diagnostic::error(Code::DuplicateKey, key.span(), message);
        problems.push(problem.label("here again").also(first.span(), "first here"));
    }
}

/// A free value may be anything, but its keys are unique.
fn free(item: Item<'_>, problems: &mut Problems) {
    let mut open = vec![item];
    while let Some(next) = open.pop() {
        match next.value() {
            Value::List(items) => open.extend(items.iter()),
            Value::Map(pairs) => {
                doubled(pairs, What::Document("value"), problems);
                open.extend(pairs.iter().map(|(_, v)| v));
            }
            Value::Number(text) => number(next, text, problems),
            Value::Plain(text) if is_integer(text) => number(next, text, problems),
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::Plain(_) => {}
        }
    }
}

/// A number of a free value must be one that can be kept: finite, and if it is whole, as it is written.
fn number(item: Item<'_>, text: &str, problems: &mut Problems) {
    let kept = match text.parse::<f64>() {
        Ok(_) if is_integer(text) => text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok(),
        Ok(number) => number.is_finite(),
        Err(_) => false,
    };
    if !kept {
        let message = format!("`{text}` is a number that cannot be kept as it is");
        let problem = Diagnostic::error(Code::BadValue, item.span(), message);
        problems.push(problem.help("write it as a text, in quotes"));
    }
}

/// An integer of JSON.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'))
}

pub(super) fn wrong_type(item: Item<'_>, kind: &Kind, what: What<'_>) -> Diagnostic {
    let message = format!("{what} must be {}, not {}", wanted(kind), item.kind());
    Diagnostic::error(Code::WrongType, item.span(), message)
}

fn wanted(kind: &Kind) -> String {
    match kind {
        Kind::Text | Kind::Name | Kind::Duration | Kind::Size | Kind::Choice(_) => "a text".to_owned(),
        Kind::Flag => "true or false".to_owned(),
        Kind::Whole(..) => "a whole number".to_owned(),
        Kind::Decimal | Kind::Share => "a number".to_owned(),
        Kind::Free => "a value".to_owned(),
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) | Kind::Record(_) => "a map".to_owned(),
        Kind::Either(among) => among.iter().map(wanted).collect::<Vec<_>>().join(" or "),
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
