//! Reads the two documents of others: the parallel request and the shell batch (formats 1 and 2).
//!
//! Gives the same drafts as a plan does, so everything after it is one way. Times are milliseconds.

use super::commands::command;
use super::entry::Entries;
use super::keys::{Draft, RetryKeys, TaskDraft, TimeoutKeys};
use super::task::tool_call;
use super::{AgentsDraft, limits, spanned, spanned_map, spanned_texts, start};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::Fields;
use crate::ids::is_id;
use crate::model::{Action, Dialect, SecretSource};
use crate::settings::Defaults;
use crate::tree::Item;
use std::collections::{BTreeMap, BTreeSet};

/// Longest time of a call that names none.
const DEFAULT_TIMEOUT_MS: u64 = 300_000;

/// A parallel request.
pub(super) fn request<'t>(f: Fields<'t>, defaults: &Defaults, problems: &mut Problems) -> Draft<'t> {
    let config = f.inside("config");
    let mut draft = empty((Dialect::Request, Entries::Calls), (config, 10), defaults);
    if config.flag("enableRollback") == Some(true) {
        draft.on_failure = "rollback".to_owned();
    }
    draft.timeout.run_ms = config.whole("timeout").or(draft.timeout.run_ms);
    draft.timeout.attempt_ms = draft.timeout.attempt_ms.or(Some(DEFAULT_TIMEOUT_MS));
    draft.vault = vault(f, problems);
    draft
}

/// The secrets that the tasks of a request name. Two may name one; one name means one source.
fn vault(f: Fields<'_>, problems: &mut Problems) -> BTreeMap<String, SecretSource> {
    let mut vault = BTreeMap::new();
    for named in f.list("tasks").iter().filter_map(|task| spanned(Fields::of(task).get("vault"))) {
        let wrong = |message: String| {
            let help = "`NAME` or `env:NAME` is a variable of whoever runs it, `file:PATH` a file that nobody else may read; \
                        `${vault.NAME}` in `params` is its value, of a file by its name without extension";
            Diagnostic::error(Code::BadValue, named.span.clone(), message).help(help)
        };
        let Some((name, source)) = source(&named.value) else {
            problems.push(wrong(format!("`{}` is no source of a secret", named.value.escape_debug())));
            continue;
        };
        let before = vault.insert(name.clone(), source.clone());
        if before.is_some_and(|before| before != source) {
            problems.push(wrong(format!("`${{vault.{name}}}` would mean two secrets")));
        }
    }
    vault
}

/// A source as a request names it, and the name by which it is referred to.
fn source(text: &str) -> Option<(String, SecretSource)> {
    let (kind, rest) = text.split_once(':').unwrap_or(("env", text));
    let (name, source) = match kind {
        "env" => (rest, SecretSource::Env(rest.to_owned())),
        "file" => {
            let name = rest.rsplit('/').next().unwrap_or(rest).trim_start_matches('.');
            (name.split('.').next().unwrap_or(name), SecretSource::File(rest.to_owned()))
        }
        _ => return None,
    };
    is_id(name).then(|| (name.to_owned(), source))
}

pub(super) fn request_task(item: Item<'_>, problems: &mut Problems) -> TaskDraft {
    let f = Fields::of(item);
    let mut draft = named(item);
    draft.priority = f.whole("priority").map(|n| priority(n).to_owned());
    let policy = f.inside("retryPolicy");
    draft.retry = RetryKeys {
        resume_session: None,
        keep_worktree: None,
        max_attempts: policy.whole("maxAttempts"),
        strategy: policy.text("backoff"),
        backoff_ms: policy.whole("initialDelay"),
        max_backoff_ms: None,
    };
    draft.action = tool_call(f, "tool", &mut draft, problems);
    if let Some(Action::Tool { .. }) = draft.action.as_ref().map(|a| &a.value) {
        draft.refs_span = f.get("params").map(Item::span);
    } else {
        let params = f.inside("params");
        draft.cwd = spanned(params.get("cwd"));
        draft.env = spanned_map(params.inside("env"));
    }
    if let Some(undo) = f.get("undo") {
        draft.undo = tool_call(Fields::of(undo), "undo", &mut draft, problems);
    }
    draft
}

