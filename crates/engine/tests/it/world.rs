//! A fake world on a virtual clock: it starts what the engine wants started and reports what the script says.
//!
//! It takes turns as the runtime does (drain, answer queries, settle, commit, perform) and holds every turn against
//! the laws: conservation, one fold, deadlines that lie ahead. Tests speak its verbs.

use crate::script::{Behaviour, Does, Script};
use regatta_engine::Engine;
use regatta_engine::canonical::CanonicalLog;
use regatta_engine::cause::Cause;
use regatta_engine::effect::{Effect, Leave};
use regatta_engine::event::{Event, EventKind};
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};
use regatta_engine::input::{Claimed, Ended, Input, Recalled, Resumed, Reused, ReusedBy, Verdict};
use regatta_engine::report::{Report, Usage};
use regatta_engine::scope::Scope;
use regatta_engine::state::Phase;
use std::collections::BTreeMap;

/// The world of one run.
pub(crate) struct World {
    pub(crate) script: Script,
    pub(crate) engine: Engine,
    pub(crate) now: u64,
    pub(crate) events: Vec<Event>,
    pub(crate) effects: Vec<(u64, Effect)>,
    /// The last answer that the orchestrator may leave.
    pub(crate) left: Option<Leave>,
    mirror: Engine,
    inputs: Vec<(Timestamp, Input)>,
    due: BTreeMap<(u64, u64), Input>,
    /// What waits until attempts go on: milliseconds from then.
    frozen: Vec<(u64, Input)>,
    order: u64,
    tries: BTreeMap<(NodeId, bool), usize>,
    alive: BTreeMap<AttemptId, NodeId>,
    /// Attempts that are not scripted to get lost, and whether they are undos.
    scripted: BTreeMap<AttemptId, bool>,
    epoch: u64,
    /// Caps were lowered under live work: they may be exceeded until it ends.
    lowered: bool,
    /// Nodes whose leases another run holds.
    pub(crate) taken: BTreeMap<NodeId, Box<str>>,
}

impl World {
    pub(crate) fn new(text: &str) -> World {
        World::of(Script::new(text))
    }

    pub(crate) fn of(script: Script) -> World {
        let engine = Engine::new(script.graph.clone(), script.config.clone());
        World {
            mirror: engine.clone(),
            engine,
            script,
            now: 0,
            events: vec![],
            effects: vec![],
            left: None,
            inputs: vec![],
            due: BTreeMap::new(),
            frozen: Vec::new(),
            order: 0,
            tries: BTreeMap::new(),
            alive: BTreeMap::new(),
            scripted: BTreeMap::new(),
            epoch: 0,
            lowered: false,
            taken: BTreeMap::new(),
        }
    }

    /// Begins, and runs until nothing happens any more.
    pub(crate) fn ran(text: &str) -> World {
        let mut world = World::new(text);
        world.begin();
        world.run();
        world
    }

    /// Begins, and stops the clock at `until`.
    pub(crate) fn at(until: u64, text: &str) -> World {
        let mut world = World::new(text);
        world.begin();
        world.until(until);
        world
    }

    pub(crate) fn begin(&mut self) {
        self.send(Input::Begin);
    }

    /// One turn with one input.
    pub(crate) fn send(&mut self, input: Input) {
        self.turn(vec![input]);
    }

    /// Runs until nothing happens any more.
    pub(crate) fn run(&mut self) {
        self.until(u64::MAX);
        self.replays();
    }

    /// Runs to the moment `until`, all of it included.
    pub(crate) fn until(&mut self, until: u64) {
        let mut turns = 0;
        while let Some(at) = self.next().filter(|&at| at <= until) {
            turns += 1;
            assert!(turns < 100_000, "the run does not come to an end");
            self.now = at;
            let mut inputs = vec![];
            while let Some(entry) = self.due.first_entry().filter(|e| e.key().0 <= at) {
                inputs.push(entry.remove());
            }
            for input in &inputs {
                if let Input::AttemptEnded(Ended { attempt, .. }) | Input::AttemptLost { attempt, .. } = input
                {
                    self.alive.remove(attempt);
                }
            }
            self.turn(inputs);
        }
        if until != u64::MAX {
            self.now = self.now.max(until);
        }
    }

