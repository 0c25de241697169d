//! From drafts to a plan: ids, matrix cells, references and conditions, dependencies, cycles, names, warnings.
//!
//! Every check runs on what the earlier ones left usable, so all problems come at once. Nothing recurses.

use crate::budgets::check_budgets;
use crate::cells::{Cell, expand};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::{AgentsDraft, Draft, Entry};
use crate::edges::Names;
use crate::gate_tasks;
use crate::graph_checks;
use crate::ids::{self, Ids, is_id};
use crate::isolation;
use crate::maps;
use crate::model::{Action, Agent, Plan, Unbuilt};
use crate::names::{check_caps, check_names, check_order, check_servers, check_wave_cap};
use crate::ownership::{check_owners, check_patterns, lock_files};
use crate::placed::{MAX_TASKS, Placed};
use crate::placing::place_all;
use crate::tools;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Makes a plan of a draft.
pub(crate) fn assemble(draft: &Draft<'_>, problems: &mut Problems) -> Option<Plan> {
    let by_id = check_ids(&draft.tasks, problems);
    let Draft { name, schedule, on_failure, limits, resources, .. } = draft;
    let mut cells: Vec<Cell<'_, '_>> = Vec::with_capacity(draft.tasks.len());
    let mut families = BTreeMap::new();
    for task in &draft.tasks {
        expand(task, &mut cells, &mut families, problems);
    }
    if cells.len() > MAX_TASKS {
        let message = format!("the plan has {} tasks, more than {MAX_TASKS}", cells.len());
        problems.push(Diagnostic::error(Code::Limit, 0..0, message));
        return None;
    }
    let names_are_tasks = families.is_empty() && cells.len() == draft.tasks.len();
    // From here on everything goes by id. The order of problems is that of their places.
    let order = by_id
        .filter(|_| names_are_tasks)
        .unwrap_or_else(|| ids::order(&cells.iter().map(|cell| &*cell.id).collect::<Vec<&str>>()));
    let cells: Vec<&Cell<'_, '_>> = order.into_iter().map(|at| &cells[at as usize]).collect();
    let names = Names {
        tasks: Ids::new(cells.iter().map(|cell| &*cell.id).collect()),
        families,
        inputs: draft.inputs.keys().cloned().collect(),
        env: draft.env.as_ref().map(|names| names.iter().cloned().collect()),
        vault: draft.vault.keys().cloned().collect(),
    };
    let (mut placed, again) = place_all(draft, &names, &cells, problems)?;
    check_all(draft, (&placed, &again), problems);
    lock_files(&mut placed);
    let (worktrees, merge) = isolation::of_plan(draft, &placed);
    let agents = agents(draft, &placed);
    check_servers(draft, &agents, problems);
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
        ageing: draft
            .ageing
            .unwrap_or_else(|| default_ageing(placed.iter().filter(|p| !maps::is_further(&p.task)).count())),
        max_lost: draft.max_lost,
        breaker: draft.breaker.clone(),
        on_end: draft.on_end.clone(),
        budget: draft.budget,
        mcp_servers: tools::used(&draft.mcp_servers, actions_of(&placed), agents.values()),
        drivers: tools::used_drivers(&draft.drivers, actions_of(&placed)),
        env: draft.env.clone(),
        inputs: draft.inputs.clone(),
        unbuilt: unbuilt(draft, &cells),
        agents,
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
    })
}

/// What tasks do, and what undoes it.
fn actions_of(placed: &[Placed]) -> impl Iterator<Item = &Action> {
    placed.iter().flat_map(|p| std::iter::once(&p.task.action).chain(&p.task.undo))
}

/// The plan's own agents, and of those of settings the ones that it names.
fn agents(draft: &Draft<'_>, placed: &[Placed]) -> BTreeMap<String, Agent> {
    let helpers = draft.apart.iter().flat_map(|apart| &apart.helpers).map(|(name, _)| name.as_str());
    let named: BTreeSet<&str> = actions_of(placed).filter_map(Action::agent).chain(helpers).collect();
    let AgentsDraft { all, lent, .. } = &draft.agents;
    let used = all.iter().filter(|(name, _)| !lent.contains(*name) || named.contains(name.as_str()));
    used.map(|(name, agent)| (name.clone(), agent.clone())).collect()
}

