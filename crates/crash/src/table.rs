//! What became of the kills as a table, for a terminal and for a page.
//!
//! Knows no run.

use crate::matrix::Report;
use crate::scenario::Victim;
use regatta_fault::POINTS;

/// One line for each point; in the cell of a victim: kills, survived, repeated effects.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = format!("{:<20} {:>8}", "point", "passages");
    for victim in Victim::ALL {
        out.push_str(&format!("  {:>20}", victim.name()));
    }
    out.push('\n');
    for (point, _) in POINTS {
        out.push_str(&format!("{point:<20} {:>8}", passages(report, point)));
        for victim in Victim::ALL {
            out.push_str(&format!("  {:>20}", cell(report, point, victim)));
        }
        out.push('\n');
    }
    out
}

/// The same in Markdown.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut out = "| point | what was just done | passages | orchestrator | keeper | both |\n".to_owned();
    out.push_str("|---|---|---|---|---|---|\n");
    for (point, what) in POINTS {
        out.push_str(&format!("| `{point}` | {what} | {}", passages(report, point)));
        for victim in Victim::ALL {
            out.push_str(&format!(" | {}", cell(report, point, victim)));
        }
        out.push_str(" |\n");
    }
    out
}

/// The totals in one line.
#[must_use]
pub fn totals(report: &Report) -> String {
    let sum = |of: fn(&crate::matrix::Cell) -> u64| report.cells.values().map(of).sum::<u64>();
    format!(
        "{} kills, {} survived, {} effects repeated as their contract allows",
        sum(|c| c.kills),
        sum(|c| c.survived),
        sum(|c| c.repeats)
    )
}

fn passages(report: &Report, point: &str) -> u64 {
    report.passages.get(point).copied().unwrap_or(0)
}

fn cell(report: &Report, point: &'static str, victim: Victim) -> String {
    match report.cells.get(&(point, victim)) {
        Some(cell) if cell.kills > 0 => format!("{}/{}/{}", cell.kills, cell.survived, cell.repeats),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Cell;

    #[test]
    fn a_cell_tells_kills_survivals_and_repeats_and_an_empty_one_is_a_dash() {
        let mut report = Report::default();
        let cell = Cell { kills: 3, survived: 2, repeats: 1 };
        report.cells.insert(("commit.after", Victim::Keeper), cell);
        report.passages.insert("commit.after", 9);
        let line = text(&report).lines().find(|l| l.starts_with("commit.after")).unwrap().to_owned();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words, ["commit.after", "9", "-", "3/2/1", "-"]);
        assert_eq!(text(&report).lines().count(), POINTS.len() + 1);
        assert!(totals(&report).starts_with("3 kills, 2 survived, 1 effects"));
    }
}
