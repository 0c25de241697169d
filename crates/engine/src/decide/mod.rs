//! Decides what follows from an input. One file per question; this one dispatches and emits.
//!
//! `emit` is the only way to an event, and it applies what it emits, so every later decision sees it.

mod admission;
mod attempts;
mod breaker;
mod budgets;
mod control;
mod ending;
mod escalation;
mod leases;
mod maps;
mod nodes;
mod permissions;
mod recovery;
mod reuse;

use crate::effect::{Effect, Leave};
use crate::event::{Event, EventKind};
use crate::graph::Graph;
use crate::ids::{NodeId, Timestamp};
use crate::input::Input;
use crate::schedule;
use crate::scope::Scope;
use crate::spec::RunConfig;
use crate::state::node::Node;
use crate::state::{Phase, State, Timer};
use crate::step::Step;
use std::collections::{BTreeSet, VecDeque};

/// One step under way.
pub(crate) struct Decider<'a> {
    graph: &'a Graph,
    config: &'a RunConfig,
    state: &'a mut State,
    now: Timestamp,
    step: Step,
    /// Pending nodes whose predecessors are all settled now.
    released: VecDeque<NodeId>,
    /// Those that were looked at, where the graph has maps: what follows several slots of one is released once.
    looked_at: BTreeSet<NodeId>,
}

impl<'a> Decider<'a> {
    pub(crate) fn new(
        graph: &'a Graph,
        config: &'a RunConfig,
        (state, now): (&'a mut State, Timestamp),
    ) -> Self {
        Decider {
            graph,
            config,
            state,
            now,
            step: Step::default(),
            released: VecDeque::new(),
            looked_at: BTreeSet::new(),
        }
    }

    pub(crate) fn run(mut self, input: Input) -> Step {
        self.decide(input);
        self.release_all();
        self.step
    }

    fn decide(&mut self, input: Input) {
        if let Phase::Ended(_) = self.state().phase {
            return self.after_the_end(&input);
        }
        let early = matches!(input, Input::Begin | Input::Resumed(_) | Input::LimitsChanged { .. });
        if self.state().phase == Phase::New && !early {
            return;
        }
        match input {
            Input::Begin => self.begin(),
            Input::Settle => self.settle(),
            Input::Resumed(found) => self.resumed(found),
            Input::ConditionEvaluated { node, answer } => self.condition_evaluated(node, answer),
            Input::Expanded { node, answer } => self.expanded(node, answer),
            Input::Recalled { node, answer } => self.recalled(node, answer),
            Input::Claimed { node, answer } => self.claimed(node, answer),
            Input::LeasesFreed => self.leases_freed(),
            Input::LeaseTold { node, told } => self.lease_told(node, told),
            Input::AttemptEnded(ended) => self.attempt_ended(ended),
            Input::AttemptLost { attempt, why } => self.attempt_lost(attempt, why),
            Input::AttemptIdle { attempt } => self.attempt_idle(attempt),
            Input::Permission { attempt, told } => self.permission_told(attempt, told),
            Input::Reconciled { node, found } => self.reconciled(node, found),
            Input::Answered { node, answer } => self.answered(node, answer),
            Input::Pause => self.pause(),
            Input::Suspend => self.suspend(),
            Input::Unpause => self.unpause(),
            Input::Interrupt { hard } => self.interrupt(hard),
            Input::Cancel { node: None } => self.cancel_run(crate::cause::Cause::User),
            Input::Cancel { node: Some(node) } => self.cancel_node(node),
            Input::Skip { node } => self.skip(node),
            Input::LimitsChanged { limits } => self.emit(EventKind::LimitsChanged { limits }),
            Input::Landed { node } => self.landed(node),
            Input::NotLanded { node, cause } => self.not_landed(node, cause),
            Input::LandingWaits => self.landing_waits(),
            Input::ConflictPredicted { node, with, paths } => {
                self.emit(EventKind::ConflictPredicted(node, with, paths));
            }
            Input::BatchTested(batch) => self.emit(EventKind::BatchTested(batch)),
            Input::HelperSpent { usage } => self.helper_spent(usage),
        }
    }

    /// A run that ended obeys nothing; a late report is recorded.
    fn after_the_end(&mut self, input: &Input) {
        if let Input::AttemptEnded(crate::input::Ended { attempt, .. }) | Input::AttemptLost { attempt, .. } =
            input
        {
            self.emit(EventKind::ReportIgnored(*attempt));
        }
        if let Input::Resumed(_) = input {
            self.tell_again();
        }
        if *input == Input::Settle {
            self.effect(Effect::Leave(Leave::Ended));
        }
    }

    fn begin(&mut self) {
        if self.state().phase != Phase::New {
            return;
        }
        let schedule_plan_hash = schedule::hash(self.graph).into();
        self.emit(EventKind::RunStarted { schedule_plan_hash });
        let graph = self.graph;
        self.released.extend(graph.order().iter().copied().filter(|&n| graph.preds(n).len() == 0));
    }

    /// All that had happened by now has been told.
    fn settle(&mut self) {
        self.expire();
        self.release_all();
        while self.fail_fast() || self.end_unpaid() {
            self.release_all();
        }
        if self.step.effects.iter().any(Effect::is_query) {
            return; // the turn answers first and settles again
        }
        self.admit();
        if self.step.effects.iter().any(Effect::is_query) {
            return;
        }
        self.end_lease_waits();
        self.escalate_breakers();
        self.end_if_done();
    }

    fn expire(&mut self) {
        while let Some(&(at, timer)) = self.state().timers.first() {
            if at > self.now {
                return;
            }
            match timer {
                Timer::Run => self.cancel_run(crate::cause::Cause::RunTimeout),
                Timer::Attempt(node) => self.end_attempt(node, crate::cause::Cause::Timeout),
                Timer::Retry(node) => {
                    let number = self.node(node).attempts + 1;
                    if self.node(node).is_held() {
                        self.emit(EventKind::HoldEnded(Scope::Node(node)));
                    }
                    self.emit(EventKind::NodeReady { node, number });
                }
                Timer::Undo(_) => self.end_undo(crate::cause::Cause::Timeout),
                Timer::Hold(scope) => self.emit(EventKind::HoldEnded(scope)),
                Timer::CoolDown(scope) => self.emit(EventKind::BreakerHalfOpen(scope)),
                Timer::Wave(_) | Timer::OpenTooLong(_) => return,
            }
        }
    }

    fn emit(&mut self, kind: EventKind) {
        let event = Event { at: self.now, kind };
        let applied = self.state.apply(self.graph, self.config, &event);
        assert!(applied.is_ok(), "the engine decided an event that it cannot apply: {applied:?} {event:?}");
        self.step.events.push(event);
    }

    fn effect(&mut self, effect: Effect) {
        self.step.effects.push(effect);
    }

    fn state(&self) -> &State {
        &*self.state
    }

    fn node(&self, node: NodeId) -> &Node {
        self.state.node(node)
    }

    fn graph(&self) -> &Graph {
        self.graph
    }
}
