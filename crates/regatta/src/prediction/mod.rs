//! The predicted schedule of a plan, and what it was made of: for `plan`, `run` and `export`.
//!
//! The engine predicts and improves; here are names, the durations of earlier runs, and the seed. Knows no terminal.

pub mod json;

use crate::context::{Context, err};
use crate::error::CliError;
use regatta_engine::build::GraphError;
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::optimise;
use regatta_engine::predict::{Planned, Prediction, Predictor};
use regatta_engine::schedule;
use regatta_journal::{Reader, StoreError};
use regatta_plan::Plan;
use regatta_rng::Rng;
use regatta_runtime::recorded;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Where the expected duration of a task comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DurationFrom {
    /// Its `estimate`.
    Estimate,
    /// The median of earlier runs.
    Recorded,
    /// Nothing is known of it: the median of the known ones, or 1 each if none is known.
    Default,
}

impl DurationFrom {
    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DurationFrom::Estimate => "estimate",
            DurationFrom::Recorded => "recorded",
            DurationFrom::Default => "default",
        }
    }
}

/// What was asked of `--optimise`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effort {
    /// Perturbations.
    pub perturbations: u32,
    /// What the draws follow from.
    pub seed: u64,
}

/// What an improved order gains.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Improved {
    /// What was asked.
    pub effort: Effort,
    /// The predicted end before, in milliseconds.
    pub before_ms: u64,
    /// The predicted end with the order.
    pub after_ms: u64,
    /// All task ids in the order that leads to it; empty if nothing better was found.
    pub order: Vec<String>,
}

/// A plan with its predicted schedule.
#[derive(Debug)]
pub struct Predicted {
    /// Where each duration comes from, by node.
    pub durations_from: Vec<DurationFrom>,
    /// The schedule.
    pub schedule: Prediction,
    /// The nodes of a longest path, first to last.
    pub critical_path: Vec<NodeId>,
    /// The least that any order could take under the caps, in milliseconds.
    pub lower_bound_ms: u64,
    /// One task after the other, in milliseconds.
    pub sequential_ms: u64,
    predictor: Predictor,
    /// With its maps, which the predictor takes for so many tasks; none if there are none.
    with_maps: Option<Graph>,
}

impl Predicted {
    /// Of a plan, with what is pinned in it.
    ///
    /// # Errors
    /// The plan is no graph, or a task can never start; a validated plan is neither.
    pub fn of(plan: &Plan) -> Result<Predicted, CliError> {
        let (spec, config) = regatta_plan::lower(plan);
        let graph = Graph::build(spec).map_err(no_graph)?;
        let with_maps = (graph.maps() > 0).then(|| graph.clone());
        let predictor = Predictor::new(graph, config);
        let schedule = predictor.predict().ok_or_else(stuck)?;
        let graph = predictor.graph();
        Ok(Predicted {
            durations_from: durations_from(plan),
            schedule,
            critical_path: schedule::critical_path(graph),
            lower_bound_ms: schedule::lower_bound_ms(graph, &predictor.config().limits),
            sequential_ms: schedule::sequential_ms(graph),
            predictor,
            with_maps,
        })
    }

    /// The graph of the schedule that a run of the plan has, in which a map is its first item.
    #[must_use]
    pub fn scheduled(&self) -> &Graph {
        self.with_maps.as_ref().unwrap_or_else(|| self.graph())
    }

    /// The graph that was played: each item of a map that is known is a node.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        self.predictor.graph()
    }

    /// When a task is expected to run.
    #[must_use]
    pub fn at(&self, node: NodeId) -> Planned {
        self.schedule.nodes[node.index()]
    }

    /// The number of slots that are ever in use.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.schedule.nodes.iter().map(|node| node.slot + 1).max().unwrap_or(0)
    }

    /// True if the duration of at least one task is known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.durations_from.iter().any(|from| *from != DurationFrom::Default)
    }
}

/// Where the duration of each task comes from, in the order of the plan, which is that of the nodes.
#[must_use]
pub fn durations_from(plan: &Plan) -> Vec<DurationFrom> {
    let of = |task: &regatta_plan::model::Task| {
        if task.estimate_ms.is_some() {
            DurationFrom::Estimate
        } else if plan.recorded.contains_key(&task.id) {
            DurationFrom::Recorded
        } else {
            DurationFrom::Default
        }
    };
    plan.tasks.iter().map(of).collect()
}

/// What earlier runs of this workspace tell of tasks without an estimate. A journal that cannot be read is told, and
/// is no reason not to plan.
#[must_use]
pub fn recorded(context: &Context, plan: &Plan) -> BTreeMap<String, u64> {
    try_recorded(context, plan).unwrap_or_else(|error| {
        err(&format!("warning: durations of earlier runs are left out: {error}\n"));
        BTreeMap::new()
    })
}

/// As [`recorded`], without a word.
///
/// # Errors
/// The journal cannot be read.
pub fn try_recorded(context: &Context, plan: &Plan) -> Result<BTreeMap<String, u64>, StoreError> {
    if plan.tasks.iter().all(|task| task.estimate_ms.is_some()) {
        return Ok(BTreeMap::new());
    }
    Reader::open(&context.workspace)?.map_or(Ok(BTreeMap::new()), |reader| recorded::durations(&reader, plan))
}

/// Looks for a better order of a plan; the same seed finds the same.
///
/// # Errors
/// The schedule of the plan has no order to improve.
pub fn improve(plan: &Plan, effort: Effort) -> Result<Improved, CliError> {
    if plan.schedule != "dataflow" {
        let message = format!("`--optimise` improves `schedule: dataflow`, not `{}`", plan.schedule);
        return Err(CliError::usage(message).hint("under the others the order of tasks is fixed"));
    }
    // Of a list that is not there yet nobody knows how many items it will have.
    let mut known = Cow::Borrowed(plan);
    if plan.sure_tasks() < plan.tasks.len() {
        known.to_mut().keep_known_items();
    }
    let (spec, config) = regatta_plan::lower(&known);
    let mut rng = Rng::of(effort.seed);
    let mut draw = |below| rng.below(below);
    let found = optimise::optimise(&spec, &config, effort.perturbations, &mut draw).map_err(no_graph)?;
    let found = found.ok_or_else(stuck)?;
    Ok(Improved {
        effort,
        before_ms: found.before.makespan_ms,
        after_ms: found.after.makespan_ms,
        order: found.order.iter().map(|node| spec.nodes[node.index()].id.clone()).collect(),
    })
}

fn no_graph(error: GraphError) -> CliError {
    CliError::environment(format!("the plan is not a graph: {error}"))
}

fn stuck() -> CliError {
    CliError::environment("the plan cannot be predicted: a task could never start; this is a bug of regatta")
}
