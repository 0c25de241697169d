//! From drafts to a plan: ids, matrix cells, references and conditions, dependencies, cycles, names, warnings.
//!
//! Every check runs on what the earlier ones left usable, so all problems come at once. Nothing recurses.

use crate::diagnostic::{Code, Diagnostic};
use crate::draft::{Draft, Spanned, TaskDraft};
use crate::fields::{Problems, nearest};
use crate::graph_checks;
use crate::model::{Claim, Dialect, Lock, Plan, Run, Task, Unbuilt};
use crate::reference::{Ref, RefError, Script, Template};
use crate::tree::Span;
use crate::when::Condition;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A plan holds at most this many tasks.
pub const MAX_TASKS: usize = 2_000_000;
/// A plan holds at most this many edges.
pub const MAX_EDGES: usize = 16_000_000;
/// Ids are at most this long, in bytes.
const MAX_ID_BYTES: usize = 128;

/// A task with the places that checks point at.
pub(crate) struct Placed {
    pub(crate) task: Task,
    pub(crate) id_span: Span,
    pub(crate) need_spans: BTreeMap<String, Span>,
}

/// Everything that references may name.
struct Names {
    tasks: BTreeSet<String>,
    families: BTreeMap<String, Vec<String>>,
    inputs: BTreeSet<String>,
    env: Option<BTreeSet<String>>,
}

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
    graph_checks::check(&placed, problems);
    check_names(&draft, &placed, problems);
    check_caps(&draft, &placed, problems);
    if draft.isolation == "locks" {
        crate::ownership::lock_files(&mut placed);
    }
    unbuilt.sort();
    unbuilt.dedup();
    Some(Plan {
        name: name.clone(),
        dialect: Dialect::Plan,
        schedule: schedule.clone(),
        on_failure: on_failure.clone(),
        limits: limits.clone(),
        resources: resources.clone(),
        run_timeout_ms: draft.timeout.run_ms,
        wave_delay_ms: draft.wave_delay_ms,
        ageing: draft.ageing,
        max_lost: draft.max_lost,
        env: draft.env.clone(),
        secrets: draft.secrets.clone(),
        inputs: draft.inputs.clone(),
        agents: draft.agents.clone(),
        task_type: draft.task_type.clone(),
        mode: draft.mode.clone(),
        tasks: placed.into_iter().map(|p| p.task).collect(),
        unbuilt,
    })
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
                Diagnostic::error(Code::BadId, task.id_span.clone(), message)
                    .help("ids are 1 to 128 of A-Z a-z 0-9 . _ -, without `..`, not starting with `-` or `.`"),
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
    if size > MAX_TASKS {
        let message = format!("the matrix of task `{}` has {size} cells, more than {MAX_TASKS}", task.id);
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

/// Gathers the edges of one task while its references are checked.
struct Edges<'a> {
    names: &'a Names,
    id: String,
    cell: BTreeMap<String, String>,
    needs: BTreeMap<String, Span>,
    families: BTreeMap<String, Vec<String>>,
    /// References of `undo` and `reconcile` name the own task or ancestors and add no edge.
    free: bool,
}

fn place(
    draft: &Draft,
    names: &Names,
    (task, cell): (TaskDraft, BTreeMap<String, String>),
    problems: &mut Problems,
) -> Placed {
    let mut edges = Edges {
        names,
        id: task.id.clone(),
        cell,
        needs: BTreeMap::new(),
        families: BTreeMap::new(),
        free: false,
    };
    for need in &task.needs {
        edges.need(need, problems);
    }
    edges.run(task.run.as_ref(), problems);
    for text in task.cwd.iter().chain(task.env.values()) {
        edges.text(&text.value, &text.span, problems);
    }
    for value in task.inputs.values() {
        edges.json(value, problems);
    }
    if let Some(when) = &task.when {
        edges.condition(when, problems);
    }
    edges.free = true;
    edges.run(task.undo.as_ref(), problems);
    edges.run(task.reconcile.as_ref(), problems);
    let effect = task.effect.clone().or_else(|| draft.effect.clone());
    let effect = effect.unwrap_or_else(|| if task.reconcile.is_some() { "reconcile" } else { "at-most-once" }.into());
    if effect == "reconcile" && task.reconcile.is_none() {
        let message = format!("task `{}` has `effect: reconcile` but no `reconcile` command", task.id);
        problems.push(Diagnostic::error(Code::MissingKey, task.id_span.clone(), message));
    }
    let Edges { cell, needs, families, .. } = edges;
    let agent = task.agent.as_ref().map(|a| a.value.clone());
    if agent.is_some() && task.accept.is_empty() {
        let message = format!("task `{}` gives an agent no acceptance criteria", task.id);
        problems.push(Diagnostic::warning(Code::NoCriteria, task.id_span.clone(), message).help("add `accept: [ … ]`"));
    }
    let (mut tags, mut locks): (Vec<String>, Vec<Lock>) =
        (task.tags.clone(), task.locks.iter().map(|(lock, _)| lock.clone()).collect());
    tags.sort();
    tags.dedup();
    locks.sort();
    locks.dedup();
    let run = |slot: &Option<(Run, Span)>| slot.as_ref().map(|(run, _)| run.clone());
    Placed {
        id_span: task.id_span.clone(),
        task: Task {
            run: run(&task.run).unwrap_or(Run::Later("nothing".to_owned())),
            undo: run(&task.undo),
            reconcile: run(&task.reconcile),
            needs: needs.keys().cloned().collect(),
            priority: task.priority.clone().unwrap_or_else(|| "P2".into()),
            tags,
            locks,
            cwd: task.cwd.as_ref().map(|c| c.value.clone()),
            env: task.env.iter().map(|(k, v)| (k.clone(), v.value.clone())).collect(),
            inputs: task.inputs.iter().map(|(k, v)| (k.clone(), v.value.clone())).collect(),
            retry: task.retry.over(&draft.retry),
            timeout: task.timeout.over(&draft.timeout, agent.is_some()),
            agent,
            effect,
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
        },
        need_spans: needs,
    }
}

