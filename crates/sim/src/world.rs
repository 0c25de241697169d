//! A world: the real turn function between a faulty store and a fake machine, on a virtual clock.
//!
//! `run` plays a scenario to its end, crashing where the seed says, and checks the laws of the architecture after
//! every turn. Knows nothing that the shipped loop does not know.

use crate::machine::Machine;
use crate::scenario::{Fate, Scenario};
use crate::store::{Fault, FaultyStore};
use crate::watch::Watch;
use regatta_engine::Engine;
use regatta_engine::canonical::CanonicalLog;
use regatta_engine::effect::Leave;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::graph::Graph;
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};
use regatta_engine::input::{Answer, Ended, Input, Resumed};
use regatta_engine::outcome::RunStatus;
use regatta_engine::state::Phase;
use regatta_rng::Rng;
use regatta_runtime::turn::{When, turn};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

/// A scenario does not take more turns than this.
const MAX_TURNS: u32 = 60_000;

/// How rough the world is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weather {
    /// Chooses durations and crash points.
    pub timing: u64,
    /// The orchestrator crashes now and then.
    pub crashes: bool,
    /// Children survive a crash and are adopted (a keeper owns them).
    pub keeper: bool,
    /// People pause, interrupt and resume the run.
    pub people: bool,
    /// Providers answer with rate limits.
    pub limits: bool,
    /// Attempts ask people for permissions.
    pub asks: bool,
}

/// How a scenario ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The status of the run.
    pub status: RunStatus,
    /// The terminal state of each node.
    pub states: Vec<&'static str>,
    /// The canonical log.
    pub canonical: Vec<u8>,
    /// Events in all.
    pub events: usize,
    /// Crashes that happened.
    pub crashes: u32,
    /// Breakers that opened.
    pub openings: u32,
    /// Attempts that met a rate limit.
    pub holds: u32,
    /// Questions that people answered.
    pub answers: u32,
}

/// The world.
#[derive(Debug)]
pub struct World {
    scenario: Rc<Scenario>,
    graph: Arc<Graph>,
    engine: Engine,
    shadow: Engine,
    store: FaultyStore,
    machine: Machine,
    watch: Watch,
    rng: Rng,
    weather: Weather,
    epoch: u64,
    crashes: u32,
    last_at: Timestamp,
}

impl World {
    /// A world in which nothing has happened.
    ///
    /// # Errors
    /// The scenario is not a graph, which is a mistake of the simulator.
    pub fn new(scenario: &Rc<Scenario>, weather: Weather) -> Result<World, String> {
        let graph = Arc::new(Graph::build(scenario.spec.clone()).map_err(|e| e.to_string())?);
        let engine = Engine::new(graph.clone(), scenario.config.clone());
        let mut machine = Machine::new(scenario.clone(), weather.timing);
        machine.limits = weather.limits;
        machine.asking = weather.asks;
        Ok(World {
            machine,
            watch: Watch::default(),
            rng: Rng::new(scenario.seed, 1_000 + weather.timing),
            scenario: scenario.clone(),
            shadow: engine.clone(),
            engine,
            graph,
            store: FaultyStore::default(),
            weather,
            epoch: 1,
            crashes: 0,
            last_at: Timestamp(0),
        })
    }

    /// Plays the scenario to its end.
    ///
    /// # Errors
    /// The first broken law.
    pub fn run(mut self) -> Result<Outcome, String> {
        let mut inputs = vec![Input::Begin];
        for _ in 0..MAX_TURNS {
            let leave = self.turn(std::mem::take(&mut inputs))?;
            match leave {
                Some(Leave::Ended) => return self.outcome(),
                Some(Leave::Interrupted) => inputs.push(self.recover()?),
                Some(Leave::Waiting) => inputs = self.answers()?,
                None => inputs = self.wait()?,
            }
        }
        Err("the run does not end".to_owned())
    }

    /// One turn, perhaps with a crash in it. Answers `None` after a crash too: the world goes on.
    fn turn(&mut self, inputs: Vec<Input>) -> Result<Option<Leave>, String> {
        let crash = self.weather.crashes && self.crashes < 20 && self.rng.one_in(12);
        if crash {
            match self.rng.index(3) {
                0 => self.store.fault = Fault::Refuse,
                1 => self.store.fault = Fault::LieAfterwards,
                _ => self.machine.effects_left = Some(self.rng.between(0, 3) as u32),
            }
        }
        let when = When { now: self.machine.now, wall_ms: 0 };
        let arrivals = inputs.iter().cloned().map(Into::into).collect();
        let turns = self.store.durable.len();
        let taken = turn(&mut self.engine, &mut self.store, &mut self.machine, (when, arrivals));
        self.store.fault = Fault::None;
        if taken.is_err() || crash {
            if self.weather.keeper {
                self.machine.unacknowledged(inputs);
            }
            let resumed = self.crash()?;
            return self.turn(vec![resumed]);
        }
        self.check_fold(turns)?;
        self.check_laws()?;
        taken.map_err(|e| e.to_string())
    }

