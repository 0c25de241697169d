//! What one rule makes of what several sources say of one path.
//!
//! Knows no paths and no tasks: sources are places in a list, each with its rank.

use crate::digest::canonical_json;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// How one value comes of several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// That of the first source.
    First,
    /// That of the last source.
    Last,
    /// That of the source whose role has the most authority.
    ByRole,
    /// The items of all lists, each once.
    Union,
    /// All lists, or all texts, one behind the other.
    Concat,
    /// The largest number.
    Max,
    /// The smallest number.
    Min,
    /// All must say the same.
    EqualOrFail,
}

/// A value, and the places of the sources that it is from.
type Decided = Result<(Value, Vec<usize>), String>;

impl Rule {
    /// The rule of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Rule> {
        Some(match name {
            "first" => Rule::First,
            "last" => Rule::Last,
            "by-role" => Rule::ByRole,
            "union" => Rule::Union,
            "concat" => Rule::Concat,
            "max" => Rule::Max,
            "min" => Rule::Min,
            "equal-or-fail" => Rule::EqualOrFail,
            _ => return None,
        })
    }

    /// Decides among values in the order of their sources, each with the rank of its source (0 is the most).
    ///
    /// # Errors
    /// Why the rule does not help.
    pub(super) fn apply(self, said: &[(usize, &Value)]) -> Decided {
        let at = |place: usize| match said.get(place) {
            Some((_, value)) => Ok(((*value).clone(), vec![place])),
            None => Err("nobody says anything".to_owned()),
        };
        match self {
            Rule::First => at(0),
            Rule::Last => at(said.len().saturating_sub(1)),
            Rule::ByRole => by_role(said).and_then(at),
            Rule::Union => union(said),
            Rule::Concat => concat(said),
            Rule::Max => extreme(said, Ordering::Greater).and_then(at),
            Rule::Min => extreme(said, Ordering::Less).and_then(at),
            Rule::EqualOrFail if said.iter().all(|(_, value)| same(value, said[0].1)) => at(0),
            Rule::EqualOrFail => Err("they must say the same".to_owned()),
        }
    }
}

/// Equal as JSON: `1` and `1.0` are one number.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => compare(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Whole numbers exactly, others as floating-point ones.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    let whole = |value: &Value| value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn by_role(said: &[(usize, &Value)]) -> Result<usize, String> {
    let best = said.iter().map(|(rank, _)| *rank).min().unwrap_or_default();
    let mut first = None;
    for (place, (_, value)) in said.iter().enumerate().filter(|(_, (rank, _))| *rank == best) {
        match first {
            None => first = Some((place, value)),
            Some((_, before)) if same(before, value) => {}
            Some(_) => return Err("no role has more authority than the others".to_owned()),
        }
    }
    first.map(|(place, _)| place).ok_or_else(|| "nobody says anything".to_owned())
}

fn union(said: &[(usize, &Value)]) -> Decided {
    let (mut all, mut from): (Vec<Value>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut known = BTreeSet::new();
    for (place, (_, value)) in said.iter().enumerate() {
        let Value::Array(items) = value else { return Err("`union` wants lists".to_owned()) };
        let before = all.len();
        for item in items {
            if known.insert(identity(item)) {
                all.push(item.clone());
            }
        }
        if all.len() > before {
            from.push(place);
        }
    }
    if from.is_empty() {
        from.push(0);
    }
    Ok((Value::Array(all), from))
}

/// What equal items share and others do not: little, because a list may have a million.
fn identity(item: &Value) -> [u8; 32] {
    let text = if has_decimals(item) { canonical_json(&normal(item)) } else { canonical_json(item) };
    Sha256::digest(text).into()
}

/// True if a number in it may be written in another way.
fn has_decimals(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_decimals),
        Value::Object(map) => map.values().any(has_decimals),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// A value in which one number is written one way.
fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15) {
            Some(whole) if number.is_f64() => (whole as i64).into(),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), normal(value))).collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

fn concat(said: &[(usize, &Value)]) -> Decided {
    let places = (0..said.len()).collect();
    let lists: Option<Vec<&Vec<Value>>> = said.iter().map(|(_, value)| value.as_array()).collect();
    if let Some(lists) = lists {
        return Ok((Value::Array(lists.into_iter().flatten().cloned().collect()), places));
    }
    let texts: Option<Vec<&str>> = said.iter().map(|(_, value)| value.as_str()).collect();
    texts
        .map(|texts| (texts.concat().into(), places))
        .ok_or_else(|| "`concat` wants lists, or texts".to_owned())
}

fn extreme(said: &[(usize, &Value)], wanted: Ordering) -> Result<usize, String> {
    let mut best: Option<(usize, &Value)> = None;
    for (place, (_, value)) in said.iter().enumerate() {
        if !value.is_number() {
            return Err("`max` and `min` want numbers".to_owned());
        }
        if best.is_none_or(|(_, known)| compare(value, known) == Some(wanted)) {
            best = Some((place, value));
        }
    }
    best.map(|(place, _)| place).ok_or_else(|| "nobody says anything".to_owned())
}
