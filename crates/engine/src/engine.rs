//! The engine: one transition function over inputs, one fold over events.
//! ```text
//! step(now, input):  decide (&State -> events, effects)   each event goes through apply as it is decided
//! apply(event):      State <- event                       live and at recovery alike
//! recovery:          new, apply every stored event, step(Resumed)
//! ```
//! Knows no clock: `now` never goes back because an earlier one is raised to the last.

use crate::decide::Decider;
use crate::event::Event;
use crate::graph::Graph;
use crate::ids::{NodeId, Timestamp};
use crate::input::Input;
use crate::spec::RunConfig;
use crate::state::{IllegalEvent, State, Timer, Violation};
use crate::step::Step;
use std::sync::Arc;

/// The state machine of one run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Engine {
    pub(crate) graph: Arc<Graph>,
    pub(crate) config: RunConfig,
    pub(crate) state: State,
    pub(crate) clock: Timestamp,
}

impl Engine {
    /// A run that has not begun.
    #[must_use]
    pub fn new(graph: Arc<Graph>, config: RunConfig) -> Engine {
        let state = State::new(&graph, &config);
        Engine { graph, config, state, clock: Timestamp(0) }
    }

    /// Takes an input at `now` (raised to the last `now` if earlier) and answers what follows from it.
    #[must_use = "events must be stored and effects performed"]
    pub fn step(&mut self, now: Timestamp, input: Input) -> Step {
        self.clock = self.clock.max(now).max(self.state.now);
        Decider::new(&self.graph, &self.config, (&mut self.state, self.clock)).run(input)
    }

    /// Folds a stored event.
    ///
    /// # Errors
    /// The event does not fit; the journal is damaged and the engine not to be used any more.
    pub fn apply(&mut self, event: &Event) -> Result<(), IllegalEvent> {
        self.state.apply(&self.graph, &self.config, event)?;
        self.clock = self.clock.max(event.at);
        Ok(())
    }

    /// The next moment at which a [`Input::Settle`] would change something although nothing happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Timestamp, Timer)> {
        let gate = self.wave_gate().filter(|(at, _)| *at > self.clock);
        let timer = self.state.timers.first().copied();
        let limit = self.state.next_limit(&self.config, self.clock);
        timer.into_iter().chain(gate).chain(limit).min()
    }

    /// The end of the pause before the wave that is to start next.
    pub(crate) fn wave_gate(&self) -> Option<(Timestamp, Timer)> {
        self.state.wave_gate(&self.config)
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The nodes that people see, in order key; see [`State::is_shown`].
    pub fn shown(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.graph.order().iter().copied().filter(|&node| self.state.is_shown(&self.graph, node))
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// The last engine time seen.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock
    }

    /// Every broken law of conservation; empty if all hold.
    #[must_use]
    pub fn check(&self) -> Vec<Violation> {
        self.state.check(&self.graph)
    }
}
