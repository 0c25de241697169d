//! `parallel_execute` and `shell_batch`: a whole document in one call, answered in its own shape (formats 1 and 2).

use super::addresses::stream_uri;
use super::answer::Answer;
use super::desk::{Arguments, Desk, Refused};
use super::waiting::{Waited, wait};
use crate::commands::run::submit;
use crate::config::Config;
use crate::connected;
use crate::overrides::Overrides;
use crate::parallel::{self, Collector};
use crate::source::{self, Source};
use crate::view::{RunView, reader};
use regatta_journal::{Reader, RunId, Which};
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
    let text = Value::Object(arguments).to_string();
    let config = Config::read(desk.context)?;
    let mut loaded = source::load_text("request.json", &text, &source::given(&config, &[]));
    if loaded.dialect != wanted {
        let key = if wanted == Dialect::Request { "tasks" } else { "commands" };
        let message =
            format!("this is not the document that is wanted here: it has `{key}` and no `version`");
        return Ok(refusal(&message, Some("a plan is started with `run_start`")));
    }
    let Some(plan) = loaded.plan.take() else { return Ok(Answer::error(parallel::refusal(&loaded))) };
    if let Some(refusal) = connected::refusal(&connected::open_names(desk.context, &plan)?) {
        return Ok(Answer::error(refusal));
    }
    let source = Source { plan, text: loaded.into_source(), path: None, defaults: config.defaults() };
    let id = match submit(desk.context, (&source, &Overrides::default()), &[]) {
        Ok(id) => id,
        Err(error) => return Ok(refusal(&error.message, error.hint.as_deref())),
    };
    let reader = reader(&desk.context.workspace)?;
    answered(desk, &reader, &id)
}

/// The result of the run, or where it stands and how to ask again.
fn answered(desk: &Desk<'_>, reader: &Reader, id: &RunId) -> Result<Answer, Refused> {
    let waited = wait(desk, reader, (id, desk.wait), None)?;
    if waited == Waited::Ended
        && let Some(result) = result(reader, id)?
    {
        let more = rest(id, &result);
        return Ok(Answer::about(id.as_str(), "/result", result).with(more));
    }
    let mut last = 0;
    let view = RunView::load(reader, Which::Named(id.as_str()), &mut |stored| last = stored.pos)?;
    let mut value = parallel::unfinished(&view).unwrap_or_default();
    // Who is told of a question waits for what comes after it.
    let asks = value.get("hint").is_some();
    let next = next((&view, waited), asks, (waited == Waited::Stands).then_some(last));
    next.into_iter().for_each(|next| value["next"] = next);
    Ok(Answer::about(id.as_str(), "", value))
}

/// The call that goes on, as soon as it is of use: a run that waits for a person wants none.
pub(super) fn next((view, waited): (&RunView, Waited), asks: bool, cursor: Option<u64>) -> Option<Value> {
    let run_id = view.record.summary.run_id.as_str();
    let call = |tool: &str| json!({ "tool": tool, "arguments": { "run_id": run_id } });
    match (waited, view.status()) {
        (Waited::Ended, _) => None,
        (Waited::Stands, "waiting") if asks => None,
        // What was asked is answered, or it was paused: somebody must take it up.
        (Waited::Stands, "waiting" | "paused" | "interrupted") => Some(call("run_resume")),
        (Waited::Stands | Waited::GoesOn, _) => {
            let mut next = call("run_wait");
            cursor.into_iter().for_each(|cursor| next["arguments"]["cursor"] = cursor.into());
            Some(next)
        }
    }
}

/// Where what is missing of a result can be read: output of which it tells head and tail.
pub(super) fn rest(id: &RunId, result: &Value) -> Vec<String> {
    let cut = parallel::cut_streams(result).into_iter().take(MAX_LINKS);
    cut.map(|(task, stream)| stream_uri(id.as_str(), task, stream)).collect()
}

/// The result of a run that has ended, in the shape of its document; of a plan there is none.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn result(reader: &Reader, id: &RunId) -> Result<Option<Value>, Refused> {
    let mut collector = Collector::default();
    let view = RunView::load(reader, Which::Named(id.as_str()), &mut |stored| collector.push(stored))?;
    Ok(collector.result(&view, &reader.place().run_dir(id)))
}

fn refusal(message: &str, hint: Option<&str>) -> Answer {
    let mut error = json!({ "code": "PARALLEL_EXECUTION_ERROR", "message": message });
    if let Some(hint) = hint {
        error["hint"] = hint.into();
    }
    Answer::error(json!({ "success": false, "error": error }))
}
