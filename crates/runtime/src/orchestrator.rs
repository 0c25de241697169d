//! One run, from its record to its end: the loop that owns the engine.
//! ```text
//! start:  record the run -> keeper -> Begin  ->  loop
//! resume: fold the journal -> keeper (sweep, if it is a new one) -> Resumed { live, ended } -> loop
//! loop:   wait for the inbox or the next deadline -> drain -> turn -> until it may leave
//! ```
//! One closed message enum feeds it. A keeper that dies is replaced: what it owned is lost, and the effect contract
//! says what that means. Knows nothing of arguments and screens.

use crate::action::Actions;
use crate::apart;
use crate::clock::{RunClock, wall_ms};
use crate::collect;
use crate::control::{self, Reply, ReplyTo};
use crate::docks::Word;
use crate::driven::{Driven, Drivers, Ring};
use crate::keeper::{Heard, Keeper, Program};
use crate::leases::{Leases, Settled};
use crate::leasing;
use crate::local::{Broken, Local, Place};
use crate::looking::Taker;
use crate::observer::Observer;
use crate::recovery::{self, recover};
use crate::redact::Redactor;
use crate::reuse::{Memory, Reuse};
use crate::run_error::RunError;
use crate::told_plan::told;
use crate::turn::{Arrival, When, turn};
use crate::vault::Vault;
use crate::workspace;
use crate::yard::Done;
use regatta_engine::Engine;
use regatta_engine::effect::Leave;
use regatta_engine::graph::Graph;
use regatta_engine::ids::AttemptId;
use regatta_engine::input::Input;
use regatta_fault as fault;
use regatta_journal::RunJournal;
use regatta_plan::Plan;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Messages that wait for the loop at most; senders block beyond it.
const INBOX: usize = 1_024;
/// A loop that has nothing to wait for but its inbox looks up this seldom.
const FOREVER: Duration = Duration::from_secs(3_600);

/// Connections to tools are let go within so much time; after it they end with the keeper.
const TOOLS_LEAVE: Duration = Duration::from_secs(6);

/// Everything that can reach the loop.
pub enum Message {
    /// What the keeper said; the number tells which keeper.
    Heard(u32, Vec<Heard>),
    /// A signal asked to leave.
    Signal,
    /// An input from the outside.
    Input(Box<Arrival>),
    /// A worker has done an errand in the worktrees.
    Yard(Box<Done>),
    /// The evidence of an attempt was read, or what it says could not be kept.
    Read(u64, std::io::Result<Vec<crate::evidence::Told>>),
    /// What a landing says.
    Landing(Word),
    /// Leases that the run waits for may be free now.
    LeasesFreed,
    /// A person wants something, and waits for the answer.
    Asked(control::Request),
    /// An attempt with a driver of the program has ended, or one was judged on a thread.
    Driven,
    /// Somebody looks on while an attempt writes.
    Look(AttemptId, Taker),
}

/// Speaks to a running loop.
#[derive(Clone, Debug)]
pub struct Handle(SyncSender<Message>);

impl Handle {
    /// A signal came: the first ends what runs within its grace, the second at once.
    pub fn signal(&self) {
        // A loop that is gone has nothing left to interrupt.
        let _ = self.0.send(Message::Signal);
    }

    /// Hands an input to the loop; answers whether it is still there.
    pub fn send(&self, arrival: Arrival) -> bool {
        self.tell(Message::Input(Box::new(arrival)))
    }

    /// Asks for what an attempt writes; `taker` is dropped if nobody can tell.
    pub fn look(&self, attempt: AttemptId, taker: Taker) {
        // A loop that is gone, or far behind, has nothing to show.
        let _ = self.0.try_send(Message::Look(attempt, taker));
    }

    /// Hands a message to the loop; answers whether it is still there.
    pub(crate) fn tell(&self, message: Message) -> bool {
        self.0.send(message).is_ok()
    }
}

