//! A stream, whatever the writes it came in: what is let go, and what is held back.
//!
//! ```text
//!  forgotten | context (let go; a rule may look back) | held back: an open line, a value that may go on
//!                                                     ^ done                          ^ ready: the next to be let go
//! ```
//! Lines are let go when they are whole. Of an open line everything goes up to its last space, as long as no keyword
//! of a rule stands in it. No more than a window is ever held.

use crate::private_key;
use crate::redactor::Redactor;
use crate::rules::has_keyword;
use crate::span::{self, Open, Span, rank};
use crate::window::{FAR_LINES, end_of_token};
use std::sync::Arc;

/// Looked at in one piece.
const PIECE_BYTES: usize = 64 << 10;
/// A longer line is let go in pieces.
const MAX_LINE_BYTES: usize = 64 << 10;
/// Of such a line so much is held back.
const OVERLAP_BYTES: usize = 8 << 10;
/// Kept of what was let go.
const CONTEXT_BYTES: usize = 4 << 10;

/// A stream on its way out.
#[derive(Debug)]
pub struct Stream {
    redactor: Arc<Redactor>,
    text: Vec<u8>,
    /// So much of `text` was let go.
    done: usize,
    /// What was let go ended within something.
    open: Option<Open>,
}

impl Stream {
    /// A stream at its beginning.
    #[must_use]
    pub fn new(redactor: Arc<Redactor>) -> Stream {
        Stream { redactor, text: Vec::new(), done: 0, open: None }
    }

    /// Takes bytes in; adds to `out` what can be let go.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for piece in bytes.chunks(PIECE_BYTES) {
            self.text.extend_from_slice(piece);
            let ready = self.ready();
            if ready > self.done {
                self.let_go(ready, out);
            }
        }
    }

    /// The stream has ended: adds the rest.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.done < self.text.len() {
            self.let_go(self.text.len(), out);
        }
        (self.done, self.open) = (0, None);
        self.text.clear();
    }

    /// Up to where nothing can become a match any more.
    fn ready(&self) -> usize {
        let held = &self.text[self.done..];
        let line_end = held.iter().rposition(|b| *b == b'\n' || *b == b'\r').map_or(0, |i| i + 1);
        let line = &held[line_end..];
        let mut ready = self.done + line_end;
        if line.len() > MAX_LINE_BYTES {
            ready = self.text.len() - OVERLAP_BYTES;
        } else if self.open.is_none() && !has_keyword(held) && !line.contains(&0x1b) {
            ready += line.iter().rposition(|b| *b == b' ' || *b == b'\t').map_or(0, |i| i + 1);
        }
        ready = ready.saturating_sub(self.redactor.could_become(&self.text[..ready]));
        let undecided = private_key::undecided(&self.text, self.done).filter(|_| self.open.is_none());
        ready.min(undecided.unwrap_or(ready)).max(self.done)
    }

    fn let_go(&mut self, mut ready: usize, out: &mut Vec<u8>) {
        let mut spans = self.redactor.find(&self.text);
        if let Some(open) = self.open {
            let (end, still) = match open {
                Open::Key => private_key::rest(&self.text, self.done),
                Open::Token => {
                    let end = end_of_token(&self.text, self.done);
                    (end, (end == self.text.len()).then_some(Open::Token))
                }
            };
            let goes_on =
                Span { open: still, goes_on: true, ..Span::new(self.done, end, "", rank::DECLARED) };
            spans.retain(|span| span.end > end || span.end <= self.done);
            for span in spans.iter_mut().filter(|span| span.start < end && span.end > end) {
                span.start = end;
            }
            // All of it is here, so all of it goes.
            ready = ready.max(end);
            let at = spans.partition_point(|span| span.start < self.done);
            spans.insert(at, goes_on);
        }
        // What crosses the border waits until all of it is here, unless there may be no end to it.
        let whole = ready == self.text.len();
        for span in &spans {
            let crosses = span.start < ready && span.end > ready;
            let may_wait = span.start > self.done || self.text.len() - self.done <= MAX_LINE_BYTES;
            if !whole && crosses && span.open.is_none() && !span.goes_on && may_wait {
                ready = span.start.max(self.done);
            }
        }
        if ready == self.done {
            return;
        }
        span::write(&self.text, (self.done, ready), &spans, out);
        self.open =
            spans.iter().rev().find(|span| span.start < ready && span.end >= ready).and_then(|s| s.open);
        let cut = spans.iter().find(|span| span.start < ready && span.end > ready && span.open.is_none());
        // A match longer than what can be held: the rest of it goes as it comes.
        self.open = self.open.or(cut.map(|_| Open::Token));
        self.done = ready;
        self.forget();
    }

    /// Drops what no rule looks back at.
    fn forget(&mut self) {
        let low = self.done.saturating_sub(CONTEXT_BYTES);
        let lines = self.text[low..self.done].iter().enumerate().rev().filter(|(_, b)| **b == b'\n');
        let from = lines.map(|(i, _)| low + i + 1).nth(FAR_LINES).unwrap_or(low);
        self.text.drain(..from);
        self.done -= from;
    }
}
