//! `regatta pause`, `cancel`, `skip` and `answer`: a request to a run, obeyed at once by the orchestrator that lives, or
//! recorded for the next one.
//!
//! Decides nothing: what a request means is the runtime's and the engine's.

use crate::args::{AnswerArgs, CancelArgs, PauseArgs, SkipArgs};
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::plain_file;
use crate::view::{engine_of, living, plan_of, reader_to_write, writing};
use regatta_engine::input::Input;
use regatta_engine::state::Phase;
use regatta_fault as fault;
use regatta_journal::{
    Holder, Journal, Reader, RunId, RunRecord, Store as _, StoreError, Turn, Which, rfc3339,
};
use regatta_runtime::callers::Caller;
use regatta_runtime::control::{self, Command, Meaning, Reply, Settle};
use regatta_runtime::orchestrator::now_wall_ms;
use regatta_runtime::turn::Arrival;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// A result given on the command line holds at most this many bytes of text.
const MAX_RESULT_TEXT_BYTES: u64 = 1 << 20;
/// An orchestrator that comes or goes has so long to listen or to be gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(10);

/// `regatta pause`
///
/// # Errors
/// No such run, or the request does not fit its state.
pub fn pause(context: &Context, args: &PauseArgs) -> Result<Exit, CliError> {
    deliver(context, args.run.as_deref(), &Command::Pause { now: args.now })
}

/// `regatta cancel`
///
/// # Errors
/// No such run or task, or the request does not fit its state.
pub fn cancel(context: &Context, args: &CancelArgs) -> Result<Exit, CliError> {
    deliver(context, args.run.as_deref(), &Command::Cancel { task: args.task.clone() })
}

/// `regatta skip`
///
/// # Errors
/// No such run or task, or the request does not fit its state.
pub fn skip(context: &Context, args: &SkipArgs) -> Result<Exit, CliError> {
    let (run, task) = run_and_task(&args.words);
    deliver(context, run, &Command::Skip { task: task.to_owned() })
}

/// `regatta answer`
///
/// # Errors
/// No such run or task, the task is not in doubt or asks nothing, or it is a task that would answer.
pub fn answer(context: &Context, args: &AnswerArgs) -> Result<Exit, CliError> {
    let (run, task) = run_and_task(&args.words);
    if args.allow || args.deny {
        let question = args.question.map(|id| (id.attempt.0, id.number));
        let (task, allow) = (task.to_owned(), args.allow);
        return deliver(context, run, &Command::Permit { task, question, allow });
    }
    let result = args.result.as_deref().map(|text| parse_result(context, text)).transpose()?;
    if result.is_some() && !args.succeeded {
        return Err(CliError::usage("`--result` needs `--succeeded`"));
    }
    let settle = match (args.again, args.failed) {
        (true, _) => Settle::Again,
        (_, true) => Settle::Failed,
        _ => Settle::Succeeded(result),
    };
    deliver(context, run, &Command::Answer { task: task.to_owned(), settle })
}

/// `[RUN] TASK`
fn run_and_task(words: &[String]) -> (Option<&str>, &str) {
    match words {
        [run, task] => (Some(run), task),
        [task] => (None, task),
        _ => (None, ""),
    }
}

/// JSON, or `@FILE` with JSON in it.
fn parse_result(context: &Context, text: &str) -> Result<Value, CliError> {
    let text = match text.strip_prefix('@') {
        Some(file) => plain_file::small_text(&context.cwd.join(file), MAX_RESULT_TEXT_BYTES)
            .map_err(|e| CliError::usage(format!("result file `{file}` cannot be read: {e}")))?,
        None => text.to_owned(),
    };
    serde_json::from_str(&text).map_err(|e| CliError::usage(format!("the result is not JSON: {e}")))
}

/// Hands a request to the run, and tells what it means.
///
/// # Errors
/// No such run, the request does not fit its state, or the store fails.
pub fn deliver(context: &Context, run: Option<&str>, command: &Command) -> Result<Exit, CliError> {
    out(&format!("{}\n", request(context, run, command)?));
    Ok(Exit::Success)
}

/// Hands a request to the run: to its orchestrator if one lives, else into its journal. Answers what it means.
///
/// # Errors
/// No such run, the request does not fit its state, an attempt would answer for a person, or the store fails.
pub fn request(context: &Context, run: Option<&str>, command: &Command) -> Result<String, CliError> {
    let reader = reader_to_write(&context.workspace)?;
    let summary =
        reader.resolve(run.map_or(Which::NewestOpen, Which::Named)).map_err(writing(&context.workspace))?;
    let id = summary.run_id;
    if matches!(command, Command::Answer { .. } | Command::Permit { .. }) {
        only_a_person(&reader.place().run_dir(&id))?;
    }
    loop {
        if let Some(said) = ask(context, &reader, (&id, command))? {
            return Ok(said);
        }
        if let Some(said) = record(context, &reader, (&id, command))? {
            return Ok(said);
        }
    }
}

