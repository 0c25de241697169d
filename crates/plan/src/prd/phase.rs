//! Reads one phase file: its headings, what it depends on, makes and must fulfil.
//!
//! Other sections are for the agent, whose prompt is the whole file. Knows no other phase.

use super::needs::{Misread, read as read_needs};
use super::part::Part;
use super::{Phase, PhaseFile, name_of};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::epic::readable;
use crate::prose::hours::estimate_ms;
use crate::prose::naming::naming;
use crate::prose::{Block, Kind, blocks};
use crate::tree::Span;
use std::collections::BTreeMap;

/// Reads a phase; none if it cannot be told which one it is.
pub(super) fn read(file: &PhaseFile, problems: &mut Problems) -> Option<Phase> {
    let (number, id) = name_of(&file.name).or_else(|| {
        let message = format!("`{}` is not called `phase-N-name.md`", file.name.escape_debug());
        let help = "N is a whole number; the name is of A-Z a-z 0-9 . _ -";
        problems.push(Diagnostic::error(Code::BadId, 0..0, message).help(help));
        None
    })?;
    let bytes = file.bytes.as_ref().map_err(|why| {
        let message = format!("the phase cannot be read: {why}");
        let help = "a phase is a plain file of at most 4 MiB; call what is none something else";
        problems.push(Diagnostic::error(Code::BadValue, 0..0, message).help(help));
    });
    let source = readable(bytes.ok()?, problems)?;
    let phase = Phase { number, id, ..Phase::default() };
    let mut reader =
        Reader { source, phase, problems, open: Vec::new(), stated: BTreeMap::new(), titled: false };
    let blocks = blocks(source);
    blocks.iter().for_each(|block| reader.block(block));
    Some(reader.finish())
}

struct Reader<'a> {
    source: &'a str,
    phase: Phase,
    problems: &'a mut Problems,
    /// Open headings with what stands below them.
    open: Vec<(u8, Part)>,
    /// Parts that were met, with their first place.
    stated: BTreeMap<Part, Span>,
    titled: bool,
}