    fn next(&self) -> Option<u64> {
        let due = self.due.first_key_value().map(|(key, _)| key.0);
        let timer = self.engine.next_deadline().map(|(at, _)| at.0);
        due.into_iter().chain(timer).min()
    }

    /// A turn as the runtime takes it.
    pub(crate) fn turn(&mut self, inputs: Vec<Input>) {
        let (mut queries, mut effects, mut events) = (vec![], vec![], vec![]);
        let mut step = |world: &mut World, input: Input| {
            world.inputs.push((Timestamp(world.now), input.clone()));
            let step = world.engine.step(Timestamp(world.now), input);
            events.extend(step.events);
            let (asked, wanted): (Vec<_>, Vec<_>) = step.effects.into_iter().partition(Effect::is_query);
            effects.extend(wanted);
            asked
        };
        for input in inputs {
            self.lowered |= matches!(input, Input::LimitsChanged { .. });
            queries.extend(step(self, input));
        }
        loop {
            while let Some(query) = queries.pop() {
                let answer = self.answer(&query);
                queries.extend(step(self, answer));
            }
            queries.extend(step(self, Input::Settle));
            if queries.is_empty() {
                break;
            }
        }
        self.holds(&events);
        events.iter().for_each(|event| self.untry(event));
        self.events.extend(events);
        effects.into_iter().for_each(|effect| self.perform(effect));
    }

    fn answer(&self, query: &Effect) -> Input {
        match *query {
            Effect::Evaluate { node } => {
                Input::ConditionEvaluated { node, answer: self.behaviour(node).when.clone() }
            }
            Effect::Expand { node } => Input::Expanded { node, answer: self.behaviour(node).items.clone() },
            Effect::Recall { node } => {
                let answer = if self.behaviour(node).done_before {
                    let run = "earlier".into();
                    let (attempt, by, report) = (AttemptId(7), ReusedBy::Content, Report::default());
                    Recalled::Found(Box::new(Reused { run, attempt, by, duration_ms: 4, report }))
                } else {
                    Recalled::Missed("nothing was done before".into())
                };
                Input::Recalled { node, answer }
            }
            Effect::Claim { node } => {
                let answer = match self.taken.get(&node) {
                    Some(by) => Claimed::Taken { resource: 0, by: by.clone() },
                    None => Claimed::Granted { epoch: 1 },
                };
                Input::Claimed { node, answer }
            }
            _ => panic!("{query:?} is no query"),
        }
    }

    /// The laws after a turn: conservation, one fold, no deadline in the past.
    fn holds(&mut self, events: &[Event]) {
        for event in events {
            self.mirror.apply(event).unwrap();
        }
        assert_eq!(self.mirror.state(), self.engine.state(), "the fold of the events is the live state");
        if !self.lowered {
            assert_eq!(self.engine.check(), vec![]);
        }
        let deadline = self.engine.next_deadline();
        assert!(deadline.is_none_or(|(at, _)| at > self.engine.now()), "{deadline:?} at {}", self.now);
        if let Phase::Ended(_) = self.engine.state().phase {
            assert_eq!(deadline, None);
        }
    }

    /// The same inputs give the same events (law 3, and `regatta replay`).
    pub(crate) fn replays(&self) {
        let mut engine = Engine::new(self.script.graph.clone(), self.script.config.clone());
        let steps = self.inputs.iter().flat_map(|(now, input)| engine.step(*now, input.clone()).events);
        assert_eq!(steps.collect::<Vec<_>>(), self.events);
    }

