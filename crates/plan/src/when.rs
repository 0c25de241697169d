//! Conditions: `when` expressions in CEL, parsed and evaluated without a clock or any other outside.
//!
//! Sources are bounded before they are compiled, because a chain of operators costs stack: callers compile and
//! evaluate on a thread with 8 MiB of stack.

use cel::{Context, Program, Value as CelValue};
use serde_json::Value;
use std::collections::BTreeMap;

/// A condition holds at most this many bytes.
pub const MAX_CONDITION_BYTES: usize = 1_024;

/// A parsed condition.
#[derive(Debug)]
pub struct Condition {
    program: Program,
    /// Tasks named by `tasks["id"]` or `tasks.id`.
    pub literal_tasks: Vec<String>,
    /// Free names: ids of tasks, or `tasks`, `inputs`, `env`, `matrix`, `item`, `index`.
    pub names: Vec<String>,
}

impl Condition {
    /// Parses a condition.
    ///
    /// # Errors
    /// It is too long, or not CEL; the text says where.
    pub fn parse(source: &str) -> Result<Condition, String> {
        if source.len() > MAX_CONDITION_BYTES {
            return Err(format!("it has {} bytes, more than {MAX_CONDITION_BYTES}", source.len()));
        }
        let program = Program::compile(source).map_err(|e| first_line(&e.to_string()))?;
        let mut names: Vec<String> =
            program.references().variables().iter().map(|name| (*name).to_owned()).collect();
        names.retain(|name| !name.starts_with('@'));
        names.sort_unstable();
        Ok(Condition { literal_tasks: literal_tasks(source), names, program })
    }

    /// Evaluates it over `tasks` (by id), whose values are also bound directly where their ids are CEL names, and
    /// over the further names given.
    ///
    /// # Errors
    /// The evaluation failed, or gave something else than a boolean.
    pub fn evaluate(
        &self,
        tasks: &BTreeMap<String, Value>,
        others: &[(&str, Value)],
    ) -> Result<bool, String> {
        let mut context = Context::default();
        let to_cel = |value: &Value| cel::to_value(value).map_err(|e| e.to_string());
        for (id, value) in tasks.iter().filter(|(id, _)| is_cel_name(id)) {
            context.add_variable_from_value(id.as_str(), to_cel(value)?);
        }
        for (name, value) in others {
            context.add_variable_from_value(*name, to_cel(value)?);
        }
        let all = Value::Object(tasks.iter().map(|(id, v)| (id.clone(), v.clone())).collect());
        context.add_variable_from_value("tasks", to_cel(&all)?);
        match self.program.execute(&context) {
            Ok(CelValue::Bool(answer)) => Ok(answer),
            Ok(other) => Err(format!("it gives {:?}, not true or false", other.type_of())),
            Err(error) => Err(first_line(&error.to_string())),
        }
    }
}

/// True if an id can stand in an expression by itself.
#[must_use]
pub fn is_cel_name(id: &str) -> bool {
    const WORDS: [&str; 12] =
        ["true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"];
    let mut chars = id.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !WORDS.contains(&id)
}

/// The ids in `tasks["id"]`, `tasks['id']` and `tasks.id`. Texts are passed over; a call such as `tasks.size()` is none.
fn literal_tasks(source: &str) -> Vec<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (mut found, mut rest, mut before) = (Vec::new(), source, ' ');
    while let Some(c) = rest.chars().next() {
        let own = !word(before) && before != '.';
        before = c;
        if let Some(after) = rest.strip_prefix("tasks").filter(|r| own && !r.starts_with(word)) {
            found.extend(member(after.trim_start()));
            (rest, before) = (after, 's');
        } else if matches!(c, '"' | '\'') {
            rest = after_text(&rest[1..], c);
        } else {
            rest = &rest[c.len_utf8()..];
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The id in `["id"]` or `.id`.
fn member(text: &str) -> Option<String> {
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.trim_start();
        let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        return inner[1..].split_once(quote).map(|(id, _)| id.to_owned());
    }
    let name = text.strip_prefix('.')?.trim_start();
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    let (id, after) = name.split_at(end);
    (!id.is_empty() && !after.trim_start().starts_with('(')).then(|| id.to_owned())
}

/// What follows the closing quote.
fn after_text(text: &str, quote: char) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

fn first_line(text: &str) -> String {
    text.lines().find(|l| !l.trim().is_empty()).unwrap_or("it cannot be parsed").trim().to_owned()
}
