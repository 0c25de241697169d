//! A text as somebody sees it: without the sequences that colour it on a terminal, or as it was before it became a string of
//! JSON; with the way back to the bytes.
//!
//! A program that colours a part of a token splits it for everybody but the reader, and one that wraps a text in JSON puts
//! backslashes around it. The way back is a mark every now and then: a text may be made of escapes, and from a mark on the
//! rest of the way is gone once more.

/// From one mark to the next it is so far, in the original or in what is seen, and a piece more.
const STRIDE_BYTES: usize = 256;

/// A text as it is seen.
#[derive(Debug)]
pub(crate) struct Seen<'t> {
    pub(crate) text: Vec<u8>,
    original: &'t [u8],
    next: fn(&[u8]) -> Piece,
    /// Places in what is seen and in the original that are the beginning of the same piece.
    marks: Vec<(usize, usize)>,
}

/// The beginning of a text.
#[derive(Clone, Copy, Debug)]
enum Piece {
    /// So many bytes are seen as they are; never more than a stride.
    Plain(usize),
    /// So many bytes are seen as this character.
    Escape(char, usize),
    /// So many bytes are not seen.
    Hidden(usize),
}

impl Piece {
    /// How long it is in the original.
    fn len(self) -> usize {
        match self {
            Piece::Plain(length) | Piece::Escape(_, length) | Piece::Hidden(length) => length,
        }
    }

    /// How long it is as it is seen.
    fn seen_len(self) -> usize {
        match self {
            Piece::Plain(length) => length,
            Piece::Escape(c, _) => c.len_utf8(),
            Piece::Hidden(_) => 0,
        }
    }
}

const ESCAPE: u8 = 0x1b;

