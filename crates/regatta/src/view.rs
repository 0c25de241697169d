//! A run as its journal tells it: record, plan, folded engine, numbers. For every command that only looks.
//!
//! Never blocks the run and never writes.

use crate::error::CliError;
use crate::exit::Exit;
use crate::overrides::Overrides;
use regatta_engine::Engine;
use regatta_engine::cause::Cause;
use regatta_engine::event::EventKind;
use regatta_engine::explain::Why;
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::input::{Batch, ConditionAnswer, Expansion, Reused};
use regatta_engine::outcome::AttemptOutcome;
use regatta_engine::report::Report;
use regatta_engine::spec::GraphSpec;
use regatta_journal::{Holder, Reader, RunId, RunRecord, RunState, StoreError, StoredEvent, Which};
use regatta_plan::{Plan, Repeated};
use regatta_runtime::escalation::Story;
use regatta_runtime::escape::escape_path;
use regatta_runtime::keeper;
use regatta_runtime::landing::{Approval, Report as Landing};
use regatta_runtime::metrics::Metrics;
use regatta_runtime::owner::live_attempts;
use regatta_runtime::told_plan::hidden;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// A run.
#[derive(Debug)]
pub struct RunView {
    /// Its record.
    pub record: RunRecord,
    /// Its plan as it may be shown, caps of the command line included.
    pub plan: Plan,
    /// The engine as the journal leaves it.
    pub engine: Engine,
    /// Its numbers.
    pub metrics: Metrics,
    /// Who runs it now.
    pub holder: Option<Holder>,
    /// What went wrong last with a node.
    pub failures: BTreeMap<NodeId, Failure>,
    /// What people should know of an attempt that ended well, the last of its node.
    pub warnings: BTreeMap<NodeId, Box<str>>,
    /// What earlier runs left for this one.
    pub reused: BTreeMap<NodeId, Box<Reused>>,
    /// Why nothing of an earlier run stands for a node.
    pub reuse_missed: BTreeMap<NodeId, Box<str>>,
    /// What batches of merges came to, in the order in which they were looked at.
    pub batches: Vec<Batch>,
    /// Undos that failed, and why.
    pub failed_undos: BTreeMap<NodeId, (Cause, Box<Report>)>,
    /// Its attempts that did not end well.
    pub story: Story,
    /// Tasks that somebody wants to be left out where work lands, each with who said so.
    pub refused: BTreeMap<String, String>,
    /// How its work was brought together, as far as that has come.
    pub landing: Option<Landing>,
}

/// Where a run stands: as its journal tells it, or as its orchestrator knows it.
#[derive(Clone, Copy, Debug)]
pub struct Stand<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// What went wrong last with a node.
    pub failures: &'a BTreeMap<NodeId, Failure>,
    /// What earlier runs left for this one.
    pub reused: &'a BTreeMap<NodeId, Box<Reused>>,
    /// Tasks that somebody wants to be left out where work lands, each with who said so.
    pub refused: &'a BTreeMap<String, String>,
    /// The run.
    pub run_id: &'a str,
    /// How its work was brought together, where that is known.
    pub landing: Option<&'a Landing>,
    /// Somebody orchestrates it.
    pub held: bool,
}

/// What went wrong with a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Its last attempt did not end well.
    Attempt {
        /// The attempt, 1-based.
        number: u32,
        /// How it ended.
        outcome: AttemptOutcome,
        /// Why.
        cause: Option<Cause>,
        /// The facts.
        report: Box<Report>,
    },
    /// Its condition failed.
    Condition(Box<str>),
    /// What it was to map over is no list, or has too many items.
    Map(Box<str>),
}

/// Opens the journal of a workspace for reading.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn reader(workspace: &Path) -> Result<Reader, CliError> {
    Reader::open(workspace).map_err(store_error)?.ok_or_else(|| nothing_here(workspace))
}

fn nothing_here(workspace: &Path) -> CliError {
    CliError::usage(format!("no run was ever started in `{}`", escape_path(workspace)))
        .hint("`regatta run PLAN` starts one; `--workspace DIR` names another place")
}

/// As [`store_error`], for a verb that is about to write: a damaged journal is copied aside.
pub fn writing(workspace: &Path) -> impl Fn(StoreError) -> CliError + '_ {
    |error| store_error(regatta_journal::put_aside(error, workspace))
}

/// As [`reader`], for a verb that is about to write.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn reader_to_write(workspace: &Path) -> Result<Reader, CliError> {
    Reader::open_to_write(workspace).map_err(writing(workspace))?.ok_or_else(|| nothing_here(workspace))
}

