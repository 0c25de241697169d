//! A plan document as read: one draft per task entry, with the spans that later checks point at.
//!
//! Keys and types only; what names what is checked in `validate`. Knows all keys of the plan language, so that an
//! unknown one can be told.

mod keys;
mod task;

pub(crate) use keys::{Draft, Spanned, TaskDraft};

use crate::diagnostic::{Code, Diagnostic};
use crate::fields::{self, Fields, Problems};
use crate::model::{Limits, Unbuilt};
use crate::tree::{Item, Key, Value};
use keys::{RetryKeys, TimeoutKeys};
use serde_json::Value as Json;
use std::collections::BTreeMap;

const SCHEDULES: [&str; 3] = ["dataflow", "waves", "sequential"];
const ISOLATIONS: [&str; 3] = ["none", "locks", "worktree"];
const ON_FAILURES: [&str; 3] = ["continue", "stop", "rollback"];
const EFFECTS: [&str; 4] = ["pure", "idempotent", "at-most-once", "reconcile"];
const STRATEGIES: [&str; 3] = ["linear", "exponential", "fixed"];
const PRIORITIES: [&str; 4] = ["P0", "P1", "P2", "P3"];
/// Largest cap, capacity or count that a plan may name.
const MAX_COUNT: u64 = 1_000_000;
/// Keys of a plan whose feature is not built yet, beside those that are read.
const LATER_PLAN: [&str; 13] = [
    "vault",
    "mcp_servers",
    "budget",
    "breaker",
    "cohort",
    "handoff",
    "epic",
    "worktree",
    "merge",
    "gates",
    "on_end",
    "order",
    "cache",
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
            Diagnostic::error(Code::MissingKey, 0..0, "the plan has no `version`")
                .help("begin it with `version: 1`"),
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
        inputs: json_values(f.map("inputs", problems)).into_iter().map(|(k, v)| (k, v.value)).collect(),
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
        draft.tasks.extend(task::task(item, i, problems));
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
    for (key, _) in
        priorities.unwrap_or_default().iter().filter(|(k, _)| !PRIORITIES.contains(&k.text.as_str()))
    {
        let message = format!("`{}` is no priority", key.text);
        problems.push(
            Diagnostic::error(Code::UnknownName, key.span.clone(), message)
                .help("priorities are P0, P1, P2, P3"),
        );
    }
    limits.per_priority = counts(priorities, "`per_priority`", problems);
    limits.per_agent = counts(f.map("per_agent", problems), "`per_agent`", problems);
    limits.per_tag = counts(f.map("per_tag", problems), "`per_tag`", problems);
    if let Some(text) = f.text("output", problems) {
        match parse_bytes(&text) {
            Some(bytes) => limits.output_bytes = bytes,
            None => problems.push(
                Diagnostic::error(
                    Code::BadValue,
                    f.span.clone(),
                    format!("`output` is not a size: `{text}`"),
                )
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
    let Some(mut f) = item.and_then(|i| Fields::of(i, "`retry`", problems)) else {
        return RetryKeys::default();
    };
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

fn json_values(pairs: Option<&[(Key, Item)]>) -> BTreeMap<String, Spanned<Json>> {
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
