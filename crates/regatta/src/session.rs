//! Runs a run to its end with a screen: the common part of `run` and `resume`.
//!
//! Signals become messages to the loop; the loop runs on a thread with 8 MiB of stack, which conditions need.

use crate::config::Config;
use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::http::token;
use crate::overrides::Overrides;
use crate::parallel;
use crate::render::live::{Kind, Live, Screen};
use crate::render::standing::Standing;
use crate::render::summary;
use crate::settling::{Settled, settle};
use crate::state_view::{Feed, StateFile};
use crate::view::{self, store_error};
use regatta_engine::Engine;
use regatta_engine::effect::Leave;
use regatta_engine::outcome::RunStatus;
use regatta_engine::state::Phase;
use regatta_journal::{RunId, RunJournal, RunRecord, StoreError, Which};
use regatta_plan::Plan;
use regatta_runtime::agents::Dialect;
use regatta_runtime::escape::{escape, escape_path};
use regatta_runtime::keeper::{Containment, KeeperError, Program, Terms};
use regatta_runtime::observer::{Observer, Told};
use regatta_runtime::on_end;
use regatta_runtime::orchestrator::{Left, Machine, Orchestrator, Work};
use regatta_runtime::owner::raise_open_files;
use regatta_runtime::run_error::RunError;
use regatta_runtime::vault::{Vault, VaultError};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::path::Path;
use std::sync::Arc;

/// This program, also when its file was replaced meanwhile: the keeper is started from it.
const OURSELVES: &str = "/proc/self/exe";
/// Stack of the loop's thread; conditions may need it.
const STACK_BYTES: usize = 8 << 20;

/// What is shown while a run goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Show {
    /// A live screen or plain lines, then a summary.
    People,
    /// The summary as JSON at the end, nothing else.
    Json,
}

/// Who watches a run.
#[derive(Clone, Debug)]
pub struct Watchers {
    /// The screen.
    pub show: Show,
    /// A view in a file.
    pub state_file: Option<StateFile>,
}

/// Runs a run until it may be left, then tells how it ended.
///
/// # Errors
/// The store or the process owner failed.
pub fn go(context: &Context, journal: RunJournal, work: Work, watchers: &Watchers) -> Result<Exit, CliError> {
    let run_id = journal.run_id().to_string();
    let plan = Arc::clone(&work.plan);
    let feed = |file: &StateFile| file.feed(&view::reader(&context.workspace)?, &run_id);
    let feed = watchers.state_file.as_ref().map(feed).transpose()?;
    let screen = screen(context, watchers.show)?;
    let standing = journal.last_pos().eq(&0).then(|| Standing::new(&run_id));
    let dialects = plan.agents.iter().map(|(name, agent)| (name.clone(), Dialect::of(agent)));
    let live = screen.as_ref().map(|screen| Live::new(screen, &run_id, dialects.collect()));
    let observer = observer(live, feed, standing);
    let workspace = context.workspace.clone();
    let containment = Config::read(context)?.containment();
    let screen = Arc::new(screen);
    let theirs = Arc::clone(&screen);
    let thread = std::thread::Builder::new()
        .name("loop".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || play((journal, work), (&workspace, containment), observer, &theirs))
        .map_err(|e| CliError::environment(format!("the loop cannot be started: {e}")))?;
    let ended = thread.join();
    if let Some(screen) = Arc::into_inner(screen).flatten() {
        screen.finish();
    }
    let left = match ended {
        Ok(Ok(left)) => left,
        Ok(Err(error)) => {
            // The journal may be what failed; then the file stays as it is, and the error is told either way.
            let _ = refresh(context, &run_id, watchers);
            return Err(run_error(context, error, &run_id));
        }
        Err(_) => {
            return Err(CliError::environment(format!("run {run_id} broke off; this is a bug of regatta")));
        }
    };
    let (exit, phase) = (exit(&left), left.engine.state().phase);
    let redactor = Arc::clone(&left.redactor);
    // What is told is read from the journal, into another engine.
    drop(left);
    tell(context, &run_id, watchers)?;
    if let Phase::Ended(status) = phase
        && let Err(error) = on_end::run(
            &plan,
            &context.workspace,
            (&run_id, status.name()),
            (&redactor, &mut std::io::stderr()),
        )
    {
        err(&format!("warning: on_end: {}\n", escape(&redactor.text(error.to_string()))));
    }
    Ok(exit)
}

/// The state file says what the journal says.
fn refresh(context: &Context, run_id: &str, watchers: &Watchers) -> Result<(), CliError> {
    let Some(file) = &watchers.state_file else { return Ok(()) };
    file.refresh(&view::reader(&context.workspace)?, run_id)
}

