//! `regatta check`: every problem of a plan at once, without running anything.

use crate::args::CheckArgs;
use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::count;
use crate::source;
use serde_json::json;

/// Runs the verb.
///
/// # Errors
/// The plan cannot be read.
pub fn run(context: &Context, args: &CheckArgs) -> Result<Exit, CliError> {
    let inputs = source::inputs(&args.inputs)?;
    let (loaded, _) = source::load_raw(context, &args.plan, &inputs)?;
    let errors = loaded.errors();
    let valid = loaded.plan.is_some();
    if args.json {
        let facts = json!({ "valid": valid, "problems": loaded.facts() });
        out(&format!("{facts}\n"));
    } else {
        err(&loaded.render(context.color));
        let warnings = loaded.problems.len() - errors;
        let verdict = match (&loaded.plan, errors) {
            (Some(plan), _) => format!("valid: {}", count(plan.tasks.len() as u64, "task")),
            (None, n) => format!("not valid: {}", count(n as u64, "error")),
        };
        let warned =
            if warnings > 0 { format!(", {}", count(warnings as u64, "warning")) } else { String::new() };
        out(&format!("{}: {verdict}{warned}\n", args.plan.display()));
    }
    Ok(if valid { Exit::Success } else { Exit::InvalidPlan })
}
