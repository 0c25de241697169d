//! What a task that an agent does must say: what to do, when it is done, and how long somebody may wait.
//!
//! Reports only.

use crate::agents::{Agent, Driver, Permissions};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::{Draft, TaskDraft};
use crate::model::Action;

/// Checks a task that agent `name` does.
pub(crate) fn check(draft: &Draft<'_>, (task, name): (&TaskDraft, &str), problems: &mut Problems) {
    check_worker(task, problems);
    let asks = |agent: &Agent| {
        // What asks nobody has been reported.
        agent.permissions == Permissions::Ask && matches!(agent.driver, Driver::Acp(_))
    };
    if draft.agents.all.get(name).is_some_and(asks) {
        check_asking((task, name), draft.timeout.attempt_ms, problems);
    }
    let silent = |agent: &Agent| matches!(agent.driver, Driver::Command(_));
    if task.retry.resume_session == Some(true) && draft.agents.all.get(name).is_some_and(silent) {
        check_session((task, name), problems);
    }
}

/// Only presets and agents of `acp` tell the session that a further attempt could go on with.
fn check_session((task, agent): (&TaskDraft, &str), problems: &mut Problems) {
    let message = format!(
        "`resume_session` of task `{}` resumes no session: agent `{agent}` is a `command`, which tells none",
        task.id
    );
    let help =
        "leave it out; `keep_worktree: true` goes on in the worktree, and what failed stands in the prompt";
    problems.push(Diagnostic::warning(Code::NoEffect, task.id_span.clone(), message).help(help));
}

/// What an agent is told: what to do, and when it is done.
fn check_worker(task: &TaskDraft, problems: &mut Problems) {
    if let Some(Action::Agent { prompt: None, .. }) = task.action.as_ref().map(|a| &a.value)
        && task.title.is_none()
    {
        let message =
            format!("task `{}` tells its agent nothing: it has neither `prompt` nor `title`", task.id);
        problems.push(Diagnostic::error(Code::MissingKey, task.id_span.clone(), message));
    }
    if task.accept.is_empty() {
        let message = format!("task `{}` gives an agent no acceptance criteria", task.id);
        problems.push(
            Diagnostic::warning(Code::NoCriteria, task.id_span.clone(), message).help("add `accept: [ … ]`"),
        );
    }
}

/// Whoever waits for a person waits as long as the attempt may last.
fn check_asking((task, agent): (&TaskDraft, &str), of_plan: Option<u64>, problems: &mut Problems) {
    if task.timeout.attempt_ms.or(of_plan).is_none() {
        let message = format!(
            "task `{}` waits for a person when agent `{agent}` asks, and nothing but the default timeout of 60 minutes ends that",
            task.id
        );
        let help = "add `timeout: { attempt: … }`";
        problems.push(Diagnostic::warning(Code::NoDeadline, task.id_span.clone(), message).help(help));
    }
}
