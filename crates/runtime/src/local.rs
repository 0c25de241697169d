//! The driver of this machine: turns effects into requests to the keeper, and what the keeper says into inputs.
//!
//! Never waits: starting and ending are messages. Knows what is under way, not what follows from an end.
//!
//! An end is acknowledged to the keeper when the turn that took it is durable, not before.

use crate::action::{Actions, Kind};
use crate::agents;
use crate::apart::Apart;
use crate::attempt_dirs::{AttemptDir, AttemptDirs};
use crate::collect;
use crate::docks::{Docking, Leftovers, Tell};
use crate::driven::Driven;
use crate::escalation::{self, Case, Story};
use crate::hosted::Hosting;
use crate::judge::Job;
use crate::judging::Judging;
use crate::keeper::{Ask, Bytes, Ended, Heard, Keeper};
use crate::kept_id;
use crate::leases::Leases;
use crate::looking::Looks;
use crate::observer::{Observer, Told};
use crate::outputs::Outputs;
use crate::private_file::is_no_room;
use crate::reading::Reading;
use crate::redact::Raw;
use crate::reuse::Memory;
use crate::saying::Keepsakes;
use crate::turn::{Arrival, Driver, When};
use crate::unasked::Unasked;
use crate::waiting::Waiting;
use regatta_engine::Engine;
use regatta_engine::budget::Level;
use regatta_engine::effect::Effect;
use regatta_engine::escalation::Escalation;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::graph::Graph;
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};
use regatta_engine::input::{Claimed, ConditionAnswer, Expansion, Input};
use regatta_engine::scope::Scope;
use regatta_engine::state::State;
use regatta_journal::Payload;
use regatta_plan::Plan;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

/// Why the run cannot go on here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Broken {
    /// The keeper is gone.
    KeeperGone,
    /// The disk is full.
    NoRoom(String),
    /// Nobody can tell who holds what.
    Leases(String),
}

/// An end that was judged: the keeper's id, and where its files are.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) id: u64,
    pub(crate) dir: Option<AttemptDir>,
}

/// The run that a driver works for.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its id.
    pub run_id: String,
    /// Its directory, which exists.
    pub run_dir: PathBuf,
    /// The fencing epoch of this orchestrator.
    pub epoch: u64,
}

/// The driver of this machine.
pub struct Local {
    pub(crate) keeper: Option<Keeper>,
    pub(crate) actions: Arc<Actions>,
    pub(crate) outputs: Outputs,
    memory: Memory,
    pub(crate) leases: Leases,
    /// Fencing epochs of grants, until the start.
    pub(crate) epochs: BTreeMap<NodeId, u64>,
    pub(crate) place: Place,
    pub(crate) dirs: AttemptDirs,
    /// Worktrees, where the plan has any.
    pub(crate) apart: Option<Apart>,
    /// A landing under way.
    pub(crate) docking: Option<Docking>,
    /// So many commands and agents of landings were started by this orchestrator: no number is used twice.
    pub(crate) docked: u64,
    /// What of an earlier orchestrator's landing still lives.
    pub(crate) leftovers: Leftovers,
    /// Nothing is left of the run's budget.
    pub(crate) budget_is_full: bool,
    /// How a landing speaks to the loop that owns this driver.
    pub(crate) tell: Option<Tell>,
    /// When commands of a landing have had their time.
    pub(crate) timeouts: Vec<(Timestamp, u64)>,
    pub(crate) jobs: BTreeMap<u64, Job>,
    pub(crate) asks: Vec<Ask>,
    pub(crate) arrivals: VecDeque<Arrival>,
    pub(crate) looks: Looks,
    /// Attempts that wait for what a person answers.
    pub(crate) waiting: Waiting,
    /// What is with drivers of the program.
    pub(crate) driven: Driven,
    /// Large ends that are being judged.
    pub(crate) judging: Judging,
    /// Ends that nobody had asked for and that are not judged yet.
    pub(crate) unasked: Unasked,
    /// What commands said, as far as it is still being kept.
    pub(crate) keepsakes: Keepsakes,
    /// Connections to servers of tools.
    pub(crate) hosting: Hosting,
    pub(crate) reading: Reading,
    /// Ends that were judged and wait for the turn that takes them, and those that the present turn has taken.
    pub(crate) to_ack: (Vec<Judged>, Vec<Judged>),
    /// Reconcile commands under way and when they have had their time.
    pub(crate) asking: BTreeMap<u64, Timestamp>,
    pub(crate) now: Timestamp,
    /// Wall clock of the present turn.
    pub(crate) wall_ms: u64,
    pub(crate) broken: Option<Broken>,
    observer: Observer,
    /// When the observer wants to be told again.
    look_again: Option<Timestamp>,
    plan: Arc<Plan>,
    graph: Arc<Graph>,
    pub(crate) story: Story,
}

