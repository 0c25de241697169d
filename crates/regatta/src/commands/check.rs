//! `regatta check`: every problem of a plan at once, without running anything; or those of a state file.

use crate::args::CheckArgs;
use crate::config::Config;
use crate::connected;
use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::plain_file;
use crate::render::escape::{escape, escape_path};
use crate::render::{conflicts, count};
use crate::source;
use crate::state_view::verify;
use regatta_plan::Loaded;
use regatta_runtime::tools::Findings;
use serde_json::{Value, json};
use std::path::Path;

/// A state file holds at most this many bytes.
const MAX_STATE_BYTES: u64 = 1 << 30;

/// Runs the verb.
///
/// # Errors
/// The plan or the state file cannot be read.
pub fn run(context: &Context, args: &CheckArgs) -> Result<Exit, CliError> {
    match (&args.plan, &args.state) {
        (_, Some(file)) => state(context, file, args.json),
        (Some(path), None) => plan(context, path, args),
        (None, None) => Err(CliError::usage("nothing to check: name a plan, or a state file with `--state`")),
    }
}

fn plan(context: &Context, path: &Path, args: &CheckArgs) -> Result<Exit, CliError> {
    let inputs = source::inputs(&args.inputs)?;
    let loaded = source::load_raw(context, path, &source::given(&Config::read(context)?, &inputs))?;
    let errors = loaded.errors();
    let valid = loaded.plan.is_some();
    let asked = loaded.plan.as_ref().filter(|_| args.connect && valid);
    let by_servers = asked.map(|plan| connected::findings(context, plan)).transpose()?.unwrap_or_default();
    let doubted = &by_servers.warnings;
    let refused = &by_servers.errors;
    let (valid, errors) = (valid && refused.is_empty(), errors + refused.len());
    let found = loaded.plan.as_ref().map(regatta_plan::conflicts).unwrap_or_default();
    if args.json {
        out(&format!("{}\n", facts(&loaded, &by_servers)));
    } else {
        err(&loaded.render(context.color));
        refused.iter().for_each(|(_, line)| err(&format!("error: {}\n", escape(line))));
        doubted.iter().for_each(|line| err(&format!("warning: {}\n", escape(line))));
        let warnings = loaded.problems.len() - loaded.errors() + doubted.len();
        let verdict = match (&loaded.plan, errors) {
            (Some(plan), 0) => format!("valid: {}", count(plan.known_tasks() as u64, "task")),
            (_, n) => format!("not valid: {}", count(n as u64, "error")),
        };
        let warned =
            if warnings > 0 { format!(", {}", count(warnings as u64, "warning")) } else { String::new() };
        out(&format!("{}: {verdict}{warned}\n", escape_path(path)));
        if let Some(line) = conflicts::line(&found, path).filter(|_| valid) {
            err(&line);
        }
    }
    Ok(if valid { Exit::Success } else { Exit::InvalidPlan })
}

/// What is to be said of a plan, for programs; also what its servers say, if they were asked.
#[must_use]
pub fn facts(loaded: &Loaded, by_servers: &Findings) -> Value {
    let refused = &by_servers.errors;
    let conflicts = loaded.plan.as_ref().map(regatta_plan::conflicts).unwrap_or_default();
    let mut problems = json!(loaded.facts());
    let told = refused.iter().map(|(_, message)| json!({ "severity": "error", "message": message }));
    let doubts =
        by_servers.warnings.iter().map(|message| json!({ "severity": "warning", "message": message }));
    problems.as_array_mut().into_iter().for_each(|list| list.extend(told.clone().chain(doubts.clone())));
    let valid = loaded.plan.is_some() && refused.is_empty();
    json!({ "valid": valid, "problems": problems, "conflicts": conflicts.found.len() })
}

/// Whether a state file was written whole and is of a kind that this version knows.
fn state(context: &Context, file: &Path, as_json: bool) -> Result<Exit, CliError> {
    let bytes = plain_file::small_bytes(&context.cwd.join(file), MAX_STATE_BYTES).map_err(|why| {
        CliError::usage(format!("state file `{}` cannot be read: {why}", escape_path(file)))
    })?;
    let problems = verify(&bytes);
    let shown = escape_path(file);
    if as_json {
        let told: Vec<_> = problems.iter().map(|message| json!({ "message": message })).collect();
        out(&format!("{}\n", json!({ "valid": problems.is_empty(), "problems": told })));
    } else if problems.is_empty() {
        out(&format!("{shown}: valid: a whole state file\n"));
    } else {
        problems.iter().for_each(|problem| err(&format!("error: {}\n", escape(problem))));
        out(&format!("{shown}: not valid: {}\n", count(problems.len() as u64, "error")));
    }
    Ok(if problems.is_empty() { Exit::Success } else { Exit::InvalidPlan })
}
