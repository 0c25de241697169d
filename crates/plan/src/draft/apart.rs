//! Reads `worktree` and `merge` of a plan.
//!
//! What the declarations cannot say is reported here: contradictions. What is not built yet is told by name.

use super::commands::commands;
use super::idle;
use super::placeholders;
use super::spanned;
use super::{author, gates};
use crate::agents::{Agent, Permissions};
use crate::apart::{Check, Helper, Merge, MergeRule, Worktrees};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::{self, Fields, nearest};
use crate::patterns::refuse;
use crate::tree::{Item, Span, Value};
use crate::variables;
use std::collections::{BTreeMap, BTreeSet};

/// An attempt of an agent that helps the merge may take this long unless it says otherwise, in milliseconds.
const HELPER_MS: u64 = 60 * 60_000;
/// Attempts of an agent that mends red gates,
const FIX_ATTEMPTS: u32 = 3;
/// and of one that resolves a conflict.
const RESOLVER_ATTEMPTS: u32 = 2;

/// What variables of worktrees may refer to.
const OF_WORKTREE: [&str; 3] = ["worktree.port", "worktree.path", "worktree.name"];

/// The strategy that takes work as it is.
pub(super) const FF_ONLY: &str = "ff-only";

/// Parts of `worktree` and `merge` whose feature is not built yet, with the value that asks for it.
const UNBUILT: [(&str, &str, &str); 1] = [("merge", "policy", "pull-requests")];

/// What a plan says of worktrees and their merge.
#[derive(Clone, Debug)]
pub(crate) struct ApartDraft {
    pub(crate) worktrees: Worktrees,
    pub(crate) merge: Option<Merge>,
    /// Where `merge` stands, if something is to be merged.
    pub(crate) merges: Option<Span>,
    /// Where `strategy: ff-only` stands, if the plan says so.
    pub(crate) forward_only: Option<Span>,
    /// The agents that help the merge, each where it is named.
    pub(crate) helpers: Vec<(String, Span)>,
    /// All gates, by id.
    pub(crate) gates: BTreeMap<String, Check>,
    /// The ids of all that stand there, also of those that cannot be used.
    pub(crate) gate_ids: BTreeSet<String>,
    /// Words of `merge.gates` that are no gates, each where it stands.
    pub(crate) words: Vec<(String, Span)>,
    /// Names of what is not built yet.
    pub(crate) unbuilt: Vec<String>,
}

impl ApartDraft {
    /// Tells words of `merge.gates` that are neither gates nor programs here: they would be red after all the work. What there
    /// is when they run is not known if `setup` may make it.
    pub(crate) fn check_words(&self, is_program: fn(&str) -> bool, problems: &mut Problems) {
        if !self.worktrees.setup.is_empty() {
            return;
        }
        gates::check_words((&self.words, &self.gate_ids), is_program, problems);
    }
}

/// Reads all three.
pub(super) fn read(f: Fields<'_>, agents: &BTreeMap<String, Agent>, problems: &mut Problems) -> ApartDraft {
    let gates = gates::read(f, problems);
    let merge = f.get("merge").filter(|item| matches!(item.value(), Value::Map(_)));
    let merge = merge
        .map(|item| self::merge((agents, item), &gates, problems))
        .filter(|merge| merge.policy != "none");
    let merges = f.get("merge").filter(|_| merge.is_some()).map(|item| item.span());
    let mut unbuilt = Vec::new();
    for (block, key, value) in UNBUILT {
        if f.inside(block).get(key).is_some_and(|item| word(item) == value) {
            unbuilt.push(format!("{block}.{key}: {value}"));
        }
    }
    let gate_ids: BTreeSet<String> = f.inside("gates").pairs().map(|(key, _)| key.text.to_owned()).collect();
    let forward = merge.as_ref().is_some_and(|merge| merge.strategy == FF_ONLY);
    let forward_only = f.inside("merge").get("strategy").filter(|_| forward).map(|item| item.span());
    let named = |key: &&str| spanned(f.inside("merge").inside(key).get("agent"));
    let helpers = ["fix", "resolver"].iter().filter(|_| merge.is_some()).filter_map(named);
    let helpers = helpers.map(|agent| (agent.value, agent.span)).collect();
    let worktrees = worktrees(f.inside("worktree"), problems);
    let listed = f.inside("merge").list("gates");
    let words =
        listed.iter().filter(|_| merge.is_some()).filter_map(|item| Some((fields::text(item)?, item.span())));
    let words = words.filter(|(text, _)| gates::is_word(text) && !gate_ids.contains(text)).collect();
    ApartDraft { worktrees, merge, merges, forward_only, helpers, gates, gate_ids, words, unbuilt }
}

