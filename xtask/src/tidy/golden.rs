//! Every kind of event has a golden record, so that its stored form cannot change unseen.
//!
//! It compares names: the variants of the engine's enum and the words of the journal's golden file. That a record
//! still reads and writes the same is tested by the journal.

use super::finding::Finding;
use super::functions::{closing_brace, identifier};
use super::tree::{Tree, line_at};
use serde_json::Value;
use std::collections::BTreeSet;

const ENUM: &str = "pub enum EventKind";
const ENGINE: &str = "crates/engine/src/";
const GOLDEN: &str = "crates/journal/tests/it/golden/events.jsonl";

/// Variants without a record, and lines that are no JSON.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some((source, at)) = tree.under(ENGINE).find_map(|file| Some((file, file.code.find(ENUM)?))) else {
        return vec![missing(
            ENGINE,
            format!("`{ENUM}` is nowhere in the engine"),
            "tidy looks for its variants",
        )];
    };
    let Some(golden) = tree.get(GOLDEN) else {
        return vec![missing(
            GOLDEN,
            "the golden records are missing".to_owned(),
            "one JSON line for each event kind",
        )];
    };
    let (words, mut findings) = words_of(&golden.text);
    for variant in variants(&source.code[at + ENUM.len()..]) {
        let name = snake_case(variant);
        if !words.contains(&name) {
            let line = line_at(&source.code, at + source.code[at..].find(variant).unwrap_or(0));
            let message = format!("event kind `{name}` has no record in {GOLDEN}");
            let hint = "add a line whose kind is that name";
            findings.push(Finding { path: source.path.clone(), line, rule: "golden", message, hint });
        }
    }
    findings
}

fn missing(path: &str, message: String, hint: &'static str) -> Finding {
    Finding { path: path.to_owned(), line: 0, rule: "golden", message, hint }
}

/// Every key and string value of every line.
fn words_of(text: &str) -> (BTreeSet<String>, Vec<Finding>) {
    let mut words = BTreeSet::new();
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        match serde_json::from_str(line) {
            Ok(value) => collect(&value, &mut words),
            Err(error) => findings.push(Finding {
                path: GOLDEN.to_owned(),
                line: index + 1,
                rule: "golden",
                message: format!("not a line of JSON: {error}"),
                hint: "one record a line, no blank lines",
            }),
        }
    }
    (words, findings)
}

fn collect(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            words.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::Object(members) => {
            words.extend(members.keys().cloned());
            members.values().for_each(|member| collect(member, words));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Names of the variants in the masked body of an enum.
fn variants(text: &str) -> Vec<&str> {
    let Some(open) = text.find('{') else { return Vec::new() };
    let Some(close) = closing_brace(&text[open..]) else { return Vec::new() };
    let body = &text[open + 1..open + close];
    let mut depth = 0_i32;
    let parts = body.split(move |character| {
        depth +=
            i32::from(matches!(character, '{' | '(' | '[')) - i32::from(matches!(character, '}' | ')' | ']'));
        character == ',' && depth == 0
    });
    parts.map(|part| identifier(without_attributes(part))).filter(|name| !name.is_empty()).collect()
}

fn without_attributes(part: &str) -> &str {
    let mut rest = part.trim_start();
    while rest.starts_with("#[") {
        let Some(end) = rest.find(']') else { return "" };
        rest = rest[end + 1..].trim_start();
    }
    rest
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::super::finding::messages;
    use super::*;

    const SOURCE: &str = "/// A, B\npub enum EventKind {\n  /// Doc, with comma.\n  #[serde(x)]\n  RunStarted { a: (u8, u8), b: u8 },\n  NodeReady,\n  WaveEnded(u8, u8),\n}\n";

    #[test]
    fn each_variant_needs_a_record() {
        let golden = "{\"kind\":\"run_started\",\"a\":1}\n{\"node_ready\":{}}\n";
        let tree = Tree::of(&[("crates/engine/src/event.rs", SOURCE), (GOLDEN, golden)]);
        let expect =
            format!("crates/engine/src/event.rs:7: event kind `wave_ended` has no record in {GOLDEN}");
        assert_eq!(messages(&check(&tree)), [expect]);
    }

    #[test]
    fn a_missing_file_or_enum_and_a_bad_line_are_findings() {
        let only_source = Tree::of(&[("crates/engine/src/event.rs", SOURCE)]);
        assert_eq!(messages(&check(&only_source)), [format!("{GOLDEN}:0: the golden records are missing")]);
        assert_eq!(check(&Tree::of(&[])).len(), 1);
        let bad = [("crates/engine/src/event.rs", "pub enum EventKind {}"), (GOLDEN, "{\n")];
        assert!(messages(&check(&Tree::of(&bad)))[0].starts_with(&format!("{GOLDEN}:1: not a line of JSON")));
    }
}
