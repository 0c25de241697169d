//! `regatta answer`: settles a task in doubt while no orchestrator is alive; obeyed at resume.
//!
//! One step of the real engine, recorded without its effects: nothing is started here.

use crate::args::AnswerArgs;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::source;
use crate::view::{engine_of, plan_of, reader, store_error};
use regatta_engine::input::{Answer, Input};
use regatta_engine::state::node::NodeState;
use regatta_journal::{Journal, Payload, Store as _, StoreError, Turn, Which};
use regatta_runtime::collect::{self, TaskResult};
use regatta_runtime::orchestrator::now_wall_ms;

/// The text of a result may hold this much: with white space, more than what is taken of it.
const MAX_RESULT_TEXT_BYTES: u64 = 1 << 20;

/// Runs the verb.
///
/// # Errors
/// No such run or task, the task is not in doubt, the result is not JSON, or the run is alive.
pub fn run(context: &Context, args: &AnswerArgs) -> Result<Exit, CliError> {
    if args.result.is_some() && !args.succeeded {
        return Err(CliError::usage("`--result` goes with `--succeeded` only"));
    }
    let result = args.result.as_deref().map(|text| parse_result(context, text)).transpose()?;
    let reader = reader(&context.workspace)?;
    let id = reader.resolve(Which::Named(&args.run)).map_err(store_error)?.run_id;
    let (plan, _) = plan_of(&reader.run(&id).map_err(store_error)?)?;
    drop(reader);
    let journal = Journal::open(&context.workspace).map_err(store_error)?;
    let mut run = journal.open_run(&id, now_wall_ms()).map_err(store_error)?;
    let mut engine = engine_of(&plan)?;
    run.fold(&mut |stored| {
        engine.apply(&stored.event).map_err(|e| StoreError::Damaged {
            path: context.workspace.clone(),
            copy: None,
            detail: e.to_string(),
        })
    })
    .map_err(store_error)?;
    let node = engine
        .graph()
        .find(&args.task)
        .ok_or_else(|| CliError::usage(format!("run {id} has no task `{}`", args.task.escape_debug())))?;
    let NodeState::InDoubt(doubt) = engine.state().node(node).state.clone() else {
        let why = engine.explain(node).sentence(engine.graph());
        return Err(CliError::usage(format!("task `{}` is not in doubt: {why}", args.task)));
    };
    let answer = match (args.again, args.failed) {
        (true, _) => Answer::Again,
        (_, true) => Answer::Failed,
        _ => Answer::Succeeded(result.as_ref().map(|r| r.digest)),
    };
    let payload = result.map(|r| Payload { attempt: doubt.attempt, bytes: r.bytes });
    let input = Input::Answered { node, answer };
    let step = engine.step(engine.now(), input.clone());
    // No Settle: nothing may be started here, and whatever the answer leads to is asked again at resume.
    let turn = Turn {
        now: engine.now(),
        wall_ms: now_wall_ms(),
        inputs: vec![input],
        events: step.events,
        payloads: payload.into_iter().collect(),
    };
    run.append(&turn).map_err(store_error)?;
    run.close().map_err(store_error)?;
    out(&format!("recorded; next: regatta resume {id}\n"));
    Ok(Exit::Success)
}

/// JSON, or `@FILE` with JSON in it.
fn parse_result(context: &Context, text: &str) -> Result<TaskResult, CliError> {
    let text = match text.strip_prefix('@') {
        Some(file) => source::small_text(&context.cwd.join(file), MAX_RESULT_TEXT_BYTES)
            .map_err(|e| CliError::usage(format!("result file `{file}` cannot be read: {e}")))?,
        None => text.to_owned(),
    };
    let value =
        serde_json::from_str(&text).map_err(|e| CliError::usage(format!("the result is not JSON: {e}")))?;
    let result = collect::from_value(&value).map_err(|e| CliError::usage(e.to_string()))?;
    if result.bytes.len() > collect::INLINE_RESULT_BYTES {
        return Err(CliError::usage("the result has more than 64 KiB"));
    }
    Ok(result)
}
