//! Phases of a product requirements document (formats 7) into a plan: one task for each phase.
//!
//! ```text
//! phase files --phase::read--> Phase, problems --whole::check--> edges --sheet::plan--> a plan
//! ```
//! What is not understood is an error with its file and line; all problems at once; nothing is ignored. Knows no disk.

pub(crate) mod needs;
mod part;
mod phase;
mod sheet;
mod whole;

pub use sheet::plan_of_prd;

use crate::analysis::Helper;
use crate::diagnostic::{Diagnostic, Severity};
use crate::ids::is_id;
use crate::render::{self, Fact};
use crate::tree::Span;
use std::collections::BTreeSet;

/// A phase file that is handed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PhaseFile {
    /// Its name, without directories.
    pub name: String,
    /// As it is shown in problems.
    pub shown: String,
    /// What is in it, or why it cannot be read.
    pub bytes: Result<Vec<u8>, String>,
}

/// All phases, and every problem.
#[derive(Clone, Debug)]
pub struct Prd {
    /// The phases that could be read, by number.
    pub(crate) phases: Vec<Phase>,
    /// Numbers of those that could not: they exist.
    pub(crate) unread: BTreeSet<u32>,
    /// Each file with its problems.
    files: Vec<Read>,
}

/// A file as read.
#[derive(Clone, Debug)]
struct Read {
    shown: String,
    source: String,
    problems: Vec<Diagnostic>,
}

/// A phase.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Phase {
    /// Its file, as a place in [`Prd::files`].
    pub(crate) file: usize,
    pub(crate) number: u32,
    /// Where its heading stands.
    pub(crate) place: Span,
    /// The name of its file without the extension: the id of its task.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) estimate_ms: Option<u64>,
    pub(crate) needs: Vec<(needs::Need, Span)>,
    /// Where it says what it depends on.
    pub(crate) needs_place: Option<Span>,
    pub(crate) creates: Vec<(String, Span)>,
    pub(crate) modifies: Vec<(String, Span)>,
    pub(crate) accept: Vec<String>,
    /// Numbers of the phases that it depends on, once they were looked up.
    pub(crate) after: BTreeSet<u32>,
}

/// A problem with the file that it is in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FiledFact {
    /// The file.
    pub file: String,
    /// The problem.
    pub fact: Fact,
}

impl Prd {
    /// All problems as text, file by file.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        self.files.iter().map(|f| render::render(&f.problems, (&f.shown, &f.source), color)).collect()
    }

    /// All problems as facts.
    #[must_use]
    pub fn facts(&self) -> Vec<FiledFact> {
        let of = |f: &Read| {
            let facts = render::facts(&f.problems, &f.source).into_iter();
            facts.map(|fact| FiledFact { file: f.shown.clone(), fact }).collect::<Vec<_>>()
        };
        self.files.iter().flat_map(of).collect()
    }

    /// The number of errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        let problems = self.files.iter().flat_map(|f| &f.problems);
        problems.filter(|p| p.severity == Severity::Error).count()
    }

    /// The number of phases that could be read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.phases.len()
    }

    /// True if no phase could be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.phases.is_empty()
    }
}

/// Reads all phases. The order in which they are handed in means nothing.
#[must_use]
pub fn prd(files: &[PhaseFile]) -> Prd {
    let mut files: Vec<&PhaseFile> = files.iter().collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let mut prd = Prd { phases: Vec::new(), unread: BTreeSet::new(), files: Vec::new() };
    for (place, file) in files.into_iter().enumerate() {
        let mut problems = Vec::new();
        let phase = phase::read(file, &mut problems);
        if phase.is_none() {
            prd.unread.extend(name_of(&file.name).map(|(number, _)| number));
        }
        prd.phases.extend(phase.map(|phase| Phase { file: place, ..phase }));
        let source = String::from_utf8_lossy(file.bytes.as_deref().unwrap_or_default()).into_owned();
        prd.files.push(Read { shown: file.shown.clone(), source, problems });
    }
    prd.phases.sort_by_key(|phase| (phase.number, phase.file));
    whole::check(&mut prd);
    for file in &mut prd.files {
        file.problems.sort_by_key(|p| (p.span.start, p.code));
    }
    prd
}

/// Number and id of `phase-3-login.md`.
fn name_of(name: &str) -> Option<(u32, String)> {
    let stem = name.strip_suffix(".md")?;
    let (number, slug) = stem.strip_prefix("phase-")?.split_once('-')?;
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    (digits && !slug.is_empty() && is_id(stem)).then_some(())?;
    Some((number.parse().ok()?, stem.to_owned()))
}

/// True for a name that a phase file may have: whoever calls a file so means one.
#[must_use]
pub fn is_phase_name(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with("phase") && name.to_ascii_lowercase().ends_with(".md")
}

#[cfg(test)]
mod tests;