impl Local {
    /// A driver for one run; it has no keeper yet.
    #[must_use]
    pub fn new(
        (actions, memory, leases): (Actions, Memory, Leases),
        (plan, graph): (Arc<Plan>, Arc<Graph>),
        place: Place,
        observer: Observer,
    ) -> Local {
        let outputs = Outputs::new(actions.referenced(), place.run_dir.clone());
        Local {
            keeper: None,
            actions: Arc::new(actions),
            memory,
            leases,
            epochs: BTreeMap::new(),
            outputs,
            place,
            dirs: AttemptDirs::default(),
            apart: None,
            docking: None,
            docked: 0,
            leftovers: Leftovers::default(),
            budget_is_full: false,
            tell: None,
            timeouts: Vec::new(),
            jobs: BTreeMap::new(),
            asks: Vec::new(),
            arrivals: VecDeque::new(),
            looks: Looks::default(),
            waiting: Waiting::default(),
            driven: Driven::default(),
            judging: Judging::default(),
            unasked: Unasked::default(),
            keepsakes: Keepsakes::default(),
            hosting: Hosting::default(),
            reading: Reading::default(),
            to_ack: (Vec::new(), Vec::new()),
            asking: BTreeMap::new(),
            now: Timestamp(0),
            wall_ms: 0,
            broken: None,
            observer,
            look_again: None,
            plan,
            graph,
            story: Story::default(),
        }
    }

    /// Works with a keeper from here on.
    pub fn employ(&mut self, keeper: Keeper) {
        let pair =
            |(name, value): (&std::ffi::OsStr, &std::ffi::OsStr)| (Bytes::from(name), Bytes::from(value));
        let vars = self.actions.environment().iter().map(pair).collect();
        self.asks.insert(0, Ask::Environment { vars });
        self.keeper = Some(keeper);
        self.broken = None;
    }

    /// Lets the keeper go; it leaves as soon as it owns nothing.
    pub fn release(&mut self) -> Option<Keeper> {
        self.flush();
        self.asks.clear();
        self.looks.forget();
        self.keeper.take()
    }

