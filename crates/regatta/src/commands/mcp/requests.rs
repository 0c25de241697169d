//! `parallel_execute` and `shell_batch`: a whole document in one call, answered in its own shape (formats 1 and 2).

use super::addresses::task_uri;
use super::answer::Answer;
use super::desk::{Arguments, Desk, Refused};
use super::waiting::{Followed, Waited, wait};
use crate::args::CapArgs;
use crate::commands::run::submit;
use crate::config::Config;
use crate::connected;
use crate::error::CliError;
use crate::overrides::Asked;
use crate::parallel::{self, Collector};
use crate::room;
use crate::source::{self, Source};
use crate::view::{RunView, reader, store_error};
use regatta_journal::{Reader, RunId};
use regatta_plan::model::Dialect;
use serde_json::{Value, json};

/// Links of one answer.
const MAX_LINKS: usize = 16;

/// `parallel_execute`
pub(super) fn parallel_execute(desk: &Desk<'_>, arguments: Arguments) -> Result<Answer, Refused> {
    execute(desk, arguments, Dialect::Request)
}

/// `shell_batch`
pub(super) fn shell_batch(desk: &Desk<'_>, arguments: Arguments) -> Result<Answer, Refused> {
    execute(desk, arguments, Dialect::Batch)
}

fn execute(desk: &Desk<'_>, arguments: Arguments, wanted: Dialect) -> Result<Answer, Refused> {
    let answered = |id: RunId| {
        let reader = reader(&desk.context.workspace)?;
        answered(desk, &reader, &id)
    };
    let answered = begun(desk, arguments, wanted).map_err(Refused::from).and_then(|begun| match begun {
        Begun::Run(id) => answered(id),
        Begun::Refused(answer) => Ok(answer),
    });
    // Also what goes wrong here is answered in the form of the document.
    Ok(answered.unwrap_or_else(|refused| refusal(&refused.message, refused.hint.as_deref())))
}

/// What came of a document.
enum Begun {
    /// A run.
    Run(RunId),
    /// Its problems.
    Refused(Answer),
}

/// Starts the run of a document, if it is one that can be run.
///
/// # Errors
/// Settings or variables cannot be read, or the run cannot be started.
fn begun(desk: &Desk<'_>, arguments: Arguments, wanted: Dialect) -> Result<Begun, CliError> {
    let key = if wanted == Dialect::Request { "tasks" } else { "commands" };
    let is_wanted = arguments.contains_key(key) && !arguments.contains_key("version");
    let text = Value::Object(arguments).to_string();
    let config = Config::read(desk.context)?;
    let mut loaded = source::load_text("request.json", &text, &source::given(&config, &[]));
    // What could not be read is of no dialect, and has a problem that says so.
    if loaded.dialect != wanted && !is_wanted {
        let message =
            format!("this is not the document that is wanted here: it has `{key}` and no `version`");
        return Ok(Begun::Refused(refusal(&message, Some("a plan is started with `run_start`"))));
    }
    let Some(plan) = loaded.plan.take() else {
        return Ok(Begun::Refused(Answer::error(parallel::refusal(&loaded))));
    };
    if let Some(refusal) = connected::refusal(&connected::open_names(desk.context, &plan)?) {
        return Ok(Begun::Refused(Answer::error(refusal)));
    }
    let overrides = Asked::read(desk.context, &CapArgs::default())?.of(&plan)?;
    let source = Source::of((plan, loaded), None, config.defaults());
    submit(desk.context, (&source, &overrides), &[]).map(Begun::Run)
}

/// The result of the run, or where it stands and how to ask again.
fn answered(desk: &Desk<'_>, reader: &Reader, id: &RunId) -> Result<Answer, Refused> {
    let (waited, Followed { view, last }) = wait(desk, reader, (id, desk.wait), None)?;
    if waited == Waited::Ended
        && let Some(result) = result(reader, &view)?
    {
        let more = rest(id, &result);
        return Ok(Answer::about(id.as_str(), "/result", result).with(more));
    }
    let mut value = parallel::unfinished(&view).unwrap_or_default();
    // Who is told of a question waits for what comes after it.
    let asks = value.get("hint").is_some();
    let next = next((&view, waited), asks, (waited == Waited::Stands).then_some(last));
    let next = after_room((reader, &view), &mut value, next);
    next.into_iter().for_each(|next| value["next"] = next);
    Ok(Answer::about(id.as_str(), "", value))
}

/// The call that goes on, as soon as it is of use: a run that waits for a person wants none.
pub(super) fn next((view, waited): (&RunView, Waited), asks: bool, cursor: Option<u64>) -> Option<Value> {
    let run_id = view.record.summary.run_id.as_str();
    let resume = || json!({ "tool": "run_resume", "arguments": { "run_id": run_id } });
    match (waited, view.status()) {
        (Waited::Ended, _) => None,
        (Waited::Stands, "waiting") if asks => None,
        // What was asked is answered, or it was paused: somebody must take it up.
        (Waited::Stands, "waiting" | "paused" | "interrupted") => Some(resume()),
        // Nobody waits long enough to see that nobody takes it up.
        (Waited::GoesOn, "paused") => Some(resume()),
        (Waited::GoesOn, "interrupted") if view.holder.is_none() => Some(resume()),
        (Waited::Stands | Waited::GoesOn, _) => Some(wait_again(run_id, cursor)),
    }
}

/// Tells of a full disk that broke a run off. While it is full no call goes on with it.
pub(super) fn after_room(
    (reader, view): (&Reader, &RunView),
    value: &mut Value,
    next: Option<Value>,
) -> Option<Value> {
    let Some(lack) = room::lack(reader, view) else { return next };
    value["hint"] = lack.hint(view.record.summary.run_id.as_str()).into();
    next.filter(|_| !lack.is_full)
}

/// The call that tells what has happened since.
pub(super) fn wait_again(run_id: &str, cursor: Option<u64>) -> Value {
    let mut next = json!({ "tool": "run_wait", "arguments": { "run_id": run_id } });
    cursor.into_iter().for_each(|cursor| next["arguments"]["cursor"] = cursor.into());
    next
}

/// Where what is missing of a result can be read: output and results of tasks of which it tells head and tail.
pub(super) fn rest(id: &RunId, result: &Value) -> Vec<String> {
    let cut = parallel::cut_streams(result).into_iter().take(MAX_LINKS);
    cut.map(|(task, part)| task_uri(id.as_str(), task, part)).collect()
}

/// The result of a run that has ended, in the shape of its document, and bounded; of a plan there is none.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn result(reader: &Reader, view: &RunView) -> Result<Option<Value>, Refused> {
    if view.plan.dialect == Dialect::Plan {
        return Ok(None);
    }
    let id = &view.record.summary.run_id;
    let mut collector = Collector::bounded(view.engine.graph().len());
    let each = &mut |stored| {
        collector.push(&stored);
        Ok(())
    };
    reader.fold(id, each).map_err(store_error)?;
    Ok(collector.result(view, &reader.place().run_dir(id)))
}

fn refusal(message: &str, hint: Option<&str>) -> Answer {
    let mut error = json!({ "code": "PARALLEL_EXECUTION_ERROR", "message": message });
    if let Some(hint) = hint {
        error["hint"] = hint.into();
    }
    Answer::error(json!({ "success": false, "error": error }))
}
