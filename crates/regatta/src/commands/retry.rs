//! `regatta retry`: the part of an ended run that did not succeed, as a new run that reuses what did.
//!
//! The stored plan runs, under the caps it ran under. A plan that was mended runs by `run --reuse`.

use crate::args::RetryArgs;
use crate::commands::beginning;
use crate::commands::{resume, run};
use crate::context::{Context, err};
use crate::error::CliError;
use crate::exit::Exit;
use crate::overrides::Overrides;
use crate::render::count;
use crate::session::{self, Show, Watchers};
use crate::task_apart::repository;
use crate::view::{lent_servers, plan_to_run, reader_to_write, store_error, writing};
use regatta_engine::ids::NodeId;
use regatta_journal::{Journal, Keeping, NewRun, Reader, RunId, RunRecord, Which};
use regatta_plan::Plan;
use regatta_runtime::driven::Drivers;
use regatta_runtime::orchestrator::{Work, now_wall_ms};
use regatta_runtime::redact;
use regatta_runtime::reuse::{Earlier, Reuse, Selection, select};
use regatta_runtime::vault::Vault;
use regatta_runtime::yard::Names;
use serde_json::Value;
use std::path::Path;

/// Runs the verb.
///
/// # Errors
/// No such run or task, a run that has not ended or of which nothing failed, a plan that changed, or the store fails.
pub fn run(context: &Context, args: &RetryArgs) -> Result<Exit, CliError> {
    // Until the record of the new run names the earlier one, nothing else keeps it.
    let keeping = Keeping::begin(&context.workspace).map_err(store_error)?;
    let reader = reader_to_write(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::Newest, Which::Named);
    let summary = reader.resolve(which).map_err(writing(&context.workspace))?;
    let record = reader.run(&summary.run_id).map_err(writing(&context.workspace))?;
    let id = summary.run_id.as_str();
    if !summary.state.has_ended() {
        let message = format!("run {id} has not ended");
        return Err(CliError::usage(message).hint(format!("regatta resume {id}")));
    }
    let (mut plan, mut overrides) = plan_to_run(&record)?;
    let selection = selection((context, &reader), (&record.summary.run_id, &plan), &args.task)?;
    if !args.stored {
        let hint = format!(
            "`regatta run PLAN --reuse {id}` runs the changed plan and reuses equal work, \
             `regatta retry {id} --stored` retries the plan that was validated"
        );
        resume::refuse_changed(context, (&record, &plan), &hint)?;
    }
    let first_run = match &overrides.reuse {
        Some(Reuse::Retry { first_run, .. }) => first_run.clone(),
        Some(Reuse::Content { .. }) | None => id.to_owned(),
    };
    let tasks = args.task.clone();
    overrides.reuse = Some(Reuse::Retry { run: id.to_owned(), first_run, tasks });
    overrides.apply(&mut plan);
    run::check_repository(context, &plan)?;
    let (vault, open) = session::vault_after(context, &plan, &record)?;
    let (next, warnings) = next_run(&record, (&plan, &overrides), &vault)?;
    open.iter().chain(&warnings).for_each(|line| err(line));
    drop(reader);
    let journal = Journal::open(&context.workspace).map_err(writing(&context.workspace))?;
    let run = journal.create_run(&next).map_err(store_error)?;
    drop(keeping);
    let file = record.run.source_path.as_deref().map(Path::new);
    beginning::tell(context, &plan, (run.run_id().as_str(), file));
    if args.detach {
        let id = run.run_id().to_string();
        run.close().map_err(store_error)?;
        return run::detach(context, (&id, args.json), None);
    }
    let show = if args.json { Show::Json } else { Show::People };
    if show == Show::People {
        let (again, reused) = (selection.again.len() as u64, selection.reuse.len());
        err(&format!("run {} retries {id}: {} again, {reused} reused\n", run.run_id(), count(again, "task")));
        if let Some((now, then)) = moved(context, (id, &plan)) {
            err(&format!(
                "worktrees begin from {now}, those of that run from {then}: what did not land runs again\n"
            ));
        }
    }
    session::go(
        context,
        run,
        Work { plan: plan.into(), reuse: overrides.reuse, vault, drivers: Drivers::default() },
        &Watchers { show, state_file: None },
    )
}

/// Where worktrees begin now and where they began in that run, if that is not the same.
fn moved(context: &Context, (run, plan): (&str, &Plan)) -> Option<(String, String)> {
    let repo = repository(&context.workspace).ok()?;
    let now = repo.commit(&plan.worktrees.as_ref()?.base).ok()?;
    let then = repo.git.commit(&Names::of(run).pinned()).ok()??;
    (now != then).then(|| (now.short().to_owned(), then.short().to_owned()))
}

/// What is to run again.
fn selection(
    (context, reader): (&Context, &Reader),
    (run, plan): (&RunId, &Plan),
    tasks: &[String],
) -> Result<Selection, CliError> {
    let mut earlier = Earlier::load(reader, run).map_err(|e| CliError::environment(e.to_string()))?;
    if plan.worktrees.is_some() {
        let git = repository(&context.workspace)?.git;
        earlier.adopt(&git, run).map_err(|e| CliError::environment(e.to_string()))?;
    }
    let find = |task: &String| {
        earlier.graph().find(task).ok_or_else(|| {
            CliError::usage(format!("run {run} has no task `{}`", task.escape_debug()))
                .hint(format!("`regatta status {run}` lists its tasks"))
        })
    };
    let named: Vec<NodeId> = tasks.iter().map(find).collect::<Result<_, _>>()?;
    let selection = select(earlier.graph(), earlier.fates(), &named);
    // Work that is good and has not landed needs nobody who does it, but a landing.
    let to_land = earlier.fates().iter().any(|fate| fate.is_to_land());
    if selection.again.is_empty() && !to_land {
        let message = format!("nothing of run {run} failed, so there is nothing to retry");
        return Err(CliError::usage(message).hint("`--task TASK` runs a task again that succeeded"));
    }
    Ok(selection)
}

/// The record of the new run: that of the old one with an id, a time and variables of its own.
fn next_run(
    record: &RunRecord,
    (plan, overrides): (&Plan, &Overrides),
    vault: &Vault,
) -> Result<(NewRun, Vec<String>), CliError> {
    let run_id = uuid::Uuid::new_v4().to_string();
    let mut flags: Value = serde_json::from_str(&record.run.flags).unwrap_or_default();
    // Who watched that run did not ask for this one.
    flags.as_object_mut().map(|flags| flags.remove("state_file"));
    flags["redaction"] = redact::VERSION.into();
    flags["env"] = serde_json::json!(run::fingerprints(plan, &run_id));
    let places = (&lent_servers(record), record.run.source_path.as_deref());
    let (mut hidden, warnings) = beginning::literals((plan, record.run.plan.as_bytes()), vault, places)?;
    // What that run knew to be a secret is one, though its value may be another now.
    hidden.with(serde_json::from_value(flags["hidden"].clone()).unwrap_or_default());
    if !hidden.is_empty() {
        flags["hidden"] = serde_json::json!(hidden);
    }
    let next = NewRun {
        run_id: RunId::new(&run_id).map_err(store_error)?,
        config: serde_json::to_string(overrides)
            .map_err(|e| CliError::environment(format!("the run cannot be recorded: {e}")))?,
        flags: flags.to_string(),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        retry_of: Some(record.summary.run_id.clone()),
        created_wall_ms: now_wall_ms(),
        plan_name: hidden.text("/name").unwrap_or(&record.run.plan_name).to_owned(),
        ..record.run.clone()
    };
    Ok((next, warnings))
}