impl Edges<'_> {
    fn need(&mut self, need: &Spanned<String>, problems: &mut Problems) {
        let id = &need.value;
        if *id == self.id {
            let message = format!("task `{id}` depends on itself");
            let mut problem = Diagnostic::error(Code::Cycle, need.span.clone(), message).label(format!("`{id}` -> `{id}`"));
            problem.cycle = vec![id.clone(), id.clone()];
            problems.push(problem);
        } else if self.names.tasks.contains(id) {
            self.needs.entry(id.clone()).or_insert_with(|| need.span.clone());
        } else if let Some(members) = self.names.families.get(id) {
            for member in members {
                self.needs.entry(member.clone()).or_insert_with(|| need.span.clone());
            }
        } else {
            let message = format!("task `{}` needs `{id}`, which does not exist", self.id);
            let mut problem = Diagnostic::error(Code::MissingDependency, need.span.clone(), message);
            if let Some(near) = nearest(id, self.names.tasks.iter().map(String::as_str)) {
                problem = problem.help(format!("did you mean `{near}`?"));
            }
            problems.push(problem);
        }
    }

    fn run(&mut self, run: Option<&(Run, Span)>, problems: &mut Problems) {
        match run {
            None | Some((Run::Later(_), _)) => {}
            Some((Run::Argv(items), span)) => items.iter().for_each(|i| self.text(i, span, problems)),
            Some((Run::Shell(text), span)) => match Script::parse(text) {
                Ok(script) => script.refs.iter().for_each(|r| self.reference(r, span, problems)),
                Err(error) => problems.push(self.malformed(span, error)),
            },
        }
    }

    fn text(&mut self, text: &str, span: &Span, problems: &mut Problems) {
        match Template::parse(text) {
            Ok(template) => template.refs().for_each(|r| self.reference(r, span, problems)),
            Err(error) => problems.push(self.malformed(span, error)),
        }
    }

    fn json(&mut self, value: &Spanned<Json>, problems: &mut Problems) {
        let mut open = vec![&value.value];
        while let Some(next) = open.pop() {
            match next {
                Json::String(text) => self.text(text, &value.span, problems),
                Json::Array(items) => open.extend(items),
                Json::Object(map) => open.extend(map.values()),
                Json::Null | Json::Bool(_) | Json::Number(_) => {}
            }
        }
    }

    fn malformed(&self, span: &Span, error: RefError) -> Diagnostic {
        let message = format!("a reference of task `{}` cannot be used: {}", self.id, error.message);
        Diagnostic::error(Code::BadReference, span.clone(), message)
    }

    fn reference(&mut self, reference: &Ref, span: &Span, problems: &mut Problems) {
        if let Err((why, help)) = self.follow(reference, span) {
            let message = format!("`${{{}}}` in task `{}` {why}", reference.name(), self.id);
            let mut problem = Diagnostic::error(Code::BadReference, span.clone(), message);
            problem.help = help;
            problems.push(problem);
        }
    }

    fn follow(&mut self, reference: &Ref, span: &Span) -> Result<(), (String, Option<String>)> {
        let first = reference.path.first().map(String::as_str).unwrap_or_default();
        match reference.head.as_str() {
            "inputs" if self.names.inputs.contains(first) => Ok(()),
            "inputs" => Err(("names no input of the plan".into(), Some(format!("add `inputs: {{ {first}: … }}`")))),
            "env" if self.names.env.as_ref().is_none_or(|names| names.contains(first)) => Ok(()),
            "env" => Err(("names a variable that is not passed".into(), Some(format!("add `{first}` to the plan's `env`")))),
            "matrix" if self.cell.contains_key(first) => Ok(()),
            "matrix" => Err(("names no axis of its matrix".into(), None)),
            "vault" | "worktree" | "item" | "index" => Ok(()),
            _ => self.follow_task(reference, span),
        }
    }

    fn follow_task(&mut self, reference: &Ref, span: &Span) -> Result<(), (String, Option<String>)> {
        let id = &reference.head;
        let field = reference.path.first().map(String::as_str).unwrap_or_default();
        if *id == self.id && !self.free {
            return Err(("names its own task".into(), None));
        }
        if let Some(members) = self.names.families.get(id).filter(|_| field == "results").cloned() {
            if !self.free {
                for member in &members {
                    self.needs.entry(member.clone()).or_insert_with(|| span.clone());
                }
            }
            self.families.insert(id.clone(), members);
            return Ok(());
        }
        if !self.names.tasks.contains(id) {
            let near = nearest(id, self.names.tasks.iter().map(String::as_str));
            return Err(("names no task".into(), near.map(|n| format!("did you mean `{n}`?"))));
        }
        if !["result", "status", "duration_ms", "stdout", "exit_code"].contains(&field) {
            let help = "a task has `result`, `status`, `duration_ms`, `stdout` and `exit_code`";
            return Err((format!("asks for `{field}`"), Some(help.to_owned())));
        }
        if !self.free {
            self.needs.entry(id.clone()).or_insert_with(|| span.clone());
        }
        Ok(())
    }

    fn condition(&mut self, when: &Spanned<String>, problems: &mut Problems) {
        const OTHERS: [&str; 6] = ["tasks", "inputs", "env", "matrix", "item", "index"];
        let condition = match Condition::parse(&when.value) {
            Ok(condition) => condition,
            Err(why) => {
                let message = format!("the condition of task `{}` does not parse: {why}", self.id);
                problems.push(Diagnostic::error(Code::BadCondition, when.span.clone(), message));
                return;
            }
        };
        let named = condition.names.iter().filter(|n| !OTHERS.contains(&n.as_str()));
        for id in named.chain(&condition.literal_tasks) {
            if self.names.tasks.contains(id) && *id != self.id {
                self.needs.entry(id.clone()).or_insert_with(|| when.span.clone());
                continue;
            }
            let why = if *id == self.id { "names its own task" } else { "names no task" };
            let message = format!("`{id}` in the condition of task `{}` {why}", self.id);
            let mut problem = Diagnostic::error(Code::BadCondition, when.span.clone(), message);
            if let Some(near) = nearest(id, self.names.tasks.iter().map(String::as_str)).filter(|n| *n != self.id) {
                problem = problem.help(format!("did you mean `{near}`?"));
            }
            problems.push(problem);
        }
    }
}

