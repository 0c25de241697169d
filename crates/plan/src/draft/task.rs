//! Reads one task of a plan.
//!
//! Reports what the declarations cannot say: empty commands, and keys that belong to another action.

use super::agent::budget;
use super::commands::{command, commands};
use super::entry::matrix;
use super::keys::{Spanned, TaskDraft};
use super::{retry, servers, spanned, spanned_json, spanned_map, spanned_texts, start, timeout};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::{self, Fields, json};
use crate::language::{Kind, SHELL_PARAMS, What, check};
use crate::model::{Action, Claim, Lock, built_in};
use crate::tree::{Item, Span, Value, same};

/// What most tasks say, and no more.
const PLAIN: [&str; 7] = ["id", "run", "needs", "title", "priority", "tags", "estimate"];

/// Keys of tasks that do work. What a gate is, and how long it may take, is said once, where the gate is.
const KEYS_OF_COMMANDS: [&str; 21] = [
    "accept",
    "budget",
    "cache",
    "cache_key",
    "cwd",
    "domain",
    "env",
    "files",
    "inputs",
    "locks",
    "max_retries",
    "must_change",
    "on_partial",
    "outputs",
    "reads",
    "reconcile",
    "result",
    "retry",
    "timeout",
    "undo",
    "verify",
];

/// True if nothing can be wrong with a task beyond what the declarations say, and it has nothing that an entry keeps.
pub(super) fn is_plain(item: Item<'_>) -> bool {
    plain_values(item).is_some()
}

