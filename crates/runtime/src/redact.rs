//! The one exit point of text that a task made: everything passes here before it is written under a name, shown
//! or sent.
//!
//! Today it is the identity; the rules come with the redaction work. Nothing may bypass it.

use std::io::{self, Read, Write};

/// Copies `from` to `to` through the redaction.
///
/// # Errors
/// Reading or writing failed.
pub fn redact_stream(from: &mut impl Read, to: &mut impl Write) -> io::Result<u64> {
    io::copy(from, to)
}

/// Passes a text through the redaction.
#[must_use]
pub fn redact(text: String) -> String {
    text
}
