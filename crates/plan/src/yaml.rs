//! YAML into the tree, from the parser's events, without recursion.
//!
//! No directives, no tags; nesting and what anchors and aliases copy are bounded; every unresolved alias is reported.

use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Form, Item, MAX_DEPTH, MAX_VALUES, Span, Tree, Value};
use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError};
use std::collections::BTreeMap;

/// What anchors keep and aliases stand for may have this many values in all.
const MAX_COPIED_VALUES: usize = 1_000_000;
/// And this many bytes of text.
const MAX_COPIED_BYTES: usize = 64 << 20;

/// How much a value is, with all that is in it.
#[derive(Clone, Copy, Default)]
struct Size {
    values: usize,
    bytes: usize,
}

impl Size {
    fn scalar(text: &str) -> Size {
        Size { values: 1, bytes: text.len() }
    }

    fn add(&mut self, other: Size) {
        self.values += other.values;
        self.bytes += other.bytes;
    }

    /// Whether this much more may be copied.
    fn has_room_for(self, more: Size) -> bool {
        self.values + more.values <= MAX_COPIED_VALUES && self.bytes + more.bytes <= MAX_COPIED_BYTES
    }
}

/// A list or map under construction.
struct Open {
    number: usize,
    start: usize,
    anchor: usize,
    map: bool,
    size: Size,
}

/// Reads the first document; a second one is an error.
pub(crate) fn read<'s>(source: &'s str, problems: &mut Vec<Diagnostic>) -> Option<Tree<'s>> {
    let mut options = Options::default();
    options.disallow_directives = true;
    options.emit_unresolved_aliases = true;
    let mut reader = Reader {
        problems,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        tree: Tree::new(source),
        values: 0,
        copied: Size::default(),
        documents: 0,
    };
    for event in Parser::new_from_str_with_options(source, options) {
        match event {
            Ok((event, span)) => {
                let range = span.byte_range().unwrap_or(0..0);
                if !reader.event(event, range) {
                    return None;
                }
            }
            Err(error) => {
                reader.failed(&error, source.len());
                return None;
            }
        }
    }
    let Reader { mut tree, .. } = reader;
    if tree.root().is_none() {
        // A document without anything in it is nothing, which is no plan.
        tree.add(Form::Null, &(0..0));
    }
    Some(tree)
}

struct Reader<'a, 's> {
    problems: &'a mut Vec<Diagnostic>,
    open: Vec<Open>,
    /// What anchors name, by number: where it is in the tree, and how much it is.
    anchors: BTreeMap<usize, (usize, Size)>,
    tree: Tree<'s>,
    values: usize,
    copied: Size,
    documents: usize,
}

impl Reader<'_, '_> {
    /// Takes an event; false ends the reading.
    fn event(&mut self, event: Event<'_>, span: Span) -> bool {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.problem(
                        Code::Syntax,
                        &span,
                        "a plan is one document; a second one begins here".into(),
                    );
                    return false;
                }
                true
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span);
                let (size, number) = (Size::scalar(&text), self.tree.next());
                let form = if style == ScalarStyle::Plain { Form::Plain } else { Form::Text };
                self.tree.add_text(form, &span, text);
                self.added((number, &span), anchor, size)
            }
            Event::SequenceStart(_, anchor, tag) => self.begin((span, anchor), tag.is_some(), false),
            Event::MappingStart(_, anchor, tag) => self.begin((span, anchor), tag.is_some(), true),
            Event::SequenceEnd | Event::MappingEnd => self.end(&span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::UnresolvedAlias(name) => {
                self.problem(Code::Syntax, &span, format!("alias `*{name}` names no anchor"));
                let number = self.tree.next();
                self.tree.add(Form::Null, &span);
                self.added((number, &span), 0, Size::scalar(""))
            }
            _ => true,
        }
    }

    fn refuse_tag(&mut self, tagged: bool, span: &Span) {
        if tagged {
            self.problem(Code::Syntax, span, "tags are not part of the plan language".into());
        }
    }

    fn begin(&mut self, (span, anchor): (Span, usize), tagged: bool, map: bool) -> bool {
        self.refuse_tag(tagged, &span);
        if self.open.len() >= MAX_DEPTH {
            self.problem(Code::Limit, &span, format!("nesting is deeper than {MAX_DEPTH}"));
            return false;
        }
        let number = self.tree.open(if map { Form::Map } else { Form::List }, span.start);
        self.open.push(Open { number, start: span.start, anchor, map, size: Size::scalar("") });
        true
    }

    fn end(&mut self, span: &Span) -> bool {
        let Some(Open { number, start, anchor, map, size }) = self.open.pop() else { return false };
        let whole = start..span.end.max(start);
        self.tree.close(number, whole.end);
        if map {
            self.check_keys(number);
        }
        self.added((number, &whole), anchor, size)
    }

    fn check_keys(&mut self, map: usize) {
        let Some(Value::Map(pairs)) = self.tree.item(map).map(Item::value) else { return };
        let is_text = |key: &Item<'_>| matches!(key.value(), Value::Plain(_) | Value::Text(_));
        for key in pairs.keys().filter(|key| !is_text(key)) {
            self.problems.push(Diagnostic::error(Code::Syntax, key.span(), "a key must be a text"));
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> bool {
        let Some(&(of, size)) = self.anchors.get(&anchor) else {
            self.problem(Code::Syntax, &span, "this alias names the value that it is part of".into());
            return false;
        };
        // Checked before the copy is made: one alias may stand for all that there may be.
        if !self.copied.has_room_for(size) {
            return self.too_much(&span);
        }
        let number = self.tree.next();
        self.tree.copy(of, &span);
        self.copied.add(size);
        self.values += size.values - 1;
        self.added((number, &span), 0, size)
    }

    /// A value is in the tree.
    fn added(&mut self, (number, span): (usize, &Span), anchor: usize, size: Size) -> bool {
        self.values += 1;
        if self.values > MAX_VALUES {
            self.problem(Code::Limit, span, format!("the document has more than {MAX_VALUES} values"));
            return false;
        }
        if anchor != 0 {
            if !self.copied.has_room_for(size) {
                return self.too_much(span);
            }
            self.copied.add(size);
            self.anchors.insert(anchor, (number, size));
        }
        if let Some(open) = self.open.last_mut() {
            open.size.add(size);
        }
        true
    }

    fn too_much(&mut self, span: &Span) -> bool {
        let message = format!(
            "anchors and aliases stand for more than {MAX_COPIED_VALUES} values or {} MiB of text",
            MAX_COPIED_BYTES >> 20
        );
        self.problem(Code::Limit, span, message);
        false
    }

    /// What the parser cannot go on from.
    fn failed(&mut self, error: &ScanError, length: usize) {
        let at = error.marker().byte_offset().unwrap_or(length).min(length);
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            return self.problem(Code::Limit, &(at..at), format!("nesting is deeper than {MAX_DEPTH}"));
        }
        let text = error.to_string();
        // The place is shown by the caret.
        let text = text.split(" at char ").next().unwrap_or_default();
        self.problem(Code::Syntax, &(at..at), format!("this is not YAML: {text}"));
    }

    fn problem(&mut self, code: Code, span: &Span, message: String) {
        self.problems.push(Diagnostic::error(code, span.clone(), message));
    }
}
