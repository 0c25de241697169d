//! What a program has of a workspace: it checks plans, starts runs, and finds runs again.

use super::document::{Plan, Text};
use super::error::{Error, ErrorKind, Problem};
use super::handle::RunHandle;
use super::live::{Lives, lives};
use super::program;
use super::settings::Config;
use super::starting::{Begin, STACK_BYTES, start};
use crate::commands::run::{Begun, begin};
use crate::config;
use crate::connected;
use crate::context::{Context, user_settings, variables};
use crate::error::CliError;
use crate::overrides::Asked;
use crate::prediction;
use crate::source::{self, Source};
use crate::view::{reader, store_error};
use regatta_journal::{RunId, Which};
use regatta_plan::{Defaults, Loaded};
use regatta_runtime::escape::escape_path;
use regatta_runtime::keeper::{self, Terms};
use regatta_runtime::orchestrator::Work;
use regatta_runtime::workspace::Origin;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Runs plans in a workspace, and finds its runs again.
///
/// Cheap to clone, and to be used from any thread; several of them, also in the same workspace, do not disturb each
/// other. It starts nothing by itself and holds nothing open. Dropping it, or a [`RunHandle`], ends no run: a run goes on
/// to its end as long as the program does, and is *interrupted* when the program ends before it. It can be resumed then,
/// from here or by `regatta resume`; what its tasks did meanwhile is kept.
#[derive(Clone, Debug)]
pub struct Orchestrator {
    pub(super) desk: Arc<Desk>,
}

/// What all of its handles share.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) context: Context,
    config: Config,
    program: OnceLock<PathBuf>,
    pub(super) runs: Lives,
}

impl Orchestrator {
    /// An orchestrator for a workspace: a directory that is there. What the environment says is read now.
    ///
    /// # Errors
    /// It is no directory.
    pub fn new(workspace: impl AsRef<Path>, config: Config) -> Result<Orchestrator, Error> {
        let given = workspace.as_ref();
        let wrong = |what: String| {
            Error::new(ErrorKind::Environment, format!("workspace `{}`{what}", escape_path(given)))
        };
        let workspace = std::fs::canonicalize(given).map_err(|e| wrong(format!(": {e}")))?;
        if !workspace.is_dir() {
            return Err(wrong(" is not a directory".to_owned()));
        }
        let personal = !config.impersonal;
        let context = Context {
            cwd: workspace.clone(),
            named: std::path::absolute(given).unwrap_or_else(|_| workspace.clone()),
            workspace,
            origin: Origin::Given,
            terminal: false,
            screen: None,
            color: false,
            variables: if personal { variables() } else { BTreeMap::new() },
            user_settings: if personal { user_settings() } else { None },
        };
        let desk = Desk { context, config, program: OnceLock::new(), runs: Lives::default() };
        Ok(Orchestrator { desk: Arc::new(desk) })
    }

    /// The workspace, without symbolic links.
    #[must_use]
    pub fn workspace(&self) -> &Path {
        &self.desk.context.workspace
    }

    /// Judges a plan and starts nothing: every problem, warnings too; it can run if none of them [`Problem::is_error`].
    ///
    /// # Errors
    /// It cannot be read, or settings have errors.
    pub fn check(&self, plan: impl Into<Plan>) -> Result<Vec<Problem>, Error> {
        let plan = plan.into();
        deep(|| Ok(self.desk.load(&plan)?.0.facts().into_iter().map(Problem::from).collect()))
    }

    /// Records a plan as a new run and begins it; answers as soon as it has started.
    ///
    /// # Errors
    /// The plan is not valid, or wants what is not here: nothing was started and nothing is left behind. Or the run could
    /// not begin: it is recorded, and can be resumed.
    pub fn execute(&self, plan: impl Into<Plan>) -> Result<RunHandle, Error> {
        let plan = plan.into();
        let program = self.desk.program()?;
        let begin = deep(|| self.desk.record(&plan))?;
        let id = begin.journal.run_id().clone();
        start(&self.desk.context, begin, program, &self.desk.runs)?;
        Ok(RunHandle::new(Arc::clone(&self.desk), id))
    }

    /// A run of the workspace by its id, or by the only beginning of one; whoever started it, and whether it goes on or
    /// not.
    ///
    /// # Errors
    /// There is no such run.
    pub fn run(&self, id: &str) -> Result<RunHandle, Error> {
        let found = reader(self.workspace())?.resolve(Which::Named(id)).map_err(store_error)?;
        Ok(RunHandle::new(Arc::clone(&self.desk), found.run_id))
    }

