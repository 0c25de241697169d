//! `regatta init`: a first plan for the repository at hand, and a settings file in which everything is commented out.
//!
//! Replaces nothing: a file that is there stays as it is.

use crate::args::InitArgs;
use crate::config::DEFAULTS;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::init::{Git, Part, Sketch, Survey, sketch, survey};
use crate::render::count;
use crate::render::escape::{escape, escape_path};
use crate::view::store_error;
use regatta_journal::Place;
use regatta_plan::Format;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The plan's name if none is given.
const PLAN: &str = "plan.yaml";

/// Runs the verb.
///
/// # Errors
/// The plan is there already, there are no files to work on, or nothing can be written.
pub fn run(context: &Context, args: &InitArgs) -> Result<Exit, CliError> {
    let found = survey(&context.workspace);
    if found.git == Git::Bare {
        let message =
            format!("`{}` is a bare repository: it has no files to work on", escape_path(&context.workspace));
        return Err(
            CliError::usage(message).hint("make a work tree of it: `git clone` or `git worktree add`")
        );
    }
    let name = context.workspace.file_name().map_or("plan".to_owned(), |n| n.to_string_lossy().into_owned());
    let print = args.plan.as_deref() == Some(Path::new("-"));
    if print && args.json {
        return Err(CliError::usage("`-` prints the plan and `--json` says what was written: nothing is"));
    }
    let path = match &args.plan {
        Some(path) if !print => context.cwd.join(path),
        _ => context.workspace.join(PLAN),
    };
    let shown = shown(&path, context);
    refuse_format(&shown)?;
    let made = sketch(&found, &name, &word(&shown));
    if print {
        out(&made.text);
        return Ok(Exit::Success);
    }
    let written = Written { plan: path, config: context.workspace.join(".regatta/config.toml") };
    let config_is_new = written.write(context, &made.text, &shown)?;
    out(&match args.json {
        true => facts(&found, &made, (&written, config_is_new)),
        false => text(&found, &made, (&shown, config_is_new)),
    });
    Ok(Exit::Success)
}

/// What is written is YAML: under a name that says something else nobody could read it.
fn refuse_format(shown: &str) -> Result<(), CliError> {
    let format = match Format::detect(shown, b"") {
        Format::Yaml => return Ok(()),
        Format::Json => "JSON",
        Format::Toml => "TOML",
    };
    let message =
        format!("`{}` is read as {format}, and `init` writes YAML; nothing was written", escape(shown));
    let yaml = Path::new(shown).with_extension("yaml").display().to_string();
    Err(CliError::usage(message).hint(format!("`regatta init {}`", word(&escape(&yaml)))))
}

/// The files that are written.
struct Written {
    plan: PathBuf,
    config: PathBuf,
}

impl Written {
    /// Writes both, or neither; answers whether there was no settings file before.
    fn write(&self, context: &Context, plan: &str, shown: &str) -> Result<bool, CliError> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&self.plan).map_err(|e| {
            if e.kind() == ErrorKind::AlreadyExists {
                CliError::usage(format!("`{}` is there already; nothing was written", escape(shown)))
                    .hint("`regatta init other.yaml` writes another one, `regatta init -` prints it")
            } else {
                unwritten(&self.plan, &e)
            }
        })?;
        let done = file.write_all(plan.as_bytes()).map_err(|e| unwritten(&self.plan, &e));
        let done = done.and_then(|()| self.write_config(context));
        if done.is_err() {
            // It was ours and is of no use alone; the error tells what went wrong.
            let _ = std::fs::remove_file(&self.plan);
        }
        done
    }

    fn write_config(&self, context: &Context) -> Result<bool, CliError> {
        Place::create(&context.workspace).map_err(store_error)?;
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.config) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
            opened => {
                let written = opened.and_then(|mut file| file.write_all(settings().as_bytes()));
                written.map(|()| true).map_err(|e| unwritten(&self.config, &e))
            }
        }
    }
}

fn unwritten(path: &Path, e: &std::io::Error) -> CliError {
    CliError::environment(format!("cannot write `{}`: {e}", escape_path(path)))
}

/// Caps by name, in the table of the others: there are none by default.
const NAMED_CAPS: &str = "\
# # no per_priority by default; for example: per_priority = { P2 = 3, P3 = 1 }
# # no per_tag by default; for example: per_tag = { db = 1 }
# # no per_agent by default; for example: per_agent = { reviewer = 2 }
";

/// Those built in are used where nothing is said.
const DOMAINS: &str = "
# Domains for `regatta analyze`, each with patterns of its files, in place of the built-in ones.
#[domains]
#web = [\"web/\", \"*.css\"]
";

