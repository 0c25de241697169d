//! Which files a document names: backticked bullet, plain bullet, code fence, heading, bold.
//!
//! A name elsewhere, and what may be a name and may not, is told, never dropped. Knows neither epics nor phases.

use super::judged::{judged, judged_words};
use super::paths::{Look, look, without_lines};
use super::words::{Word, lead_end};
use super::{Block, Kind, listing};
use crate::diagnostic::{Code, Diagnostic};
use crate::tree::Span;

/// A file that is named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Named {
    /// Its path.
    pub(crate) path: String,
    pub(crate) span: Span,
    /// What is said about it there.
    pub(crate) note: String,
}

/// What a block names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Naming {
    /// Files.
    pub(crate) files: Vec<Named>,
    /// What may be meant as files, and cannot be taken for one.
    pub(crate) doubts: Vec<Doubt>,
    /// Files that are only spoken of.
    pub(crate) mentions: Vec<(String, Span)>,
}

/// Something that nobody can take for a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Doubt {
    pub(crate) word: String,
    pub(crate) span: Span,
    pub(crate) look: Look,
}

impl Doubt {
    /// As a problem; an error where nothing may be left open.
    pub(crate) fn problem(&self, strict: bool) -> Diagnostic {
        let (what, help) = match self.look {
            Look::Directory => ("names a directory, not its files", "name each file"),
            Look::Pattern => ("is a pattern, not a file", "name each file"),
            Look::Outside => ("is not a path inside the workspace", "write it relative to the workspace"),
            Look::File(_) | Look::Perhaps(_) | Look::Unclear | Look::Other => {
                ("may be a file or not", "write it between backticks and with a slash if it is one: `./name`")
            }
        };
        let message = format!("`{}` {what}", self.word);
        let make = if strict { Diagnostic::error } else { Diagnostic::warning };
        make(Code::BadValue, self.span.clone(), message).label("belongs to no unit").help(help)
    }
}

/// What a block names.
pub(crate) fn naming(block: &Block, source: &str) -> Naming {
    let mut naming = Naming::default();
    match &block.kind {
        Kind::Fence(info, lines) => listing::read(info, lines, source, &mut naming),
        Kind::Heading(_) | Kind::Item(_) | Kind::Text | Kind::Cell => read(block, source, &mut naming),
        Kind::Meta => {}
    }
    naming
}

/// All that looks like a name is only spoken of.
pub(crate) fn mentions(block: &Block, source: &str) -> Naming {
    let all = naming(block, source);
    let mut mentions = all.mentions;
    mentions.extend(all.files.into_iter().map(|file| (file.path, file.span)));
    Naming { mentions, ..Naming::default() }
}

fn read(block: &Block, source: &str, naming: &mut Naming) {
    let (words, outside) = judged_words(block, source);
    naming.mentions.extend(outside);
    let heading = matches!(block.kind, Kind::Heading(_));
    let only_bold = matches!(block.kind, Kind::Text | Kind::Cell);
    let is_name = |word: &Word| !matches!(judged(word), Look::Other);
    let mut at = lead_end(&words, is_name);
    let before = naming.files.len();
    while let Some(word) = words.get(at) {
        if only_bold && !word.bold || !take(&words, at, naming) {
            break;
        }
        at += 1;
        // Another one of a row.
        let next = words.get(at).is_some_and(|next| next.joins());
        if next || word.after.contains(',') {
            at += usize::from(next);
        } else {
            break;
        }
    }
    let note = note(&words[at.min(words.len())..], block, source);
    for file in &mut naming.files[before..] {
        file.note.clone_from(&note);
    }
    if naming.files.len() == before && !only_bold {
        naming.doubts.extend(broken(&words[at.min(words.len())..], source));
    }
    for word in &words[at.min(words.len())..] {
        match judged(word) {
            Look::File(path) if heading && word.code => {
                naming.files.push(Named { path, span: word.span.clone(), note: String::new() });
            }
            Look::File(path) if word.code || path.contains('/') => {
                naming.mentions.push((path, word.span.clone()))
            }
            Look::Other if word.code => {
                // The words of a command.
                let named = |part: &&str| matches!(look(part), Look::File(path) if path.contains('/'));
                let parts = word.text.split_whitespace().map(without_lines).filter(named);
                naming.mentions.extend(parts.map(|part| (part.to_owned(), word.span.clone())));
            }
            _ => {}
        }
    }
}

/// Words between which no path goes on.
const SMALL: [&str; 12] = ["a", "and", "as", "by", "for", "from", "in", "of", "or", "the", "to", "with"];
/// A path is broken by blanks at most so often before nobody takes it for one.
const MOST_PARTS: usize = 4;

/// What begins as a path below a directory and ends, some blanks on, as the name of a file: `src/with space.py`.
fn broken(words: &[Word], source: &str) -> Option<Doubt> {
    let first = words.first().filter(|word| !word.code && matches!(look(&word.text), Look::Perhaps(_)))?;
    for word in words.get(1..)?.iter().take(MOST_PARTS) {
        if word.code || word.parts() || word.joins() || SMALL.contains(&word.text.to_lowercase().as_str()) {
            return None;
        }
        if matches!(look(&word.text), Look::File(_)) {
            let span = first.span.start..word.span.start + word.text.len();
            let word = source.get(span.clone()).unwrap_or(&first.text).to_owned();
            return Some(Doubt { word, span, look: Look::Unclear });
        }
    }
    None
}

/// Takes a word if it is a name where it stands, or tells why nobody knows.
fn take(words: &[Word], at: usize, naming: &mut Naming) -> bool {
    let Some(word) = words.get(at) else { return false };
    let next = words.get(at + 1);
    let alone =
        word.code || word.bold || !word.after.is_empty() || next.is_none_or(|n| n.parts() || n.joins());
    match judged(word) {
        Look::File(path) => naming.files.push(Named { path, span: word.span.clone(), note: String::new() }),
        Look::Perhaps(path) if alone => {
            naming.files.push(Named { path, span: word.span.clone(), note: String::new() });
        }
        Look::Other | Look::Perhaps(_) => return false,
        look if alone => {
            naming.doubts.push(Doubt { word: word.text.clone(), span: word.span.clone(), look });
        }
        Look::Unclear | Look::Directory | Look::Pattern | Look::Outside => return false,
    }
    true
}

/// A note is at most this long, in characters.
const MAX_NOTE_CHARS: usize = 300;

/// What the rest of a block says, on one line, without the marks before it.
fn note(rest: &[Word], block: &Block, source: &str) -> String {
    let Some(first) = rest.iter().find(|word| !word.is_mark()) else { return String::new() };
    let text = source.get(first.span.start..block.span.end).unwrap_or_default();
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    unbracketed(line.trim_start_matches(['-', '–', '—', ':', ' '])).chars().take(MAX_NOTE_CHARS).collect()
}

/// Without brackets that stand around all of it, or are never closed.
fn unbracketed(line: &str) -> &str {
    let Some(inner) = line.strip_prefix('(') else { return line };
    let mut open = 1;
    let close = inner.char_indices().find(|(_, c)| {
        open += i32::from(*c == '(') - i32::from(*c == ')');
        open == 0
    });
    match close {
        None => inner,
        Some((at, _)) if inner[at + 1..].trim_matches(['.', ' ']).is_empty() => &inner[..at],
        Some(_) => line,
    }
}
