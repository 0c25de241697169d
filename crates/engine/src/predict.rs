//! The predicted schedule: the engine itself on a virtual clock, in which every attempt takes as long as expected.
//!
//! ```text
//! turn at t:  every attempt that ends at t -> AttemptEnded;  Settle -> starts, each of which ends at t + expected
//! next t:     the earliest end, or the engine's own deadline (the pause between waves)
//! ```
//! There is no second scheduler, so what is predicted is what happens when the expectations are right. Assumed is that
//! conditions hold, leases are free, nothing is reused, no attempt fails or times out, and people say yes. Knows no clock.

use crate::effect::Effect;
use crate::engine::Engine;
use crate::event::EventKind;
use crate::graph::Graph;
use crate::ids::{AttemptId, NodeId, Timestamp};
use crate::input::{Answer, Ended, Input, Verdict};
use crate::maps::Maps;
use crate::outcome::RunStatus;
use crate::report::Report;
use crate::spec::{OnFailure, RunConfig};
use crate::state::Phase;
use crate::step::Step;
use core::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// When a node is expected to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Planned {
    /// Its start in milliseconds from the begin of the run.
    pub start_ms: u64,
    /// Its end; the same moment for a milestone.
    pub end_ms: u64,
    /// The slot that it takes: the lowest that was free, 0-based and below `max_parallel`; 0 for what a person decides,
    /// which takes none.
    pub slot: u32,
}

/// A predicted schedule.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Prediction {
    /// The nodes, by index.
    pub nodes: Vec<Planned>,
    /// The end of the run in milliseconds from its begin.
    pub makespan_ms: u64,
    /// The nodes in the order in which they are started.
    pub starts: Vec<NodeId>,
}

/// A graph and settings of which nothing but schedule, caps, resources and expected durations is left.
#[derive(Clone, Debug)]
pub struct Predictor {
    graph: Arc<Graph>,
    config: RunConfig,
}

impl Predictor {
    /// Of a run with these settings.
    #[must_use]
    pub fn new(mut graph: Graph, config: RunConfig) -> Predictor {
        for policy in &mut graph.policies {
            policy.attempt_timeout_ms = None;
            policy.conditional = false;
            policy.cache = false;
            policy.collects = false;
        }
        // Nobody knows yet how many items there will be: every slot that the graph has is played.
        graph.maps = Maps::default();
        for resource in &mut graph.resources {
            resource.lease = false;
        }
        let config = RunConfig {
            run_timeout_ms: None,
            on_failure: OnFailure::Continue,
            reuse: false,
            breaker: None,
            ..config
        };
        Predictor { graph: Arc::new(graph), config }
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// Pins another order for the predictions that follow; see [`Graph::pin`].
    pub fn pin(&mut self, order: &[NodeId]) {
        Arc::make_mut(&mut self.graph).pin(order);
    }

    /// Plays the run. `None` if a node can never start, which no plan that was validated has.
    #[must_use]
    pub fn predict(&self) -> Option<Prediction> {
        let mut play = Play::new(self);
        play.turn(Some(Input::Begin));
        while let Some(at) = play.next() {
            play.now = at;
            play.turn(None);
        }
        let done = play.engine.state().phase == Phase::Ended(RunStatus::Succeeded);
        done.then_some(play.prediction)
    }
}

/// A run that is played.
struct Play<'a> {
    graph: &'a Graph,
    engine: Engine,
    now: Timestamp,
    /// Live attempts by their ends.
    live: BinaryHeap<Reverse<(Timestamp, AttemptId, NodeId)>>,
    /// Slots that were given back; every further one up to the most that were taken is in use.
    free: BinaryHeap<Reverse<u32>>,
    slots: u32,
    prediction: Prediction,
}

impl<'a> Play<'a> {
    fn new(of: &'a Predictor) -> Play<'a> {
        let count = of.graph.len();
        let nodes = vec![Planned::default(); count];
        Play {
            graph: &of.graph,
            engine: Engine::new(of.graph.clone(), of.config.clone()),
            now: Timestamp(0),
            live: BinaryHeap::new(),
            free: BinaryHeap::new(),
            slots: 0,
            prediction: Prediction { nodes, makespan_ms: 0, starts: Vec::with_capacity(count) },
        }
    }

    /// The next moment at which something happens.
    fn next(&self) -> Option<Timestamp> {
        let end = self.live.peek().map(|Reverse((at, ..))| *at);
        end.into_iter().chain(self.engine.next_deadline().map(|(at, _)| at)).min()
    }

    /// Tells the engine what happens now, and starts what it wants started.
    fn turn(&mut self, first: Option<Input>) {
        let mut effects = first.map_or_else(Vec::new, |input| self.step(input));
        while let Some(Reverse((_, attempt, node))) = self.live.peek().copied().filter(|l| l.0.0 <= self.now)
        {
            self.live.pop();
            let over = if self.graph.asked(node).is_some() {
                Input::Answered { node, answer: Answer::Succeeded(None) }
            } else {
                self.free.push(Reverse(self.prediction.nodes[node.index()].slot));
                let report = Report { exit: Some(0), ..Report::default() };
                Input::AttemptEnded(Ended { attempt, verdict: Verdict::Succeeded, report })
            };
            effects.extend(self.step(over));
        }
        effects.extend(self.step(Input::Settle));
        for effect in effects {
            if let Effect::Start { node, attempt, .. } = effect {
                self.start(node, attempt);
            }
        }
    }

    /// Tells the engine one thing. Who is asked then begins to think.
    fn step(&mut self, input: Input) -> Vec<Effect> {
        let Step { events, effects } = self.engine.step(self.now, input);
        for event in events {
            if let EventKind::NodeInDoubt { node, attempt, .. } = event.kind {
                self.begin((node, attempt), 0);
            }
        }
        effects
    }

    fn start(&mut self, node: NodeId, attempt: AttemptId) {
        let slot = self.free.pop().map_or(self.slots, |Reverse(slot)| slot);
        self.slots = self.slots.max(slot + 1);
        self.begin((node, attempt), slot);
    }

    fn begin(&mut self, (node, attempt): (NodeId, AttemptId), slot: u32) {
        let end = self.now + self.graph.duration_ms(node);
        self.live.push(Reverse((end, attempt, node)));
        self.prediction.nodes[node.index()] = Planned { start_ms: self.now.0, end_ms: end.0, slot };
        self.prediction.makespan_ms = self.prediction.makespan_ms.max(end.0);
        self.prediction.starts.push(node);
    }
}
