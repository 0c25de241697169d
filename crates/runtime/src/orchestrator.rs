//! One run, from its record to its end: the loop that owns the engine.
//! ```text
//! start:  record the run -> Begin  ->  loop
//! resume: fold the journal -> sweep -> Resumed -> loop
//! loop:   wait for the inbox or the next deadline -> drain -> turn -> until it may leave
//! ```
//! One closed message enum feeds it. Knows nothing of arguments and screens.

use crate::action::{Actions, ActionsError};
use crate::clock::{RunClock, wall_ms};
use crate::fault;
use crate::local::{Local, Observer};
use crate::owner::{Config, Owner, Report};
use crate::turn::{Arrival, Driver as _, When, turn};
use regatta_engine::Engine;
use regatta_engine::build::GraphError;
use regatta_engine::effect::Leave;
use regatta_engine::graph::Graph;
use regatta_engine::ids::Timestamp;
use regatta_engine::input::{Input, Resumed};
use regatta_engine::state::Phase;
use regatta_journal::{Payload, RunJournal, Store, StoreError, StoredEvent};
use regatta_plan::Plan;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Messages that wait for the loop at most; senders block beyond it.
const INBOX: usize = 1_024;
/// A loop that has nothing to wait for but its inbox looks up this seldom.
const FOREVER: Duration = Duration::from_secs(3_600);

