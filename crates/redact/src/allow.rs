//! What keeps a match from being a secret: its entropy, and lists of what is allowed.
//!
//! The rules say what counts; this only asks.

use crate::window::line_of;
use aho_corasick::AhoCorasick;
use regex::bytes::RegexSet;

/// What an allow-list looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Target {
    /// The secret itself.
    #[default]
    Secret,
    /// Everything that the rule's expression matched.
    Match,
    /// The line it stands in.
    Line,
    /// The name that it stands behind, and what is between.
    Name,
}

/// A list, ready to be asked.
#[derive(Debug)]
pub(crate) struct Allow {
    pub(crate) target: Target,
    /// Holds only for what stands in no quotes: it looks like code.
    pub(crate) bare: bool,
    pub(crate) regexes: RegexSet,
    pub(crate) stopwords: Option<AhoCorasick>,
}

/// A match: the texts that lists look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'t> {
    pub(crate) secret: &'t [u8],
    pub(crate) all: &'t [u8],
    /// The text, and where the match begins in it: hardly any list asks for the line.
    pub(crate) within: (&'t [u8], usize),
    pub(crate) name: &'t [u8],
    pub(crate) bare: bool,
}

impl Allow {
    pub(crate) fn allows(&self, found: Found<'_>) -> bool {
        if self.bare && !found.bare {
            return false;
        }
        let text = match self.target {
            Target::Secret => found.secret,
            Target::Match => found.all,
            Target::Line => {
                let (text, at) = found.within;
                &text[line_of(text, at)]
            }
            Target::Name => found.name,
        };
        let stopped = |words: &AhoCorasick| words.is_match(found.secret);
        self.regexes.is_match(text) || self.stopwords.as_ref().is_some_and(stopped)
    }
}

/// A shorter text is too short to be a row of anything.
const MIN_ROWS_BYTES: usize = 12;
/// So many letters or digits in a row are one,
const MIN_ROW_BYTES: usize = 3;
/// or so many where all is digits: two of ten follow each other by chance.
const MIN_ROW_DIGITS: usize = 4;

/// True for what somebody typed to stand for a secret: most of it are rows of the alphabet, of digits, or of one letter.
pub(crate) fn is_made_of_rows(text: &[u8]) -> bool {
    let follows = |a: u8, b: u8| {
        let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
        a.is_ascii_alphanumeric() && (b == a || b == a.wrapping_add(1) || (a, b) == (b'9', b'0'))
    };
    let least = if text.iter().all(u8::is_ascii_digit) { MIN_ROW_DIGITS } else { MIN_ROW_BYTES };
    let rows = text.chunk_by(|a, b| follows(*a, *b)).map(<[u8]>::len).filter(|n| *n >= least);
    text.len() >= MIN_ROWS_BYTES && rows.sum::<usize>() * 2 > text.len()
}

/// Shannon entropy in bits for each byte.
pub(crate) fn entropy(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    text.iter().for_each(|b| counts[usize::from(*b)] += 1);
    let all = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    counts.iter().filter(|n| **n > 0).map(|n| f64::from(*n) / all).map(|p| -p * p.log2()).sum()
}
