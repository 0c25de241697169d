//! `regatta agents`: known agents, what of them is there, and what was verified.

use crate::args::AgentsArgs;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::found_agents::{Found, all};
use crate::render::escape::escape;
use regatta_plan::model::{PRESETS, Permissions};
use regatta_runtime::agents::Verified;
use serde_json::{Value, json};

/// Runs the verb.
///
/// # Errors
/// None: what is not there is no error, but what it tells.
pub fn run(_context: &Context, args: &AgentsArgs) -> Result<Exit, CliError> {
    let found = all();
    if args.json {
        let rows: Vec<Value> = found.iter().map(row).collect();
        out(&format!("{}\n", Value::Array(rows)));
    } else {
        out(&found.iter().map(text).collect::<String>());
    }
    Ok(Exit::Success)
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
            format!("{}  {}", escape(version), escape(&path.display().to_string()))
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
    let flags = |permissions| preset.permission_flags(permissions);
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