/// An error of the store for people.
#[must_use]
pub fn store_error(error: StoreError) -> CliError {
    let exit = match error {
        StoreError::NoSuchRun { .. }
        | StoreError::NoRuns { .. }
        | StoreError::Ambiguous { .. }
        | StoreError::BadRunId { .. } => Exit::Usage,
        _ => Exit::Environment,
    };
    let hint = error.hint();
    let cli = CliError::new(exit, error.to_string());
    match hint {
        Some(hint) => cli.hint(hint),
        None => cli,
    }
}

/// The plan of a record with its caps, for whoever looks: what it repeats of a secret is replaced. For whoever acts there is
/// [`plan_to_run`].
///
/// # Errors
/// The record cannot be read, for instance because another version wrote it.
pub fn plan_of(record: &RunRecord) -> Result<(Plan, Overrides), CliError> {
    laid(record, hidden(&record.run.flags).unwrap_or_default().show(&record.run.plan))
}

/// The plan of a record with its caps, as it was written: it is run, and not shown.
///
/// # Errors
/// As [`plan_of`].
pub fn plan_to_run(record: &RunRecord) -> Result<(Plan, Overrides), CliError> {
    laid(record, serde_json::from_str(&record.run.plan))
}

/// The secrets that the plan of a record repeats, as they were when the run began.
#[must_use]
pub fn repeated_secrets(record: &RunRecord) -> Repeated {
    match hidden(&record.run.flags) {
        Ok(hidden) => hidden.repeated(&record.run.plan),
        Err(_) => Repeated { values: Vec::new(), all_known: false },
    }
}

/// Names of the servers of tools that the plan of a record had from the workspace when it was read.
#[must_use]
pub fn lent_servers(record: &RunRecord) -> BTreeSet<String> {
    serde_json::from_str::<Flags>(&record.run.flags).unwrap_or_default().lent
}

/// Ids of the runs before the one of a record of whose secrets it must know, the nearest first.
#[must_use]
pub fn earlier_than(record: &RunRecord) -> Vec<String> {
    serde_json::from_str::<Overrides>(&record.run.config).unwrap_or_default().earlier
}

/// The same for a run that takes it back, or takes over its work under another plan: it is one of them.
#[must_use]
pub fn earlier_than_next(record: &RunRecord) -> Vec<String> {
    let mut earlier = vec![record.summary.run_id.to_string()];
    earlier.extend(earlier_than(record));
    earlier
}

/// What of the flags of a record is asked for here.
#[derive(Default, serde::Deserialize)]
struct Flags {
    #[serde(default)]
    lent: BTreeSet<String>,
}

fn laid(record: &RunRecord, plan: Result<Plan, serde_json::Error>) -> Result<(Plan, Overrides), CliError> {
    let mut plan = plan.map_err(|e| unreadable(record, "plan", &e))?;
    let overrides: Overrides =
        serde_json::from_str(&record.run.config).map_err(|e| unreadable(record, "settings", &e))?;
    overrides.apply(&mut plan);
    Ok((plan, overrides))
}

/// An engine at the beginning of a plan.
///
/// # Errors
/// The plan is no graph.
pub fn engine_of(plan: &Plan) -> Result<Engine, CliError> {
    let (spec, config) = regatta_plan::lower(plan);
    Ok(Engine::new(Arc::new(built(spec)?), config))
}

/// The graph of a plan.
///
/// # Errors
/// The plan is no graph.
pub fn graph_of(plan: &Plan) -> Result<Graph, CliError> {
    built(regatta_plan::lower(plan).0)
}

fn built(spec: GraphSpec) -> Result<Graph, CliError> {
    Graph::build(spec).map_err(|e| CliError::environment(format!("the plan is not a graph: {e}")))
}

impl RunView {
    /// Folds a run, handing every stored event to `each`.
    ///
    /// # Errors
    /// No such run, or the journal cannot be read.
    pub fn load(
        reader: &Reader,
        which: Which<'_>,
        each: &mut dyn FnMut(&StoredEvent),
    ) -> Result<RunView, CliError> {
        let summary = reader.resolve(which).map_err(store_error)?;
        let mut view = RunView::begin(reader, &summary.run_id)?;
        let mut wrong = Ok(());
        let folded = reader.fold(&summary.run_id, &mut |stored| {
            if wrong.is_ok() {
                wrong = view.absorb(&stored);
            }
            each(&stored);
            Ok(())
        });
        folded.map_err(store_error)?;
        wrong?;
        view.look_around(reader)?;
        Ok(view)
    }

