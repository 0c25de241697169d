//! A block as words: each with its place, the marks that stood around it removed and remembered.
//!
//! Knows no file; tells words that only lead to a name (`1.`, `File:`, `Create`) from others.

use super::paths::without_lines;
use super::{Block, Piece};
use crate::tree::Span;

/// A word of a block, or a whole stretch of code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Word {
    /// Without the punctuation around it.
    pub(crate) text: String,
    /// What stood behind it.
    pub(crate) after: String,
    pub(crate) span: Span,
    pub(crate) code: bool,
    pub(crate) bold: bool,
}

/// Words that lead to the name of a file.
const LEADS: &[&str] = &[
    "a",
    "add",
    "change",
    "create",
    "delete",
    "edit",
    "extend",
    "file",
    "files",
    "fix",
    "implement",
    "modify",
    "move",
    "new",
    "path",
    "paths",
    "refactor",
    "remove",
    "rename",
    "rewrite",
    "the",
    "touch",
    "update",
    "write",
];

/// Words between two names of a row.
const ROW: &[&str] = &["and", "or", "&", "+"];

/// A label has at most this many words.
const MAX_LABEL_WORDS: usize = 5;

impl Word {
    /// Nothing but punctuation: a dash, a colon, an arrow, a tick.
    pub(crate) fn is_mark(&self) -> bool {
        !self.code && !self.text.contains(|c: char| c.is_alphanumeric() || c == '/' || c == '_' || c == '.')
    }

    /// A mark, or punctuation, that ends a name: what follows speaks about it.
    pub(crate) fn parts(&self) -> bool {
        self.is_mark() || self.text.starts_with(['(', '-', '–', '—'])
    }

    /// Leads to a name without being one.
    fn leads(&self) -> bool {
        let number =
            self.text.trim_start_matches('#').split('.').all(|part| part.bytes().all(|b| b.is_ascii_digit()));
        self.is_mark() || number || LEADS.contains(&self.text.to_lowercase().as_str())
    }

    /// Stands between two names of a row.
    pub(crate) fn joins(&self) -> bool {
        !self.code
            && (self.text.is_empty() && self.after.contains(',')
                || ROW.contains(&self.text.as_str())
                || self.text == ",")
    }
}

/// The words of a block.
pub(crate) fn words(block: &Block) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    for piece in &block.pieces {
        if piece.code {
            let text = piece.text.trim().to_owned();
            words.push(Word {
                text,
                after: String::new(),
                span: piece.span.clone(),
                code: true,
                bold: piece.bold,
            });
        } else {
            plain(piece, &mut words);
        }
    }
    words
}

fn plain(piece: &Piece, words: &mut Vec<Word>) {
    let mut at = 0;
    for (index, part) in piece.text.split(char::is_whitespace).enumerate() {
        let start = at + piece.span.start;
        at += part.len() + piece.text[at + part.len()..].chars().next().map_or(0, char::len_utf8);
        if part.is_empty() {
            continue;
        }
        let word = word(part, start, piece.bold);
        // Punctuation right behind code or bold belongs to it.
        let glued = index == 0 && word.text.chars().all(|c| ",;:.".contains(c));
        match words.last_mut().filter(|last| glued && last.span.end <= start) {
            Some(last) => last.after.push_str(part),
            None => words.push(word),
        }
    }
}

/// Takes the punctuation off that stands around a word.
fn word(part: &str, start: usize, bold: bool) -> Word {
    let link = part.strip_prefix('[').and_then(|rest| rest.split_once("](")).map(|(text, _)| text);
    let mut text = link.unwrap_or(part).trim_start_matches(['"', '\'', '<', '«', '“', '_']);
    if part.starts_with("__") {
        // A name such as `__init__.py`.
        text = link.unwrap_or(part);
    }
    let mut after = String::new();
    while let Some(last) = text.chars().next_back() {
        let open = text.matches('(').count();
        let extra = last == ')' && text.matches(')').count() > open;
        if !(extra || ".,;:!\"'>»”".contains(last)) || text.len() == last.len_utf8() {
            break;
        }
        after.insert(0, last);
        text = &text[..text.len() - last.len_utf8()];
    }
    let mut text = unescaped(without_lines(text));
    if text.starts_with('(') && !text.contains('/') {
        text.remove(0);
    }
    Word { text, after, span: start..start + part.len(), code: false, bold }
}

/// Without the backslashes that keep Markdown from reading a mark.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' || !chars.peek().is_some_and(char::is_ascii_punctuation) {
            out.push(c);
        }
    }
    out
}

/// The place of the first word that may be a name: behind numbers, marks, verbs, and a label that ends with a colon.
pub(crate) fn lead_end(words: &[Word], is_name: impl Fn(&Word) -> bool) -> usize {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if is_name(word) {
            break;
        }
        let ahead = words[at..].iter().take(MAX_LABEL_WORDS).take_while(|w| !w.code && !is_name(w));
        let label = ahead.clone().position(|w| w.after.contains(':') || w.text == ":");
        if let Some(label) = label {
            at += label + 1;
        } else if word.leads() {
            at += 1;
        } else {
            break;
        }
    }
    at
}
