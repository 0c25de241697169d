//! Reads agents and budgets.
//!
//! Reports what the declarations cannot say: unknown presets, empty commands, budgets of nothing.

use super::placeholders::unknown;
use super::{Spanned, spanned, spanned_texts, start};
use crate::agents::{Agent, Budget, Driver, PRESETS, Permissions, TakesMcp, is_key_name};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::{Fields, nearest};
use crate::settings::Defaults;
use crate::tree::{Item, Tree};
use crate::unassigned::NOBODY;
use crate::{json, variables};
use std::collections::{BTreeMap, BTreeSet};

/// The agents that tasks of a plan may name.
#[derive(Clone, Debug, Default)]
pub(crate) struct AgentsDraft {
    /// All, by name.
    pub(crate) all: BTreeMap<String, Agent>,
    /// Those that the plan does not have itself, but settings.
    pub(crate) lent: BTreeSet<String>,
    /// The MCP servers that each of the plan's own names, where it names them.
    pub(crate) servers: Vec<(String, Spanned<String>)>,
}

/// The agents of a plan, and those of settings whose names the plan has not.
pub(super) fn agents(f: Fields<'_>, defaults: &Defaults, problems: &mut Problems) -> AgentsDraft {
    let mut draft = AgentsDraft::default();
    for (name, item) in f.inside("agents").pairs() {
        // It is there, whatever is wrong with it: who names it makes no second mistake.
        let agent = agent(name.text, item, problems).unwrap_or_else(unread);
        let servers = spanned_texts(Fields::of(item), "mcp").into_iter();
        draft.servers.extend(servers.map(|server| (name.text.to_owned(), server)));
        draft.all.insert(name.text.to_owned(), agent);
    }
    for (name, value) in defaults.agents().filter(|(name, _)| f.inside("agents").get(name).is_none()) {
        let text = value.to_string();
        // The settings were read without an error, or there are none.
        let tree = json::read(&text, &mut Vec::new());
        let lent = tree.as_ref().and_then(Tree::root).and_then(|item| agent(name, item, &mut Vec::new()));
        if let Some(lent) = lent {
            draft.lent.insert(name.to_owned());
            draft.all.insert(name.to_owned(), lent);
        }
    }
    draft
}

/// One that stands for an agent that cannot be read: no plan is made of it.
fn unread() -> Agent {
    Agent {
        driver: Driver::Preset("codex".to_owned()),
        model: None,
        args: Vec::new(),
        permissions: Permissions::Edit,
        own_home: false,
        env: Vec::new(),
        mcp: Vec::new(),
        idle_timeout_ms: None,
        role: None,
    }
}

/// Tells what is wrong with the agents of settings.
pub(crate) fn check_agents(f: Fields<'_>, problems: &mut Problems) {
    for (name, item) in f.inside("agents").pairs() {
        // Nobody names it yet.
        let _ = agent(name.text, item, problems);
    }
}

fn agent(name: &str, item: Item<'_>, problems: &mut Problems) -> Option<Agent> {
    let f = Fields::of(item);
    let driver = driver(name, f, problems)?;
    let env = super::spanned_texts(f, "env");
    variables::check_passed(env.iter().map(|name| (name.value.as_str(), &name.span)), problems);
    let env: Vec<String> = env.into_iter().map(|name| name.value).collect();
    let permissions = f.text("permissions").and_then(|p| Permissions::from_name(&p));
    check_asking(
        (name, &driver),
        f.get("permissions").filter(|_| permissions == Some(Permissions::Ask)),
        problems,
    );
    let own_home = match f.text("home").as_deref() {
        Some(home) => home == "own",
        None => env.iter().any(|name| is_key_name(name)),
    };
    let mcp = f.get("mcp").filter(|_| !f.texts("mcp").is_empty());
    check_servers((name, &driver, own_home), mcp, problems);
    Some(Agent {
        driver,
        model: f.text("model"),
        args: f.texts("args"),
        permissions: permissions.unwrap_or(Permissions::Edit),
        own_home,
        env,
        mcp: f.texts("mcp"),
        idle_timeout_ms: f.duration_ms("idle_timeout"),
        role: f.text("role"),
    })
}

/// Only over the protocol an agent asks while it works, so that a person can answer it.
fn check_asking((name, driver): (&str, &Driver), asks: Option<Item<'_>>, problems: &mut Problems) {
    let what = match driver {
        Driver::Acp(_) => return,
        Driver::Preset(preset) => format!("preset `{preset}`"),
        Driver::Command(_) => "a `command`".to_owned(),
    };
    let Some(item) = asks else { return };
    let message = format!("agent `{name}` has `permissions: ask`, but {what} asks nobody while it works");
    let help = "agents of `acp` ask; here `deny`, `edit` and `allow` are possible";
    problems.push(Diagnostic::error(Code::BadValue, item.span(), message).help(help));
}

