//! The redaction as its callers see it.

mod commands;
mod declared;
mod json;
mod kinds;
mod personal_data;
mod rules;
mod streams;

use regatta_redact::{Redactor, Value};
use std::sync::Arc;

/// Redacts by the rules, and by values that are called `v0`, `v1` and so on.
fn redactor(values: &[&str]) -> Arc<Redactor> {
    let value = |(n, text): (usize, &&str)| Value { name: format!("v{n}"), bytes: text.as_bytes().to_vec() };
    Arc::new(Redactor::new(&values.iter().enumerate().map(value).collect::<Vec<_>>()))
}

fn clean(values: &[&str], text: &str) -> String {
    redactor(values).text(text.to_owned())
}

/// A token that a rule knows, put together so that no scanner finds it here.
fn token() -> String {
    format!("gh{}_{}", 'p', "R4nD0mQ7vXk2LsT9bWzYc5HdJfMgPe8AuNi3")
}
