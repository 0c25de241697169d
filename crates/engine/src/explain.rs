//! Why a node is where it is: one reason for every way to wait, as data and as a sentence.
//!
//! A pure view of the state; knows no terminal.

use crate::caps::{self, CapRef};
use crate::cause::Cause;
use crate::engine::Engine;
use crate::ids::{AttemptId, NodeId, Timestamp};
use crate::outcome::{NodeOutcome, PauseReason};
use crate::permission::Question;
use crate::spec::Schedule;
use crate::state::node::{Live, NodeState};
use crate::state::{Bar, Phase};
pub use crate::words::cap_name;

/// Why a node is where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// These predecessors are not settled.
    Predecessors(Vec<NodeId>),
    /// Its condition is being asked.
    Condition,
    /// An attempt is alive.
    Running {
        /// The attempt.
        attempt: AttemptId,
        /// Its number.
        number: u32,
        /// Since when.
        since: Timestamp,
        /// Why it is being ended, once it is.
        ending: Option<Cause>,
    },
    /// An attempt is alive and waits for a person.
    Asking {
        /// The attempt.
        attempt: AttemptId,
        /// Its number.
        number: u32,
        /// The oldest of its open questions.
        question: Question,
        /// How many are open.
        open: usize,
    },
    /// A back-off runs.
    Backoff {
        /// Until when.
        until: Timestamp,
        /// The number of the attempt that follows.
        next: u32,
    },
    /// The run stands still.
    Paused(PauseReason),
    /// The run has not begun.
    NotBegun,
    /// A cap is used up.
    Cap {
        /// Which.
        cap: CapRef,
        /// By whom.
        holders: Vec<NodeId>,
    },
    /// A lease is in other hands.
    Lease {
        /// The lease, by index.
        resource: u32,
        /// Who has it.
        by: Box<str>,
    },
    /// An older node that was passed too often reserves what this one would use.
    Reserved {
        /// What is reserved.
        cap: CapRef,
        /// For whom.
        node: NodeId,
    },
    /// Under `waves`: the wave before has not ended, or the pause between them has not.
    Barrier {
        /// The wave that holds it back, 0-based.
        wave: u32,
        /// The end of the pause after it, once it has ended.
        until: Option<Timestamp>,
    },
    /// Under `sequential`: another node has the turn.
    Turn(NodeId),
    /// It fits; this many ready nodes stand before it.
    Queue(usize),
    /// Whether its effect happened is not known.
    InDoubt {
        /// The lost attempt.
        attempt: AttemptId,
        /// Its `reconcile` command is being asked; else a person must answer.
        asking: bool,
        /// Why there is a doubt.
        cause: Cause,
    },
    /// A person decides it, and has not answered.
    Person(NodeId),
    /// Good and committed; landing decides.
    Collected,
    /// Terminal.
    Ended {
        /// How.
        outcome: NodeOutcome,
        /// Why.
        cause: Option<Cause>,
        /// The direct predecessors that are the cause.
        upstream: Vec<NodeId>,
    },
    /// A rate limit, an open breaker or its probe.
    Barred(Bar),
    /// A rate limit of this task alone.
    Held {
        /// When it is over.
        until: Timestamp,
    },
}

impl Engine {
    /// Why `node` is where it is.
    #[must_use]
    pub fn explain(&self, node: NodeId) -> Why {
        let state = self.state();
        match &state.node(node).state {
            NodeState::Pending => self.why_pending(node),
            NodeState::Ready => self.why_ready(node),
            NodeState::Running(live) => why_running(live),
            NodeState::WaitingRetry { until } if state.node(node).is_held() => Why::Held { until: *until },
            NodeState::WaitingRetry { until } => {
                Why::Backoff { until: *until, next: state.node(node).attempts + 1 }
            }
            NodeState::InDoubt(doubt) if doubt.cause == Cause::Person => Why::Person(node),
            NodeState::InDoubt(doubt) => {
                Why::InDoubt { attempt: doubt.attempt, asking: doubt.asking, cause: doubt.cause }
            }
            NodeState::Collected => Why::Collected,
            NodeState::Ended { outcome, cause } => {
                Why::Ended { outcome: *outcome, cause: *cause, upstream: self.culprits(node, *cause) }
            }
        }
    }