/// The values of a plain task in the order of [`PLAIN`], and its script.
fn plain_values(item: Item<'_>) -> Option<([Option<Item<'_>>; PLAIN.len()], &str)> {
    let mut found: [Option<Item<'_>>; PLAIN.len()] = [None; PLAIN.len()];
    for (key, value) in Fields::pairs_of(item) {
        let slot = found.get_mut(PLAIN.iter().position(|known| same(known, key.text))?)?;
        // A key that stands twice, or for nothing, is for others.
        if value.is_null() || slot.replace(value).is_some() {
            return None;
        }
    }
    let script = fields::borrowed(found[1]?)?;
    (!script.contains('\0') && !script.trim().is_empty()).then_some((found, script))
}

/// Reads a plain task; `None` for any other.
pub(super) fn plain(item: Item<'_>) -> Option<TaskDraft> {
    let ([id, run, needs, title, priority, tags, estimate], script) = plain_values(item)?;
    let action = Action::Shell { script: script.to_owned(), shell: "sh".into() };
    let f = Fields::of(item);
    Some(TaskDraft {
        id: id.and_then(fields::text).unwrap_or_default(),
        id_span: id.map_or_else(|| start(item), Item::span),
        title: title.and_then(fields::text),
        action: run.map(|run| Spanned { value: action, span: run.span() }),
        needs: needs.map(|_| spanned_texts(f, "needs")).unwrap_or_default(),
        priority: priority.and_then(fields::text),
        tags: tags.map(|_| f.texts("tags")).unwrap_or_default(),
        estimate_ms: estimate.and_then(|_| f.duration_ms("estimate")),
        ..TaskDraft::default()
    })
}

/// Reads a task, and tells what is wrong with it.
pub(super) fn any(item: Item<'_>, problems: &mut Problems) -> TaskDraft {
    let f = Fields::of(item);
    let needs = ["needs", "dependsOn", "depends_on"].iter().flat_map(|key| spanned_texts(f, key)).collect();
    let mut retry = retry(f.inside("retry"));
    if let Some(n) = f.whole("max_retries") {
        // What is out of range has been reported.
        retry.max_attempts = Some(n.saturating_add(1));
    }
    let mut draft = TaskDraft {
        id: f.text("id").unwrap_or_default(),
        id_span: f.get("id").map_or_else(|| start(item), Item::span),
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
        inputs: spanned_json(f.inside("inputs")),
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
        for_each: f.get("for_each").map(|i| Spanned { value: json(i), span: i.span() }),
        max_items: f
            .get("max_items")
            .zip(f.whole("max_items"))
            .map(|(i, value)| Spanned { value, span: i.span() }),
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
    draft.verify = commands(f, "verify", problems);
    draft.accept_partial = f.text("on_partial").as_deref() == Some("accept");
    let here = |key| f.get(key).map(|item| Spanned { value: key, span: item.span() });
    let keeps = f.inside("retry").get("keep_worktree").filter(|_| draft.retry.keep_worktree == Some(true));
    draft.keeps = keeps.map(Item::span);
    draft.worktree_keys =
        ["outputs", "must_change", "verify", "on_partial"].into_iter().filter_map(here).collect();
}

/// Reads the action, and what undoes and asks about it.
fn action(f: Fields<'_>, draft: &mut TaskDraft, problems: &mut Problems) {
    let run = f.get("run").and_then(|item| command(item, "`run`", problems));
    draft.action = run
        .or_else(|| agent(f, draft))
        .or_else(|| tool(f, draft, problems))
        .or_else(|| other(f, draft, problems));
    for (key, action) in [("prompt", "agent"), ("params", "tool"), ("max_items", "for_each")] {
        let Some(item) = f.get(key).filter(|_| f.get(action).is_none()) else { continue };
        let message = format!("`{key}` of task `{}` belongs to `{action}`, which it has not", draft.id);
        problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
    }
    draft.reconcile = f.get("reconcile").and_then(|item| command(item, "`reconcile`", problems));
    let Some(item) = f.get("undo") else { return };
    draft.undo = match item.value() {
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
        servers::check_call(f, &draft.id, problems);
        draft.refs_span = f.get("params").map(Item::span);
    }
    Some(Spanned { value: action.value, span: item.span() })
}

/// A call of a tool by its `tool` and `params`.
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
    if let Some(known) = built_in(&tool.value) {
        servers::check_params((known, &tool.span), (&draft.id, f.get("params")), problems);
    }
    if key == "undo" {
        draft.undo_refs_span = f.get("params").map(Item::span);
    }
    let params = f.inside("params").pairs().map(|(k, v)| (k.text.to_owned(), json(v))).collect();
    Some(Spanned { value: Action::Tool { tool: tool.value, params }, span: tool.span })
}

fn other(f: Fields<'_>, draft: &mut TaskDraft, problems: &mut Problems) -> Option<Spanned<Action>> {
    if let Some(gate) = spanned(f.get("gate")) {
        let here = |key| f.get(key).map(|item| Spanned { value: key, span: item.span() });
        draft.gate_keys = KEYS_OF_COMMANDS.into_iter().filter_map(here).collect();
        return Some(Spanned { value: Action::Gate { gate: gate.value }, span: gate.span });
    }
    super::join::read(f.get("join")?, draft, problems)
}

fn locks(f: Fields<'_>, problems: &mut Problems) -> Vec<(Lock, Span)> {
    let mut locks = Vec::new();
    for item in f.list("locks").iter() {
        if let Some(resource) = fields::text(item) {
            locks.push((Lock { resource, claim: Claim::Exclusive }, item.span()));
            continue;
        }
        let f = Fields::of(item);
        let claim = match (f.text("mode").as_deref(), f.small("units")) {
            (Some("shared"), None) => Claim::Shared,
            (_, None) => Claim::Exclusive,
            (None, Some(units)) => Claim::Units(units),
            (Some(_), Some(_)) => {
                let message = "a lock has either a `mode` or `units`";
                problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
                continue;
            }
        };
        locks.extend(f.text("resource").map(|resource| (Lock { resource, claim }, item.span())));
    }
    locks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn a_task_that_says_what_most_say_is_read_as_any_other() {
        let texts = [
            "{ id: a, run: echo }",
            "{ run: 'true', needs: [b, 'c'], id: a, title: T, priority: P0, tags: [x, y], estimate: 2s }",
            "{ id: a, run: echo, needs: b, tags: x, estimate: soon, title: [] }",
            "{ run: echo }",
        ];
        for text in texts {
            let mut problems = Vec::new();
            let tree = yaml::read(text, &mut problems);
            let item = tree.as_ref().and_then(crate::tree::Tree::root).unwrap();
            let (one, other) = (plain(item).unwrap(), any(item, &mut problems));
            assert_eq!(format!("{one:?}"), format!("{other:?}"));
            assert!(problems.is_empty());
        }
        for text in [
            "{ id: a }",
            "{ id: a, run: ' ' }",
            "{ id: a, run: [x] }",
            "{ run: a, run: b }",
            "{ run: a, id: }",
            "{ run: a, cwd: b }",
        ] {
            let tree = yaml::read(text, &mut Vec::new());
            assert!(
                tree.as_ref().and_then(crate::tree::Tree::root).is_some_and(|item| plain(item).is_none()),
                "{text}"
            );
        }
    }
}
