//! How a tree is looked at: values, lists, maps and keys, all of them places in it.

use super::{Form, Node, Place, Span, Tree};

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'t> {
    tree: &'t Tree<'t>,
    at: u32,
}

/// A value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'t> {
    /// Nothing.
    Null,
    /// A boolean of JSON or TOML.
    Bool(bool),
    /// A number of JSON or TOML, as written.
    Number(&'t str),
    /// Text that is certainly text: quoted, a block, or a string of JSON or TOML.
    Text(&'t str),
    /// A plain scalar of YAML.
    Plain(&'t str),
    /// A list.
    List(List<'t>),
    /// A map in the order of the source, duplicates included.
    Map(Map<'t>),
}

/// The entries of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List<'t>(Inner<'t>);

/// The pairs of a map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map<'t>(Inner<'t>);

/// A key of a map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'t> {
    /// Its text.
    pub(crate) text: &'t str,
    item: Item<'t>,
}

impl<'t> Item<'t> {
    /// The value with a number, which must be there.
    pub(super) fn new(tree: &'t Tree<'t>, at: u32) -> Item<'t> {
        Item { tree, at }
    }

    fn node(self) -> &'t Node {
        &self.tree.nodes[self.at as usize]
    }

    /// The number of nodes in it, itself included.
    pub(super) fn size(self) -> u32 {
        let node = self.node();
        if matches!(node.form, Form::List | Form::Map) { node.more } else { 1 }
    }

    /// Where it stands.
    pub(crate) fn span(self) -> Span {
        let node = self.node();
        node.start as usize..node.end as usize
    }

    fn text(self) -> &'t str {
        let (node, span) = (self.node(), self.span());
        match node.text {
            Place::Bare => self.tree.source.get(span).unwrap_or_default(),
            Place::Quoted => self.tree.source.get(span.start + 1..span.end - 1).unwrap_or_default(),
            Place::Kept => self.tree.kept.get(node.more as usize).map_or("", |text| text),
        }
    }

    /// Its value.
    pub(crate) fn value(self) -> Value<'t> {
        match self.node().form {
            Form::Null => Value::Null,
            Form::False => Value::Bool(false),
            Form::True => Value::Bool(true),
            Form::Number => Value::Number(self.text()),
            Form::Text => Value::Text(self.text()),
            Form::Plain => Value::Plain(self.text()),
            Form::List => Value::List(List(self.inner())),
            Form::Map => Value::Map(Map(self.inner())),
        }
    }

    /// What it is, for messages.
    #[must_use]
    pub(crate) fn kind(self) -> &'static str {
        match self.node().form {
            Form::Null => "nothing",
            Form::False | Form::True => "a boolean",
            Form::Number => "a number",
            Form::Text => "a text",
            Form::Plain if self.is_null() => "nothing",
            Form::Plain => "a plain value",
            Form::List => "a list",
            Form::Map => "a map",
        }
    }

    /// True for nothing: null, or a plain scalar that means it.
    #[must_use]
    pub(crate) fn is_null(self) -> bool {
        match self.node().form {
            Form::Null => true,
            Form::Plain => matches!(self.text(), "" | "~" | "null"),
            Form::False | Form::True | Form::Number | Form::Text | Form::List | Form::Map => false,
        }
    }

    /// What is in it, directly.
    fn inner(self) -> Inner<'t> {
        Inner { tree: self.tree, next: self.at + 1, end: self.at + self.size() }
    }
}

/// What is in a list or map, directly: entries, or keys and values in turn.
#[derive(Clone, Copy, Debug)]
struct Inner<'t> {
    tree: &'t Tree<'t>,
    next: u32,
    end: u32,
}

impl<'t> Inner<'t> {
    const NONE: Inner<'static> = Inner { tree: &Tree::NONE, next: 0, end: 0 };

    fn take(&mut self) -> Option<Item<'t>> {
        if self.next >= self.end {
            return None;
        }
        let item = Item { tree: self.tree, at: self.next };
        self.next += item.size();
        Some(item)
    }
}

impl<'t> List<'t> {
    /// No entry.
    pub(crate) const NONE: List<'static> = List(Inner::NONE);

    /// Its entries.
    pub(crate) fn iter(self) -> impl Iterator<Item = Item<'t>> {
        let mut inner = self.0;
        std::iter::from_fn(move || inner.take())
    }

    /// True without entries.
    pub(crate) fn is_empty(self) -> bool {
        self.0.next >= self.0.end
    }
}

impl<'t> Map<'t> {
    /// No pair.
    pub(crate) const NONE: Map<'static> = Map(Inner::NONE);

    /// Its pairs; one whose key is no text has been reported, and is none.
    pub(crate) fn iter(self) -> impl Iterator<Item = (Key<'t>, Item<'t>)> {
        let mut inner = self.0;
        std::iter::from_fn(move || {
            loop {
                let (key, value) = (inner.take()?, inner.take()?);
                if matches!(key.node().form, Form::Text | Form::Plain) {
                    return Some((Key { text: key.text(), item: key }, value));
                }
            }
        })
    }

    /// Its keys, those that are no texts included.
    pub(crate) fn keys(self) -> impl Iterator<Item = Item<'t>> {
        let mut inner = self.0;
        std::iter::from_fn(move || {
            let key = inner.take();
            inner.take();
            key
        })
    }
}

impl Key<'_> {
    /// Where it stands.
    pub(crate) fn span(&self) -> Span {
        self.item.span()
    }
}

/// Equality of keys, most of which differ in length or in the first letter.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.as_bytes().first() == b.as_bytes().first() && a == b
}