/// How a run was left.
#[derive(Debug)]
pub struct Left {
    /// Why.
    pub leave: Leave,
    /// The engine as it stands.
    pub engine: Engine,
    /// What looks for the secrets of the run.
    pub redactor: Arc<Redactor>,
}

/// Where a run runs.
#[derive(Clone, Copy, Debug)]
pub struct Machine<'a> {
    /// The workspace.
    pub workspace: &'a Path,
    /// What is started as the keeper.
    pub keeper: &'a Program,
}

/// What a run does.
#[derive(Debug)]
pub struct Work {
    /// The plan.
    pub plan: Arc<Plan>,
    /// What of earlier runs may stand for it.
    pub reuse: Option<Reuse>,
    /// The secrets of the plan.
    pub vault: Vault,
    /// Drivers that the program brings.
    pub drivers: Drivers,
}

/// One run.
///
/// Dropped in the order of its fields: nobody is heard any more, then what works for it comes to its end, and only then is
/// the run let go, for whoever takes it up.
pub struct Orchestrator {
    pub(crate) inbox: Receiver<Message>,
    pub(crate) local: Local,
    pub(crate) store: RunJournal,
    pub(crate) engine: Engine,
    pub(crate) clock: RunClock,
    pub(crate) handle: Handle,
    pub(crate) program: Program,
    pub(crate) place: Place,
    pub(crate) first: Vec<Arrival>,
    /// What was said while something else was waited for.
    pub(crate) later: VecDeque<Message>,
    /// Answers that are given when the turn that obeys is durable.
    pub(crate) answers: Vec<(ReplyTo, Reply)>,
    /// Answers that are given when everything stands still.
    pub(crate) still: Vec<(ReplyTo, Reply)>,
    /// Leases may be free.
    freed: Arc<AtomicBool>,
    interrupts: u32,
    pub(crate) keepers: u32,
    pub(crate) swept: bool,
}

impl Orchestrator {
    /// Takes a run up: a new one from its beginning, an old one from its journal.
    ///
    /// # Errors
    /// The store is damaged or fails.
    pub fn open(
        mut store: RunJournal,
        Work { plan, reuse, vault, drivers }: Work,
        machine: Machine<'_>,
        observer: Observer,
    ) -> Result<Orchestrator, RunError> {
        fault::point("run.created");
        let plan = told(Arc::clone(&plan), &vault.redactor(&plan));
        let (spec, config) = regatta_plan::lower(&plan);
        let graph = Arc::new(Graph::build(spec)?);
        let (sender, inbox) = sync_channel(INBOX);
        let caches = plan.tasks.iter().any(|task| task.cache);
        let memory = Memory::open((store.run_id(), store.dir()), machine.workspace, (reuse, caches))?;
        let ids = (store.run_id().as_str(), memory.first_run());
        let vars = (std::env::vars_os(), vault);
        let actions = Actions::new(plan.clone(), machine.workspace, ids, vars);
        let place = Place { run_id: store.run_id().to_string(), run_dir: store.dir(), epoch: store.epoch() };
        let (freed, bell) = (Arc::<AtomicBool>::default(), sender.clone());
        let raised = Arc::clone(&freed);
        let wake = Arc::new(move || {
            raised.store(true, Ordering::SeqCst);
            // A full inbox wakes the loop all the same, and one that is gone waits for nothing.
            let _ = bell.try_send(Message::LeasesFreed);
        });
        let leases = Leases::new(machine.workspace, &place.run_dir, &place.run_id, wake);
        let parts = (plan.clone(), graph.clone());
        let mut local = Local::new((actions, memory, leases), parts, place.clone(), observer);
        let tell = sender.clone();
        let told = move |done| {
            // A loop that is gone needs no worktree.
            let _ = tell.send(Message::Yard(Box::new(done)));
        };
        let ends = sender.clone();
        // As above.
        let ring: Ring = Arc::new(move || drop(ends.try_send(Message::Driven)));
        local.wake_by(&ring);
        local.driven = Driven::new(&drivers, ring);
        let reads = sender.clone();
        // A loop that is gone hears the end once more when it is taken up.
        local.reading.back = Some(Arc::new(move |id, told| drop(reads.send(Message::Read(id, told)))));
        let lands = sender.clone();
        local.tell = Some(Arc::new(move |word| lands.send(Message::Landing(word)).is_ok()));
        local.apart = apart::of_run(
            (&plan, &graph, &config.limits),
            (machine.workspace, &place.run_dir, &place.run_id),
            Arc::new(told),
        )?;
        let mut engine = Engine::new(graph, config);
        let now = recover(&mut engine, &mut store, &mut local)?;
        recovery::check_attempts(&engine, &store)?;
        local.check_drivers(engine.state())?;
        Ok(Orchestrator {
            engine,
            store,
            local,
            clock: RunClock::from(now),
            inbox,
            handle: Handle(sender),
            program: machine.keeper.clone(),
            place,
            first: Vec::new(),
            later: VecDeque::new(),
            answers: Vec::new(),
            still: Vec::new(),
            freed,
            interrupts: 0,
            keepers: 0,
            swept: false,
        })
    }

