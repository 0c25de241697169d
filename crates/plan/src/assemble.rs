//! From drafts to a plan: ids, matrix cells, references and conditions, dependencies, cycles, names, warnings.
//!
//! Every check runs on what the earlier ones left usable, so all problems come at once. Nothing recurses.

use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::{Draft, Spanned, TaskDraft};
use crate::edges::{Edges, Names};
use crate::graph_checks;
use crate::model::{Action, Plan, Task, Unbuilt};
use crate::names::{check_caps, check_names, check_order};
use crate::ownership::{check_owners, check_patterns, lock_files};
use crate::placed::{MAX_TASKS, Placed};
use std::collections::{BTreeMap, BTreeSet};

/// Ids are at most this long, in bytes.
const MAX_ID_BYTES: usize = 128;

/// Makes a plan of a draft.
pub(crate) fn assemble(draft: Draft, problems: &mut Problems) -> Option<Plan> {
    check_ids(&draft.tasks, problems);
    let Draft { name, schedule, on_failure, limits, resources, .. } = &draft;
    let mut cells: Vec<(TaskDraft, BTreeMap<String, String>)> = Vec::with_capacity(draft.tasks.len());
    let mut families = BTreeMap::new();
    for task in &draft.tasks {
        expand(task, &mut cells, &mut families, problems);
    }
    if cells.len() > MAX_TASKS {
        let message = format!("the plan has {} tasks, more than {MAX_TASKS}", cells.len());
        problems.push(Diagnostic::error(Code::Limit, 0..0, message));
        return None;
    }
    let names = Names {
        tasks: cells.iter().map(|(t, _)| t.id.clone()).collect(),
        families,
        inputs: draft.inputs.keys().cloned().collect(),
        env: draft.env.as_ref().map(|names| names.iter().cloned().collect()),
        vault: draft.later_names("vault"),
    };
    let mut unbuilt = draft.unbuilt.clone();
    let mut placed: Vec<Placed> = cells
        .into_iter()
        .map(|(task, cell)| {
            let later = |key: &String| Unbuilt { key: key.clone(), task: Some(task.id.clone()) };
            unbuilt.extend(task.unbuilt.iter().map(later));
            place(&draft, &names, (task, cell), problems)
        })
        .collect();
    placed.sort_by(|a, b| a.task.id.cmp(&b.task.id));
    placed.dedup_by(|a, b| a.task.id == b.task.id);
    if let Some(reach) = graph_checks::check(&placed, problems) {
        check_owners(&placed, &reach, problems);
    }
    check_patterns(&placed, problems);
    check_names(&draft, &placed, problems);
    check_order(&draft, &placed, problems);
    check_caps(&draft, &placed, problems);
    lock_files(&mut placed);
    unbuilt.sort();
    unbuilt.dedup();
    Some(Plan {
        name: name.clone(),
        dialect: draft.dialect,
        schedule: schedule.clone(),
        on_failure: on_failure.clone(),
        limits: limits.clone(),
        resources: resources.clone(),
        leases: draft.leases.clone(),
        run_timeout_ms: draft.timeout.run_ms,
        wave_delay_ms: draft.wave_delay_ms,
        ageing: draft.ageing.unwrap_or_else(|| default_ageing(placed.len())),
        max_lost: draft.max_lost,
        breaker: draft.breaker.clone(),
        on_end: draft.on_end.clone(),
        env: draft.env.clone(),
        inputs: draft.inputs.clone(),
        agents: draft.agents.clone(),
        task_type: draft.task_type.clone(),
        mode: draft.mode.clone(),
        cohort: draft.cohort,
        reuse: false,
        recorded: BTreeMap::new(),
        order: draft.order.iter().map(|id| id.value.clone()).collect(),
        later: draft.later.clone(),
        tasks: placed.into_iter().map(|p| p.task).collect(),
        unbuilt,
    })
}

/// Admission rounds per class of ageing where nobody says otherwise: 32, or six times the square root of the number of
/// tasks, which is more from 36 tasks on. 32 rounds are soon over in a large plan; whatever was refused once would go before the
/// longest path (docs/design/prediction.md has the numbers).
fn default_ageing(tasks: usize) -> u32 {
    u32::try_from(6 * tasks.isqrt()).unwrap_or(u32::MAX).max(32)
}

/// True for ids of the grammar: 1-128 of `[A-Za-z0-9._-]`, no `..`, not starting with `-` or `.`.
#[must_use]
pub fn is_id(id: &str) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=MAX_ID_BYTES).contains(&id.len())
        && id.bytes().all(ok)
        && !id.contains("..")
        && !id.starts_with(['-', '.'])
}

