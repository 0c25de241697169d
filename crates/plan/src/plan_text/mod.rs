//! A plan as text, written for people: agent tasks in worktrees, merged in order.
//!
//! ```text
//! Sheet { head, agents, order, tasks } --text--> YAML that `load` reads back as what was meant
//! ```
//! Whatever names, prompts and criteria say, the text is a valid plan. Knows no file.

mod scalar;

pub(crate) use scalar::{comment, flow};

use crate::fields::parse_duration_ms;
use scalar::{block, pattern};

/// A plan to be written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sheet {
    /// Comments at the top, a line each.
    pub(crate) head: Vec<String>,
    pub(crate) name: String,
    pub(crate) epic: Option<String>,
    /// Nothing runs beside anything else.
    pub(crate) sequential: bool,
    /// Its agent: a name, what it is, and what else could stand there; or where it is said what it is, which is left open.
    pub(crate) agent: (String, String, String),
    /// Domains in merge order.
    pub(crate) order: Vec<String>,
    pub(crate) tasks: Vec<Entry>,
}

/// A task of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) title: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) needs: Vec<String>,
    pub(crate) estimate_ms: Option<u64>,
    /// Paths, not patterns.
    pub(crate) files: Vec<String>,
    pub(crate) reads: Vec<String>,
    pub(crate) outputs: Vec<String>,
    pub(crate) accept: Vec<String>,
    /// What the agent is told; references of plans mean nothing in it.
    pub(crate) prompt: String,
}

/// The plan as YAML.
pub(crate) fn text(sheet: &Sheet) -> String {
    let mut out: String =
        sheet.head.iter().map(|line| format!("# {}\n", comment(line)).replace("# \n", "#\n")).collect();
    out.push_str("version: 1\n");
    // A document without a title gives a plan without a name.
    if !sheet.name.is_empty() {
        out.push_str(&format!("name: {}\n", flow(&sheet.name)));
    }
    if let Some(epic) = &sheet.epic {
        out.push_str(&format!("epic: {}\n", flow(epic)));
    }
    out.push_str("\n# Each agent has a worktree of its own, and branches are merged only when all is done.\nisolation: worktree\n");
    if sheet.sequential {
        out.push_str("# One at a time: see above. Remove this line to run in parallel all the same.\nschedule: sequential\n");
    }
    let (name, what, instead) = &sheet.agent;
    out.push_str(&match what.is_empty() {
        true => format!("\n# {}\n", comment(instead)),
        false => format!("\nagents:\n  {}: {what}{}\n", flow(name), note(instead)),
    });
    out.push_str("\nmerge:\n  policy: all-success\n");
    if !sheet.order.is_empty() {
        let order: Vec<String> = sheet.order.iter().map(|domain| flow(domain)).collect();
        out.push_str(&format!("  order: [{}]\n", order.join(", ")));
    }
    out.push_str(
        "  # Nothing should land untested: put the commands in that must pass after each merge.\n  \
         # gates: [\"make test\"]\n  # gate_each: true\n  # on_gate_failure: stop\n\ntasks:\n",
    );
    let tasks: Vec<String> = sheet.tasks.iter().map(|entry| task(entry, name)).collect();
    out.push_str(&tasks.join("\n"));
    if sheet.tasks.is_empty() {
        out.push_str("  []\n");
    }
    out
}

fn note(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("   # {}", comment(text)) }
}

fn task(entry: &Entry, agent: &str) -> String {
    let mut out = format!("  - id: {}\n", flow(&entry.id));
    if let Some(title) = &entry.title {
        out.push_str(&format!("    title: {}\n", flow(title)));
    }
    out.push_str(&format!("    agent: {}\n", flow(agent)));
    if let Some(domain) = &entry.domain {
        out.push_str(&format!("    domain: {}\n", flow(domain)));
    }
    if !entry.needs.is_empty() {
        let needs: Vec<String> = entry.needs.iter().map(|need| flow(need)).collect();
        out.push_str(&format!("    needs: [{}]\n", needs.join(", ")));
    }
    if let Some(ms) = entry.estimate_ms {
        out.push_str(&format!("    estimate: {}\n", duration(ms)));
    }
    let patterns = |paths: &[String]| paths.iter().map(|path| pattern(path)).collect::<Vec<_>>();
    list(&mut out, "files", &patterns(&entry.files));
    list(&mut out, "reads", &patterns(&entry.reads));
    list(&mut out, "outputs", &entry.outputs);
    list(&mut out, "accept", &entry.accept);
    out.push_str("    prompt: ");
    // `${` begins a reference in a prompt.
    out.push_str(&block(&entry.prompt.replace("${", "$${"), 6));
    out
}

fn list(out: &mut String, key: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    out.push_str(&format!("    {key}:\n"));
    items.iter().for_each(|item| out.push_str(&format!("      - {}\n", flow(item))));
}

/// As a plan has it: `90m`, `2h`, `1500ms`.
fn duration(ms: u64) -> String {
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let fits = units.iter().find(|(unit, _)| ms.is_multiple_of(*unit) && ms >= *unit);
    let text = fits.map_or("0".to_owned(), |(unit, name)| format!("{}{name}", ms / unit));
    debug_assert_eq!(parse_duration_ms(&text), Some(ms));
    text
}

#[cfg(test)]
mod tests;