    fn perform(&mut self, effect: Effect) {
        match effect.clone() {
            Effect::Start { node, attempt, .. } => self.start(node, attempt, false),
            Effect::Undo { node, attempt } => self.start(node, attempt, true),
            Effect::End { attempt, .. } => self.end(attempt),
            Effect::Reconcile { node, .. } => {
                let found = self.behaviour(node).finds.clone();
                self.later(1, Input::Reconciled { node, found });
            }
            Effect::Suspend => self.freeze(),
            Effect::Continue => self.thaw(),
            Effect::Leave(leave) => self.left = Some(leave),
            Effect::Land | Effect::Escalate { .. } => {}
            Effect::Release { .. } | Effect::Unclaim { .. } | Effect::Permit { .. } => {}
            Effect::Evaluate { .. }
            | Effect::Expand { .. }
            | Effect::Recall { .. }
            | Effect::Claim { .. } => {
                panic!("queries are answered before the commit")
            }
        }
        self.effects.push((self.now, effect));
    }

    fn start(&mut self, node: NodeId, attempt: AttemptId, undo: bool) {
        let tries = self.tries.entry((node, undo)).or_default();
        let behaviour = &self.script.behaviours[node.index()];
        let all = if undo { &behaviour.undoes } else { &behaviour.does };
        let does = all.get(*tries).or(all.last()).copied().unwrap_or(Does::Succeed);
        let (takes, burns) = (behaviour.takes, behaviour.burns);
        *tries += 1;
        self.alive.insert(attempt, node);
        if !matches!(
            does,
            Does::GetLost | Does::MeetLimit(_) | Does::Fail(Cause::DiskFull | Cause::MergeConflict)
        ) {
            self.scripted.insert(attempt, undo);
        }
        match does {
            Does::Succeed => self.later(takes, burnt(ended(attempt, Verdict::Succeeded), burns)),
            Does::Fail(cause) => self.later(takes, burnt(ended(attempt, Verdict::Failed(cause)), burns)),
            Does::GetLost => self.later(takes, Input::AttemptLost { attempt, why: None }),
            Does::Hang => {}
            Does::MeetLimit(retry_after_ms) => {
                self.later(takes, ended(attempt, Verdict::RateLimited { retry_after_ms }));
            }
        }
    }

    /// What attempts were about to report waits as long as they stand still.
    fn freeze(&mut self) {
        let now = self.now;
        let (frozen, due) = std::mem::take(&mut self.due)
            .into_iter()
            .partition(|(_, input)| reported(input).is_some_and(|a| self.alive.contains_key(&a)));
        self.due = due;
        let frozen: BTreeMap<(u64, u64), Input> = frozen;
        self.frozen = frozen.into_iter().map(|((at, _), input)| (at - now, input)).collect();
    }

    fn thaw(&mut self) {
        for (after, input) in std::mem::take(&mut self.frozen) {
            self.later(after, input);
        }
    }

    /// TERM: the tree is dead a little later, whatever it was about to report.
    fn end(&mut self, attempt: AttemptId) {
        self.due.retain(|_, input| reported(input) != Some(attempt));
        let Some(&node) = self.alive.get(&attempt) else { return };
        let dies = self.behaviour(node).dies;
        self.later(dies, ended(attempt, Verdict::Failed(Cause::Signal)));
    }

    /// Tells the engine `input` in `ms` milliseconds.
    pub(crate) fn later(&mut self, ms: u64, input: Input) {
        self.order += 1;
        self.due.insert((self.now + ms, self.order), input);
    }

    /// The orchestrator dies, its children with it unless they `survive`; the next one takes the run over.
    pub(crate) fn crash(&mut self, survive: bool) {
        self.take_over(survive, vec![]);
    }

