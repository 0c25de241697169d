//! Reads the blocks of a task list into sections, files and criteria.
//!
//! A heading opens a section and ends those of its depth and deeper. One that names a file belongs to the section around it,
//! and what stands below is said about that file.

use super::about::{domain_of_heading, front_matter, is_task};
use super::{Epic, Reading, Section};
use crate::diagnostic::{Code, Diagnostic};
use crate::domains::OTHER;
use crate::prose::hours::estimate_ms;
use crate::prose::naming::{Naming, mentions, naming};
use crate::prose::{Block, Kind};
use crate::tree::Span;
use std::collections::BTreeSet;

/// Below these headings stand criteria.
const CRITERIA: &[&str] = &["acceptance criteria", "success criteria", "definition of done", "acceptance"];
/// Below these headings files are spoken of, not worked on.
const ASIDE: &[&str] =
    &["references", "related documents", "related", "see also", "out of scope", "non-goals", "links"];
/// What is said about a file below its heading is kept up to so many characters.
const MAX_NOTE_CHARS: usize = 300;

/// Where the reader is.
struct Reader<'a> {
    source: &'a str,
    reading: Reading<'a>,
    epic: &'a mut Epic,
    /// Open headings: their level, section, and what they make of what stands below.
    open: Vec<(u8, usize, Below)>,
    mentions: Vec<(String, Span)>,
}

/// What stands below a heading.
#[derive(Clone, PartialEq, Eq)]
enum Below {
    Work,
    Criteria,
    Aside,
    /// Said about these files.
    About(Vec<String>),
}

/// Reads blocks into an epic.
pub(super) fn read(source: &str, blocks: &[Block], reading: Reading<'_>, epic: &mut Epic) {
    epic.sections.push(Section::default());
    let mut reader = Reader { source, reading, epic, open: Vec::new(), mentions: Vec::new() };
    for block in blocks {
        match block.kind {
            Kind::Meta => front_matter(source, &block.span, reader.epic),
            Kind::Heading(level) => reader.heading(block, level),
            Kind::Item(_) | Kind::Text | Kind::Cell | Kind::Fence(..) => reader.block(block),
        }
    }
    reader.finish();
}

