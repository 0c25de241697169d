//! What a lost attempt of a task means, where nobody says it.

use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::{Draft, TaskDraft};
use crate::gate_tasks::gate_of;
use crate::model::{Action, built_in};

/// The effect contract of a task: its own, the plan's, or the default. What is done in a worktree stays there until it is merged,
/// so it may be done again.
pub(crate) fn effect(
    draft: &Draft<'_>,
    (task, apart): (&TaskDraft, bool),
    problems: &mut Problems,
) -> String {
    if gate_of(draft, task).is_some() {
        return "pure".to_owned();
    }
    let effect = task.effect.clone().or_else(|| draft.effect.clone());
    let known = || {
        let tool = task.action.as_ref().and_then(|action| action.value.tool());
        let joins = matches!(task.action.as_ref().map(|action| &action.value), Some(Action::Join { .. }));
        if apart {
            return "idempotent";
        }
        if joins { "pure" } else { tool.and_then(built_in).map_or("at-most-once", |tool| tool.effect) }
    };
    let effect =
        effect.unwrap_or_else(|| if task.reconcile.is_some() { "reconcile" } else { known() }.into());
    if effect == "reconcile" && task.reconcile.is_none() {
        let message = format!("task `{}` has `effect: reconcile` but no `reconcile` command", task.id);
        problems.push(Diagnostic::error(Code::MissingKey, task.id_span.clone(), message));
    }
    effect
}