    /// A handle to speak to the loop from another thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until the run ends, waits for a person, or was interrupted. Everything that was started is dead then, and
    /// the keeper has left.
    ///
    /// # Errors
    /// The store or the keeper failed; what is durable can be resumed, and what lives stays with its keeper.
    pub fn run(mut self) -> Result<Left, RunError> {
        let handle = self.handle.clone();
        let deliver = Box::new(move |request| handle.tell(Message::Asked(request)));
        let control = control::listen(&self.place.run_dir, deliver).map_err(RunError::Control)?;
        self.take_up()?;
        let mut arrivals = self.drain();
        loop {
            let now = self.clock.now();
            arrivals.extend(self.heard_before(now));
            let when = When { now, wall_ms: wall_ms() };
            self.local.begin(when);
            let answers = std::mem::take(&mut self.answers);
            let leave = turn(&mut self.engine, &mut self.store, &mut self.local, (when, arrivals))?;
            for (to, said) in answers {
                // Whoever asked may have gone away.
                let _ = to.send(said);
            }
            if !self.engine.state().is_suspended() {
                self.say_still(); // nothing will be told: it was not the moment for it
            }
            if let Some(leave) = leave {
                return self.leave(leave, control);
            }
            self.local.turned(&self.engine, self.store.turns(), self.store.last_pos());
            match self.local.broken() {
                Some(Broken::NoRoom(what)) => {
                    let what = what.clone();
                    return Err(self.stop_without_room(what));
                }
                Some(Broken::Leases(what)) => return Err(RunError::Leases(what.clone())),
                Some(Broken::KeeperGone) => self.replace_keeper()?,
                None => self.wait(),
            }
            arrivals = self.drain();
        }
    }

    /// Lets everything go in the right order: nobody listens to the keeper any more, it leaves, the store is closed.
    fn leave(mut self, leave: Leave, control: control::Listener) -> Result<Left, RunError> {
        fault::point("leave.before");
        self.local.stop_landing();
        self.local.move_out();
        self.local.leases.leave()?;
        self.close_tools();
        let keeper = self.local.release();
        drop(self.inbox);
        drop(control);
        if let Some(keeper) = keeper {
            keeper.leave();
        }
        fault::point("leave.after");
        // Nothing of a driver works on when somebody else may have the run.
        self.local.driven = Driven::default();
        self.store.close()?;
        let redactor = Arc::clone(self.local.actions.redactor());
        Ok(Left { leave, engine: self.engine, redactor })
    }