/// Keys whose feature is not built, in order, each once for a task.
fn unbuilt(draft: &Draft<'_>, cells: &[&Cell<'_, '_>]) -> Vec<Unbuilt> {
    let mut unbuilt = draft.unbuilt.clone();
    for cell in cells {
        let later = |key: &String| Unbuilt { key: key.clone(), task: Some(cell.id.to_string()) };
        unbuilt.extend(cell.entry.rare.iter().flat_map(|rare| &rare.unbuilt).map(later));
    }
    unbuilt.sort();
    unbuilt.dedup();
    unbuilt
}

/// Everything that is asked of all tasks together, and of names also those whose id another has already.
fn check_all(draft: &Draft<'_>, (placed, again): (&[Placed], &[Placed]), problems: &mut Problems) {
    if let Some(reach) = graph_checks::check(placed, problems) {
        let allowed = draft.apart.as_ref().is_some_and(|apart| apart.worktrees.ownership == "allow");
        check_owners((placed, allowed), &reach, problems);
        gate_tasks::check_needs(placed, &reach, problems);
        gate_tasks::check_evidence(placed, &reach, problems);
        if let Some(at) = draft.apart.as_ref().and_then(|apart| apart.forward_only.as_ref()) {
            isolation::check_forward((placed, at), &reach, problems);
        }
        isolation::check_seen(placed, &reach, problems);
        check_wave_cap(draft, placed, &reach, problems);
    }
    isolation::check_merge(draft, placed, problems);
    gate_tasks::check_merge(draft, placed, problems);
    check_patterns(placed, problems);
    check_names(draft, placed.iter().chain(again), problems);
    check_order(draft, placed, problems);
    check_caps(draft, placed, problems);
    check_budgets(draft, placed, problems);
}

/// Admission rounds per class of ageing where nobody says otherwise: 32, or six times the square root of the number of
/// tasks, which is more from 36 tasks on; a map counts as one, as nobody knows how many items it has. 32 rounds are soon over in a large plan; whatever was refused once would go before the
/// longest path (docs/design/prediction.md has the numbers).
fn default_ageing(tasks: usize) -> u32 {
    u32::try_from(6 * tasks.isqrt()).unwrap_or(u32::MAX).max(32)
}

/// Ids keep their grammar, and no two are the same, or the same but for case. That one is empty was told before. Answers the order of the tasks by id, if
/// it was found out on the way.
fn check_ids(tasks: &[Entry<'_>], problems: &mut Problems) -> Option<Vec<u32>> {
    for task in tasks.iter().filter(|t| !t.id.is_empty() && !is_id(t.id)) {
        let message = format!("`{}` is not an id", task.id.escape_debug());
        let problem = Diagnostic::error(Code::BadId, task.id_span(), message);
        problems.push(
            problem.help("ids are 1 to 128 of A-Z a-z 0-9 . _ -, without `..`, not starting with `-` or `.`"),
        );
    }
    let lower: Vec<Cow<'_, str>> = tasks.iter().map(|task| lower(task.id)).collect();
    let order = ids::order(&lower.iter().map(|id| &**id).collect::<Vec<&str>>());
    let same = |pair: &&[u32]| {
        let [a, b] = [pair[0], pair[1]].map(|at| &lower[at as usize]);
        !a.is_empty() && a == b
    };
    let mut twice: Vec<(u32, u32)> = order.windows(2).filter(same).map(|pair| (pair[1], pair[0])).collect();
    twice.sort_unstable();
    for (again, first) in twice {
        let (task, first) = (&tasks[again as usize], &tasks[first as usize]);
        let message = if first.id == task.id {
            format!("task `{}` exists twice", task.id)
        } else {
            format!("`{}` and `{}` differ only in case", first.id, task.id)
        };
        let problem = Diagnostic::error(Code::DuplicateId, task.id_span(), message);
        problems.push(problem.label("here again").also(first.id_span(), "first here"));
    }
    lower.iter().all(|id| matches!(id, Cow::Borrowed(_))).then_some(order)
}

fn lower(id: &str) -> Cow<'_, str> {
    if id.bytes().any(|b| b.is_ascii_uppercase()) { id.to_ascii_lowercase().into() } else { id.into() }
}
