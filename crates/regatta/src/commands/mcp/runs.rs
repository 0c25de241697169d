//! The tools about runs: a plan is checked and started, a run is looked at, waited for, paused, resumed, cancelled.

use super::addresses::uri;
use super::answer::{Answer, MAX_BYTES};
use super::desk::{Arguments, Desk, Refused, read};
use super::fitting::fitting;
use super::requests::{after_room, next, rest, result, wait_again};
use super::waiting::{Followed, Waited, wait};
use crate::args::CapArgs;
use crate::commands::{check, control, explain, run, status};
use crate::config::Config;
use crate::connected;
use crate::overrides::Asked;
use crate::parallel;
use crate::post_mortem::{self, Gathered};
use crate::render::{count, waits};
use crate::room;
use crate::source::{self, Source};
use crate::view::{RunView, graph_of, plan_of, reader, store_error};
use regatta_engine::graph::Graph;
use regatta_journal::{PublicRun, Reader, RunId, RunRecord, Which, event_json};
use regatta_plan::Loaded;
use regatta_runtime::control::Command;
use regatta_runtime::tools::Findings;
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Events of one answer, and bytes of them.
const MAX_EVENTS: usize = 1_000;
const MAX_EVENT_BYTES: usize = 30_000;

/// What is written around a result.
const FRAME_BYTES: usize = 100;

/// What `plan_check` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanCheck {
    /// The plan: an object, or its text as YAML, JSON or TOML.
    plan: Value,
    /// Its inputs by name.
    #[serde(default)]
    inputs: BTreeMap<String, String>,
}

/// What `run_start` takes.
pub(super) type RunStart = PlanCheck;

/// What a tool about one run takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneRun {
    /// The run, or the beginning of its id; the newest without it.
    run_id: Option<String>,
}

/// What `run_wait` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunWait {
    /// The run, or the beginning of its id; the newest without it.
    run_id: Option<String>,
    /// Where the last answer ended; without it the events begin with the first.
    cursor: Option<u64>,
    /// Wait at most so many milliseconds; never longer than the server allows, which is 45 s unless it was told otherwise.
    wait_ms: Option<u64>,
}

/// What `run_events` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunEvents {
    /// The run, or the beginning of its id; the newest without it.
    run_id: Option<String>,
    /// Where the last answer ended; without it the events begin with the first.
    cursor: Option<u64>,
    /// At most so many events, 1 to 1000.
    limit: Option<usize>,
}

/// What `run_pause` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunPause {
    /// The run, or the beginning of its id; the newest that has not ended without it.
    run_id: Option<String>,
    /// Also stop what runs now, until the run is resumed.
    #[serde(default)]
    now: bool,
}

/// What `run_cancel` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunCancel {
    /// The run, or the beginning of its id.
    run_id: String,
    /// Only this task of it.
    task: Option<String>,
}

/// What `explain` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Explain {
    /// The run, or the beginning of its id; the newest without it.
    run_id: Option<String>,
    /// The task; all that have not ended well without it.
    task: Option<String>,
}

/// `plan_check`
pub(super) fn plan_check(desk: &Desk<'_>, arguments: Arguments) -> Result<Answer, Refused> {
    let (loaded, _) = load(desk, read(arguments)?)?;
    Ok(Answer::of(check::facts(&loaded, &Findings::default())))
}

/// `run_start`
pub(super) fn run_start(desk: &Desk<'_>, arguments: Arguments) -> Result<Answer, Refused> {
    let (mut loaded, inputs) = load(desk, read(arguments)?)?;
    let facts = check::facts(&loaded, &Findings::default());
    let Some(plan) = loaded.plan.take() else {
        let code = &parallel::refusal(&loaded)["error"]["code"];
        let error =
            json!({ "code": code, "message": "the plan is not valid", "problems": facts["problems"] });
        return Ok(Answer::error(json!({ "success": false, "error": error })));
    };
    if let Some(refusal) = connected::refusal(&connected::open_names(desk.context, &plan)?) {
        return Ok(Answer::error(refusal));
    }
    let defaults = Config::read(desk.context)?.defaults();
    let overrides = Asked::read(desk.context, &CapArgs::default())?.of(&plan)?;
    let source = Source::of((plan, loaded), None, defaults);
    let id = run::submit(desk.context, (&source, &overrides), &inputs)?;
    let next = json!({ "tool": "run_wait", "arguments": { "run_id": id.as_str() } });
    Ok(Answer::about(id.as_str(), "", json!({ "run_id": id.as_str(), "status": "running", "next": next })))
}

type Inputs = Vec<(String, String)>;

fn load(desk: &Desk<'_>, asked: PlanCheck) -> Result<(Loaded, Inputs), Refused> {
    let (name, text) = match asked.plan {
        Value::String(text) => ("plan", text),
        plan @ Value::Object(_) => ("plan.json", plan.to_string()),
        _ => return Err(Refused::new("`plan` is neither an object nor a text")),
    };
    let inputs: Inputs = asked.inputs.into_iter().collect();
    let config = Config::read(desk.context)?;
    let loaded = source::load_text(name, &text, &source::given(&config, &inputs));
    Ok((loaded, inputs))
}