impl Reader<'_> {
    fn error(&mut self, code: Code, span: &Span, message: String) -> &mut Diagnostic {
        self.problems.push(Diagnostic::error(code, span.clone(), message));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    fn block(&mut self, block: &Block) {
        match &block.kind {
            Kind::Heading(level) => self.heading(block, *level),
            Kind::Meta => {}
            Kind::Item(_) | Kind::Text | Kind::Cell | Kind::Fence(..) => {
                let part = self.open.last().map_or(Part::Free, |(_, part)| *part);
                if matches!(part, Part::Free | Part::Time | Part::Needs) && self.bold(block) {
                    return;
                }
                self.below(part, block);
            }
        }
    }

    fn heading(&mut self, block: &Block, level: u8) {
        self.open.retain(|(open, _)| *open < level);
        let line = block.line();
        if level == 1 {
            self.title(&line, &block.span);
            return self.open.push((1, Part::Free));
        }
        let (label, rest) = line.split_once(':').unwrap_or((&line, ""));
        let part = Part::of(&label.trim().to_lowercase());
        let within = self.open.last().map_or(Part::Free, |(_, part)| *part);
        // Below a part that is read, a heading that is not known is a part of its own.
        let part = if part == Part::Free && within == Part::Outputs { Part::Free } else { part };
        self.open.push((level, part));
        if part != Part::Free {
            self.begin(part, &block.span);
        }
        if !rest.trim().is_empty() {
            let at = self.place_of(rest.trim(), &block.span);
            self.value(part, rest.trim(), &at);
        }
    }

    /// `# Phase N: Name`.
    fn title(&mut self, line: &str, span: &Span) {
        if self.titled {
            self.error(Code::DuplicateKey, span, "the phase has a second title".to_owned());
            return;
        }
        self.titled = true;
        self.phase.place = span.clone();
        let said = line.strip_prefix("Phase ").and_then(|rest| rest.split_once(':'));
        let Some((number, title)) =
            said.and_then(|(n, title)| Some((n.trim().parse::<u32>().ok()?, title.trim())))
        else {
            let help = format!("write `# Phase {}: Name`", self.phase.number);
            self.error(Code::BadValue, span, format!("`{line}` is no title of a phase")).help = Some(help);
            return;
        };
        title.clone_into(&mut self.phase.title);
        if number != self.phase.number {
            let message =
                format!("the title says phase {number}, the file is called phase {}", self.phase.number);
            self.error(Code::BadValue, span, message);
        }
    }

    /// `**Dependencies**: 1, 2`, a line of its own or one of several, where nothing else is listed; true if the block
    /// begins with such a label.
    fn bold(&mut self, block: &Block) -> bool {
        let labels = labels(block, self.source);
        if labels.first().is_none_or(|(_, label, _)| label.start > block.span.start + 2) {
            return false;
        }
        let known = |part: Part| matches!(part, Part::Needs | Part::Time);
        if !labels.iter().any(|(part, _, _)| known(*part)) {
            return false;
        }
        for (part, label, value) in labels.into_iter().filter(|(part, _, _)| known(*part)) {
            let text = self.source.get(value.clone()).unwrap_or_default();
            self.begin(part, &(label.start..value.end));
            self.value(part, text, &value);
        }
        true
    }

    /// Each part stands once.
    fn begin(&mut self, part: Part, span: &Span) {
        if let Some(first) = self.stated.get(&part).cloned() {
            let message = format!("`{}` stands twice", part.name());
            self.error(Code::DuplicateKey, span, message).also.push((first, "first here".to_owned()));
        } else {
            self.stated.insert(part, span.clone());
        }
        if part == Part::Needs {
            self.phase.needs_place.get_or_insert_with(|| span.clone());
        }
    }

    fn below(&mut self, part: Part, block: &Block) {
        let (line, span) = (block.line(), block.span.clone());
        match part {
            Part::Free => {}
            Part::Time | Part::Needs => {
                let text = self.source.get(span.clone()).unwrap_or_default();
                self.value(part, text, &span);
            }
            Part::Outputs => {
                let found = naming(block, self.source);
                for file in found.files {
                    let message = format!("`{}` is in no list of files", file.path);
                    let help = "put it below `### Files to Create:`".to_owned();
                    self.error(Code::BadValue, &file.span, message).help = Some(help);
                }
            }
            Part::Creates | Part::Modifies => self.files(part, block, &line),
            Part::Criteria => {
                if matches!(block.kind, Kind::Item(_)) && !line.is_empty() {
                    self.phase.accept.push(line);
                } else {
                    let help = "write it as `- [ ] …`".to_owned();
                    self.error(Code::BadValue, &span, format!("`{line}` is no criterion")).help = Some(help);
                }
            }
        }
    }

    fn files(&mut self, part: Part, block: &Block, line: &str) {
        let found = naming(block, self.source);
        for doubt in &found.doubts {
            self.problems.push(doubt.problem(true));
        }
        if found.files.is_empty() && found.doubts.is_empty() {
            let nothing = ["none", "none.", "n/a"].contains(&line.to_lowercase().as_str());
            // What a list says about its last file may stand in paragraphs and lists of its own.
            let about = matches!(block.kind, Kind::Text | Kind::Cell) && !self.list(part).is_empty();
            if !nothing && !about {
                let help = "begin with the path: `- `src/name.ext` - what it is`".to_owned();
                self.error(Code::BadValue, &block.span, format!("`{line}` names no file")).help = Some(help);
            }
        }
        for file in found.files {
            let again = [&self.phase.creates, &self.phase.modifies];
            let first = again
                .into_iter()
                .flatten()
                .find(|(path, _)| *path == file.path)
                .map(|(_, span)| span.clone());
            if let Some(first) = first {
                let message = format!("`{}` stands twice", file.path);
                self.error(Code::DuplicateKey, &file.span, message)
                    .also
                    .push((first, "first here".to_owned()));
                continue;
            }
            self.list(part).push((file.path, file.span));
        }
    }

    fn list(&mut self, part: Part) -> &mut Vec<(String, Span)> {
        if part == Part::Creates { &mut self.phase.creates } else { &mut self.phase.modifies }
    }

    /// The value of a part, behind its label or below its heading.
    fn value(&mut self, part: Part, text: &str, span: &Span) {
        match part {
            Part::Time => match estimate_ms(text) {
                Some(ms) if self.phase.estimate_ms.is_none() => self.phase.estimate_ms = Some(ms),
                _ => {
                    let help = "write `3 hours` or `45 minutes`".to_owned();
                    let text = text.trim();
                    self.error(Code::BadValue, span, format!("`{text}` is no estimated time")).help =
                        Some(help);
                }
            },
            Part::Needs => {
                let (found, misread) = read_needs(text, span.start);
                self.phase.needs.extend(found);
                for Misread { span, text } in misread {
                    let help = "write `Phase 1 (name), Phase 2`, `Phases 1-3`, `All previous phases (1-4)` or `None`";
                    let message = format!("the dependency `{text}` is not understood");
                    self.error(Code::BadValue, &span, message).help = Some(help.to_owned());
                }
            }
            Part::Free => {}
            Part::Outputs | Part::Creates | Part::Modifies | Part::Criteria => {
                let message = format!("`{text}` stands behind `{}`, where nothing is read", part.name());
                let help = "write it as a list below the heading".to_owned();
                self.error(Code::BadValue, span, message).help = Some(help);
            }
        }
    }

    /// Where a text stands in a block.
    fn place_of(&self, text: &str, span: &Span) -> Span {
        let block = self.source.get(span.clone()).unwrap_or_default();
        match block.rfind(text) {
            Some(at) => span.start + at..span.start + at + text.len(),
            None => span.clone(),
        }
    }

    fn finish(mut self) -> Phase {
        if !self.titled {
            let help = format!("write `# Phase {}: Name`", self.phase.number);
            self.error(Code::MissingKey, &(0..0), "the phase has no title".to_owned()).help = Some(help);
        }
        if !self.stated.contains_key(&Part::Needs) {
            let message = "the phase does not say what it depends on: it may begin at once";
            let help = "write `## Dependencies: None`, or the phases";
            let place = self.phase.place.clone();
            self.problems.push(Diagnostic::warning(Code::MissingKey, place, message).help(help));
        }
        self.phase
    }
}

