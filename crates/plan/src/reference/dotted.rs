//! What begins in a script as a reference and is none.
//!
//! Knows no quotes: who reads the script says where it looks.

use super::{MAX_REF_BYTES, in_reference};
use std::fmt;

/// The id of a task has at most this many bytes.
const MAX_ID_BYTES: usize = 128;
/// So far behind a malformed reference its brace is sought.
const MAX_TOLD_CHARS: usize = 40;

/// A text that begins as a reference and is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dotted {
    /// From `${` on, without what no reference has; to its `}`, if it is closed.
    text: String,
}

impl Dotted {
    /// What may be the id of a task: all before each dot.
    pub fn heads(&self) -> impl Iterator<Item = &str> {
        let inner = self.text.strip_prefix("${").unwrap_or_default();
        let end = inner.bytes().take(MAX_ID_BYTES + 1).take_while(in_reference).count();
        inner[..end].match_indices('.').map(move |(at, _)| &inner[..at])
    }

    /// True if a shell may make more words of what stands between the braces: `{1..3}`, `{a.txt,b.txt}`.
    pub(super) fn is_expanded(&self) -> bool {
        self.text.ends_with('}') && (self.text.contains(',') || self.text.contains(".."))
    }
}

impl fmt::Display for Dotted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.chars().try_for_each(|c| match c {
            '"' | '\'' => write!(f, "{c}"),
            _ => write!(f, "{}", c.escape_debug()),
        })
    }
}

/// What begins here as a reference that has a dot; it is none. Is told to the brace on its line, if one is near.
pub(super) fn dotted(rest: &str) -> Option<Dotted> {
    let inner = rest.strip_prefix("${")?;
    let like = inner.bytes().take(MAX_REF_BYTES + 1).take_while(in_reference).count();
    if !inner[..like].contains('.') || inner.starts_with('.') {
        return None;
    }
    let near = inner[like..].char_indices().take(MAX_TOLD_CHARS);
    let close = near.take_while(|(_, c)| !matches!(c, '\n' | '$' | '{' | ';')).find(|(_, c)| *c == '}');
    let end = close.map_or(like, |(at, _)| like + at + 1);
    Some(Dotted { text: format!("${{{}", &inner[..end]) })
}