fn play(
    (journal, work): (RunJournal, Work),
    (workspace, containment): (&Path, Containment),
    observer: Observer,
    screen: &Option<Screen>,
) -> Result<Left, RunError> {
    // Each end comes with descriptors. Tasks keep the old bound: some close all they might have.
    let terms = Terms { containment, open_files: raise_open_files() };
    let keeper = Program { path: OURSELVES.into(), terms };
    let orchestrator = Orchestrator::open(journal, work, Machine { workspace, keeper: &keeper }, observer)?;
    let handle = orchestrator.handle();
    if let Some(screen) = screen {
        screen.connect(handle.clone());
    }
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(RunError::Signals)?;
    let closer = signals.handle();
    let mut signals = signals;
    let watcher = std::thread::spawn(move || {
        for _ in signals.forever() {
            handle.signal();
        }
    });
    let left = orchestrator.run();
    closer.close();
    // It only forwards signals; if it panicked there is nothing left to forward.
    let _ = watcher.join();
    left
}

/// What shows events; ends with the run, because it is dropped with the driver. Where a run stands it can tell if it
/// has seen all of it.
fn observer(mut live: Option<Live>, mut feed: Option<Feed>, mut standing: Option<Standing>) -> Observer {
    let mut again = None;
    Box::new(move |engine: &Engine, told: Told<'_>| {
        match (told, &mut standing) {
            (Told::Durable { events, .. }, Some(standing)) => standing.take(events),
            (Told::Asked { answer }, Some(standing)) => *answer.borrow_mut() = Some(standing.text(engine)),
            _ => {}
        }
        if let Some(live) = &mut live {
            // Told of the turn once more, it shows where the run stands.
            again = match told {
                Told::Durable { events, .. } => live.show(engine, events),
                Told::Turn { .. } if again.is_some() => live.show(engine, &[]),
                Told::Turn { .. } => None,
                Told::Asked { .. } => again,
            };
        }
        let fed = feed.as_mut().and_then(|feed| feed.told(engine, told));
        again.into_iter().chain(fed).min()
    })
}

/// The secrets of a plan, fetched by this process.
///
/// # Errors
/// One of them cannot be had: nothing is started.
pub fn vault(context: &Context, plan: &Plan) -> Result<Vault, CliError> {
    let opened = Vault::open(plan, &context.workspace).map_err(|error| {
        let hint = match &error {
            VaultError::NoVariable { variable, .. } => format!("set {variable}, then try again"),
            VaultError::Open { path, .. } => format!("chmod 600 {}", escape_path(path)),
            VaultError::File { .. } | VaultError::Command { .. } | VaultError::Value { .. } => {
                "see `vault` of the plan".to_owned()
            }
        };
        CliError::environment(error.to_string()).hint(hint)
    });
    Ok(with_tokens(opened?))
}

/// What says who may speak to us is a secret of every run.
fn with_tokens(mut vault: Vault) -> Vault {
    token::known().iter().for_each(|token| vault.hide("mcp-token", token.reveal()));
    vault
}

/// As [`vault`], for a plan that goes on with what a run of it left: what that run knew to be a secret is one, though its value
/// may be another now. So it is with the runs before it. Beside it lines for people, of what nobody can tell.
///
/// # Errors
/// As [`vault`], or the journal cannot be read.
pub fn vault_after(
    context: &Context,
    plan: &Plan,
    record: &RunRecord,
) -> Result<(Vault, Vec<String>), CliError> {
    known_before(context, vault(context, plan)?, record)
}

/// As [`vault_after`], with what was fetched before.
///
/// # Errors
/// The journal cannot be read.
pub fn fetched_after(
    context: &Context,
    fetched: Vault,
    record: &RunRecord,
) -> Result<(Vault, Vec<String>), CliError> {
    known_before(context, with_tokens(fetched), record)
}

/// As [`vault`], for a new run with these overrides, which name the runs before it. Beside it lines for people.
///
/// # Errors
/// As [`vault_after`].
pub fn vault_over(
    context: &Context,
    plan: &Plan,
    overrides: &Overrides,
) -> Result<(Vault, Vec<String>), CliError> {
    let mut vault = vault(context, plan)?;
    let warnings = hide_earlier(context, &mut vault, &overrides.earlier)?;
    Ok((vault, warnings))
}

/// Hides what a run knew to be a secret, and what those before it knew.
fn known_before(
    context: &Context,
    mut vault: Vault,
    record: &RunRecord,
) -> Result<(Vault, Vec<String>), CliError> {
    let mut warnings = hide_earlier(context, &mut vault, &view::earlier_than(record))?;
    warnings.extend(hide_repeated(&mut vault, record));
    Ok((vault, warnings))
}