    /// The ids of the newest runs of the workspace, the newest first.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn runs(&self, most: usize) -> Result<Vec<String>, Error> {
        let Some(reader) = regatta_journal::Reader::open(self.workspace()).map_err(store_error)? else {
            return Ok(Vec::new());
        };
        let runs = reader.runs(most).map_err(store_error)?;
        Ok(runs.into_iter().map(|run| run.run_id.to_string()).collect())
    }
}

impl Desk {
    /// What is started as the keeper; looked for once.
    pub(super) fn program(&self) -> Result<keeper::Program, Error> {
        let path = match self.program.get() {
            Some(path) => path.clone(),
            None => {
                let found = program::find(self.config.program.as_ref())?;
                self.program.get_or_init(|| found).clone()
            }
        };
        let settings = config::Config::read(&self.context)?.containment();
        let containment = self.config.containment.map_or(settings, Into::into);
        // The limits of this process are the program's own affair; the keeper has the same.
        Ok(keeper::Program { path, terms: Terms { containment, open_files: None } })
    }

    fn load(&self, plan: &Plan) -> Result<(Loaded, Defaults), Error> {
        let config = config::Config::read(&self.context)?;
        let mut given = source::given(&config, &plan.inputs);
        given.drivers.extend(self.config.drivers.0.keys().cloned());
        let loaded = match &plan.text {
            Text::Here(name, text) => source::load_text(name, text, &given),
            Text::File(path) => source::load_raw(&self.context, path, &given)?,
        };
        Ok((loaded, config.defaults()))
    }

    /// As `regatta run` does it.
    fn record(&self, plan: &Plan) -> Result<Begin, Error> {
        let (mut loaded, defaults) = self.load(plan)?;
        let Some(valid) = loaded.plan.take() else {
            let problems: Vec<Problem> = loaded.facts().into_iter().map(Problem::from).collect();
            let errors = problems.iter().filter(|problem| problem.is_error).count();
            let what = crate::render::count(errors as u64, "error");
            let first = problems.iter().find(|problem| problem.is_error);
            let first = first.map_or_else(String::new, |first| format!(", first {first}"));
            let message = format!("the plan has {what}{first}");
            return Err(Error::new(ErrorKind::InvalidPlan, message).with(problems));
        };
        let path = match &plan.text {
            Text::Here(..) => None,
            Text::File(path) => Some(path.display().to_string()),
        };
        let source = Source::of((valid, loaded), path, defaults);
        let mut overrides = Asked::read(&self.context, &self.config.caps)?.of(&source.plan)?;
        // Durations that cannot be read are as good as none: they are for estimates.
        overrides.recorded = prediction::try_recorded(&self.context, &source.plan).unwrap_or_default();
        let found = connected::open_names(&self.context, &source.plan)?;
        connected::verdict(&found).map_err(|error| {
            let objections: Vec<&str> = found.errors.iter().map(|(_, line)| line.as_str()).collect();
            let message = format!("{}: {}", error.message, objections.join(", "));
            CliError { message, ..error }
        })?;
        let mut laid = source.plan.clone();
        overrides.apply(&mut laid);
        let Begun { run, vault, warnings } =
            begin(&self.context, (&source, &laid, &overrides), &plan.inputs)?;
        Ok(Begin { journal: run, work: self.work(laid, vault), notes: warnings })
    }

    pub(super) fn work(&self, plan: regatta_plan::Plan, vault: regatta_runtime::vault::Vault) -> Work {
        Work { plan: plan.into(), reuse: None, vault, drivers: self.config.drivers.clone() }
    }

    /// A run that this program orchestrates.
    pub(super) fn live(&self, id: &RunId) -> Option<Arc<super::live::Live>> {
        lives(&self.runs).get(id.as_str()).cloned()
    }
}

/// Does something that may need more stack than a thread of the program has.
pub(super) fn deep<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    let broken = |what: String| Error::new(ErrorKind::Environment, what);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let thread = thread.map_err(|e| broken(format!("a thread cannot be started: {e}")))?;
        thread
            .join()
            .unwrap_or_else(|_| Err(broken("reading a plan broke off; this is a bug of regatta".to_owned())))
    })
}
