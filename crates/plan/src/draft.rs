//! A plan document as read: one draft per task entry, with the spans that later checks point at.
//!
//! Keys and types only; what names what is checked in `validate`. Knows all keys of the plan language, so that an
//! unknown one can be told.

use crate::diagnostic::{Code, Diagnostic};
use crate::fields::{self, Fields, Problems};
use crate::model::{Claim, Limits, Lock, Retry, Run, Timeout, Unbuilt};
use crate::tree::{Item, Key, Span, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Retry keys as given.
#[derive(Clone, Debug, Default)]
pub(crate) struct RetryKeys {
    pub(crate) max_attempts: Option<u64>,
    pub(crate) strategy: Option<String>,
    pub(crate) backoff_ms: Option<u64>,
    pub(crate) max_backoff_ms: Option<u64>,
}

/// Timeout keys as given.
#[derive(Clone, Debug, Default)]
pub(crate) struct TimeoutKeys {
    pub(crate) attempt_ms: Option<u64>,
    pub(crate) idle_ms: Option<u64>,
    pub(crate) grace_ms: Option<u64>,
    pub(crate) run_ms: Option<u64>,
}

/// A text with its place.
#[derive(Clone, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A task entry as read.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskDraft {
    pub(crate) id: String,
    pub(crate) id_span: Span,
    pub(crate) title: Option<String>,
    pub(crate) run: Option<(Run, Span)>,
    pub(crate) undo: Option<(Run, Span)>,
    pub(crate) reconcile: Option<(Run, Span)>,
    pub(crate) needs: Vec<Spanned<String>>,
    pub(crate) priority: Option<String>,
    pub(crate) agent: Option<Spanned<String>>,
    pub(crate) tags: Vec<String>,
    pub(crate) locks: Vec<(Lock, Span)>,
    pub(crate) files: Vec<String>,
    pub(crate) reads: Vec<String>,
    pub(crate) accept: Vec<String>,
    pub(crate) estimate_ms: Option<u64>,
    pub(crate) cwd: Option<Spanned<String>>,
    pub(crate) env: BTreeMap<String, Spanned<String>>,
    pub(crate) inputs: BTreeMap<String, Spanned<Json>>,
    pub(crate) retry: RetryKeys,
    pub(crate) timeout: TimeoutKeys,
    pub(crate) effect: Option<String>,
    pub(crate) isolation: Option<String>,
    pub(crate) when: Option<Spanned<String>>,
    pub(crate) allow_skipped: bool,
    pub(crate) result_is_stdout: bool,
    pub(crate) role: Option<String>,
    pub(crate) matrix: BTreeMap<String, Vec<String>>,
    pub(crate) unbuilt: Vec<String>,
}

/// A plan document as read.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) schedule: String,
    pub(crate) isolation: String,
    pub(crate) on_failure: String,
    pub(crate) limits: Limits,
    pub(crate) limits_span: Span,
    pub(crate) resources: BTreeMap<String, u32>,
    pub(crate) retry: RetryKeys,
    pub(crate) timeout: TimeoutKeys,
    pub(crate) effect: Option<String>,
    pub(crate) wave_delay_ms: u64,
    pub(crate) ageing: u32,
    pub(crate) max_lost: u32,
    pub(crate) env: Option<Vec<String>>,
    pub(crate) secrets: Vec<String>,
    pub(crate) inputs: BTreeMap<String, Json>,
    pub(crate) agents: Vec<String>,
    pub(crate) task_type: Option<String>,
    pub(crate) mode: Option<String>,
    pub(crate) tasks: Vec<TaskDraft>,
    pub(crate) unbuilt: Vec<Unbuilt>,
}

