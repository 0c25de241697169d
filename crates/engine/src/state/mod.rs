//! The state of a run: the fold of its events.
//!
//! Everything here is a function of graph, settings and events; nothing decides. Knows no effects.

mod apply;
mod budgets;
mod check;
mod hub;
mod maps;
pub mod node;
mod progress;
mod scopes;

pub use apply::IllegalEvent;
pub use budgets::Budgets;
pub use check::Violation;
pub use node::LeaseWait;
pub(crate) use progress::Suspended;
pub use progress::{Rollback, Undo, Wave};
pub use scopes::{Bar, Scopes};

use crate::caps::InUse;
use crate::cause::Cause;
use crate::graph::Graph;
use crate::ids::{AttemptId, NodeId, Timestamp};
use crate::outcome::{NodeOutcome, PauseReason, RunStatus};
use crate::queue::ReadyQueue;
use crate::scope::Scope;
use crate::spec::{Limits, RunConfig, Schedule};
use hub::queue_order;
use maps::further;
use node::{Node, NodeState};
use std::collections::{BTreeMap, BTreeSet};

/// Where the run stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Not begun.
    New,
    /// Going on.
    Running,
    /// Standing still.
    Paused(PauseReason),
    /// Over.
    Ended(RunStatus),
}

/// Why the run is drawing to its end before its nodes are done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closing {
    /// No.
    No,
    /// This node failed under `on_failure: stop | rollback`.
    Stopping(NodeId),
    /// Everything left is cancelled, for this cause.
    Cancelling(Cause),
}

/// A reason to look at the clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// The run timeout.
    Run,
    /// The pause before this wave ends.
    Wave(u32),
    /// An attempt's timeout.
    Attempt(NodeId),
    /// The end of a back-off.
    Retry(NodeId),
    /// An undo's timeout.
    Undo(NodeId),
    /// The end of a rate limit.
    Hold(Scope),
    /// The end of a breaker's cool-down.
    CoolDown(Scope),
    /// A breaker has been open for too long.
    OpenTooLong(Scope),
}

/// The state of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// Engine time of the last event.
    pub now: Timestamp,
    /// Where the run stands.
    pub phase: Phase,
    /// Whether and why it is drawing to its end.
    pub closing: Closing,
    /// The fencing epoch.
    pub epoch: u64,
    /// Caps in force.
    pub limits: Limits,
    /// The admission round.
    pub round: u32,
    /// Live work.
    pub used: InUse,
    /// The most of it there ever was.
    pub high_water: InUse,
    /// Progress of a rollback.
    pub rollback: Rollback,
    /// What holds agents, tools and tags back, and what a person must look at.
    pub scopes: Scopes,
    /// What of the budgets is used up.
    pub budgets: Budgets,
    pub(crate) nodes: Vec<Node>,
    pub(crate) waves: Vec<Wave>,
    /// How many items each map has, once that was found.
    pub(crate) items: Vec<Option<u32>>,
    /// Maps that ended without a list.
    pub(crate) unlisted: BTreeSet<u32>,
    /// Nodes that are not shown: slots that are absent, or may be.
    pub(crate) hidden: u32,
    /// Slots that may be absent, because their map has not come to its list.
    pub(crate) asleep: u32,
    pub(crate) ready: ReadyQueue,
    pub(crate) live: BTreeMap<AttemptId, NodeId>,
    pub(crate) timers: BTreeSet<(Timestamp, Timer)>,
    pub(crate) next_attempt: u64,
    /// Nodes that are not settled.
    pub(crate) open: u32,
    pub(crate) collected: u32,
    pub(crate) in_doubt: BTreeSet<NodeId>,
    /// Ready nodes that wait for leases.
    pub(crate) lease_waits: BTreeMap<NodeId, LeaseWait>,
    /// Ready nodes whose leases are held; they start in the turn of the grant.
    pub(crate) lease_grants: BTreeSet<NodeId>,
    /// The first wave that has not ended.
    pub(crate) wave_cursor: u32,
    pub(crate) run_deadline: Option<Timestamp>,
    pub(crate) paused_at: Option<Timestamp>,
    /// Since when what runs stands still, and the timers that stand still with it.
    pub(crate) suspended: Option<Suspended>,
    pub(crate) ended: [u32; 7],
    /// Nodes that a person skipped; they make a run partial.
    pub(crate) skipped_by_people: u32,
}

