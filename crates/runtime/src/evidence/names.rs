//! Names out of a report, as people are told of them: few and short, however many there are and however long they are.
//!
//! Knows no kind of report.

use crate::redact::Redactor;

/// So many are named.
const MOST_NAMES: usize = 5;
/// So much of each is shown,
const SHOWN_BYTES: usize = 200;
/// and so much is kept, so that no half of a secret is shown.
const KEPT_BYTES: usize = 4 << 10;

/// The first of many, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Names {
    first: Vec<String>,
    all: u64,
}

impl Names {
    pub(super) fn push(&mut self, name: &str) {
        self.all += 1;
        if self.first.len() < MOST_NAMES {
            self.first.push(begin(name).to_owned());
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.all
    }

    /// The first of them, redacted, and how many more.
    pub(super) fn told(&self, redactor: &Redactor) -> String {
        let shown: Vec<String> = self.first.iter().map(|name| shown(name, redactor)).collect();
        match self.all.saturating_sub(self.first.len() as u64) {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }
}

/// A text out of a report, redacted, then cut: 200 bytes of it.
pub(super) fn shown(text: &str, redactor: &Redactor) -> String {
    brief(text, (KEPT_BYTES, SHOWN_BYTES), redactor)
}

/// What is said of a report, redacted, then cut: 2 KiB of it.
pub(super) fn said(text: &str, redactor: &Redactor) -> String {
    brief(text, (8 * KEPT_BYTES, 2 << 10), redactor)
}

/// The beginning of a text in which there may be a secret: to be shown later.
pub(super) fn begin(text: &str) -> &str {
    cut(text, KEPT_BYTES)
}

fn brief(text: &str, (kept_bytes, shown_bytes): (usize, usize), redactor: &Redactor) -> String {
    let text = redactor.text(cut(text, kept_bytes).to_owned());
    match cut(&text, shown_bytes) {
        whole if whole.len() == text.len() => text,
        begin => format!("{begin}…"),
    }
}

fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
