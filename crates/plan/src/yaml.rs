//! YAML into the tree, from the parser's events, without recursion.
//!
//! No directives, no tags; nesting and alias expansion are bounded; every unresolved alias is reported.

use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Item, Key, MAX_DEPTH, MAX_VALUES, Span, Value};
use granit_parser::{Event, Options, Parser, ScalarStyle};
use std::collections::BTreeMap;

/// Aliases may stand for this many values in all.
const MAX_ALIASED: usize = 1_000_000;

/// A list or map under construction.
struct Open {
    start: usize,
    anchor: usize,
    items: Vec<Item>,
    map: bool,
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
        aliased: 0,
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
                let at = error.marker().byte_offset().unwrap_or(source.len()).min(source.len());
                let text = error.to_string();
                // The place is shown by the caret.
                let text = text.split(" at char ").next().unwrap_or_default();
                reader.problem(Code::Syntax, &(at..at), format!("this is not YAML: {text}"));
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
    anchors: BTreeMap<usize, (Item, usize)>,
    root: Option<Item>,
    values: usize,
    aliased: usize,
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
                let value = if style == ScalarStyle::Plain { Value::Plain(text) } else { Value::Text(text) };
                self.add(Item { span, value }, (anchor, 1))
            }
            Event::SequenceStart(_, anchor, tag) => self.begin((span, anchor), tag.is_some(), false),
            Event::MappingStart(_, anchor, tag) => self.begin((span, anchor), tag.is_some(), true),
            Event::SequenceEnd | Event::MappingEnd => self.end(&span),
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some((_, values)) if self.aliased + values > MAX_ALIASED => {
                    self.problem(
                        Code::Limit,
                        &span,
                        format!("aliases expand to more than {MAX_ALIASED} values"),
                    );
                    false
                }
                Some((item, values)) => {
                    let (item, values) = (Item { span, ..item.clone() }, *values);
                    self.aliased += values;
                    self.add(item, (0, values))
                }
                None => {
                    self.problem(Code::Syntax, &span, "this alias names the value that it is part of".into());
                    false
                }
            },
            Event::UnresolvedAlias(name) => {
                self.problem(Code::Syntax, &span, format!("alias `*{name}` names no anchor"));
                self.add(Item { span, value: Value::Null }, (0, 1))
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
        self.open.push(Open { start: span.start, anchor, items: Vec::new(), map });
        true
    }

    fn end(&mut self, span: &Span) -> bool {
        let Some(open) = self.open.pop() else { return false };
        let whole = open.start..span.end.max(open.start);
        let value = if open.map { self.pair_up(open.items) } else { Value::List(open.items) };
        let values = count(&value);
        self.add_sized(Item { span: whole, value }, (open.anchor, values), 1)
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

    fn add(&mut self, item: Item, (anchor, values): (usize, usize)) -> bool {
        self.add_sized(item, (anchor, values), values)
    }

    fn add_sized(&mut self, item: Item, (anchor, values): (usize, usize), new: usize) -> bool {
        self.values += new;
        if self.values > MAX_VALUES {
            self.problem(Code::Limit, &item.span, format!("the document has more than {MAX_VALUES} values"));
            return false;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (item.clone(), values));
        }
        match self.open.last_mut() {
            Some(open) => open.items.push(item),
            None => self.root = Some(item),
        }
        true
    }

    fn problem(&mut self, code: Code, span: &Span, message: String) {
        self.problems.push(Diagnostic::error(code, span.clone(), message));
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::List(items) => 1 + items.iter().map(|i| count(&i.value)).sum::<usize>(),
        Value::Map(pairs) => 1 + pairs.iter().map(|(_, i)| 1 + count(&i.value)).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Plain(_) => 1,
    }
}
