//! What the verb `cost` is asked for. It knows the words, not what they lead to.

/// How much is measured.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// No-ops in one run.
    pub(super) tasks: u64,
    /// Runs of each side.
    pub(super) pairs: u64,
    /// A missed goal is an error.
    pub(super) check: bool,
}

impl Wish {
    /// Reads `[--tasks N] [--pairs N] [--check]`.
    pub(super) fn parse(args: &[String]) -> Result<Wish, String> {
        let mut wish = Wish { tasks: 10_000, pairs: 5, check: false };
        let mut rest = args.iter();
        while let Some(word) = rest.next() {
            let mut number = || {
                let value = rest.next().and_then(|text| text.parse().ok()).filter(|n| *n > 0);
                value.ok_or_else(|| format!("`{word}` wants a number above 0"))
            };
            match word.as_str() {
                "--tasks" => wish.tasks = number()?,
                "--pairs" => wish.pairs = number()?,
                "--check" => wish.check = true,
                _ => return Err(format!("`cost` does not know `{word}`")),
            }
        }
        Ok(wish)
    }
}

#[cfg(test)]
mod tests {
    use super::Wish;

    fn parse(text: &str) -> Result<Wish, String> {
        Wish::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn tasks_pairs_and_check_are_read_and_anything_else_is_refused() {
        assert_eq!(parse(""), Ok(Wish { tasks: 10_000, pairs: 5, check: false }));
        assert_eq!(parse("--tasks 50 --check --pairs 3"), Ok(Wish { tasks: 50, pairs: 3, check: true }));
        assert_eq!(parse("--tasks 0"), Err("`--tasks` wants a number above 0".to_owned()));
        assert_eq!(parse("--task 1"), Err("`cost` does not know `--task`".to_owned()));
    }
}