    /// The orchestrator dies. With a keeper its children live on and their ends are kept.
    fn crash(&mut self) -> Result<Input, String> {
        self.crashes += 1;
        self.machine.effects_left = None;
        self.recover()
    }

    /// Folds the durable turns into a new engine and tells it what was found.
    fn recover(&mut self) -> Result<Input, String> {
        self.store = self.store.reopened();
        let mut engine = Engine::new(self.graph.clone(), self.scenario.config.clone());
        let mut all = Vec::new();
        for turn in &self.store.durable {
            all.extend(turn.events.iter().cloned());
        }
        for event in &all {
            engine.apply(event).map_err(|e| format!("law 5: recovery met an illegal event: {e}"))?;
        }
        self.machine.remember(&all);
        self.shadow = engine.clone();
        self.engine = engine;
        self.epoch += 1;
        let (live, ended) = self.found();
        self.machine.take_leases_up();
        self.machine.ask_again();
        Ok(Input::Resumed(Resumed { epoch: self.epoch, live, ended, boot_changed: false }))
    }

    fn found(&mut self) -> (Vec<AttemptId>, Vec<Ended>) {
        if !self.weather.keeper {
            self.machine.die();
            return (vec![], vec![]);
        }
        let later = self.rng.between(0, 500);
        self.machine.now = self.machine.now + later;
        let ended = self
            .machine
            .happened()
            .into_iter()
            .filter_map(|input| match input {
                Input::AttemptEnded(ended) => Some(ended),
                _ => None, // a question asked of a dead orchestrator is asked again
            })
            .collect();
        (self.machine.alive.keys().copied().collect(), ended)
    }

    /// Goes on to the next moment at which something happens.
    fn wait(&mut self) -> Result<Vec<Input>, String> {
        let happens = self.machine.future.first_key_value().map(|(&(at, _), _)| at);
        let deadline = self.engine.next_deadline().map(|(at, _)| at);
        if deadline.is_some_and(|at| at < self.machine.now) {
            return Err("next_deadline lies in the past: the loop would spin".to_owned());
        }
        let Some(next) = happens.into_iter().chain(deadline).min() else {
            return Err(format!("nothing will ever happen again: {:?}", self.engine.state().phase));
        };
        self.machine.now = self.machine.now.max(next);
        let mut inputs = self.machine.happened();
        if self.weather.crashes && self.crashes < 20 && self.rng.one_in(40) {
            self.crashes += 1;
            inputs.extend(self.machine.lose_keeper());
        }
        if self.weather.people && self.rng.one_in(30) {
            inputs.extend(self.people());
        }
        Ok(inputs)
    }

    fn people(&mut self) -> Vec<Input> {
        match self.rng.index(3) {
            0 => {
                let after = self.rng.between(1, 2_000);
                self.machine.plan(after, Input::Unpause);
                vec![if self.rng.one_in(2) { Input::Pause } else { Input::Suspend }]
            }
            1 => vec![Input::Interrupt { hard: false }],
            _ => vec![Input::Interrupt { hard: true }],
        }
    }

    /// Answers `--again` for everything in doubt, yes or no for what people decide, and resumes.
    fn answers(&mut self) -> Result<Vec<Input>, String> {
        let doubts: Vec<NodeId> = self.engine.state().in_doubt().collect();
        if doubts.is_empty() {
            return Err("the run waits for a person although nothing is in doubt".to_owned());
        }
        let mut inputs: Vec<Input> =
            doubts.into_iter().map(|node| Input::Answered { node, answer: self.answer(node) }).collect();
        inputs.push(Input::Unpause);
        Ok(inputs)
    }

    fn answer(&self, node: NodeId) -> Answer {
        match (self.scenario.is_persons(node.index()), self.scenario.fate(node.index(), 1)) {
            (false, _) => Answer::Again,
            (true, Fate::Succeed) => Answer::Succeeded(None),
            (true, _) => Answer::Failed,
        }
    }

