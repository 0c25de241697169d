//! `regatta run`: checks a plan, records a run, runs it.
//!
//! Bad input starts nothing and leaves nothing behind: the run directory is made last.

use crate::args::RunArgs;
use crate::commands::beginning;
use crate::commands::plan::{prepared, print, told_of};
use crate::connected;
use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::overrides::{Asked, Overrides};
use crate::owners;
use crate::prediction::Predicted;
use crate::render::{self, conflicts};
use crate::session::{self, Show, Watchers};
use crate::source::{self, Source};
use crate::state_view::{self, StateFile};
use crate::view::{self, store_error};
use regatta_engine::build::GraphError;
use regatta_engine::graph::Graph;
use regatta_engine::schedule;
use regatta_journal::{Journal, Keeping, NewRun, RunId, RunJournal, RunRecord, RunState, Which};
use regatta_plan::model::Unbuilt;
use regatta_plan::{Part, Plan};
use regatta_runtime::driven::Drivers;
use regatta_runtime::environment::{Environment, Passing};
use regatta_runtime::git::{Repo, RepoError};
use regatta_runtime::orchestrator::{Work, now_wall_ms};
use regatta_runtime::redact;
use regatta_runtime::reuse::Reuse;
use regatta_runtime::vault::Vault;
use serde_json::json;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a detached process says on standard error, beside the run.
pub const DETACHED_LOG: &str = "detached.log";
/// A detached process has so long to take the run up before its id is told all the same.
const TAKE_UP: Duration = Duration::from_secs(5);
/// Missing features that are named one by one.
const MAX_NEEDS: usize = 10;

/// Runs the verb.
///
/// # Errors
/// The plan is not valid, needs what is not built, or the store fails.
pub fn run(context: &Context, args: &RunArgs) -> Result<Exit, CliError> {
    let inputs = source::inputs(&args.inputs)?;
    let asked = Asked::read(context, &args.caps)?;
    // Until the record of this run names the earlier one, nothing else keeps it.
    let keeping =
        args.reuse.as_ref().map(|_| Keeping::begin(&context.workspace)).transpose().map_err(store_error)?;
    let earlier = args.reuse.as_deref().map(|run| earlier(context, run)).transpose()?;
    let show = if args.json { Show::Json } else { Show::People };
    let mut source = source::load(context, &args.plan, &inputs, show)?;
    let mut overrides = asked.of(&source.plan)?;
    if let Some(earlier) = &earlier {
        overrides.reuse = Some(Reuse::Content { run: earlier.summary.run_id.to_string() });
        overrides.earlier = view::earlier_than_next(earlier);
    }
    let part = source::part_asked(&args.part);
    source.plan = source::part(source.plan, part.as_ref())?;
    refuse_unassigned(&source.plan)?;
    refuse_unbuilt(&source.plan)?;
    connected::refuse_open_names(context, &source.plan, show)?;
    let (plan, improved) = prepared(context, (source.plan.clone(), &mut overrides), &args.optimise)?;
    if args.dry_run {
        return print(told_of(context, plan), improved.as_ref(), args.json);
    }
    check_repository(context, &plan)?;
    if let Some(improved) = improved.filter(|_| show == Show::People) {
        err(&format!("order: {}\n", render::schedule::gain(&Predicted::of(&plan)?, &improved)));
    }
    if let Some(line) = conflicts::line(&regatta_plan::conflicts(&plan), &args.plan) {
        err(&line);
    }
    let (vault, open) = session::vault_over(context, &plan, &overrides)?;
    let state_file = state_view::asked(context, args.state_file.as_ref())?;
    let asked = (inputs.as_slice(), state_file.as_deref(), part.as_ref());
    let (record, warnings) = record(&source, (&plan, &overrides), asked, &vault)?;
    open.iter().chain(&warnings).for_each(|line| err(line));
    let journal = Journal::open(&context.workspace).map_err(store_error)?;
    let run = journal.create_run(&record).map_err(store_error)?;
    drop(keeping);
    beginning::tell(context, &plan, (run.run_id().as_str(), Some(&args.plan)));
    if args.detach {
        let id = run.run_id().to_string();
        run.close().map_err(store_error)?;
        return detach(context, (&id, args.json), None);
    }
    if show == Show::People {
        err(&format!("run {}\n", run.run_id()));
    }
    let work = Work { plan: plan.into(), reuse: overrides.reuse, vault, drivers: Drivers::default() };
    session::go(context, run, work, &Watchers { show, state_file: state_file.map(StateFile::at) })
}