/// Labels in bold at the beginning of a line: what each names, where it stands, and where its value.
fn labels(block: &Block, source: &str) -> Vec<(Part, Span, Span)> {
    let mut found: Vec<(Part, Span, Span)> = Vec::new();
    let bolds = block.pieces.iter().filter(|piece| piece.bold && !piece.code);
    for piece in bolds {
        let before = source.get(block.span.start..piece.span.start).unwrap_or_default().trim_end_matches('*');
        let begins = before.is_empty() || before.trim_end_matches([' ', '\t']).ends_with('\n');
        let rest = source.get(piece.span.end..block.span.end).unwrap_or_default();
        let text = rest.trim_start_matches(['*', ':', ' ']);
        let colon = piece.text.trim_end().ends_with(':')
            || rest.trim_start_matches('*').trim_start().starts_with(':');
        let part = Part::of(&piece.text.trim().trim_end_matches(':').trim().to_lowercase());
        if !begins || !colon && part == Part::Free {
            continue;
        }
        if let Some((_, _, last)) = found.last_mut() {
            let told = source.get(last.start..piece.span.start).unwrap_or_default();
            last.end = last.start + told.trim_end_matches('*').trim_end().len();
        }
        found.push((part, piece.span.clone(), block.span.end - text.len()..block.span.end));
    }
    found
}