    /// Law 2: the live state is the fold of the journal.
    fn check_fold(&mut self, before: usize) -> Result<(), String> {
        for turn in &self.store.durable[before..] {
            for event in &turn.events {
                self.shadow.apply(event).map_err(|e| format!("law 2: {e}"))?;
            }
        }
        if self.shadow.state() == self.engine.state() {
            return Ok(());
        }
        Err("law 2: the live state is not the fold of the journal".to_owned())
    }

    fn check_laws(&mut self) -> Result<(), String> {
        self.watch.look(&self.scenario, &self.store.durable)?;
        if let Some(law) = self.machine.violations.first() {
            return Err(law.clone());
        }
        if let Some(law) = self.engine.check().first() {
            return Err(format!("law 8: {} does not hold", law.0));
        }
        self.check_caps()?;
        for event in self.store.durable.last().iter().flat_map(|t| &t.events) {
            if event.at < self.last_at {
                return Err("law 6: time went back".to_owned());
            }
            self.last_at = event.at;
        }
        Ok(())
    }

    /// Law 8 on the world's own count of live work, which knows nothing of the engine's.
    fn check_caps(&self) -> Result<(), String> {
        let limits = &self.scenario.config.limits;
        let alive: Vec<NodeId> =
            self.machine.alive.values().filter(|a| a.number > 0).map(|a| a.node).collect();
        let spec = |n: &NodeId| &self.scenario.spec.nodes[n.index()];
        let exceeds = |cap: Option<u32>, count: usize| cap.is_some_and(|c| count > c as usize);
        let mut broken = exceeds(Some(limits.max_parallel), alive.len());
        for (i, cap) in limits.per_tag.iter().enumerate() {
            broken |= exceeds(*cap, alive.iter().filter(|n| spec(n).tags.contains(&(i as u32))).count());
        }
        for (i, cap) in limits.per_agent.iter().enumerate() {
            broken |= exceeds(*cap, alive.iter().filter(|n| spec(n).agent == Some(i as u32)).count());
        }
        for (i, cap) in limits.per_priority.iter().enumerate() {
            broken |= exceeds(*cap, alive.iter().filter(|n| spec(n).priority.index() == i).count());
        }
        if broken { Err("law 8: live work exceeds a cap".to_owned()) } else { Ok(()) }
    }

    fn outcome(&mut self) -> Result<Outcome, String> {
        self.watch.look(&self.scenario, &self.store.durable)?;
        let open = &self.engine.state().scopes.escalations;
        if let Some(about) = open.keys().find(|about| !self.machine.told.contains(about)) {
            return Err(format!("law 5: nobody was told that {about:?} is escalated"));
        }
        if self.machine.holds_leases() {
            return Err("law 8: the run has ended and leases are left over".to_owned());
        }
        let Phase::Ended(status) = self.engine.state().phase else {
            return Err("the run may leave but has not ended".to_owned());
        };
        let mut log = CanonicalLog::new();
        let events: Vec<&Event> = self.store.durable.iter().flat_map(|t| &t.events).collect();
        for event in &events {
            log.push(&self.graph, event);
        }
        self.check_terminal(&events)?;
        let nodes = (0..self.graph.len() as u32).map(NodeId);
        Ok(Outcome {
            status,
            states: nodes.map(|n| self.engine.state().node(n).state_name()).collect(),
            canonical: log.write(&self.graph),
            events: events.len(),
            crashes: self.crashes,
            openings: self.watch.openings,
            holds: self.watch.holds,
            answers: events.iter().filter(|e| e.kind.name() == "permission_answered").count() as u32,
        })
    }

    /// Law 7 and law 4: a terminal node gets no further event, and a late report changes nothing.
    fn check_terminal(&self, events: &[&Event]) -> Result<(), String> {
        let mut ended = vec![false; self.graph.len()];
        let mut undone = BTreeSet::new();
        for event in events {
            let Some(node) = event.kind.node() else { continue };
            if let EventKind::UndoStarted { attempt, .. } = event.kind {
                undone.insert(attempt);
            }
            let undo = event.kind.attempt().is_some_and(|a| undone.contains(&a));
            let about_run = matches!(event.kind, EventKind::RunStopping { .. } | EventKind::Escalated { .. });
            if ended[node.index()] && !undo && !about_run {
                let story: Vec<String> = events
                    .iter()
                    .filter(|e| e.kind.node() == Some(node))
                    .map(|e| format!("  {} {:?}", e.at.0, e.kind))
                    .collect();
                return Err(format!("law 7: `{}` after its end\n{}", event.kind.name(), story.join("\n")));
            }
            ended[node.index()] |= matches!(event.kind, EventKind::NodeEnded { .. });
        }
        Ok(())
    }
}