/// 10 is first: 9-10 P0, 6-8 P1, 3-5 P2, 1-2 P3.
fn priority(number: u64) -> &'static str {
    match number {
        9.. => "P0",
        6..=8 => "P1",
        3..=5 => "P2",
        0..=2 => "P3",
    }
}

/// A shell batch.
pub(super) fn batch<'t>(f: Fields<'t>, defaults: &Defaults) -> Draft<'t> {
    let config = f.inside("config");
    let shell = config.text("defaultShell").unwrap_or_else(|| "sh".to_owned());
    let mut draft = empty((Dialect::Batch, Entries::Commands { shell }), (config, 5), defaults);
    let of_settings = draft.timeout.attempt_ms;
    draft.timeout.attempt_ms = config.whole("defaultTimeout").or(of_settings).or(Some(DEFAULT_TIMEOUT_MS));
    draft
}

pub(super) fn batch_command(item: Item<'_>, default_shell: &str, problems: &mut Problems) -> TaskDraft {
    let f = Fields::of(item);
    let mut draft = named(item);
    draft.cwd = spanned(f.get("cwd"));
    draft.env = spanned_map(f.inside("env"));
    draft.action = f.get("cmd").and_then(|cmd| command(cmd, "`cmd`", problems));
    if let Some(Action::Shell { shell, .. }) = draft.action.as_mut().map(|a| &mut a.value) {
        *shell = f.text("shell").unwrap_or_else(|| default_shell.to_owned()).into();
    }
    draft
}

/// What both kinds of entries have.
fn named(item: Item<'_>) -> TaskDraft {
    let f = Fields::of(item);
    TaskDraft {
        id: f.text("id").unwrap_or_default(),
        id_span: f.get("id").map_or_else(|| start(item), Item::span),
        needs: spanned_texts(f, "dependsOn"),
        timeout: TimeoutKeys { attempt_ms: f.whole("timeout"), ..TimeoutKeys::default() },
        ..TaskDraft::default()
    }
}

fn empty<'t>(
    (dialect, entries): (Dialect, Entries),
    (config, slots): (Fields<'_>, u32),
    defaults: &Defaults,
) -> Draft<'t> {
    let or = |said: Option<String>, key: &str, default: &str| {
        said.or_else(|| defaults.text(key)).unwrap_or_else(|| default.to_owned())
    };
    let name = if dialect == Dialect::Request { "request" } else { "batch" };
    Draft {
        dialect,
        name: name.to_owned(),
        schedule: or(None, "schedule", "dataflow"),
        isolation: "none".to_owned(),
        apart: None,
        epic: None,
        secrets: Vec::new(),
        vault: BTreeMap::new(),
        on_failure: or(config.text("failureMode"), "on_failure", "continue"),
        limits: limits(config, (config.small("maxConcurrent"), slots), defaults),
        limits_span: 0..0,
        capped_agents: Vec::new(),
        caps_waves: false,
        leases: BTreeMap::new(),
        resources: BTreeMap::new(),
        retry: RetryKeys::default().or(defaults),
        timeout: TimeoutKeys::default().or(defaults),
        effect: None,
        cache: false,
        wave_delay_ms: 0,
        ageing: None,
        max_lost: 5,
        breaker: None,
        on_end: Vec::new(),
        budget: None,
        env: Some(vec![]),
        inputs: BTreeMap::new(),
        agents: AgentsDraft::default(),
        mcp_servers: BTreeMap::new(),
        mcp_unusable: BTreeMap::new(),
        roots: Vec::new(),
        drivers: BTreeSet::new(),
        task_type: None,
        mode: None,
        cohort: None,
        order: vec![],
        entries,
        tasks: Vec::new(),
        unbuilt: Vec::new(),
        later: BTreeMap::new(),
    }
}
