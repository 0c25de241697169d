//! One task of a plan: its entry read once more, its edges gathered, its references and terms checked.
//!
//! Knows the others by name only. Most tasks have the terms of the one before: those are kept once.

use crate::cells::Cell;
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::{Draft, Spanned, TaskDraft};
use crate::edges::{Edges, Names};
use crate::effects;
use crate::gate_tasks;
use crate::guesses::Guesses;
use crate::isolation;
use crate::items;
use crate::model::{Action, Check, InWorktree, Task, Terms};
use crate::placed::{Isolation, MAX_EDGES, Narrow, Placed};
use crate::variables;
use crate::workers;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What terms take from elsewhere than the keys of terms: from the action, the agent, the plan.
#[derive(Clone, PartialEq)]
struct Judged {
    effect: String,
    cache: bool,
    /// An agent does it.
    agent: bool,
    /// Silence and role as its agent has them.
    idle_ms: Option<u64>,
    role: Option<String>,
    worktree: Option<InWorktree>,
    /// The gate that it is.
    gate: Option<Check>,
}

/// The values of the axes of a cell, and the members of the families that it names.
type OfNames = (BTreeMap<String, String>, BTreeMap<String, Vec<String>>);

/// Places every task, in the order of the cells, and apart from them those whose id another has already; none if there are too
/// many edges.
pub(crate) fn place_all(
    draft: &Draft<'_>,
    names: &Names<'_>,
    cells: &[&Cell<'_, '_>],
    problems: &mut Problems,
) -> Option<(Vec<Placed>, Vec<Placed>)> {
    let mut placed: Vec<Placed> = Vec::with_capacity(cells.len());
    let mut place = Placing::of(draft, names);
    let mut edges = 0;
    for cell in cells {
        let task = place.place(cell, problems);
        // Families make many of few words, so they are counted while they are gathered.
        edges += task.task.needs.len() + task.task.families.values().map(Vec::len).sum::<usize>();
        placed.push(task);
        if edges > MAX_EDGES {
            let message = format!("the plan has more than {MAX_EDGES} edges");
            problems.push(Diagnostic::error(Code::Limit, 0..0, message));
            return None;
        }
    }
    Some(once(placed))
}

/// Each id once, and beside them what else has one of them.
fn once(placed: Vec<Placed>) -> (Vec<Placed>, Vec<Placed>) {
    if placed.windows(2).all(|pair| pair[0].task.id != pair[1].task.id) {
        return (placed, Vec::new());
    }
    let (mut once, mut again): (Vec<Placed>, Vec<Placed>) = (Vec::new(), Vec::new());
    for task in placed {
        let is_again = once.last().is_some_and(|last| last.task.id == task.task.id);
        if is_again { again.push(task) } else { once.push(task) }
    }
    (once, again)
}

/// Makes tasks of cells.
struct Placing<'a> {
    draft: &'a Draft<'a>,
    names: &'a Names<'a>,
    guesses: Guesses,
    /// Those of a task that says nothing of its terms, and what they were made for.
    terms: Option<(Arc<Terms>, Judged)>,
    /// Those of the last other task.
    last: Option<Arc<Terms>>,
}

impl<'a> Placing<'a> {
    /// Of a draft and everything that references may name.
    fn of(draft: &'a Draft<'_>, names: &'a Names<'_>) -> Placing<'a> {
        Placing { draft, names, guesses: Guesses::new(), terms: None, last: None }
    }

    /// A task with its places.
    fn place(&mut self, cell: &Cell<'_, '_>, problems: &mut Problems) -> Placed {
        let draft = self.draft;
        let mut told = Vec::new();
        let problems = if cell.again { &mut told } else { problems };
        // What is wrong with the entry itself was told when it was first read.
        let mut task = draft.entries.read(cell.entry.item, &mut Vec::new());
        task.matrix.clear();
        if *task.id != *cell.id {
            task.id = cell.id.to_string();
        }
        task.cwd.iter_mut().for_each(|cwd| variables::from_workspace(&draft.roots, &mut cwd.value));
        check_variables(&task, problems);
        items::check_quotes(&task, problems);
        items::own_files(&mut task, problems);
        items::files_of_cell(&mut task, cell, problems);
        let edges = Edges::of(
            (self.names, &mut self.guesses),
            &cell.id,
            cell.values.clone(),
            task.for_each.is_some(),
        );
        let gate = gate_tasks::gate_of(draft, &task);
        if let Some(gate) = gate {
            gate_tasks::check_keys(&task, gate, problems);
        }
        let mut edges = gather((&task, gate), edges, problems);
        let needs = edges.needs(&task.needs);
        check_join(&task, needs.is_empty(), problems);
        let Edges { cell, families, .. } = edges;
        let isolation = task.isolation.as_deref().unwrap_or(&draft.isolation);
        let worktree = isolation::in_worktree((&task, gate), isolation, problems);
        let effect = effects::effect(draft, (&task, worktree.is_some()), problems);
        let cache = cache(draft, (&task, &effect), problems);
        let agent = task.action.as_ref().and_then(|a| a.value.agent());
        if let Some(name) = agent {
            workers::check(draft, (&task, name), problems);
        }
        let names = self.names;
        let known = agent.and_then(|name| draft.agents.all.get(name));
        let judged = Judged {
            effect,
            cache,
            agent: agent.is_some(),
            idle_ms: known.and_then(|agent| agent.idle_timeout_ms),
            role: known.and_then(|agent| agent.role.clone()),
            worktree,
            gate: gate.cloned(),
        };
        Placed {
            isolation: Isolation::named(isolation),
            id_span: Narrow::of(&task.id_span),
            action_span: Narrow::of(task.action.as_ref().map_or(&task.id_span, |a| &a.span)),
            undo_span: Narrow::of(task.undo.as_ref().map_or(&task.id_span, |a| &a.span)),
            task: Task {
                id: std::mem::take(&mut task.id),
                // A task without an action has been reported, so its plan is never made.
                action: task.action.take().map_or(Action::Argv(vec![]), |a| a.value),
                needs: needs.iter().map(|need| names.tasks.at(need.on as usize).to_owned()).collect(),
                estimate_ms: task.estimate_ms,
                terms: self.terms(task, judged, (cell, families)),
            },
            needs: needs.into(),
        }
    }

    /// Terms, kept once where they are those of the task before.
    fn terms(&mut self, task: TaskDraft, judged: Judged, names: OfNames) -> Arc<Terms> {
        let by_default = task.says_nothing() && names.0.is_empty() && names.1.is_empty();
        if let Some((terms, of)) = &self.terms
            && by_default
            && *of == judged
        {
            return Arc::clone(terms);
        }
        let made = terms(self.draft, task, judged.clone(), names);
        let last = self.last.take().filter(|last| **last == made).unwrap_or_else(|| Arc::new(made));
        if by_default {
            self.terms = Some((Arc::clone(&last), judged));
        }
        self.last = Some(Arc::clone(&last));
        last
    }
}