impl State {
    /// The state before the first event.
    #[must_use]
    pub fn new(graph: &Graph, config: &RunConfig) -> State {
        let limits = graph.fit(config.limits.clone());
        State {
            now: Timestamp(0),
            phase: Phase::New,
            closing: Closing::No,
            epoch: 0,
            round: 0,
            used: InUse::none(graph),
            high_water: InUse::none(graph),
            rollback: Rollback::default(),
            scopes: Scopes::default(),
            budgets: Budgets::default(),
            nodes: (0..graph.len() as u32)
                .map(|i| Node {
                    state: NodeState::Pending,
                    open: graph.preds(NodeId(i)).len() as u32,
                    attempts: 0,
                    lost: 0,
                    reused: false,
                    was_collected: false,
                })
                .collect(),
            waves: (0..graph.waves())
                .map(|w| Wave { open: graph.wave(w).len() as u32, started: false, ended: None })
                .collect(),
            items: vec![None; graph.maps() as usize],
            unlisted: BTreeSet::new(),
            hidden: further(graph),
            asleep: further(graph),
            ready: ReadyQueue::new(graph, queue_order(config, &limits), &limits),
            limits,
            live: BTreeMap::new(),
            timers: BTreeSet::new(),
            next_attempt: 1,
            open: graph.len() as u32,
            collected: 0,
            in_doubt: BTreeSet::new(),
            lease_waits: BTreeMap::new(),
            lease_grants: BTreeSet::new(),
            wave_cursor: 0,
            run_deadline: None,
            paused_at: None,
            suspended: None,
            ended: [0; 7],
            skipped_by_people: 0,
        }
    }

    /// A node.
    #[must_use]
    pub fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node.index()]
    }

    /// Nodes that must have succeeded before a person is asked about a node, and have ended otherwise; by name.
    pub(crate) fn unpassed(&self, graph: &Graph, node: NodeId) -> Vec<NodeId> {
        let needs = graph.asked(node).into_iter().flat_map(|asked| &asked.needs).map(|&i| NodeId(i));
        let other = |n: &NodeId| self.node(*n).outcome().is_some_and(|o| o != NodeOutcome::Succeeded);
        let mut found: Vec<NodeId> = needs.filter(|n| other(n) && !self.is_absent(graph, *n)).collect();
        found.sort_unstable_by_key(|&n| graph.name(n));
        found
    }

    /// The node of a live attempt.
    #[must_use]
    pub fn node_of(&self, attempt: AttemptId) -> Option<NodeId> {
        self.live.get(&attempt).copied()
    }

    /// Live attempts with their nodes, ascending.
    pub fn live(&self) -> impl ExactSizeIterator<Item = (AttemptId, NodeId)> + '_ {
        self.live.iter().map(|(&a, &n)| (a, n))
    }

    /// The id that the next attempt gets; every one below was started, at least by intent.
    #[must_use]
    pub fn next_attempt(&self) -> AttemptId {
        AttemptId(self.next_attempt)
    }

    /// Nodes in doubt, ascending.
    pub fn in_doubt(&self) -> impl ExactSizeIterator<Item = NodeId> + '_ {
        self.in_doubt.iter().copied()
    }

    /// Nodes that have not begun because what they would begin from conflicts, and a person is to resolve that, ascending.
    pub fn conflicting(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.in_doubt().filter(|&node| {
            matches!(&self.node(node).state, NodeState::InDoubt(doubt) if doubt.cause == Cause::MergeConflict)
        })
    }

    /// True while a ready node waits for leases.
    #[must_use]
    pub fn awaits_leases(&self) -> bool {
        !self.lease_waits.is_empty()
    }

    /// What a ready node waits for in other hands.
    #[must_use]
    pub fn lease_wait(&self, node: NodeId) -> Option<&LeaseWait> {
        self.lease_waits.get(&node)
    }

    /// True while what runs stands still.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.suspended.is_some()
    }

    /// The number of ready nodes.
    #[must_use]
    pub fn ready_len(&self) -> usize {
        self.ready.len()
    }

    /// How many nodes ended with `outcome`.
    #[must_use]
    pub fn count(&self, outcome: NodeOutcome) -> u32 {
        self.ended[outcome as usize]
    }

    /// How many nodes are neither terminal nor collected; a map of which nothing is known yet is one.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.open - self.asleep
    }

    /// The first wave that has not ended.
    #[must_use]
    pub fn current_wave(&self) -> Option<u32> {
        ((self.wave_cursor as usize) < self.waves.len()).then_some(self.wave_cursor)
    }

    /// The end of the pause before the wave that is to start next (`wave_delay`).
    pub(crate) fn wave_gate(&self, config: &RunConfig) -> Option<(Timestamp, Timer)> {
        if config.schedule != Schedule::Waves || config.wave_delay_ms == 0 {
            return None;
        }
        let wave = self.current_wave().filter(|&w| w > 0)?;
        let before = self.wave(wave - 1).ended?;
        Some((before + config.wave_delay_ms, Timer::Wave(wave)))
    }

    /// Progress of a wave.
    #[must_use]
    pub fn wave(&self, wave: u32) -> &Wave {
        &self.waves[wave as usize]
    }
}
