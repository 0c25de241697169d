//! Makes a task of each draft: its edges, its defaults, what stands where.
//!
//! Looks at one task at a time; what holds of all together is checked in `assemble`.

use crate::cells::Cell;
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::{Draft, Spanned, TaskDraft};
use crate::edges::{Edges, Guesses, Names};
use crate::isolation;
use crate::model::{Action, Task};
use crate::placed::{MAX_EDGES, NeedPlace, Placed};
use crate::tree::Span;
use crate::variables;
use std::collections::{BTreeMap, BTreeSet};

/// Places every task, in the order of the cells; none if there are too many edges.
pub(crate) fn place_all(
    draft: &Draft,
    names: &Names,
    cells: Vec<Cell>,
    problems: &mut Problems,
) -> Option<Vec<Placed>> {
    let mut placed: Vec<Placed> = Vec::with_capacity(cells.len());
    let (mut guesses, mut edges) = (Guesses::new(), 0);
    for cell in cells {
        let task = place(draft, (names, &mut guesses), cell, problems);
        // Families make many of few words, so they are counted while they are gathered.
        edges += task.task.needs.len() + task.task.families.values().map(Vec::len).sum::<usize>();
        placed.push(task);
        if edges > MAX_EDGES {
            let message = format!("the plan has more than {MAX_EDGES} edges");
            problems.push(Diagnostic::error(Code::Limit, 0..0, message));
            return None;
        }
    }
    placed.dedup_by(|a, b| a.task.id == b.task.id);
    Some(placed)
}

fn place(
    draft: &Draft,
    (names, guesses): (&Names, &mut Guesses),
    (task, cell): Cell,
    problems: &mut Problems,
) -> Placed {
    let task = *task;
    let edges = no_edges(&task, (names, guesses), cell);
    check_variables(&task, problems);
    let Edges { cell, needs, families, .. } = gather(&task, edges, problems);
    let effect = effect(draft, &task, problems);
    let cache = cache(draft, (&task, &effect), problems);
    let agent = task.action.as_ref().and_then(|a| a.value.agent());
    if agent.is_some() {
        check_worker(&task, problems);
    }
    let isolation = task.isolation.clone().unwrap_or_else(|| draft.isolation.clone());
    let worktree = isolation::in_worktree(&task, &isolation, problems);
    let (agent, known) = (agent.is_some(), agent.and_then(|name| draft.agents.get(name)));
    let idle_ms = known.and_then(|agent| agent.idle_timeout_ms);
    let need_places = need_places(&task, &needs);
    let (tags, locks) = (sorted(&task.tags), sorted(task.locks.iter().map(|(lock, _)| lock)));
    let action = |slot: &Option<Spanned<Action>>| slot.as_ref().map(|a| a.value.clone());
    Placed {
        id_span: task.id_span.clone(),
        isolation,
        action_span: task.action.as_ref().map_or(task.id_span.clone(), |a| a.span.clone()),
        task: Task {
            // A task without an action has been reported, so its plan is never made.
            action: action(&task.action).unwrap_or(Action::Argv(vec![])),
            undo: action(&task.undo),
            reconcile: action(&task.reconcile),
            needs: needs.into_keys().collect(),
            priority: task.priority.clone().unwrap_or_else(|| "P2".into()),
            tags,
            locks,
            cwd: task.cwd.as_ref().map(|c| c.value.clone()),
            env: task.env.iter().map(|(k, v)| (k.clone(), v.value.clone())).collect(),
            inputs: task.inputs.iter().map(|(k, v)| (k.clone(), v.value.clone())).collect(),
            retry: task.retry.over(&draft.retry),
            timeout: task.timeout.over(&draft.timeout, (agent, idle_ms)),
            effect,
            cache,
            cache_key: task.cache_key,
            when: task.when.as_ref().map(|w| w.value.clone()),
            matrix: cell,
            families,
            id: task.id,
            title: task.title,
            files: task.files,
            reads: task.reads,
            accept: task.accept,
            estimate_ms: task.estimate_ms,
            allow_skipped: task.allow_skipped,
            result_is_stdout: task.result_is_stdout,
            role: task.role.or_else(|| known?.role.clone()),
            later: task.later,
            called: task.called,
            worktree,
            budget: task.budget,
        },
        need_places,
    }
}

