//! A document as read: one draft per task, with the spans that later checks point at.
//!
//! Takes judged documents (`language`) of all three kinds; what names what is checked in `assemble`.

mod agent;
mod apart;
mod author;
mod commands;
mod entry;
mod evidence;
mod gates;
mod idle;
mod imported;
mod join;
mod keys;
mod later;
mod placeholders;
mod servers;
mod task;
mod vault;

pub(crate) use agent::{AgentsDraft, check_agents};
pub(crate) use apart::ApartDraft;
pub(crate) use entry::{Entries, Entry, Map, Matrix, Rare};
pub(crate) use keys::{Draft, Spanned, TaskDraft};

use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::epic::no_id;
use crate::fields::{self, Fields, json};
use crate::ids::is_id;
use crate::language::{BATCH, Kind, PLAN, REQUEST, What, check};
use crate::model::{Breaker, Dialect, Limits, Share, Unbuilt};
use crate::settings::Defaults;
use crate::tree::{Item, Span, Value};
use crate::variables;
use keys::{RetryKeys, TimeoutKeys};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Judges and reads a document. Only JSON may be a request or a batch. What it leaves open is as `defaults` have it.
pub(crate) fn read<'t>(
    root: Item<'t>,
    is_json: bool,
    defaults: &Defaults,
    problems: &mut Problems,
) -> Option<Draft<'t>> {
    let dialect = dialect(root, is_json);
    let before = problems.len();
    let (name, shape, list) = match dialect {
        Dialect::Plan => ("plan", &PLAN, "tasks"),
        Dialect::Request => ("request", &REQUEST, "tasks"),
        Dialect::Batch => ("batch", &BATCH, "commands"),
    };
    check(root, &Kind::Record(shape), What::Document(name), problems);
    if !matches!(root.value(), Value::Map(_)) {
        return None;
    }
    let f = Fields::of(root);
    let mut draft = match dialect {
        Dialect::Plan => plan(f, defaults, problems),
        Dialect::Request => imported::request(f, defaults, problems),
        Dialect::Batch => imported::batch(f, defaults),
    };
    draft.later = later::of_document(root, shape, list);
    draft.unbuilt.extend(draft.later.keys().map(|key| Unbuilt { key: key.clone(), task: None }));
    draft.tasks = f.list(list).iter().map(|item| entry(item, &draft.entries, problems)).collect();
    if dialect != Dialect::Plan && problems.len() > before {
        explain_dialect(name, &mut problems[before..]);
    }
    Some(draft)
}

/// A task as later rooms keep it. What is wrong with it is told here, and not again when it is read once more.
fn entry<'t>(item: Item<'t>, entries: &Entries, problems: &mut Problems) -> Entry<'t> {
    let f = Fields::of(item);
    let id = f.get("id").and_then(fields::borrowed).unwrap_or_default();
    if matches!(entries, Entries::Tasks) && task::is_plain(item) {
        return Entry { item, id, rare: None };
    }
    let TaskDraft { matrix, unbuilt, for_each, max_items, .. } = entries.read(item, problems);
    let map = for_each.map(|over| Map { over, max_items });
    let is_rare = !matrix.is_empty() || map.is_some() || !unbuilt.is_empty();
    let rare = is_rare.then(|| Box::new(Rare { matrix, map, unbuilt }));
    Entry { item, id, rare }
}

impl Entries {
    /// Reads an entry, and tells what is wrong with it.
    pub(crate) fn read(&self, item: Item<'_>, problems: &mut Problems) -> TaskDraft {
        let (mut draft, later) = match self {
            Entries::Tasks => match task::plain(item) {
                Some(plain) => return plain,
                None => (task::any(item, problems), later::of_entry(item, &PLAN, "tasks")),
            },
            Entries::Calls => {
                (imported::request_task(item, problems), later::of_entry(item, &REQUEST, "tasks"))
            }
            Entries::Commands { shell } => {
                let draft = imported::batch_command(item, shell, problems);
                (draft, later::of_entry(item, &BATCH, "commands"))
            }
        };
        draft.unbuilt.extend(later.keys().cloned());
        TaskDraft { later, ..draft }
    }
}

