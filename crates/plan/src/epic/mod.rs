//! The task list of an epic (formats 6): files under headings, in five spellings, with what is said about them.
//!
//! ```text
//! text --prose--> blocks --Reader--> sections, files, criteria, problems --> Epic
//! ```
//! Whatever looks like a file is taken or told, never dropped. Knows no domain rules beyond their names, and no disk.

mod about;
mod reader;

pub use about::epic_of_path;
pub(crate) use about::{Fate, fate, no_id, only_lists};

use crate::diagnostic::{Code, Diagnostic, Problems, Severity};
use crate::domains::Domains;
use crate::prose::{MAX_DOCUMENT_BYTES, blocks};
use crate::render::{self, Fact};
use std::collections::BTreeMap;

/// A task list as read.
#[derive(Clone, Debug)]
pub struct Epic {
    /// The epic's id, if the front matter has one.
    pub id: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Sections that name files, in order.
    pub sections: Vec<Section>,
    /// Each file that is named, with the sections that name it and what they say about it.
    pub files: BTreeMap<String, FileFacts>,
    /// Acceptance criteria that belong to no section.
    pub accept: Vec<String>,
    /// Every problem, in order of place.
    pub problems: Vec<Diagnostic>,
    name: String,
    source: String,
}

/// A heading with what stands below it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Section {
    /// The heading; empty for what stands before the first.
    pub title: String,
    /// It is the heading of a task, not of a list.
    pub is_task: bool,
    /// The domain that it says it is of, or that a heading above says.
    pub domain: Option<String>,
    /// Expected duration.
    pub estimate_ms: Option<u64>,
    /// Acceptance criteria.
    pub accept: Vec<String>,
}

/// What a task list says of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FileFacts {
    /// The sections that name it, as places in [`Epic::sections`], in order.
    pub sections: Vec<usize>,
    /// What they say about it.
    pub notes: Vec<String>,
}

/// How a task list is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The domains that headings may name.
    pub domains: &'a Domains,
    /// What may be a file and cannot be taken for one is an error, not a warning.
    pub strict: bool,
}

impl Epic {
    /// All problems as text.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        render::render(&self.problems, (&self.name, &self.source), color)
    }

    /// All problems as facts.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        render::facts(&self.problems, &self.source)
    }

    /// The number of errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|p| p.severity == Severity::Error).count()
    }
}

/// Reads a task list. `name` is shown in problems.
#[must_use]
pub fn epic((name, bytes): (&str, &[u8]), reading: Reading<'_>) -> Epic {
    let mut epic = Epic {
        id: None,
        title: None,
        sections: Vec::new(),
        files: BTreeMap::new(),
        accept: Vec::new(),
        problems: Vec::new(),
        name: name.to_owned(),
        source: String::from_utf8_lossy(bytes).into_owned(),
    };
    let Some(source) = readable(bytes, &mut epic.problems) else { return epic };
    reader::read(source, &blocks(source), reading, &mut epic);
    if epic.files.is_empty() && epic.problems.iter().all(|p| p.severity != Severity::Error) {
        let help = "a file is the beginning of a list item, a heading, bold, or a line of a code block";
        let message = "the task list names no file";
        epic.problems.push(Diagnostic::error(Code::MissingKey, 0..0, message).help(help));
    }
    epic.problems.sort_by_key(|p| (p.span.start, p.code));
    epic
}

/// The text of a document, if it can be read at all.
pub(crate) fn readable<'a>(bytes: &'a [u8], problems: &mut Problems) -> Option<&'a str> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        let message = format!("the document has {} bytes, more than 4 MiB", bytes.len());
        problems.push(Diagnostic::error(Code::Limit, 0..0, message));
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let at = error.valid_up_to();
            problems.push(Diagnostic::error(Code::Syntax, at..at, "the document is not UTF-8 here"));
            None
        }
    }
}

#[cfg(test)]
mod tests;
