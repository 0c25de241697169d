//! JSON with comments into the tree. The liberties of JSON5 are switched off one by one.
//!
//! The parser stops at the first syntax error; everything after it is a matter of the plan language.

use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Item, Key, MAX_DEPTH, Value};
use jsonc_parser::ast;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, parse_to_ast};

/// A byte order mark, which some editors write first.
const MARK: char = '\u{feff}';

/// Reads the document.
pub(crate) fn read(source: &str, problems: &mut Vec<Diagnostic>) -> Option<Item> {
    if source.starts_with(MARK) {
        // As the other formats take it. Spaces keep every place where it is.
        let blank = " ".repeat(MARK.len_utf8());
        return read(&format!("{blank}{}", &source[MARK.len_utf8()..]), problems);
    }
    if let Some(at) = too_deep(source) {
        let message = format!("nesting is deeper than {MAX_DEPTH}");
        problems.push(Diagnostic::error(Code::Limit, at..at + 1, message));
        return None;
    }
    let options = ParseOptions {
        allow_comments: true,
        allow_loose_object_property_names: false,
        allow_trailing_commas: true,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let collect = CollectOptions { comments: CommentCollectionStrategy::Off, tokens: false };
    match parse_to_ast(source, &collect, &options) {
        Ok(parsed) => Some(parsed.value.map_or(Item { span: 0..0, value: Value::Null }, item)),
        Err(error) => {
            let range = error.range();
            let message = format!("this is not JSON: {}", error.kind());
            problems.push(Diagnostic::error(Code::Syntax, range.start..range.end, message));
            None
        }
    }
}

/// Depth is bounded by [`too_deep`].
fn item(value: ast::Value<'_>) -> Item {
    let range = value.range();
    let value = match value {
        ast::Value::StringLit(text) => Value::Text(text.value.into_owned()),
        ast::Value::NumberLit(number) => Value::Number(number.value.to_owned()),
        ast::Value::BooleanLit(boolean) => Value::Bool(boolean.value),
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::Array(array) => Value::List(array.elements.into_iter().map(item).collect()),
        ast::Value::Object(object) => Value::Map(object.properties.into_iter().map(pair).collect()),
    };
    Item { span: range.start..range.end, value }
}

fn pair(property: ast::ObjectProp<'_>) -> (Key, Item) {
    let range = property.name.range();
    let text = match property.name {
        ast::ObjectPropName::String(text) => text.value.into_owned(),
        ast::ObjectPropName::Word(word) => word.value.to_owned(),
    };
    (Key { span: range.start..range.end, text }, item(property.value))
}

/// Where nesting first exceeds the bound, found before the recursive parser sees the text.
fn too_deep(source: &str) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, byte) in source.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Some(at);
                }
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}
