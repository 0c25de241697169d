//! The control of a live run from another terminal: a socket beside the run, one request and one answer at a time.
//!
//! What a request means for the state is decided here and in the engine, whether the orchestrator obeys it live or it
//! is recorded for the next one. Knows no command line.

mod asker;
pub(crate) mod permissions;
mod settling;

pub use asker::{Asker, ReplyTo};
pub use settling::Settle;

use crate::callers::Caller;
use crate::socket::door::{Door, is_same_user, peer};
use crate::socket::wire::Wire;
use crate::turn::Arrival;
use regatta_engine::Engine;
use regatta_engine::ids::NodeId;
use regatta_engine::input::{Answer, Input};
use regatta_engine::outcome::PauseReason;
use regatta_engine::state::Phase;
use regatta_engine::state::node::NodeState;
use serde::{Deserialize, Serialize};
use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The socket in the directory of a run.
const SOCKET: &str = "c";
/// After a knock that failed.
const PAUSE: Duration = Duration::from_millis(2);
/// Whoever knocks has so long to say what it wants, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many tasks are named in one answer.
const MOST_NAMED: usize = 10;
/// The loop has so long to answer: a turn takes milliseconds.
const ANSWER: Duration = Duration::from_secs(10);

/// Whoever only looks waits no longer than it takes to read the journal instead.
const AT_ONCE: Duration = Duration::from_millis(500);

/// What a person wants of a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Start nothing new.
    Pause {
        /// Let what runs stand still too.
        now: bool,
    },
    /// Go on.
    Resume,
    /// End what runs and start nothing more, or end one task.
    Cancel {
        /// The task.
        task: Option<String>,
    },
    /// Do not run a task that has not started.
    Skip {
        /// The task.
        task: String,
    },
    /// Leases that the run waits for may be free now.
    LeasesFreed,
    /// Leases for the running attempt of a task, all or none.
    Acquire {
        /// The task.
        task: String,
        /// Names, and how each is wanted.
        wants: Vec<Wanted>,
    },
    /// Leases of the running attempt of a task go back.
    Release {
        /// The task.
        task: String,
        /// Which; all of its own if none is named.
        names: Vec<String>,
    },
    /// A running attempt asks a person for a permission.
    Permission {
        /// The attempt.
        attempt: u64,
        /// The number of the question within it.
        question: u32,
        /// What is to be permitted, for people.
        title: String,
        /// The kind of the tool; may be empty.
        tool: String,
        /// A yes is one for always.
        always: bool,
    },
    /// Answer what a running attempt asks.
    Permit {
        /// The task.
        task: String,
        /// The question, by attempt and number within it; if none is named, the only one that the attempt ever asked.
        question: Option<(u64, u32)>,
        /// Yes or no.
        allow: bool,
    },
    /// Settle a task in doubt.
    Answer {
        /// The task.
        task: String,
        /// How.
        settle: Settle,
    },
    /// Where does it stand?
    Stand,
    /// Hand over what the running attempt of a task writes, for somebody who looks on.
    Look {
        /// The task.
        task: String,
    },
}

/// A lease that a running attempt wants.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// With others who share it.
    pub shared: bool,
    /// Units of a counted lease.
    pub units: Option<u32>,
}

/// What the run answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is done and durable; what that means, for people.
    Done(String),
    /// It does not fit the state; why, for people.
    Refused(String),
    /// What this attempt writes to standard output and error: two descriptors come with it.
    Streams {
        /// The attempt.
        attempt: u64,
    },
    /// Where the run stands, for people.
    Stands(String),
    /// Waiting for it would never end; why, for people.
    Endless(String),
    /// What a person answered.
    Permission {
        /// Yes or no.
        allowed: bool,
    },
}

/// A request under way to the loop.
#[derive(Debug)]
pub struct Request {
    /// What is wanted.
    pub command: Command,
    /// Takes the answer.
    pub reply: ReplyTo,
    /// Takes the descriptors that go with it, before the answer.
    pub files: SyncSender<[PipeReader; 2]>,
}

/// What a request comes to.
#[derive(Debug)]
pub enum Meaning {
    /// These inputs, in that order, and what to say when they are durable.
    Feed(Vec<Arrival>, String),
    /// Nothing to do, because it is so already.
    So(String),
    /// It does not fit the state.
    Refused(String),
}

