//! A text as somebody sees it: without the sequences that colour it on a terminal, or as it was before it became a string of
//! JSON; with the way back to the bytes.
//!
//! A program that colours a part of a token splits it for everybody but the reader, and one that wraps a text in JSON puts
//! backslashes around it.

/// A text as it is seen.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) text: Vec<u8>,
    /// Where what is seen goes on elsewhere in the original, in order: few for a long text.
    jumps: Vec<Jump>,
}

/// From a byte of what is seen on it is what stands from there in the original, up to the next one.
#[derive(Clone, Copy, Debug)]
struct Jump {
    seen: usize,
    original: usize,
    /// So many bytes of the original stand for it as a whole, if it is an escape.
    escape: Option<usize>,
}

const ESCAPE: u8 = 0x1b;

impl Seen {
    /// Without sequences. `None` if there is nothing to take out.
    pub(crate) fn uncoloured(text: &[u8]) -> Option<Seen> {
        if !text.contains(&ESCAPE) {
            return None;
        }
        let mut seen = Seen { text: Vec::with_capacity(text.len()), jumps: Vec::new() };
        let mut at = 0;
        while at < text.len() {
            let next = text[at..].iter().position(|b| *b == ESCAPE).map_or(text.len(), |i| at + i);
            seen.go_on(&text[at..next], at);
            at = if next < text.len() { end_of_sequence(text, next) } else { next };
        }
        Some(seen)
    }

    /// As it was before it became a string of JSON ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259), section 7). `None` if
    /// nothing in it is escaped.
    pub(crate) fn unescaped(text: &[u8]) -> Option<Seen> {
        let next_escape = |from: usize| {
            let mut places = (from..text.len()).filter(|at| text[*at] == b'\\');
            places.find_map(|at| escaped(&text[at..]).map(|found| (at, found)))
        };
        let mut next = Some(next_escape(0)?);
        let mut seen = Seen { text: Vec::with_capacity(text.len()), jumps: Vec::new() };
        let mut at = 0;
        while let Some((place, (c, length))) = next {
            seen.go_on(&text[at..place], at);
            seen.jumps.push(Jump { seen: seen.text.len(), original: place, escape: Some(length) });
            seen.text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            at = place + length;
            next = next_escape(at);
        }
        seen.go_on(&text[at..], at);
        Some(seen)
    }

    /// What stands in the original from there is seen as it is.
    fn go_on(&mut self, bytes: &[u8], original: usize) {
        if !bytes.is_empty() {
            self.jumps.push(Jump { seen: self.text.len(), original, escape: None });
            self.text.extend_from_slice(bytes);
        }
    }

    /// A range of what is seen in the original: from its first byte to behind its last.
    pub(crate) fn original(&self, (start, end): (usize, usize)) -> (usize, usize) {
        let of = |at: usize| {
            let behind = self.jumps.partition_point(|jump| jump.seen <= at);
            let jump = self.jumps.get(behind.saturating_sub(1));
            match jump.map(|jump| (jump.original, jump.escape, at - jump.seen)) {
                Some((original, Some(length), _)) => (original, original + length),
                Some((original, None, further)) => (original + further, original + further + 1),
                None => (0, 0),
            }
        };
        (of(start).0, of(end.saturating_sub(1)).1)
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