fn terms(draft: &Draft<'_>, task: TaskDraft, judged: Judged, (matrix, families): OfNames) -> Terms {
    let values = |map: BTreeMap<String, Spanned<_>>| map.into_iter().map(|(k, v)| (k, v.value)).collect();
    Terms {
        title: task.title,
        undo: task.undo.map(|a| a.value),
        reconcile: task.reconcile.map(|a| a.value),
        priority: task.priority.unwrap_or_else(|| "P2".into()),
        tags: sorted(task.tags),
        locks: sorted(task.locks.into_iter().map(|(lock, _)| lock)),
        files: task.files,
        reads: task.reads,
        accept: task.accept,
        cwd: task.cwd.map(|c| c.value),
        env: task.env.into_iter().map(|(k, v)| (k, v.value)).collect(),
        inputs: values(task.inputs),
        retry: task.retry.over(&draft.retry),
        timeout: gate_tasks::timeout(
            judged.gate.as_ref(),
            task.timeout.over(&draft.timeout, (judged.agent, judged.idle_ms)),
        ),
        effect: judged.effect,
        when: task.when.map(|w| w.value),
        cache: judged.cache,
        cache_key: task.cache_key,
        allow_skipped: task.allow_skipped,
        result_is_stdout: task.result_is_stdout,
        role: task.role.or(judged.role),
        matrix,
        families,
        later: task.later,
        for_each: task.for_each.map(|over| over.value),
        called: task.called,
        worktree: judged.worktree,
        budget: task.budget,
        gate: judged.gate,
    }
}

fn check_variables(task: &TaskDraft, problems: &mut Problems) {
    for (name, value) in &task.env {
        variables::check_set(&format!("task `{}`", task.id), (name, &value.value), &value.span, problems);
    }
    if let Some(cwd) = &task.cwd {
        variables::check_cwd(&task.id, &cwd.value, &cwd.span, problems);
    }
}

/// There is something to join.
fn check_join(task: &TaskDraft, alone: bool, problems: &mut Problems) {
    let Some(action) = task.action.as_ref().filter(|a| alone && matches!(a.value, Action::Join { .. }))
    else {
        return;
    };
    let message = format!("task `{}` joins the results of what it needs, and needs nothing", task.id);
    problems.push(Diagnostic::error(Code::BadValue, action.span.clone(), message).help("add `needs: [ … ]`"));
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    items.into_iter().collect::<BTreeSet<T>>().into_iter().collect()
}

/// Gathers the edges of a task. References of `undo` and `reconcile` add none.
fn gather<'a>(
    (task, gate): (&TaskDraft, Option<&Check>),
    mut edges: Edges<'a>,
    problems: &mut Problems,
) -> Edges<'a> {
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
    for value in task.inputs.values() {
        edges.json(&value.value, &value.span, problems);
    }
    // What it maps over is no item of it.
    let maps = std::mem::take(&mut edges.maps);
    if let Some(over) = &task.for_each {
        edges.json(&over.value, &over.span, problems);
    }
    edges.maps = maps;
    if let Some(when) = &task.when {
        edges.condition(when, problems);
    }
    if let Some(expr) = gate_tasks::expression(task, gate) {
        edges.condition(&expr, problems);
    }
    edges.free = true;
    if let Some(undo) = &task.undo {
        edges.action(&undo.value, task.undo_refs_span.as_ref().unwrap_or(&undo.span), problems);
    }
    if let Some(reconcile) = &task.reconcile {
        edges.action(&reconcile.value, &reconcile.span, problems);
    }
    edges
}

/// Whether equal work of an earlier run may stand for a task: only where that cannot matter to anybody.
fn cache(draft: &Draft<'_>, (task, effect): (&TaskDraft, &str), problems: &mut Problems) -> bool {
    let pure = effect == "pure";
    if task.cache == Some(true) && !pure {
        let message = format!("task `{}` has `cache: true` but `effect: {effect}`", task.id);
        problems.push(
            Diagnostic::error(Code::BadValue, task.id_span.clone(), message)
                .help("only a task with `effect: pure` may be left out for the outcome of an earlier run"),
        );
    }
    // What a gate depends on is more than it says, as long as nobody says otherwise.
    let usual = draft.cache && gate_tasks::gate_of(draft, task).is_none();
    pure && task.cache.unwrap_or(usual)
}
