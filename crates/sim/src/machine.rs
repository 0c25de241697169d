//! The fake driver: attempts that live on the virtual clock and end as the scenario says.
//!
//! Performs effects only if their events are durable, and says so if not (law 1). Knows no process.

use crate::asks::{Asks, answer};
use crate::scenario::{Condition, Fate, Scenario};
use regatta_engine::Engine;
use regatta_engine::cause::Cause;
use regatta_engine::effect::Effect;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::graph::Graph;
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};
use regatta_engine::input::{
    Claimed, ConditionAnswer, Ended, Expansion, Input, Recalled, Reconciliation, Reused, ReusedBy, Verdict,
};
use regatta_engine::outcome::NodeOutcome;
use regatta_engine::report::Report;
use regatta_engine::scope::Scope;
use regatta_engine::spec::Claim;
use regatta_journal::Payload;
use regatta_rng::Rng;
use regatta_runtime::turn::{Arrival, Driver};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A live attempt of the fake world.
#[derive(Clone, Copy, Debug)]
pub struct Alive {
    /// Its node.
    pub node: NodeId,
    /// Its number; 0 for an undo.
    pub number: u32,
    /// What it does.
    pub fate: Fate,
}

/// The fake machine.
#[derive(Debug)]
pub struct Machine {
    scenario: Rc<Scenario>,
    rng: Rng,
    /// Virtual time.
    pub now: Timestamp,
    /// What is alive.
    pub alive: BTreeMap<AttemptId, Alive>,
    /// What will happen, by time and arrival.
    pub future: BTreeMap<(Timestamp, u64), Input>,
    next: u64,
    /// Dispatches whose events are durable.
    durable: BTreeSet<AttemptId>,
    /// Nodes whose success is durable.
    finished: BTreeSet<NodeId>,
    /// Attempts ever started here.
    started: BTreeSet<AttemptId>,
    /// Effects that may still be performed before the crash, if one is planned.
    pub effects_left: Option<u32>,
    /// Nodes for which all leases are held.
    leased: BTreeSet<NodeId>,
    /// Those of them that were granted for an attempt that is not started yet.
    granted: BTreeSet<NodeId>,
    /// Providers answer with rate limits now and then.
    pub limits: bool,
    /// Attempts ask people now and then.
    pub asking: bool,
    asks: Asks,
    /// What people were told.
    pub told: BTreeSet<Scope>,
    /// Broken laws.
    pub violations: Vec<String>,
}

impl Machine {
    /// A machine on which nothing runs; `timing` chooses durations only.
    #[must_use]
    pub fn new(scenario: Rc<Scenario>, timing: u64) -> Machine {
        let rng = Rng::new(scenario.seed, 100 + timing);
        Machine {
            scenario,
            rng,
            now: Timestamp(0),
            alive: BTreeMap::new(),
            future: BTreeMap::new(),
            next: 0,
            durable: BTreeSet::new(),
            finished: BTreeSet::new(),
            started: BTreeSet::new(),
            effects_left: None,
            leased: BTreeSet::new(),
            granted: BTreeSet::new(),
            limits: false,
            asking: false,
            asks: Asks::default(),
            told: BTreeSet::new(),
            violations: Vec::new(),
        }
    }

    /// Lets `input` happen `after_ms` from now.
    pub fn plan(&mut self, after_ms: u64, input: Input) {
        self.next += 1;
        self.future.insert((self.now + after_ms, self.next), input);
    }

    /// Takes note of what a recovery found durable.
    pub fn remember(&mut self, events: &[Event]) {
        self.asks.remember(events);
        for event in events {
            match &event.kind {
                EventKind::DispatchStarted { attempt, .. } | EventKind::UndoStarted { attempt, .. } => {
                    self.durable.insert(*attempt);
                }
                EventKind::NodeEnded { node, outcome: NodeOutcome::Succeeded, .. } => {
                    self.finished.insert(*node);
                }
                _ => {}
            }
        }
    }

    /// Everything that runs dies with its owner; reports under way are lost.
    pub fn die(&mut self) {
        self.alive.clear();
        self.future.clear();
        self.effects_left = None;
    }

    /// The keeper dies and its children with it, under a live orchestrator, which hears of no end any more.
    pub fn lose_keeper(&mut self) -> Vec<Input> {
        let lost: Vec<AttemptId> = std::mem::take(&mut self.alive).into_keys().collect();
        let gone = |input: &Input| matches!(input, Input::AttemptEnded(e) if lost.contains(&e.attempt));
        self.future.retain(|_, input| !gone(input));
        lost.into_iter().map(|attempt| Input::AttemptLost { attempt, why: None }).collect()
    }

