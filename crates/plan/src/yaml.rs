//! YAML into the tree, from the parser's events, without recursion.
//!
//! No directives, no tags; nesting and what anchors and aliases copy are bounded; every unresolved alias is reported.

use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Item, Key, MAX_DEPTH, MAX_VALUES, Span, Value};
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
    start: usize,
    anchor: usize,
    items: Vec<Item>,
    map: bool,
    size: Size,
}

/// Reads the first document; a second one is an error.
pub(crate) fn read(source: &str, problems: &mut Vec<Diagnostic>) -> Option<Item> {
    let mut options = Options::default();
    options.disallow_directives = true;
    options.emit_unresolved_aliases = true;
    let mut reader = Reader {
        problems,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        root: None,
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
    // A document without anything in it is nothing, which is no plan.
    Some(reader.root.unwrap_or(Item { span: 0..0, value: Value::Null }))
}

struct Reader<'a> {
    problems: &'a mut Vec<Diagnostic>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Item, Size)>,
    root: Option<Item>,
    values: usize,
    copied: Size,
    documents: usize,
}

impl Reader<'_> {
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
                let text = text.into_owned();
                let size = Size::scalar(&text);
                let value = if style == ScalarStyle::Plain { Value::Plain(text) } else { Value::Text(text) };
                self.add(Item { span, value }, anchor, size)
            }
            Event::SequenceStart(_, anchor, tag) => self.begin((span, anchor), tag.is_some(), false),
            Event::MappingStart(_, anchor, tag) => self.begin((span, anchor), tag.is_some(), true),
            Event::SequenceEnd | Event::MappingEnd => self.end(&span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::UnresolvedAlias(name) => {
                self.problem(Code::Syntax, &span, format!("alias `*{name}` names no anchor"));
                self.add(Item { span, value: Value::Null }, 0, Size::scalar(""))
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
        let size = Size::scalar("");
        self.open.push(Open { start: span.start, anchor, items: Vec::new(), map, size });
        true
    }

    fn end(&mut self, span: &Span) -> bool {
        let Some(open) = self.open.pop() else { return false };
        let whole = open.start..span.end.max(open.start);
        let value = if open.map { self.pair_up(open.items) } else { Value::List(open.items) };
        self.add(Item { span: whole, value }, open.anchor, open.size)
    }

    fn pair_up(&mut self, items: Vec<Item>) -> Value {
        let mut pairs = Vec::with_capacity(items.len() / 2);
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            match key.value {
                Value::Plain(text) | Value::Text(text) => pairs.push((Key { span: key.span, text }, value)),
                _ => self.problem(Code::Syntax, &key.span, "a key must be a text".into()),
            }
        }
        Value::Map(pairs)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> bool {
        let Some((item, size)) = self.anchors.get(&anchor) else {
            self.problem(Code::Syntax, &span, "this alias names the value that it is part of".into());
            return false;
        };
        let size = *size;
        // Checked before the copy is made: one alias may stand for all that there may be.
        let Some(item) = self.copied.has_room_for(size).then(|| item.value.clone()) else {
            return self.too_much(&span);
        };
        self.copied.add(size);
        self.values += size.values - 1;
        self.add(Item { span, value: item }, 0, size)
    }

    fn add(&mut self, item: Item, anchor: usize, size: Size) -> bool {
        self.values += 1;
        if self.values > MAX_VALUES {
            self.problem(Code::Limit, &item.span, format!("the document has more than {MAX_VALUES} values"));
            return false;
        }
        if anchor != 0 {
            if !self.copied.has_room_for(size) {
                return self.too_much(&item.span);
            }
            self.copied.add(size);
            self.anchors.insert(anchor, (item.clone(), size));
        }
        match self.open.last_mut() {
            Some(open) => {
                open.size.add(size);
                open.items.push(item);
            }
            None => self.root = Some(item),
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
