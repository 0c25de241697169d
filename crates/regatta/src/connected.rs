//! What the servers of a plan say against its calls: asked with `--connect`, and before a run whose plan leaves open which
//! server a tool is of.
//!
//! Starts the servers, and ends them.

use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::count;
use crate::render::escape::escape;
use crate::session::{self, Show};
use regatta_plan::Plan;
use regatta_plan::model::{Dialect, built_in};
use regatta_runtime::connecting::connect;
use regatta_runtime::redact::Redactor;
use regatta_runtime::tools::{Findings, Objection, judge};
use serde_json::{Value, json};

/// What is found; nothing where no task names a server.
///
/// # Errors
/// A secret of the vault cannot be had.
pub fn findings(context: &Context, plan: &Plan) -> Result<Findings, CliError> {
    if plan.mcp_servers.is_empty() {
        return Ok(Findings::default());
    }
    let vault = session::vault(context, plan)?;
    let mut found = judge(plan, &connect(plan, &vault, &context.workspace));
    // Names of the plan are in it, and what servers said.
    let redactor = Redactor::default();
    for line in found.errors.iter_mut().map(|(_, line)| line).chain(&mut found.warnings) {
        *line = redactor.text(std::mem::take(line));
    }
    Ok(found)
}

/// Refuses a plan whose calls would fail, after telling all that is found.
///
/// # Errors
/// They would (exit 3), or a secret cannot be had.
pub fn refuse(context: &Context, plan: &Plan) -> Result<(), CliError> {
    let found = findings(context, plan)?;
    tell(&found);
    verdict(&found)
}

/// Whether they would fail.
///
/// # Errors
/// They would (exit 3).
pub fn verdict(found: &Findings) -> Result<(), CliError> {
    match found.errors.len() as u64 {
        0 => Ok(()),
        n => {
            let message = format!("the servers of the plan have {} against its calls", count(n, "objection"));
            Err(CliError::new(Exit::InvalidPlan, message).hint("nothing was started"))
        }
    }
}

/// Says what is found.
pub fn tell(found: &Findings) {
    found.errors.iter().for_each(|(_, line)| err(&format!("error: {}\n", escape(line))));
    found.warnings.iter().for_each(|line| err(&format!("warning: {}\n", escape(line))));
}

/// What is found where a call names no server for its tool; nothing where each does.
///
/// # Errors
/// As [`findings`].
pub fn open_names(context: &Context, plan: &Plan) -> Result<Findings, CliError> {
    let mut tools = plan.calls().filter_map(|(_, action)| action.tool());
    let open = tools.any(|tool| !tool.contains('/') && built_in(tool).is_none());
    if open { findings(context, plan) } else { Ok(Findings::default()) }
}

/// What a request is answered whose calls would fail (formats 1); nothing if nothing is found.
#[must_use]
pub fn refusal(found: &Findings) -> Option<Value> {
    let problem = |(what, message): &(Objection, String)| {
        let code = match what {
            Objection::Tool => "UNKNOWN_TOOL",
            Objection::Params => "PARALLEL_EXECUTION_ERROR",
        };
        json!({ "code": code, "message": message })
    };
    let problems: Vec<_> = found.errors.iter().map(problem).collect();
    // A tool that there is none of tells more than a parameter that does not fit.
    let unknown = found.errors.iter().find(|(what, _)| *what == Objection::Tool);
    let mut error = problem(unknown.or(found.errors.first())?);
    error["problems"] = problems.into();
    Some(json!({ "success": false, "error": error }))
}

/// Before a run: a bare name must be of one server. A request is answered in its own form.
///
/// # Errors
/// As [`refuse`].
pub fn refuse_open_names(context: &Context, plan: &Plan, show: Show) -> Result<(), CliError> {
    let found = open_names(context, plan)?;
    if show == Show::Json && plan.dialect == Dialect::Request {
        refusal(&found).iter().for_each(|refusal| out(&format!("{refusal}\n")));
    }
    tell(&found);
    verdict(&found)
}