pub(crate) const SCHEDULES: [&str; 3] = ["dataflow", "waves", "sequential"];
const ISOLATIONS: [&str; 3] = ["none", "locks", "worktree"];
const ON_FAILURES: [&str; 3] = ["continue", "stop", "rollback"];
const EFFECTS: [&str; 4] = ["pure", "idempotent", "at-most-once", "reconcile"];
const STRATEGIES: [&str; 3] = ["linear", "exponential", "fixed"];
const PRIORITIES: [&str; 4] = ["P0", "P1", "P2", "P3"];
const ROLES: [&str; 4] = ["security", "architecture", "implementation", "docs"];
/// Largest cap, capacity or count that a plan may name.
const MAX_COUNT: u64 = 1_000_000;
/// Keys of a plan whose feature is not built yet, beside those that are read.
const LATER_PLAN: [&str; 13] = [
    "vault", "mcp_servers", "budget", "breaker", "cohort", "handoff", "epic", "worktree", "merge", "gates",
    "on_end", "order", "cache",
];
/// Keys of a task whose feature is not built yet.
const LATER_TASK: [&str; 12] = [
    "for_each", "max_items", "cache", "cache_key", "on_partial", "budget", "domain", "outputs", "must_change",
    "verify", "handoff", "breaker",
];
/// Keys of the two lists that change nothing while their feature is missing.
const HARMLESS: [&str; 7] = ["cohort", "handoff", "epic", "order", "domain", "on_partial", "max_items"];

/// Reads a plan document.
pub(crate) fn read(root: &Item, problems: &mut Problems) -> Option<Draft> {
    let mut f = Fields::of(root, "the plan", problems)?;
    match f.get("version") {
        Some(item) => {
            fields::integer(item, "`version`", (1, 1), problems);
        }
        None => problems.push(
            Diagnostic::error(Code::MissingKey, 0..0, "the plan has no `version`").help("begin it with `version: 1`"),
        ),
    }
    let limits_span = f.get("limits").map_or(0..0, |i| i.span.clone());
    let mut draft = Draft {
        name: f.text("name", problems).unwrap_or_else(|| "plan".to_owned()),
        schedule: f.choice("schedule", &SCHEDULES, problems).unwrap_or_else(|| "dataflow".into()),
        isolation: f.choice("isolation", &ISOLATIONS, problems).unwrap_or_else(|| "none".into()),
        on_failure: f.choice("on_failure", &ON_FAILURES, problems).unwrap_or_else(|| "continue".into()),
        limits: limits(f.get("limits"), problems),
        limits_span,
        resources: counts(f.map("resources", problems), "`resources`", problems),
        retry: retry(f.get("retry"), problems),
        timeout: timeout(f.get("timeout"), true, problems),
        effect: f.choice("effect", &EFFECTS, problems),
        wave_delay_ms: f.duration_ms("wave_delay", problems).unwrap_or(0),
        ageing: small(f.integer("ageing", (1, MAX_COUNT), problems)).unwrap_or(32),
        max_lost: small(f.integer("max_lost", (1, MAX_COUNT), problems)).unwrap_or(5),
        env: passed(f.get("env"), problems),
        secrets: f.texts("secrets", problems).unwrap_or_default(),
        inputs: values(f.map("inputs", problems)).into_iter().map(|(k, v)| (k, v.value)).collect(),
        agents: f.map("agents", problems).unwrap_or_default().iter().map(|(k, _)| k.text.clone()).collect(),
        task_type: f.text("task_type", problems),
        mode: f.choice("mode", &["sequential", "hybrid"], problems),
        tasks: Vec::new(),
        unbuilt: Vec::new(),
    };
    for key in LATER_PLAN {
        if f.get(key).is_some() && !HARMLESS.contains(&key) {
            draft.unbuilt.push(Unbuilt { key: key.to_owned(), task: None });
        }
    }
    if draft.isolation == "worktree" {
        draft.unbuilt.push(Unbuilt { key: "isolation: worktree".into(), task: None });
    }
    for (i, item) in f.list("tasks", problems).unwrap_or_default().iter().enumerate() {
        draft.tasks.extend(task(item, i, problems));
    }
    f.finish(problems);
    Some(draft)
}

