//! Reads one task entry: exactly one action, and every key of its own.
//!
//! Types only; names are looked up later.

use super::keys::{Spanned, TaskDraft};
use super::{EFFECTS, HARMLESS, ISOLATIONS, MAX_COUNT, PRIORITIES, json_values, retry, small, timeout};
use crate::diagnostic::{Code, Diagnostic};
use crate::fields::{self, Fields, Problems};
use crate::model::{Claim, Lock, Run};
use crate::tree::{Item, Span, Value};
use std::collections::BTreeMap;

const ROLES: [&str; 4] = ["security", "architecture", "implementation", "docs"];
/// Keys of a task whose feature is not built yet.
const LATER_TASK: [&str; 12] = [
    "for_each",
    "max_items",
    "cache",
    "cache_key",
    "on_partial",
    "budget",
    "domain",
    "outputs",
    "must_change",
    "verify",
    "handoff",
    "breaker",
];

pub(super) fn task(item: &Item, index: usize, problems: &mut Problems) -> Option<TaskDraft> {
    let mut f = Fields::of(item, format!("task {}", index + 1), problems)?;
    let mut draft = TaskDraft { id_span: item.span.start..item.span.start, ..TaskDraft::default() };
    match f.get("id") {
        Some(id) => {
            draft.id = fields::text(id, "`id`", problems).unwrap_or_default();
            draft.id_span = id.span.clone();
        }
        None => problems.push(Diagnostic::error(
            Code::MissingKey,
            item.span.start..item.span.start,
            format!("task {} has no `id`", index + 1),
        )),
    }
    action(&mut f, &mut draft, problems);
    draft.title = f.text("title", problems);
    draft.needs = needs(&mut f, problems);
    draft.priority = f.choice("priority", &PRIORITIES, problems);
    draft.tags = f.texts("tags", problems).unwrap_or_default();
    draft.locks = locks(&mut f, problems);
    draft.files = f.texts("files", problems).unwrap_or_default();
    draft.reads = f.texts("reads", problems).unwrap_or_default();
    draft.accept = f.texts("accept", problems).unwrap_or_default();
    draft.estimate_ms = f.duration_ms("estimate", problems);
    draft.cwd = spanned(f.get("cwd"), "`cwd`", problems);
    for (key, item) in f.map("env", problems).unwrap_or_default() {
        let value = spanned(Some(item), &format!("`{}` of `env`", key.text), problems);
        draft.env.extend(value.map(|v| (key.text.clone(), v)));
    }
    draft.inputs = json_values(f.map("inputs", problems));
    draft.retry = retry(f.get("retry"), problems);
    if let Some(n) = f.integer("max_retries", (0, 999), problems) {
        draft.retry.max_attempts = Some(n + 1);
    }
    draft.timeout = timeout(f.get("timeout"), false, problems);
    draft.effect = f.choice("effect", &EFFECTS, problems);
    draft.isolation = f.choice("isolation", &ISOLATIONS, problems);
    draft.when = spanned(f.get("when"), "`when`", problems);
    draft.allow_skipped = f.boolean("allow_skipped", problems).unwrap_or(false);
    draft.result_is_stdout = f.choice("result", &["stdout-json"], problems).is_some();
    draft.role = f.choice("role", &ROLES, problems);
    draft.matrix = matrix(&mut f, problems);
    f.text("task_type", problems);
    for key in LATER_TASK {
        if f.get(key).is_some() && !HARMLESS.contains(&key) {
            draft.unbuilt.push(key.to_owned());
        }
    }
    if draft.isolation.as_deref() == Some("worktree") {
        draft.unbuilt.push("isolation: worktree".to_owned());
    }
    f.finish(problems);
    Some(draft)
}

fn spanned(item: Option<&Item>, what: &str, problems: &mut Problems) -> Option<Spanned<String>> {
    let item = item?;
    Some(Spanned { value: fields::text(item, what, problems)?, span: item.span.clone() })
}