    /// As `crash`; what people asked for meanwhile is told first, in the same turn.
    pub(crate) fn take_over(&mut self, survive: bool, mut meanwhile: Vec<Input>) {
        if !survive {
            let dead = core::mem::take(&mut self.alive);
            self.due.retain(|_, input| reported(input).is_none_or(|a| !dead.contains_key(&a)));
        }
        self.due.retain(|_, input| !matches!(input, Input::Reconciled { .. }));
        self.engine = self.mirror.clone();
        self.left = None;
        self.epoch += 1;
        let (epoch, live) = (self.epoch, self.alive.keys().copied().collect());
        meanwhile.push(Input::Resumed(Resumed { epoch, live, ended: vec![], boot_changed: false }));
        self.turn(meanwhile);
    }

    /// An attempt that did not count, and was not scripted to get lost, takes no word of the script.
    fn untry(&mut self, event: &Event) {
        let EventKind::DispatchEnded { node, attempt, outcome, .. } = &event.kind else { return };
        let scripted = self.scripted.remove(attempt);
        for undo in [false, true] {
            if !outcome.counts() && scripted == Some(undo) {
                *self.tries.entry((*node, undo)).or_default() -= 1;
            }
        }
    }

    fn behaviour(&self, node: NodeId) -> &Behaviour {
        &self.script.behaviours[node.index()]
    }

    pub(crate) fn node(&self, name: &str) -> NodeId {
        self.script.graph.find(name).unwrap()
    }

    pub(crate) fn name(&self, node: NodeId) -> &str {
        self.script.graph.name(node)
    }

    /// The attempt that `name` runs now.
    pub(crate) fn attempt(&self, name: &str) -> AttemptId {
        self.engine.state().node(self.node(name)).live().unwrap().attempt
    }