/// `tasks` without `version` is a request, `commands` a batch; but a task with a key of plans alone is a plan's.
fn dialect(root: Item<'_>, is_json: bool) -> Dialect {
    let f = Fields::of(root);
    let of_plans = |task: Item<'_>| {
        ["run", "agent", "join", "gate", "needs"].iter().any(|key| Fields::of(task).get(key).is_some())
    };
    if !is_json || f.get("version").is_some() {
        Dialect::Plan
    } else if f.get("commands").is_some() {
        Dialect::Batch
    } else if f.get("tasks").is_some() && !f.list("tasks").iter().any(of_plans) {
        Dialect::Request
    } else {
        Dialect::Plan
    }
}

/// An unknown key may mean that a plan was meant.
fn explain_dialect(name: &str, problems: &mut [Diagnostic]) {
    for problem in problems.iter_mut().filter(|p| p.code == Code::UnknownKey && p.help.is_none()) {
        problem.help =
            Some(format!("this is read as a {name}, because it has no `version`; a plan has `version: 1`"));
    }
}

fn plan<'t>(f: Fields<'t>, defaults: &Defaults, problems: &mut Problems) -> Draft<'t> {
    let text = |key: &str, default: &str| {
        f.text(key).or_else(|| defaults.text(key)).unwrap_or_else(|| default.to_owned())
    };
    let agents = agent::agents(f, defaults, problems);
    let apart = apart::read(f, &agents.all, problems);
    let mut draft = Draft {
        dialect: Dialect::Plan,
        name: text("name", "plan"),
        schedule: text("schedule", "dataflow"),
        isolation: text("isolation", "none"),
        on_failure: text("on_failure", "continue"),
        limits: limits(f.inside("limits"), (f.inside("limits").small("max_parallel"), 4), defaults),
        limits_span: f.get("limits").map_or(0..0, |i| i.span()),
        capped_agents: names_of(f.inside("limits").inside("per_agent")),
        caps_waves: f.inside("limits").small("per_wave").is_some(),
        resources: f.counts("resources"),
        leases: BTreeMap::new(),
        retry: retry(f.inside("retry")).or(defaults),
        timeout: timeout(f.inside("timeout")).or(defaults),
        effect: f.text("effect"),
        cache: f.flag("cache").unwrap_or(false),
        wave_delay_ms: f.duration_ms("wave_delay").unwrap_or(0),
        ageing: f.small("ageing"),
        max_lost: f.small("max_lost").unwrap_or(5),
        breaker: f.get("breaker").map(|item| breaker(Fields::of(item))),
        on_end: f.texts("on_end"),
        budget: agent::budget(f, "the plan", problems),
        env: passed(f, problems),
        inputs: f.inside("inputs").pairs().map(|(k, v)| (k.text.to_owned(), json(v))).collect(),
        agents,
        mcp_servers: servers::read(f, problems),
        mcp_unusable: BTreeMap::new(),
        roots: Vec::new(),
        drivers: BTreeSet::new(),
        task_type: f.text("task_type"),
        mode: f.text("mode"),
        cohort: f.small("cohort"),
        order: spanned_texts(f, "order"),
        entries: Entries::Tasks,
        tasks: Vec::new(),
        unbuilt: Vec::new(),
        apart: Some(apart),
        epic: epic(f, problems),
        secrets: f.texts("secrets"),
        vault: vault::read(f.inside("vault"), problems),
        later: BTreeMap::new(),
    };
    let unbuilt = draft.apart.iter().flat_map(|apart| apart.unbuilt.clone());
    draft.unbuilt.extend(unbuilt.map(|key| Unbuilt { key, task: None }));
    draft
}

