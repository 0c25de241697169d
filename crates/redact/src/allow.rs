//! What keeps a match from being a secret: its entropy, and lists of what is allowed.
//!
//! The rules say what counts; this only asks.

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
}

/// A list, ready to be asked.
#[derive(Debug)]
pub(crate) struct Allow {
    pub(crate) target: Target,
    pub(crate) regexes: RegexSet,
    pub(crate) stopwords: Option<AhoCorasick>,
}

/// A match: the texts that lists look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'t> {
    pub(crate) secret: &'t [u8],
    pub(crate) all: &'t [u8],
    pub(crate) line: &'t [u8],
}

impl Allow {
    pub(crate) fn allows(&self, found: Found<'_>) -> bool {
        let text = match self.target {
            Target::Secret => found.secret,
            Target::Match => found.all,
            Target::Line => found.line,
        };
        let stopped = |words: &AhoCorasick| words.is_match(found.secret);
        self.regexes.is_match(text) || self.stopwords.as_ref().is_some_and(stopped)
    }
}

/// Shannon entropy in bits for each byte.
pub(crate) fn entropy(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    text.iter().for_each(|b| counts[usize::from(*b)] += 1);
    let all = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    counts.iter().filter(|n| **n > 0).map(|n| f64::from(*n) / all).map(|p| -p * p.log2()).sum()
}
