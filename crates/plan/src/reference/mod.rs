//! References: `${task.result.path}` and its kin, in texts and in scripts for the shell.
//!
//! In a script a reference becomes `${REGATTA_REF_n}` and its value travels by environment, so that it is never
//! parsed as code (11-semantics). Knows no values; whoever resolves brings a [`Scope`].

mod dotted;
mod script;
mod words;

pub use dotted::Dotted;
pub use script::Script;

use crate::tree::Span;
use serde_json::Value;

/// A parsed reference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ref {
    /// What it names first: a task id, or `inputs`, `env`, `matrix`, `vault`, `worktree`, `item`, `index`.
    pub head: String,
    /// The rest, split at dots.
    pub path: Vec<String>,
    /// Where it stands in its text.
    pub span: Span,
}

/// Heads that are no tasks.
pub const HEADS: [&str; 7] = ["inputs", "env", "matrix", "vault", "worktree", "item", "index"];

impl Ref {
    /// As written, without `${` and `}`.
    #[must_use]
    pub fn name(&self) -> String {
        let mut name = self.head.clone();
        for part in &self.path {
            name.push('.');
            name.push_str(part);
        }
        name
    }

    /// The task it names, if it names one.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        (!HEADS.contains(&self.head.as_str())).then_some(self.head.as_str())
    }
}

/// A piece of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// Literal text.
    Text(String),
    /// A reference.
    Ref(Ref),
}

/// A text with references.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    /// Its pieces.
    pub parts: Vec<Part>,
}

/// What is wrong with a reference, and where in its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefError {
    /// Where.
    pub span: Span,
    /// What.
    pub message: String,
}

/// Why a reference has no value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unresolved(pub String);

/// Values of references.
pub trait Scope {
    /// The value of a reference.
    ///
    /// # Errors
    /// What is missing, and what was there instead.
    fn value(&self, reference: &Ref) -> Result<Value, Unresolved>;
}

impl Template {
    /// Parses a text in which every `${` must be a reference or `$${`.
    ///
    /// # Errors
    /// The first malformed reference.
    pub fn parse(text: &str) -> Result<Template, RefError> {
        let (mut parts, mut literal, mut at) = (Vec::new(), String::new(), 0);
        while let Some(found) = text[at..].find("${").map(|i| at + i) {
            if found > at && text[..found].ends_with('$') {
                literal.push_str(&text[at..found - 1]);
                literal.push_str("${");
                at = found + 2;
                continue;
            }
            literal.push_str(&text[at..found]);
            let reference = parse_at(text, found).ok_or_else(|| RefError {
                span: found..text.len().min(found + 2),
                message: "`${` is not followed by a reference; write `$${` for the text itself".to_owned(),
            })?;
            at = reference.span.end;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Ref(reference));
        }
        literal.push_str(&text[at..]);
        if !literal.is_empty() || parts.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Template { parts })
    }

    /// Its references.
    pub fn refs(&self) -> impl Iterator<Item = &Ref> {
        self.parts.iter().filter_map(|p| match p {
            Part::Ref(reference) => Some(reference),
            Part::Text(_) => None,
        })
    }

    /// True if it is one reference and nothing else.
    #[must_use]
    pub fn is_one_reference(&self) -> bool {
        matches!(self.parts[..], [Part::Ref(_)])
    }

    /// Its value: a whole-text reference keeps its type, an embedded one is text (objects as JSON).
    ///
    /// # Errors
    /// The first reference without a value.
    pub fn value(&self, scope: &dyn Scope) -> Result<Value, Unresolved> {
        if let [Part::Ref(reference)] = &self.parts[..] {
            return scope.value(reference);
        }
        self.text(scope).map(Value::String)
    }

    /// Its value as text.
    ///
    /// # Errors
    /// The first reference without a value.
    pub fn text(&self, scope: &dyn Scope) -> Result<String, Unresolved> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Ref(reference) => out.push_str(&as_text(&scope.value(reference)?)),
            }
        }
        Ok(out)
    }
}

/// A value as text: strings bare, everything else as JSON.
#[must_use]
pub fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Follows a path into a value: fields by name, items by number, `length` of arrays and strings.
///
/// # Errors
/// Where the path ends, and what was there.
pub fn follow(value: &Value, path: &[String], name: &str) -> Result<Value, Unresolved> {
    let mut here = value;
    for (i, part) in path.iter().enumerate() {
        let at = || if i == 0 { "the result".to_owned() } else { format!("`{}`", path[..i].join(".")) };
        let next = match here {
            Value::Object(map) => map.get(part),
            Value::Array(items) if part == "length" && i + 1 == path.len() => return Ok(items.len().into()),
            Value::String(text) if part == "length" && i + 1 == path.len() => {
                return Ok(text.chars().count().into());
            }
            Value::Array(items) => part.parse::<usize>().ok().and_then(|n| items.get(n)),
            _ => None,
        };
        here = next.ok_or_else(|| {
            Unresolved(format!("`${{{name}}}`: {} is {} and has no `{part}`", at(), kind(here)))
        })?;
    }
    if here.is_null() {
        return Err(Unresolved(format!("`${{{name}}}` is null")));
    }
    Ok(here.clone())
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(map) => {
            let keys: Vec<&str> = map.keys().take(8).map(String::as_str).collect();
            format!("an object with the fields [{}]", keys.join(", "))
        }
    }
}

/// What stands between `${` and `}` has at most this many bytes.
const MAX_REF_BYTES: usize = 1_024;

/// True for what may stand between `${` and `}`.
fn in_reference(b: &u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'[' | b']')
}

/// The reference that begins at `start`, if one does: an id, a dot, a path, `}`. `item` and `index` need no dot.
fn parse_at(text: &str, start: usize) -> Option<Ref> {
    let body = &text[start + 2..];
    // Looks no further than a reference can reach: a text may hold `${` again and again.
    let end = body.bytes().take(MAX_REF_BYTES + 1).take_while(in_reference).count();
    let inner = &body[..end];
    if inner.is_empty() || !body[end..].starts_with('}') || end > MAX_REF_BYTES {
        return None;
    }
    let span = start..start + 2 + end + 1;
    let (head, path) = split_head(inner)?;
    Some(Ref { head, path, span })
}

/// Ids may hold dots, so the head ends before the first part that can follow a task; else at the first dot.
fn split_head(inner: &str) -> Option<(String, Vec<String>)> {
    const AFTER_TASK: [&str; 6] = ["result", "results", "status", "duration_ms", "stdout", "exit_code"];
    if inner == "item" || inner == "index" {
        return Some((inner.to_owned(), vec![]));
    }
    let parts: Vec<&str> = inner.split('.').collect();
    if parts.len() < 2 || parts.iter().any(|p| p.is_empty()) {
        return None;
    }
    let owned = |parts: &[&str]| parts.iter().map(|p| (*p).to_owned()).collect();
    if HEADS.contains(&parts[0]) {
        return Some((parts[0].to_owned(), owned(&parts[1..])));
    }
    let cut = parts.iter().skip(1).position(|p| AFTER_TASK.contains(p)).map_or(1, |i| i + 1);
    Some((parts[..cut].join("."), owned(&parts[cut..])))
}
