//! A post-mortem as Markdown with a front matter.
//!
//! Everything that a task or a plan can influence is escaped, for Markdown, for YAML and for the terminal.

use super::{NOT_ANALYSED, PostMortem, Recommendation};
use crate::render::duration;
use regatta_runtime::escape::{escape, markdown};

/// The document.
#[must_use]
pub fn text(report: &PostMortem) -> String {
    let mut out = front_matter(report);
    out.push_str(&format!("\n# Post-mortem: {}\n", markdown(&report.title)));
    section(&mut out, "Summary", &report.summary);
    details(&mut out, report);
    let praised = report.analysis.iter().flat_map(|analysis| &analysis.what_worked_well);
    section(&mut out, "What Worked Well", report.what_worked_well.iter().chain(praised));
    challenges(&mut out, report);
    recommendations(&mut out, report);
    metrics(&mut out, report);
    out.push_str("\n## Artifacts\n\n");
    // Made of ids and numbers: no backtick.
    report.artifacts.iter().for_each(|path| out.push_str(&format!("- `{}`\n", escape(path))));
    if report.artifacts.is_empty() {
        out.push_str("None.\n");
    }
    out
}

fn recommendations(out: &mut String, report: &PostMortem) {
    out.push_str("\n## Recommendations\n\n");
    for Recommendation { about, command, does } in &report.recommendations {
        out.push_str(&format!("- {}: `{}` {does}\n", markdown(about), escape(command)));
    }
    let Some(analysis) = &report.analysis else {
        return out.push_str(&format!("- Anything more is {NOT_ANALYSED}.\n"));
    };
    for line in &analysis.recommendations {
        out.push_str(&format!("- {}\n", markdown(line)));
    }
    let by = markdown(&format!("Judged by {} in run {}.", analysis.agent, analysis.run_id));
    out.push_str(&format!("\n{by}\n"));
}

fn metrics(out: &mut String, report: &PostMortem) {
    out.push_str("\n## Metrics\n\n| metric | value |\n|---|---|\n");
    let numbers = serde_json::to_value(&report.metrics).unwrap_or_default();
    for (name, value) in numbers.as_object().into_iter().flatten() {
        out.push_str(&format!("| {name} | {value} |\n"));
    }
}

/// Values are strings of YAML, which those of JSON are.
fn front_matter(report: &PostMortem) -> String {
    let quoted = |text: &str| serde_json::Value::from(escape(text)).to_string();
    let completed = report.completed_at.as_deref().map_or("null".to_owned(), quoted);
    format!(
        "---\nepic_id: {}\ntitle: {}\ncompleted_at: {completed}\nexecution_mode: {}\nparallel_agents: {}\n---\n",
        quoted(&report.epic_id),
        quoted(&report.title),
        quoted(&report.execution_mode),
        report.parallel_agents
    )
}

fn section<'a>(out: &mut String, title: &str, lines: impl IntoIterator<Item = &'a String>) {
    out.push_str(&format!("\n## {title}\n\n"));
    let before = out.len();
    for line in lines {
        out.push_str(&format!("- {}\n", markdown(line)));
    }
    if out.len() == before {
        out.push_str("Nothing.\n");
    }
}

fn details(out: &mut String, report: &PostMortem) {
    let details = &report.execution_details;
    let started = details.started_at.as_deref().unwrap_or("not yet");
    out.push_str("\n## Execution Details\n\n");
    out.push_str(&format!("- run: {}\n- status: {}\n", details.run_id, details.status));
    out.push_str(&format!("- started: {started}\n- waves: {}\n", details.waves));
    out.push_str(&format!("- taken up again: {}\n", details.resumed));
    out.push_str("\n| task | status | attempts | time | cause |\n|---|---|---|---|---|\n");
    for row in &details.tasks {
        let title = row.title.as_deref().map(|title| format!(": {title}")).unwrap_or_default();
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            markdown(&format!("{}{title}", row.task)),
            row.status.replace('_', " "),
            row.attempts,
            duration(row.duration_ms),
            row.cause.map(markdown).unwrap_or_default()
        ));
    }
    let more = details.tasks_in_all - details.tasks.len();
    if more > 0 {
        out.push_str(&format!("\nAnd {more} more.\n"));
    }
}

fn challenges(out: &mut String, report: &PostMortem) {
    out.push_str("\n## Challenges\n");
    if report.challenges.is_empty() {
        out.push_str("\nNone.\n");
    }
    for (challenge, n) in report.challenges.iter().zip(1..) {
        out.push_str(&format!("\n### Challenge {n}\n\n"));
        out.push_str(&format!("- Description: {}\n", markdown(&challenge.description)));
        out.push_str(&format!("- Impact: {}\n", markdown(&challenge.impact)));
        out.push_str(&format!("- Root cause: {}\n", markdown(&challenge.root_cause)));
        out.push_str(&format!("- Resolution: {}\n", markdown(&challenge.resolution)));
        out.push_str(&format!("- Lesson: {}\n", markdown(&challenge.lesson)));
    }
}