impl Reader<'_> {
    fn here(&self) -> (usize, Below) {
        self.open.last().map_or((0, Below::Work), |(_, section, below)| (*section, below.clone()))
    }

    fn heading(&mut self, block: &Block, level: u8) {
        self.open.retain(|(open, _, _)| *open < level);
        let (section, below) = self.here();
        let title = block.line();
        let lower = title.trim_end_matches(':').to_lowercase();
        let naming = naming(block, self.source);
        if !naming.files.is_empty() && below == Below::Work {
            let paths = naming.files.iter().map(|file| file.path.clone()).collect();
            self.take(naming, section);
            self.open.push((level, section, Below::About(paths)));
            return;
        }
        if CRITERIA.contains(&lower.as_str()) {
            return self.open.push((level, section, Below::Criteria));
        }
        if ASIDE.contains(&lower.as_str()) || below == Below::Aside {
            return self.open.push((level, section, Below::Aside));
        }
        self.take(naming, section);
        let first = self.epic.sections.len() == 1 && self.epic.title.is_none();
        if level == 1 && first {
            self.epic.title = Some(title);
            return self.open.push((level, section, Below::Work));
        }
        // The title of the whole document says nothing of a part.
        let domain = if level > 1 { domain_of_heading(&title, self.reading.domains) } else { None };
        let domain =
            domain.or_else(|| self.epic.sections.get(section).and_then(|above| above.domain.clone()));
        let is_task = is_task(&title);
        self.epic.sections.push(Section { title, is_task, domain, ..Section::default() });
        self.open.push((level, self.epic.sections.len() - 1, Below::Work));
    }

    fn block(&mut self, block: &Block) {
        let (section, below) = self.here();
        match below {
            Below::Criteria if matches!(block.kind, Kind::Item(_)) => {
                let line = block.line();
                match self.epic.sections.get_mut(section).filter(|s| !s.title.is_empty()) {
                    Some(section) => section.accept.push(line),
                    None => self.epic.accept.push(line),
                }
                self.mentions.extend(mentions(block, self.source).mentions);
            }
            Below::Criteria | Below::Aside => self.mentions.extend(mentions(block, self.source).mentions),
            Below::Work | Below::About(_) => {
                if self.fact(block, section) {
                    return;
                }
                let naming = naming(block, self.source);
                let line = block.line();
                // A note is a line; what stands in the cells of a table is none.
                let says = naming.files.is_empty() && !line.is_empty() && block.kind != Kind::Cell;
                if let (Below::About(paths), true) = (&below, says) {
                    for path in paths {
                        self.note(path, &line);
                    }
                }
                self.take(naming, section);
            }
        }
    }

    /// `Domain: backend`, `Estimate: 2 hours`; true if the block was one.
    fn fact(&mut self, block: &Block, section: usize) -> bool {
        let line = block.line();
        let Some((label, value)) = line.split_once(':') else { return false };
        let Some(section) = self.epic.sections.get_mut(section) else { return false };
        match label.trim().to_lowercase().as_str() {
            "domain" => {
                let domain = self.reading.domains.meant(value).map(str::to_owned);
                if domain.is_none() {
                    let message = format!("`{}` is no domain; its files are of `{OTHER}`", value.trim());
                    let help = "`[domains]` in `.regatta/config.toml` adds domains";
                    let problem =
                        Diagnostic::warning(Code::UnknownName, block.span.clone(), message).help(help);
                    self.epic.problems.push(problem);
                }
                section.domain = Some(domain.unwrap_or_else(|| OTHER.to_owned()));
                true
            }
            "estimate" | "estimated time" | "effort" => {
                match estimate_ms(value) {
                    Some(ms) => {
                        section.estimate_ms = Some(section.estimate_ms.unwrap_or(0).saturating_add(ms));
                    }
                    None => {
                        let message = format!("`{}` is no time", value.trim());
                        let help = "write `3 hours` or `45 minutes`";
                        let problem =
                            Diagnostic::warning(Code::BadValue, block.span.clone(), message).help(help);
                        self.epic.problems.push(problem);
                    }
                }
                true
            }
            _ => false,
        }
    }

    fn take(&mut self, naming: Naming, section: usize) {
        for file in naming.files {
            let facts = self.epic.files.entry(file.path).or_default();
            if !facts.sections.contains(&section) {
                facts.sections.push(section);
            }
            if !file.note.is_empty() && !facts.notes.contains(&file.note) {
                facts.notes.push(file.note);
            }
        }
        let strict = self.reading.strict;
        self.epic.problems.extend(naming.doubts.iter().map(|doubt| doubt.problem(strict)));
        self.mentions.extend(naming.mentions);
    }

    fn note(&mut self, path: &str, line: &str) {
        let Some(facts) = self.epic.files.get_mut(path) else { return };
        let said: usize = facts.notes.iter().map(|note| note.chars().count()).sum();
        let note: String = line.chars().take(MAX_NOTE_CHARS.saturating_sub(said)).collect();
        if !note.is_empty() && !facts.notes.contains(&note) {
            facts.notes.push(note);
        }
    }

    /// What is only spoken of, and named nowhere, is told.
    fn finish(self) {
        let mut told: BTreeSet<&String> = BTreeSet::new();
        for (path, span) in &self.mentions {
            if self.epic.files.contains_key(path) || !told.insert(path) {
                continue;
            }
            let message = format!("`{path}` is spoken of, and no unit has it");
            let help = "give it a list item of its own if it is to be worked on";
            let problem = Diagnostic::warning(Code::BadValue, span.clone(), message).help(help);
            self.epic.problems.push(problem);
        }
    }
}
