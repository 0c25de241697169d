//! The grammar of ids. They name tasks, files and branches, so they are checked once, here.
//!
//! Knows no task.

/// Ids are at most this long, in bytes.
pub(crate) const MAX_ID_BYTES: usize = 128;

/// True for ids of the grammar: 1-128 of `[A-Za-z0-9._-]`, no `..`, not starting with `-` or `.`.
#[must_use]
pub fn is_id(id: &str) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=MAX_ID_BYTES).contains(&id.len())
        && id.bytes().all(ok)
        && !id.contains("..")
        && !id.starts_with(['-', '.'])
}
