//! Reads agents and budgets.
//!
//! Reports what the declarations cannot say: unknown presets, empty commands, budgets of nothing.

use super::{spanned, start};
use crate::agents::{Agent, Budget, Driver, PRESETS, Permissions, is_key_name};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::{Fields, nearest};
use crate::model::Unbuilt;
use crate::tree::Item;
use crate::unassigned::NOBODY;
use crate::variables;
use std::collections::BTreeMap;

/// The agents of a plan, and what of them is not built yet.
pub(super) fn agents(f: Fields<'_>, problems: &mut Problems) -> (BTreeMap<String, Agent>, Vec<Unbuilt>) {
    let (mut agents, mut unbuilt) = (BTreeMap::new(), Vec::new());
    for (name, item) in f.inside("agents").pairs() {
        let Some(agent) = agent(name.text, item, problems) else { continue };
        let mut later = |key: &str| {
            unbuilt.push(Unbuilt { key: format!("agents.{}.{key}", name.text), task: None });
        };
        if agent.permissions == Permissions::Ask {
            later("permissions: ask");
        }
        if !agent.mcp.is_empty() {
            later("mcp");
        }
        agents.insert(name.text.to_owned(), agent);
    }
    (agents, unbuilt)
}

fn agent(name: &str, item: Item<'_>, problems: &mut Problems) -> Option<Agent> {
    let f = Fields::of(item);
    let driver = driver(name, f, problems)?;
    let env = super::spanned_texts(f, "env");
    variables::check_passed(env.iter().map(|name| (name.value.as_str(), &name.span)), problems);
    let env: Vec<String> = env.into_iter().map(|name| name.value).collect();
    let permissions = f.text("permissions").and_then(|p| Permissions::from_name(&p));
    let own_home = match f.text("home").as_deref() {
        Some(home) => home == "own",
        None => env.iter().any(|name| is_key_name(name)),
    };
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
    } else {
        return Some(if key == "acp" { Driver::Acp(argv) } else { Driver::Command(argv) });
    };
    let message = format!("`{key}` of agent `{name}` {why}");
    problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
    None
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