/// Locks, agents, tags and resources that are named must exist, and be enough.
fn check_names(draft: &Draft, placed: &[Placed], problems: &mut Problems) {
    for p in placed {
        for lock in &p.task.locks {
            let capacity = draft.resources.get(&lock.resource);
            let why = match (lock.claim, capacity) {
                (Claim::Units(units), Some(&capacity)) if units > capacity => {
                    format!("claims {units} units of `{}`, which has {capacity}", lock.resource)
                }
                (Claim::Units(_), None) => format!("claims units of `{}`, which is not among `resources`", lock.resource),
                (Claim::Shared | Claim::Exclusive, Some(_)) => {
                    format!("locks `{}`, which is a counted resource", lock.resource)
                }
                (Claim::Units(_), Some(_)) | (Claim::Shared | Claim::Exclusive, None) => continue,
            };
            let message = format!("task `{}` {why}", p.task.id);
            problems.push(Diagnostic::error(Code::UnknownName, p.id_span.clone(), message));
        }
        if let Some(agent) = p.task.agent.as_ref().filter(|a| !draft.agents.contains(a)) {
            let message = format!("task `{}` names agent `{agent}`, which is not among `agents`", p.task.id);
            problems.push(Diagnostic::error(Code::UnknownName, p.id_span.clone(), message));
        }
    }
    for agent in draft.limits.per_agent.keys().filter(|a| !draft.agents.contains(a)) {
        let message = format!("`per_agent` names agent `{agent}`, which is not among `agents`");
        problems.push(Diagnostic::error(Code::UnknownName, draft.limits_span.clone(), message));
    }
}

/// A cap that is at least the number of its tasks never binds. The default of `max_parallel` is nobody's mistake.
fn check_caps(draft: &Draft, placed: &[Placed], problems: &mut Problems) {
    let mut idle = |name: String, cap: u32, of: usize| {
        if cap as usize >= of && !placed.is_empty() {
            let message = format!("cap `{name}: {cap}` can never bind: {of} tasks count for it");
            problems.push(Diagnostic::warning(Code::IdleCap, draft.limits_span.clone(), message));
        }
    };
    for (name, cap) in &draft.limits.per_priority {
        idle(format!("per_priority.{name}"), *cap, placed.iter().filter(|p| p.task.priority == *name).count());
    }
    for (name, cap) in &draft.limits.per_tag {
        idle(format!("per_tag.{name}"), *cap, placed.iter().filter(|p| p.task.tags.contains(name)).count());
    }
    for (name, cap) in &draft.limits.per_agent {
        idle(format!("per_agent.{name}"), *cap, placed.iter().filter(|p| p.task.agent.as_ref() == Some(name)).count());
    }
}
