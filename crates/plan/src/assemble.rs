//! From drafts to a plan: ids, matrix cells, references and conditions, dependencies, cycles, names, warnings.
//!
//! Every check runs on what the earlier ones left usable, so all problems come at once. Nothing recurses.

use crate::budgets::check_budgets;
use crate::cells::{Cell, expand};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::{Draft, TaskDraft};
use crate::edges::Names;
use crate::graph_checks;
use crate::ids::{Ids, is_id};
use crate::isolation;
use crate::model::{Plan, Unbuilt};
use crate::names::{check_caps, check_names, check_order};
use crate::ownership::{check_owners, check_patterns, lock_files};
use crate::placed::{MAX_TASKS, Placed};
use crate::placing::place_all;
use std::collections::BTreeMap;

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
        vault: draft.vault.keys().cloned().collect(),
    };
    let mut unbuilt = draft.unbuilt.clone();
    let later = |task: &TaskDraft, key: &String| Unbuilt { key: key.clone(), task: Some(task.id.clone()) };
    unbuilt.extend(cells.iter().flat_map(|(task, _)| task.unbuilt.iter().map(|key| later(task, key))));
    let mut placed = place_all(&draft, &names, cells, problems)?;
    check_all(&draft, &placed, problems);
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
        secrets: draft.secrets.clone(),
        vault: draft.vault.clone(),
        tasks: placed.into_iter().map(|p| p.task).collect(),
        unbuilt,
    })
}

/// Everything that is asked of all tasks together.
fn check_all(draft: &Draft, placed: &[Placed], problems: &mut Problems) {
    if let Some(reach) = graph_checks::check(placed, problems) {
        check_owners(placed, &reach, problems);
    }
    check_patterns(placed, problems);
    check_names(draft, placed, problems);
    check_order(draft, placed, problems);
    check_caps(draft, placed, problems);
    check_budgets(draft, placed, problems);
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
