//! What a run came to, task by task, read from its journal.

use crate::error::CliError;
use crate::render::summary;
use crate::render::why::why;
use crate::session::exit_of;
use crate::view::{self, RunView};
use regatta_engine::ids::NodeId;
use regatta_engine::outcome::{NodeOutcome, RunStatus};
use regatta_engine::state::Phase;
use regatta_engine::state::node::NodeState;
use regatta_journal::{Payload, Reader, Which};
use regatta_runtime::outputs::Outputs;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// Where a run stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RunState {
    /// Somebody orchestrates it.
    Running,
    /// A person paused it; it goes on by [`crate::RunHandle::resume`].
    Paused,
    /// Nothing more can move without a person: a task is in doubt, an escalation is open.
    Waiting,
    /// Nobody orchestrates it; it goes on by [`crate::RunHandle::resume`].
    Interrupted,
    /// Every task succeeded or was skipped by its condition.
    Succeeded,
    /// Some did, some did not.
    Partial,
    /// None did, or the run stopped, rolled back or timed out.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl RunState {
    /// The run is over for good.
    #[must_use]
    pub fn has_ended(self) -> bool {
        match self {
            RunState::Succeeded | RunState::Partial | RunState::Failed | RunState::Cancelled => true,
            RunState::Running | RunState::Paused | RunState::Waiting | RunState::Interrupted => false,
        }
    }
}

/// Where a task stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TaskState {
    /// What it needs is not done, or its condition is open.
    Pending,
    /// May start.
    Ready,
    /// An attempt is alive.
    Running,
    /// Waits for its next attempt.
    WaitingRetry,
    /// Whether it did its work is not known: [`crate::RunHandle::answer`].
    InDoubt,
    /// Done; waits for its work to land.
    Collected,
    /// Done.
    Succeeded,
    /// Failed with its only attempt, or could not be tried.
    Failed,
    /// Took too long with its only attempt.
    TimedOut,
    /// All attempts failed.
    Exhausted,
    /// What it needs did not succeed.
    Blocked,
    /// Was not to run.
    Skipped,
    /// Was cancelled.
    Cancelled,
}

impl TaskState {
    pub(super) fn of(state: &NodeState) -> TaskState {
        match state {
            NodeState::Pending => TaskState::Pending,
            NodeState::Ready => TaskState::Ready,
            NodeState::Running(_) => TaskState::Running,
            NodeState::WaitingRetry { .. } => TaskState::WaitingRetry,
            NodeState::InDoubt(_) => TaskState::InDoubt,
            NodeState::Collected => TaskState::Collected,
            NodeState::Ended { outcome, .. } => match outcome {
                NodeOutcome::Succeeded => TaskState::Succeeded,
                NodeOutcome::Failed => TaskState::Failed,
                NodeOutcome::TimedOut => TaskState::TimedOut,
                NodeOutcome::Exhausted => TaskState::Exhausted,
                NodeOutcome::Blocked => TaskState::Blocked,
                NodeOutcome::Skipped => TaskState::Skipped,
                NodeOutcome::Cancelled => TaskState::Cancelled,
            },
        }
    }

    /// Nothing more happens to it in this run.
    #[must_use]
    pub fn has_ended(self) -> bool {
        match self {
            TaskState::Pending
            | TaskState::Ready
            | TaskState::Running
            | TaskState::WaitingRetry
            | TaskState::InDoubt
            | TaskState::Collected => false,
            TaskState::Succeeded
            | TaskState::Failed
            | TaskState::TimedOut
            | TaskState::Exhausted
            | TaskState::Blocked
            | TaskState::Skipped
            | TaskState::Cancelled => true,
        }
    }
}

/// What a task came to.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct TaskResult {
    /// Its id.
    pub task: String,
    /// Where it stands.
    pub state: TaskState,
    /// Attempts that counted.
    pub attempts: u32,
    /// How long they took in all.
    pub duration: Duration,
    /// Its result, if it left one; secrets are replaced.
    pub result: Option<Value>,
    /// The code of what went wrong, if something did.
    pub cause: Option<&'static str>,
    /// A sentence on where it stands, for people.
    pub why: String,
    /// Where the files of its last attempt lie: `stdout`, `stderr`, where it wrote something.
    pub files: Option<PathBuf>,
}