/// What a request means in the present state.
#[must_use]
pub fn interpret(engine: &Engine, command: &Command) -> Meaning {
    let task = match command {
        Command::Cancel { task } => task.as_deref(),
        Command::Skip { task } | Command::Answer { task, .. } | Command::Permit { task, .. } => {
            Some(task.as_str())
        }
        Command::Acquire { task, .. } | Command::Release { task, .. } | Command::Look { task } => {
            Some(task.as_str())
        }
        Command::Pause { .. }
        | Command::Resume
        | Command::LeasesFreed
        | Command::Permission { .. }
        | Command::Stand => None,
    };
    if let Some(task) = task.filter(|task| engine.graph().find(task).is_none()) {
        return Meaning::Refused(format!("the run has no task `{}`", task.escape_debug()));
    }
    if let Phase::Ended(status) = engine.state().phase {
        return Meaning::Refused(format!("the run has ended ({})", status.name()));
    }
    match command {
        Command::Pause { now } => pause(engine, *now),
        Command::Resume => resume(engine),
        Command::Cancel { task: None } => {
            feed(Input::Cancel { node: None }, "what runs is being ended; nothing more starts")
        }
        Command::Cancel { task: Some(task) } => of_task(engine, task, &cancel),
        Command::Skip { task } => of_task(engine, task, &skip),
        Command::Stand => {
            Meaning::Refused("a run without an orchestrator is read from its journal".to_owned())
        }
        Command::Look { .. } => Meaning::Refused("output is looked at while the run is live only".to_owned()),
        // The loop does these itself; without one there is nothing to wait for.
        Command::LeasesFreed | Command::Acquire { .. } | Command::Release { .. } => {
            Meaning::Refused("leases are claimed of a live run only".to_owned())
        }
        Command::Permission { .. } => {
            Meaning::Refused("whoever asks for a permission asks a live run".to_owned())
        }
        Command::Permit { task, question, allow } => {
            of_task(engine, task, &|engine, node| permissions::permit(engine, node, (*question, *allow)))
        }
        Command::Answer { task, settle } => {
            of_task(engine, task, &|engine, node| settling::answer(engine, node, settle))
        }
    }
}

fn feed(input: Input, said: &str) -> Meaning {
    Meaning::Feed(vec![input.into()], said.to_owned())
}

/// A pause is over, and what a person may have resolved meanwhile is looked at again, as by whoever takes a run up.
fn resume(engine: &Engine) -> Meaning {
    let paused = matches!(engine.state().phase, Phase::Paused(_));
    let mut said = if paused { "the run goes on" } else { "the run is not paused" }.to_owned();
    let mut fed: Vec<Arrival> = paused.then(|| Input::Unpause.into()).into_iter().collect();
    let again: Vec<NodeId> = engine.state().conflicting().collect();
    if !again.is_empty() {
        let name = |node: &NodeId| format!("`{}`", engine.graph().name(*node));
        let names: Vec<String> = again.iter().take(MOST_NAMED).map(name).collect();
        let more = match again.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let tasks = if again.len() == 1 { "task" } else { "tasks" };
        said += &format!("; what {tasks} {}{more} would begin from is looked at again", names.join(", "));
    }
    fed.extend(again.into_iter().map(|node| Input::Answered { node, answer: Answer::Again }.into()));
    if fed.is_empty() { Meaning::So(said) } else { Meaning::Feed(fed, said) }
}

fn pause(engine: &Engine, now: bool) -> Meaning {
    let paused = engine.state().phase == Phase::Paused(PauseReason::User);
    match (now, paused, engine.state().is_suspended()) {
        (true, _, true) => Meaning::So("the run is paused and what ran stands still already".to_owned()),
        (true, _, false) => feed(Input::Suspend, "the run is paused; what runs stands still"),
        (false, true, _) => Meaning::So("the run is paused already".to_owned()),
        (false, false, _) => feed(Input::Pause, "the run is paused; what runs goes on, nothing new starts"),
    }
}

type OfNode<'a> = &'a dyn Fn(&Engine, NodeId) -> Result<(Arrival, String), String>;

