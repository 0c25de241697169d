//! Reads one task of a plan.
//!
//! Reports what the declarations cannot say: empty commands, and keys that belong to another action.

use super::agent::budget;
use super::keys::{Spanned, TaskDraft};
use super::{later, retry, spanned, spanned_json, spanned_map, spanned_texts, start, timeout};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::{self, Fields, json};
use crate::language::{Kind, SHELL_PARAMS, TASK, What, check};
use crate::model::{Action, Claim, Lock};
use crate::tree::{Item, Span, Value};
use std::collections::BTreeMap;

pub(super) fn task(item: &Item, problems: &mut Problems) -> TaskDraft {
    let f = Fields::of(item);
    let (unbuilt, later) = later(f, &TASK);
    let needs = ["needs", "dependsOn", "depends_on"].iter().flat_map(|key| spanned_texts(f, key)).collect();
    let mut retry = retry(f.inside("retry"));
    if let Some(n) = f.whole("max_retries") {
        // What is out of range has been reported.
        retry.max_attempts = Some(n.saturating_add(1));
    }
    let mut draft = TaskDraft {
        id: f.text("id").unwrap_or_default(),
        id_span: f.get("id").map_or_else(|| start(item), |id| id.span.clone()),
        title: f.text("title"),
        needs,
        priority: f.text("priority"),
        tags: f.texts("tags"),
        locks: locks(f, problems),
        files: f.texts("files"),
        reads: f.texts("reads"),
        accept: f.texts("accept"),
        estimate_ms: f.duration_ms("estimate"),
        cwd: spanned(f.get("cwd")),
        env: spanned_map(f.inside("env")),
        inputs: spanned_json(f.inside("inputs").pairs()),
        retry,
        timeout: timeout(f.inside("timeout")),
        effect: f.text("effect"),
        isolation: f.text("isolation"),
        when: spanned(f.get("when")),
        allow_skipped: f.flag("allow_skipped").unwrap_or(false),
        result_is_stdout: f.get("result").is_some(),
        role: f.text("role"),
        cache: f.flag("cache"),
        cache_key: f.text("cache_key"),
        matrix: matrix(f, problems),
        for_each: f.get("for_each").map(|i| Spanned { value: json(i), span: i.span.clone() }),
        later,
        unbuilt,
        ..TaskDraft::default()
    };
    draft.budget = budget(f, &format!("task `{}`", draft.id), problems);
    action(f, &mut draft, problems);
    in_worktree(f, &mut draft, problems);
    draft
}

/// What the task says about its worktree.
fn in_worktree(f: Fields<'_>, draft: &mut TaskDraft, problems: &mut Problems) {
    draft.domain = f.text("domain");
    draft.outputs = spanned_texts(f, "outputs");
    draft.must_change = f.flag("must_change");
    draft.verify = f.list("verify").iter().filter_map(|item| command(item, "`verify`", problems)).collect();
    draft.accept_partial = f.text("on_partial").as_deref() == Some("accept");
    let here = |key| f.get(key).map(|item| Spanned { value: key, span: item.span.clone() });
    draft.worktree_keys =
        ["outputs", "must_change", "verify", "on_partial"].into_iter().filter_map(here).collect();
}

/// Reads the action, and what undoes and asks about it.
fn action(f: Fields<'_>, draft: &mut TaskDraft, problems: &mut Problems) {
    let run = f.get("run").and_then(|item| command(item, "`run`", problems));
    draft.action =
        run.or_else(|| agent(f, draft)).or_else(|| tool(f, draft, problems)).or_else(|| other(f, draft));
    for (key, action) in [("prompt", "agent"), ("params", "tool"), ("max_items", "for_each")] {
        let Some(item) = f.get(key).filter(|_| f.get(action).is_none()) else { continue };
        let message = format!("`{key}` of task `{}` belongs to `{action}`, which it has not", draft.id);
        problems.push(Diagnostic::error(Code::BadValue, item.span.clone(), message));
    }
    draft.reconcile = f.get("reconcile").and_then(|item| command(item, "`reconcile`", problems));
    let Some(item) = f.get("undo") else { return };
    draft.undo = match &item.value {
        Value::Map(_) => tool_call(Fields::of(item), "undo", draft, problems),
        _ => command(item, "`undo`", problems),
    };
}

fn agent(f: Fields<'_>, draft: &mut TaskDraft) -> Option<Spanned<Action>> {
    let name = spanned(f.get("agent"))?;
    let prompt = spanned(f.get("prompt"));
    draft.refs_span = prompt.as_ref().map(|p| p.span.clone());
    let action = Action::Agent { agent: name.value, prompt: prompt.map(|p| p.value) };
    Some(Spanned { value: action, span: name.span })
}