    /// Inputs that this driver found out by itself since the last call.
    pub fn take_arrivals(&mut self) -> impl Iterator<Item = Arrival> + '_ {
        self.to_ack.1.append(&mut self.to_ack.0);
        if let Some(docking) = self.docking.as_mut() {
            docking.paid.1.append(&mut docking.paid.0);
        }
        self.arrivals.drain(..)
    }

    /// True if inputs wait to be taken.
    #[must_use]
    pub fn has_arrivals(&self) -> bool {
        !self.arrivals.is_empty()
    }

    /// Asks the keeper to end every process of this run, whoever started it; [`Heard::Swept`] answers.
    pub fn sweep(&mut self) {
        self.asks.push(Ask::Sweep { run_marker: self.place.run_id.clone() });
        self.flush();
    }

    /// Takes up attempts that an earlier orchestrator started and that live or have ended since; answers those of
    /// `found` that are still of interest. The others are ended and forgotten.
    pub fn adopt(&mut self, state: &State, found: &[u64]) -> Vec<u64> {
        let undo = state.rollback.current.map(|u| (u.attempt, u.node, Kind::Undo));
        let undone = state.rollback.current.and_then(|u| u.ending);
        let live = state.live().map(|(attempt, node)| (attempt, node, Kind::Attempt));
        for (attempt, node, kind) in live.chain(undo).filter(|(a, ..)| found.contains(&a.0)) {
            let live = state.node(node).live().filter(|_| kind == Kind::Attempt);
            let number = live.map_or(1, |live| live.number);
            let told_to_end = live.map_or(undone, |live| live.ending).is_some();
            if kind == Kind::Attempt {
                self.adopt_apart((attempt, node, number));
            }
            let dir = AttemptDir::found(self.dir(attempt, kind));
            let job = Job { adopted: true, told_to_end, ..Job::new((attempt, node, kind), dir) };
            self.jobs.insert(attempt.0, job);
        }
        let (known, unknown): (Vec<u64>, Vec<u64>) = found.iter().partition(|id| self.jobs.contains_key(id));
        for id in unknown {
            if kept_id::is_of_landing(id) {
                self.end_leftover(id);
                continue;
            }
            if self.adopt_host(id) {
                continue;
            }
            // An outcome that is recorded already, or a question of somebody who cannot hear the answer.
            collect::forget(&self.dir(kept_id::attempt_of(id), Kind::Attempt));
            self.asks.extend([Ask::End { attempt: id, grace_ms: 0 }, Ask::Ack { attempt: id }]);
        }
        known
    }

    /// What earlier runs left.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Whether something that is no attempt has had its time.
    pub(crate) fn is_late(&self, now: Timestamp) -> bool {
        self.timeouts.iter().map(|(at, _)| at).chain(self.asking.values()).any(|at| *at <= now)
    }

    /// Why the run cannot go on here, if so.
    #[must_use]
    pub fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// When a reconcile command has had its time, or the observer wants to look again.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let late = self.timeouts.iter().map(|(at, _)| at);
        self.asking.values().chain(&self.look_again).chain(late).min().copied()
    }

    /// What has no room, if that is why the run cannot go on here.
    pub fn full(&self) -> Option<String> {
        match &self.broken {
            Some(Broken::NoRoom(what)) => Some(what.clone()),
            _ => None,
        }
    }

    /// Tells the observer that a turn is over.
    pub fn turned(&mut self, engine: &Engine, turns: u64, pos: u64) {
        let again = (self.observer)(engine, Told::Turn { turns, pos });
        self.look_again = again.map(|after| self.now + u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    }

    /// Where the run stands, for people, if the observer can tell.
    pub fn standing(&mut self, engine: &Engine) -> Option<String> {
        let answer = RefCell::new(None);
        // It asks for nothing: the end of the turn has told when it wants to be told again.
        let _ = (self.observer)(engine, Told::Asked { answer: &answer });
        answer.into_inner()
    }

    /// A turn begins: ends reconcile commands that have had their time.
    pub fn begin(&mut self, When { now, wall_ms }: When) {
        self.now = self.now.max(now);
        self.wall_ms = wall_ms;
        self.end_late_commands();
        let late: Vec<u64> = self.asking.iter().filter(|(_, at)| **at <= now).map(|(&id, _)| id).collect();
        for id in late {
            self.asking.remove(&id);
            self.asks.push(Ask::End { attempt: id, grace_ms: 0 });
        }
        self.flush();
    }

    /// Takes what the keeper said.
    pub fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Still => {}
            Heard::Streams(attempt, streams) => self.looks.end(attempt, streams, self.actions.redactor()),
            Heard::Swept => {
                let swept = self.leases.swept();
                self.check(swept);
                self.sweep_dead();
            }
            Heard::Idle { attempt } if self.jobs.contains_key(&attempt) => {
                let attempt = AttemptId(attempt);
                self.arrivals.push_back(Input::AttemptIdle { attempt }.into());
            }
            Heard::Idle { attempt } => self.helper_idle(attempt),
            Heard::Ended(ended, streams) => match self.jobs.get(&ended.attempt).filter(|_| ended.disk_full) {
                // It is not acknowledged, so it is heard again by whoever resumes when there is room.
                Some(job) => {
                    let (task, run_dir) = (self.graph.name(job.node), self.place.run_dir.display());
                    let what = format!("task `{task}` failed while nothing could be written below {run_dir}");
                    self.broken = Some(Broken::NoRoom(what));
                }
                None => self.ended(&ended, streams),
            },
            Heard::Gone => {
                self.broken.get_or_insert(Broken::KeeperGone);
            }
        }
    }

    /// Takes an end that the keeper has kept for whoever comes: the disk has room again, or nobody could come.
    pub fn hear_kept(&mut self, ended: &Ended, streams: [Option<Raw>; 2]) {
        self.ended(ended, streams);
    }

    /// Takes the end of what has no output.
    pub(crate) fn take_end(&mut self, ended: &Ended) {
        self.ended(ended, [None, None]);
    }

    fn ended(&mut self, ended: &Ended, mut streams: [Option<Raw>; 2]) {
        let id = ended.attempt;
        self.looks.over(id);
        self.waiting.forget(AttemptId(id));
        self.asking.remove(&id);
        if self.host_ended(id) || self.step_of_landing_ended(ended, &mut streams) {
            return;
        }
        let Some(job) = self.jobs.remove(&id) else {
            if self.in_hand().contains(&id) {
                return; // heard again from another keeper while it is looked at here
            }
            return self.to_ack.0.push(Judged { id, dir: None }); // nobody asks about it any more
        };
        if !job.told_to_end && matches!(job.kind, Kind::Attempt | Kind::Undo) {
            self.unasked.heard(id);
        }
        self.weigh(job, (ended.clone(), streams));
    }

    /// The keeper may forget an end when the next turn is durable.
    pub(crate) fn ack_when_durable(&mut self, id: u64) {
        self.to_ack.0.push(Judged { id, dir: None });
    }

    /// Tells a person. Without room the run stops; else whoever shows the run writes what is missing, or says why not.
    fn escalate(&mut self, about: Scope, escalation: Escalation) {
        let Place { run_id, run_dir, .. } = &self.place;
        let run = escalation::Run { run_id, run_dir, plan: &self.plan, graph: &self.graph };
        let case = Case::of(run, &self.story, (about, escalation));
        if let Err(error) = escalation::write(run, about, &case)
            && is_no_room(&error)
        {
            self.broken = Some(Broken::NoRoom(format!("an escalation could not be written: {error}")));
        }
    }
}

