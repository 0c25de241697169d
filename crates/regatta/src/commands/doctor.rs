//! `regatta doctor`: what this machine and workspace permit; with `--config`, each setting and its origin.

use crate::args::CapArgs;
use crate::args::DoctorArgs;
use crate::config::{Config, Row, rows};
use crate::context::{Context, err, out};
use crate::doctor::{Finding, Findings, Verdict, examine};
use crate::error::CliError;
use crate::exit::Exit;
use crate::overrides::{Asked, by_flag, by_variable};
use crate::render::count;
use crate::render::escape::{escape, escape_path};
use crate::source;
use crate::variables;
use serde_json::{Value, json};

/// Runs the verb.
///
/// # Errors
/// An option or a variable means nothing. What does not work is no error, but what it tells. With `--config`: the
/// settings or the plan have errors.
pub fn run(context: &Context, args: &DoctorArgs) -> Result<Exit, CliError> {
    let asked = Asked::read(context, &args.caps)?;
    if args.config {
        return settings(context, args, asked);
    }
    if args.caps != (CapArgs { max_parallel: args.caps.max_parallel, ..CapArgs::default() }) {
        return Err(CliError::usage("caps other than `--max-parallel` need `--config`"));
    }
    let config = Config::read(context);
    let found = examine(context, &config, slots(config.as_ref().unwrap_or(&Config::default()), &asked));
    out(&if args.json { json(&found) } else { text(&found) });
    Ok(if found.count(Verdict::Problem) == 0 { Exit::Success } else { Exit::Environment })
}

fn text(found: &Findings) -> String {
    let mut text = String::new();
    for Finding { name, verdict, detail, hint } in &found.findings {
        text.push_str(&format!("{:<7}  {name:<13}  {}\n", verdict.name(), escape(detail)));
        if let Some(hint) = hint {
            text.push_str(&format!("{:24}hint: {}\n", "", escape(hint)));
        }
    }
    let problems = match found.count(Verdict::Problem) {
        0 => "no problem".to_owned(),
        n => count(n as u64, "problem"),
    };
    let notes = count(found.count(Verdict::Note) as u64, "note");
    text.push_str(&format!("{} ok, {notes}, {problems}\n", found.count(Verdict::Ok)));
    text
}

fn json(found: &Findings) -> String {
    let row = |f: &Finding| json!({ "name": f.name, "status": f.verdict.name(), "detail": f.detail, "hint": f.hint });
    let facts = json!({
        "ok": found.count(Verdict::Problem) == 0,
        "checks": found.findings.iter().map(row).collect::<Vec<Value>>(),
        "containment": {
            "used": found.containment.used,
            "permitted": {
                "cgroup": found.containment.cgroup,
                "pid_namespace": found.containment.pid_namespace,
            },
        },
    });
    format!("{facts}\n")
}

/// Tasks alive at once that are to fit.
fn slots(config: &Config, asked: &Asked) -> u32 {
    let rows = all(config, None, asked);
    let row = rows.iter().find(|row| row.key == "limits.max_parallel");
    row.and_then(|row| row.value.as_u64()).and_then(|n| u32::try_from(n).ok()).unwrap_or(4)
}

fn all(config: &Config, plan: Option<(&std::path::Path, &regatta_plan::Loaded)>, asked: &Asked) -> Vec<Row> {
    rows(config, plan, [(asked.variables.values(), &by_variable), (asked.flags.values(), &by_flag)])
}

/// Each setting and its origin.
fn settings(context: &Context, args: &DoctorArgs, asked: Asked) -> Result<Exit, CliError> {
    let config = Config::read(context)?;
    let loaded = match &args.plan {
        Some(path) => Some((path.as_path(), source::load_raw(context, path, &source::given(&config, &[]))?)),
        None => None,
    };
    if let Some((path, loaded)) = &loaded {
        err(&loaded.render(context.color));
        let Some(plan) = &loaded.plan else {
            let what = count(loaded.errors() as u64, "error");
            return Err(CliError::new(Exit::InvalidPlan, format!("plan `{}` has {what}", escape_path(path))));
        };
        // Names that the plan does not have are refused as `run` refuses them.
        asked.clone().of(plan)?;
    }
    let rows = all(&config, loaded.as_ref().map(|(path, loaded)| (*path, loaded)), &asked);
    out(&if args.json {
        settings_json(context, &config, &rows)
    } else {
        settings_text(context, &config, &rows)
    });
    Ok(Exit::Success)
}

fn settings_text(context: &Context, config: &Config, rows: &[Row]) -> String {
    let shown = |value: &Value| match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    };
    let key_width = rows.iter().map(|row| row.key.chars().count()).max().unwrap_or(0);
    let width = rows.iter().map(|row| shown(&row.value).chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for Row { key, value, origin } in rows {
        let from = match origin.source() {
            Some(source) => format!("{}  {}", origin.name(), escape(&source)),
            None => origin.name().to_owned(),
        };
        text.push_str(&format!("{:<key_width$}  {:<width$}  {from}\n", escape(key), shown(value)));
    }
    let place = escape_path(&context.workspace);
    text.push_str(&format!("\nworkspace  {place}  ({})\n", context.why()));
    for (path, found) in &config.files {
        let there = if *found { "read" } else { "not there" };
        text.push_str(&format!("settings   {}  ({there})\n", escape_path(path)));
    }
    for (name, near) in variables::unknown(&context.variables) {
        let near = near.map_or(String::new(), |near| format!("; did you mean ${near}?"));
        text.push_str(&format!("nothing reads ${}{near}\n", escape(name)));
    }
    text
}

fn settings_json(context: &Context, config: &Config, rows: &[Row]) -> String {
    let row = |row: &Row| json!({ "key": row.key, "value": row.value, "origin": row.origin.name(), "source": row.origin.source() });
    let file = |(path, found): &(std::path::PathBuf, bool)| json!({ "path": path.display().to_string(), "found": found });
    let facts = json!({
        "settings": rows.iter().map(row).collect::<Vec<Value>>(),
        "workspace": context.workspace.display().to_string(),
        "workspace_origin": context.why(),
        "files": config.files.iter().map(file).collect::<Vec<Value>>(),
        "unknown_variables": variables::unknown(&context.variables).iter().map(|(name, _)| *name).collect::<Vec<_>>(),
    });
    format!("{facts}\n")
}
