//! Writes an order into the text of a plan and leaves every other letter as it is.
//!
//! Knows places, not plans: who calls reads the text again and compares.

use crate::tree::{Item, Value};
use crate::{Format, json, toml, yaml};

/// Columns that a line of ids may take.
const COLUMNS: usize = 100;

/// The text of a plan with another order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ordered {
    /// The text.
    pub text: String,
    /// Comments stood inside the order that was replaced, and are gone.
    pub lost_comments: bool,
}

/// `source` with `order` in place of the order that it has, else before its tasks; `None` where no place can be found.
#[must_use]
pub fn with_order(source: &str, format: Format, order: &[String]) -> Option<Ordered> {
    let mut problems = Vec::new();
    let unmarked = if format == Format::Json { json::unmarked(source) } else { source.into() };
    let tree = match format {
        Format::Yaml => yaml::read(&unmarked, &mut problems),
        Format::Json => json::read(&unmarked, &mut problems),
        Format::Toml => toml::read(&unmarked, &mut problems),
    }?;
    let root = tree.root()?;
    let Value::Map(pairs) = root.value() else { return None };
    let find = |name: &str| pairs.iter().find(|(key, _)| key.text == name);
    if let Some((key, value)) = find("order") {
        let list = list(order, column(source, key.span().start));
        let (range, new) = match is_flow(source, value) {
            true => (value.span(), list),
            false => (key.span().end..end(value), format!(": {list}")),
        };
        // No id holds what begins a comment.
        let mark = if format == Format::Json { '/' } else { '#' };
        let lost_comments = source.get(range.clone())?.contains(mark);
        return Some(Ordered { text: spliced(source, range, &new)?, lost_comments });
    }
    let whole = |text: Option<String>| Some(Ordered { text: text?, lost_comments: false });
    if format == Format::Toml {
        // Below the header of a table it would be a key of that table.
        return whole(spliced(source, 0..0, &format!("order = {}\n", list(order, 0))));
    }
    let span = find("tasks")?.0.span();
    let column = column(source, span.start);
    let flow = source.get(root.span().start..)?.starts_with('{');
    let (key, after) = if flow { ("\"order\"", ",") } else { ("order", "") };
    let new = format!("{key}: {}{after}\n{}", list(order, column), " ".repeat(column));
    whole(spliced(source, span.start..span.start, &new))
}

/// A list in brackets, not one of YAML with a line for each item.
fn is_flow(source: &str, value: Item<'_>) -> bool {
    source.get(value.span().start..).is_some_and(|rest| rest.starts_with('['))
}

/// Where a value ends: a block list of YAML ends with its last item, not where the next key begins.
fn end(value: Item<'_>) -> usize {
    let span = value.span();
    match value.value() {
        Value::List(items) => items.iter().last().map_or(span.end, |item| item.span().end),
        _ => span.end,
    }
}

fn spliced(source: &str, range: std::ops::Range<usize>, new: &str) -> Option<String> {
    Some(format!("{}{new}{}", source.get(..range.start)?, source.get(range.end..)?))
}

fn column(source: &str, at: usize) -> usize {
    source[..at].bytes().rev().take_while(|&b| b == b' ').count()
}

/// The ids in quotes, which all three formats read alike, broken into lines.
fn list(order: &[String], column: usize) -> String {
    let indent = " ".repeat(column + 2);
    let mut text = String::from("[");
    let mut used = COLUMNS;
    for (place, id) in order.iter().enumerate() {
        let comma = if place + 1 < order.len() { "," } else { "" };
        let item = format!("\"{id}\"{comma}");
        if used + item.len() + 1 > COLUMNS {
            text.push('\n');
            text.push_str(&indent);
            used = indent.len();
        } else {
            text.push(' ');
            used += 1;
        }
        used += item.len();
        text.push_str(&item);
    }
    text.push_str(if order.is_empty() { "]" } else { " ]" });
    text
}
