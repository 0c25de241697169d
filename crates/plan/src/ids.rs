//! The grammar of ids. They name tasks, files and branches, so they are checked once, here.
//!
//! Knows no task; finds ids among others by halving, because they are sorted anyway.

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

/// A set of ids.
pub(crate) struct Ids(Vec<String>);

impl Ids {
    /// Of ids in order; some may stand twice.
    pub(crate) fn new(mut sorted: Vec<String>) -> Ids {
        sorted.dedup();
        Ids(sorted)
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.0.binary_search_by(|other| other.as_str().cmp(id)).is_ok()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The place of an id among sorted ones.
pub(crate) fn rank(sorted: &[&str], id: &str) -> Option<usize> {
    sorted.binary_search(&id).ok()
}
