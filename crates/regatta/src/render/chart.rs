//! The predicted schedule as bars of text, one line for each task, for plans that fit on a screen.
//!
//! `#` is the critical path, `=` the rest, `|` a milestone.

use super::duration;
use super::escape::{escape, fit};
use crate::prediction::Predicted;
use regatta_engine::ids::NodeId;
use unicode_width::UnicodeWidthStr as _;

/// A larger plan has no chart.
const MOST_TASKS: usize = 40;
/// Columns for the bars.
const BARS: u64 = 50;
/// Columns for a name.
const NAMES: usize = 24;

/// The chart, in order of starts; empty if there is nothing to be seen in it.
#[must_use]
pub fn chart(predicted: &Predicted) -> String {
    let end = predicted.schedule.makespan_ms;
    let nodes = &predicted.schedule.starts;
    if !(2..=MOST_TASKS).contains(&nodes.len()) || end == 0 || !predicted.is_known() {
        return String::new();
    }
    let name = |node: NodeId| fit(&escape(predicted.graph().name(node)), NAMES);
    let width = nodes.iter().map(|&node| name(node).width()).max().unwrap_or(0);
    let row = |&node: &NodeId| {
        let at = predicted.at(node);
        let name = name(node);
        let pad = " ".repeat(width - name.width());
        let bar = bar((at.start_ms, at.end_ms), end, predicted.critical_path.contains(&node));
        format!("  {name}{pad}  {bar}  {}\n", duration(at.end_ms - at.start_ms))
    };
    nodes.iter().map(row).collect()
}

/// A bar in a field of [`BARS`] columns: at least one column, so that nobody disappears.
fn bar((start, stop): (u64, u64), end: u64, critical: bool) -> String {
    let column = |ms: u64| (u128::from(ms) * u128::from(BARS) / u128::from(end.max(1))) as u64;
    let from = column(start).min(BARS - 1);
    let to = column(stop).clamp(from + 1, BARS);
    let mark = match (start == stop, critical) {
        (true, _) => "|",
        (false, true) => "#",
        (false, false) => "=",
    };
    let blank = |columns: u64| " ".repeat(columns as usize);
    format!("{}{}{}", blank(from), mark.repeat((to - from) as usize), blank(BARS - to))
}

#[cfg(test)]
mod tests {
    use super::{BARS, bar};

    #[test]
    fn a_bar_stands_where_its_task_runs_and_never_disappears() {
        let whole = bar((0, 100), 100, true);
        assert_eq!(whole, "#".repeat(BARS as usize));
        for (from, to) in [(0, 0), (0, 1), (99, 100), (100, 100), (50, 51), (33, 66)] {
            let bar = bar((from, to), 100, false);
            assert_eq!(bar.len(), BARS as usize);
            assert!(bar.contains(['=', '|']), "{from} {to}");
        }
        assert_eq!(bar((50, 100), 100, false).trim_start(), "=".repeat(25));
    }
}
