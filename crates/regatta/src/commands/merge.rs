//! `regatta merge`: what a person has to say about work that is to land.

use crate::args::{MergeArgs, ResumeArgs};
use crate::context::{Context, err};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escape::escape;
use crate::view::{reader_to_write, writing};
use regatta_journal::Which;
use regatta_runtime::landing::{Approval, Report};
use regatta_runtime::orchestrator::now_wall_ms;

/// Runs the verb.
///
/// # Errors
/// No such run, it asks for nothing, somebody else works on it, or the answer cannot be recorded.
pub fn run(context: &Context, args: &MergeArgs) -> Result<Exit, CliError> {
    if args.dry_run {
        return super::forecast::run(context, args);
    }
    if args.go_on { go_on(context, args) } else { approve(context, args) }
}

/// Takes up a run whose landing waits.
fn go_on(context: &Context, args: &MergeArgs) -> Result<Exit, CliError> {
    let reader = reader_to_write(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::NewestOpen, Which::Named);
    let summary = reader.resolve(which).map_err(writing(&context.workspace))?;
    let id = summary.run_id;
    let report = Report::read(&reader.place().run_dir(&id)).filter(|report| report.waits.is_some());
    if summary.state.has_ended() || report.is_none() {
        let message = format!("the landing of run {id} waits for nobody");
        return Err(
            CliError::usage(message).hint(format!("`regatta status {id}` shows where the run stands"))
        );
    }
    take_up(context, args, id.to_string())
}

/// Records a yes to what the run asks, then takes it up.
fn approve(context: &Context, args: &MergeArgs) -> Result<Exit, CliError> {
    let reader = reader_to_write(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::NewestOpen, Which::Named);
    let summary = reader.resolve(which).map_err(writing(&context.workspace))?;
    let id = summary.run_id;
    let status = || format!("`regatta status {id}` shows where the run stands");
    if reader.holder(&id).map_err(writing(&context.workspace))?.is_some() {
        let message = format!("run {id} is at work; it asks when it has come so far");
        return Err(CliError::environment(message).hint(status()));
    }
    let run_dir = reader.place().run_dir(&id);
    let report = Report::read(&run_dir).filter(|report| !report.asks.is_empty() && !report.landed);
    let Some(report) = report.filter(|_| !summary.state.has_ended()) else {
        return Err(CliError::usage(format!("run {id} asks for no approval")).hint(status()));
    };
    Approval::give(&run_dir, &report, (&whoever(), now_wall_ms())).map_err(|error| {
        CliError::environment(format!("the approval cannot be recorded in `{}`: {error}", run_dir.display()))
    })?;
    let tip = report.tip.get(..10).unwrap_or_default();
    for question in &report.asks {
        err(&format!("approved for {}: {}\n", escape(tip), escape(&question.text)));
    }
    drop(reader);
    take_up(context, args, id.to_string())
}

fn take_up(context: &Context, args: &MergeArgs, run: String) -> Result<Exit, CliError> {
    let go_on = ResumeArgs {
        run: Some(run),
        stored: args.stored,
        detach: args.detach,
        state_file: None,
        json: args.json,
        own_session: false,
    };
    super::resume::run(context, &go_on)
}

/// Who runs this program.
fn whoever() -> String {
    let named = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    named.unwrap_or_else(|_| format!("uid {}", rustix::process::getuid().as_raw()))
}