fn check_ids(tasks: &[TaskDraft], problems: &mut Problems) {
    let mut seen: BTreeMap<String, &TaskDraft> = BTreeMap::new();
    for task in tasks.iter().filter(|t| !t.id.is_empty()) {
        if !is_id(&task.id) {
            let message = format!("`{}` is not an id", task.id.escape_debug());
            problems.push(
                Diagnostic::error(Code::BadId, task.id_span.clone(), message).help(
                    "ids are 1 to 128 of A-Z a-z 0-9 . _ -, without `..`, not starting with `-` or `.`",
                ),
            );
        }
        if let Some(first) = seen.insert(task.id.to_ascii_lowercase(), task) {
            let message = if first.id == task.id {
                format!("task `{}` exists twice", task.id)
            } else {
                format!("`{}` and `{}` differ only in case", first.id, task.id)
            };
            problems.push(
                Diagnostic::error(Code::DuplicateId, task.id_span.clone(), message)
                    .label("here again")
                    .also(first.id_span.clone(), "first here"),
            );
        }
    }
}

/// Cells of a matrix: axes in bytewise order of name, `build[linux][stable]`.
fn expand(
    task: &TaskDraft,
    cells: &mut Vec<(TaskDraft, BTreeMap<String, String>)>,
    families: &mut BTreeMap<String, Vec<String>>,
    problems: &mut Problems,
) {
    if task.matrix.is_empty() {
        cells.push((task.clone(), BTreeMap::new()));
        return;
    }
    for value in task.matrix.values().flatten().filter(|v| !is_id(v)) {
        let message = format!("matrix value `{}` of task `{}` is not an id", value.escape_debug(), task.id);
        problems.push(Diagnostic::error(Code::BadId, task.id_span.clone(), message));
    }
    let size = task.matrix.values().fold(1_usize, |n, values| n.saturating_mul(values.len()));
    if size > MAX_TASKS.saturating_sub(cells.len()) {
        let message =
            format!("with the {size} cells of task `{}` the plan has more than {MAX_TASKS} tasks", task.id);
        problems.push(Diagnostic::error(Code::Limit, task.id_span.clone(), message));
        return;
    }
    let mut partial: Vec<(String, BTreeMap<String, String>)> = vec![(task.id.clone(), BTreeMap::new())];
    for (axis, values) in &task.matrix {
        partial = partial
            .into_iter()
            .flat_map(|(id, cell)| {
                values.iter().map(move |value| {
                    let mut cell = cell.clone();
                    cell.insert(axis.clone(), value.clone());
                    (format!("{id}[{value}]"), cell)
                })
            })
            .collect();
    }
    families.insert(task.id.clone(), partial.iter().map(|(id, _)| id.clone()).collect());
    for (id, cell) in partial {
        cells.push((TaskDraft { id, ..task.clone() }, cell));
    }
}

fn place(
    draft: &Draft,
    names: &Names,
    (task, cell): (TaskDraft, BTreeMap<String, String>),
    problems: &mut Problems,
) -> Placed {
    let edges = Edges {
        names,
        id: task.id.clone(),
        cell,
        maps: task.for_each.is_some(),
        needs: BTreeMap::new(),
        families: BTreeMap::new(),
        free: false,
    };
    let Edges { cell, needs, families, .. } = gather(&task, edges, problems);
    let effect = effect(draft, &task, problems);
    let cache = cache(draft, (&task, &effect), problems);
    let agent = task.action.as_ref().is_some_and(|a| a.value.agent().is_some());
    if agent && task.accept.is_empty() {
        let message = format!("task `{}` gives an agent no acceptance criteria", task.id);
        problems.push(
            Diagnostic::warning(Code::NoCriteria, task.id_span.clone(), message).help("add `accept: [ … ]`"),
        );
    }
    let (tags, locks) = (sorted(&task.tags), sorted(task.locks.iter().map(|(lock, _)| lock)));
    let action = |slot: &Option<Spanned<Action>>| slot.as_ref().map(|a| a.value.clone());
    Placed {
        id_span: task.id_span.clone(),
        isolation: task.isolation.clone().unwrap_or_else(|| draft.isolation.clone()),
        action_span: task.action.as_ref().map_or(task.id_span.clone(), |a| a.span.clone()),
        task: Task {
            // A task without an action has been reported, so its plan is never made.
            action: action(&task.action).unwrap_or(Action::Argv(vec![])),
            undo: action(&task.undo),
            reconcile: action(&task.reconcile),
            needs: needs.keys().cloned().collect(),
            priority: task.priority.clone().unwrap_or_else(|| "P2".into()),
            tags,
            locks,
            cwd: task.cwd.as_ref().map(|c| c.value.clone()),
            env: task.env.iter().map(|(k, v)| (k.clone(), v.value.clone())).collect(),
            inputs: task.inputs.iter().map(|(k, v)| (k.clone(), v.value.clone())).collect(),
            retry: task.retry.over(&draft.retry),
            timeout: task.timeout.over(&draft.timeout, agent),
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
            role: task.role,
            later: task.later,
            called: task.called,
        },
        need_spans: needs,
        named: task.needs.iter().map(|n| n.value.clone()).collect(),
    }
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
    for text in task.cwd.iter().chain(task.env.values()) {
        edges.text(&text.value, &text.span, problems);
    }
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
