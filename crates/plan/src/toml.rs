//! TOML into the tree; syntax errors are all reported at once.
//!
//! Knows no keys. Dates are refused: the plan language has none.

use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Item, Key, MAX_DEPTH, Span, Value};
use toml::de::{DeTable, DeValue};

/// Reads the document.
pub(crate) fn read(source: &str, problems: &mut Vec<Diagnostic>) -> Option<Item> {
    let (table, errors) = DeTable::parse_recoverable(source);
    // The parser tells of every bracket beyond its bound.
    if let Some(error) = errors.iter().find(|e| is_too_deep(e.message())) {
        let message = format!("nesting is deeper than {MAX_DEPTH}");
        problems.push(Diagnostic::error(Code::Limit, error.span().unwrap_or(0..0), message));
        return None;
    }
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        problems.push(Diagnostic::error(
            Code::Syntax,
            span,
            format!("this is not TOML: {}", error.message()),
        ));
    }
    if !errors.is_empty() {
        return None;
    }
    let span = table.span();
    Some(Item { value: map(table.into_inner(), 1, problems), span })
}

/// The two ways in which the parser says it.
fn is_too_deep(message: &str) -> bool {
    message.starts_with("recursion limit") || message.starts_with("cannot recurse further")
}

fn map(table: DeTable<'_>, depth: usize, problems: &mut Vec<Diagnostic>) -> Value {
    let mut pairs: Vec<(Key, Item)> = table
        .into_iter()
        .map(|(key, value)| {
            let (span, value_span) = (key.span(), value.span());
            let value = item(value.into_inner(), value_span, depth, problems);
            (Key { span, text: key.into_inner().into_owned() }, value)
        })
        .collect();
    pairs.sort_by_key(|(key, _)| key.span.start);
    Value::Map(pairs)
}

fn item(value: DeValue<'_>, span: Span, depth: usize, problems: &mut Vec<Diagnostic>) -> Item {
    if depth > MAX_DEPTH {
        problems.push(Diagnostic::error(
            Code::Limit,
            span.clone(),
            format!("nesting is deeper than {MAX_DEPTH}"),
        ));
        return Item { span, value: Value::Null };
    }
    let value = match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => Value::Number(number.to_string()),
        DeValue::Float(number) => Value::Number(number.to_string()),
        DeValue::Boolean(boolean) => Value::Bool(boolean),
        DeValue::Datetime(_) => {
            problems.push(Diagnostic::error(Code::WrongType, span.clone(), "a plan has no dates"));
            Value::Null
        }
        DeValue::Array(items) => Value::List(
            items
                .into_iter()
                .map(|v| {
                    let span = v.span();
                    item(v.into_inner(), span, depth + 1, problems)
                })
                .collect(),
        ),
        DeValue::Table(table) => map(table, depth + 1, problems),
    };
    Item { span, value }
}