/// A settings file that says what holds anyway.
fn settings() -> String {
    let mut text = "\
# Settings of this workspace: what holds for plans that leave it open. What a plan says wins.
# `regatta doctor --config` shows each value and where it comes from; `regatta schema settings` describes every key.
# Everything is commented out and shows its default. Git ignores this directory: `git add -f` shares this file.
"
    .to_owned();
    let (tables, plain): (Vec<_>, Vec<_>) = DEFAULTS.into_iter().partition(|(key, _)| key.contains('.'));
    text.push('\n');
    for (key, value) in plain {
        text.push_str(&format!("# {key} = {}\n", literal(value)));
    }
    let mut open = "";
    for (key, value) in tables {
        let (table, key) = key.split_once('.').unwrap_or((key, ""));
        if table != open {
            text.push_str(&format!("\n[{table}]\n"));
            open = table;
        }
        text.push_str(&match value {
            // It has no default: an example must not become a limit when everything is uncommented.
            "none" if key == "per_wave" => {
                format!("# # no {key} by default; for example: {key} = 4\n{NAMED_CAPS}")
            }
            "none" => format!("# # no {key} by default; for example: {key} = \"10m\"\n"),
            value => format!("# {key} = {}\n", literal(value)),
        });
    }
    text.push_str("\n# Counted leases: units that all runs of this workspace share.\n[leases]\n# gpu = 2\n");
    text.push_str(DOMAINS);
    text.push_str("\n# An agent for plans that name one which they do not have.\n#[agents.reviewer]\n#preset = \"codex\"\n");
    text
}

fn literal(value: &str) -> String {
    let bare = value == "false" || value.bytes().all(|b| b.is_ascii_digit());
    if bare { value.to_owned() } else { format!("\"{value}\"") }
}

/// How a path is written from the working directory.
fn shown(path: &Path, context: &Context) -> String {
    let cwd = std::fs::canonicalize(&context.cwd).unwrap_or_else(|_| context.cwd.clone());
    if let Ok(below) = path.strip_prefix(&cwd) {
        let below = below.display().to_string();
        // No option of the commands that are told.
        return if below.starts_with('-') { format!("./{below}") } else { below };
    }
    let up = cwd.ancestors().position(|dir| path.parent() == Some(dir));
    match (up, path.file_name()) {
        (Some(up), Some(name)) => format!("{}{}", "../".repeat(up), name.to_string_lossy()),
        _ => path.display().to_string(),
    }
}

/// For a shell.
fn word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-/+".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Programs that the tasks begin with and that cannot be found.
fn missing(made: &Sketch) -> Vec<&str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &str| std::env::split_paths(&path).any(|dir| dir.join(program).is_file());
    made.programs.iter().map(String::as_str).filter(|program| !there(program)).collect()
}

fn text(found: &Survey, made: &Sketch, (shown, config_is_new): (&str, bool)) -> String {
    let mut text = String::new();
    for Part { name, dir, files, steps, .. } in &found.parts {
        let place = if dir.is_empty() { String::new() } else { format!(" in {}", escape(dir)) };
        text.push_str(&format!(
            "found {name}{place} ({}): {}\n",
            files.join(", "),
            count(steps.len() as u64, "task")
        ));
    }
    if found.parts.is_empty() {
        text.push_str("nothing was recognised here; the plan is an example to start from\n");
    }
    if !found.left_out.is_empty() {
        let dirs: Vec<String> = found.left_out.iter().map(|dir| escape(dir)).collect();
        text.push_str(&format!(
            "left out, because a plan of so many parts helps nobody: {}\n",
            dirs.join(", ")
        ));
    }
    text.push_str(&format!("wrote {}: {}\n", escape(shown), count(made.tasks.len() as u64, "task")));
    text.push_str(match config_is_new {
        true => "wrote .regatta/config.toml: every setting, commented out\n",
        false => "kept .regatta/config.toml, which was there\n",
    });
    for program in missing(made) {
        text.push_str(&format!("note: `{program}` is not on your PATH\n"));
    }
    let plan = word(&escape(shown));
    text.push_str(&format!("next: regatta plan {plan}\nthen: regatta run {plan}\n"));
    text
}

fn facts(found: &Survey, made: &Sketch, (written, config_is_new): (&Written, bool)) -> String {
    let part =
        |part: &Part| json!({ "kind": part.kind, "name": part.name, "dir": part.dir, "files": part.files });
    let facts = json!({
        "plan": written.plan.display().to_string(),
        "config": written.config.display().to_string(),
        "config_written": config_is_new,
        "found": found.parts.iter().map(part).collect::<Vec<_>>(),
        "left_out": found.left_out,
        "tasks": made.tasks,
        "missing_programs": missing(made),
    });
    format!("{facts}\n")
}
