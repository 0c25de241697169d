//! From drafts to a plan: ids, matrix cells, references and conditions, dependencies, cycles, names, warnings.
//!
//! Every check runs on what the earlier ones left usable, so all problems come at once. Nothing recurses.

use crate::budgets::check_budgets;
use crate::cells::{Cell, expand};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::{Draft, Spanned, TaskDraft};
use crate::edges::{Edges, Guesses, Names};
use crate::graph_checks;
use crate::ids::{Ids, is_id};
use crate::isolation;
use crate::model::{Action, Plan, Task, Unbuilt};
use crate::names::{check_caps, check_names, check_order};
use crate::ownership::{check_owners, check_patterns, lock_files};
use crate::placed::{MAX_EDGES, MAX_TASKS, NeedPlace, Placed};
use crate::tree::Span;
use crate::variables;
use std::collections::{BTreeMap, BTreeSet};

/// Makes a plan of a draft.
pub(crate) fn assemble(mut draft: Draft, problems: &mut Problems) -> Option<Plan> {
    let tasks = std::mem::take(&mut draft.tasks);
    check_ids(&tasks, problems);
    let Draft { name, schedule, on_failure, limits, resources, .. } = &draft;
    let mut cells: Vec<Cell> = Vec::with_capacity(tasks.len());
    let mut families = BTreeMap::new();
    for task in tasks {
        expand(task, &mut cells, &mut families, problems);
    }
    if cells.len() > MAX_TASKS {
        let message = format!("the plan has {} tasks, more than {MAX_TASKS}", cells.len());
        problems.push(Diagnostic::error(Code::Limit, 0..0, message));
        return None;
    }
    // From here on everything goes by id. The order of problems is that of their places.
    cells.sort_by(|a, b| a.0.id.cmp(&b.0.id));
    let names = Names {
        tasks: Ids::new(cells.iter().map(|(t, _)| t.id.clone()).collect()),
        families,
        inputs: draft.inputs.keys().cloned().collect(),
        env: draft.env.as_ref().map(|names| names.iter().cloned().collect()),
        vault: draft.later_names("vault"),
    };
    let mut unbuilt = draft.unbuilt.clone();
    let later = |task: &TaskDraft, key: &String| Unbuilt { key: key.clone(), task: Some(task.id.clone()) };
    unbuilt.extend(cells.iter().flat_map(|(task, _)| task.unbuilt.iter().map(|key| later(task, key))));
    let mut placed = place_all(&draft, &names, cells, problems)?;
    if let Some(reach) = graph_checks::check(&placed, problems) {
        check_owners(&placed, &reach, problems);
    }
    check_patterns(&placed, problems);
    check_names(&draft, &placed, problems);
    check_order(&draft, &placed, problems);
    check_caps(&draft, &placed, problems);
    check_budgets(&draft, &placed, problems);
    lock_files(&mut placed);
    let (worktrees, merge) = isolation::of_plan(&draft, &placed);
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
        budget: draft.budget,
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
        worktrees,
        merge,
        epic: draft.epic.clone(),
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

fn check_ids(tasks: &[Box<TaskDraft>], problems: &mut Problems) {
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

/// Places every task, in the order of the cells; none if there are too many edges.
fn place_all(draft: &Draft, names: &Names, cells: Vec<Cell>, problems: &mut Problems) -> Option<Vec<Placed>> {
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
    let edges = Edges {
        names,
        guesses,
        id: task.id.clone(),
        cell,
        maps: task.for_each.is_some(),
        needs: BTreeMap::new(),
        families: BTreeMap::new(),
        free: false,
    };
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
