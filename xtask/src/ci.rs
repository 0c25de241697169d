//! The verb `ci`: every check in order, each announced and timed, then a table.
//!
//! It stops at the first failure. What a step checks is known by the step alone.

use crate::cargo::{cargo, run as run_command, show};
use crate::suite::{self, Tally};
use crate::{tidy, verbs};
use std::path::Path;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Format,
    Clippy,
    Tidy,
    Purity,
    Docs,
    Tests,
    Fuzz,
    Sim,
}

/// The cheap steps come first: they fail fastest.
const STEPS: [Step; 8] =
    [Step::Format, Step::Clippy, Step::Tidy, Step::Purity, Step::Docs, Step::Tests, Step::Fuzz, Step::Sim];

const FORMAT: [&str; 3] = ["fmt", "--all", "--check"];
const CLIPPY: [&str; 7] =
    ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Clippy => "clippy",
            Self::Tidy => "tidy",
            Self::Purity => "purity",
            Self::Docs => "docs",
            Self::Tests => "test",
            Self::Fuzz => "fuzz",
            Self::Sim => "sim",
        }
    }

    /// What a person types to run this step alone.
    fn command(self, root: &Path) -> String {
        match self {
            Self::Format => show(&cargo(root, &FORMAT)),
            Self::Clippy => show(&cargo(root, &CLIPPY)),
            Self::Tidy | Self::Purity => "cargo xtask tidy".to_owned(),
            Self::Docs => show(&verbs::doc_command(root)),
            Self::Tests => "cargo xtask test".to_owned(),
            Self::Fuzz => "cargo xtask fuzz --seconds 10".to_owned(),
            Self::Sim => format!("cargo xtask sim --seeds {}", verbs::DEFAULT_SEEDS),
        }
    }

    fn perform(self, root: &Path, tally: &mut Option<Tally>) -> Result<(), String> {
        match self {
            Self::Format => run_command(&mut cargo(root, &FORMAT)),
            Self::Clippy => run_command(&mut cargo(root, &CLIPPY)),
            Self::Tidy => tidy::run(root),
            Self::Purity => tidy::run_purity(root),
            Self::Docs => run_command(&mut verbs::doc_command(root)),
            Self::Tests => {
                let (counted, result) = suite::run_all(root);
                *tally = Some(counted);
                result
            }
            Self::Fuzz => verbs::fuzz_short(root),
            Self::Sim => verbs::sim_short(root),
        }
    }
}

/// Runs the steps; the last line printed is the total of the tests, if they ran.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let mut done = Vec::new();
    let mut tally = None;
    let mut failure = None;
    for step in STEPS {
        println!("\n==> {}: {}", step.name(), step.command(root));
        let start = Instant::now();
        let result = step.perform(root, &mut tally);
        done.push((step, start.elapsed()));
        if let Err(message) = result {
            eprintln!("error: {message}");
            failure = Some(step);
            break;
        }
    }
    println!("\n{}", table(&done, failure));
    if let Some(step) = failure {
        println!("failed: {}", step.command(root));
    }
    if let Some(tally) = tally {
        println!("{tally}");
    }
    failure.map_or(Ok(()), |step| Err(format!("step `{}` failed", step.name())))
}

fn table(done: &[(Step, Duration)], failure: Option<Step>) -> String {
    let mut lines = vec![format!("{:<8} {:>9}  result", "step", "seconds")];
    for (step, time) in done {
        let result = if failure == Some(*step) { "FAILED" } else { "ok" };
        lines.push(format!("{:<8} {:>9.1}  {result}", step.name(), time.as_secs_f64()));
    }
    for step in &STEPS[done.len()..] {
        lines.push(format!("{:<8} {:>9}  not run", step.name(), "-"));
    }
    let total: Duration = done.iter().map(|(_, time)| *time).sum();
    lines.push(format!("{:<8} {:>9.1}", "total", total.as_secs_f64()));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_what_failed_and_what_never_ran() {
        let done = [(Step::Format, Duration::from_millis(1500)), (Step::Clippy, Duration::from_secs(2))];
        let shown = table(&done, Some(Step::Clippy));
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[1], "format         1.5  ok");
        assert_eq!(lines[2], "clippy         2.0  FAILED");
        assert_eq!(lines[3], "tidy             -  not run");
        assert_eq!(lines[9], "total          3.5");
    }

    #[test]
    fn every_step_names_a_command_that_repeats_it() {
        for step in STEPS {
            assert!(step.command(Path::new(".")).contains("cargo "), "{step:?}");
        }
    }
}
