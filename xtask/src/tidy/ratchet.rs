//! Known exceptions to the size limits; they may shrink and vanish, never grow.
//!
//! It knows names and numbers out of `xtask/ratchet.json`, not how a size is counted.

use super::finding::Finding;
use super::tree::{Tree, line_at};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const PATH: &str = "xtask/ratchet.json";

/// Allowed sizes above the limit, by `path` for files and `path::function` for functions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ratchet {
    file_lines: BTreeMap<String, usize>,
    function_lines: BTreeMap<String, usize>,
}

/// What is measured; each kind has its own part of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    File,
    Function,
}

impl Kind {
    const fn noun(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Function => "function",
        }
    }
}

/// One measured size; several functions of one name in a file share a key, the largest counts.
pub(crate) struct Measure {
    pub(crate) kind: Kind,
    pub(crate) key: String,
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
    pub(crate) limit: usize,
}

impl Ratchet {
    /// The file of exceptions, which must exist and be exact.
    pub(crate) fn read(tree: &Tree) -> Result<Self, String> {
        let file = tree.get(PATH).ok_or_else(|| format!("{PATH} is missing"))?;
        serde_json::from_str(&file.text).map_err(|error| format!("{PATH}: {error}"))
    }

    fn allowed(&self, kind: Kind, key: &str) -> Option<usize> {
        self.part(kind).get(key).copied()
    }

    const fn part(&self, kind: Kind) -> &BTreeMap<String, usize> {
        match kind {
            Kind::File => &self.file_lines,
            Kind::Function => &self.function_lines,
        }
    }

    /// Sizes over their limit without an exception, and exceptions that are too generous or no longer needed.
    pub(crate) fn check(&self, tree: &Tree, measures: &[Measure]) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            measures.iter().filter_map(|measure| self.too_long(measure)).collect();
        let text = tree.get(PATH).map_or("", |file| file.text.as_str());
        let mut largest: BTreeMap<(Kind, &str), &Measure> = BTreeMap::new();
        for measure in measures {
            let entry = largest.entry((measure.kind, measure.key.as_str())).or_insert(measure);
            if measure.lines > entry.lines {
                *entry = measure;
            }
        }
        let kinds = BTreeSet::from([Kind::File, Kind::Function]);
        for (kind, (key, allowed)) in
            kinds.iter().flat_map(|kind| self.part(*kind).iter().map(move |e| (*kind, e)))
        {
            let message = match largest.get(&(kind, key.as_str())) {
                None => format!("`{key}` does not exist"),
                Some(measure) if measure.lines <= measure.limit => {
                    format!("`{key}` has {} lines and needs no exception", measure.lines)
                }
                Some(measure) if measure.lines < *allowed => {
                    format!("`{key}` has shrunk from {allowed} to {} lines", measure.lines)
                }
                Some(_) => continue,
            };
            let line = text.find(&format!("\"{key}\"")).map_or(0, |at| line_at(text, at));
            let hint = "lower the number or remove the line, so that it cannot grow back";
            findings.push(Finding { path: PATH.to_owned(), line, rule: "ratchet", message, hint });
        }
        findings
    }

    fn too_long(&self, measure: &Measure) -> Option<Finding> {
        let limit = self.allowed(measure.kind, &measure.key).unwrap_or(measure.limit);
        (measure.lines > limit).then(|| Finding {
            path: measure.path.clone(),
            line: measure.line,
            rule: "size",
            message: format!(
                "{} `{}` has {} lines, limit {limit}",
                measure.kind.noun(),
                measure.key,
                measure.lines
            ),
            hint: "split it where the subject changes",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::messages;
    use super::*;

    fn found(lines: usize, ratchet: &str) -> Vec<String> {
        let tree = Tree::of(&[(PATH, ratchet)]);
        let measure = Measure {
            kind: Kind::File,
            key: "a.rs".to_owned(),
            path: "a.rs".to_owned(),
            line: 0,
            lines,
            limit: 10,
        };
        messages(&Ratchet::read(&tree).unwrap().check(&tree, &[measure]))
    }

    #[test]
    fn a_size_over_the_limit_needs_an_exception() {
        let none = r#"{"file_lines": {}, "function_lines": {}}"#;
        assert_eq!(found(10, none), [""; 0]);
        assert_eq!(found(11, none), ["a.rs:0: file `a.rs` has 11 lines, limit 10"]);
    }

    #[test]
    fn an_exception_never_grows_and_never_stays_too_wide() {
        let twelve = "{\"file_lines\": {\n\"a.rs\": 12}, \"function_lines\": {}}";
        assert_eq!(found(12, twelve), [""; 0]);
        assert_eq!(found(13, twelve), ["a.rs:0: file `a.rs` has 13 lines, limit 12"]);
        assert_eq!(found(11, twelve), ["xtask/ratchet.json:2: `a.rs` has shrunk from 12 to 11 lines"]);
        assert_eq!(found(9, twelve), ["xtask/ratchet.json:2: `a.rs` has 9 lines and needs no exception"]);
        let gone = r#"{"file_lines": {}, "function_lines": {"b.rs::f": 80}}"#;
        assert_eq!(found(1, gone), ["xtask/ratchet.json:1: `b.rs::f` does not exist"]);
    }
}
