//! One turn of the loop: drain, step, append, sync, effects. Synchronous, over the seams only.
//! ```text
//! inputs -> step each -> answer queries -> Settle -> append + sync -> views -> effects
//!                         `-- until none is open --'
//! ```
//! The shipped loop and the simulator drive exactly this function. Knows no process, file or clock.

use regatta_engine::Engine;
use regatta_engine::effect::{Effect, Leave};
use regatta_engine::event::{Event, EventKind};
use regatta_engine::graph::Graph;
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};
use regatta_engine::input::{Claimed, ConditionAnswer, Expansion, Input, Recalled};
use regatta_engine::outcome::AttemptOutcome;
use regatta_fault as fault;
use regatta_journal::{Payload, Store, StoreError, Turn};
use std::collections::VecDeque;

/// The driver seam: the real machine, the simulator's fake world, or one that an embedding program brings for calls of
/// its own ([`crate::driven`]).
///
/// The turn has one driver, which answers everything. It may hand attempts on to a driver of the program, which is asked
/// no question and needs no more than [`Driver::perform`]: the answers that stand here are never given then.
pub trait Driver {
    /// Takes note of an event and of the result it carries; may come before the event is durable, so it must have
    /// no outside effect.
    fn absorb(&mut self, event: &Event, payload: Option<&Payload>) {
        let _ = (event, payload); // most need no notes
    }
    /// Answers a node's `when` condition.
    fn evaluate(&mut self, node: NodeId) -> ConditionAnswer {
        ConditionAnswer::Error(format!("no driver knows the condition of node {}", node.0).into())
    }
    /// Answers how many items a map has, by its first slot.
    fn expand(&mut self, node: NodeId) -> Expansion {
        Expansion::Error(format!("no driver knows the list of node {}", node.0).into())
    }
    /// Answers whether an earlier run did what a node is to do, and the result it left. `attempt` is the id under
    /// which its files shall lie in this run.
    fn recall(&mut self, node: NodeId, attempt: AttemptId) -> Arrival {
        let why = format!("no driver remembers what attempt {attempt} is to do");
        Input::Recalled { node, answer: Recalled::Missed(why.into()) }.into()
    }
    /// Claims all leases of a node, or stands in line for them.
    fn claim(&mut self, graph: &Graph, node: NodeId) -> Claimed {
        let by = format!("nobody who can give the leases of `{}`", graph.name(node));
        Claimed::Taken { resource: 0, by: by.into() }
    }
    /// Shows events that are durable.
    fn committed(&mut self, engine: &Engine, events: &[Event]) {
        let _ = (engine, events); // most show nothing
    }
    /// Performs an effect whose events are durable. Must not block.
    fn perform(&mut self, effect: &Effect);
    /// All effects of the turn were given.
    fn flush(&mut self) {}
}

/// An input and the bytes of the results it speaks of, as far as they are to live in the journal.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The input.
    pub input: Input,
    /// The bytes of its results, at most 64 KiB each.
    pub payloads: Vec<Payload>,
}

impl From<Input> for Arrival {
    fn from(input: Input) -> Arrival {
        Arrival { input, payloads: Vec::new() }
    }
}

/// When a turn happens.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// Engine time.
    pub now: Timestamp,
    /// Wall clock in milliseconds since the Unix epoch.
    pub wall_ms: u64,
}

/// Takes one turn. Answers whether the orchestrator may leave.
///
/// # Errors
/// The store failed: the engine is ahead of the journal and must be discarded; nothing was performed.
pub fn turn(
    engine: &mut Engine,
    store: &mut dyn Store,
    driver: &mut dyn Driver,
    (when, arrivals): (When, Vec<Arrival>),
) -> Result<Option<Leave>, StoreError> {
    let mut taken = Taken::default();
    for Arrival { input, payloads } in arrivals {
        taken.payloads.extend(payloads);
        taken.step(engine, driver, when.now, input);
    }
    loop {
        taken.answer_queries(engine, driver, when.now);
        taken.step(engine, driver, when.now, Input::Settle);
        if taken.queries.is_empty() {
            break;
        }
    }
    let Taken { inputs, events, effects, payloads, .. } = taken;
    let shared = shared(engine, &events);
    let record = Turn { now: engine.now(), wall_ms: when.wall_ms, inputs, events, payloads, shared };
    if worth_a_commit(&record) {
        fault::point("commit.before");
        store.append(&record)?;
        fault::point("commit.after");
        if record.events.iter().any(|event| matches!(event.kind, EventKind::NodeReused { .. })) {
            fault::point("reuse.recorded");
        }
    }
    driver.committed(engine, &record.events);
    perform_all(driver, &effects);
    Ok(effects.iter().find_map(|e| match e {
        Effect::Leave(leave) => Some(*leave),
        _ => None,
    }))
}

/// Attempts whose outcome later runs may find: good ones of nodes with `cache: true`.
fn shared(engine: &Engine, events: &[Event]) -> Vec<AttemptId> {
    let found = |event: &Event| match &event.kind {
        EventKind::DispatchEnded { node, attempt, outcome: AttemptOutcome::Succeeded, .. } => {
            engine.graph().policy(*node).cache.then_some(*attempt)
        }
        _ => None,
    };
    events.iter().filter_map(found).collect()
}

/// A turn in which nothing happened and nothing was decided leaves no trace.
fn worth_a_commit(turn: &Turn) -> bool {
    !turn.events.is_empty() || turn.inputs.iter().any(|i| *i != Input::Settle)
}

fn perform_all(driver: &mut dyn Driver, effects: &[Effect]) {
    for effect in effects {
        if matches!(effect, Effect::Start { .. }) {
            fault::point("start.before");
        }
        driver.perform(effect);
    }
    driver.flush();
    if effects.iter().any(|e| matches!(e, Effect::Start { .. })) {
        fault::point("start.after");
    }
    fault::point("turn.performed");
}

/// What a turn has gathered so far.
#[derive(Default)]
struct Taken {
    inputs: Vec<Input>,
    events: Vec<Event>,
    effects: Vec<Effect>,
    queries: VecDeque<Effect>,
    payloads: Vec<Payload>,
}

impl Taken {
    fn step(&mut self, engine: &mut Engine, driver: &mut dyn Driver, now: Timestamp, input: Input) {
        self.inputs.push(input.clone());
        let step = engine.step(now, input);
        for event in &step.events {
            let payload = event.kind.attempt().and_then(|a| self.payloads.iter().find(|p| p.attempt == a));
            driver.absorb(event, payload.filter(|_| event.kind.result().is_some()));
        }
        self.events.extend(step.events);
        for effect in step.effects {
            match effect {
                query if query.is_query() => self.queries.push_back(query),
                other => self.effects.push(other),
            }
        }
    }

    fn answer_queries(&mut self, engine: &mut Engine, driver: &mut dyn Driver, now: Timestamp) {
        while let Some(query) = self.queries.pop_front() {
            let input = match query {
                Effect::Evaluate { node } => {
                    Input::ConditionEvaluated { node, answer: driver.evaluate(node) }
                }
                Effect::Expand { node } => Input::Expanded { node, answer: driver.expand(node) },
                Effect::Recall { node } => {
                    let arrival = driver.recall(node, engine.state().next_attempt());
                    self.payloads.extend(arrival.payloads);
                    arrival.input
                }
                Effect::Claim { node } => Input::Claimed { node, answer: driver.claim(engine.graph(), node) },
                _ => continue,
            };
            self.step(engine, driver, now, input);
        }
    }
}