    /// Lets the connections to tools go, so that servers end by themselves; who does not is ended with the keeper.
    fn close_tools(&mut self) {
        let until = Instant::now() + TOOLS_LEAVE;
        if !self.local.end_host() {
            return;
        }
        while self.local.has_host() && self.local.broken().is_none() {
            match self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Waits for something to happen and takes all of it.
    fn wait(&mut self) {
        let freed = self.freed.load(Ordering::SeqCst);
        let nothing = self.first.is_empty() && self.later.is_empty();
        if !freed && !self.local.has_arrivals() && nothing {
            match self.inbox.recv_timeout(self.patience()) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        while let Some(message) = self.later.pop_front().or_else(|| self.inbox.try_recv().ok()) {
            self.take(message);
        }
        if self.freed.swap(false, Ordering::SeqCst) {
            self.leases_freed();
        }
    }

    pub(crate) fn drain(&mut self) -> Vec<Arrival> {
        self.local.hear_drivers();
        self.local.hear_judged();
        let mut arrivals = std::mem::take(&mut self.first);
        arrivals.extend(self.local.take_arrivals());
        arrivals
    }

    fn patience(&self) -> Duration {
        let deadline =
            self.engine.next_deadline().map(|(at, _)| at).into_iter().chain(self.local.deadline()).min();
        deadline.map_or(FOREVER, |at| Duration::from_millis(at.since_ms(self.clock.now())))
    }

    pub(crate) fn take(&mut self, message: Message) {
        match message {
            // The last words of a keeper that was replaced are nobody's.
            Message::Heard(number, heard) if number == self.keepers => {
                for word in heard {
                    self.swept |= matches!(word, Heard::Swept);
                    if matches!(word, Heard::Still) {
                        self.say_still();
                    }
                    self.local.hear(word);
                }
            }
            Message::Heard(..) => {}
            Message::Signal => {
                self.interrupts += 1;
                self.keep_the_order();
                self.first.push(Input::Interrupt { hard: self.interrupts > 1 }.into());
            }
            Message::Input(arrival) => {
                self.keep_the_order();
                self.first.push(*arrival);
            }
            Message::Landing(word) => self.local.landing_says(word),
            Message::Yard(done) => self.local.yard_done(*done),
            Message::Read(attempt, told) => self.local.evidence_read(attempt, told),
            // What they wake for is looked at when all of them are taken.
            Message::LeasesFreed | Message::Driven => {}
            Message::Asked(request) => self.asked(request),
            Message::Look(attempt, taker) => self.local.look(attempt, taker),
        }
    }

    /// What ended before somebody asked for the end is taken before that.
    pub(crate) fn keep_the_order(&mut self) {
        self.hear_keeper();
        self.local.hear_drivers();
        self.local.hear_judged();
        self.first.extend(self.local.take_arrivals());
    }

    pub(crate) fn say_still(&mut self) {
        for (to, said) in self.still.drain(..) {
            // Whoever asked may have gone away.
            let _ = to.send(said);
        }
    }

    pub(crate) fn leases_freed(&mut self) {
        for settled in self.local.leases_freed() {
            self.settled(settled);
        }
        if self.engine.state().awaits_leases() {
            self.first.push(Input::LeasesFreed.into());
        }
    }

    pub(crate) fn settled(&mut self, settled: Settled) {
        let Some(node) = self.engine.graph().find(&settled.task) else { return };
        let (input, reply) = leasing::told(node, &settled);
        self.first.push(input.into());
        self.answers.push((settled.reply, reply));
    }
}

/// Lets the keeper of a run that has ended go: its orchestrator may have died before it could. Answers when it is gone.
///
/// # Errors
/// It lives, but does not obey.
pub fn dismiss(run_dir: &Path, epoch: u64) -> Result<(), RunError> {
    for attempt in Keeper::dismiss(run_dir, epoch)? {
        collect::forget(&workspace::attempt_dir(run_dir, attempt));
    }
    Ok(())
}

/// Wall clock now, for records.
#[must_use]
pub fn now_wall_ms() -> u64 {
    wall_ms()
}
