//! Private keys between their first and their last line, however long, and what of one whose last line never comes.
//!
//! Everything from the first line on is held for the key as long as it looks like one.

use crate::span::{Open, Span, rank};
use regex::bytes::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// Fewer bytes between first and last line are no key.
const MIN_BODY_BYTES: usize = 64;
/// A line with so many characters of base64 in a row is one of a key.
const BODY_RUN_BYTES: usize = 16;
/// A first line waits for a body no longer than this.
const UNDECIDED_BYTES: usize = 1 << 10;
const RULE: &str = "private-key";

static FIRST: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i-u)-----BEGIN[ A-Z0-9_-]{0,100}?PRIVATE KEY(?: BLOCK)?-----").ok());
static LAST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i-u)KEY(?: BLOCK)?-----").ok());

/// Adds the keys that begin in a window of the text.
pub(crate) fn find(text: &[u8], window: Range<usize>, spans: &mut Vec<Span<'_>>) {
    let (Some(first), Some(last)) = (&*FIRST, &*LAST) else { return };
    let mut at = window.start;
    while let Some(begin) = first.find_at(text, at).filter(|begin| begin.start() < window.end) {
        let body = begin.end();
        at = match last.find_at(text, body) {
            Some(end) if end.start() < body + MIN_BODY_BYTES => end.end(),
            Some(end) if only_a_key(&text[body..end.start()]) => {
                spans.push(Span::new(begin.start(), end.end(), RULE, rank::RULE));
                end.end()
            }
            _ => {
                let (end, open) = rest(text, body);
                if has_body(&text[body..end]) {
                    spans.push(Span { open, ..Span::new(begin.start(), end, RULE, rank::RULE) });
                }
                end.max(body)
            }
        };
    }
}

/// Where the first line of a key stands of which nothing else has come yet: with what follows it may become one.
pub(crate) fn undecided(text: &[u8], from: usize) -> Option<usize> {
    let low = from.max(text.len().saturating_sub(UNDECIDED_BYTES));
    let begin = FIRST.as_ref()?.find_iter(&text[low..]).last()?;
    let body = low + begin.end();
    let (end, open) = rest(text, body);
    (open.is_some() && !has_body(&text[body..end])).then_some(low + begin.start())
}

/// What goes on from `from` of a key whose first line was let go: where it ends, and whether it may go on.
pub(crate) fn rest(text: &[u8], from: usize) -> (usize, Option<Open>) {
    let mut at = from;
    while at < text.len() {
        let end = text[at..].iter().position(|b| *b == b'\n').map_or(text.len(), |i| at + i + 1);
        let line = &text[at..end];
        if let Some(last) = LAST.as_ref().and_then(|last| last.find(line)) {
            return (at + last.end(), None);
        }
        if !line.ends_with(b"\n") && !is_body(line) {
            return (at, Some(Open::Key)); // its last line, half of it
        }
        // The first one is what follows on the line of the beginning: most often nothing.
        if !(is_body(line) || at == from && line.trim_ascii().is_empty()) {
            return (at, None);
        }
        at = end;
    }
    (at, Some(Open::Key))
}

/// A first line without this is one that somebody speaks of.
fn has_body(text: &[u8]) -> bool {
    text.split(|b| !(b.is_ascii_alphanumeric() || b"+/=\\".contains(b)))
        .any(|run| run.len() >= BODY_RUN_BYTES)
}

/// True if no line between is of something else: a key that was cut off, then others, then a whole key.
fn only_a_key(body: &[u8]) -> bool {
    !FIRST.as_ref().is_some_and(|first| first.is_match(body))
}

fn is_body(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let one_word = !line.iter().any(u8::is_ascii_whitespace);
    let header = line.iter().position(|b| *b == b':').is_some_and(|at| {
        at > 3
            && line[..at].iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
            && line[..at].contains(&b'-')
    });
    has_body(line) || one_word || header
}

/// True if a text without its beginning may be the middle of a key: its first lines.
pub(crate) fn looks_inside(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.len() >= BODY_RUN_BYTES && line.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b))
}
