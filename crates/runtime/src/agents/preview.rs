//! The prompt of a task before a run: what other tasks will say is not known, and said so.
//!
//! Starts nothing and writes nothing.

use super::items::{Known, items};
use crate::action::Actions;
use crate::outputs::Outputs;
use crate::redact::safe;
use crate::scope::{inputs, resolve_text};
use crate::vault::Vault;
use regatta_plan::Plan;
use regatta_plan::model::Action;
use regatta_plan::prompt::{Prompt, compose};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Composes the prompt of a task as it would be for its first attempt. A reference that has no value yet stays as it is
/// written.
///
/// # Errors
/// The plan has no such task, or no agent does it; why, for people.
pub fn preview(plan: &Plan, workspace: &Path, task: &str) -> Result<Prompt, String> {
    let shown = task.escape_debug();
    let Some(task) = plan.tasks.iter().find(|t| t.id == task) else {
        return Err(format!("the plan has no task `{shown}`"));
    };
    let Action::Agent { prompt, .. } = &task.action else {
        return Err(format!("no agent does task `{shown}`, so it has no prompt"));
    };
    let whole = Arc::new(plan.clone());
    let actions =
        Actions::new(whole, workspace, ("preview", "preview"), (std::env::vars_os(), Vault::default()));
    let outputs = Outputs::new(&BTreeSet::new(), PathBuf::new());
    let scope = actions.scope(task, &outputs);
    let written = prompt.clone().or_else(|| task.title.clone()).unwrap_or_default();
    let by_agents = |id: &&String| plan.tasks.iter().any(|t| t.id == **id && t.action.agent().is_some());
    let before = task.needs.iter().filter(by_agents);
    let known = Known {
        instruction: resolve_text(&written, &scope).unwrap_or(written),
        inputs: (!task.inputs.is_empty()).then(|| {
            let as_written = || task.inputs.iter().map(|(k, v)| (k.clone(), v.clone())).collect::<Value>();
            inputs(&task.inputs, &scope).unwrap_or_else(|_| as_written())
        }),
        before: before.map(|id| (id.clone(), "(its summary, once it has ended)".to_owned())).collect(),
        failure: None,
    };
    Ok(compose(&safe(items(task, known), actions.redactor())))
}
