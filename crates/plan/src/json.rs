//! JSON with comments into the tree. The liberties of JSON5 are switched off one by one.
//!
//! ```text
//! tokens -> tree                       a text without an error and without comments: the usual one
//!    `----> parser -> its tree -> tree  anything else: it tells the error, and reads comments
//! ```
//! Both use the tokens of one scanner, and a property test holds them to the same trees. The parser stops at the first
//! syntax error; everything after it is a matter of the plan language.

use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Form, MAX_DEPTH, Tree};
use jsonc_parser::ast;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::tokens::Token;
use jsonc_parser::{
    CollectOptions, CommentCollectionStrategy, ParseOptions, Scanner, ScannerOptions, parse_to_ast,
};
use std::borrow::Cow;

/// A byte order mark, which some editors write first.
pub(crate) const MARK: &[u8] = "\u{feff}".as_bytes();

/// A source without its byte order mark, as the other formats take it; spaces keep every place where it is.
pub(crate) fn unmarked(source: &str) -> Cow<'_, str> {
    match source.strip_prefix('\u{feff}') {
        Some(rest) => Cow::Owned(" ".repeat(MARK.len()) + rest),
        None => Cow::Borrowed(source),
    }
}

/// Reads the document, which is [`unmarked`].
pub(crate) fn read<'s>(source: &'s str, problems: &mut Vec<Diagnostic>) -> Option<Tree<'s>> {
    if let Some(tree) = by_tokens(source) {
        return Some(tree);
    }
    if let Some(at) = too_deep(source) {
        let message = format!("nesting is deeper than {MAX_DEPTH}");
        problems.push(Diagnostic::error(Code::Limit, at..at + 1, message));
        return None;
    }
    match by_parser(source) {
        Ok(tree) => Some(tree),
        Err(error) => {
            let range = error.range();
            let message = format!("this is not JSON: {}", error.kind());
            problems.push(Diagnostic::error(Code::Syntax, range.start..range.end, message));
            None
        }
    }
}

/// A list or map under construction: where it began, and what may come next in it.
struct Open {
    number: usize,
    form: Form,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A value.
    Value,
    /// A value or the end of the list.
    ValueOrEnd,
    /// A key or the end of the map.
    KeyOrEnd,
    /// The colon behind a key.
    Colon,
    /// A comma or the end of what is open; the end of the text if nothing is.
    CommaOrEnd,
}

/// The tree of a text as it should be; `None` for an error, for comments and for what is too deep.
fn by_tokens(source: &str) -> Option<Tree<'_>> {
    let options = ScannerOptions {
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let mut scanner = Scanner::new(source, &options);
    let (mut tree, mut open, mut next) = (Tree::new(source), Vec::<Open>::new(), Next::Value);
    while let Some(token) = scanner.scan().ok()? {
        let span = scanner.token_start()..scanner.token_end();
        let is_value = matches!(next, Next::Value | Next::ValueOrEnd);
        let in_map = open.last().map(|open| open.form == Form::Map);
        next = match token {
            Token::String(text) if next == Next::KeyOrEnd => {
                tree.add_text(Form::Text, &span, text);
                Next::Colon
            }
            Token::Colon if next == Next::Colon => Next::Value,
            Token::Comma if next == Next::CommaOrEnd => {
                if in_map? {
                    Next::KeyOrEnd
                } else {
                    Next::ValueOrEnd
                }
            }
            Token::OpenBrace | Token::OpenBracket if is_value && open.len() < MAX_DEPTH => {
                let is_map = token == Token::OpenBrace;
                let form = if is_map { Form::Map } else { Form::List };
                open.push(Open { number: tree.open(form, span.start), form });
                if is_map { Next::KeyOrEnd } else { Next::ValueOrEnd }
            }
            Token::CloseBrace if in_map? && matches!(next, Next::KeyOrEnd | Next::CommaOrEnd) => {
                tree.close(open.pop()?.number, span.end);
                Next::CommaOrEnd
            }
            Token::CloseBracket if !in_map? && matches!(next, Next::ValueOrEnd | Next::CommaOrEnd) => {
                tree.close(open.pop()?.number, span.end);
                Next::CommaOrEnd
            }
            scalar if is_value => {
                match scalar {
                    Token::String(text) => tree.add_text(Form::Text, &span, text),
                    Token::Number(text) => tree.add_text(Form::Number, &span, text.into()),
                    Token::Boolean(true) => tree.add(Form::True, &span),
                    Token::Boolean(false) => tree.add(Form::False, &span),
                    Token::Null => tree.add(Form::Null, &span),
                    _ => return None,
                }
                Next::CommaOrEnd
            }
            _ => return None,
        };
    }
    (open.is_empty() && next == Next::CommaOrEnd).then_some(tree)
}

/// The tree as the parser reads it. Depth is bounded by [`too_deep`].
fn by_parser(source: &str) -> Result<Tree<'_>, jsonc_parser::errors::ParseError> {
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
    let parsed = parse_to_ast(source, &collect, &options)?;
    let mut tree = Tree::new(source);
    match parsed.value {
        Some(value) => add(&mut tree, value),
        // A document without anything in it is nothing, which is no plan.
        None => tree.add(Form::Null, &(0..0)),
    }
    Ok(tree)
}

fn add(tree: &mut Tree<'_>, value: ast::Value<'_>) {
    let range = value.range();
    let span = range.start..range.end;
    match value {
        ast::Value::StringLit(text) => tree.add_text(Form::Text, &span, text.value),
        ast::Value::NumberLit(number) => tree.add_text(Form::Number, &span, number.value.into()),
        ast::Value::BooleanLit(boolean) => {
            tree.add(if boolean.value { Form::True } else { Form::False }, &span);
        }
        ast::Value::NullKeyword(_) => tree.add(Form::Null, &span),
        ast::Value::Array(array) => {
            let opened = tree.open(Form::List, span.start);
            array.elements.into_iter().for_each(|element| add(tree, element));
            tree.close(opened, span.end);
        }
        ast::Value::Object(object) => {
            let opened = tree.open(Form::Map, span.start);
            for property in object.properties {
                let range = property.name.range();
                let text = match property.name {
                    ast::ObjectPropName::String(text) => text.value,
                    ast::ObjectPropName::Word(word) => word.value.into(),
                };
                tree.add_text(Form::Text, &(range.start..range.end), text);
                add(tree, property.value);
            }
            tree.close(opened, span.end);
        }
    }
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

#[cfg(test)]
mod tests;
