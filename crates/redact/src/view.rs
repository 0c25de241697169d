//! A text as somebody sees it: without the sequences that colour it on a terminal, or as it was before it became a string of
//! JSON; with the way back to the bytes.
//!
//! A program that colours a part of a token splits it for everybody but the reader, and one that wraps a text in JSON puts
//! backslashes around it.

/// A text as it is seen.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) text: Vec<u8>,
    /// Where each byte, or what stands for it, begins in the original; and where the original ends.
    origin: Vec<u32>,
    /// What stands for a byte goes on to where the next one begins.
    whole: bool,
}

const ESCAPE: u8 = 0x1b;

impl Seen {
    /// Without sequences. `None` if there is nothing to take out.
    pub(crate) fn uncoloured(text: &[u8]) -> Option<Seen> {
        if !text.contains(&ESCAPE) {
            return None;
        }
        let mut seen = Seen::of(text, false)?;
        let mut at = 0;
        while at < text.len() {
            if text[at] == ESCAPE {
                at = end_of_sequence(text, at);
                continue;
            }
            seen.push(text[at], at);
            at += 1;
        }
        Some(seen)
    }

    /// As it was before it became a string of JSON ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259), section 7). `None` if
    /// nothing in it is escaped.
    pub(crate) fn unescaped(text: &[u8]) -> Option<Seen> {
        let is_escaped = |at: usize| text[at] == b'\\' && escaped(&text[at..]).is_some();
        (0..text.len()).find(|at| is_escaped(*at))?;
        let mut seen = Seen::of(text, true)?;
        let mut at = 0;
        while at < text.len() {
            let (c, length) = match escaped(&text[at..]) {
                Some(found) => found,
                None => {
                    seen.push(text[at], at);
                    at += 1;
                    continue;
                }
            };
            c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| seen.push(byte, at));
            at += length;
        }
        Some(seen)
    }

    /// `None` if it is too long for the way back.
    fn of(text: &[u8], whole: bool) -> Option<Seen> {
        u32::try_from(text.len()).ok()?;
        Some(Seen { text: Vec::with_capacity(text.len()), origin: Vec::with_capacity(text.len()), whole })
    }

    fn push(&mut self, byte: u8, at: usize) {
        self.text.push(byte);
        self.origin.push(u32::try_from(at).unwrap_or(u32::MAX));
    }

    /// A range of what is seen in the original, which has `length` bytes: from its first byte to behind its last.
    pub(crate) fn original(&self, (start, end): (usize, usize), length: usize) -> (usize, usize) {
        let at = |i: usize| self.origin.get(i).map_or(length, |at| *at as usize);
        let (first, last) = (at(start), at(end.saturating_sub(1)));
        let behind = match self.whole {
            true => {
                self.origin[end.min(self.origin.len())..].iter().map(|at| *at as usize).find(|at| *at > last)
            }
            false => Some(last + 1),
        };
        (first, behind.unwrap_or(length))
    }
}

/// The character that an escape at the beginning of `text` stands for, and its length in bytes.
fn escaped(text: &[u8]) -> Option<(char, usize)> {
    let [b'\\', kind, rest @ ..] = text else { return None };
    let short = match kind {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'"' | b'\\' | b'/' => char::from(*kind),
        b'u' => {
            let digits = std::str::from_utf8(rest.get(..4)?).ok()?;
            let unit = u32::from_str_radix(digits, 16).ok()?;
            // Half of a pair is seen as it stands.
            return char::from_u32(unit).map(|c| (c, 6));
        }
        _ => return None,
    };
    Some((short, 2))
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