/// Exactly one of run, agent, tool, join, gate.
fn action(f: &mut Fields<'_>, draft: &mut TaskDraft, problems: &mut Problems) {
    let found: Vec<(&'static str, &Item)> = ["run", "agent", "tool", "join", "gate"]
        .into_iter()
        .filter_map(|k| f.get(k).map(|i| (k, i)))
        .collect();
    let id = draft.id.clone();
    match found[..] {
        [] => problems.push(
            Diagnostic::error(Code::Action, draft.id_span.clone(), format!("task `{id}` has no action"))
                .help("give it exactly one of `run`, `agent`, `tool`, `join`, `gate`"),
        ),
        [_, (second, item), ..] => problems.push(
            Diagnostic::error(
                Code::Action,
                item.span.clone(),
                format!("task `{id}` has more than one action: `{second}` too"),
            )
            .help("give it exactly one of `run`, `agent`, `tool`, `join`, `gate`"),
        ),
        [("run", item)] => draft.run = command(item, "`run`", problems),
        [(key, item)] => {
            draft.run = Some((Run::Later(key.to_owned()), item.span.clone()));
            draft.unbuilt.push(key.to_owned());
            if key == "agent" {
                draft.agent = spanned(Some(item), "`agent`", problems);
            }
        }
    }
    f.text("prompt", problems);
    f.get("params");
    for (key, slot) in [("undo", &mut draft.undo), ("reconcile", &mut draft.reconcile)] {
        let Some(item) = f.get(key) else { continue };
        if let Value::Map(_) = item.value {
            draft.unbuilt.push(format!("{key} with a tool"));
            continue;
        }
        *slot = command(item, &format!("`{key}`"), problems);
    }
}

/// A list is an argv, a text goes to `sh -c`.
fn command(item: &Item, what: &str, problems: &mut Problems) -> Option<(Run, Span)> {
    if let Value::List(_) = item.value {
        let argv = fields::texts(item, what, problems)?;
        if argv.first().is_none_or(String::is_empty) {
            problems.push(Diagnostic::error(
                Code::BadValue,
                item.span.clone(),
                format!("{what} names no program"),
            ));
            return None;
        }
        return Some((Run::Argv(argv), item.span.clone()));
    }
    let script = fields::text(item, what, problems)?;
    if script.contains('\0') {
        problems.push(Diagnostic::error(
            Code::BadValue,
            item.span.clone(),
            format!("{what} holds a NUL character"),
        ));
        return None;
    }
    Some((Run::Shell(script), item.span.clone()))
}

fn needs(f: &mut Fields<'_>, problems: &mut Problems) -> Vec<Spanned<String>> {
    let Some(item) = f.one_of(&["needs", "dependsOn", "depends_on"], problems) else { return vec![] };
    let items = fields::list(item, "`needs`", problems).unwrap_or_default();
    items.iter().filter_map(|i| spanned(Some(i), "an entry of `needs`", problems)).collect()
}

fn locks(f: &mut Fields<'_>, problems: &mut Problems) -> Vec<(Lock, Span)> {
    let mut locks = Vec::new();
    for item in f.list("locks", problems).unwrap_or_default() {
        if let Value::Plain(name) | Value::Text(name) = &item.value {
            let lock = Lock { resource: name.clone(), claim: Claim::Exclusive };
            locks.push((lock, item.span.clone()));
            continue;
        }
        let Some(mut f) = Fields::of(item, "a lock", problems) else { continue };
        let resource = f.text("resource", problems);
        let mode = f.choice("mode", &["shared", "exclusive"], problems);
        let units = small(f.integer("units", (1, MAX_COUNT), problems));
        f.finish(problems);
        let claim = match (mode.as_deref(), units) {
            (Some("shared"), None) => Claim::Shared,
            (_, None) => Claim::Exclusive,
            (None, Some(units)) => Claim::Units(units),
            (Some(_), Some(_)) => {
                let message = "a lock has either a `mode` or `units`";
                problems.push(Diagnostic::error(Code::BadValue, item.span.clone(), message));
                continue;
            }
        };
        match resource {
            Some(resource) => locks.push((Lock { resource, claim }, item.span.clone())),
            None => problems.push(Diagnostic::error(
                Code::MissingKey,
                item.span.clone(),
                "a lock has no `resource`",
            )),
        }
    }
    locks
}

fn matrix(f: &mut Fields<'_>, problems: &mut Problems) -> BTreeMap<String, Vec<String>> {
    let mut axes = BTreeMap::new();
    for (key, item) in f.map("matrix", problems).unwrap_or_default() {
        let values = fields::texts(item, &format!("axis `{}`", key.text), problems).unwrap_or_default();
        if values.is_empty() {
            let message = format!("axis `{}` of the matrix has no values", key.text);
            problems.push(Diagnostic::error(Code::BadValue, item.span.clone(), message));
        }
        axes.insert(key.text.clone(), values);
    }
    axes
}