/// Not every agent can be given servers.
fn check_servers(
    (name, driver, own_home): (&str, &Driver, bool),
    mcp: Option<Item<'_>>,
    problems: &mut Problems,
) {
    let Some(item) = mcp else { return };
    let takes = |preset: &str| PRESETS.iter().find(|p| p.name == preset).map_or(TakesMcp::No, |p| p.mcp);
    let able = || {
        let able = PRESETS.iter().filter(|preset| preset.mcp != TakesMcp::No);
        let able: Vec<String> = able.map(|preset| format!("`{}`", preset.name)).collect();
        format!("presets {} and agents of `acp` have", able.join(", "))
    };
    let none = "has no way to be told of MCP servers";
    let (why, help) = match driver {
        Driver::Acp(_) => return,
        Driver::Preset(preset) if preset == NOBODY => return,
        Driver::Preset(preset) => match takes(preset) {
            TakesMcp::Yes => return,
            TakesMcp::InOwnHome if own_home => return,
            TakesMcp::InOwnHome => {
                let why = format!("preset `{preset}` is told of MCP servers in a home of its own");
                (why, "say `home: own`, and name its key in `env`".to_owned())
            }
            TakesMcp::No => (format!("preset `{preset}` {none}"), able()),
        },
        Driver::Command(_) => (format!("a `command` {none}"), able()),
    };
    let message = format!("agent `{name}` has `mcp`, but {why}");
    problems.push(Diagnostic::error(Code::BadValue, item.span(), message).help(help));
}

/// A driver that the declarations do not know has been reported.
fn driver(name: &str, f: Fields<'_>, problems: &mut Problems) -> Option<Driver> {
    if let Some(preset) = spanned(f.get("preset")) {
        if preset.value != NOBODY && PRESETS.iter().all(|known| known.name != preset.value) {
            let shown = preset.value.escape_debug();
            let message = format!("agent `{name}` has preset `{shown}`, which is not known");
            let mut problem = Diagnostic::error(Code::UnknownName, preset.span, message);
            let names = PRESETS.map(|known| known.name);
            problem.help = Some(match nearest(&preset.value, names.into_iter()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("presets are {}; `command` takes any program", names.join(", ")),
            });
            problems.push(problem);
            return None;
        }
        return Some(Driver::Preset(preset.value));
    }
    let (key, item) = ["command", "acp"].iter().find_map(|key| Some((*key, f.get(key)?)))?;
    let argv = f.texts(key);
    let why = if argv.iter().any(|text| text.contains('\0')) {
        "holds a NUL character"
    } else if argv.first().is_none_or(|program| program.trim().is_empty()) {
        "names no command"
    } else if key == "acp" {
        return Some(Driver::Acp(argv));
    } else {
        warn_of_unknown((name, &argv), item, problems);
        return Some(Driver::Command(argv));
    };
    let message = format!("`{key}` of agent `{name}` {why}");
    problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
    None
}

/// What a program of ours would be given as it stands, though it looks like a placeholder.
fn warn_of_unknown((name, argv): (&str, &[String]), item: Item<'_>, problems: &mut Problems) {
    const KNOWN: [&str; 5] = ["{prompt}", "{instruction}", "{prompt_file}", "{cwd}", "{session}"];
    for word in argv.iter().flat_map(|text| unknown(text, &KNOWN)) {
        let message = format!("`command` of agent `{name}` names `{word}`, which stands for nothing");
        let help = nearest(word, KNOWN.into_iter()).map_or_else(
            || format!("it is handed on as it is; {} are known", KNOWN.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        problems.push(Diagnostic::warning(Code::UnknownName, item.span(), message).help(help));
    }
}

/// A budget; `of` says whose it is.
pub(super) fn budget(f: Fields<'_>, of: &str, problems: &mut Problems) -> Option<Budget> {
    let item = f.get("budget")?;
    let f = Fields::of(item);
    let budget = Budget {
        tokens: f.whole("tokens"),
        micro_usd: f.millionths("usd"),
        hard: f.flag("hard").unwrap_or(false),
    };
    if f.get("tokens").is_none() && f.get("usd").is_none() {
        let message = format!("the budget of {of} names neither `tokens` nor `usd`");
        problems.push(Diagnostic::error(Code::BadValue, start(item), message));
        return None;
    }
    Some(budget)
}
