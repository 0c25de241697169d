//! The reference of the documents as Markdown, made of the same declarations that judge them.
//!
//! Knows no file.

use super::{BATCH, Kind, PLAN, REQUEST, SETTINGS, SHELL_PARAMS, Shape};
use std::fmt::Write as _;

/// The reference: every key of every document.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(
        "# Plan reference\n\n\
         Every key that `regatta check` knows; an unknown one is an error. This page is made of the declarations \
         that the reader itself judges plans by (`cargo xtask docs` makes it anew), and `regatta schema` prints \
         the same as JSON Schema. Keys marked *later* are checked, but a plan that has them cannot run yet: \
         `regatta run` ends with exit code 2 before it starts anything.\n\n\
         Durations are written `500ms`, `90s`, `10m`, `1h30m`, `2d` or `0`; sizes `64MiB`.\n",
    );
    let mut shown: Vec<&str> = Vec::new();
    for root in [&PLAN, &REQUEST, &SHELL_PARAMS, &BATCH, &SETTINGS] {
        let mut open = vec![root];
        while let Some(shape) = open.pop() {
            if shown.contains(&shape.name) {
                continue;
            }
            shown.push(shape.name);
            section(&mut out, shape);
            let mut inner = Vec::new();
            shape.fields.iter().for_each(|f| shapes(&f.kind, &mut inner));
            open.extend(inner.into_iter().rev());
        }
    }
    out
}

fn section(out: &mut String, shape: &Shape) {
    // Writing to a text cannot fail.
    let _ = write!(out, "\n## {}\n\n{}\n", shape.name, shape.doc);
    if let Some((group, keys)) = shape.exactly_one {
        let _ = writeln!(out, "Exactly one {group} of `{}`.", keys.join("`, `"));
    }
    out.push_str("\n| key | value | meaning |\n|---|---|---|\n");
    for field in shape.fields {
        let keys: Vec<String> = field.spellings().map(|s| format!("`{s}`")).collect();
        let marks = match (field.required, field.later) {
            (true, _) => "**Required.** ",
            (_, true) => "*Later.* ",
            (false, false) => "",
        };
        let doc = field.doc.replace('|', "\\|");
        let _ = writeln!(out, "| {} | {} | {marks}{doc} |", keys.join(", "), value(&field.kind));
    }
}

fn value(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Name => "text, not empty".to_owned(),
        Kind::Flag => "true or false".to_owned(),
        Kind::Whole(low, high) if low == high => format!("{low}"),
        Kind::Whole(low, high) => format!("{low} to {high}"),
        Kind::Decimal => "number".to_owned(),
        Kind::Share => "number above 0, at most 1".to_owned(),
        Kind::Duration => "duration".to_owned(),
        Kind::Size => "size".to_owned(),
        Kind::Choice(among) => format!("`{}`", among.join("`, `")),
        Kind::Free => "any".to_owned(),
        Kind::List(entry) => format!("list of {}", value(entry)),
        Kind::Map(entry) => format!("map of {}", value(entry)),
        Kind::Record(shape) => format!("[{}](#{})", shape.name, shape.name.to_lowercase().replace(' ', "-")),
        Kind::Either(among) => among.iter().map(value).collect::<Vec<_>>().join(" or "),
    }
}

fn shapes(kind: &Kind, found: &mut Vec<&'static Shape>) {
    match kind {
        Kind::Record(shape) => found.push(shape),
        Kind::List(inner) | Kind::Map(inner) => shapes(inner, found),
        Kind::Either(among) => among.iter().for_each(|k| shapes(k, found)),
        Kind::Text
        | Kind::Name
        | Kind::Flag
        | Kind::Whole(..)
        | Kind::Decimal
        | Kind::Share
        | Kind::Duration
        | Kind::Size
        | Kind::Choice(_)
        | Kind::Free => {}
    }
}
