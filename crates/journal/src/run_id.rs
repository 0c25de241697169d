//! The id of a run, checked once at the door: it names a directory.
//!
//! Makes no ids; whoever starts a run brings one.

use crate::error::StoreError;
use core::fmt;

/// The longest id in bytes: a directory name, far below every file system's limit.
const MAX_BYTES: usize = 64;

/// The id of a run: 1 to 64 of `[A-Za-z0-9_-]`, not starting with `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RunId(Box<str>);

impl RunId {
    /// Checks an id.
    ///
    /// # Errors
    /// [`StoreError::BadRunId`] for any other text.
    pub fn new(id: &str) -> Result<RunId, StoreError> {
        let fits = !id.is_empty()
            && id.len() <= MAX_BYTES
            && !id.starts_with('-')
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits {
            Ok(RunId(id.into()))
        } else {
            Err(StoreError::BadRunId { id: id.escape_debug().collect() })
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for RunId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
