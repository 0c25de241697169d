//! One tree for all formats: scalars, lists and maps with the byte spans they came from.
//!
//! Knows no keys and no types: a plain scalar is typed only where a field asks. Depth is bounded by the readers.

use std::ops::Range;

/// Nesting deeper than this is refused.
pub(crate) const MAX_DEPTH: usize = 64;
/// A document may expand to this many values.
pub(crate) const MAX_VALUES: usize = 40_000_000;

/// A byte range of the source.
pub(crate) type Span = Range<usize>;

/// A value and where it stands.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Item {
    /// Where it stands.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) value: Value,
}

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    /// Nothing.
    Null,
    /// A boolean of JSON or TOML.
    Bool(bool),
    /// A number of JSON or TOML, as written.
    Number(String),
    /// Text that is certainly text: quoted, a block, or a string of JSON or TOML.
    Text(String),
    /// A plain scalar of YAML.
    Plain(String),
    /// A list.
    List(Vec<Item>),
    /// A map in the order of the source, duplicates included.
    Map(Vec<(Key, Item)>),
}

/// A key of a map.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Key {
    /// Where it stands.
    pub(crate) span: Span,
    /// Its text.
    pub(crate) text: String,
}

impl Item {
    /// What it is, for messages.
    #[must_use]
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::Plain(_) if self.is_null() => "nothing",
            Value::Plain(_) => "a plain value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// True for nothing: null, or a plain scalar that means it.
    #[must_use]
    pub(crate) fn is_null(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::Plain(text) => matches!(text.as_str(), "" | "~" | "null"),
            Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => false,
        }
    }
}
