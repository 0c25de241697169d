//! `regatta resume`: goes on with a run. What is finished is never run again.
//!
//! A plan file that changed is refused with the difference; what was validated is what runs.

use crate::args::ResumeArgs;
use crate::commands::telling::Telling;
use crate::config::Config;
use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escape::{escape, escape_path};
use crate::session::{self, Show, Watchers};
use crate::source;
use crate::state_view::{self, StateFile};
use crate::view::{self, plan_to_run, reader_to_write, writing};
use regatta_journal::{Journal, Reader, RunId, RunRecord, StoreError, Which};
use regatta_plan::{Fact, Loaded, Part, Plan, Severity};
use regatta_runtime::control::Command;
use regatta_runtime::driven::Drivers;
use regatta_runtime::leases;
use regatta_runtime::orchestrator::{self, Work, now_wall_ms};
use serde_json::Value;
use std::path::Path;

const STORED: &str = "`regatta resume --stored` goes on with the plan that was validated";
/// Lines of a difference that are shown.
const MAX_DIFFERENCES: usize = 20;
/// Errors of a plan that changed that are shown.
const MAX_ERRORS: usize = 5;

/// Runs the verb.
///
/// # Errors
/// No such run, another orchestrator holds it, the plan changed, or the store fails.
pub fn run(context: &Context, args: &ResumeArgs) -> Result<Exit, CliError> {
    if args.own_session {
        // Already a session leader is as good.
        let _ = rustix::process::setsid();
    }
    let mut named = args.run.clone();
    // Whoever held the run may let it go without bringing it to its end: then it is taken up here.
    loop {
        let reader = reader_to_write(&context.workspace)?;
        let which = named.as_deref().map_or(Which::NewestOpen, Which::Named);
        let id = reader.resolve(which).map_err(writing(&context.workspace))?.run_id;
        if reader.holder(&id).map_err(writing(&context.workspace))?.is_some()
            && let Some(said) = super::control::ask(context, &reader, (&id, &Command::Resume))?
        {
            out(&format!("{said}\n"));
            return Ok(Exit::Success);
        }
        if let Some(exit) = take_up(context, args, (reader, &id))? {
            return Ok(exit);
        }
        named = Some(id.to_string());
    }
}

/// Becomes the orchestrator of a run that nobody holds; none if somebody was faster.
fn take_up(
    context: &Context,
    args: &ResumeArgs,
    (reader, id): (Reader, &RunId),
) -> Result<Option<Exit>, CliError> {
    let show = if args.json { Show::Json } else { Show::People };
    let record = reader.run(id).map_err(writing(&context.workspace))?;
    let ended = record.summary.state.has_ended();
    let asked = state_view::asked(context, args.state_file.as_ref())?;
    let kept = || kept_state_file(&record).filter(|path| !ended || state_view::speaks_of(path, id));
    let state_file = asked.clone().or_else(kept);
    let watchers = Watchers { show, state_file: state_file.map(StateFile::at) };
    if ended {
        let run_dir = reader.place().run_dir(id);
        orchestrator::dismiss(&run_dir, record.summary.epoch)
            .map_err(|e| CliError::environment(e.to_string()).hint(format!("regatta resume {id}")))?;
        // What cannot be taken back now is free for whoever asks.
        let _ = leases::forget(&context.workspace, id.as_str());
        return session::tell(context, id.as_str(), &watchers).map(Some);
    }
    let (plan, overrides) = plan_to_run(&record)?;
    if !args.stored {
        refuse_changed(context, (&record, &plan), STORED)?;
    }
    tell_changed_variables(&plan, &record);
    drop(reader);
    if args.detach {
        return super::run::detach(context, (id.as_str(), args.json), asked.as_deref()).map(Some);
    }
    let journal = Journal::open(&context.workspace).map_err(writing(&context.workspace))?;
    let run = match journal.open_run(id, now_wall_ms()) {
        Err(StoreError::Held { .. }) => return Ok(None),
        opened => opened.map_err(writing(&context.workspace))?,
    };
    let (vault, warnings) = session::vault_after(context, &plan, &record)?;
    warnings.iter().for_each(|line| err(line));
    if show == Show::People {
        err(&format!("run {}\n", run.run_id()));
    }
    session::go(
        context,
        run,
        Work { plan: plan.into(), reuse: overrides.reuse, vault, drivers: Drivers::default() },
        &watchers,
    )
    .map(Some)
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
        err(&format!("variables have changed since the run began: {}\n", escape(&changed.join(", "))));
    }
}