/// `run_status`
pub(super) fn run_status(desk: &Desk<'_>, arguments: Arguments) -> Result<Answer, Refused> {
    let OneRun { run_id } = read(arguments)?;
    let (reader, id) = found(desk, run_id.as_deref())?;
    Ok(Answer::about(id.as_str(), "", standing(&reader, &id)?))
}

/// Where a run stands.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn standing(reader: &Reader, id: &RunId) -> Result<Value, Refused> {
    let view = RunView::load(reader, Which::Named(id.as_str()), &mut |_| {})?;
    Ok(status::facts(reader, &view))
}

/// `run_wait`
pub(super) fn run_wait(desk: &Desk<'_>, arguments: Arguments) -> Result<Answer, Refused> {
    let RunWait { run_id, cursor, wait_ms } = read(arguments)?;
    let (reader, id) = found(desk, run_id.as_deref())?;
    let at_most = wait_ms.map_or(desk.wait, Duration::from_millis);
    let (waited, Followed { view, .. }) = wait(desk, &reader, (&id, at_most), cursor)?;
    let (events, cursor, more) =
        events((&reader, &view.record), view.engine.graph(), (cursor.unwrap_or(0), MAX_EVENTS))?;
    let mut value = json!({
        "run_id": id.as_str(),
        // Whoever waits until it has ended goes on until all is told.
        "ended": waited == Waited::Ended && !more,
        "status": view.status(),
        "events": events,
        "cursor": cursor,
        "more": more,
    });
    match waited {
        Waited::Ended if more => {
            value["next"] = wait_again(id.as_str(), Some(cursor));
            return Ok(Answer::about(id.as_str(), "/events", value));
        }
        Waited::Ended => return told_to_the_end((&reader, &view), value),
        Waited::Stands | Waited::GoesOn => {}
    }
    // The cursor has passed the events, so what waits for a person is what is shortened.
    let mut asked = json!({});
    let asks = waits::tell(&view, &mut asked);
    // What has happened already is told before anything else is of use.
    let next = match more {
        true => Some(wait_again(id.as_str(), Some(cursor))),
        false => {
            let next = next((&view, waited), asks, Some(cursor));
            after_room((&reader, &view), &mut asked, next)
        }
    };
    next.into_iter().for_each(|next| value["next"] = next);
    let shortened = beside(&mut value, asked);
    let more = if shortened { vec![uri(id.as_str(), "")] } else { Vec::new() };
    Ok(Answer::about(id.as_str(), "/events", value).with(more))
}

/// Adds fields to an answer, shortened to the room that it leaves. Tells whether something of them is missing.
fn beside(value: &mut Value, fields: Value) -> bool {
    let room = MAX_BYTES.saturating_sub(value.to_string().len() + FRAME_BYTES);
    let (fields, shortened) = fitting(fields, room);
    if let (Value::Object(value), Value::Object(fields)) = (value, fields) {
        value.extend(fields);
    }
    shortened
}

/// What is told of a run that has ended: its events stay as they are, for nobody tells them again, so the result is what is
/// shortened.
fn told_to_the_end((reader, view): (&Reader, &RunView), mut value: Value) -> Result<Answer, Refused> {
    let id = &view.record.summary.run_id;
    let result = result(reader, view)?.unwrap_or_else(|| status::facts(reader, view));
    let mut more = rest(id, &result);
    let room = MAX_BYTES.saturating_sub(value.to_string().len() + FRAME_BYTES);
    let (result, shortened) = fitting(result, room);
    value["result"] = result;
    if shortened {
        value["truncated"] = true.into();
        more.insert(0, uri(id.as_str(), "/result"));
    }
    Ok(Answer::about(id.as_str(), "/events", value).with(more))
}

/// `run_events`
pub(super) fn run_events(desk: &Desk<'_>, arguments: Arguments) -> Result<Answer, Refused> {
    let RunEvents { run_id, cursor, limit } = read(arguments)?;
    let (reader, id) = found(desk, run_id.as_deref())?;
    let most = limit.unwrap_or(MAX_EVENTS).clamp(1, MAX_EVENTS);
    let record = reader.run(&id).map_err(store_error)?;
    let graph = graph_of(&plan_of(&record)?.0)?;
    let (events, cursor, more) = events((&reader, &record), &graph, (cursor.unwrap_or(0), most))?;
    let ended = record.summary.state.has_ended();
    let value =
        json!({ "run_id": id.as_str(), "ended": ended, "events": events, "cursor": cursor, "more": more });
    Ok(Answer::about(id.as_str(), "/events", value))
}