/// What a run came to.
#[derive(Clone, PartialEq, Debug)]
pub struct RunResult {
    run_id: String,
    state: RunState,
    exit_code: u8,
    tasks: Vec<TaskResult>,
    summary: Value,
    pub(super) notes: Vec<String>,
}

impl RunResult {
    /// The id of the run.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Where the run stands: ended, or what stands in its way.
    #[must_use]
    pub fn state(&self) -> RunState {
        self.state
    }

    /// Every task succeeded or was skipped by its condition, and nothing is left for a person to look at.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.exit_code == 0
    }

    /// The exit code with which the command line would end: 0, 1, 5, 130.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// Every task, in the order of the schedule.
    #[must_use]
    pub fn tasks(&self) -> &[TaskResult] {
        &self.tasks
    }

    /// A task by its id.
    #[must_use]
    pub fn task(&self, id: &str) -> Option<&TaskResult> {
        self.tasks.iter().find(|task| task.task == id)
    }

    /// The result of a task, if it left one.
    #[must_use]
    pub fn result(&self, id: &str) -> Option<&Value> {
        self.task(id)?.result.as_ref()
    }

    /// How long the run was under way, without the times at which nobody orchestrated it.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.summary["wall_ms"].as_u64().unwrap_or(0))
    }

    /// The summary that `regatta run --json` prints.
    #[must_use]
    pub fn summary(&self) -> &Value {
        &self.summary
    }

    /// What was said while the run was left: files that were written for an epic, an `on_end` command that failed.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Reads it.
    pub(super) fn read(reader: &Reader, run_id: &str) -> Result<RunResult, CliError> {
        let id = reader.resolve(Which::Named(run_id)).map_err(view::store_error)?.run_id;
        let record = reader.run(&id).map_err(view::store_error)?;
        let all: BTreeSet<NodeId> = {
            let graph = view::graph_of(&view::plan_of(&record)?.0)?;
            (0..).map(NodeId).take(graph.len()).collect()
        };
        let mut outputs = Outputs::new(&all, reader.place().run_dir(&id));
        let view = RunView::load(reader, Which::Named(run_id), &mut |stored| {
            let attempt = stored.event.kind.attempt();
            let payload = attempt.zip(stored.payload.clone());
            let payload = payload.map(|(attempt, bytes)| Payload { attempt, bytes });
            outputs.absorb(&stored.event, payload.as_ref());
        })?;
        Ok(RunResult::of(&view, &outputs))
    }

    fn of(view: &RunView, outputs: &Outputs) -> RunResult {
        let state = state(view);
        let graph = view.engine.graph();
        let task = |node: NodeId| TaskResult {
            task: graph.name(node).to_owned(),
            state: TaskState::of(&view.engine.state().node(node).state),
            attempts: view.engine.state().node(node).attempts,
            duration: Duration::from_millis(view.metrics.node_ms(node)),
            result: outputs.result(node),
            cause: view.cause(node),
            why: why(view, node),
            files: outputs.files(node).filter(|dir| dir.is_dir()),
        };
        let exit = match state {
            RunState::Interrupted => crate::exit::Exit::Interrupted,
            _ => exit_of(&view.engine),
        };
        RunResult {
            run_id: view.record.summary.run_id.to_string(),
            state,
            exit_code: exit.code(),
            tasks: view.engine.shown().map(task).collect(),
            summary: summary::json(view),
            notes: Vec::new(),
        }
    }
}

/// Where a run stands, as `regatta status` says it.
pub(super) fn state(view: &RunView) -> RunState {
    match view.engine.state().phase {
        Phase::Ended(RunStatus::Succeeded) => RunState::Succeeded,
        Phase::Ended(RunStatus::Partial) => RunState::Partial,
        Phase::Ended(RunStatus::Failed) => RunState::Failed,
        Phase::Ended(RunStatus::Cancelled) => RunState::Cancelled,
        Phase::New | Phase::Running | Phase::Paused(_) => match view.status() {
            "interrupted" => RunState::Interrupted,
            "waiting" => RunState::Waiting,
            "paused" => RunState::Paused,
            _ => RunState::Running,
        },
    }
}