/// Records a plan that we made ourselves as a new run, and runs it. Until it is recorded, `keeping` keeps the runs that it names.
///
/// # Errors
/// The store fails.
pub fn launch(
    context: &Context,
    (source, overrides): (&Source, Overrides),
    (show, detached): (Show, bool),
    (vault, keeping): (Vault, Option<Keeping>),
) -> Result<Exit, CliError> {
    let (record, warnings) = record(source, (&source.plan, &overrides), (&[], None, None), &vault)?;
    warnings.iter().for_each(|line| err(line));
    let journal = Journal::open(&context.workspace).map_err(store_error)?;
    let run = journal.create_run(&record).map_err(store_error)?;
    drop(keeping);
    beginning::tell(context, &source.plan, (run.run_id().as_str(), None));
    if detached {
        let id = run.run_id().to_string();
        run.close().map_err(store_error)?;
        return detach(context, (&id, show == Show::Json), None);
    }
    if show == Show::People {
        err(&format!("run {}\n", run.run_id()));
    }
    let work = Work { plan: source.plan.clone().into(), reuse: None, vault, drivers: Drivers::default() };
    session::go(context, run, work, &Watchers { show, state_file: None })
}

/// The run that `--reuse` names; only one that has ended says for good what it did.
fn earlier(context: &Context, run: &str) -> Result<RunRecord, CliError> {
    let reader = view::reader(&context.workspace)?;
    let found = reader.resolve(Which::Named(run)).map_err(store_error)?;
    if !found.state.has_ended() {
        let message = format!("run {} has not ended, so it cannot be reused yet", found.run_id);
        return Err(CliError::usage(message).hint(format!("regatta resume {}", found.run_id)));
    }
    reader.run(&found.run_id).map_err(store_error)
}

/// Records a plan as a new run, which a process of its own runs.
///
/// # Errors
/// The plan needs what is not built or not here, or the store fails. Nothing was started then.
pub fn submit(
    context: &Context,
    (source, overrides): (&Source, &Overrides),
    inputs: &[(String, String)],
) -> Result<RunId, CliError> {
    // The other process opens the vault again: what cannot be had is told before there is a run.
    let Begun { run, warnings, .. } = begin(context, (source, &source.plan, overrides), inputs)?;
    warnings.iter().for_each(|line| err(line));
    let id = run.run_id().clone();
    run.close().map_err(store_error)?;
    take_up(context, id.as_str(), None)?;
    Ok(id)
}

/// A run that is recorded, and what it is to be run with.
#[derive(Debug)]
pub struct Begun {
    /// The run.
    pub run: RunJournal,
    /// Its secrets.
    pub vault: Vault,
    /// Lines for people.
    pub warnings: Vec<String>,
}

/// Records a plan as a new run, which the caller runs; prints nothing. `plan` is that of the source with what is laid
/// over it.
///
/// # Errors
/// As [`submit`].
pub fn begin(
    context: &Context,
    (source, plan, overrides): (&Source, &Plan, &Overrides),
    inputs: &[(String, String)],
) -> Result<Begun, CliError> {
    refuse_unassigned(&source.plan)?;
    refuse_unbuilt(&source.plan)?;
    let warning = owned(context, plan)?;
    let (vault, open) = session::vault_over(context, plan, overrides)?;
    let (record, mut warnings) = record(source, (plan, overrides), (inputs, None, None), &vault)?;
    warnings.extend(open.into_iter().chain(warning));
    let journal = Journal::open(&context.workspace).map_err(store_error)?;
    Ok(Begun { run: journal.create_run(&record).map_err(store_error)?, vault, warnings })
}

/// Starts a process that takes the run up by itself, and tells the id, as JSON or bare.
///
/// # Errors
/// It cannot be started.
pub fn detach(
    context: &Context,
    (run_id, as_json): (&str, bool),
    state_file: Option<&str>,
) -> Result<Exit, CliError> {
    take_up(context, run_id, state_file)?;
    match as_json {
        true => out(&format!("{}\n", json!({ "run_id": run_id }))),
        false => out(&format!("{run_id}\n")),
    }
    Ok(Exit::Success)
}

