//! Rows and workflows as tables: for a terminal, for a page, and as JSON. It knows no measurement.

use crate::row::{Found, Limit, Row, Theirs, Unit, Verdict};
use crate::stats::{Spread, median};
use crate::workflows::{GOAL_PERCENT, Shortened};
use serde_json::{Value, json};

/// The columns of the goals' table.
const HEAD: [&str; 8] =
    ["goal", "quantity", "ours", "reference", "found", "spread", "wanted", "beside the floor"];

/// A table as cells, the head first; the last column is the result.
pub(crate) fn goals(rows: &[Row]) -> Vec<Vec<String>> {
    let mut head: Vec<String> = HEAD.map(str::to_owned).to_vec();
    head.push("result".to_owned());
    std::iter::once(head).chain(rows.iter().map(cells)).collect()
}

fn cells(row: &Row) -> Vec<String> {
    let spread = row.spread();
    vec![
        row.goal.to_string(),
        row.quantity.clone(),
        median(&row.ours).map_or(String::new(), |ours| measure(ours, row.unit)),
        row.reference.as_ref().map_or(String::new(), |(name, theirs)| reference(name, theirs, row.unit)),
        spread.map_or(String::new(), |spread| measure(spread.median, row.found_unit)),
        spread.map_or(String::new(), |spread| range(&spread)),
        wanted(row),
        row.floor.as_ref().map_or(String::new(), beside),
        result(row),
    ]
}

fn reference(name: &str, theirs: &Theirs, unit: Unit) -> String {
    let value = theirs.as_ref().ok().and_then(|theirs| median(theirs));
    value.map_or(format!("{name}: missing"), |value| format!("{name}: {}", measure(value, unit)))
}

fn range(spread: &Spread) -> String {
    if spread.least.total_cmp(&spread.most).is_eq() {
        return String::new();
    }
    format!("{} to {}", number(spread.least), number(spread.most))
}

fn wanted(row: &Row) -> String {
    match row.limit {
        Limit::AtMost(most) => format!("<= {}", measure(most, row.found_unit)),
        Limit::AtLeast(least) => format!(">= {}", measure(least, row.found_unit)),
        Limit::Told => String::new(),
    }
}

fn beside(floor: &Theirs) -> String {
    match floor {
        Ok(ratios) => median(ratios).map_or(String::new(), |ratio| measure(ratio, Unit::Times)),
        Err(why) => format!("not measured: {why}"),
    }
}

fn result(row: &Row) -> String {
    let why = match &row.found {
        Found::NotMeasured(why) | Found::Failed(why) => why.lines().next().unwrap_or_default(),
        Found::Values(_) => "no number came of it",
    };
    match row.verdict() {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Miss => "MISS".to_owned(),
        Verdict::Told => String::new(),
        Verdict::NotMeasured => format!("not measured: {why}"),
        Verdict::Failed => format!("FAILED: {why}"),
    }
}

fn measure(value: f64, unit: Unit) -> String {
    format!("{} {}", number(value), unit.name()).trim_end().to_owned()
}

