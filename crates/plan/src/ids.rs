//! The grammar of ids. They name tasks, files and branches, so they are checked once, here.
//!
//! Knows no task; orders ids, and finds them among others, by the first bytes that they do not share.

/// Ids are at most this long, in bytes.
pub(crate) const MAX_ID_BYTES: usize = 128;

/// True for ids of the grammar: 1-128 of `[A-Za-z0-9._-]`, no `..`, not starting with `-` or `.`.
#[must_use]
pub fn is_id(id: &str) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let bytes = id.as_bytes();
    (1..=MAX_ID_BYTES).contains(&bytes.len())
        && bytes.iter().all(|b| ok(*b))
        && !bytes.windows(2).any(|pair| pair == b"..")
        && !id.starts_with(['-', '.'])
}

/// What a few bytes behind those that all ids share say of the order.
#[derive(Clone, Copy)]
struct Prefix(usize);

impl Prefix {
    fn of<'a>(mut ids: impl Iterator<Item = &'a str>) -> Prefix {
        let Some(first) = ids.next() else { return Prefix(0) };
        let shared = |len: usize, id: &str| {
            first.bytes().zip(id.bytes()).take(len).take_while(|(a, b)| a == b).count()
        };
        Prefix(ids.fold(first.len(), shared))
    }

    /// Never in another order than the ids.
    fn key(self, id: &str) -> u64 {
        let mut key = [0; 8];
        let rest = id.as_bytes().get(self.0..).unwrap_or_default();
        let length = rest.len().min(key.len());
        key[..length].copy_from_slice(&rest[..length]);
        u64::from_be_bytes(key)
    }
}

/// The places of ids in their bytewise order, equal ones as they come.
pub(crate) fn order(ids: &[&str]) -> Vec<u32> {
    let prefix = Prefix::of(ids.iter().copied());
    let mut keyed: Vec<(u64, u32)> = ids.iter().zip(0..).map(|(id, at)| (prefix.key(id), at)).collect();
    let id = |at: u32| ids[at as usize];
    keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| id(a.1).cmp(id(b.1))).then(a.1.cmp(&b.1)));
    keyed.into_iter().map(|(_, at)| at).collect()
}

/// A set of ids.
pub(crate) struct Ids<'a> {
    ids: Vec<&'a str>,
    prefix: Prefix,
    /// Beside the ids.
    keys: Vec<u64>,
}

impl<'a> Ids<'a> {
    /// Of ids in order; some may stand twice.
    pub(crate) fn new(mut sorted: Vec<&'a str>) -> Ids<'a> {
        sorted.dedup();
        let prefix = Prefix::of(sorted.iter().copied());
        let keys = sorted.iter().map(|id| prefix.key(id)).collect();
        Ids { ids: sorted, prefix, keys }
    }

    /// The place of an id.
    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        let shared = self.prefix.0;
        if self.ids.first()?.as_bytes()[..shared] != *id.as_bytes().get(..shared)? {
            return None;
        }
        let key = self.prefix.key(id);
        let from = self.keys.partition_point(|other| *other < key);
        if self.ids.get(from).is_some_and(|other| *other == id) {
            return Some(from);
        }
        let same = self.keys[from..].partition_point(|other| *other == key);
        self.ids[from..from + same].binary_search(&id).ok().map(|at| from + at)
    }

    /// The id at a place.
    pub(crate) fn at(&self, place: usize) -> &'a str {
        self.ids[place]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a str> + Clone {
        self.ids.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_are_ordered_and_found_as_by_comparing_them(
            words in proptest::collection::vec("(t-)?[ab\u{0}é]{0,12}", 0..60),
            strange in "(t-)?[abc]{0,12}",
        ) {
            let ids: Vec<&str> = words.iter().map(String::as_str).collect();
            let mut expected: Vec<u32> = (0..ids.len() as u32).collect();
            expected.sort_by_key(|at| ids[*at as usize]);
            let found = order(&ids);
            prop_assert_eq!(&found, &expected);
            let mut sorted: Vec<&str> = found.iter().map(|at| ids[*at as usize]).collect();
            let set = Ids::new(sorted.clone());
            sorted.dedup();
            for id in ids.iter().copied().chain([strange.as_str()]) {
                prop_assert_eq!(set.find(id), sorted.binary_search(&id).ok());
            }
        }
    }
}
