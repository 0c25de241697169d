//! The language as data: every key of every document, its type and what it means.
//!
//! One declaration, three readers: [`check`] judges documents by it, [`schema`] makes the JSON Schema of it, and
//! [`markdown`] the reference. Knows no values and no plan.

mod agent_keys;
mod check;
mod imported_keys;
mod later_keys;
mod markdown;
mod plan_keys;
mod scalars;
mod schema;
mod settings_keys;
mod task_keys;

pub(crate) use check::{What, check};
pub(crate) use imported_keys::{BATCH, REQUEST, SHELL_PARAMS};
pub use markdown::reference;
pub(crate) use plan_keys::PLAN;
pub use schema::{Document, schema};
pub(crate) use settings_keys::SETTINGS;

use crate::tree::{Value, same};

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// A text that is not empty, because it names something.
    Name,
    /// True or false.
    Flag,
    /// A whole number from .. to.
    Whole(u64, u64),
    /// A number that is not negative.
    Decimal,
    /// A number above 0 and at most 1, of at most three decimal places.
    Share,
    /// A duration such as `90s`.
    Duration,
    /// A size such as `64MiB`.
    Size,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// Any value.
    Free,
    /// A list.
    List(&'static Kind),
    /// A map with free keys, none of them empty.
    Map(&'static Kind),
    /// A map with known keys.
    Record(&'static Shape),
    /// One of several, told apart by their form: scalar, list or map.
    Either(&'static [Kind]),
}

/// A map with known keys.
#[derive(Debug)]
pub(crate) struct Shape {
    /// What one is called.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) doc: &'static str,
    /// Its keys.
    pub(crate) fields: &'static [Field],
    /// What to call a group of keys of which exactly one must be there, and the group.
    pub(crate) exactly_one: Option<(&'static str, &'static [&'static str])>,
}

/// A known key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Its name.
    pub(crate) key: &'static str,
    /// Other spellings.
    pub(crate) also: &'static [&'static str],
    /// What its value may be.
    pub(crate) kind: Kind,
    /// What it means; with its default.
    pub(crate) doc: &'static str,
    /// Must be there.
    pub(crate) required: bool,
    /// Checked, but a plan with it cannot run yet.
    pub(crate) later: bool,
}

/// A key that may be left out.
const fn key(key: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { key, also: &[], kind, doc, required: false, later: false }
}

impl Field {
    const fn required(self) -> Field {
        Field { required: true, ..self }
    }

    const fn later(self) -> Field {
        Field { later: true, ..self }
    }

    const fn also(self, also: &'static [&'static str]) -> Field {
        Field { also, ..self }
    }

    /// The key and its other spellings.
    pub(crate) fn spellings(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.key).chain(self.also.iter().copied())
    }
}

impl Shape {
    /// The field with this spelling.
    pub(crate) fn field(&self, spelling: &str) -> Option<&Field> {
        self.fields.iter().find(|f| same(f.key, spelling) || f.also.iter().any(|also| same(also, spelling)))
    }
}

/// The one of several kinds that has the form of a value.
pub(crate) fn fitting<'k>(among: &'k [Kind], value: Value<'_>) -> Option<&'k Kind> {
    among.iter().find(|kind| check::form(kind) == check::form_of(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn shapes() -> BTreeMap<&'static str, &'static Shape> {
        below(vec![&PLAN, &REQUEST, &BATCH, &SHELL_PARAMS, &SETTINGS])
    }

    fn below(mut open: Vec<&'static Shape>) -> BTreeMap<&'static str, &'static Shape> {
        let mut found = BTreeMap::new();
        while let Some(shape) = open.pop() {
            if let Some(other) = found.insert(shape.name, shape) {
                assert!(std::ptr::eq(other, shape), "two shapes are called `{}`", shape.name);
                continue;
            }
            let mut kinds: Vec<Kind> = shape.fields.iter().map(|f| f.kind).collect();
            while let Some(kind) = kinds.pop() {
                match kind {
                    Kind::Record(shape) => open.push(shape),
                    Kind::List(inner) | Kind::Map(inner) => kinds.push(*inner),
                    Kind::Either(among) => kinds.extend(among),
                    _ => {}
                }
            }
        }
        found
    }

    #[test]
    fn names_of_shapes_and_spellings_of_keys_are_unique_and_each_has_a_meaning() {
        for shape in shapes().values() {
            let mut seen = BTreeSet::new();
            for field in shape.fields {
                assert!(field.spellings().all(|s| seen.insert(s)), "{} {}", shape.name, field.key);
                assert!(!field.doc.is_empty() && !shape.doc.is_empty());
            }
            let (_, group) = shape.exactly_one.unwrap_or_default();
            assert!(group.iter().all(|k| shape.field(k).is_some()), "{}", shape.name);
        }
    }

    #[test]
    fn what_no_document_gathers_has_no_key_that_is_not_built() {
        // Of settings, and of parameters of `shell`, `run` would refuse none.
        for shape in below(vec![&SHELL_PARAMS, &SETTINGS]).values() {
            assert!(shape.fields.iter().all(|field| !field.later), "{}", shape.name);
        }
    }

    #[test]
    fn alternatives_are_told_apart_by_their_form() {
        for shape in shapes().values() {
            for field in shape.fields {
                let Kind::Either(among) = field.kind else { continue };
                let forms: BTreeSet<u8> = among.iter().map(check::form).collect();
                assert_eq!(forms.len(), among.len(), "{} {}", shape.name, field.key);
            }
        }
    }
}
