//! What is fed: readers with their corpus, their words, and a judge of each answer.
//!
//! A judge answers with a signature, by which inputs that led to something new are told, or with what is wrong.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Judges the answer to an input.
pub type Judge = Box<dyn FnMut(&[u8]) -> Result<Signature, String>>;

/// A reader.
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it reads.
    pub doc: &'static str,
    /// Words that mean something to it.
    pub words: &'static [&'static str],
    /// Sound and unsound inputs to begin with.
    pub corpus: fn() -> Result<Vec<Vec<u8>>, String>,
    /// Makes the judge.
    pub judge: fn() -> Result<Judge, String>,
}

/// What kind of answer it was.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Signature(u64);

impl Signature {
    /// Of words, in any order.
    pub fn of<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Signature {
        let words: BTreeSet<String> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let mut hasher = DefaultHasher::new();
        words.hash(&mut hasher);
        Signature(hasher.finish())
    }
}

/// The words of a message without what it quotes and counts: two messages of one kind have the same.
#[must_use]
pub fn kind_of(message: &str) -> String {
    message.split('`').step_by(2).flat_map(str::chars).filter(|c| !c.is_ascii_digit()).collect()
}

/// Fails with a sentence unless something holds.
pub fn must(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_one_kind_have_one_signature() {
        assert_eq!(kind_of("task `a` has 12 needs"), kind_of("task `b` has 7 needs"));
        assert_eq!(Signature::of(["a", "b"]), Signature::of(["b", "a", "a"]));
        assert_ne!(Signature::of(["a"]), Signature::of(["b"]));
    }
}