fn of_task(engine: &Engine, task: &str, what: OfNode<'_>) -> Meaning {
    let Some(node) = engine.graph().find(task) else {
        return Meaning::Refused(format!("the run has no task `{}`", task.escape_debug()));
    };
    if !engine.state().is_shown(engine.graph(), node) {
        let why = "is an item that its map has not, or of which nothing is known yet; its first item stands for all";
        return Meaning::Refused(format!("task `{}` {why}", task.escape_debug()));
    }
    match what(engine, node) {
        Ok((arrival, said)) => Meaning::Feed(vec![arrival], format!("task `{task}` {said}")),
        Err(why) => Meaning::Refused(format!("task `{task}` {why}")),
    }
}

fn cancel(engine: &Engine, node: NodeId) -> Result<(Arrival, String), String> {
    let said = match &engine.state().node(node).state {
        NodeState::Running(_) => "is being ended",
        NodeState::Pending | NodeState::Ready | NodeState::WaitingRetry { .. } | NodeState::InDoubt(_) => {
            "is cancelled"
        }
        NodeState::Collected => return Err("has done its work and waits for landing".to_owned()),
        NodeState::Ended { outcome, .. } => return Err(format!("has ended ({})", outcome.name())),
    };
    Ok((Input::Cancel { node: Some(node) }.into(), said.to_owned()))
}

fn skip(engine: &Engine, node: NodeId) -> Result<(Arrival, String), String> {
    match &engine.state().node(node).state {
        NodeState::Pending | NodeState::Ready | NodeState::WaitingRetry { .. } => {
            Ok((Input::Skip { node }.into(), "is skipped".to_owned()))
        }
        NodeState::Running(_) => Err("runs; `regatta cancel --task` ends it".to_owned()),
        NodeState::InDoubt(_) => Err("is in doubt; `regatta answer` settles it".to_owned()),
        NodeState::Collected => Err("has done its work and waits for landing".to_owned()),
        NodeState::Ended { outcome, .. } => Err(format!("has ended ({})", outcome.name())),
    }
}

/// The door that is open while a run is live.
#[derive(Debug)]
pub struct Listener {
    socket: std::os::unix::net::UnixListener,
    thread: Option<JoinHandle<()>>,
    door: Door,
}

/// Takes a request to the loop, on a thread of the listener's; false if nobody is there any more.
pub type Deliver = Box<dyn Fn(Request) -> bool + Send + Sync>;

/// Opens the door of the run in `run_dir`; requests go to its loop.
///
/// # Errors
/// The system refused a socket or a thread.
pub fn listen(run_dir: &Path, deliver: Deliver) -> io::Result<Listener> {
    let door = Door::open(run_dir)?;
    let socket = door.listen(SOCKET)?;
    let theirs = socket.try_clone()?;
    let deliver = Arc::new(deliver);
    let run_dir = run_dir.to_owned();
    let thread = std::thread::Builder::new().name("control".to_owned()).spawn(move || {
        for knock in theirs.incoming() {
            match knock {
                // Whoever goes away in the middle gets no answer.
                Ok(socket) => drop(serve(socket, &deliver, &run_dir)),
                // The door was shut.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => return,
                // Somebody went away while knocking, or a descriptor is missing for a moment.
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
    })?;
    Ok(Listener { socket, thread: Some(thread), door })
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Wakes the thread out of its waiting; whoever waits in line is told that nobody is there any more.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed there.
            let _ = thread.join();
        }
        // The next orchestrator replaces what is left of it.
        let _ = self.door.remove_socket(SOCKET);
    }
}

fn serve(socket: UnixStream, deliver: &Arc<Deliver>, run_dir: &Path) -> io::Result<()> {
    if !is_same_user(&socket)? {
        return Ok(());
    }
    // At once: its number may be somebody else's by the time that it has said what it wants.
    let caller = Caller::of(peer(&socket));
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let mut wire = Wire::new(socket);
    let Some(command) = next(&mut wire, PATIENCE)? else { return Ok(()) };
    if matches!(command, Command::Acquire { .. } | Command::Permission { .. }) {
        return wait_long(wire, deliver, command);
    }
    if matches!(command, Command::Answer { .. } | Command::Permit { .. })
        && let Some(why) = caller.why_not_a_person(run_dir)
    {
        return say(&mut wire, &Reply::Refused(why.to_owned()), vec![]);
    }
    let (files, streams) = sync_channel(1);
    let (reply, answer) = asker::at_once();
    if !deliver(Request { command, reply, files }) {
        return Ok(());
    }
    match answer.recv_timeout(ANSWER) {
        Ok(reply) => {
            let fds = streams.try_recv().into_iter().flatten().map(OwnedFd::from).collect();
            say(&mut wire, &reply, fds)
        }
        Err(_) => Ok(()),
    }
}