fn small(number: Option<u64>) -> Option<u32> {
    number.and_then(|n| u32::try_from(n).ok())
}

fn limits(item: Option<&Item>, problems: &mut Problems) -> Limits {
    let mut limits = Limits {
        max_parallel: 4,
        per_wave: None,
        per_priority: BTreeMap::new(),
        per_agent: BTreeMap::new(),
        per_tag: BTreeMap::new(),
        output_bytes: 64 << 20,
    };
    let Some(mut f) = item.and_then(|i| Fields::of(i, "`limits`", problems)) else { return limits };
    if let Some(n) = small(f.integer("max_parallel", (1, MAX_COUNT), problems)) {
        limits.max_parallel = n;
    }
    limits.per_wave = small(f.integer("per_wave", (1, MAX_COUNT), problems));
    let priorities = f.map("per_priority", problems);
    for (key, _) in priorities.unwrap_or_default().iter().filter(|(k, _)| !PRIORITIES.contains(&k.text.as_str())) {
        let message = format!("`{}` is no priority", key.text);
        problems.push(Diagnostic::error(Code::UnknownName, key.span.clone(), message).help("priorities are P0, P1, P2, P3"));
    }
    limits.per_priority = counts(priorities, "`per_priority`", problems);
    limits.per_agent = counts(f.map("per_agent", problems), "`per_agent`", problems);
    limits.per_tag = counts(f.map("per_tag", problems), "`per_tag`", problems);
    if let Some(text) = f.text("output", problems) {
        match parse_bytes(&text) {
            Some(bytes) => limits.output_bytes = bytes,
            None => problems.push(
                Diagnostic::error(Code::BadValue, f.span.clone(), format!("`output` is not a size: `{text}`"))
                    .help("write a number with a unit, such as `64MiB`"),
            ),
        }
    }
    f.finish(problems);
    limits
}

fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    number.checked_mul(unit).filter(|n| *n > 0)
}

fn counts(pairs: Option<&[(Key, Item)]>, what: &str, problems: &mut Problems) -> BTreeMap<String, u32> {
    pairs
        .unwrap_or_default()
        .iter()
        .filter_map(|(key, item)| {
            let what = format!("`{}` of {what}", key.text);
            Some((key.text.clone(), small(fields::integer(item, &what, (1, MAX_COUNT), problems))?))
        })
        .collect()
}

fn retry(item: Option<&Item>, problems: &mut Problems) -> RetryKeys {
    let Some(mut f) = item.and_then(|i| Fields::of(i, "`retry`", problems)) else { return RetryKeys::default() };
    let keys = RetryKeys {
        max_attempts: f.integer("max_attempts", (1, 1_000), problems),
        strategy: f.choice("strategy", &STRATEGIES, problems),
        backoff_ms: f.duration_ms("backoff", problems),
        max_backoff_ms: f.duration_ms("max_backoff", problems),
    };
    f.finish(problems);
    keys
}

fn timeout(item: Option<&Item>, plan: bool, problems: &mut Problems) -> TimeoutKeys {
    let Some(mut f) = item.and_then(|i| Fields::of(i, "`timeout`", problems)) else {
        return TimeoutKeys::default();
    };
    let keys = TimeoutKeys {
        attempt_ms: f.duration_ms("attempt", problems),
        idle_ms: f.duration_ms("idle", problems),
        grace_ms: f.duration_ms("grace", problems),
        run_ms: if plan { f.duration_ms("run", problems) } else { None },
    };
    f.finish(problems);
    keys
}

/// `env` of a plan: names passed on, or `inherit`.
fn passed(item: Option<&Item>, problems: &mut Problems) -> Option<Vec<String>> {
    let Some(item) = item else { return Some(vec![]) };
    match &item.value {
        Value::Plain(text) | Value::Text(text) if text == "inherit" => None,
        _ => Some(fields::texts(item, "`env`", problems).unwrap_or_default()),
    }
}