impl Driver for Local {
    fn absorb(&mut self, event: &Event, payload: Option<&Payload>) {
        self.outputs.absorb(event, payload);
        self.budget_is_full |= matches!(event.kind, EventKind::BudgetReached(None, Level::Full));
        if let Some(apart) = &mut self.apart {
            apart.absorb(event);
        }
        self.memory.absorb(event);
        self.driven.each(|driver| driver.absorb(event, payload));
        self.story.absorb(&self.graph, event);
    }

    fn evaluate(&mut self, node: NodeId) -> ConditionAnswer {
        if self.memory.stands(node) || self.memory.leaves(node) {
            return ConditionAnswer::True;
        }
        self.actions.evaluate(node, &self.outputs)
    }

    fn expand(&mut self, node: NodeId) -> Expansion {
        self.actions.expand(node, &self.outputs)
    }

    fn recall(&mut self, node: NodeId, attempt: AttemptId) -> Arrival {
        let footing = self.apart_of(node).map(|apart| apart.footing(node));
        self.memory.recall((&self.actions, &self.outputs), (node, attempt), footing.as_ref())
    }

    fn claim(&mut self, graph: &Graph, node: NodeId) -> Claimed {
        self.claim_all(graph, node)
    }

    fn committed(&mut self, engine: &Engine, events: &[Event]) {
        self.release_own(engine, events);
        self.waiting.keep(&|attempt| engine.state().node_of(attempt).is_some());
        if let Some(apart) = &mut self.apart {
            apart.durable = true;
            apart.workers.ground().told(&std::mem::take(&mut apart.over));
        }
        self.now = engine.now();
        for Judged { id, dir } in self.to_ack.1.drain(..) {
            dir.into_iter().for_each(|dir| self.dirs.end(dir));
            self.asks.push(Ask::Ack { attempt: id });
        }
        self.answer_paid();
        for event in events {
            if let EventKind::NodeEnded { node, .. } = event.kind
                && self.actions.dialect(node).is_some_and(|(_, agent)| agent.own_home)
            {
                agents::forget_home(&self.place.run_dir, &self.actions.task(node).id);
            }
        }
        self.driven.each(|driver| driver.committed(engine, events));
        // The latest answer is that to the end of the turn.
        let _ = (self.observer)(engine, Told::Durable { events, wall_ms: self.wall_ms });
    }

    fn perform(&mut self, effect: &Effect) {
        match effect {
            Effect::Start { node, attempt, number } => self.start(*attempt, (*node, *number), Kind::Attempt),
            Effect::Undo { node, attempt } => self.start(*attempt, (*node, 1), Kind::Undo),
            Effect::Reconcile { node, attempt, number } => {
                self.start(*attempt, (*node, *number), Kind::Reconcile);
            }
            Effect::End { attempt, grace_ms } => {
                match self.jobs.get_mut(&attempt.0) {
                    Some(job) => job.told_to_end = true,
                    None => self.unasked.is_to_end(attempt.0),
                }
                if !self.end_apart(*attempt, *grace_ms) && !self.driven.hand(*attempt, effect) {
                    self.asks.push(Ask::End { attempt: attempt.0, grace_ms: *grace_ms });
                }
            }
            Effect::Permit { attempt, number, allowed } => {
                self.waiting.answer(*attempt, *number, *allowed);
            }
            Effect::Release { node } => self.release_leases(*node),
            Effect::Unclaim { node } => self.leave_line(*node),
            Effect::Land => self.land(),
            Effect::Suspend | Effect::Continue => {
                self.driven.each(|driver| driver.perform(effect));
                self.asks.push(if *effect == Effect::Suspend { Ask::Suspend } else { Ask::Continue });
            }
            Effect::Escalate { about, escalation } => self.escalate(*about, *escalation),
            Effect::Evaluate { .. }
            | Effect::Expand { .. }
            | Effect::Recall { .. }
            | Effect::Claim { .. }
            | Effect::Leave(_) => {}
        }
    }

    fn flush(&mut self) {
        self.make_ahead();
        self.foresee();
        self.driven.each(|driver| driver.flush());
        let Some(keeper) = self.keeper.as_mut().filter(|_| !self.asks.is_empty()) else { return };
        if keeper.ask(&std::mem::take(&mut self.asks)).is_err() {
            self.broken.get_or_insert(Broken::KeeperGone);
        }
    }
}
