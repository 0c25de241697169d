//! `regatta agents`: known agents, what of them is there, and what was verified; and the agents of the settings.

use crate::args::AgentsArgs;
use crate::config::Config;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::found_agents::{Found, all, find};
use crate::origin::Valued;
use crate::render::escape::{escape, escape_path};
use regatta_plan::model::{PRESETS, Permissions};
use regatta_runtime::agents::Verified;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Runs the verb.
///
/// # Errors
/// The settings cannot be read (exit 3). What is not there is no error, but what it tells.
pub fn run(context: &Context, args: &AgentsArgs) -> Result<Exit, CliError> {
    let config = Config::read(context)?;
    let found = all();
    let settled: Vec<Settled<'_>> = config.agents().map(|(name, valued)| settled(name, valued)).collect();
    if args.json {
        let rows: Vec<Value> = found.iter().map(row).chain(settled.iter().map(settled_row)).collect();
        out(&format!("{}\n", Value::Array(rows)));
    } else {
        let lines = found.iter().map(text).chain(settled.iter().map(settled_text));
        out(&lines.collect::<String>());
    }
    Ok(Exit::Success)
}

/// An agent of the settings.
struct Settled<'a> {
    name: &'a str,
    valued: &'a Valued,
    /// Its preset, or `command` or `acp`.
    driver: &'a str,
    program: &'a str,
    path: Option<PathBuf>,
}

fn settled<'a>(name: &'a str, valued: &'a Valued) -> Settled<'a> {
    let of = |key: &str| valued.value.get(key);
    let (driver, program) = match of("preset").and_then(Value::as_str) {
        Some(preset) => (preset, regatta_runtime::agents::preset(preset).map_or(preset, |p| p.program)),
        None => {
            let driver = if of("acp").is_some() { "acp" } else { "command" };
            // One text is a command of one word.
            let argv = of(driver).and_then(|argv| argv.get(0).unwrap_or(argv).as_str());
            (driver, argv.unwrap_or_default())
        }
    };
    Settled { name, valued, driver, program, path: find(program) }
}

fn settled_text(agent: &Settled<'_>) -> String {
    let place = agent.path.as_ref().map_or("not found".to_owned(), |path| path.display().to_string());
    let origin = &agent.valued.origin;
    let source = origin.source().unwrap_or_default();
    let what = if agent.driver == agent.program { String::new() } else { format!(" {}", agent.program) };
    format!(
        "{:<9} {}{}  {}\n          of the settings: {}  {}\n",
        escape(agent.name),
        escape(agent.driver),
        escape(&what),
        escape(&place),
        origin.name(),
        escape(&source)
    )
}

fn settled_row(agent: &Settled<'_>) -> Value {
    json!({
        "name": agent.name,
        "driver": agent.driver,
        "program": agent.program,
        "path": agent.path.as_ref().map(|path| path.display().to_string()),
        "origin": agent.valued.origin.name(),
        "source": agent.valued.origin.source(),
    })
}

fn how(verified: Verified) -> &'static str {
    match verified {
        Verified::ByTests(_) => "tests",
        Verified::ByTranscript(_) => "transcript",
        Verified::ByHand(_) => "hand",
    }
}

fn text(found: &Found) -> String {
    let preset = found.preset;
    let place = match (&found.path, &found.version) {
        (None, _) => "not found".to_owned(),
        (Some(path), version) => {
            let version = version.as_deref().unwrap_or("version not told");
            format!("{}  {}", escape(version), escape_path(path))
        }
    };
    let logins = found.variables.iter().map(|name| format!("${name}"));
    let logins: Vec<String> = logins.chain(found.files.iter().map(|file| format!("~/{file}"))).collect();
    let login = match (&found.path, logins.is_empty()) {
        (None, true) => String::new(),
        (Some(_), true) => "  login: none found".to_owned(),
        (_, false) => format!("  login: {}", logins.join(", ")),
    };
    let mut notes = vec![format!("verified with {} by {}", preset.verified_version(), how(preset.verified))];
    if preset.commits {
        notes.push("commits by itself".to_owned());
    }
    if preset.acts_unasked {
        notes.push("acts unasked, also outside a worktree".to_owned());
    }
    if preset.resume.is_empty() {
        notes.push("cannot resume".to_owned());
    }
    format!("{:<9} {place}{login}\n          {}\n", preset.name, notes.join("; "))
}

fn row(found: &Found) -> Value {
    let preset = found.preset;
    let known = PRESETS.iter().find(|known| known.name == preset.name);
    let flags = |permissions| {
        let variables = preset.permission_variables(permissions).iter();
        let variables = variables.map(|(name, value)| format!("{name}={value}"));
        let options = preset.permission_flags(permissions).iter().map(|flag| (*flag).to_owned());
        variables.chain(options).collect::<Vec<_>>()
    };
    json!({
        "name": preset.name,
        "program": preset.program,
        "path": found.path.as_ref().map(|path| path.display().to_string()),
        "version": found.version,
        "verified_version": preset.verified_version(),
        "verified_by": how(preset.verified),
        "login": { "variables": found.variables, "files": found.files },
        "permissions": {
            "deny": flags(Permissions::Deny),
            "edit": flags(Permissions::Edit),
            "allow": flags(Permissions::Allow),
        },
        "acts_unasked": preset.acts_unasked,
        "commits": preset.commits,
        "resumes": !preset.resume.is_empty(),
        "reports": { "tokens": known.is_some_and(|k| k.tokens), "cost": known.is_some_and(|k| k.cost) },
        "exit_codes": preset.exits,
    })
}
