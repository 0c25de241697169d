//! How far a run is: waves, per cent, task by task. A view over the engine as its journal leaves it.

use super::outcome::TaskState;
use regatta_engine::Engine;
use regatta_engine::ids::NodeId;
use regatta_engine::state::Phase;

/// How far a run is. No number of it ever goes back while the run goes on, but the percentage where a map (`for_each`)
/// comes to its list: then its items are known and counted.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// The first wave that is not at its end, 0-based; the last one when all are.
    pub current_wave: u32,
    /// How many waves there are.
    pub waves: u32,
    /// Tasks that are at their end.
    pub ended: u32,
    /// All tasks.
    pub total: u32,
    /// `ended` of `total` in whole per cent, rounded down: 100 is all of them.
    pub percent: u8,
    /// The run has ended.
    pub is_complete: bool,
    /// Every task, in the order of the schedule.
    pub tasks: Vec<TaskProgress>,
}

/// Where a task stands.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TaskProgress {
    /// Its id.
    pub task: String,
    /// Its wave, 0-based.
    pub wave: u32,
    /// Where it stands.
    pub state: TaskState,
    /// Attempts that counted, the one under way not among them.
    pub attempts: u32,
}

impl Progress {
    pub(super) fn of(engine: &Engine) -> Progress {
        let (graph, state) = (engine.graph(), engine.state());
        let task = |node: NodeId| TaskProgress {
            task: graph.name(node).to_owned(),
            wave: graph.facts(node).wave,
            state: TaskState::of(&state.node(node).state),
            attempts: state.node(node).attempts,
        };
        let tasks: Vec<TaskProgress> = engine.shown().map(task).collect();
        let total = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
        let ended = tasks.iter().filter(|task| task.state.has_ended()).count();
        let ended = u32::try_from(ended).unwrap_or(u32::MAX);
        let open = tasks.iter().filter(|task| !task.state.has_ended()).map(|task| task.wave).min();
        let percent = u64::from(ended) * 100 / u64::from(total.max(1));
        Progress {
            current_wave: open.unwrap_or(graph.waves().saturating_sub(1)),
            waves: graph.waves(),
            ended,
            total,
            percent: u8::try_from(percent).unwrap_or(100),
            is_complete: matches!(state.phase, Phase::Ended(_)),
            tasks,
        }
    }

    /// A task by its id.
    #[must_use]
    pub fn task(&self, id: &str) -> Option<&TaskProgress> {
        self.tasks.iter().find(|task| task.task == id)
    }
}