/// Refuses to be the answer of a person where an attempt of a run of this store started this program.
///
/// # Errors
/// An attempt did, or that cannot be told.
pub(super) fn only_a_person(run_dir: &Path) -> Result<(), CliError> {
    match Caller::ourselves().why_not_a_person(run_dir) {
        Some(why) => Err(CliError::usage(why).hint("answer from a terminal of your own")),
        None => Ok(()),
    }
}

/// Asks the orchestrator of a run, if there is one. None as soon as nobody holds the run.
///
/// # Errors
/// The request does not fit the state, or whoever holds the run does not answer.
pub fn ask(
    context: &Context,
    reader: &Reader,
    (id, command): (&RunId, &Command),
) -> Result<Option<String>, CliError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let nobody = match control::ask(&reader.place().run_dir(id), command) {
            Ok(Some(Reply::Done(said))) => return Ok(Some(said)),
            Ok(Some(Reply::Refused(why) | Reply::Endless(why))) => return Err(refused(id, &why)),
            // Descriptors that nobody asked for here are nobody's answer.
            Ok(None | Some(Reply::Streams { .. } | Reply::Stands(_) | Reply::Permission { .. })) => true,
            Err(_) => false,
        };
        let Some(holder) = reader.holder(id).map_err(writing(&context.workspace))? else { return Ok(None) };
        // Whoever took the request and is silent may still obey it: it is not asked twice.
        if !nobody || Instant::now() > until {
            return Err(silent(id, &holder));
        }
        std::thread::sleep(PAUSE);
    }
}

/// It has the lock and does not listen: it hangs, or was stopped.
fn silent(id: &RunId, holder: &Holder) -> CliError {
    let Holder { pid, host, since_wall_ms, .. } = holder;
    let since = rfc3339(*since_wall_ms);
    CliError::environment(format!(
        "run {id} is held by process {pid} on {host} since {since}, which does not answer"
    ))
    .hint(format!("if it hangs, end process {pid}; then: regatta resume {id}"))
}

fn refused(id: &RunId, why: &str) -> CliError {
    CliError::usage(why.to_owned()).hint(format!("`regatta status {id}` shows where the run stands"))
}

/// Nobody orchestrates the run: what the request means is recorded, and obeyed at resume. None if somebody was faster.
fn record(
    context: &Context,
    reader: &Reader,
    (id, command): (&RunId, &Command),
) -> Result<Option<String>, CliError> {
    let record: RunRecord = reader.run(id).map_err(writing(&context.workspace))?;
    let (plan, _) = plan_of(&record)?;
    let journal = Journal::open(&context.workspace).map_err(writing(&context.workspace))?;
    let mut run = match journal.open_run(id, now_wall_ms()) {
        Err(StoreError::Held { .. }) => return Ok(None),
        opened => opened.map_err(writing(&context.workspace))?,
    };
    let mut engine = engine_of(&plan)?;
    run.fold(&mut |stored| {
        engine.apply(&stored.event).map_err(|e| StoreError::Damaged {
            path: context.workspace.clone(),
            copy: None,
            detail: e.to_string(),
        })
    })
    .map_err(writing(&context.workspace))?;
    if let Command::Pause { .. } = command
        && !matches!(engine.state().phase, Phase::Ended(_))
    {
        let so = format!("nobody orchestrates the run: nothing new starts until: regatta resume {id}");
        return Ok(Some(so));
    }
    let arrivals = match control::interpret(&engine, command) {
        Meaning::Feed(arrivals, _) => arrivals,
        Meaning::So(said) => return Ok(Some(said)),
        Meaning::Refused(why) => return Err(refused(id, &why)),
    };
    let (now, wall_ms) = (engine.now(), now_wall_ms());
    let mut turn =
        Turn { now, wall_ms, inputs: vec![], events: vec![], payloads: vec![], shared: Vec::new() };
    for Arrival { input, payloads } in arrivals {
        if let Input::Permission { attempt, .. } = &input
            && !living(reader, id).contains(&attempt.0)
        {
            let why = format!(
                "attempt {attempt} asks nothing any more: it ended with its orchestrator, or after it"
            );
            return Err(CliError::usage(why).hint(format!("next: regatta resume {id}")));
        }
        // No Settle and no effects: nothing may be started or ended here; the next orchestrator does it all again.
        turn.events.extend(engine.step(now, input.clone()).events);
        turn.inputs.push(input);
        turn.payloads.extend(payloads);
    }
    run.append(&turn).map_err(writing(&context.workspace))?;
    fault::point("control.recorded");
    run.close().map_err(writing(&context.workspace))?;
    Ok(Some(format!("recorded, to be obeyed first; next: regatta resume {id}")))
}
