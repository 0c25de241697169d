//! A better order for the predicted schedule: forward-backward passes from several rules, then seeded perturbations.
//!
//! ```text
//! order --engine--> schedule --latest end first--> engine on the mirrored graph --earliest start first--> order ...
//!                      `-- kept if it ends earlier than the best so far; two passes without gain end a descent
//! ```
//! Every schedule in it is played by the engine under all caps, resources and classes, so what is found is an order that
//! the engine itself turns into that schedule. Randomness is an argument. Knows no clock: what it costs is bounded by
//! the number of nodes alone. Forward-backward passes: Li and Willis 1992, Valls and others 2005.

mod mirror;
mod rules;

use crate::build::GraphError;
use crate::graph::Graph;
use crate::ids::NodeId;
use crate::predict::{Planned, Prediction, Predictor};
use crate::schedule;
use crate::spec::{GraphSpec, RunConfig};
use core::cmp::Reverse;

/// Nodes that one descent may play in each direction: a large plan gets few passes.
const PLAYED: usize = 500_000;
/// Passes of one descent.
const MOST_PASSES: usize = 20;
/// Passes without gain that end a descent.
const PATIENCE: u32 = 2;
/// A perturbation moves a node by at most this part of the order, but by so many places in a short one.
const REACH: (u64, u64) = (4, 8);
/// Steps of a draw within one place of the order.
const FINE: u64 = 1_024;

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Optimised {
    /// The schedule as it was.
    pub before: Prediction,
    /// The best that was found; never later than `before`.
    pub after: Prediction,
    /// The order that leads to it, all nodes; empty if nothing better was found.
    pub order: Vec<NodeId>,
}

/// Looks for an order that ends earlier, with so many perturbations. `draw(n)` answers a number below n; the same
/// draws give the same order. `Ok(None)` if a node can never start.
///
/// # Errors
/// The nodes are no graph.
pub fn optimise(
    spec: &GraphSpec,
    config: &RunConfig,
    perturbations: u32,
    draw: &mut dyn FnMut(u64) -> u64,
) -> Result<Option<Optimised>, GraphError> {
    let forward = Predictor::new(Graph::build(spec.clone())?, config.clone());
    let (mirrored, config) = mirror::mirrored(spec, config);
    let backward = Predictor::new(Graph::build(mirrored)?, config);
    Ok(search(forward, backward, (perturbations, draw)))
}

fn search(
    forward: Predictor,
    backward: Predictor,
    (perturbations, draw): (u32, &mut dyn FnMut(u64) -> u64),
) -> Option<Optimised> {
    let before = forward.predict()?;
    let bound = schedule::lower_bound_ms(forward.graph(), &forward.config().limits);
    let best = Found { order: Vec::new(), schedule: before.clone() };
    let mut search = Search { forward, backward, best, bound };
    search.descend(before.clone())?;
    let affordable = PLAYED / search.len().max(1);
    if affordable > 0 && !search.is_done() {
        let schedule = search.backward.predict()?;
        search.try_order(by_start(&turned(&schedule)))?;
    }
    for rule in rules::ALL.into_iter().take(affordable) {
        if !search.is_done() {
            let order = rules::order(rule, search.forward.graph(), search.backward.graph());
            search.try_order(order)?;
        }
    }
    for _ in 0..perturbations {
        if search.is_done() {
            break;
        }
        let order = perturbed(&search.best.schedule.starts, draw);
        search.try_order(order)?;
    }
    search.settle()?;
    let Found { order, schedule: after } = search.best;
    Some(Optimised { before, after, order })
}

/// An order and what the engine makes of it.
#[derive(Clone)]
struct Found {
    order: Vec<NodeId>,
    schedule: Prediction,
}

struct Search {
    forward: Predictor,
    backward: Predictor,
    best: Found,
    bound: u64,
}

impl Search {
    fn len(&self) -> usize {
        self.forward.graph().len()
    }

    /// Nothing better exists.
    fn is_done(&self) -> bool {
        self.best.schedule.makespan_ms <= self.bound
    }

    /// Plays an order and descends from what comes of it.
    fn try_order(&mut self, order: Vec<NodeId>) -> Option<()> {
        let schedule = self.play(order)?;
        self.descend(schedule)
    }

    /// Forward-backward passes until they gain nothing.
    fn descend(&mut self, mut schedule: Prediction) -> Option<()> {
        let (mut idle, mut least) = (0, schedule.makespan_ms);
        for _ in 0..(PLAYED / self.len().max(1)).clamp(1, MOST_PASSES) {
            if self.is_done() || idle > PATIENCE {
                break;
            }
            self.backward.pin(&by_start(&turned(&schedule)));
            let right = self.backward.predict()?;
            schedule = self.play(by_start(&turned(&right)))?;
            idle = if schedule.makespan_ms < least { 0 } else { idle + 1 };
            least = least.min(schedule.makespan_ms);
        }
        Some(())
    }

    /// Plays an order forward and keeps it if it is the best.
    fn play(&mut self, order: Vec<NodeId>) -> Option<Prediction> {
        self.forward.pin(&order);
        let schedule = self.forward.predict()?;
        if schedule.makespan_ms < self.best.schedule.makespan_ms {
            self.best = Found { order, schedule: schedule.clone() };
        }
        Some(schedule)
    }

    /// An order that reads as the schedule runs, where it leads to the same end.
    fn settle(&mut self) -> Option<()> {
        if self.best.order.is_empty() {
            return Some(());
        }
        let order = self.best.schedule.starts.clone();
        self.forward.pin(&order);
        let schedule = self.forward.predict()?;
        if schedule.makespan_ms <= self.best.schedule.makespan_ms {
            self.best = Found { order, schedule };
        }
        Some(())
    }
}

/// A schedule seen from its end: the one of the mirrored graph.
fn turned(schedule: &Prediction) -> Vec<Planned> {
    let end = schedule.makespan_ms;
    let turn = |p: &Planned| Planned { start_ms: end - p.end_ms, end_ms: end - p.start_ms, slot: p.slot };
    schedule.nodes.iter().map(turn).collect()
}

/// The nodes by start, then end.
fn by_start(nodes: &[Planned]) -> Vec<NodeId> {
    let mut order: Vec<NodeId> = (0..nodes.len() as u32).map(NodeId).collect();
    order.sort_by_key(|n| (nodes[n.index()].start_ms, nodes[n.index()].end_ms));
    order
}

/// An order in which every node stands up to [`REACH`] further back.
fn perturbed(order: &[NodeId], draw: &mut dyn FnMut(u64) -> u64) -> Vec<NodeId> {
    let reach = (order.len() as u64 / REACH.0).max(REACH.1) * FINE;
    let mut keys: Vec<(u64, NodeId)> =
        order.iter().zip(0_u64..).map(|(&node, place)| (place * FINE + draw(reach), node)).collect();
    keys.sort_by_key(|&(key, _)| key);
    keys.into_iter().map(|(_, node)| node).collect()
}

/// Longest remaining path first, and the like: sorts stably, so equals keep their places.
fn sorted_by<K: Ord>(graph: &Graph, key: impl Fn(NodeId) -> K) -> Vec<NodeId> {
    let mut order: Vec<NodeId> = (0..graph.len() as u32).map(NodeId).collect();
    order.sort_by_cached_key(|&node| (key(node), Reverse(graph.facts(node).remaining)));
    order
}
