//! What the command line asks for. It knows the words, not what they lead to.

use regatta_crash::Outcome;
use std::path::PathBuf;

/// How the program is called.
pub(crate) const USAGE: &str = "cargo xtask bench [--trials DIR] [--goals N,N | --workflows] [--pairs N] [--scale F] \
                                [--seed N] [--check] [--json FILE] [--write]";
/// Goals of the specification's table, and behind them ours.
const GOALS: std::ops::RangeInclusive<u8> = 1..=21;

/// What is measured, how much of it, and where the result goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// The optimised product; examples lie beside it.
    pub(crate) binary: PathBuf,
    pub(crate) trials: Option<PathBuf>,
    pub(crate) goals: Vec<u8>,
    /// The ten workflows instead of the goals.
    pub(crate) workflows: bool,
    pairs: Option<usize>,
    pub(crate) scale: f64,
    pub(crate) seed: u64,
    /// A missed goal is an error.
    pub(crate) check: bool,
    pub(crate) json: Option<PathBuf>,
    /// The page that gets the table.
    pub(crate) write: Option<PathBuf>,
    /// What was typed, without paths.
    pub(crate) typed: String,
}

impl Options {
    /// Reads the words.
    pub(crate) fn parse(args: &[String]) -> Outcome<Options> {
        let mut options = Options {
            binary: PathBuf::new(),
            trials: None,
            goals: GOALS.collect(),
            workflows: false,
            pairs: None,
            scale: 1.0,
            seed: 1,
            check: false,
            json: None,
            write: None,
            typed: "cargo xtask bench".to_owned(),
        };
        let mut rest = args.iter();
        while let Some(word) = rest.next() {
            let value = |rest: &mut std::slice::Iter<'_, String>| {
                rest.next().cloned().ok_or_else(|| format!("`{word}` needs a value"))
            };
            match word.as_str() {
                "--check" => options.check = true,
                "--workflows" => options.workflows = true,
                "--binary" | "--trials" | "--json" | "--write" => options.path(word, value(&mut rest)?),
                _ => options.number(word, &value(&mut rest).unwrap_or_default())?,
            }
        }
        options.sound()
    }

    fn path(&mut self, word: &str, value: String) {
        let path = PathBuf::from(value);
        match word {
            "--binary" => self.binary = path,
            "--trials" => self.trials = Some(path),
            "--json" => self.json = Some(path),
            _ => self.write = Some(path),
        }
    }

    fn number(&mut self, word: &str, value: &str) -> Outcome<()> {
        let bad = |what: &str| format!("`{word}` wants {what}, not `{value}`");
        match word {
            "--goals" => {
                self.goals = goals(value).ok_or_else(|| bad("numbers from 1 to 21 with commas between"))?
            }
            "--pairs" => {
                let pairs = value.parse().ok().filter(|n| *n > 0);
                self.pairs = Some(pairs.ok_or_else(|| bad("a number above 0"))?);
            }
            "--scale" => {
                let scale = value.parse().ok().filter(|f| *f > 0.0 && *f <= 1.0);
                self.scale = scale.ok_or_else(|| bad("a number above 0 and at most 1"))?;
            }
            "--seed" => self.seed = value.parse().map_err(|_| bad("a number"))?,
            _ => return Err(format!("unknown option `{word}`")),
        }
        self.typed.push_str(&format!(" {word} {value}"));
        Ok(())
    }

    /// Refuses what contradicts itself.
    fn sound(mut self) -> Outcome<Options> {
        let words = [(" --trials DIR", self.trials.is_some()), (" --workflows", self.workflows)];
        words.iter().filter(|(_, said)| *said).for_each(|(word, _)| self.typed.push_str(word));
        if self.workflows && self.goals.len() < GOALS.count() {
            return Err("`--workflows` and `--goals` exclude each other".to_owned());
        }
        if self.workflows && self.trials.is_none() {
            return Err("`--workflows` needs `--trials DIR`".to_owned());
        }
        if self.write.is_some() && self.scale < 1.0 {
            return Err("`--write` is for whole measurements, without `--scale`".to_owned());
        }
        Ok(self)
    }

    pub(crate) fn wants(&self, goal: u8) -> bool {
        self.goals.contains(&goal)
    }

    /// How many pairs, where nobody says otherwise so many.
    pub(crate) fn pairs(&self, usual: usize) -> usize {
        self.pairs.unwrap_or(usual)
    }

    /// A number of tasks at the scale that was asked for, and no fewer than `least`.
    pub(crate) fn scaled(&self, whole: u32, least: u32) -> u32 {
        ((f64::from(whole) * self.scale).round() as u32).max(least)
    }
}

fn goals(text: &str) -> Option<Vec<u8>> {
    let goal = |word: &str| word.trim().parse().ok().filter(|n| GOALS.contains(n));
    text.split(',').map(goal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Outcome<Options> {
        Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn without_a_word_every_goal_is_measured_in_full() {
        let all = parse("--binary b").unwrap();
        assert_eq!((all.goals.len(), all.scale, all.check), (21, 1.0, false));
        assert_eq!([all.pairs(5), all.pairs(3)], [5, 3]);
        assert_eq!(all.typed, "cargo xtask bench");
    }

    #[test]
    fn every_word_is_read_and_repeated_without_paths() {
        let it = parse("--goals 1,5 --trials /x --pairs 2 --scale 0.02 --seed 9 --check --json o").unwrap();
        assert_eq!((it.wants(5), it.wants(2), it.pairs(5), it.seed, it.check), (true, false, 2, 9, true));
        assert_eq!([it.scaled(10_000, 20), it.scaled(100, 20)], [200, 20]);
        assert_eq!((it.json, it.trials), (Some("o".into()), Some("/x".into())));
        assert_eq!(it.typed, "cargo xtask bench --goals 1,5 --pairs 2 --scale 0.02 --seed 9 --trials DIR");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let why = |text| parse(text).unwrap_err();
        assert_eq!(
            why("--goals 1,22"),
            "`--goals` wants numbers from 1 to 21 with commas between, not `1,22`"
        );
        assert_eq!(why("--pairs 0"), "`--pairs` wants a number above 0, not `0`");
        assert_eq!(why("--scale 2"), "`--scale` wants a number above 0 and at most 1, not `2`");
        assert_eq!(why("--trials"), "`--trials` needs a value");
        assert_eq!(why("--goal 1"), "unknown option `--goal`");
        assert_eq!(why("--workflows"), "`--workflows` needs `--trials DIR`");
        assert_eq!(why("--workflows --trials x --goals 1"), "`--workflows` and `--goals` exclude each other");
        assert_eq!(why("--write p --scale 0.5"), "`--write` is for whole measurements, without `--scale`");
    }
}