impl<'t> Seen<'t> {
    /// Without sequences. `None` if there is nothing to take out.
    pub(crate) fn uncoloured(text: &'t [u8]) -> Option<Seen<'t>> {
        text.contains(&ESCAPE).then(|| Seen::of(text, next_uncoloured))
    }

    /// As it was before it became a string of JSON ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259), section 7). `None` if
    /// nothing in it is escaped.
    pub(crate) fn unescaped(text: &'t [u8]) -> Option<Seen<'t>> {
        let mut places = (0..text.len()).filter(|at| text[*at] == b'\\');
        places.any(|at| escaped(&text[at..]).is_some()).then(|| Seen::of(text, next_unescaped))
    }

    fn of(original: &'t [u8], next: fn(&[u8]) -> Piece) -> Seen<'t> {
        let mut seen = Seen { text: Vec::with_capacity(original.len()), original, next, marks: vec![(0, 0)] };
        let (mut at, mut marked) = (0, (0, 0));
        while at < original.len() {
            if seen.text.len() - marked.0 >= STRIDE_BYTES || at - marked.1 >= STRIDE_BYTES {
                marked = (seen.text.len(), at);
                seen.marks.push(marked);
            }
            let piece = next(&original[at..]);
            match piece {
                Piece::Plain(length) => seen.text.extend_from_slice(&original[at..at + length]),
                Piece::Escape(c, _) => {
                    seen.text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Piece::Hidden(_) => {}
            }
            at += piece.len();
        }
        seen
    }

    /// A range of what is seen in the original: from its first byte to behind its last.
    pub(crate) fn original(&self, (start, end): (usize, usize)) -> (usize, usize) {
        (self.byte(start).0, self.byte(end.saturating_sub(1)).1)
    }

    /// Where in the original the byte stands that is seen there, and where what is seen as it ends.
    fn byte(&self, wanted: usize) -> (usize, usize) {
        let behind = self.marks.partition_point(|(seen, _)| *seen <= wanted);
        let (mut seen, mut at) = self.marks.get(behind.saturating_sub(1)).copied().unwrap_or_default();
        while at < self.original.len() {
            let piece = (self.next)(&self.original[at..]);
            let further = wanted - seen;
            if further < piece.seen_len() {
                return match piece {
                    Piece::Plain(_) => (at + further, at + further + 1),
                    Piece::Escape(..) | Piece::Hidden(_) => (at, at + piece.len()),
                };
            }
            seen += piece.seen_len();
            at += piece.len();
        }
        (at, at)
    }
}

/// Plain bytes up to the first that may begin something else.
fn plain(text: &[u8], begins: u8) -> usize {
    let near = &text[..text.len().min(STRIDE_BYTES)];
    near.iter().position(|b| *b == begins).unwrap_or(near.len())
}

fn next_uncoloured(text: &[u8]) -> Piece {
    match plain(text, ESCAPE) {
        0 => Piece::Hidden(end_of_sequence(text)),
        length => Piece::Plain(length),
    }
}

fn next_unescaped(text: &[u8]) -> Piece {
    match (plain(text, b'\\'), escaped(text)) {
        (0, Some((c, length))) => Piece::Escape(c, length),
        // A backslash that escapes nothing is seen as it stands.
        (length, _) => Piece::Plain(length.max(1)),
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

/// Behind the sequence with which `text` begins: CSI to its final byte, OSC to its end, else two bytes.
fn end_of_sequence(text: &[u8]) -> usize {
    let rest = &text[1..];
    let length = match rest.first() {
        Some(b'[') => rest[1..].iter().position(|b| (0x40..=0x7e).contains(b)).map_or(rest.len(), |i| i + 2),
        Some(b']') => {
            let end = rest.iter().position(|b| *b == 0x07 || *b == ESCAPE || *b == b'\n');
            end.map_or(rest.len(), |i| if rest[i] == 0x07 { i + 1 } else { i })
        }
        Some(_) => 1,
        None => 0,
    };
    1 + length
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_way_back_from_what_is_seen_takes_little_whatever_the_text_is_made_of() {
        for (part, uncoloured) in [
            ("a\\\\", false),
            ("\\\\", false),
            ("\\u0041", false),
            ("\x1b[0m", true),
            ("a\x1b[0m", true),
            ("\x1b]x", true),
        ] {
            let text = part.repeat(100_000).into_bytes();
            let seen = if uncoloured { Seen::uncoloured(&text) } else { Seen::unescaped(&text) }.unwrap();
            let most = (text.len() + seen.text.len()) / STRIDE_BYTES + 1;
            assert!(seen.marks.len() <= most, "{part:?}: {} marks, {most} at most", seen.marks.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_byte_that_is_seen_is_found_again_where_it_stands(
            parts in proptest::collection::vec((0_usize..9, 1_usize..500), 1..40),
            coloured in any::<bool>(),
        ) {
            let kinds = ["x", "\\", "\\\\", "\\n", "\\u00e9", "\\ud800", "é", "\x1b[31m", "\x1b]0;t\x07"];
            let text = parts.iter().map(|(kind, n)| kinds[*kind].repeat(*n)).collect::<String>().into_bytes();
            let (seen, next): (_, fn(&[u8]) -> Piece) = match coloured {
                true => (Seen::uncoloured(&text), next_uncoloured),
                false => (Seen::unescaped(&text), next_unescaped),
            };
            let Some(seen) = seen else { return Ok(()) };
            let (mut all, mut at) = (Vec::new(), 0);
            while at < text.len() {
                let piece = next(&text[at..]);
                let of = |i| if let Piece::Plain(_) = piece { (at + i, at + i + 1) } else { (at, at + piece.len()) };
                all.extend((0..piece.seen_len()).map(of));
                at += piece.len();
            }
            prop_assert_eq!(all.len(), seen.text.len());
            for i in (0..all.len()).step_by(7).chain(all.len().checked_sub(1)) {
                prop_assert_eq!(seen.original((i, i + 1)), all[i], "byte {}", i);
            }
        }
    }
}