/// Starts a process that takes the run up by itself. What goes wrong there is told in a file beside the run. Without a
/// state file of its own it keeps the one that the run was started with.
///
/// # Errors
/// It cannot be started.
pub fn take_up(context: &Context, run_id: &str, state_file: Option<&str>) -> Result<(), CliError> {
    let fail = |e: String| CliError::environment(format!("run {run_id} cannot be detached: {e}"));
    let program = std::env::current_exe().map_err(|e| fail(e.to_string()))?;
    let reader = view::reader(&context.workspace)?;
    let place = reader.place().clone();
    let id = RunId::new(run_id).map_err(store_error)?;
    let log_path = place.run_dir(&id).join(DETACHED_LOG);
    let log = regatta_journal::create_private(&log_path);
    let mut child = Command::new(program)
        .arg("--workspace")
        .arg(&context.workspace)
        .args(["resume", run_id, "--stored", "--json", "--own-session"])
        .args(state_file.map(|path| format!("--state-file={path}")))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.map_err(|e| fail(e.to_string()))?)
        .spawn()
        .map_err(|e| fail(e.to_string()))?;
    let until = Instant::now() + TAKE_UP;
    while Instant::now() < until {
        let state = reader.summary(&id).map_err(store_error)?.state;
        let exit = child.try_wait().map_err(|e| fail(e.to_string()))?;
        if exit.is_some_and(|status| status.code() == Some(i32::from(Exit::Environment.code()))) {
            let said = std::fs::read_to_string(&log_path).unwrap_or_default();
            return Err(fail(said.trim_start_matches("error: ").trim_end().to_owned()));
        }
        if state != RunState::Created || exit.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    // A server lives longer than the run: somebody must be told of its end.
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// A plan with an agent that stands for nobody can be checked and not run.
fn refuse_unassigned(plan: &Plan) -> Result<(), CliError> {
    match regatta_plan::unassigned(plan)[..] {
        [] => Ok(()),
        [name, ..] => {
            let message = format!("agent `{name}` is nobody yet (`preset: none`), and tasks wait for it");
            Err(CliError::usage(message)
                .hint("name one: codex, claude, gemini, opencode, aider, or another program"))
        }
    }
}

/// Worktrees need a repository that they can be made of, and each of its files one owner at a time.
///
/// # Errors
/// There is none, or two tasks without an order own the same file.
pub fn check_repository(context: &Context, plan: &Plan) -> Result<(), CliError> {
    owned(context, plan)?.into_iter().for_each(|warning| err(&warning));
    Ok(())
}

/// As [`check_repository`]; answers a warning instead of telling it.
fn owned(context: &Context, plan: &Plan) -> Result<Option<String>, CliError> {
    Repo::check(&context.workspace, plan).map_err(unusable)?;
    owners::check(&context.workspace, plan)
}

/// A repository that cannot be used, for people.
pub fn unusable(error: RepoError) -> CliError {
    let (hint, told) = (error.hint(), CliError::environment(error.to_string()));
    if hint.is_empty() { told } else { told.hint(hint) }
}

/// A plan that needs what is not built ends before it starts, naming each key and task.
fn refuse_unbuilt(plan: &Plan) -> Result<(), CliError> {
    if plan.unbuilt.is_empty() {
        return Ok(());
    }
    let need = |u: &Unbuilt| match &u.task {
        None => format!("the plan needs `{}`", u.key),
        Some(task) => format!("task `{task}` needs `{}`", u.key),
    };
    let mut needs: Vec<String> = plan.unbuilt.iter().take(MAX_NEEDS).map(need).collect();
    if plan.unbuilt.len() > MAX_NEEDS {
        needs.push(format!("and {} more", plan.unbuilt.len() - MAX_NEEDS));
    }
    let message = format!("this version cannot run the plan yet: {}", needs.join(", "));
    Err(CliError::usage(message).hint("`regatta check` accepts it; nothing was started"))
}

/// Salted hashes of the variables that the plan names, as they are now.
pub fn fingerprints(plan: &Plan, run_id: &str) -> BTreeMap<String, String> {
    let names = plan.env.clone().unwrap_or_default();
    Environment::read(&Passing::Names(names.clone()), std::env::vars_os()).fingerprints(&names, run_id)
}

/// The record of a run, and lines for people about what of it is a secret.
fn record(
    source: &Source,
    (plan, overrides): (&Plan, &Overrides),
    (inputs, state_file, part): (&[(String, String)], Option<&str>, Option<&Part>),
    vault: &Vault,
) -> Result<(NewRun, Vec<String>), CliError> {
    let bug = |e: String| CliError::environment(format!("the plan cannot be recorded: {e}"));
    let (spec, _) = regatta_plan::lower(plan);
    let graph = Graph::build(spec).map_err(|e: GraphError| bug(e.to_string()))?;
    let text = regatta_plan::canonical(&source.plan).map_err(|e| bug(e.to_string()))?;
    let places = (&source.lent, source.path.as_deref());
    let (hidden, warnings) = beginning::literals((&source.plan, &text), vault, places)?;
    let inputs: BTreeMap<&str, &str> = inputs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let run_id = uuid::Uuid::new_v4().to_string();
    let env = fingerprints(&source.plan, &run_id);
    let mut flags =
        json!({ "inputs": inputs, "env": env, "state_file": state_file, "redaction": redact::VERSION });
    if !source.defaults.is_empty() {
        flags["defaults"] = json!(source.defaults);
    }
    if let Some(part) = part {
        flags["part"] = json!(part);
    }
    if !source.lent.is_empty() {
        flags["lent"] = json!(source.lent);
    }
    if !hidden.is_empty() {
        flags["hidden"] = json!(hidden);
    }
    let record = NewRun {
        run_id: RunId::new(&run_id).map_err(store_error)?,
        plan_name: hidden.text("/name").unwrap_or(&source.plan.name).to_owned(),
        plan_digest: regatta_plan::digest_of(&text),
        plan: String::from_utf8(text).map_err(|e| bug(e.to_string()))?,
        plan_source: Some(source.text.clone()),
        source_path: source.path.clone(),
        config: serde_json::to_string(overrides).map_err(|e| bug(e.to_string()))?,
        schedule_plan_hash: schedule::hash(&graph),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        mode: source.plan.mode.clone().unwrap_or_else(|| {
            if plan.schedule == "sequential" { "sequential" } else { "hybrid" }.to_owned()
        }),
        cohort: source.plan.cohort.unwrap_or(100),
        task_type: source.plan.task_type.clone(),
        flags: flags.to_string(),
        retry_of: None,
        created_wall_ms: now_wall_ms(),
    };
    Ok((record, warnings))
}