    fn why_pending(&self, node: NodeId) -> Why {
        if self.state().phase == Phase::New {
            return Why::NotBegun;
        }
        let open: Vec<NodeId> =
            self.graph().preds(node).filter(|&p| !self.state().node(p).is_settled()).collect();
        if open.is_empty() { Why::Condition } else { Why::Predecessors(open) }
    }

    fn why_ready(&self, node: NodeId) -> Why {
        let state = self.state();
        if let Phase::Paused(reason) = state.phase {
            return Why::Paused(reason);
        }
        if let Some(why) = self.why_scheduled_later(node) {
            return why;
        }
        if let Some(wait) = state.lease_wait(node) {
            return Why::Lease { resource: wait.resource, by: wait.by.clone() };
        }
        if let Some(bar) = state.bar(self.graph(), node) {
            return Why::Barred(bar);
        }
        if let Some(&cap) = caps::lacking(self.graph(), &state.limits, &state.used, node).first() {
            return Why::Cap { cap, holders: self.holders(cap) };
        }
        if state.used.total >= state.limits.max_parallel {
            return Why::Cap { cap: CapRef::Global, holders: self.holders(CapRef::Global) };
        }
        if let Some((cap, node)) = self.reservation(node) {
            return Why::Reserved { cap, node };
        }
        Why::Queue(state.ready.ahead(self.graph(), node))
    }

    /// What an aged node before this one reserves of what this one would use.
    fn reservation(&self, node: NodeId) -> Option<(CapRef, NodeId)> {
        let (graph, state) = (self.graph(), self.state());
        let own = state.ready.group(graph, node);
        let mut walk = state.ready.walk(graph, state.round);
        core::iter::from_fn(|| state.ready.next(&mut walk))
            .take_while(|other| other.group != own && other.class < 0)
            .filter(|other| state.bar(graph, other.node).is_none())
            .find_map(|other| {
                let lacks = caps::lacking(graph, &state.limits, &state.used, other.node);
                let shared = lacks.into_iter().find(|&cap| caps::uses(graph, node, cap))?;
                Some((shared, other.node))
            })
    }

    fn why_scheduled_later(&self, node: NodeId) -> Option<Why> {
        let state = self.state();
        match self.config().schedule {
            Schedule::Dataflow => None,
            Schedule::Waves => {
                let (current, own) = (state.current_wave()?, self.graph().facts(node).wave);
                if own > current {
                    return Some(Why::Barrier { wave: current, until: None });
                }
                let gate = self.wave_gate().map(|(at, _)| at).filter(|at| *at > self.now())?;
                Some(Why::Barrier { wave: own.saturating_sub(1), until: Some(gate) })
            }
            Schedule::Sequential => {
                let turn = self.graph().order().iter().copied().find(|&n| {
                    matches!(
                        state.node(n).state,
                        NodeState::Ready | NodeState::Running(_) | NodeState::WaitingRetry { .. }
                    )
                })?;
                (turn != node).then_some(Why::Turn(turn))
            }
        }
    }

    fn holders(&self, cap: CapRef) -> Vec<NodeId> {
        let mut holders: Vec<NodeId> =
            self.state().live().map(|(_, n)| n).filter(|&n| caps::uses(self.graph(), n, cap)).collect();
        holders.sort_unstable_by_key(|&n| self.graph().facts(n).pos);
        holders
    }

    fn culprits(&self, node: NodeId, cause: Option<Cause>) -> Vec<NodeId> {
        let wanted = |p: &NodeId| {
            let outcome = self.state().node(*p).outcome();
            match cause {
                Some(Cause::Upstream) => outcome.is_some_and(NodeOutcome::blocks),
                Some(Cause::UpstreamSkipped) => outcome == Some(NodeOutcome::Skipped),
                _ => false,
            }
        };
        if cause == Some(Cause::RedGate) {
            return self.state().unpassed(self.graph(), node);
        }
        let mut found: Vec<NodeId> = self.graph().preds(node).filter(wanted).collect();
        found.sort_unstable_by_key(|&p| self.graph().name(p));
        found
    }
}

fn why_running(live: &Live) -> Why {
    let Live { attempt, number, started: since, ending, .. } = *live;
    match live.questions.open().next() {
        Some(question) if ending.is_none() => {
            Why::Asking { attempt, number, question: question.clone(), open: live.questions.open().count() }
        }
        Some(_) | None => Why::Running { attempt, number, since, ending },
    }
}
