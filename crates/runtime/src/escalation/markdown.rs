//! An escalation to be read by a person.
//!
//! Everything that a task or a plan can influence is escaped, for Markdown and for the terminal.

use super::{Case, Tried};
use crate::escape::{escape, fenced, markdown};

/// The file as text.
pub(super) fn text(case: &Case) -> String {
    let title = case.title.as_deref().map(|t| format!(": {}", markdown(t))).unwrap_or_default();
    let mut out = format!("# {} {}{title}\n\n", heading(case.about), code(&case.name));
    out.push_str(&format!("Run {}, after {}.\n\n", code(&case.run_id), seconds(case.at_ms)));
    out.push_str(&format!("- what: {}\n", what(case)));
    if let Some(question) = &case.question {
        out.push_str(&format!("- question: {}\n", markdown(question)));
    }
    out.push_str(&format!("- cause class: {}\n", case.class.replace('_', " ")));
    out.push_str(&format!("- cause: {}\n", code(case.cause)));
    out.push_str("\n## Evidence\n\n");
    if case.attempts.is_empty() && case.merging.is_empty() {
        out.push_str("No attempt is known.\n");
    }
    for said in &case.merging {
        out.push_str(&format!("- {}\n", markdown(said)));
    }
    for tried in &case.attempts {
        out.push_str(&format!("- {}\n", attempt(case, tried)));
    }
    let told = u32::try_from(case.attempts.len()).unwrap_or(u32::MAX);
    if case.attempts_in_all > told {
        out.push_str(&format!("- and {} before\n", case.attempts_in_all - told));
    }
    if let Some(output) = &case.output {
        out.push_str(&format!("\nThe last lines of its {}:\n\n", output.stream));
        out.push_str(&fenced(output.lines.iter().map(String::as_str)));
    }
    out.push_str("\n## What it blocks\n\n");
    match case.blocks_in_all {
        0 => out.push_str("Nothing.\n"),
        all => {
            let names: Vec<String> = case.blocks.iter().map(|name| code(name)).collect();
            let more = all - case.blocks.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            out.push_str(&format!("{}{more}\n", names.join(", ")));
        }
    }
    out.push_str("\n## What can be done\n\n");
    for remedy in &case.remedies {
        out.push_str(&format!("- `{}` {}\n", escape(&remedy.command), remedy.does));
    }
    out
}

fn heading(about: &str) -> &'static str {
    match about {
        "task" => "Task",
        "agent" => "Agent",
        "tool" => "Tool",
        _ => "Tag",
    }
}

fn what(case: &Case) -> &'static str {
    match (case.about, case.cause) {
        ("task", "lost") => "in doubt: an attempt was lost and may have had its effect",
        ("task", "max_lost") => "in doubt: too many attempts in a row were lost",
        ("task", "merge_conflict") => "what its predecessors left conflicts, and nobody has resolved that",
        ("task", "gate") => "its work was good, and gates are red where it is merged: nobody could mend that",
        ("task", "join_conflict") => "the results that it joins disagree, and a person is to give its result",
        ("task", "person") => "a person is to say whether what needs it may go on",
        ("task", "rate_limit") => "held by rate limits too many times in a row",
        ("task", _) => "all its attempts are used up",
        _ => "its breaker has been open for too long",
    }
}

fn attempt(case: &Case, tried: &Tried) -> String {
    let of = if case.about == "task" { String::new() } else { format!("{}: ", code(&tried.task)) };
    let how = match (tried.exit, tried.signal, tried.cause) {
        (Some(exit), ..) => format!(", exit {exit}"),
        (None, Some(signal), _) => format!(", signal {signal}"),
        (None, None, Some(cause)) => format!(", {}", markdown(cause)),
        (None, None, None) => String::new(),
    };
    let said = tried.message.as_deref().map(|m| format!(": {}", markdown(m))).unwrap_or_default();
    let took = seconds(tried.duration_ms);
    format!("{of}attempt {} {} after {took}{how}{said}", tried.number, tried.outcome.replace('_', " "))
}

/// A name as code; a name with a backtick in it is escaped instead.
fn code(name: &str) -> String {
    let name = escape(name);
    if name.contains('`') { markdown(&name) } else { format!("`{name}`") }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03} s", ms / 1_000, ms % 1_000)
}