    pub(crate) fn state(&self, name: &str) -> &'static str {
        self.engine.state().node(self.node(name)).state_name()
    }

    pub(crate) fn why(&self, name: &str) -> String {
        self.engine.explain(self.node(name)).sentence(&self.script.graph)
    }

    /// `a@0 b@10`: what was started when.
    pub(crate) fn starts(&self) -> String {
        let started = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::DispatchStarted { node, .. } => Some(format!("{}@{}", self.name(*node), event.at.0)),
            _ => None,
        });
        started.collect::<Vec<_>>().join(" ")
    }

    /// `a succeeded, b blocked (upstream a); partial`: how everything stands.
    pub(crate) fn result(&self) -> String {
        let mut nodes: Vec<String> = vec![];
        for node in self.engine.shown() {
            let state = self.engine.state().node(node);
            let mut text = format!("{} {}", self.name(node), state.state_name());
            if let Some(cause) = state.cause() {
                text += &format!(" ({}", cause.code());
                for up in self.upstream(node) {
                    text += &format!(" {}", self.name(up));
                }
                text += ")";
            }
            nodes.push(text);
        }
        let run = match self.engine.state().phase {
            Phase::New => "new".to_owned(),
            Phase::Running => "running".to_owned(),
            Phase::Paused(reason) => format!("paused ({})", reason.name()),
            Phase::Ended(status) => status.name().to_owned(),
        };
        format!("{}; {run}", nodes.join(", "))
    }

    fn upstream(&self, wanted: NodeId) -> Vec<NodeId> {
        let ends = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::NodeEnded { node, upstream, .. } if *node == wanted => Some(upstream.to_vec()),
            _ => None,
        });
        ends.collect::<Vec<_>>().pop().unwrap_or_default()
    }

    /// The journal in short, without readiness and leases: `0 dispatch_started a 1`.
    pub(crate) fn journal(&self) -> String {
        let shown = self.events.iter().filter(|e| !matches!(e.kind, EventKind::RunStarted { .. }));
        shown.map(|event| self.short(event)).collect::<Vec<_>>().join("\n")
    }

    fn short(&self, event: &Event) -> String {
        let mut text = format!("{} {}", event.at.0, event.kind.name());
        let about_scope = event.kind.name().split('_').any(|w| matches!(w, "breaker" | "hold" | "escalated"));
        if let Some(node) = event.kind.node().filter(|_| !about_scope) {
            text += &format!(" {}", self.name(node));
        }
        match &event.kind {
            EventKind::BreakerOpened { scope, until, failures } => {
                text += &format!(" {} until {} after {failures}", self.scope(*scope), until.0);
            }
            EventKind::HoldStarted(scope, until) => {
                text += &format!(" {} until {}", self.scope(*scope), until.0);
            }
            EventKind::BreakerHalfOpen(scope)
            | EventKind::BreakerClosed(scope)
            | EventKind::HoldEnded(scope) => text += &format!(" {}", self.scope(*scope)),
            EventKind::Escalated { about, class, cause } => {
                text += &format!(" {} {} {}", self.scope(*about), class.name(), cause.code());
            }
            EventKind::BudgetReached(None, _) => text += " of the run",
            EventKind::RunPaused { reason } => text += &format!(" {}", reason.name()),
            EventKind::RunEnded { status } => text += &format!(" {}", status.name()),
            EventKind::WaveStarted { wave } | EventKind::WaveEnded { wave } => text += &format!(" {wave}"),
            EventKind::RetryScheduled { until, .. } => text += &format!(" until {}", until.0),
            EventKind::DispatchStarted { number, .. } => text += &format!(" {number}"),
            EventKind::DispatchEnding { cause, .. } | EventKind::RunEnding { cause } => {
                text += &format!(" {}", cause.code());
            }
            EventKind::DispatchEnded { cause: Some(cause), .. }
            | EventKind::NodeEnded { cause: Some(cause), .. }
            | EventKind::NodeInDoubt { cause, .. }
            | EventKind::UndoEnded { cause: Some(cause), .. } => text += &format!(" {}", cause.code()),
            _ => {}
        }
        text
    }

    fn scope(&self, scope: Scope) -> String {
        format!("{}:{}", scope.kind(), scope.name(&self.script.graph).unwrap())
    }

    /// Only the lines of the journal that name one of `kinds`.
    pub(crate) fn only(&self, kinds: &[&str]) -> String {
        let wanted = |line: &&str| line.split(' ').nth(1).is_some_and(|kind| kinds.contains(&kind));
        self.journal().lines().filter(wanted).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn canonical(&self) -> String {
        String::from_utf8(self.log().write(&self.script.graph)).unwrap()
    }

    pub(crate) fn attempts(&self) -> String {
        String::from_utf8(self.log().attempts(&self.script.graph)).unwrap()
    }

    fn log(&self) -> CanonicalLog {
        let mut log = CanonicalLog::new();
        self.events.iter().for_each(|event| log.push(&self.script.graph, event));
        log
    }
}

/// The end of an attempt that reports so many tokens.
fn burnt(input: Input, burns: Option<u64>) -> Input {
    let Input::AttemptEnded(mut ended) = input else { return input };
    ended.report.usage = burns.map(|input_tokens| Usage { input_tokens, ..Usage::default() });
    Input::AttemptEnded(ended)
}

/// The end of an attempt.
pub(crate) fn ended(attempt: AttemptId, verdict: Verdict) -> Input {
    Input::AttemptEnded(Ended { attempt, verdict, report: Report::default() })
}

fn reported(input: &Input) -> Option<AttemptId> {
    match input {
        Input::AttemptEnded(Ended { attempt, .. }) | Input::AttemptLost { attempt, .. } => Some(*attempt),
        _ => None,
    }
}

/// Runs `plan` to its end and holds how everything ended against `expect`.
#[track_caller]
pub(crate) fn check(plan: &str, expect: &str) {
    assert_eq!(World::ran(plan).result(), expect, "plan: {plan}");
}

/// Runs `plan` to its end and holds what was started when against `expect`.
#[track_caller]
pub(crate) fn check_starts(plan: &str, expect: &str) {
    assert_eq!(World::ran(plan).starts(), expect, "plan: {plan}");
}