    /// Leases of a dead orchestrator are free, but for those of what lives on.
    pub fn take_leases_up(&mut self) {
        let live: Vec<NodeId> = self.alive.values().filter(|a| a.number > 0).map(|a| a.node).collect();
        self.leased.retain(|node| live.contains(node));
        self.granted.clear();
    }

    /// Whether somebody still holds leases.
    #[must_use]
    pub fn holds_leases(&self) -> bool {
        !self.leased.is_empty()
    }

    /// Reports that an orchestrator died with are told again by whoever owns the children.
    pub fn unacknowledged(&mut self, inputs: Vec<Input>) {
        for input in inputs.into_iter().filter(|i| matches!(i, Input::AttemptEnded(_))) {
            self.plan(0, input);
        }
    }

    /// Takes out what has happened by now: reports of attempts that are really over.
    pub fn happened(&mut self) -> Vec<Input> {
        let mut inputs = Vec::new();
        while let Some((&(at, _), _)) = self.future.first_key_value() {
            if at > self.now {
                break;
            }
            if let Some((_, input)) = self.future.pop_first() {
                if let Input::AttemptEnded(ended) = &input {
                    self.alive.remove(&ended.attempt);
                }
                inputs.push(input);
            }
        }
        inputs
    }

    fn wants_lease(&self, node: NodeId) -> bool {
        let spec = &self.scenario.spec;
        let leased = |claim: &Claim| spec.resources[claim.resource as usize].lease;
        spec.nodes[node.index()].claims.iter().any(leased)
    }

    fn fail(&mut self, law: &str) {
        self.violations.push(law.to_owned());
    }

    fn spawn(&mut self, attempt: AttemptId, alive: Alive) {
        if !self.durable.contains(&attempt) {
            self.fail("law 1: an attempt was started before its event was durable");
        }
        if alive.number > 0 && self.finished.contains(&alive.node) {
            self.fail("law 5: finished work was repeated");
        }
        if alive.number > 0 && self.wants_lease(alive.node) && !self.leased.contains(&alive.node) {
            self.fail("law 8: a task was started without the leases that it wants");
        }
        if !self.started.insert(attempt) {
            return; // keyed by attempt id: performing it twice does no harm
        }
        let timeout = self.scenario.spec.policies
            [self.scenario.spec.nodes[alive.node.index()].policy as usize]
            .attempt_timeout_ms
            .unwrap_or(1_000);
        let duration = self.rng.between(0, timeout.saturating_sub(1));
        if self.limits && alive.number > 0 && self.rng.one_in(8) {
            // A matter of the weather, as a loss is: it takes no number.
            let retry_after_ms = self.rng.between(0, 3_000);
            self.plan(duration, ended(attempt, Verdict::RateLimited { retry_after_ms }));
            self.alive.insert(attempt, alive);
            return;
        }
        match alive.fate {
            Fate::Hang => {}
            fate => self.plan(duration, ended(attempt, verdict(fate))),
        }
        self.may_ask(attempt, alive, duration);
        if alive.fate != Fate::Hang && self.rng.one_in(40) {
            let late = self.rng.between(1, 3_000);
            self.plan(duration + late, ended(attempt, verdict(alive.fate))); // a duplicate report
        }
        self.alive.insert(attempt, alive);
    }

    /// Some attempts ask, one in three of these a second thing; now and then something is told or answered twice, and people
    /// take their time, also longer than the attempt lasts.
    fn may_ask(&mut self, attempt: AttemptId, alive: Alive, duration: u64) {
        if !self.asking || alive.number == 0 || !self.rng.one_in(3) {
            return;
        }
        let most = if self.rng.one_in(3) { 2 } else { 1 };
        for number in 1..=most {
            for _ in 0..self.rng.between(1, 2) {
                let asked = self.rng.between(0, duration);
                let question = self.asks.ask(attempt, number);
                self.plan(asked, question);
            }
            for _ in 0..self.rng.between(0, 2) {
                let answered = self.rng.between(0, duration + 200);
                let allowed = self.rng.one_in(2);
                self.plan(answered, answer(attempt, number, allowed));
            }
        }
    }

    /// What lives on asks whoever takes the run over again.
    pub fn ask_again(&mut self) {
        let alive: Vec<AttemptId> = self.alive.keys().copied().collect();
        for attempt in alive {
            for number in self.asks.open(attempt) {
                let (after, question) = (self.rng.between(0, 200), self.asks.ask(attempt, number));
                self.plan(after, question);
            }
        }
    }