/// The events behind a cursor, where the next ones begin, and whether there are more already.
fn events(
    (reader, record): (&Reader, &RunRecord),
    graph: &Graph,
    (cursor, most): (u64, usize),
) -> Result<(Vec<Value>, u64, bool), Refused> {
    let id = &record.summary.run_id;
    let hash = &record.summary.schedule_plan_hash;
    let public = PublicRun { run_id: id.as_str(), schedule_plan_hash: hash, graph };
    let page = reader.events(id, cursor.saturating_add(1), most + 1).map_err(store_error)?;
    let (mut told, mut last, mut bytes) = (Vec::new(), cursor, 0);
    for stored in page.iter().take(most) {
        let text = event_json(&public, stored);
        bytes += text.len();
        if bytes > MAX_EVENT_BYTES && !told.is_empty() {
            break;
        }
        told.push(serde_json::from_str(&text).unwrap_or(Value::String(text)));
        last = stored.pos;
    }
    let more = page.last().is_some_and(|stored| stored.pos > last);
    Ok((told, last, more))
}

/// `run_pause`
pub(super) fn run_pause(desk: &Desk<'_>, arguments: Arguments) -> Result<Answer, Refused> {
    let RunPause { run_id, now } = read(arguments)?;
    ordered(desk, run_id.as_deref(), &Command::Pause { now })
}

/// `run_cancel`
pub(super) fn run_cancel(desk: &Desk<'_>, arguments: Arguments) -> Result<Answer, Refused> {
    let RunCancel { run_id, task } = read(arguments)?;
    ordered(desk, Some(&run_id), &Command::Cancel { task })
}

fn ordered(desk: &Desk<'_>, run: Option<&str>, command: &Command) -> Result<Answer, Refused> {
    let said = control::request(desk.context, run, command)?;
    Ok(Answer::of(json!({ "said": said })))
}

/// `run_resume`: whoever orchestrates the run goes on, else a new process takes it up.
pub(super) fn run_resume(desk: &Desk<'_>, arguments: Arguments) -> Result<Answer, Refused> {
    let OneRun { run_id } = read(arguments)?;
    let reader = reader(&desk.context.workspace)?;
    let which = run_id.as_deref().map_or(Which::NewestOpen, Which::Named);
    let id = reader.resolve(which).map_err(store_error)?.run_id;
    let held = reader.holder(&id).map_err(store_error)?.is_some();
    let said = match held {
        true => control::ask(desk.context, &reader, (&id, &Command::Resume))?,
        false => None,
    };
    let said = match said {
        Some(said) => said,
        None if reader.summary(&id).map_err(store_error)?.state.has_ended() => {
            return Err(Refused::new(format!(
                "run {id} has ended; a part of it can be run again: regatta retry {id}"
            )));
        }
        None => {
            // What a person has not answered yet stands still, whoever takes the run up.
            let view = RunView::load(&reader, Which::Named(id.as_str()), &mut |_| {})?;
            let lack = room::lack(&reader, &view);
            if let Some(lack) = lack.as_ref().filter(|lack| lack.is_full) {
                return Err(Refused::new(format!("run {id} cannot go on: {}", lack.hint(id.as_str()))));
            }
            run::take_up(desk.context, id.as_str(), None)?;
            let mut value = json!({ "run_id": id.as_str() });
            let asks = waits::tell(&view, &mut value);
            lack.into_iter().for_each(|lack| value["hint"] = lack.hint(id.as_str()).into());
            let doubts = value["doubts"].as_array().map_or(0, Vec::len);
            value["said"] = match doubts as u64 {
                0 if asks => "it goes on as far as a person has done their part: see `hint`".to_owned(),
                0 => "it goes on".to_owned(),
                n => format!("it waits for a person: {} in doubt, see `doubts`", count(n, "task")),
            }
            .into();
            return Ok(Answer::about(id.as_str(), "", value));
        }
    };
    Ok(Answer::about(id.as_str(), "", json!({ "run_id": id.as_str(), "said": said })))
}

/// `explain`
pub(super) fn explain(desk: &Desk<'_>, arguments: Arguments) -> Result<Answer, Refused> {
    let Explain { run_id, task } = read(arguments)?;
    let (reader, id) = found(desk, run_id.as_deref())?;
    let view = RunView::load(&reader, Which::Named(id.as_str()), &mut |_| {})?;
    let nodes = explain::asked(&view, task.as_deref())?;
    let value = json!({ "run_id": id.as_str(), "tasks": explain::rows(&view, &nodes) });
    Ok(Answer::about(id.as_str(), "", value))
}

/// `report`
pub(super) fn report(desk: &Desk<'_>, arguments: Arguments) -> Result<Answer, Refused> {
    let OneRun { run_id } = read(arguments)?;
    let (reader, id) = found(desk, run_id.as_deref())?;
    let value = json!({ "run_id": id.as_str(), "markdown": markdown(&reader, &id)? });
    Ok(Answer::about(id.as_str(), "/report", value))
}

/// The report of a run for people.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn markdown(reader: &Reader, id: &RunId) -> Result<String, Refused> {
    let mut gathered = Gathered::default();
    let view = RunView::load(reader, Which::Named(id.as_str()), &mut |stored| gathered.push(stored))?;
    Ok(post_mortem::text(&post_mortem::of(&view, &gathered)))
}

fn found(desk: &Desk<'_>, run: Option<&str>) -> Result<(Reader, RunId), Refused> {
    let reader = reader(&desk.context.workspace)?;
    let id = reader.resolve(run.map_or(Which::Newest, Which::Named)).map_err(store_error)?.run_id;
    Ok((reader, id))
}
