//! The plan that runs, without declared values in what is only told of it: its name, titles, questions, criteria, messages.
//!
//! What tasks do stays as it was written. Of a plan that is stored, the record of its run says what is hidden. Knows no run.

use regatta_plan::model::{Check, Task};
use regatta_plan::{Hidden, Plan};
use regatta_redact::Redactor;
use serde::Deserialize;
use std::sync::Arc;

/// What is hidden of a stored plan, by the flags of the record of its run.
///
/// # Errors
/// They cannot be read.
pub fn hidden(flags: &str) -> Result<Hidden, serde_json::Error> {
    #[derive(Deserialize)]
    struct Flags {
        #[serde(default)]
        hidden: Hidden,
    }
    serde_json::from_str::<Flags>(flags).map(|flags| flags.hidden)
}

/// Replaces declared values in what is told of a plan, wherever one stands there.
#[must_use]
pub fn told(mut plan: Arc<Plan>, redactor: &Redactor) -> Arc<Plan> {
    let holds = |text: &String| redactor.holds_declared(text.as_bytes());
    let checks = |plan: &Plan| plan.merge.iter().flat_map(|merge| &merge.gates).any(|c| texts(c).any(holds));
    let of_merge = plan.merge.as_ref().and_then(|merge| merge.message.as_ref()).is_some_and(holds);
    let tasks: Vec<usize> = (0..plan.tasks.len()).filter(|&i| of_task(&plan.tasks[i]).any(&holds)).collect();
    if tasks.is_empty() && !of_merge && !holds(&plan.name) && !checks(&plan) {
        return plan;
    }
    let clean = |text: &mut String| {
        if let Some(shown) = redactor.declared(text) {
            *text = shown;
        }
    };
    let changed = Arc::make_mut(&mut plan);
    clean(&mut changed.name);
    if let Some(merge) = &mut changed.merge {
        merge.message.iter_mut().for_each(clean);
        merge.gates.iter_mut().flat_map(texts_mut).for_each(clean);
    }
    for i in tasks {
        let terms = Arc::make_mut(&mut changed.tasks[i].terms);
        terms.title.iter_mut().chain(&mut terms.accept).for_each(clean);
        terms.gate.iter_mut().flat_map(texts_mut).for_each(clean);
    }
    plan
}

fn of_task(task: &Task) -> impl Iterator<Item = &String> {
    task.title.iter().chain(&task.accept).chain(task.gate.iter().flat_map(texts))
}

/// What a check is called, and what a person is asked.
fn texts(check: &Check) -> impl Iterator<Item = &String> {
    check.title.iter().chain(&check.person)
}

fn texts_mut(check: &mut Check) -> impl Iterator<Item = &mut String> {
    check.title.iter_mut().chain(&mut check.person)
}
