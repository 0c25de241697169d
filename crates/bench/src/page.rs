//! The page with the table: what was measured now takes the place of what stood there, goal by goal.
//!
//! ```text
//! Measured by `cargo xtask bench …` on MACHINE.          every goal
//! Goals 1, 5 by `cargo xtask bench --goals 1,5 …` on …   measured again later: their rows only
//! | goal | …
//! ```

use crate::options::Options;
use regatta_crash::{Outcome, page};
use std::path::Path;

/// Puts the lines of a table into the section `bench`; rows of goals that were not asked for stay.
pub(crate) fn write_goals(
    path: &Path,
    options: &Options,
    (machine, table): (&str, &[String]),
) -> Outcome<()> {
    let old = page::read(path, "bench")?;
    let some = (options.goals.len() < 19).then_some(options.goals.as_slice());
    page::write(path, "bench", &merged(&old, some, (&by(options, machine), table)))
}

/// Puts the workflows into their section.
pub(crate) fn write_workflows(
    path: &Path,
    options: &Options,
    (machine, table): (&str, &[String]),
) -> Outcome<()> {
    page::write(path, "workflows", &format!("Measured by {}\n\n{}\n", by(options, machine), table.join("\n")))
}

fn by(options: &Options, machine: &str) -> String {
    format!("`{} --write` on {machine}.", options.typed)
}

fn merged(old: &str, some: Option<&[u8]>, (by, table): (&str, &[String])) -> String {
    let (head, rows) = table.split_at(table.len().min(2));
    let goals = some.unwrap_or_default().iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    let begin = if some.is_some() { format!("Goals {goals} by ") } else { "Measured by ".to_owned() };
    let mut notes: Vec<String> = Vec::new();
    let mut all: Vec<&str> = rows.iter().map(String::as_str).collect();
    if let Some(goals) = some {
        let words = old.lines().filter(|line| !line.starts_with('|') && !line.is_empty());
        notes.extend(words.filter(|line| !line.starts_with(&begin)).map(str::to_owned));
        let kept = |line: &&str| goal(line).is_some_and(|goal| !goals.contains(&goal));
        all.extend(old.lines().filter(kept));
    }
    notes.push(format!("{begin}{by}"));
    all.sort_by_key(|line| goal(line));
    format!("{}\n\n{}\n{}\n", notes.join("\n"), head.join("\n"), all.join("\n"))
}

/// The goal that a line of the table is about; none for head and rule.
fn goal(line: &str) -> Option<u8> {
    line.strip_prefix("| ")?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rows: &[&str]) -> Vec<String> {
        ["| goal | x |", "|---|---|"].iter().chain(rows).map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn a_whole_measurement_takes_the_place_of_everything() {
        let text = merged(
            "Measured by `old` on m.\n\n| 1 | old |\n",
            None,
            ("`new` on n.", &lines(&["| 2 | new |"])),
        );
        assert_eq!(text, "Measured by `new` on n.\n\n| goal | x |\n|---|---|\n| 2 | new |\n");
    }

    #[test]
    fn goals_measured_alone_leave_the_rows_of_the_others() {
        let old = "Measured by `all` on m.\nGoals 2 by `before` on m.\n\n| goal | x |\n|---|---|\n| 1 | a |\n| 2 | b |\n| 10 | c |\n";
        let text = merged(old, Some(&[2]), ("`again` on n.", &lines(&["| 2 | B |", "| 2 | BB |"])));
        let expect = "Measured by `all` on m.\nGoals 2 by `again` on n.\n\n| goal | x |\n|---|---|\n| 1 | a |\n| 2 | B |\n| 2 | BB |\n| 10 | c |\n";
        assert_eq!(text, expect);
    }
}
