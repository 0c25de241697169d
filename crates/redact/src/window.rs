//! The part of a text in which a rule is tried: around its keyword.
//!
//! An expression over a whole flood is slow; nearly all of it is in no reach of any keyword.

use std::collections::VecDeque;
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

/// Finds windows. Every byte is looked at once for the end of a line, however many keywords stand around it.
#[derive(Debug)]
pub(crate) struct Windows<'t> {
    text: &'t [u8],
    /// Where the line begins in which the last keyword was, if that is near.
    start: usize,
    /// Where the lines from there on end that have been found.
    ends: VecDeque<usize>,
    /// Up to here ends were looked for.
    seen: usize,
}

impl<'t> Windows<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Windows<'t> {
        Windows { text, start: 0, ends: VecDeque::new(), seen: 0 }
    }

    /// The window around a keyword that begins at `at`; keywords come in order.
    pub(crate) fn around(&mut self, at: usize, reach: Reach) -> Range<usize> {
        while let Some(end) = self.ends.pop_front_if(|end| *end <= at) {
            self.start = end;
        }
        if self.seen < at {
            let low = self.seen.max(at.saturating_sub(BACK_BYTES));
            self.start = last_end(&self.text[low..at]).map_or(self.start, |end| low + end);
            self.seen = at;
        }
        let (lines, back) = match reach {
            // With the end of the line before: some rules want to see what stands before a token.
            Reach::Near => (1, self.start.saturating_sub(1)),
            Reach::Far => (FAR_LINES, 0),
        };
        let most = self.text.len().min(at + AHEAD_BYTES);
        while self.ends.len() <= lines && self.seen < most {
            let end = first_end(&self.text[self.seen..most]).map(|end| self.seen + end);
            self.ends.extend(end);
            self.seen = end.unwrap_or(most);
        }
        let end = self.ends.get(lines).map_or(most, |end| most.min(*end));
        back.max(at.saturating_sub(BACK_BYTES))..end
    }
}

/// The line around a place, with its end, as far as what is beside a secret may tell of it.
pub(crate) fn line_of(text: &[u8], at: usize) -> Range<usize> {
    let low = at.saturating_sub(BACK_BYTES);
    let most = text.len().min(at + BACK_BYTES);
    let start = last_end(&text[low..at]).map_or(low, |end| low + end);
    start..first_end(&text[at..most]).map_or(most, |end| at + end)
}

/// Behind the first end of a line.
fn first_end(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|b| *b == b'\n').map(|i| i + 1);
    #[cfg(test)]
    tests::looked_at(end.unwrap_or(text.len()));
    end
}

/// Behind the last end of a line.
fn last_end(text: &[u8]) -> Option<usize> {
    let end = text.iter().rposition(|b| *b == b'\n').map(|i| i + 1);
    #[cfg(test)]
    tests::looked_at(text.len() - end.unwrap_or(0));
    end
}

/// Where a token that reaches `at` ends.
pub(crate) fn end_of_token(text: &[u8], at: usize) -> usize {
    let of_token = |b: &u8| b.is_ascii_alphanumeric() || b"+/=_.-".contains(b);
    text[at..].iter().position(|b| !of_token(b)).map_or(text.len(), |i| at + i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules;
    use std::sync::atomic::{AtomicUsize, Ordering};

    thread_local! {
        /// Bytes that were looked at for ends of lines.
        static LOOKED_AT: AtomicUsize = const { AtomicUsize::new(0) };
    }

    pub(super) fn looked_at(bytes: usize) {
        LOOKED_AT.with(|all| all.fetch_add(bytes, Ordering::Relaxed));
    }

    #[test]
    fn the_lines_of_a_text_are_looked_for_once_also_where_there_are_none() {
        let looked_at = |text: &str| {
            LOOKED_AT.with(|all| all.store(0, Ordering::Relaxed));
            rules::find(text.as_bytes(), &mut Vec::new());
            LOOKED_AT.with(|all| all.load(Ordering::Relaxed))
        };
        let part = "\\\"token\\\": \\\"pass echo login -p\\\" key=";
        let (line, lines) = (format!("{part} ").repeat(2_000), format!("{part}\n").repeat(2_000));
        let (of_line, of_lines) = (looked_at(&line), looked_at(&lines));
        assert!(of_line <= 2 * line.len(), "{of_line} for one line of {}, {of_lines} for lines", line.len());
        assert!(of_lines <= 2 * lines.len(), "{of_lines} for lines of {}", lines.len());
    }

    #[test]
    fn a_window_is_the_lines_around_its_keyword_wherever_the_last_one_was() {
        let text = b"one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten";
        let mut windows = Windows::new(text);
        assert_eq!(windows.around(5, Reach::Near), 3..14, "`two` and `three`, with the end of `one`");
        assert_eq!(windows.around(6, Reach::Far), 0..40, "seven lines from `two` on");
        assert_eq!(windows.around(14, Reach::Near), 13..24, "`four` and `five`");
        assert_eq!(windows.around(45, Reach::Near), 44..text.len());
        let long = [b"a\n".as_slice(), &[b'x'; 20_000], b"\ny\nz\n"].concat();
        let mut windows = Windows::new(&long);
        assert_eq!(windows.around(2, Reach::Near), 1..2 + AHEAD_BYTES);
        assert_eq!(windows.around(700, Reach::Near), 100..700 + AHEAD_BYTES);
        assert_eq!(windows.around(19_000, Reach::Near), 18_400..20_005, "the long line and `y`");
        assert_eq!(windows.around(20_005, Reach::Near), 20_004..20_007);
    }
}
