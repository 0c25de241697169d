//! Tests of the reader of JSON.

use super::*;
use proptest::prelude::*;

/// Pieces of which texts are made that are JSON, nearly JSON, or neither.
const PIECES: [&str; 30] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\"",
    "\"b\":",
    "\"\\n\"",
    "\"\\u00e9\"",
    "1",
    "-1.5e3",
    "01",
    "+1",
    "0x1",
    "true",
    "false",
    "null",
    "nul",
    "'a'",
    " ",
    "\n",
    "// c\n",
    "/* c */",
    "\u{feff}",
    "\u{a0}",
    "é",
    "\"",
    "\\",
    "NaN",
];

fn agree(text: &str) -> bool {
    match (by_tokens(text), by_parser(text)) {
        (None, _) => true,
        (Some(tree), parsed) => parsed.is_ok_and(|parsed| parsed == tree),
    }
}

/// A value of JSON as text, of so many choices.
fn value(choices: &[u8]) -> String {
    let mut text = String::new();
    let mut open: Vec<char> = Vec::new();
    for choice in choices {
        match choice % 8 {
            0 => (text.push('['), open.push(']')).0,
            1 => (text.push_str("{\"k\\t\": "), open.push('}')).0,
            2 => text.push_str("1.5"),
            3 => text.push_str("\"x y\""),
            4 => text.push_str("null"),
            5 => text.push_str("\"\\u0041\""),
            6 => text.push_str("true"),
            _ => text.extend(open.pop()),
        }
        text.push_str(match (choice / 8, open.last()) {
            (0..4, Some(']')) => ",",
            (0..4, Some('}')) => ",\"k\":",
            _ => "",
        });
    }
    text.extend(open.into_iter().rev());
    text
}

proptest! {
    #[test]
    fn what_is_read_by_tokens_is_what_the_parser_reads(
        pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..16),
        choices in proptest::collection::vec(0_u8..64, 0..24),
    ) {
        prop_assert!(agree(&pieces.concat()));
        prop_assert!(agree(&value(&choices)));
    }
}

#[test]
fn the_usual_text_is_read_by_tokens() {
    for text in ["{}", " [1, {\"a\": [true, null, \"\\n\"],},]\n", "\"a\"", "-1"] {
        assert!(by_tokens(text).is_some() && agree(text), "{text}");
    }
    for text in
        ["", "{", "[1 2]", "{\"a\" 1}", "[,]", "{,}", "1 1", "// c\n1", "{a: 1}", "]", &"[".repeat(65)]
    {
        assert!(by_tokens(text).is_none(), "{text}");
    }
    let deep = "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH);
    assert!(by_tokens(&deep).is_some() && too_deep(&deep).is_none());
}
