//! Work from a plan: a unit is a task that names files.
//!
//! What a task writes and reads it says itself, so rules of domains only name the domain of a task that says none.

use super::{Unit, Work};
use crate::domains::{Domains, OTHER, usual_domain};
use crate::model::{Action, Plan, Task};
use std::collections::{BTreeMap, BTreeSet};

/// The files of a task as they are found: what its patterns match, and what they name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TaskFiles {
    /// Those that it writes.
    pub files: BTreeSet<String>,
    /// Those that it reads.
    pub reads: BTreeSet<String>,
}

/// The work of a plan, and its tasks that name no file; `found` has the files of each task by id.
#[must_use]
pub fn of_plan(plan: &Plan, found: &BTreeMap<String, TaskFiles>, domains: &Domains) -> (Work, Vec<String>) {
    let mut work = Work { order: order(plan, domains), ..Work::default() };
    let mut left = Vec::new();
    for task in &plan.tasks {
        let none = TaskFiles::default();
        let files = found.get(&task.id).unwrap_or(&none);
        if files.files.is_empty() && files.reads.is_empty() {
            left.push(task.id.clone());
            continue;
        }
        for file in files.files.iter().chain(&files.reads) {
            work.files.entry(file.clone()).or_default().insert(task.id.clone());
        }
        for file in &files.files {
            work.written.entry(file.clone()).or_default().insert(task.id.clone());
        }
        let unit = Unit {
            domain: domain(task, files, domains),
            description: vec![description(task)],
            accept: task.accept.clone(),
            estimate_ms: task.estimate_ms.or_else(|| plan.recorded.get(&task.id).copied()),
            needs: task.needs.iter().cloned().collect(),
        };
        work.units.insert(task.id.clone(), unit);
    }
    (work, left)
}

/// The order that the plan merges in, then the usual one.
fn order(plan: &Plan, domains: &Domains) -> Vec<String> {
    let said = plan.merge.iter().flat_map(|merge| merge.order.iter().cloned());
    let mut seen = BTreeSet::new();
    said.chain(domains.order()).filter(|domain| seen.insert(domain.clone())).collect()
}

/// What the task says, else the domain of most of its files as they are found; of several the first in merge order.
fn domain(task: &Task, files: &TaskFiles, domains: &Domains) -> String {
    let said = task.worktree.as_ref().map(|worktree| worktree.domain.as_str());
    if let Some(said) = said.filter(|said| *said != usual_domain(&task.files)) {
        return said.to_owned();
    }
    let among = if files.files.is_empty() { &files.reads } else { &files.files };
    domains.usual(among).unwrap_or(OTHER).to_owned()
}

fn description(task: &Task) -> String {
    let prompt = match &task.action {
        Action::Agent { prompt, .. } => prompt.as_deref(),
        Action::Argv(_)
        | Action::Shell { .. }
        | Action::Tool { .. }
        | Action::Join { .. }
        | Action::Gate { .. } => None,
    };
    match (&task.title, prompt) {
        (Some(title), _) => format!("{}: {title}", task.id),
        (None, Some(prompt)) => format!("{}: {}", task.id, prompt.lines().next().unwrap_or_default()),
        (None, None) => task.id.clone(),
    }
}
