//! Damage to bytes: flipped, changed, dropped, doubled, moved, repeated, replaced by words that mean something.
//!
//! Knows no format; the words come from the target.

use regatta_rng::Rng;

/// Damage done to one input at most.
const MAX_DAMAGES: usize = 6;
/// An input is at most this long: long enough for a quadratic step to show.
pub const MAX_BYTES: usize = 64 << 10;
/// A piece is repeated so often at most.
const MAX_REPEATS: usize = 3_000;

/// Damages `base`; `other` lends pieces, `words` are put in.
#[must_use]
pub fn mutate(rng: &mut Rng, base: &[u8], other: &[u8], words: &[&str]) -> Vec<u8> {
    let mut bytes = base.to_vec();
    for _ in 0..=rng.index(MAX_DAMAGES) {
        damage(rng, &mut bytes, other, words);
        bytes.truncate(MAX_BYTES);
    }
    bytes
}

fn damage(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8], words: &[&str]) {
    let at = rng.index(bytes.len() + 1);
    let piece = |rng: &mut Rng, of: &[u8], most: usize| {
        let from = rng.index(of.len() + 1);
        let to = (from + rng.index(most) + 1).min(of.len());
        of[from.min(to)..to].to_vec()
    };
    match rng.index(11) {
        0 => change(bytes, at, |byte| *byte ^= 1 << rng.index(8)),
        1 => change(bytes, at, |byte| *byte = rng.bits().to_le_bytes()[0]),
        2 => {
            let to = (at + rng.index(32) + 1).min(bytes.len());
            bytes.drain(at.min(to)..to);
        }
        3 => {
            let piece = piece(rng, other, 64);
            bytes.splice(at..at, piece);
        }
        4 => {
            let piece = piece(rng, bytes, 64);
            bytes.splice(at..at, piece);
        }
        5..=7 if !words.is_empty() => {
            bytes.splice(at..at, pick(rng, words).bytes());
        }
        8 if rng.one_in(4) => {
            let piece = if rng.one_in(2) && !words.is_empty() {
                pick(rng, words).as_bytes().to_vec()
            } else {
                piece(rng, bytes, 12)
            };
            let repeats = rng.index(MAX_REPEATS);
            bytes.splice(at..at, piece.repeat(repeats));
        }
        9 => lines(rng, bytes),
        _ => {
            // A number becomes another one.
            let end = at + bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
            let number =
                *pick(rng, &["0", "-1", "1", "65536", "4294967296", "18446744073709551616", "1e999", "0.5"]);
            bytes.splice(at..end, number.bytes());
        }
    }
}

/// One of a list that is not empty.
fn pick<'a, T>(rng: &mut Rng, list: &'a [T]) -> &'a T {
    &list[rng.index(list.len())]
}

fn change(bytes: &mut [u8], at: usize, how: impl FnOnce(&mut u8)) {
    if let Some(byte) = bytes.get_mut(at) {
        how(byte);
    }
}

/// A line goes elsewhere, or stands twice.
fn lines(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    if lines.len() < 2 {
        return;
    }
    let from = rng.index(lines.len());
    let line = if rng.one_in(2) { lines.remove(from) } else { lines[from].clone() };
    let to = rng.index(lines.len() + 1);
    lines.insert(to, line);
    *bytes = lines.concat();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_damages_in_the_same_way_and_never_beyond_the_bound() {
        let play = || {
            let mut rng = Rng::new(7, 0);
            let mut bytes = b"version: 1\ntasks: []\n".to_vec();
            for _ in 0..2_000 {
                bytes = mutate(&mut rng, &bytes, b"- { id: a }\n", &["${", "\u{202e}"]);
                assert!(bytes.len() <= MAX_BYTES);
            }
            bytes
        };
        assert_eq!(play(), play());
    }
}