    fn end(&mut self, attempt: AttemptId, grace_ms: u64) {
        if self.alive.contains_key(&attempt) {
            let after = self.rng.between(0, grace_ms);
            self.plan(after, ended(attempt, Verdict::Failed(Cause::Signal)));
        }
    }
}

fn verdict(fate: Fate) -> Verdict {
    match fate {
        Fate::Succeed => Verdict::Succeeded,
        Fate::Fail | Fate::Hang => Verdict::Failed(Cause::Exit),
        Fate::Unresolved => Verdict::Failed(Cause::Resolution),
    }
}

fn ended(attempt: AttemptId, verdict: Verdict) -> Input {
    Input::AttemptEnded(Ended { attempt, verdict, report: Report::default() })
}

impl Driver for Machine {
    fn absorb(&mut self, _event: &Event, _payload: Option<&Payload>) {}

    fn evaluate(&mut self, node: NodeId) -> ConditionAnswer {
        match self.scenario.conditions[node.index()] {
            Condition::True => ConditionAnswer::True,
            Condition::False => ConditionAnswer::False,
            Condition::Error => ConditionAnswer::Error("no such key".into()),
        }
    }

    fn expand(&mut self, node: NodeId) -> Expansion {
        let maps = self.scenario.spec.maps.iter().zip(&self.scenario.items);
        let found = maps.into_iter().find(|(slots, _)| slots.first() == Some(&node.0));
        found.map_or_else(|| Expansion::Error("it is no map".into()), |(_, items)| items.clone())
    }

    fn recall(&mut self, node: NodeId, _attempt: AttemptId) -> Arrival {
        let answer = if self.scenario.done_before[node.index()] {
            Recalled::Found(Box::new(Reused {
                run: "earlier".into(),
                attempt: AttemptId(1),
                by: ReusedBy::Content,
                duration_ms: 10,
                report: Report::default(),
            }))
        } else {
            Recalled::Missed("no earlier run did equal work".into())
        };
        Input::Recalled { node, answer }.into()
    }

    fn claim(&mut self, graph: &Graph, node: NodeId) -> Claimed {
        if self.rng.one_in(3) {
            let leased = |claim: &&Claim| graph.resources[claim.resource as usize].lease;
            let resource = graph.claims(node).iter().find(leased).map_or(0, |claim| claim.resource);
            let after = self.rng.between(1, 500);
            self.plan(after, Input::LeasesFreed);
            return Claimed::Taken { resource, by: "another run".into() };
        }
        self.leased.insert(node);
        self.granted.insert(node);
        Claimed::Granted { epoch: 1 }
    }

    fn committed(&mut self, _engine: &Engine, events: &[Event]) {
        self.remember(events);
    }

    fn perform(&mut self, effect: &Effect) {
        match &mut self.effects_left {
            Some(0) => return,
            Some(left) => *left -= 1,
            None => {}
        }
        match effect {
            Effect::Start { node, attempt, number } => {
                let fate = self.scenario.fate(node.index(), *number);
                self.granted.remove(node);
                self.spawn(*attempt, Alive { node: *node, number: *number, fate });
            }
            Effect::Undo { node, attempt } => {
                self.spawn(*attempt, Alive { node: *node, number: 0, fate: Fate::Succeed });
            }
            Effect::End { attempt, grace_ms } => self.end(*attempt, *grace_ms),
            Effect::Reconcile { node, .. } => {
                let found =
                    if self.rng.one_in(2) { Reconciliation::NotDone } else { Reconciliation::Unknown };
                let after = self.rng.between(0, 200);
                self.plan(after, Input::Reconciled { node: *node, found });
            }
            // Reports that were under way come all the same.
            Effect::Suspend | Effect::Continue => {}
            Effect::Permit { attempt, number, allowed } => {
                if let Err(law) = self.asks.permit((*attempt, *number), *allowed) {
                    self.fail(law);
                }
            }
            // What was granted for the next attempt stays.
            Effect::Release { node } if self.granted.contains(node) => {}
            Effect::Release { node } | Effect::Unclaim { node } => {
                self.leased.remove(node);
                self.granted.remove(node);
            }
            Effect::Escalate { about, .. } => {
                self.told.insert(*about);
            }
            Effect::Evaluate { .. }
            | Effect::Expand { .. }
            | Effect::Recall { .. }
            | Effect::Claim { .. }
            | Effect::Land
            | Effect::Leave(_) => {}
        }
    }

    fn flush(&mut self) {}
}
