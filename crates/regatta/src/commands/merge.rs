//! `regatta merge`: what a person has to say about work that is to land.

use super::control::only_a_person;
use crate::args::{MergeArgs, ResumeArgs};
use crate::context::{Context, err};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escape::escape;
use crate::view::{RunView, reader_to_write, writing};
use regatta_journal::{Reader, Which};
use regatta_plan::model::Merge;
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
    if args.go_on { go_on(context, args) } else { answer(context, args) }
}

/// Takes up a run whose landing waits.
fn go_on(context: &Context, args: &MergeArgs) -> Result<Exit, CliError> {
    let reader = reader_to_write(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::NewestOpen, Which::Named);
    let summary = reader.resolve(which).map_err(writing(&context.workspace))?;
    let id = summary.run_id;
    let report = Report::read(&reader.place().run_dir(&id)).filter(|report| report.waits.is_some());
    if summary.state.has_ended() || report.is_none() && !meets_conflicts(&reader, id.as_str())? {
        let message = format!("the landing of run {id} waits for nobody, and none of its tasks does");
        return Err(
            CliError::usage(message).hint(format!("`regatta status {id}` shows where the run stands"))
        );
    }
    take_up(context, args, id.to_string())
}

/// Whether a task waits because what it would begin from conflicts.
fn meets_conflicts(reader: &Reader, run: &str) -> Result<bool, CliError> {
    let view = RunView::load(reader, Which::Named(run), &mut |_| {})?;
    Ok(view.engine.state().conflicting().next().is_some())
}

/// Records a yes or a no to what the run asks, then takes it up.
fn answer(context: &Context, args: &MergeArgs) -> Result<Exit, CliError> {
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
    only_a_person(&run_dir)?;
    let report = Report::read(&run_dir).filter(|report| !report.asks.is_empty() && !report.landed);
    let Some(report) = report.filter(|_| !summary.state.has_ended()) else {
        return Err(CliError::usage(format!("run {id} asks for no approval")).hint(status()));
    };
    if !args.task.is_empty() {
        let view = RunView::load(&reader, Which::Named(id.as_str()), &mut |_| {})?;
        check_tasks(&args.task, &report, view.plan.merge.as_ref())?;
    }
    let (by, at_ms) = (whoever(), now_wall_ms());
    let recorded = if args.reject {
        Approval::refuse(&run_dir, &report, ((&by, at_ms), &args.task))
    } else {
        Approval::give(&run_dir, &report, (&by, at_ms))
    };
    recorded.map_err(|error| {
        CliError::environment(format!("the approval cannot be recorded in `{}`: {error}", run_dir.display()))
    })?;
    let tip = report.tip.get(..10).unwrap_or_default();
    let word = if args.reject { "refused" } else { "approved" };
    for question in &report.asks {
        err(&format!("{word} for {}: {}\n", escape(tip), escape(&question.text)));
    }
    drop(reader);
    take_up(context, args, id.to_string())
}

/// Tasks can be refused one by one where the plan lets the others land.
fn check_tasks(tasks: &[String], report: &Report, merge: Option<&Merge>) -> Result<(), CliError> {
    let unknown = tasks.iter().find(|task| !report.merged.contains(task));
    if let Some(task) = unknown {
        let message = format!("task `{}` is not in what the run asks about", escape(task));
        return Err(
            CliError::usage(message).hint(format!("merged are: {}", escape(&report.merged.join(", "))))
        );
    }
    match merge {
        Some(merge) if merge.policy == "merge-succeeded" && merge.on_gate_failure == "take-out" => Ok(()),
        _ => {
            let message = "the plan takes no task out: all of it lands, or nothing";
            let hint = "leave `--task` out, or give the plan `policy: merge-succeeded` and `on_gate_failure: take-out`";
            Err(CliError::usage(message.to_owned()).hint(hint.to_owned()))
        }
    }
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