/// The keys of a map.
fn names_of(f: Fields<'_>) -> Vec<Spanned<String>> {
    f.pairs().map(|(key, _)| Spanned { value: key.text.to_owned(), span: key.span() }).collect()
}

/// Caps; `slots` is what the document says of `max_parallel`, and what holds if nobody says anything.
fn limits(f: Fields<'_>, slots: (Option<u32>, u32), defaults: &Defaults) -> Limits {
    let output = f.text("output").and_then(|t| fields::parse_bytes(&t));
    Limits {
        max_parallel: slots.0.or_else(|| defaults.small("limits.max_parallel")).unwrap_or(slots.1),
        per_wave: f.small("per_wave").or_else(|| defaults.small("limits.per_wave")),
        per_priority: f.counts("per_priority"),
        per_agent: f.counts("per_agent"),
        per_tag: f.counts("per_tag"),
        output_bytes: output.or_else(|| defaults.bytes("limits.output")).unwrap_or(64 << 20),
    }
}

fn breaker(f: Fields<'_>) -> Breaker {
    let share = (f.permille("share").is_some() || f.small("window").is_some()).then(|| Share {
        permille: f.permille("share").unwrap_or(500),
        window: f.small("window").unwrap_or(10),
    });
    Breaker {
        failures: f.small("failures").unwrap_or(3),
        share,
        cool_down_ms: f.duration_ms("cool_down").unwrap_or(300_000),
        when_open: f.text("when_open").unwrap_or_else(|| "wait".to_owned()),
        limit_ms: f.duration_ms("limit").unwrap_or(1_800_000),
    }
}

fn retry(f: Fields<'_>) -> RetryKeys {
    RetryKeys {
        max_attempts: f.whole("max_attempts"),
        strategy: f.text("strategy"),
        backoff_ms: f.duration_ms("backoff"),
        max_backoff_ms: f.duration_ms("max_backoff"),
        resume_session: f.flag("resume_session"),
        keep_worktree: f.flag("keep_worktree"),
    }
}

fn timeout(f: Fields<'_>) -> TimeoutKeys {
    TimeoutKeys {
        attempt_ms: f.duration_ms("attempt"),
        idle_ms: f.duration_ms("idle"),
        grace_ms: f.duration_ms("grace"),
        run_ms: f.duration_ms("run"),
    }
}

/// `env` of a plan: names passed on; `None` for `inherit`.
fn passed(f: Fields<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    if f.text("env").is_some() {
        return None;
    }
    let names = spanned_texts(f, "env");
    variables::check_passed(names.iter().map(|name| (name.value.as_str(), &name.span)), problems);
    Some(names.into_iter().map(|name| name.value).collect())
}

/// The epic, whose id names files. That it is not empty is judged before.
fn epic(f: Fields<'_>, problems: &mut Problems) -> Option<String> {
    let epic = f.text("epic")?;
    if let Some(item) = f.get("epic").filter(|_| !epic.is_empty() && !is_id(&epic)) {
        problems.push(no_id(&epic, item.span()));
    }
    Some(epic)
}

fn spanned(item: Option<Item<'_>>) -> Option<Spanned<String>> {
    let item = item?;
    Some(Spanned { value: fields::text(item)?, span: item.span() })
}

fn spanned_texts(f: Fields<'_>, key: &str) -> Vec<Spanned<String>> {
    f.list(key).iter().filter_map(|i| spanned(Some(i))).collect()
}

fn spanned_map(f: Fields<'_>) -> BTreeMap<String, Spanned<String>> {
    f.pairs().filter_map(|(k, v)| Some((k.text.to_owned(), spanned(Some(v))?))).collect()
}

fn spanned_json(f: Fields<'_>) -> BTreeMap<String, Spanned<Json>> {
    let value = |v: Item<'_>| Spanned { value: json(v), span: v.span() };
    f.pairs().map(|(k, v)| (k.text.to_owned(), value(v))).collect()
}

/// The start of a value.
fn start(item: Item<'_>) -> Span {
    item.span().start..item.span().start
}