/// The first errors of a plan, a line each.
fn first_errors(loaded: &Loaded, telling: &Telling) -> String {
    let all = loaded.facts();
    let errors = all.iter().filter(|fact| fact.severity == Severity::Error);
    let line = |fact: &Fact| match telling.text(fact.message.clone()) {
        Some(message) => format!("line {}: {} [{}]", fact.line, escape(&message), fact.code),
        None => format!("line {}: [{}]", fact.line, fact.code),
    };
    let mut lines: Vec<String> = errors.clone().take(MAX_ERRORS).map(line).collect();
    if let more @ 1.. = errors.count().saturating_sub(MAX_ERRORS) {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n  ")
}

/// The file may be gone; if it is there it must say what was validated. `plan` is that of the record.
///
/// # Errors
/// It says something else; `hint` tells how to go on.
pub fn refuse_changed(
    context: &Context,
    (record, plan): (&RunRecord, &Plan),
    hint: &str,
) -> Result<(), CliError> {
    let Some(path) = record.run.source_path.as_deref().map(Path::new).filter(|p| p.exists()) else {
        return Ok(());
    };
    let flags: Value = serde_json::from_str(&record.run.flags).unwrap_or_default();
    let given = flags["inputs"].as_object().into_iter().flatten();
    let inputs: Vec<(String, String)> =
        given.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect();
    let mut given = source::given(&Config::read(context)?, &inputs);
    // What is told is what changed, not who is there to do it.
    given.drivers.extend(plan.drivers.iter().cloned());
    given.is_program = None;
    // Settings that changed since are no change of the plan: it was validated under those of its run.
    given.defaults = serde_json::from_value(flags["defaults"].clone()).unwrap_or_default();
    // What was validated is what runs, however another version would read the same letters.
    let is_unchanged = record.run.plan_source.as_ref().is_some_and(|text| source::says(context, path, text));
    if is_unchanged && given.leases == plan.leases {
        return Ok(());
    }
    let loaded = source::load_raw(context, path, &given)?;
    let part: Option<Part> = serde_json::from_value(flags["part"].clone()).unwrap_or_default();
    let stored: Plan = view::stored_plan(record)?;
    let Some(now) = loaded.plan.as_ref().cloned() else {
        let errors = first_errors(&loaded, &Telling::of(context, (record, &stored), None));
        let why = if is_unchanged { "has errors under the settings" } else { "has changed and has errors" };
        let message = format!("plan `{}` {why} now:\n  {errors}", escape_path(path));
        return Err(CliError::new(Exit::InvalidPlan, message).hint(hint));
    };
    let now = source::part(now, part.as_ref()).map_err(|error| {
        let message = format!("plan `{}` has changed: {}", escape_path(path), error.message);
        CliError::new(Exit::InvalidPlan, message).hint(hint)
    })?;
    if stored == now {
        return Ok(());
    }
    let telling = Telling::of(context, (record, &stored), Some(&now));
    let told = |text| telling.text(text);
    let lines = regatta_plan::differences(&stored, &now, (MAX_DIFFERENCES, &told))
        .map_err(|e| CliError::environment(format!("the plans cannot be compared: {e}")))?;
    if lines.is_empty() {
        return Ok(());
    }
    // A task may be called by what is a secret.
    let lines: Vec<String> = lines.into_iter().map(|line| telling.line(line)).collect();
    let message = format!(
        "plan `{}` has changed since run {}:\n  {}",
        escape_path(path),
        record.summary.run_id,
        lines.join("\n  ")
    );
    Err(CliError::new(Exit::InvalidPlan, message).hint(hint))
}