    /// A run of which no event has been read yet.
    ///
    /// # Errors
    /// No such run, or its record cannot be read.
    pub fn begin(reader: &Reader, id: &RunId) -> Result<RunView, CliError> {
        let record = reader.run(id).map_err(store_error)?;
        let (plan, _) = plan_of(&record)?;
        Ok(RunView {
            engine: engine_of(&plan)?,
            record,
            plan,
            metrics: Metrics::default(),
            holder: None,
            failures: BTreeMap::new(),
            warnings: BTreeMap::new(),
            reused: BTreeMap::new(),
            reuse_missed: BTreeMap::new(),
            batches: Vec::new(),
            failed_undos: BTreeMap::new(),
            story: Story::default(),
            refused: BTreeMap::new(),
            landing: None,
        })
    }

    /// Takes its next event.
    ///
    /// # Errors
    /// The journal is damaged.
    pub fn absorb(&mut self, stored: &StoredEvent) -> Result<(), CliError> {
        if let Err(error) = self.engine.apply(&stored.event) {
            let (id, pos) = (&self.record.summary.run_id, stored.pos);
            let message = format!("the journal of run {id} is damaged at event {pos}: {error}");
            return Err(CliError::environment(message));
        }
        self.metrics.push(&stored.event);
        self.story.absorb(self.engine.graph(), &stored.event);
        note(&mut self.failures, &stored.event.kind);
        warn(&mut self.warnings, &stored.event.kind);
        match &stored.event.kind {
            EventKind::UndoEnded { node, cause: Some(cause), report, .. } => {
                self.failed_undos.insert(*node, (*cause, report.clone()));
            }
            EventKind::NodeReused { node, reused: found, .. } => {
                self.reused.insert(*node, found.clone());
            }
            EventKind::BatchTested(batch) => self.batches.push((**batch).clone()),
            EventKind::ReuseMissed(node, why) => {
                self.reuse_missed.insert(*node, why.clone());
            }
            _ => {}
        }
        Ok(())
    }

    /// Looks at what stands beside its events: who has it, and how its work was brought together.
    ///
    /// # Errors
    /// That cannot be read.
    pub fn look_around(&mut self, reader: &Reader) -> Result<(), CliError> {
        let summary = &self.record.summary;
        self.holder = reader.holder(&summary.run_id).map_err(store_error)?;
        let run_dir = reader.place().run_dir(&summary.run_id);
        // Of a run that is cancelled while nobody has it, each task has ended before the run has.
        let over = summary.state.has_ended() || self.has_nothing_left();
        self.landing = landing(&run_dir, over);
        // What cannot be read is told by the landing.
        self.refused = Approval::left_out(&run_dir).unwrap_or_default();
        Ok(())
    }

    /// Whether each task has ended, and no work of any waits for landing.
    #[must_use]
    pub fn has_nothing_left(&self) -> bool {
        self.engine.shown().all(|node| self.engine.state().node(node).outcome().is_some())
    }

    /// The state for people: a run whose orchestrator is dead is interrupted.
    #[must_use]
    pub fn status(&self) -> &'static str {
        status(self.record.summary.state, self.holder.is_some())
    }

    /// What is needed to say where it stands.
    #[must_use]
    pub fn stand(&self) -> Stand<'_> {
        Stand {
            engine: &self.engine,
            failures: &self.failures,
            reused: &self.reused,
            refused: &self.refused,
            run_id: self.record.summary.run_id.as_str(),
            landing: self.landing.as_ref(),
            held: self.holder.is_some(),
        }
    }

    /// What went wrong with a node, if that is why it failed.
    #[must_use]
    pub fn own_failure(&self, node: NodeId) -> Option<&Failure> {
        own_failure(&self.engine, &self.failures, node)
    }

    /// Attempts that go on without an orchestrator.
    #[must_use]
    pub fn live_children(&self, reader: &Reader) -> u64 {
        live_children(reader, &self.record.summary.run_id)
    }

    /// The code of the cause for which a node ended, for programs.
    #[must_use]
    pub fn cause(&self, node: NodeId) -> Option<&'static str> {
        match self.engine.explain(node) {
            Why::Ended { cause, .. } => cause.map(Cause::code),
            _ => None,
        }
    }

    /// The node of a task.
    ///
    /// # Errors
    /// The plan has no such task.
    pub fn node(&self, task: &str) -> Result<NodeId, CliError> {
        let id = &self.record.summary.run_id;
        self.engine.graph().find(task).ok_or_else(|| {
            let error = CliError::usage(format!("run {id} has no task `{}`", task.escape_debug()));
            let first = format!("{task}[");
            match self.engine.shown().map(|n| self.engine.graph().name(n)).find(|id| id.starts_with(&first)) {
                Some(one) => error.hint(format!("it is several: name one of them, such as `{one}`")),
                None => error.hint(format!("`regatta status {id}` lists its tasks")),
            }
        })
    }
}

