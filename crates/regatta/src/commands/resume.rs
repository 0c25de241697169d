//! `regatta resume`: goes on with a run. What is finished is never run again.
//!
//! A plan file that changed is refused with the difference; what was validated is what runs.

use crate::args::ResumeArgs;
use crate::context::{Context, err};
use crate::error::CliError;
use crate::exit::Exit;
use crate::session::{self, Show, Watchers};
use crate::source;
use crate::state_view::{self, StateFile};
use crate::view::{self, plan_of, reader_to_write, writing};
use regatta_journal::{Journal, RunId, RunRecord, StoreError, Which};
use regatta_plan::Plan;
use regatta_runtime::control::Command;
use regatta_runtime::orchestrator::Work;
use regatta_runtime::orchestrator::now_wall_ms;
use serde_json::Value;
use std::path::Path;

const STORED: &str = "`regatta resume --stored` goes on with the plan that was validated";
/// Lines of a difference that are shown.
const MAX_DIFFERENCES: usize = 20;

/// Runs the verb.
///
/// # Errors
/// No such run, another orchestrator holds it, the plan changed, or the store fails.
pub fn run(context: &Context, args: &ResumeArgs) -> Result<Exit, CliError> {
    if args.own_session {
        // Already a session leader is as good.
        let _ = rustix::process::setsid();
    }
    let show = if args.json { Show::Json } else { Show::People };
    let reader = reader_to_write(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::NewestOpen, Which::Named);
    let summary = reader.resolve(which).map_err(writing(&context.workspace))?;
    let record = reader.run(&summary.run_id).map_err(writing(&context.workspace))?;
    if reader.holder(&summary.run_id).map_err(writing(&context.workspace))?.is_some() {
        return lift(context, &summary.run_id);
    }
    let ended = summary.state.has_ended();
    let asked = state_view::asked(context, args.state_file.as_ref())?;
    let kept =
        || kept_state_file(&record).filter(|path| !ended || state_view::speaks_of(path, &summary.run_id));
    let state_file = asked.clone().or_else(kept);
    let watchers = Watchers { show, state_file: state_file.map(StateFile::at) };
    if ended {
        return session::tell(context, summary.run_id.as_str(), &watchers);
    }
    let (plan, overrides) = plan_of(&record)?;
    if !args.stored {
        refuse_changed(context, &record, STORED)?;
    }
    tell_changed_variables(&plan, &record);
    drop(reader);
    if args.detach {
        return super::run::detach(context, summary.run_id.as_str(), asked.as_deref());
    }
    let journal = Journal::open(&context.workspace).map_err(writing(&context.workspace))?;
    let run = match journal.open_run(&summary.run_id, now_wall_ms()) {
        // Somebody was faster: it is asked to go on.
        Err(StoreError::Held { .. }) => return lift(context, &summary.run_id),
        opened => opened.map_err(writing(&context.workspace))?,
    };
    if show == Show::People {
        err(&format!("run {}\n", run.run_id()));
    }
    session::go(context, run, Work { plan: plan.into(), reuse: overrides.reuse }, &watchers)
}

/// The state file that the run was started with.
fn kept_state_file(record: &RunRecord) -> Option<String> {
    let flags: Value = serde_json::from_str(&record.run.flags).unwrap_or_default();
    flags["state_file"].as_str().map(str::to_owned)
}

/// Values of passed variables are read anew; what changed since the run began is told.
fn tell_changed_variables(plan: &Plan, record: &RunRecord) {
    let flags: Value = serde_json::from_str(&record.run.flags).unwrap_or_default();
    let now = super::run::fingerprints(plan, record.summary.run_id.as_str());
    let differs =
        |(name, hash): &(&String, &String)| flags["env"][name.as_str()].as_str() != Some(hash.as_str());
    let changed: Vec<&str> = now.iter().filter(differs).map(|(name, _)| name.as_str()).collect();
    if !changed.is_empty() {
        err(&format!("variables have changed since the run began: {}\n", changed.join(", ")));
    }
}

/// Asks the orchestrator that lives to go on.
fn lift(context: &Context, run: &RunId) -> Result<Exit, CliError> {
    super::control::deliver(context, Some(run.as_str()), &Command::Resume)
}

/// The file may be gone; if it is there it must say what was validated.
///
/// # Errors
/// It says something else; `hint` tells how to go on.
pub fn refuse_changed(context: &Context, record: &RunRecord, hint: &str) -> Result<(), CliError> {
    let Some(path) = record.run.source_path.as_deref().map(Path::new).filter(|p| p.exists()) else {
        return Ok(());
    };
    let flags: Value = serde_json::from_str(&record.run.flags).unwrap_or_default();
    let given = flags["inputs"].as_object().into_iter().flatten();
    let inputs: Vec<(String, String)> =
        given.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect();
    let (loaded, _) = source::load_raw(context, path, &inputs)?;
    let Some(now) = loaded.plan else {
        let message = format!("plan `{}` has changed and has errors now", path.display());
        return Err(CliError::new(Exit::InvalidPlan, message).hint(hint));
    };
    let stored: Plan = view::stored_plan(record)?;
    let lines = regatta_plan::differences(&stored, &now, MAX_DIFFERENCES)
        .map_err(|e| CliError::environment(format!("the plans cannot be compared: {e}")))?;
    if lines.is_empty() {
        return Ok(());
    }
    let message = format!(
        "plan `{}` has changed since run {}:\n  {}",
        path.display(),
        record.summary.run_id,
        lines.join("\n  ")
    );
    Err(CliError::new(Exit::InvalidPlan, message).hint(hint))
}