/// A scalar as YAML has it, in every format.
fn word(item: Item<'_>) -> String {
    match item.value() {
        Value::Bool(value) => value.to_string(),
        Value::Number(text) => text.to_owned(),
        _ => fields::text(item).unwrap_or_default(),
    }
}

fn worktrees(f: Fields<'_>, problems: &mut Problems) -> Worktrees {
    for (key, list) in [
        ("copy", f.list("copy")),
        ("shared", f.list("shared")),
        ("protect", f.list("protect")),
        ("sparse", f.list("sparse")),
    ] {
        for item in list.iter() {
            let Some(why) = fields::text(item).and_then(|pattern| refuse(&pattern)) else { continue };
            let message = format!("`{key}` of `worktree` {why}");
            problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
        }
    }
    if let Some(item) = f.get("dir")
        && let Some(why) = fields::text(item).and_then(|dir| refuse(&dir))
    {
        let message = format!("`dir` of `worktree` {why}");
        problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
    }
    for (key, item) in f.inside("env").pairs() {
        check_variable(key.text, item, problems);
    }
    let setup = commands(f, "setup", problems).into_iter();
    let env = f.inside("env").pairs();
    Worktrees {
        setup: setup.map(|spanned| spanned.value).collect(),
        base: f.text("base").unwrap_or_else(|| "HEAD".to_owned()),
        dir: f.text("dir").unwrap_or_else(|| ".regatta/worktrees".to_owned()),
        copy: f.texts("copy"),
        env: env.filter_map(|(k, v)| Some((k.text.to_owned(), fields::text(v)?))).collect(),
        ownership: f.text("ownership").unwrap_or_else(|| "warn".to_owned()),
        shared: f.texts("shared"),
        protect: f.texts("protect"),
        sparse: match f.flag("sparse") {
            Some(asked) => asked.then(Vec::new),
            None => f.get("sparse").map(|_| f.texts("sparse")),
        },
        // `on` and `off` are truth values to YAML.
        lfs: f.get("lfs").map_or_else(|| "auto".to_owned(), word),
        on_error: f.text("on_error").unwrap_or_else(|| "fail".to_owned()),
    }
}

/// Checks a variable of what runs in worktrees: its name, and what it refers to.
fn check_variable(name: &str, item: Item<'_>, problems: &mut Problems) {
    let Some(value) = fields::text(item) else { return };
    variables::check_set("`worktree`", (name, &value), &item.span(), problems);
    for part in value.split("${").skip(1) {
        let head = part.split('}').next().unwrap_or_default();
        if OF_WORKTREE.contains(&head) {
            continue;
        }
        let message = format!(
            "variable `{name}` of `worktree` refers to `${{{}}}`, which it cannot",
            head.escape_debug()
        );
        let problem = Diagnostic::error(Code::BadReference, item.span(), message);
        problems
            .push(problem.help("there are `${worktree.port}`, `${worktree.path}` and `${worktree.name}`"));
    }
}