/// It may take as long as others hold the lease, or as a person thinks; the door stays open for the rest. A claim of
/// somebody who has gone is nobody's: the loop takes it back.
fn wait_long(mut wire: Wire, deliver: &Arc<Deliver>, command: Command) -> io::Result<()> {
    let (reply, waiter) = asker::in_time()?;
    let theirs = Arc::clone(deliver);
    let claims = matches!(command, Command::Acquire { .. });
    let wait = move || {
        if waiter.wait(&mut wire) && claims {
            let (reply, _) = asker::at_once();
            let files = sync_channel(1).0;
            // A loop that is gone has given everything back.
            let _ = theirs(Request { command: Command::LeasesFreed, reply, files });
        }
    };
    std::thread::Builder::new().name("waits".to_owned()).spawn(wait)?;
    // A loop that is gone drops it, which ends the thread.
    let _ = deliver(Request { command, reply, files: sync_channel(1).0 });
    Ok(())
}

fn say(wire: &mut Wire, reply: &Reply, fds: Vec<OwnedFd>) -> io::Result<()> {
    wire.push(reply, fds)?;
    wire.flush()?;
    if wire.has_output() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
}

/// The next message; none at the end of the stream. Whoever says nothing for so long is not waited for.
fn next<T: serde::de::DeserializeOwned>(wire: &mut Wire, patience: Duration) -> io::Result<Option<T>> {
    let until = Instant::now() + patience;
    loop {
        if let Some(message) = wire.next()? {
            return Ok(Some(message));
        }
        if Instant::now() >= until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if !wire.fill()? {
            return Ok(None);
        }
    }
}

/// Asks the orchestrator of the run in `run_dir`; none if nobody listens there.
///
/// # Errors
/// It listens, but does not answer.
pub fn ask(run_dir: &Path, command: &Command) -> io::Result<Option<Reply>> {
    Ok(ask_for(run_dir, command)?.map(|(reply, _)| reply))
}

/// Asks for what the running attempt of a task writes; none if nobody listens, or if no attempt of it runs.
///
/// # Errors
/// As [`ask`].
pub fn look(run_dir: &Path, task: &str) -> io::Result<Option<(u64, [PipeReader; 2])>> {
    match ask_for(run_dir, &Command::Look { task: task.to_owned() })? {
        Some((Reply::Streams { attempt }, mut wire)) => {
            let mut pipe = || wire.take_file().map(|file| PipeReader::from(OwnedFd::from(file)));
            let streams = (pipe(), pipe());
            Ok(if let (Some(out), Some(err)) = streams { Some((attempt, [out, err])) } else { None })
        }
        _ => Ok(None),
    }
}

/// Asks where the run stands, as its orchestrator would show it to people; none if that cannot be had at once.
#[must_use]
pub fn stands(run_dir: &Path) -> Option<String> {
    match ask_for(run_dir, &Command::Stand) {
        Ok(Some((Reply::Stands(text), _))) => Some(text),
        _ => None,
    }
}

fn ask_for(run_dir: &Path, command: &Command) -> io::Result<Option<(Reply, Wire)>> {
    let Ok(socket) = Door::open(run_dir).and_then(|door| door.knock(SOCKET)) else { return Ok(None) };
    let patience = match command {
        Command::Acquire { .. } | Command::Permission { .. } => None,
        Command::Stand => Some(AT_ONCE),
        _ => Some(ANSWER),
    };
    socket.set_read_timeout(patience)?;
    let mut wire = Wire::new(socket);
    wire.push(command, vec![])?;
    wire.flush()?;
    match next(&mut wire, patience.unwrap_or(ANSWER)) {
        Ok(Some(reply)) => Ok(Some((reply, wire))),
        // It left between our knock and its answer.
        Ok(None) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
        Err(error) => Err(error),
    }
}
