//! Values that somebody declared to be secret, found in all their forms by one automaton.
//!
//! Holds the values; shows none of them, also not when printed.

use crate::encode::{Edge, forms};
use crate::span::{Span, rank};
use aho_corasick::{AhoCorasick, MatchKind};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;

/// A shorter value is not looked for: it would be found by chance.
pub const MIN_DECLARED_BYTES: usize = 6;
/// Of a longer value only the beginning is looked for.
const MAX_DECLARED_BYTES: usize = 64 << 10;
/// A line of a value of several lines that is looked for by itself.
const MIN_LINE_BYTES: usize = 12;

/// A declared value and what its marker says.
#[derive(Clone)]
pub struct Value {
    /// Where it comes from, for instance `vault.gh`; of the grammar of ids.
    pub name: String,
    /// The secret.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Value").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All declared values.
pub(crate) struct Declared {
    automaton: AhoCorasick,
    /// Name and edges of each form.
    of_form: Vec<(usize, Edge)>,
    names: Vec<String>,
    /// Every form, to tell what could still become one.
    forms: BTreeSet<Vec<u8>>,
    longest: usize,
}

impl fmt::Debug for Declared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Declared").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Declared {
    /// `None` if no value is long enough. Of two equal values the first names the marker.
    pub(crate) fn new(values: &[Value]) -> Option<Declared> {
        let mut all: BTreeMap<Vec<u8>, (usize, Edge)> = BTreeMap::new();
        let mut names = Vec::new();
        for value in values {
            let bytes = &value.bytes[..value.bytes.len().min(MAX_DECLARED_BYTES)];
            let mut of_value = BTreeMap::new();
            for part in parts(bytes) {
                forms(part, &mut of_value);
            }
            for (form, edge) in of_value {
                all.entry(form).or_insert((names.len(), edge));
            }
            names.push(value.name.clone());
        }
        let forms: BTreeSet<Vec<u8>> = all.keys().cloned().collect();
        let longest = forms.iter().map(Vec::len).max()?;
        let automaton =
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(all.keys()).ok()?;
        Some(Declared { automaton, of_form: all.into_values().collect(), names, forms, longest })
    }

    /// Adds what is found.
    pub(crate) fn find<'a>(&'a self, text: &[u8], spans: &mut Vec<Span<'a>>) {
        for found in self.automaton.find_iter(text) {
            let (name, edge) = self.of_form[found.pattern().as_usize()];
            let of_base64 = |b: &u8| b.is_ascii_alphanumeric() || b"+/-_".contains(b);
            let (mut start, mut end) = (found.start(), found.end());
            if edge.before && start > 0 && of_base64(&text[start - 1]) {
                start -= 1;
            }
            if edge.after && text.get(end).is_some_and(of_base64) {
                end += 1;
                end += text[end..].iter().take(2).take_while(|b| **b == b'=').count();
            }
            spans.push(Span::new(start, end, self.names[name].as_str(), rank::DECLARED));
        }
    }

    /// Whether a value stands in `text`.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        self.automaton.is_match(text)
    }

    /// How many bytes at the end of `text` could become a value with what follows.
    pub(crate) fn could_become(&self, text: &[u8]) -> usize {
        let most = text.len().min(self.longest - 1);
        let begins = |tail: &[u8]| {
            let next = self.forms.range::<[u8], _>((Bound::Included(tail), Bound::Unbounded)).next();
            next.is_some_and(|form| form.starts_with(tail))
        };
        (1..=most).rev().find(|n| begins(&text[text.len() - n..])).unwrap_or(0)
    }
}

/// A value, without the newline that a file ends with, and its lines if it has several.
fn parts(bytes: &[u8]) -> Vec<&[u8]> {
    let trimmed = bytes.trim_ascii();
    if trimmed.len() < MIN_DECLARED_BYTES {
        return Vec::new();
    }
    let mut parts = vec![trimmed];
    if trimmed.contains(&b'\n') {
        let lines = trimmed.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
        parts.extend(lines.filter(|line| line.len() >= MIN_LINE_BYTES && !line.starts_with(b"-----")));
    }
    parts
}
