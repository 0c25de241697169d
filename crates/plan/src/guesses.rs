//! Names that were probably meant, for the first problems of a plan: comparing costs, so all of it has one bound.
//!
//! Counts work, never time, so the same plan gets the same guesses everywhere.

use crate::fields::nearest;

/// Bytes of names times bytes of the names that they are compared with, in all: a tenth of a second.
const MOST_WORK: usize = 100_000_000;

/// Finds names until the work is used up.
pub(crate) struct Guesses(usize);

impl Guesses {
    pub(crate) fn new() -> Guesses {
        Guesses(MOST_WORK)
    }

    /// The name most like `text`, if one is like enough and names are still sought.
    pub(crate) fn nearest<'a>(
        &mut self,
        text: &str,
        names: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<&'a str> {
        if self.0 == 0 {
            return None;
        }
        let work = names.clone().map(|name| (name.len() + 1) * (text.len() + 1)).sum();
        // Whoever asks later gets nothing either: not even counting is free.
        self.0 = self.0.saturating_sub(work);
        if self.0 == 0 { None } else { nearest(text, names) }
    }

    /// The same as a help.
    pub(crate) fn help<'a>(
        &mut self,
        text: &str,
        names: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<String> {
        self.nearest(text, names).map(|near| format!("did you mean `{near}`?"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_guessed_until_the_work_is_used_up_and_then_no_more() {
        let names: Vec<String> = (0..1_000).map(|n| format!("{n:0>120}x")).collect();
        let names = || names.iter().map(String::as_str);
        let mut guesses = Guesses::new();
        let asked = format!("{:0>120}y", 7);
        let found = (0..1_000).take_while(|_| guesses.nearest(&asked, names()).is_some()).count();
        assert_eq!(found, MOST_WORK / (122 * 122 * 1_000));
        assert_eq!(guesses.nearest("ab", ["abc"].into_iter()), None);
        assert_eq!(Guesses::new().help("ab", ["abc"].into_iter()).as_deref(), Some("did you mean `abc`?"));
    }
}
