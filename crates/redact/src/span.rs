//! Places in a text that are replaced, and what is written in their place.
//!
//! Knows no rule: only its name.

use std::borrow::Cow;

/// How a marker begins; the rule and `]` follow.
pub const MARKER: &str = "[REDACTED:";

/// A place that is replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Span<'a> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rule: Cow<'a, str>,
    /// Of two that overlap the one with the higher rank names the marker.
    pub(crate) rank: u8,
    /// It runs to the end of the text and may go on behind it.
    pub(crate) open: Option<Open>,
    /// Its marker was written when it began.
    pub(crate) goes_on: bool,
}

/// What may go on behind the end of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Open {
    /// A private key whose last line has not come.
    Key,
    /// A token longer than a window.
    Token,
}

/// Ranks: what a person declared is named before what looks like something.
pub(crate) mod rank {
    pub(crate) const NAME: u8 = 0;
    pub(crate) const GENERIC: u8 = 1;
    pub(crate) const RULE: u8 = 2;
    pub(crate) const DECLARED: u8 = 3;
}

impl<'a> Span<'a> {
    pub(crate) fn new(start: usize, end: usize, rule: impl Into<Cow<'a, str>>, rank: u8) -> Span<'a> {
        Span { start, end, rule: rule.into(), rank, open: None, goes_on: false }
    }
}

/// Spans in order, overlapping ones made one.
pub(crate) fn united(mut spans: Vec<Span<'_>>) -> Vec<Span<'_>> {
    spans.retain(|span| span.start < span.end);
    spans.sort_by_key(|span| (span.start, usize::MAX - span.end));
    let mut united: Vec<Span<'_>> = Vec::with_capacity(spans.len());
    for span in spans {
        match united.last_mut() {
            Some(last) if span.start < last.end => {
                if span.end >= last.end {
                    last.open = span.open.or(last.open.filter(|_| span.end == last.end));
                    last.end = span.end;
                }
                if span.rank > last.rank {
                    (last.rule, last.rank) = (span.rule, span.rank);
                }
            }
            _ => united.push(span),
        }
    }
    united
}

/// Writes `text[from..to]` with every span replaced; spans are united and in order.
pub(crate) fn write(text: &[u8], (from, to): (usize, usize), spans: &[Span<'_>], out: &mut Vec<u8>) {
    let mut at = from;
    for span in spans.iter().filter(|span| span.end > from && span.start < to) {
        if span.start > at {
            out.extend_from_slice(&text[at..span.start]);
        }
        if !span.goes_on {
            out.extend_from_slice(MARKER.as_bytes());
            out.extend_from_slice(span.rule.as_bytes());
            out.push(b']');
        }
        at = span.end.min(to).max(at);
    }
    if at < to {
        out.extend_from_slice(&text[at..to]);
    }
}

/// The rules that markers in a text name, in order, each once.
#[must_use]
pub fn rules_of_markers(text: &str) -> Vec<&str> {
    let mut rules: Vec<&str> = Vec::new();
    for part in text.split(MARKER).skip(1) {
        if let Some((rule, _)) = part.split_once(']')
            && rule.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            && !rules.contains(&rule)
        {
            rules.push(rule);
        }
    }
    rules
}
