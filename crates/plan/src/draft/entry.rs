//! A task as a document has it: kept as it stands, with the little that is needed before names are known.
//!
//! It is read whole when it is wanted, because a million drafts are large.

use super::{Spanned, start};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::{self, Fields};
use crate::tree::{Item, Span, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// How entries of a document are read: those of a plan, of a request, of a batch.
#[derive(Clone, Debug)]
pub(crate) enum Entries {
    Tasks,
    Calls,
    Commands {
        /// For those that name none.
        shell: String,
    },
}

/// A task before names are looked up. It is read when it is wanted, because a million drafts are large.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'t> {
    pub(crate) item: Item<'t>,
    /// Its id; empty if it has none.
    pub(crate) id: &'t str,
    /// What few entries have.
    pub(crate) rare: Option<Box<Rare>>,
}

/// What is kept of few entries.
#[derive(Clone, Debug)]
pub(crate) struct Rare {
    pub(crate) matrix: Matrix,
    /// What it maps over, and how many items that may be at most.
    pub(crate) map: Option<Map>,
    /// Keys whose feature is not built yet.
    pub(crate) unbuilt: Vec<String>,
}

/// A map over a list, as given.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    pub(crate) over: Spanned<Json>,
    pub(crate) max_items: Option<Spanned<u64>>,
}

/// Values by axis.
pub(crate) type Matrix = BTreeMap<String, Vec<String>>;

impl Entry<'_> {
    /// Where its id stands, or where it begins.
    pub(crate) fn id_span(&self) -> Span {
        Fields::of(self.item).get("id").map_or_else(|| start(self.item), Item::span)
    }
}

/// The matrix of a task.
pub(super) fn matrix(f: Fields<'_>, problems: &mut Problems) -> Matrix {
    let mut axes = BTreeMap::new();
    for (key, item) in f.inside("matrix").pairs() {
        let values = match item.value() {
            Value::List(items) => items.iter().filter_map(fields::text).collect::<Vec<String>>(),
            _ => vec![],
        };
        if matches!(item.value(), Value::List(items) if items.is_empty()) {
            let message = format!("axis `{}` of the matrix has no values", key.text);
            problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
        }
        axes.insert(key.text.to_owned(), values);
    }
    axes
}
