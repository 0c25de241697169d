//! TOML into the tree; syntax errors are all reported at once.
//!
//! Knows no keys. Dates are refused: the plan language has none.

use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Form, MAX_DEPTH, Span, Tree};
use toml::de::{DeTable, DeValue};

/// Reads the document.
pub(crate) fn read<'s>(source: &'s str, problems: &mut Vec<Diagnostic>) -> Option<Tree<'s>> {
    let (table, errors) = DeTable::parse_recoverable(source);
    // The parser tells of every bracket beyond its bound.
    if let Some(error) = errors.iter().find(|e| is_too_deep(e.message())) {
        let message = format!("nesting is deeper than {MAX_DEPTH}");
        // Of a deeply dotted key the parser has no place.
        let span = error.span().or_else(|| deep_key(source)).unwrap_or(0..0);
        problems.push(Diagnostic::error(Code::Limit, span, message));
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
    let mut reader = Reader { tree: Tree::new(source), problems };
    reader.map((table.into_inner(), span), 1);
    Some(reader.tree)
}

/// The two ways in which the parser says it.
fn is_too_deep(message: &str) -> bool {
    message.starts_with("recursion limit") || message.starts_with("cannot recurse further")
}

/// The first line with a key that is dotted too deeply, without its indentation.
fn deep_key(source: &str) -> Option<Span> {
    let is_deep = |line: &str| line.split('=').any(|part| part.matches('.').count() >= MAX_DEPTH);
    let mut at = 0;
    let line = source.split_inclusive('\n').find(|line| {
        at += line.len();
        is_deep(line)
    })?;
    let text = line.trim_start();
    let start = at - text.len();
    Some(start..start + text.trim_end().len())
}

struct Reader<'a, 's> {
    tree: Tree<'s>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Reader<'_, '_> {
    /// The pairs in the order of the source: the parser has them by name.
    fn map(&mut self, (table, span): (DeTable<'_>, Span), depth: usize) {
        let opened = self.tree.open(Form::Map, span.start);
        let mut pairs: Vec<_> = table.into_iter().collect();
        pairs.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in pairs {
            self.tree.add_text(Form::Text, &key.span(), key.into_inner());
            let span = value.span();
            self.item((value.into_inner(), span), depth);
        }
        self.tree.close(opened, span.end);
    }

    fn item(&mut self, (value, span): (DeValue<'_>, Span), depth: usize) {
        if depth > MAX_DEPTH {
            let message = format!("nesting is deeper than {MAX_DEPTH}");
            self.problems.push(Diagnostic::error(Code::Limit, span.clone(), message));
            return self.tree.add(Form::Null, &span);
        }
        match value {
            DeValue::String(text) => self.tree.add_text(Form::Text, &span, text),
            DeValue::Integer(number) => self.tree.add_text(Form::Number, &span, number.to_string().into()),
            DeValue::Float(number) => self.tree.add_text(Form::Number, &span, number.to_string().into()),
            DeValue::Boolean(boolean) => {
                self.tree.add(if boolean { Form::True } else { Form::False }, &span);
            }
            DeValue::Datetime(_) => {
                self.problems.push(Diagnostic::error(Code::WrongType, span.clone(), "a plan has no dates"));
                self.tree.add(Form::Null, &span);
            }
            DeValue::Array(items) => {
                let opened = self.tree.open(Form::List, span.start);
                for value in items {
                    let span = value.span();
                    self.item((value.into_inner(), span), depth + 1);
                }
                self.tree.close(opened, span.end);
            }
            DeValue::Table(table) => self.map((table, span), depth + 1),
        }
    }
}