fn values(pairs: Option<&[(Key, Item)]>) -> BTreeMap<String, Spanned<Json>> {
    pairs
        .unwrap_or_default()
        .iter()
        .map(|(key, item)| (key.text.clone(), Spanned { value: json(item), span: item.span.clone() }))
        .collect()
}

/// A free value as JSON: plain scalars become what YAML's core schema makes of them.
fn json(item: &Item) -> Json {
    match &item.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Text(text) => Json::String(text.clone()),
        Value::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.clone())),
        Value::Plain(text) => match text.as_str() {
            "" | "~" | "null" => Json::Null,
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            _ => match serde_json::from_str::<Json>(text) {
                Ok(Json::Number(number)) => Json::Number(number),
                _ => Json::String(text.clone()),
            },
        },
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(pairs) => Json::Object(pairs.iter().map(|(k, v)| (k.text.clone(), json(v))).collect()),
    }
}

fn task(item: &Item, index: usize, problems: &mut Problems) -> Option<TaskDraft> {
    let mut f = Fields::of(item, format!("task {}", index + 1), problems)?;
    let mut draft = TaskDraft { id_span: item.span.start..item.span.start, ..TaskDraft::default() };
    match f.get("id") {
        Some(id) => {
            draft.id = fields::text(id, "`id`", problems).unwrap_or_default();
            draft.id_span = id.span.clone();
        }
        None => problems.push(
            Diagnostic::error(Code::MissingKey, item.span.start..item.span.start, format!("task {} has no `id`", index + 1)),
        ),
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
    draft.inputs = values(f.map("inputs", problems));
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
    let found: Vec<(&'static str, &Item)> =
        ["run", "agent", "tool", "join", "gate"].into_iter().filter_map(|k| f.get(k).map(|i| (k, i))).collect();
    let id = draft.id.clone();
    match found[..] {
        [] => problems.push(
            Diagnostic::error(Code::Action, draft.id_span.clone(), format!("task `{id}` has no action"))
                .help("give it exactly one of `run`, `agent`, `tool`, `join`, `gate`"),
        ),
        [_, (second, item), ..] => problems.push(
            Diagnostic::error(Code::Action, item.span.clone(), format!("task `{id}` has more than one action: `{second}` too"))
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
            problems.push(Diagnostic::error(Code::BadValue, item.span.clone(), format!("{what} names no program")));
            return None;
        }
        return Some((Run::Argv(argv), item.span.clone()));
    }
    let script = fields::text(item, what, problems)?;
    if script.contains('\0') {
        problems.push(Diagnostic::error(Code::BadValue, item.span.clone(), format!("{what} holds a NUL character")));
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
            None => problems.push(Diagnostic::error(Code::MissingKey, item.span.clone(), "a lock has no `resource`")),
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

impl RetryKeys {
    /// These keys over those of the plan over the defaults.
    pub(crate) fn over(&self, plan: &RetryKeys) -> Retry {
        let number = self.max_attempts.or(plan.max_attempts).unwrap_or(1);
        Retry {
            max_attempts: u32::try_from(number).unwrap_or(u32::MAX),
            strategy: self.strategy.clone().or_else(|| plan.strategy.clone()).unwrap_or_else(|| "linear".into()),
            backoff_ms: self.backoff_ms.or(plan.backoff_ms).unwrap_or(1_000),
            max_backoff_ms: self.max_backoff_ms.or(plan.max_backoff_ms).unwrap_or(300_000),
        }
    }
}

impl TimeoutKeys {
    /// These keys over those of the plan over the defaults.
    pub(crate) fn over(&self, plan: &TimeoutKeys, agent: bool) -> Timeout {
        let default = if agent { 3_600_000 } else { 1_800_000 };
        Timeout {
            attempt_ms: self.attempt_ms.or(plan.attempt_ms).unwrap_or(default),
            idle_ms: self.idle_ms.or(plan.idle_ms),
            grace_ms: self.grace_ms.or(plan.grace_ms).unwrap_or(10_000),
        }
    }
}