/// The edges of a task before any was found.
fn no_edges<'a>(
    task: &TaskDraft,
    (names, guesses): (&'a Names, &'a mut Guesses),
    cell: BTreeMap<String, String>,
) -> Edges<'a> {
    Edges {
        names,
        guesses,
        id: task.id.clone(),
        cell,
        maps: task.for_each.is_some(),
        needs: BTreeMap::new(),
        families: BTreeMap::new(),
        into_call: false,
        free: false,
    }
}

fn check_variables(task: &TaskDraft, problems: &mut Problems) {
    for (name, value) in &task.env {
        variables::check_set(&task.id, (name, &value.value), &value.span, problems);
    }
    if let Some(cwd) = &task.cwd {
        variables::check_cwd(&task.id, &cwd.value, &cwd.span, problems);
    }
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

/// Beside `needs`, in their order.
fn need_places(task: &TaskDraft, needs: &BTreeMap<String, Span>) -> Vec<NeedPlace> {
    let named: BTreeSet<&String> = task.needs.iter().map(|need| &need.value).collect();
    let place = |(id, span): (&String, &Span)| NeedPlace { span: span.clone(), named: named.contains(id) };
    needs.iter().map(place).collect()
}

fn sorted<'a, T: Ord + Clone + 'a>(items: impl IntoIterator<Item = &'a T>) -> Vec<T> {
    items.into_iter().collect::<BTreeSet<&T>>().into_iter().cloned().collect()
}

/// Gathers the edges of a task. References of `undo` and `reconcile` add none.
fn gather<'a>(task: &TaskDraft, mut edges: Edges<'a>, problems: &mut Problems) -> Edges<'a> {
    for need in &task.needs {
        edges.need(need, problems);
    }
    if let Some(action) = &task.action {
        let span = task.refs_span.as_ref().unwrap_or(&action.span);
        edges.action(&action.value, span, problems);
    }
    edges.into_call = false;
    if let Some(text) = &task.cwd {
        edges.text(&text.value, &text.span, problems);
    }
    edges.into_call = true;
    for text in task.env.values() {
        edges.text(&text.value, &text.span, problems);
    }
    edges.into_call = false;
    for value in task.inputs.values().chain(&task.for_each) {
        edges.json(&value.value, &value.span, problems);
    }
    if let Some(when) = &task.when {
        edges.condition(when, problems);
    }
    edges.free = true;
    for action in task.undo.iter().chain(&task.reconcile) {
        edges.action(&action.value, &action.span, problems);
    }
    edges
}

/// Whether equal work of an earlier run may stand for a task: only where that cannot matter to anybody.
fn cache(draft: &Draft, (task, effect): (&TaskDraft, &str), problems: &mut Problems) -> bool {
    let pure = effect == "pure";
    if task.cache == Some(true) && !pure {
        let message = format!("task `{}` has `cache: true` but `effect: {effect}`", task.id);
        problems.push(
            Diagnostic::error(Code::BadValue, task.id_span.clone(), message)
                .help("only a task with `effect: pure` may be left out for the outcome of an earlier run"),
        );
    }
    pure && task.cache.unwrap_or(draft.cache)
}

/// The effect contract of a task: its own, the plan's, or the default.
fn effect(draft: &Draft, task: &TaskDraft, problems: &mut Problems) -> String {
    let effect = task.effect.clone().or_else(|| draft.effect.clone());
    let effect =
        effect.unwrap_or_else(|| if task.reconcile.is_some() { "reconcile" } else { "at-most-once" }.into());
    if effect == "reconcile" && task.reconcile.is_none() {
        let message = format!("task `{}` has `effect: reconcile` but no `reconcile` command", task.id);
        problems.push(Diagnostic::error(Code::MissingKey, task.id_span.clone(), message));
    }
    effect
}
