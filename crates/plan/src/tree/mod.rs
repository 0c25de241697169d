//! One tree for all formats: scalars, lists and maps with the byte spans they came from.
//!
//! ```text
//! { "id": "a", "needs": ["b"] }   ->   map(6)  "id"  "a"  "needs"  list(2)  "b"
//! ```
//! All values lie in one array, each before what is in it, and a text is a place of the source unless the source writes
//! it in another way. So a million tasks are a few allocations. Knows no keys and no types: a plain scalar is typed only
//! where a field asks. Depth is bounded by the readers.

mod item;

pub(crate) use item::{Item, Key, List, Map, Value, same};

use std::borrow::Cow;
use std::ops::Range;

/// Nesting deeper than this is refused.
pub(crate) const MAX_DEPTH: usize = 64;
/// A document may expand to this many values.
pub(crate) const MAX_VALUES: usize = 40_000_000;

/// A byte range of the source.
pub(crate) type Span = Range<usize>;

/// A document.
#[derive(PartialEq, Debug)]
pub(crate) struct Tree<'s> {
    source: &'s str,
    nodes: Vec<Node>,
    /// Texts that the source does not have as they are.
    kept: Vec<Box<str>>,
}

/// A value or a key.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Node {
    /// A span; a document has no more than 32 bits of bytes.
    start: u32,
    end: u32,
    /// Of a list or map: so many nodes are in it, itself included. Of a kept text: which.
    more: u32,
    form: Form,
    text: Place,
}

/// The forms of values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    Null,
    False,
    True,
    Number,
    Text,
    Plain,
    List,
    Map,
}

/// Where the text of a scalar is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// It is the span.
    Bare,
    /// It is the span without its first and last byte.
    Quoted,
    /// It is kept.
    Kept,
}

impl<'s> Tree<'s> {
    /// Nothing, of nothing.
    const NONE: Tree<'static> = Tree { source: "", nodes: Vec::new(), kept: Vec::new() };

    /// Nothing yet, of a source.
    pub(crate) fn new(source: &'s str) -> Tree<'s> {
        Tree { source, nodes: Vec::new(), kept: Vec::new() }
    }

    /// The whole document; `None` if nothing was added.
    pub(crate) fn root(&self) -> Option<Item<'_>> {
        self.item(0)
    }

    /// The number of the next value.
    pub(crate) fn next(&self) -> usize {
        self.nodes.len()
    }

    /// Adds a value without a text.
    pub(crate) fn add(&mut self, form: Form, span: &Span) {
        self.push(form, Place::Bare, (span, 1));
    }

    /// Adds a value with a text.
    pub(crate) fn add_text(&mut self, form: Form, span: &Span, text: Cow<'_, str>) {
        let at = |from: usize, to: usize| self.source.get(from..to) == Some(&*text);
        if at(span.start, span.end) {
            self.push(form, Place::Bare, (span, 1));
        } else if span.len() >= 2 && at(span.start + 1, span.end - 1) {
            self.push(form, Place::Quoted, (span, 1));
        } else {
            self.push(form, Place::Kept, (span, narrow(self.kept.len())));
            self.kept.push(text.into());
        }
    }

    /// Begins a list or map; what is added until [`Tree::close`] is in it.
    pub(crate) fn open(&mut self, form: Form, start: usize) -> usize {
        self.push(form, Place::Bare, (&(start..start), 1));
        self.nodes.len() - 1
    }

    /// Ends what [`Tree::open`] began.
    pub(crate) fn close(&mut self, opened: usize, end: usize) {
        let more = narrow(self.nodes.len() - opened);
        if let Some(node) = self.nodes.get_mut(opened) {
            (node.end, node.more) = (narrow(end), more);
        }
    }

    /// Adds a value once more, with all that is in it, at another place.
    pub(crate) fn copy(&mut self, of: usize, span: &Span) {
        let Some(item) = self.item(of) else { return };
        match item.value() {
            Value::Number(text) | Value::Text(text) | Value::Plain(text) => {
                let (form, text) = (self.nodes[of].form, Box::from(text));
                self.push(form, Place::Kept, (span, narrow(self.kept.len())));
                self.kept.push(text);
            }
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => {
                let size = item.size() as usize;
                let from = self.nodes.len();
                self.nodes.extend_from_within(of..of + size);
                if let Some(node) = self.nodes.get_mut(from) {
                    (node.start, node.end) = (narrow(span.start), narrow(span.end));
                }
            }
        }
    }

    /// The value with a number.
    pub(crate) fn item(&self, number: usize) -> Option<Item<'_>> {
        (number < self.nodes.len()).then(|| Item::new(self, narrow(number)))
    }

    fn push(&mut self, form: Form, text: Place, (span, more): (&Span, u32)) {
        self.nodes.push(Node { start: narrow(span.start), end: narrow(span.end), more, form, text });
    }
}

/// Documents are bounded, so nothing is lost.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
