//! How nodes leave `pending`, become terminal, and release their dependants: a worklist, never recursion.
//!
//! Knows nothing of attempts and caps.

use super::Decider;
use crate::cause::Cause;
use crate::effect::Effect;
use crate::event::EventKind;
use crate::ids::{AttemptId, NodeId};
use crate::input::ConditionAnswer;
use crate::outcome::NodeOutcome;
use crate::scope::Scope;
use crate::spec::OnFailure;
use crate::state::Closing;
use crate::state::node::NodeState;

impl Decider<'_> {
    /// Decides every node whose predecessors are all settled.
    pub(super) fn release_all(&mut self) {
        while let Some(node) = self.released.pop_front() {
            if self.node(node).state == NodeState::Pending && self.node(node).open == 0 {
                self.release(node);
            }
        }
    }

    /// What follows is a function of the predecessors and the answer to `when`, also while the run is stopping, so
    /// that it does not matter whether the stop or the last predecessor came first.
    fn release(&mut self, node: NodeId) {
        if self.state().sleeps(self.graph, node) && !self.graph.is_sure(node) {
            return; // the first slot stands for it
        }
        if self.graph.maps() > 0 && !self.looked_at.insert(node) {
            return;
        }
        let bad = self.preds_that(node, NodeOutcome::blocks);
        if !bad.is_empty() {
            return self.end_node_for(node, End::upstream(NodeOutcome::Blocked, Cause::Upstream, bad));
        }
        let policy = *self.graph().policy(node);
        let mut skipped = self.preds_that(node, |outcome| outcome == NodeOutcome::Skipped);
        skipped.retain(|&pred| !self.state().is_absent(self.graph, pred));
        if !skipped.is_empty() && !policy.allow_skipped {
            if skipped.iter().any(|&p| self.node(p).cause() == Some(Cause::Stopped)) {
                return self.stop_node(node);
            }
            let end = End::upstream(NodeOutcome::Skipped, Cause::UpstreamSkipped, skipped);
            return self.end_node_for(node, end);
        }
        if self.state().sleeps(self.graph, node) {
            return self.effect(Effect::Expand { node });
        }
        self.proceed(node);
    }

    /// All that it waits for is well: its condition is next, then what earlier runs did.
    pub(super) fn proceed(&mut self, node: NodeId) {
        if self.graph().policy(node).conditional {
            return self.effect(Effect::Evaluate { node });
        }
        self.recall(node);
    }

    pub(super) fn make_ready(&mut self, node: NodeId) {
        let unpassed = self.state().unpassed(self.graph, node);
        if !unpassed.is_empty() {
            return self.end_node_for(node, End::upstream(NodeOutcome::Failed, Cause::RedGate, unpassed));
        }
        self.start_wave_of(node);
        let number = self.node(node).attempts + 1;
        self.emit(EventKind::NodeReady { node, number });
        if self.graph().asked(node).is_some() {
            let attempt = AttemptId(self.state().next_attempt);
            self.put_in_doubt(node, attempt, Cause::Person);
        }
    }

    pub(super) fn condition_evaluated(&mut self, node: NodeId, answer: ConditionAnswer) {
        if self.node(node).state != NodeState::Pending || self.node(node).open > 0 {
            return;
        }
        self.start_wave_of(node);
        self.emit(EventKind::ConditionEvaluated { node, answer: answer.clone() });
        match answer {
            ConditionAnswer::True => self.recall(node),
            ConditionAnswer::False => self.end_node(node, NodeOutcome::Skipped, Some(Cause::When)),
            ConditionAnswer::Error(_) => self.end_node(node, NodeOutcome::Failed, Some(Cause::Plan)),
        }
    }

    /// Direct predecessors whose outcome is as asked, sorted by id.
    fn preds_that(&self, node: NodeId, wanted: impl Fn(NodeOutcome) -> bool) -> Vec<NodeId> {
        let graph = self.graph();
        // Where a map ended without a list, its first slot stands for all.
        let stands = |p: NodeId| self.state().stands_for(graph, p);
        let mut found: Vec<NodeId> =
            graph.preds(node).map(stands).filter(|&p| self.node(p).outcome().is_some_and(&wanted)).collect();
        found.sort_unstable_by_key(|&p| graph.name(p));
        found.dedup();
        found
    }

    pub(super) fn start_wave_of(&mut self, node: NodeId) {
        let wave = self.graph().facts(node).wave;
        if !self.state().wave(wave).started {
            self.emit(EventKind::WaveStarted { wave });
        }
    }

    /// Ends a node for a reason of its own.
    pub(super) fn end_node(&mut self, node: NodeId, outcome: NodeOutcome, cause: Option<Cause>) {
        self.end_node_for(node, End { outcome, cause, upstream: Box::default() });
    }

    /// Ends a node that a stopping run starts no more: skipped if no attempt of it counted, else failed.
    pub(super) fn stop_node(&mut self, node: NodeId) {
        let untried = self.node(node).attempts == 0;
        let outcome = if untried { NodeOutcome::Skipped } else { NodeOutcome::Failed };
        self.end_node(node, outcome, Some(Cause::Stopped));
    }

    fn end_node_for(&mut self, node: NodeId, End { outcome, cause, upstream }: End) {
        self.leave_line(node);
        self.start_wave_of(node);
        let was_collected = self.node(node).state == NodeState::Collected;
        let number = self.node(node).attempts;
        let for_all = self.state().sleeps(self.graph, node);
        self.emit(EventKind::NodeEnded { node, number, outcome, cause, upstream });
        if for_all {
            self.release_behind(node);
        }
        if !was_collected {
            self.after_settled(node);
        }
        if outcome == NodeOutcome::Exhausted {
            self.escalate(Scope::Node(node), cause.unwrap_or(Cause::Exit));
        }
        if outcome.is_failure() {
            self.on_failure(node);
        }
    }

    /// A node is terminal or collected: its wave may end, its dependants may be decided.
    pub(super) fn after_settled(&mut self, node: NodeId) {
        self.end_wave_of(node);
        let graph = self.graph;
        let state = &*self.state;
        self.released.extend(graph.succs(node).filter(|&s| state.node(s).open == 0));
    }

    pub(super) fn end_wave_of(&mut self, node: NodeId) {
        let wave = self.graph().facts(node).wave;
        if self.state().wave(wave).open == 0 && self.state().wave(wave).ended.is_none() {
            self.emit(EventKind::WaveEnded { wave });
        }
    }

    /// `on_failure: stop | rollback`: no new attempt, no retry; what is unstarted is skipped.
    fn on_failure(&mut self, node: NodeId) {
        if self.config.on_failure == OnFailure::Continue || self.state().closing != Closing::No {
            return;
        }
        self.emit(EventKind::RunStopping { node });
        let graph = self.graph;
        for &other in graph.order() {
            match self.node(other).state {
                NodeState::Ready | NodeState::WaitingRetry { .. } => self.stop_node(other),
                // Nothing follows from an answer any more.
                NodeState::InDoubt(_) if graph.asked(other).is_some() => self.stop_node(other),
                NodeState::Pending
                | NodeState::Running(_)
                | NodeState::InDoubt(_)
                | NodeState::Collected
                | NodeState::Ended { .. } => {}
            }
        }
    }
}

/// How a node ends.
struct End {
    outcome: NodeOutcome,
    cause: Option<Cause>,
    upstream: Box<[NodeId]>,
}

impl End {
    fn upstream(outcome: NodeOutcome, cause: Cause, upstream: Vec<NodeId>) -> End {
        End { outcome, cause: Some(cause), upstream: upstream.into() }
    }
}