/// Everything that can reach the loop.
#[derive(Debug)]
pub enum Message {
    /// Reports of the process owner.
    Reports(Vec<Report>),
    /// A signal asked to leave.
    Signal,
    /// An input from the outside.
    Input(Box<Arrival>),
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
        self.0.send(Message::Input(Box::new(arrival))).is_ok()
    }
}

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store failed; resume goes on from what is durable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plan is no graph, which validation should have said.
    #[error("the plan is not a graph: {0}")]
    Graph(#[from] GraphError),
    /// A task cannot be prepared, which validation should have said.
    #[error(transparent)]
    Actions(#[from] ActionsError),
    /// The process owner could not be started, or stopped listening.
    #[error("the process owner failed: {0}")]
    Owner(String),
    /// A directory of the run could not be made.
    #[error("cannot create `{}`: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// How a run was left.
#[derive(Debug)]
pub struct Left {
    /// Why.
    pub leave: Leave,
    /// The engine as it stands.
    pub engine: Engine,
}

/// One run.
pub struct Orchestrator {
    engine: Engine,
    store: RunJournal,
    local: Local,
    clock: RunClock,
    inbox: Receiver<Message>,
    handle: Handle,
    first: Vec<Arrival>,
    interrupts: u32,
}

impl Orchestrator {
    /// Takes a run up: a new one from its beginning, an old one from its journal.
    ///
    /// # Errors
    /// The store is damaged or fails, or the process owner cannot be started.
    pub fn open(
        mut store: RunJournal,
        plan: Arc<Plan>,
        workspace: &Path,
        observer: Observer,
    ) -> Result<Orchestrator, RunError> {
        fault::point("run.created");
        let (spec, config) = regatta_plan::lower(&plan);
        let graph = Arc::new(Graph::build(spec)?);
        let (sender, inbox) = sync_channel(INBOX);
        let handle = Handle(sender);
        let owner = start_owner(&store.dir(), handle.clone())?;
        let actions = Actions::new(plan, workspace, store.run_id().as_str(), std::env::vars_os())?;
        let place = (store.run_id().to_string(), store.dir());
        let mut local = Local::new(owner, actions, place, observer);
        let mut engine = Engine::new(graph, config);
        let now = recover(&mut engine, &mut store, &mut local)?;
        let first = match engine.state().phase {
            Phase::New => Input::Begin,
            Phase::Running | Phase::Paused(_) | Phase::Ended(_) => {
                Input::Resumed(Resumed { epoch: store.epoch(), ..Resumed::default() })
            }
        };
        let clock = RunClock::from(now);
        let first = vec![Arrival::from(first)];
        Ok(Orchestrator { engine, store, local, clock, inbox, handle, first, interrupts: 0 })
    }

    /// A handle to speak to the loop from another thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until the run ends, waits for a person, or was interrupted. Everything that was started is dead then.
    ///
    /// # Errors
    /// The store failed, or the process owner stopped listening; what is durable can be resumed.
    pub fn run(mut self) -> Result<Left, RunError> {
        self.sweep();
        let mut arrivals = std::mem::take(&mut self.first);
        loop {
            let when = When { now: self.clock.now(), wall_ms: wall_ms() };
            self.local.expire(when.now);
            let leave = turn(&mut self.engine, &mut self.store, &mut self.local, (when, arrivals))?;
            if let Some(reason) = self.local.broken() {
                return Err(RunError::Owner(reason.to_owned()));
            }
            if let Some(leave) = leave {
                drop(self.inbox); // nobody waits for it any more, so reports cannot block
                drop(self.local);
                self.store.close()?;
                return Ok(Left { leave, engine: self.engine });
            }
            arrivals = self.wait();
        }
    }

    /// Nothing of an earlier orchestrator may live when this one starts anything.
    fn sweep(&mut self) {
        if self.engine.state().phase == Phase::New {
            return;
        }
        self.local.sweep();
        let swept = |message: &Message| match message {
            Message::Reports(reports) => reports.iter().any(|r| matches!(r, Report::Swept { .. })),
            Message::Signal | Message::Input(_) => false,
        };
        while let Ok(message) = self.inbox.recv() {
            let done = swept(&message);
            self.take(message);
            if done {
                return self.local.forget_results(self.engine.state());
            }
        }
    }

    /// Waits for something to happen and takes all of it.
    fn wait(&mut self) -> Vec<Arrival> {
        if !self.local.has_arrivals() && self.first.is_empty() {
            match self.inbox.recv_timeout(self.patience()) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        while let Ok(message) = self.inbox.try_recv() {
            self.take(message);
        }
        let mut arrivals = std::mem::take(&mut self.first);
        arrivals.extend(self.local.take_arrivals());
        arrivals
    }

    fn patience(&self) -> Duration {
        let deadline =
            self.engine.next_deadline().map(|(at, _)| at).into_iter().chain(self.local.deadline()).min();
        deadline.map_or(FOREVER, |at| Duration::from_millis(at.since_ms(self.clock.now())))
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Reports(reports) => reports.into_iter().for_each(|r| self.local.report(r)),
            Message::Signal => {
                self.interrupts += 1;
                self.first.push(Input::Interrupt { hard: self.interrupts > 1 }.into());
            }
            Message::Input(arrival) => self.first.push(*arrival),
        }
    }
}

/// Folds the journal into the engine and the outputs; answers the engine time to go on from.
fn recover(engine: &mut Engine, store: &mut RunJournal, local: &mut Local) -> Result<Timestamp, RunError> {
    let mut illegal = None;
    store.fold(&mut |StoredEvent { event, payload, pos, .. }| {
        if let Err(error) = engine.apply(&event) {
            illegal.get_or_insert((pos, error));
            return Ok(());
        }
        let attempt = event.kind.attempt();
        let payload = attempt.zip(payload).map(|(attempt, bytes)| Payload { attempt, bytes });
        local.absorb(&event, payload.as_ref());
        Ok(())
    })?;
    match illegal {
        None => Ok(engine.now()),
        Some((pos, error)) => Err(StoreError::Damaged {
            path: store.place().database(),
            copy: None,
            detail: format!("run {} at event {pos}: {error}", store.run_id()),
        }
        .into()),
    }
}

fn start_owner(run_dir: &Path, handle: Handle) -> Result<Owner, RunError> {
    let attempts = run_dir.join("attempts");
    make_dir(&attempts)?;
    let config = Config { tmp_dir: attempts, sole_parent: false };
    let deliver = Box::new(move |reports| {
        // A loop that is gone needs no reports: it is ending everything.
        let _ = handle.0.send(Message::Reports(reports));
    });
    Owner::start(config, deliver).map_err(|e| RunError::Owner(e.to_string()))
}

fn make_dir(path: &Path) -> Result<(), RunError> {
    use std::os::unix::fs::DirBuilderExt as _;
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(RunError::Directory { path: path.to_owned(), source }),
    }
}

/// Wall clock now, for records.
#[must_use]
pub fn now_wall_ms() -> u64 {
    wall_ms()
}
