//! The part of a text in which a rule is tried: around its keyword.
//!
//! An expression over a whole flood is slow; nearly all of it is in no reach of any keyword.

use std::ops::Range;

/// Bytes before the keyword that belong to it at most.
const BACK_BYTES: usize = 600;
/// Bytes after it.
const AHEAD_BYTES: usize = 8_192;
/// Lines after that of the keyword that a rule of several lines reaches.
pub(crate) const FAR_LINES: usize = 6;

/// How far a rule looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// Its line and the next: the value may stand there.
    Near,
    /// Several lines.
    Far,
}

/// Finds windows; remembers the line it was in last.
#[derive(Debug)]
pub(crate) struct Windows<'t> {
    text: &'t [u8],
    line: Range<usize>,
}

impl<'t> Windows<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Windows<'t> {
        Windows { text, line: 0..0 }
    }

    /// The window around a keyword that begins at `at`; keywords come in order.
    pub(crate) fn around(&mut self, at: usize, reach: Reach) -> Range<usize> {
        if !self.line.contains(&at) {
            self.line = line_of(self.text, at);
        }
        let (lines, back) = match reach {
            // With the end of the line before: some rules want to see what stands before a token.
            Reach::Near => (1, self.line.start.saturating_sub(1)),
            Reach::Far => (FAR_LINES, 0),
        };
        let most = self.text.len().min(at + AHEAD_BYTES);
        let mut end = self.line.end;
        for _ in 0..lines {
            if end >= most {
                break;
            }
            end = end_of_line(self.text, end);
        }
        back.max(at.saturating_sub(BACK_BYTES))..end.min(most)
    }
}

/// The line around a place, with its end, as far as a rule may look.
pub(crate) fn line_of(text: &[u8], at: usize) -> Range<usize> {
    let low = at.saturating_sub(BACK_BYTES);
    let start = text[low..at].iter().rposition(|b| *b == b'\n').map_or(low, |i| low + i + 1);
    start..end_of_line(text, at)
}

fn end_of_line(text: &[u8], at: usize) -> usize {
    let most = text.len().min(at + AHEAD_BYTES);
    text[at..most].iter().position(|b| *b == b'\n').map_or(most, |i| at + i + 1)
}

/// Where a token that reaches `at` ends.
pub(crate) fn end_of_token(text: &[u8], at: usize) -> usize {
    let of_token = |b: &u8| b.is_ascii_alphanumeric() || b"+/=_.-".contains(b);
    text[at..].iter().position(|b| !of_token(b)).map_or(text.len(), |i| at + i)
}
