//! A text as a person sees it on a terminal: without the sequences that colour it, with the way back to the bytes.
//!
//! A program that colours a part of a token splits it for everybody but the reader.

/// A text without its sequences.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) text: Vec<u8>,
    /// Where each byte stands in the original.
    origin: Vec<usize>,
}

const ESCAPE: u8 = 0x1b;

impl Plain {
    /// `None` if there is nothing to take out.
    pub(crate) fn of(text: &[u8]) -> Option<Plain> {
        if !text.contains(&ESCAPE) {
            return None;
        }
        let mut plain =
            Plain { text: Vec::with_capacity(text.len()), origin: Vec::with_capacity(text.len()) };
        let mut at = 0;
        while at < text.len() {
            if text[at] == ESCAPE {
                at = end_of_sequence(text, at);
                continue;
            }
            plain.text.push(text[at]);
            plain.origin.push(at);
            at += 1;
        }
        Some(plain)
    }

    /// A range of the plain text in the original: from its first byte to behind its last.
    pub(crate) fn original(&self, start: usize, end: usize) -> (usize, usize) {
        let first = self.origin.get(start).copied().unwrap_or(0);
        let last = self.origin.get(end.saturating_sub(1)).copied().unwrap_or(first);
        (first, last + 1)
    }
}

/// Behind a sequence: CSI to its final byte, OSC to its end, else two bytes.
fn end_of_sequence(text: &[u8], at: usize) -> usize {
    let rest = &text[at + 1..];
    let length = match rest.first() {
        Some(b'[') => rest[1..].iter().position(|b| (0x40..=0x7e).contains(b)).map_or(rest.len(), |i| i + 2),
        Some(b']') => {
            let end = rest.iter().position(|b| *b == 0x07 || *b == ESCAPE || *b == b'\n');
            end.map_or(rest.len(), |i| if rest[i] == 0x07 { i + 1 } else { i })
        }
        Some(_) => 1,
        None => 0,
    };
    at + 1 + length
}
