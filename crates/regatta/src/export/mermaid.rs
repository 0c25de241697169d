//! The graph, and the predicted schedule, as text for Mermaid.
//!
//! Nodes get numbers as names; every character of a text that could mean something to Mermaid or HTML becomes an entity.

use super::{Drawing, label};
use regatta_engine::ids::NodeId;
use std::fmt::Write as _;

/// A day; longer schedules show the day on the axis.
const DAY_MS: u64 = 86_400_000;

/// `flowchart`.
pub(super) fn graph(drawing: &Drawing<'_>) -> String {
    let mut out = String::from("flowchart LR\n");
    for node in drawing.nodes() {
        // Writing into a string cannot fail.
        let _ = writeln!(out, "  n{}[\"{}\"]", node.0, lines(drawing, node));
    }
    let (mut links, mut critical) = (0_usize, Vec::new());
    for node in drawing.nodes() {
        for next in drawing.predicted.graph().succs(node) {
            if drawing.is_critical_edge(node, next) {
                critical.push(links.to_string());
            }
            links += 1;
            let _ = writeln!(out, "  n{} --> n{}", node.0, next.0);
        }
    }
    let path: Vec<String> = drawing.predicted.critical_path.iter().map(|n| format!("n{}", n.0)).collect();
    if !path.is_empty() {
        out.push_str("  classDef critical fill:#ffe8cc,stroke:#d9480f,stroke-width:2px,color:#1f2933\n");
        let _ = writeln!(out, "  class {} critical", path.join(","));
    }
    if !critical.is_empty() {
        let _ = writeln!(out, "  linkStyle {} stroke:#d9480f,stroke-width:2px", critical.join(","));
    }
    out
}

/// `gantt`, a section for each slot. Times are local times of the first day of 1970, so that the axis begins at 0
/// wherever it is shown.
pub(super) fn gantt(drawing: &Drawing<'_>) -> String {
    let predicted = drawing.predicted;
    let axis = match predicted.schedule.makespan_ms {
        0..10_000 => "%S.%L",
        10_000..3_600_000 => "%M:%S",
        3_600_000..=DAY_MS => "%H:%M:%S",
        _ => "day %-d %H:%M",
    };
    let mut out = String::from("gantt\n");
    let _ = writeln!(out, "  title {}", plain(&label::plan_name(drawing)));
    out.push_str("  dateFormat YYYY-MM-DDTHH:mm:ss.SSS\n");
    let _ = writeln!(out, "  axisFormat {axis}");
    for slot in 0..predicted.slots() {
        let _ = writeln!(out, "  section slot {}", slot + 1);
        let nodes = predicted.schedule.starts.iter().filter(|&&node| predicted.at(node).slot == slot);
        for &node in nodes {
            let at = predicted.at(node);
            let length = at.end_ms - at.start_ms;
            let critical = if drawing.is_critical(node) { "crit, " } else { "" };
            let milestone = if length == 0 { "milestone, " } else { "" };
            let (name, start) = (word(drawing.name(node)), local(at.start_ms));
            let _ = writeln!(out, "  {name} :{critical}{milestone}n{}, {start}, {length}ms", node.0);
        }
    }
    out
}

/// Milliseconds after the begin of 1970 as Mermaid reads them.
fn local(ms: u64) -> String {
    let (days, ms) = (ms / DAY_MS, ms % DAY_MS);
    let (year, month, day) = date(days);
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}", ms % 1_000)
}

/// Year, month and day, so many days after 1970-01-01 (Hinnant, `civil_from_days`).
fn date(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let of_era = z % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

fn lines(drawing: &Drawing<'_>, node: NodeId) -> String {
    let parts =
        [Some(drawing.name(node).to_owned()), label::title(drawing, node), label::length(drawing, node)];
    let parts: Vec<String> = parts.into_iter().flatten().map(|part| entities(&part)).collect();
    parts.join("<br/>")
}

/// A text of which every character stands for itself.
fn entities(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '[' | ']');
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if plain(c) || !c.is_ascii() {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", c as u32);
        }
    }
    out
}

/// Words that begin a statement of `gantt`.
const STATEMENTS: [&str; 19] = [
    "accdescr",
    "acctitle",
    "axisformat",
    "call",
    "click",
    "dateformat",
    "excludes",
    "gantt",
    "href",
    "includes",
    "inclusiveenddates",
    "section",
    "task",
    "tickinterval",
    "title",
    "todaymarker",
    "topaxis",
    "weekday",
    "weekend",
];

/// An id as the name of a task of `gantt`, which has no quotes: it must not look like a statement or a date.
fn word(id: &str) -> String {
    let lower = id.to_ascii_lowercase();
    let taken =
        STATEMENTS.iter().any(|s| lower.starts_with(s)) || id.starts_with(|c: char| c.is_ascii_digit());
    let prefix = if taken { "task " } else { "" };
    format!("{prefix}{}", plain(id))
}

/// A text without the characters that mean something, where entities are not understood.
fn plain(text: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || !c.is_ascii() || " .-_[]".contains(c);
    text.chars().map(|c| if keep(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::{entities, local, word};

    #[test]
    fn a_name_never_looks_like_a_statement() {
        assert_eq!(
            [word("build"), word("Section-2"), word("2024-01-01")],
            ["build", "task Section-2", "task 2024-01-01"]
        );
    }

    #[test]
    fn every_character_that_could_mean_something_is_an_entity() {
        assert_eq!(entities("a-1.b[x] ü"), "a-1.b[x] ü");
        assert_eq!(entities("\"]; <b>&#\n%%"), "#34;]#59; #60;b#62;#38;#35;#10;#37;#37;");
    }

    #[test]
    fn times_begin_at_midnight_of_1970() {
        assert_eq!(local(0), "1970-01-01T00:00:00.000");
        assert_eq!(local(86_400_000 * 59 + 3_723_004), "1970-03-01T01:02:03.004");
        assert_eq!(local(86_400_000 * 11_016), "2000-02-29T00:00:00.000");
    }
}