fn merge(
    (agents, item): (&BTreeMap<String, Agent>, Item<'_>),
    gates: &BTreeMap<String, Check>,
    problems: &mut Problems,
) -> Merge {
    let f = Fields::of(item);
    let text = |key: &str, default: &str| f.text(key).unwrap_or_else(|| default.to_owned());
    let merge = Merge {
        policy: text("policy", "all-success"),
        target: f.text("target"),
        strategy: text("strategy", "no-ff"),
        order: f.texts("order"),
        on_conflict: text("on_conflict", "fail-fast"),
        rules: f.list("rules").iter().map(|item| rule(item, problems)).collect(),
        gates: gates::listed(f.list("gates"), gates, problems),
        batch: f.small("batch").unwrap_or(1),
        gate_each: f.flag("gate_each").unwrap_or(true),
        on_gate_failure: text("on_gate_failure", "stop"),
        message: f.text("message"),
        author: author::read(f, problems),
        sign: f.inside("commit").flag("sign").unwrap_or(false),
        keep_branches: f.flag("keep_branches").unwrap_or(false),
        approve: f.flag("approve").unwrap_or(false),
        fix: helper((agents, f.get("fix")), FIX_ATTEMPTS, problems),
        resolver: helper((agents, f.get("resolver")), RESOLVER_ATTEMPTS, problems),
    };
    if (merge.on_conflict == "resolver") != f.get("resolver").is_some() {
        let span = f.get("resolver").or(f.get("on_conflict")).map_or(item.span(), Item::span);
        let message = "`resolver` and `on_conflict: resolver` belong together";
        problems.push(Diagnostic::error(Code::BadValue, span, message));
    }
    if let Some(item) = f.get("message") {
        for name in
            placeholders::unknown(merge.message.as_deref().unwrap_or_default(), &["{task}", "{title}"])
        {
            let message = format!("`message` of `merge` names `{name}`, which stands for nothing");
            let problem = Diagnostic::error(Code::UnknownName, item.span(), message);
            problems.push(problem.help("`{task}` and `{title}` are known"));
        }
    }
    if merge.policy == "all-success" && merge.on_gate_failure == "take-out" {
        let span = f.get("on_gate_failure").map_or(item.span(), Item::span);
        let message =
            "`on_gate_failure: take-out` contradicts `policy: all-success`: what is taken out does not land";
        let problem = Diagnostic::error(Code::BadValue, span, message);
        problems.push(problem.help("use `policy: merge-succeeded`"));
    }
    if merge.on_conflict != "merge-with-rules" && !merge.rules.is_empty() {
        let span = f.get("rules").map_or(item.span(), Item::span);
        let problem =
            Diagnostic::error(Code::BadValue, span, "`rules` belong to `on_conflict: merge-with-rules`");
        problems.push(problem.help("add `on_conflict: merge-with-rules`"));
    }
    if merge.batch > 1 && !merge.gate_each {
        let span = f.get("batch").map_or(item.span(), Item::span);
        let message = "`batch` has no use with `gate_each: false`: gates run once, after all merges";
        problems.push(Diagnostic::error(Code::BadValue, span, message).help("leave one of them out"));
    }
    if merge.strategy == FF_ONLY {
        check_forward(&merge, f, problems);
    }
    idle::check(&merge, f, problems);
    if merge.gates.is_empty() && merge.policy != "none" {
        let message = "work lands without any gate: nothing checks what comes of the merges";
        let problem = Diagnostic::warning(Code::NoGate, item.span(), message);
        problems.push(problem.help("add `gates: [\"…\"]`, for instance the tests"));
    }
    merge
}

/// What makes no sense where nothing is merged.
fn check_forward(merge: &Merge, f: Fields<'_>, problems: &mut Problems) {
    let span = |key: &str| f.get(key).map_or(0..0, Item::span);
    if merge.on_conflict != "fail-fast" {
        let message = format!("`on_conflict: {}` has no use with `strategy: ff-only`", merge.on_conflict);
        let problem = Diagnostic::error(Code::BadValue, span("on_conflict"), message);
        problems.push(problem.help("nothing is merged, so nothing conflicts: leave `on_conflict` out"));
    }
    if merge.fix.is_some() && merge.gate_each {
        let message = "with `strategy: ff-only` no commit can be put between two tasks, as `fix` does";
        let problem = Diagnostic::error(Code::BadValue, span("fix"), message);
        problems.push(problem.help("add `gate_each: false`, so that gates run after the last task only"));
    }
}

fn rule(item: Item<'_>, problems: &mut Problems) -> MergeRule {
    let f = Fields::of(item);
    let rule = MergeRule {
        paths: f.text("paths").unwrap_or_default(),
        how: f.text("use").unwrap_or_default(),
        run: f.text("run"),
    };
    if let Some(why) = refuse(&rule.paths).filter(|_| f.get("paths").is_some()) {
        let message = format!("`paths` of a rule {why}");
        problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
    }
    if (rule.how == "regenerate") != rule.run.is_some() {
        let message = "`run` and `use: regenerate` belong together";
        problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
    }
    rule
}

/// An agent that helps the merge.
fn helper(
    (agents, item): (&BTreeMap<String, Agent>, Option<Item<'_>>),
    attempts: u32,
    problems: &mut Problems,
) -> Option<Helper> {
    let f = Fields::of(item?);
    let agent = f.text("agent")?;
    if !agents.contains_key(&agent) {
        let span = f.get("agent").map_or(0..0, Item::span);
        let message = format!("agent `{}` is not among `agents`", agent.escape_debug());
        let mut problem = Diagnostic::error(Code::UnknownName, span, message);
        problem.help =
            nearest(&agent, agents.keys().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
        problems.push(problem);
    }
    if agents.get(&agent).is_some_and(|agent| agent.permissions == Permissions::Ask) {
        let span = f.get("agent").map_or(0..0, Item::span);
        let agent = agent.escape_debug();
        let message =
            format!("agent `{agent}` has `permissions: ask`, but nobody is asked while work is merged");
        let help = "name an agent with `edit` or `allow` here";
        problems.push(Diagnostic::error(Code::BadValue, span, message).help(help));
    }
    Some(Helper {
        agent,
        attempts: f.small("attempts").unwrap_or(attempts),
        timeout_ms: f.duration_ms("timeout").unwrap_or(HELPER_MS),
    })
}