fn hide_earlier(context: &Context, vault: &mut Vault, earlier: &[String]) -> Result<Vec<String>, CliError> {
    let mut warnings = Vec::new();
    for run in earlier {
        let id = RunId::new(run).map_err(store_error)?;
        match view::reader(&context.workspace)?.run(&id) {
            Ok(record) => warnings.extend(hide_repeated(vault, &record)),
            Err(StoreError::NoSuchRun { .. }) => warnings.push(format!(
                "warning: run {run} is gone, and with it what it knew to be secret; \
                 a value that has changed since is not hidden\n"
            )),
            Err(error) => return Err(store_error(error)),
        }
    }
    Ok(warnings)
}

/// Has redacted what the plan of a run repeats of secrets; a line for people if some of that cannot be told.
fn hide_repeated(vault: &mut Vault, record: &RunRecord) -> Option<String> {
    let repeated = view::repeated_secrets(record);
    repeated.values.iter().for_each(|(rule, value)| vault.hide(rule, value));
    let run = &record.summary.run_id;
    (!repeated.all_known).then(|| {
        format!(
            "warning: what run {run} knew to be secret cannot all be told from its plan; \
             a value that has changed since is not hidden\n"
        )
    })
}

/// What shows events to people.
fn screen(context: &Context, show: Show) -> Result<Option<Screen>, CliError> {
    if show == Show::Json {
        return Ok(None);
    }
    let kind = context.screen.map_or(Kind::Lines, |unicode| Kind::Terminal { unicode });
    let started = Screen::start(kind);
    started.map(Some).map_err(|e| CliError::environment(format!("the screen cannot be started: {e}")))
}

/// Why a run could not go on, for people.
#[must_use]
pub fn run_error(context: &Context, error: RunError, run_id: &str) -> CliError {
    match error {
        RunError::Keeper(KeeperError::Version { .. }) => {
            let version = started_by(context, run_id).unwrap_or_else(|| "another version".to_owned());
            CliError::environment(error.to_string())
                .hint(format!("regatta {version}, which started the run, can resume it"))
        }
        RunError::Store(error) => store_error(error),
        RunError::NoRoom(_) => {
            CliError::environment(error.to_string()).hint(format!("make room, then: regatta resume {run_id}"))
        }
        RunError::NoDriver { .. } => CliError::environment(error.to_string())
            .hint("the program that started the run brings it, and can resume it there"),
        other => CliError::environment(other.to_string()).hint(format!("regatta resume {run_id}")),
    }
}

/// The version of the program that started a run.
fn started_by(context: &Context, run_id: &str) -> Option<String> {
    let reader = view::reader(&context.workspace).ok()?;
    let id = reader.resolve(Which::Named(run_id)).ok()?;
    Some(reader.run(&id.run_id).ok()?.run.engine_version)
}

/// Tells how a run stands, also in its state file, writes its snapshots if it has ended and the files of escalations
/// that are missing, and answers the exit code.
///
/// # Errors
/// The journal cannot be read, or a file not written.
pub fn tell(context: &Context, run_id: &str, watchers: &Watchers) -> Result<Exit, CliError> {
    refresh(context, run_id, watchers)?;
    let Settled { view, answer, notes } = settle(context, run_id)?;
    notes.iter().for_each(|note| err(note));
    match watchers.show {
        Show::People => {
            out(&summary::text(&view));
        }
        Show::Json => {
            let summary = || summary::json(&view);
            let answer = answer.or_else(|| parallel::unfinished(&view));
            out(&format!("{}\n", answer.unwrap_or_else(summary)));
        }
    }
    Ok(exit_of(&view.engine))
}

/// The exit code of a run that was left.
fn exit(left: &Left) -> Exit {
    match left.leave {
        Leave::Interrupted => Exit::Interrupted,
        Leave::Waiting => Exit::Waiting,
        Leave::Ended => exit_of(&left.engine),
    }
}

/// The exit code of a run as it stands. One that has ended with something that a person must look at waits for that.
#[must_use]
pub fn exit_of(engine: &Engine) -> Exit {
    match engine.state().phase {
        Phase::Ended(_) if !engine.state().scopes.escalations.is_empty() => Exit::Waiting,
        Phase::Ended(RunStatus::Succeeded) => Exit::Success,
        Phase::Ended(_) => Exit::Failed,
        Phase::New | Phase::Running | Phase::Paused(_) => Exit::Waiting,
    }
}