/// What went wrong with a node, if that is why it failed.
pub(crate) fn own_failure<'a>(
    engine: &Engine,
    failures: &'a BTreeMap<NodeId, Failure>,
    node: NodeId,
) -> Option<&'a Failure> {
    let Why::Ended { outcome, cause: ended, upstream } = engine.explain(node) else { return None };
    failures.get(&node).filter(|failure| {
        let same = match failure {
            Failure::Attempt { cause, .. } => *cause == ended,
            Failure::Condition(_) | Failure::Map(_) => true,
        };
        same && outcome.is_failure() && upstream.is_empty()
    })
}

/// How the work of a run was brought together; what that waited for, nobody waits for once the run `has_ended`.
fn landing(run_dir: &Path, has_ended: bool) -> Option<Landing> {
    let mut landing = Landing::read(run_dir);
    if has_ended {
        landing.iter_mut().for_each(|report| (report.waits, report.asks) = (None, Vec::new()));
    }
    landing
}

/// Remembers what is to be said of the last attempt of a node, if that ended well.
pub(crate) fn warn(warnings: &mut BTreeMap<NodeId, Box<str>>, kind: &EventKind) {
    let EventKind::DispatchEnded { node, outcome, report, .. } = kind else { return };
    match report.message.clone().filter(|_| *outcome == AttemptOutcome::Succeeded) {
        Some(said) => warnings.insert(*node, said),
        None => warnings.remove(node),
    };
}

/// Remembers how the last attempt of a node ended.
pub(crate) fn note(failures: &mut BTreeMap<NodeId, Failure>, kind: &EventKind) {
    match kind {
        EventKind::DispatchEnded { node, number, outcome, cause, report, .. } if cause.is_some() => {
            let (number, outcome, cause) = (*number, *outcome, *cause);
            failures.insert(*node, Failure::Attempt { number, outcome, cause, report: report.clone() });
        }
        EventKind::DispatchEnded { node, .. } => {
            failures.remove(node);
        }
        EventKind::ConditionEvaluated { node, answer: ConditionAnswer::Error(why) } => {
            failures.insert(*node, Failure::Condition(why.clone()));
        }
        EventKind::NodeExpanded(node, Expansion::Error(why)) => {
            failures.insert(*node, Failure::Map(why.clone()));
        }
        _ => {}
    }
}

/// Attempts of a run that live under its keeper.
#[must_use]
pub fn live_children(reader: &Reader, run: &RunId) -> u64 {
    living(reader, run).len() as u64
}

/// The same, by their ids.
#[must_use]
pub fn living(reader: &Reader, run: &RunId) -> BTreeSet<u64> {
    if keeper::is_kept(&reader.place().run_dir(run)) { live_attempts(run.as_str()) } else { BTreeSet::new() }
}

/// The state of a run for people.
#[must_use]
pub fn status(state: RunState, held: bool) -> &'static str {
    match state {
        RunState::Created | RunState::Running if !held => "interrupted",
        RunState::Paused(regatta_engine::outcome::PauseReason::User) if !held => "interrupted",
        RunState::Paused(regatta_engine::outcome::PauseReason::Interrupted) => "interrupted",
        RunState::Paused(regatta_engine::outcome::PauseReason::Waiting) => "waiting",
        RunState::Created | RunState::Running | RunState::Paused(_) | RunState::Ended(_) => state.name(),
    }
}

/// The plan of a record as it was validated, without the caps of the command line.
///
/// # Errors
/// The record cannot be read.
pub fn stored_plan(record: &RunRecord) -> Result<Plan, CliError> {
    serde_json::from_str(&record.run.plan).map_err(|e| unreadable(record, "plan", &e))
}

/// A record that another version wrote in another shape.
fn unreadable(record: &RunRecord, what: &str, e: &serde_json::Error) -> CliError {
    let (id, version) = (&record.summary.run_id, &record.run.engine_version);
    let ours = env!("CARGO_PKG_VERSION");
    let message = format!("the {what} of run {id} cannot be read by regatta {ours}: {e}");
    CliError::environment(message).hint(format!(
        "regatta {version} stored it and can read it; `regatta run PLAN` starts a new run, whatever becomes of this one"
    ))
}
