//! `regatta context`: the prompt of a task and what it is made of, before a run or of an attempt.

use crate::args::ContextArgs;
use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escape::escape_block;
use crate::session::Show;
use crate::source;
use crate::view::{RunView, reader};
use regatta_engine::event::EventKind;
use regatta_journal::Which;
use regatta_plan::prompt::HARD_CAP_TOKENS;
use regatta_runtime::agents::{self, BILL_FILE, PROMPT_FILE};
use regatta_runtime::escalation::shell_word;
use regatta_runtime::workspace;
use serde_json::{Value, json};
use std::path::Path;

/// Runs the verb.
///
/// # Errors
/// No such plan, run, task or attempt, or no agent does the task.
pub fn run(context: &Context, args: &ContextArgs) -> Result<Exit, CliError> {
    let (text, bill) = match &args.plan {
        Some(plan) => before(context, plan, args)?,
        None => of_attempt(context, args)?,
    };
    if bill["over_hard_cap"] == true {
        let tokens = &bill["estimated_tokens"];
        err(&format!("warning: about {tokens} tokens, more than {HARD_CAP_TOKENS}; nothing is cut yet\n"));
    }
    if args.json {
        let mut facts = bill;
        facts["prompt"] = text.into();
        out(&format!("{facts}\n"));
    } else {
        out(&escape_block(&text));
    }
    Ok(Exit::Success)
}

/// As it would be composed: what earlier tasks say is not known yet.
fn before(context: &Context, plan: &Path, args: &ContextArgs) -> Result<(String, Value), CliError> {
    let inputs = source::inputs(&args.inputs)?;
    let source = source::load(context, plan, &inputs, Show::People)?;
    let prompt = agents::preview(&source.plan, &context.workspace, &args.task);
    let prompt = prompt.map_err(|why| CliError::usage(why).hint("`regatta plan PLAN` lists its tasks"))?;
    let bill = agents::bill(&prompt);
    Ok((prompt.text, bill))
}

/// As the last attempt, or another one, got it.
fn of_attempt(context: &Context, args: &ContextArgs) -> Result<(String, Value), CliError> {
    let reader = reader(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::Newest, Which::Named);
    let mut attempts = Vec::new();
    let view = RunView::load(&reader, which, &mut |stored| {
        if let EventKind::DispatchStarted { node, attempt, number, .. } = stored.event.kind {
            attempts.push((node, number, attempt));
        }
    })?;
    let node = view.node(&args.task)?;
    let wanted = |number: u32| args.attempt.is_none_or(|n| n == number);
    let found = attempts.iter().rev().find(|(n, number, _)| *n == node && wanted(*number));
    let run_id = &view.record.summary.run_id;
    let Some(&(_, _, attempt)) = found else {
        let which = args.attempt.map_or("attempt".to_owned(), |n| format!("attempt {n}"));
        let message = format!("task `{}` has no {which} in run {run_id}", args.task);
        return Err(CliError::usage(message).hint(format!("regatta explain {}", shell_word(&args.task))));
    };
    let dir = workspace::attempt_dir(&reader.place().run_dir(run_id), attempt.0);
    let read = |name: &str| std::fs::read_to_string(dir.join(name));
    let Ok(text) = read(PROMPT_FILE) else {
        let message = format!("no agent did attempt {} of task `{}`: it has no prompt", attempt.0, args.task);
        return Err(CliError::usage(message));
    };
    let bill = read(BILL_FILE).ok().and_then(|bill| serde_json::from_str(&bill).ok());
    Ok((text, bill.filter(Value::is_object).unwrap_or_else(|| json!({}))))
}
