//! The one mutator: `apply` folds an event into the state, live and at recovery alike.
//!
//! An event that does not fit the state is a typed error, never a panic: at recovery it is damage.

mod attempts;
mod leases;
mod maps;
mod nodes;
mod run;
mod scopes;

use super::{Phase, State};
use crate::event::{Event, EventKind};
use crate::graph::Graph;
use crate::spec::RunConfig;

/// An event that cannot have happened in this state.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("event `{event}` is not possible {place}")]
pub struct IllegalEvent {
    /// The kind.
    pub event: &'static str,
    /// Where the fold stood.
    pub place: String,
}

type Applied = Result<(), IllegalEvent>;

/// An event and what it is about.
struct Fact<'a> {
    graph: &'a Graph,
    config: &'a RunConfig,
    event: &'a Event,
}

impl State {
    /// Folds one event.
    ///
    /// # Errors
    /// The event does not fit the state; the state is then not to be used any more.
    pub fn apply(&mut self, graph: &Graph, config: &RunConfig, event: &Event) -> Applied {
        let fact = Fact { graph, config, event };
        if event.at < self.now {
            return Err(illegal(&fact, "before the event that precedes it"));
        }
        if event.kind.node().is_some_and(|n| n.index() >= graph.len()) {
            return Err(illegal(&fact, "for a node that does not exist"));
        }
        self.require(&fact, self.is_open() || fits_any_phase(&event.kind))?;
        self.now = event.at;
        match &event.kind {
            EventKind::RunStarted { .. } => self.run_started(&fact),
            EventKind::RunPaused { reason } => self.run_paused(&fact, *reason),
            EventKind::RunSuspended => self.run_suspended(&fact),
            EventKind::RunResumed { epoch } => self.run_resumed(&fact, *epoch),
            EventKind::RunStopping { node } => self.run_stopping(&fact, *node),
            EventKind::RunEnding { cause } => self.run_ending(&fact, *cause),
            EventKind::RunEnded { status } => self.run_ended(&fact, *status),
            EventKind::LimitsChanged { limits } => self.limits_changed(&fact, limits),
            EventKind::WaveStarted { wave } => self.wave_started(&fact, *wave),
            EventKind::WaveEnded { wave } => self.wave_ended(&fact, *wave),
            EventKind::NodeExpanded(node, answer) => self.node_expanded(&fact, *node, answer),
            EventKind::NodeReady { node, .. } => self.node_ready(&fact, *node),
            EventKind::LeaseRefused { node, .. } => self.lease_refused(&fact, *node),
            EventKind::DispatchStarted { .. } => self.dispatch_started(&fact),
            EventKind::DispatchEnding { .. } => self.dispatch_ending(&fact),
            EventKind::DispatchAdopted { node, attempt } => {
                self.require_live(&fact, *node, *attempt).map(|_| ())
            }
            EventKind::DispatchEnded { .. } => self.dispatch_ended(&fact),
            EventKind::RetryScheduled { node, until, .. } => self.retry_scheduled(&fact, *node, *until),
            EventKind::NodeCollected { node, .. } => self.node_collected(&fact, *node),
            EventKind::LeaseClaimed { node, answer } => self.lease_claimed(&fact, *node, answer),
            EventKind::LeaseWaitEnded(node) => self.lease_wait_ended(&fact, *node),
            EventKind::LeaseTold { node, attempt, .. } => {
                self.require_live(&fact, *node, *attempt).map(|_| ())
            }
            EventKind::Permission(node, attempt, told) => {
                self.permission_told(&fact, (*node, *attempt), told)
            }
            EventKind::NodeReused { node, attempt, .. } => self.node_reused(&fact, *node, *attempt),
            EventKind::NodeEnded { .. } => self.node_ended(&fact),
            EventKind::NodeInDoubt { .. } => self.node_in_doubt(&fact),
            EventKind::Answered { .. } => self.answered(&fact),
            EventKind::UndoStarted { node, attempt } => self.undo_started(&fact, *node, *attempt),
            EventKind::UndoEnded { .. } => self.undo_ended(&fact),
            EventKind::BreakerOpened { scope, until, failures } => {
                self.breaker_opened(&fact, *scope, (*until, *failures))
            }
            EventKind::BreakerHalfOpen(scope) => self.breaker_half_open(&fact, *scope),
            EventKind::BreakerClosed(scope) => self.breaker_closed(&fact, *scope),
            EventKind::HoldStarted(scope, until) => self.hold_started(&fact, *scope, *until),
            EventKind::HoldEnded(scope) => self.hold_ended(&fact, *scope),
            EventKind::Escalated { about, class, cause } => self.escalated(&fact, *about, (*class, *cause)),
            EventKind::BudgetReached(node, level) => self.budget_reached(&fact, *node, *level),
            EventKind::HelperSpent(usage) => {
                self.budgets.run.add(usage);
                Ok(())
            }
            EventKind::ConditionEvaluated { .. }
            | EventKind::ConflictPredicted(..)
            | EventKind::BatchTested(_)
            | EventKind::LeaseGranted { .. }
            | EventKind::LeaseReleased { .. }
            | EventKind::LeakedProcesses { .. }
            | EventKind::ReuseMissed(..)
            | EventKind::ReportIgnored { .. } => Ok(()),
        }
    }

    fn require(&self, fact: &Fact<'_>, legal: bool) -> Applied {
        if legal {
            return Ok(());
        }
        let place = match fact.event.kind.node() {
            Some(n) => format!("while node {} is {}", n.0, self.node(n).state_name()),
            None => format!("while the run is {:?}", self.phase),
        };
        Err(illegal(fact, &place))
    }

    /// Begun and not over.
    fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Paused(_))
    }
}

/// Kinds that look at the phase themselves, and the note about a report that nobody waited for.
fn fits_any_phase(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::RunStarted { .. } | EventKind::LimitsChanged { .. } | EventKind::ReportIgnored { .. }
    )
}

fn illegal(fact: &Fact<'_>, place: &str) -> IllegalEvent {
    IllegalEvent { event: fact.event.kind.name(), place: place.to_owned() }
}
