//! The forms in which a declared value is found in text: plain, base64, hex, URL, JSON and others.
//!
//! Forms only; how they are found is not known here.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A shorter form would be found by chance.
const MIN_FORM_BYTES: usize = 6;
/// Encoders that fold lines fold at these columns,
const FOLDS: [usize; 2] = [76, 64];
/// and those of hexadecimal digits at these.
const HEX_FOLDS: [usize; 3] = [60, 64, 76];
/// A piece of a folded form that is looked for by itself.
const MIN_PIECE_BYTES: usize = 16;

/// Neighbours that hold bits of the value and go with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Edge {
    pub(crate) before: bool,
    pub(crate) after: bool,
}

/// Adds every form of a value.
pub(crate) fn forms(value: &[u8], forms: &mut BTreeMap<Vec<u8>, Edge>) {
    let mut add = |form: Vec<u8>, edge: Edge| {
        if form.len() >= MIN_FORM_BYTES {
            forms.entry(form).or_insert(edge);
        }
    };
    let plain = Edge::default();
    add(value.to_vec(), plain);
    for (digits, prefix) in
        [(b"0123456789abcdef", ""), (b"0123456789ABCDEF", ""), (b"0123456789abcdef", "\\x")]
    {
        let form = hex(value, digits, prefix);
        if prefix.is_empty() {
            let pieces = HEX_FOLDS.iter().flat_map(|fold| form.chunks(*fold));
            pieces
                .filter(|piece| piece.len() >= MIN_PIECE_BYTES && piece.len() < form.len())
                .for_each(|piece| add(piece.to_vec(), plain));
        }
        add(form, plain);
    }
    for digits in [b"0123456789ABCDEF", b"0123456789abcdef"] {
        for kept in ["-_.~", "-_.~/", "-_.!~*'()", "-_.!~*'();/?:@&=+$,#", "*-._"] {
            add(url(value, kept, digits, false), plain);
            add(url(value, kept, digits, true), plain);
        }
    }
    if let Ok(text) = std::str::from_utf8(value) {
        for form in of_text(text) {
            add(form, plain);
        }
    }
    base64_forms(value, &mut add);
}

fn of_text(text: &str) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for style in [
        Json::default(),
        Json { ascii: true, ..Json::default() },
        Json { slash: true, ..Json::default() },
        Json { markup: true, ..Json::default() },
    ] {
        let once = json(text, style);
        all.push(json(&once, style).into_bytes());
        all.push(once.into_bytes());
    }
    all.push(text.replace('\'', r"'\''").into_bytes());
    all.push(text.replace('\'', r#"'"'"'"#).into_bytes());
    all.push(text.replace('\\', r"\\").replace('\'', r"\'").into_bytes());
    all.push(text.replace('\n', "\r\n").into_bytes());
    let markup = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    all.push(markup.replace('"', "&quot;").replace('\'', "&#39;").into_bytes());
    all.push(markup.replace('"', "&quot;").replace('\'', "&#x27;").into_bytes());
    all.push(markup.into_bytes());
    all.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    all.push(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    all
}

/// What an encoder of JSON escapes beyond what it must.
#[derive(Clone, Copy, Default)]
struct Json {
    ascii: bool,
    slash: bool,
    markup: bool,
}

fn json(text: &str, style: Json) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '/' if style.slash => out.push_str("\\/"),
            _ if c.is_control()
                || style.ascii && !c.is_ascii()
                || style.markup && matches!(c, '<' | '>' | '&' | '\'') =>
            {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string does not fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            _ => out.push(c),
        }
    }
    out
}

fn hex(value: &[u8], digits: &[u8; 16], prefix: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() * 2);
    for byte in value {
        out.extend_from_slice(prefix.as_bytes());
        out.extend([digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
    }
    out
}

fn url(value: &[u8], kept: &str, digits: &[u8; 16], plus: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() * 3);
    for byte in value {
        match byte {
            b' ' if plus => out.push(b'+'),
            b if b.is_ascii_alphanumeric() || kept.as_bytes().contains(b) => out.push(*b),
            b => out.extend([b'%', digits[usize::from(b >> 4)], digits[usize::from(b & 15)]]),
        }
    }
    out
}

/// In each alignment: what of the encoded text follows from the value alone, whatever stands before and behind it.
fn base64_forms(value: &[u8], add: &mut impl FnMut(Vec<u8>, Edge)) {
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for before in 0..3 {
            let padded = [&[0_u8; 2][..before], value].concat();
            let encoded = engine.encode(&padded).into_bytes();
            let first = [0, 2, 3][before];
            let whole = padded.len() * 8 / 6;
            let edge = Edge { before: before > 0, after: !padded.len().is_multiple_of(3) };
            let Some(form) = encoded.get(first..whole.min(encoded.len())) else { continue };
            add(form.to_vec(), edge);
            if before == 0 {
                for piece in FOLDS.iter().flat_map(|fold| form.chunks(*fold)) {
                    if piece.len() >= MIN_PIECE_BYTES && piece.len() < form.len() {
                        add(piece.to_vec(), Edge { before: false, after: piece.len() < MIN_PIECE_BYTES });
                    }
                }
            }
        }
    }
}