/// As many digits as mean something: three, and none of a whole number below a hundred that are noughts.
fn number(value: f64) -> String {
    let whole = value.fract().abs() < f64::EPSILON;
    match value.abs() {
        large if large >= 999.5 => grouped(value),
        some if some >= 99.95 || whole => format!("{value:.0}"),
        some if some >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Thousands apart.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let first = digits.len() % 3;
    let mut groups: Vec<&str> = if first > 0 { vec![&digits[..first]] } else { Vec::new() };
    groups.extend((first..digits.len()).step_by(3).map(|at| &digits[at..at + 3]));
    format!("{}{}", if value < 0.0 { "-" } else { "" }, groups.join(","))
}

/// The workflows, and their median in the last row.
pub(crate) fn workflows(found: &[Shortened]) -> Vec<Vec<String>> {
    let head = ["workflow", "tasks", "sequential", "dataflow", "shorter by", "above the bound"];
    let percent = |value: f64| measure(value, Unit::Percent);
    let row = |it: &Shortened| {
        let ms = |value| measure(value, Unit::Ms);
        let tasks = it.tasks.to_string();
        vec![
            it.name.clone(),
            tasks,
            ms(it.sequential_ms),
            ms(it.dataflow_ms),
            percent(it.shorter_percent),
            percent(it.above_bound_percent),
        ]
    };
    let mut table: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
    table.extend(found.iter().map(row));
    if let (Some(shorter), Some(above)) = (shorter(found), middle(found, |it| it.above_bound_percent)) {
        let median = ["median", "", "", ""].map(str::to_owned).into_iter();
        table.push(median.chain([percent(shorter), percent(above)]).collect());
    }
    table
}

/// By how much the median workflow is shorter, in percent.
pub(crate) fn shorter(found: &[Shortened]) -> Option<f64> {
    middle(found, |it| it.shorter_percent)
}

fn middle(found: &[Shortened], figure: fn(&Shortened) -> f64) -> Option<f64> {
    median(&found.iter().map(figure).collect::<Vec<f64>>())
}

/// Whether the workflows are as much shorter as they must be, in words.
pub(crate) fn workflows_verdict(found: &[Shortened]) -> (bool, String) {
    let shorter = shorter(found).unwrap_or(0.0);
    let kept = shorter >= GOAL_PERCENT;
    let word = if kept { "pass" } else { "MISS" };
    (
        kept,
        format!("median shorter by {}, wanted >= {GOAL_PERCENT} %: {word}", measure(shorter, Unit::Percent)),
    )
}

/// Columns of even width.
pub(crate) fn text(table: &[Vec<String>]) -> String {
    let columns = table.first().map_or(0, Vec::len);
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    table.iter().map(line).collect()
}

/// Lines of Markdown, head and rule first.
pub(crate) fn markdown(table: &[Vec<String>]) -> Vec<String> {
    let line =
        |row: &Vec<String>| format!("| {} |", row.join(" | ")).replace("|  |", "| |").replace("|  |", "| |");
    let mut lines: Vec<String> = table.iter().map(line).collect();
    if let Some(head) = table.first() {
        lines.insert(1, format!("|{}", "---|".repeat(head.len())));
    }
    lines
}

/// One row with everything that was measured.
pub(crate) fn row_json(row: &Row) -> Value {
    let theirs = |theirs: &Theirs| match theirs {
        Ok(values) => json!(values),
        Err(why) => json!({ "missing": why }),
    };
    let (values, why) = match &row.found {
        Found::Values(values) => (Some(values), None),
        Found::NotMeasured(why) | Found::Failed(why) => (None, Some(why)),
    };
    let limit = match row.limit {
        Limit::AtMost(most) => json!({ "at_most": most }),
        Limit::AtLeast(least) => json!({ "at_least": least }),
        Limit::Told => Value::Null,
    };
    json!({
        "goal": row.goal,
        "quantity": row.quantity,
        "unit": row.unit.name(),
        "ours": row.ours,
        "reference": row.reference.as_ref().map(|(name, values)| json!({ "name": name, "values": theirs(values) })),
        "found_unit": row.found_unit.name(),
        "found": values,
        "median": row.spread().map(|spread| spread.median),
        "limit": limit,
        "floor_ratios": row.floor.as_ref().map(theirs),
        "verdict": format!("{:?}", row.verdict()).to_lowercase(),
        "why": why,
    })
}

/// One workflow.
pub(crate) fn workflow_json(it: &Shortened) -> Value {
    json!({
        "name": it.name,
        "tasks": it.tasks,
        "sequential_ms": it.sequential_ms,
        "dataflow_ms": it.dataflow_ms,
        "shorter_percent": it.shorter_percent,
        "above_bound_percent": it.above_bound_percent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let row = Row::of(1, "1000 tasks: wall");
        row.ratio(Unit::Ms, vec![1_100.4, 900.0, 1_000.0], ("ninja", Ok(vec![1_000.0; 3]))).at_most(1.35)
    }

    #[test]
    fn a_number_has_three_digits_that_mean_something() {
        let shown = [0.0, 0.074, 3.0, 9.996, 12.34, 99.96, 138_123.4, 1_000_000.0, -1_234.0].map(number);
        assert_eq!(shown, ["0", "0.07", "3", "10.0", "12.3", "100", "138,123", "1,000,000", "-1,234"]);
    }

    #[test]
    fn a_row_tells_medians_ratio_spread_goal_and_verdict() {
        let floored = row().floor(Err("`cc` is not installed".to_owned()));
        let lines = markdown(&goals(&[floored]));
        assert_eq!(lines[1], "|---|---|---|---|---|---|---|---|---|");
        let expect = "| 1 | 1000 tasks: wall | 1,000 ms | ninja: 1,000 ms | 1 x | 0.90 to 1.10 | <= 1.35 x | \
                      not measured: `cc` is not installed | pass |";
        assert_eq!(lines[2], expect);
        let text = text(&goals(&[row().at_most(0.99)]));
        assert!(text.lines().nth(1).unwrap().ends_with(" MISS"), "{text}");
    }

    #[test]
    fn what_was_not_measured_says_why() {
        let rows = [Row::of(10, "a").not_measured("later"), Row::of(2, "b").failed("exit 4\nmore")];
        let lines = markdown(&goals(&rows));
        assert_eq!(lines[2], "| 10 | a | | | | | | | not measured: later |");
        assert_eq!(lines[3], "| 2 | b | | | | | | | FAILED: exit 4 |");
    }

    #[test]
    fn json_has_each_value_and_the_verdict() {
        let value = row_json(&row().at_most(0.5));
        assert_eq!(value["ours"], json!([1_100.4, 900.0, 1_000.0]));
        assert_eq!((&value["verdict"], &value["limit"]), (&json!("miss"), &json!({ "at_most": 0.5 })));
        assert_eq!(value["reference"]["values"], json!([1_000.0, 1_000.0, 1_000.0]));
        let missing =
            row_json(&Row::of(3, "a").ratio(Unit::Ms, vec![1.0], ("ninja", Err("gone".to_owned()))));
        assert_eq!((&missing["why"], &missing["found"]), (&json!("gone"), &Value::Null));
    }

    #[test]
    fn the_median_workflow_decides() {
        let one = |shorter_percent| Shortened {
            name: "w".to_owned(),
            tasks: 3,
            sequential_ms: 1_000.0,
            dataflow_ms: 500.0,
            shorter_percent,
            above_bound_percent: 4.0,
        };
        let found = [one(10.0), one(35.5), one(80.0)];
        assert_eq!(
            workflows_verdict(&found),
            (true, "median shorter by 35.5 %, wanted >= 30 %: pass".to_owned())
        );
        assert!(!workflows_verdict(&found[..1]).0 && !workflows_verdict(&[]).0);
        let lines = markdown(&workflows(&found));
        assert_eq!(lines[2], "| w | 3 | 1,000 ms | 500 ms | 10 % | 4 % |");
        assert_eq!(lines[5], "| median | | | | 35.5 % | 4 % |");
    }
}
