//! Real workflows, run by our own `sequential` and by `dataflow`, beside the bound that no schedule can beat.
//!
//! Every task sleeps as long as its share of the whole was, and says so as its estimate. It knows no goal of the table.

use crate::bench::{Bench, SLOTS};
use crate::forms::{self, Action, Manner};
use crate::graphs::Graph;
use crate::stats::{median, ratios};
use crate::turns::{Side, alternate};
use regatta_crash::Outcome;
use regatta_crash::workflows::{Workflow, read};

/// One after the other, the tasks of a workflow sleep so long in all; longer if they are many, or what it costs to
/// start them would be most of it.
const TOTAL_MS: f64 = 6_000.0;
const MEAN_MS: f64 = 20.0;
/// The median workflow must be so much shorter.
pub(crate) const GOAL_PERCENT: f64 = 30.0;

/// What was found for one workflow; all times are medians.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shortened {
    pub(crate) name: String,
    pub(crate) tasks: usize,
    pub(crate) sequential_ms: f64,
    pub(crate) dataflow_ms: f64,
    /// The median over the pairs.
    pub(crate) shorter_percent: f64,
    /// How much longer than the bound `dataflow` took.
    pub(crate) above_bound_percent: f64,
}

/// Every workflow of the directory, in order of file name.
pub(crate) fn measure(bench: &Bench) -> Outcome<Vec<Shortened>> {
    let dir = bench.options.trials.as_deref().ok_or("no `--trials DIR` was given")?;
    read(dir)?.iter().map(|workflow| one(bench, workflow)).collect()
}

fn one(bench: &Bench, workflow: &Workflow) -> Outcome<Shortened> {
    let total_ms = TOTAL_MS.max(MEAN_MS * workflow.nodes.len() as f64);
    let graph = Graph::workflow(workflow, total_ms * bench.options.scale);
    let plan = |schedule: &'static str| -> Outcome<String> {
        let text = forms::plan_json(&graph, Manner { slots: SLOTS, schedule }, Action::Sleep);
        Ok(bench.place.file(&format!("{schedule}.json"), &text)?.display().to_string())
    };
    let (sequential, dataflow) = (plan("sequential")?, plan("dataflow")?);
    let sides = [
        Side::new("dataflow", |dir| bench.regatta(dir, &["run", &dataflow, "--json"])),
        Side::new("sequential", |dir| bench.regatta(dir, &["run", &sequential, "--json"])),
    ];
    let runs = alternate(&bench.place, (&workflow.name, bench.options.pairs(3)), &sides)?;
    let (dataflow, sequential) = (runs.told("dataflow", "wall_ms")?, runs.told("sequential", "wall_ms")?);
    let of = |values: &[f64]| median(values).ok_or("nothing was measured");
    let bound_ms = graph.lower_bound_ms(SLOTS);
    Ok(Shortened {
        name: workflow.name.clone(),
        tasks: graph.len(),
        sequential_ms: of(&sequential)?,
        dataflow_ms: of(&dataflow)?,
        shorter_percent: (1.0 - of(&ratios(&dataflow, &sequential))?) * 100.0,
        above_bound_percent: (of(&dataflow)? / bound_ms - 1.0) * 100.0,
    })
}