/// `tool: shell` is `run`, with `cwd` and `env` of its own.
fn tool(f: Fields<'_>, draft: &mut TaskDraft, problems: &mut Problems) -> Option<Spanned<Action>> {
    let item = f.get("tool")?;
    let action = tool_call(f, "tool", draft, problems)?;
    if let (Action::Shell { .. }, Some(params)) = (&action.value, f.get("params")) {
        let params = Fields::of(params);
        draft.cwd = spanned(params.get("cwd")).or(draft.cwd.take());
        draft.env.extend(spanned_map(params.inside("env")));
    } else {
        draft.refs_span = f.get("params").map(|p| p.span.clone());
    }
    Some(Spanned { value: action.value, span: item.span.clone() })
}

/// A call of a tool by its `tool` and `params`; one that is not `shell` is not built yet.
pub(super) fn tool_call(
    f: Fields<'_>,
    key: &str,
    draft: &mut TaskDraft,
    problems: &mut Problems,
) -> Option<Spanned<Action>> {
    let tool = spanned(f.get("tool"))?;
    if tool.value == "shell" {
        let what = What::Key("params");
        let Some(params) = f.get("params") else {
            let message = format!("task `{}` calls `shell` without `params: {{ cmd: … }}`", draft.id);
            problems.push(Diagnostic::error(Code::MissingKey, tool.span, message));
            return None;
        };
        check(params, &Kind::Record(&SHELL_PARAMS), what, problems);
        let script = Fields::of(params).get("cmd").and_then(|cmd| command(cmd, "`cmd`", problems))?;
        if key == "tool" {
            draft.called = Some(tool.value);
        }
        return Some(script);
    }
    draft.unbuilt.push(format!("{key}: {}", tool.value));
    let params = f.inside("params").pairs().iter().map(|(k, v)| (k.text.clone(), json(v))).collect();
    Some(Spanned { value: Action::Tool { tool: tool.value, params }, span: tool.span })
}

fn other(f: Fields<'_>, draft: &mut TaskDraft) -> Option<Spanned<Action>> {
    if let Some(gate) = spanned(f.get("gate")) {
        draft.unbuilt.push("gate".to_owned());
        return Some(Spanned { value: Action::Gate { gate: gate.value }, span: gate.span });
    }
    let item = f.get("join")?;
    draft.unbuilt.push("join".to_owned());
    let join = Fields::of(item);
    let rules = join.inside("rules").pairs().iter();
    let action = Action::Join {
        conflict: join.text("conflict").unwrap_or_else(|| "fail-fast".to_owned()),
        rules: rules.filter_map(|(k, v)| Some((k.text.clone(), fields::text(v)?))).collect(),
    };
    Some(Spanned { value: action, span: item.span.clone() })
}

/// A list is an argv, a text goes to `sh -c`.
pub(super) fn command(item: &Item, what: &str, problems: &mut Problems) -> Option<Spanned<Action>> {
    let bad = |why: &str| Diagnostic::error(Code::BadValue, item.span.clone(), format!("{what} {why}"));
    let value = match &item.value {
        Value::List(items) => Action::Argv(items.iter().filter_map(fields::text).collect()),
        _ => Action::Shell { script: fields::text(item)?, shell: "sh".to_owned() },
    };
    let (texts, first) = match &value {
        Action::Argv(argv) => (argv.as_slice(), argv.first()),
        Action::Shell { script, .. } => (std::slice::from_ref(script), Some(script)),
        _ => (&[][..], None),
    };
    if texts.iter().any(|text| text.contains('\0')) {
        problems.push(bad("holds a NUL character"));
        return None;
    }
    if first.is_none_or(|text| text.trim().is_empty()) {
        problems.push(bad("names no command"));
        return None;
    }
    Some(Spanned { value, span: item.span.clone() })
}

fn locks(f: Fields<'_>, problems: &mut Problems) -> Vec<(Lock, Span)> {
    let mut locks = Vec::new();
    for item in f.list("locks") {
        if let Some(resource) = fields::text(item) {
            locks.push((Lock { resource, claim: Claim::Exclusive }, item.span.clone()));
            continue;
        }
        let f = Fields::of(item);
        let claim = match (f.text("mode").as_deref(), f.small("units")) {
            (Some("shared"), None) => Claim::Shared,
            (_, None) => Claim::Exclusive,
            (None, Some(units)) => Claim::Units(units),
            (Some(_), Some(_)) => {
                let message = "a lock has either a `mode` or `units`";
                problems.push(Diagnostic::error(Code::BadValue, item.span.clone(), message));
                continue;
            }
        };
        locks.extend(f.text("resource").map(|resource| (Lock { resource, claim }, item.span.clone())));
    }
    locks
}

fn matrix(f: Fields<'_>, problems: &mut Problems) -> BTreeMap<String, Vec<String>> {
    let mut axes = BTreeMap::new();
    for (key, item) in f.inside("matrix").pairs() {
        let values = match &item.value {
            Value::List(items) => items.iter().filter_map(fields::text).collect::<Vec<String>>(),
            _ => vec![],
        };
        if matches!(&item.value, Value::List(items) if items.is_empty()) {
            let message = format!("axis `{}` of the matrix has no values", key.text);
            problems.push(Diagnostic::error(Code::BadValue, item.span.clone(), message));
        }
        axes.insert(key.text.clone(), values);
    }
    axes
}
