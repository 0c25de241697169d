//! The orchestrator's side: finds or starts the keeper of a run, says hello, asks, and hears.
//!
//! A thread of its own reads, so that a keeper never waits for the loop. Knows no plan.

use super::message::{Ask, Ended, Tell};
use super::{HELPER, LOCK, LOG, OLDEST_PROTOCOL, PROTOCOL, SOCKET, Terms};
use crate::redact::Raw;
use crate::socket::door::{Door, peer};
use crate::socket::wire::Wire;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A keeper that has the lock must listen within this time, or be gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at a keeper that comes or goes.
const PAUSE: Duration = Duration::from_millis(2);

/// What a keeper has to say.
#[derive(Debug)]
pub enum Heard {
    /// An attempt is silent.
    Idle {
        /// The attempt.
        attempt: u64,
    },
    /// An attempt ended: how, and what it wrote to standard output and error.
    Ended(Ended, [Option<Raw>; 2]),
    /// What an attempt writes to standard output and error, if it lives.
    Streams(u64, Option<[Raw; 2]>),
    /// Every tree that lives stands still.
    Still,
    /// No process with the run's marker is left.
    Swept,
    /// The keeper is gone.
    Gone,
}

/// Takes what was heard, in order, on the reader's thread.
pub type Deliver = Box<dyn Fn(Vec<Heard>) + Send>;

/// Why there is no keeper.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The system refused.
    #[error("the keeper {what}: {source}")]
    Io {
        /// What could not be done.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// It ended before it listened.
    #[error("the keeper did not start: {0}")]
    NotStarted(String),
    /// It lives, but does not listen.
    #[error("the keeper of this run lives but does not answer")]
    Silent,
    /// It obeys somebody newer.
    #[error("the keeper obeys epoch {theirs}, this orchestrator has {ours}")]
    Fenced {
        /// The epoch that it obeys.
        theirs: u64,
        /// Ours.
        ours: u64,
    },
    /// It is of another version.
    #[error("the keeper speaks protocols {oldest} to {newest}, this version {OLDEST_PROTOCOL} to {PROTOCOL}")]
    Version {
        /// The newest that it speaks.
        newest: u32,
        /// The oldest that it speaks.
        oldest: u32,
    },
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> KeeperError {
    move |source| KeeperError::Io { what, source }
}

/// What is started as a keeper.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program.
    pub path: PathBuf,
    /// On what terms it keeps.
    pub terms: Terms,
}

/// What was found when the keeper was met.
#[derive(Debug, Default)]
pub struct Found {
    /// It was started now: nothing of an earlier one is known to live.
    pub fresh: bool,
    /// Attempts that live.
    pub live: Vec<u64>,
    /// Attempts that ended and were not acknowledged.
    pub ended: Vec<(Ended, [Option<Raw>; 2])>,
    /// The machine was started anew since something was recorded.
    pub boot_changed: bool,
}

/// A connection to the keeper of a run.
pub struct Keeper {
    wire: Wire,
    /// The protocol that is spoken.
    protocol: u32,
    reader: Option<JoinHandle<()>>,
    /// The process, if it was started by this one.
    child: Option<Child>,
}

impl Keeper {
    /// Meets the keeper of the run in `run_dir`, or starts one: `program` with the arguments [`HELPER`], `keeper`, the
    /// directory and the terms.
    ///
    /// # Errors
    /// There is none and none can be started, or it does not obey.
    pub fn meet(
        program: &Program,
        run_dir: &Path,
        epoch: u64,
        deliver: Deliver,
    ) -> Result<(Keeper, Found), KeeperError> {
        let door = Door::open(run_dir).map_err(failed("cannot be reached"))?;
        let until = Instant::now() + PATIENCE;
        let (mut keeper, mut found) = loop {
            let (socket, child) = reach(&door, program, run_dir, until)?;
            regatta_fault::partner(|| peer(&socket));
            let mut keeper = Keeper { wire: Wire::new(socket), protocol: PROTOCOL, reader: None, child };
            match keeper.greet(epoch) {
                // A keeper that was just dying: its socket may outlive it for a moment.
                Err(KeeperError::Io { .. } | KeeperError::Silent) if Instant::now() < until => {
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(error),
                Ok(found) => break (keeper, found),
            }
        };
        found.fresh = keeper.child.is_some();
        let wire = keeper.wire.twin().map_err(failed("cannot be heard"))?;
        // What was read beyond the greeting belongs to the reader.
        let wire = std::mem::replace(&mut keeper.wire, wire);
        let reader =
            std::thread::Builder::new().name("keeper".to_owned()).spawn(move || hear(wire, &deliver));
        keeper.reader = Some(reader.map_err(failed("cannot be heard"))?);
        Ok((keeper, found))
    }

    /// Lets the keeper of a run that has ended go, if there is one; answers the attempts whose ends nobody had
    /// acknowledged.
    ///
    /// # Errors
    /// It lives, but does not obey.
    pub fn dismiss(run_dir: &Path, epoch: u64) -> Result<Vec<u64>, KeeperError> {
        let door = Door::open(run_dir).map_err(failed("cannot be reached"))?;
        let until = Instant::now() + PATIENCE;
        let mut ended = Vec::new();
        while door.is_locked(LOCK).map_err(failed("cannot be looked for"))? {
            if Instant::now() > until {
                return Err(KeeperError::Silent);
            }
            if let Ok(socket) = door.knock(SOCKET) {
                let mut keeper =
                    Keeper { wire: Wire::new(socket), protocol: PROTOCOL, reader: None, child: None };
                // One that is leaving by itself says nothing any more.
                if let Ok(found) = keeper.greet(epoch) {
                    ended.extend(found.ended.iter().map(|(ended, _)| ended.attempt));
                    keeper.ask(&[Ask::Bye])?;
                    while keeper.wire.fill().unwrap_or(false) {}
                }
            }
            std::thread::sleep(PAUSE);
        }
        Ok(ended)
    }

    fn greet(&mut self, ours: u64) -> Result<Found, KeeperError> {
        self.wire.wait_at_most(Some(PATIENCE)).map_err(failed("cannot be heard"))?;
        let found = self.greet_in_time(ours)?;
        self.wire.wait_at_most(None).map_err(failed("cannot be heard"))?;
        Ok(found)
    }

    fn greet_in_time(&mut self, ours: u64) -> Result<Found, KeeperError> {
        let until = Instant::now() + PATIENCE;
        self.ask(&[Ask::Hello { protocols: (PROTOCOL, OLDEST_PROTOCOL), epoch: ours }])?;
        let (mut found, mut missing) = (Found::default(), None);
        loop {
            match self.wire.next::<Tell>().map_err(failed("says something else"))? {
                Some(Tell::Hello { protocol, live, unacked, boot_changed, .. }) => {
                    (found.live, found.boot_changed, missing) = (live, boot_changed, Some(unacked));
                    self.protocol = protocol;
                }
                Some(Tell::Refused { protocols: (newest, oldest), epoch }) => {
                    return Err(if epoch > ours {
                        KeeperError::Fenced { theirs: epoch, ours }
                    } else {
                        KeeperError::Version { newest, oldest }
                    });
                }
                Some(Tell::Ended(ended)) => {
                    let streams = streams(&mut self.wire, &ended);
                    found.ended.push((ended, streams));
                }
                // Not before the greeting is over.
                Some(Tell::Idle { .. } | Tell::Streams { .. } | Tell::Still | Tell::Swept { .. }) => {}
                None if missing == Some(found.ended.len() as u64) => return Ok(found),
                None => {
                    let more = self.wire.fill().map_err(failed("cannot be heard"))?;
                    // One that was stopped takes the connection and never answers.
                    if !more || Instant::now() >= until {
                        return Err(KeeperError::Silent);
                    }
                }
            }
            if missing == Some(found.ended.len() as u64) {
                return Ok(found);
            }
        }
    }

    /// Whether it knows [`Ask::Look`]; a keeper of the version before does not.
    pub(crate) fn can_be_looked_at(&self) -> bool {
        self.protocol > 1
    }

    /// Asks, in order.
    ///
    /// # Errors
    /// It is gone.
    pub fn ask(&mut self, asks: &[Ask]) -> Result<(), KeeperError> {
        let looks = self.can_be_looked_at();
        for ask in asks.iter().filter(|ask| looks || !matches!(ask, Ask::Look { .. })) {
            self.wire.push(ask, vec![]).map_err(failed("cannot be asked"))?;
        }
        self.wire.flush().map_err(failed("cannot be asked"))
    }

    /// Says that nothing more will be asked, and waits until it has left. Everything must be acknowledged.
    pub fn leave(mut self) {
        // A keeper that is gone has left.
        let _ = self.ask(&[Ask::Bye]);
        if let Some(reader) = self.reader.take() {
            // A panic of the thread was printed there.
            let _ = reader.join();
        }
        if let Some(mut child) = self.child.take() {
            // It is our child and has closed its end, so this takes no time.
            let _ = child.wait();
        }
    }
}

/// The connection ends; what lives stays with the keeper.
impl Drop for Keeper {
    fn drop(&mut self) {
        // A connection that is gone already is as good.
        let _ = rustix::net::shutdown(self.wire.fd(), rustix::net::Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            // A panic of the thread was printed there.
            let _ = reader.join();
        }
        if let Some(mut child) = self.child.take()
            && !matches!(child.try_wait(), Ok(Some(_)))
        {
            // It may live as long as it owns something; a program that goes on is to keep no zombie of it.
            let reap = move || drop(child.wait());
            // Without a thread there is a zombie, until the program ends.
            let _ = std::thread::Builder::new().name("keeper".to_owned()).spawn(reap);
        }
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Keeper").field("child", &self.child).finish_non_exhaustive()
    }
}

/// Connects to the keeper that lives, or to one that is started.
fn reach(
    door: &Door,
    program: &Program,
    run_dir: &Path,
    until: Instant,
) -> Result<(UnixStream, Option<Child>), KeeperError> {
    while Instant::now() < until {
        if !door.is_locked(LOCK).map_err(failed("cannot be looked for"))? {
            if let Some(child) = start(door, program, run_dir, until)? {
                let socket = door.knock(SOCKET).map_err(failed("cannot be reached"))?;
                return Ok((socket, Some(child)));
            }
        } else if let Ok(socket) = door.knock(SOCKET) {
            return Ok((socket, None));
        }
        // It has the lock and does not listen yet, or does not listen any more.
        std::thread::sleep(PAUSE);
    }
    if door.is_locked(LOCK).map_err(failed("cannot be looked for"))? {
        return Err(KeeperError::Silent);
    }
    Err(KeeperError::NotStarted("it is killed before it listens".to_owned()))
}

/// Starts a keeper and waits until it listens; none if another one was faster, or if it was killed on the way.
fn start(
    door: &Door,
    program: &Program,
    run_dir: &Path,
    until: Instant,
) -> Result<Option<Child>, KeeperError> {
    let log = door.file(LOG).map_err(failed("has no log"))?;
    log.set_len(0).map_err(failed("has no log"))?;
    let mut child = Command::new(&program.path)
        .args([HELPER, "keeper"])
        .arg(run_dir)
        .args(arguments(&program.terms))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(failed("cannot be started"))?;
    let mut word = [0; 6];
    let ready = child.stdout.take().is_some_and(|mut out| out.read_exact(&mut word).is_ok());
    if ready && &word == b"ready\n" {
        return Ok(Some(child));
    }
    let ended = child.wait().map_err(failed("cannot be waited for"))?;
    if door.is_locked(LOCK).map_err(failed("cannot be looked for"))? {
        return Ok(None);
    }
    // It was killed before it had done anything: the next one may live.
    if ended.signal().is_some() && Instant::now() < until {
        return Ok(None);
    }
    let said = std::fs::read_to_string(run_dir.join(LOG)).unwrap_or_default();
    Err(KeeperError::NotStarted(said.lines().last().unwrap_or("it said nothing").to_owned()))
}

fn arguments(terms: &Terms) -> Vec<String> {
    let files = terms.open_files.map(|files| ["--open-files".to_owned(), files.to_string()]);
    let containment = ["--containment".to_owned(), terms.containment.word().to_owned()];
    containment.into_iter().chain(files.into_iter().flatten()).collect()
}

fn streams(wire: &mut Wire, ended: &Ended) -> [Option<Raw>; 2] {
    [ended.stdout, ended.stderr].map(|written| if written { wire.take_file().map(Raw::new) } else { None })
}

/// Reads until the keeper is gone; what nobody wants to hear any more is dropped.
fn hear(mut wire: Wire, deliver: &Deliver) {
    loop {
        let mut heard = Vec::new();
        let whole = loop {
            match wire.next::<Tell>() {
                Ok(Some(tell)) => heard.extend(said(&mut wire, tell)),
                Ok(None) => break true,
                // Not our protocol: it is as good as gone.
                Err(_) => break false,
            }
        };
        if !heard.is_empty() {
            deliver(heard);
        }
        if !whole || !wire.fill().unwrap_or(false) {
            return deliver(vec![Heard::Gone]);
        }
    }
}

fn said(wire: &mut Wire, tell: Tell) -> Option<Heard> {
    match tell {
        Tell::Idle { attempt, .. } => Some(Heard::Idle { attempt }),
        Tell::Ended(ended) => {
            let streams = streams(wire, &ended);
            Some(Heard::Ended(ended, streams))
        }
        Tell::Streams { attempt, found } => {
            let streams = found.then(|| [wire.take_file().map(Raw::new), wire.take_file().map(Raw::new)]);
            Some(Heard::Streams(attempt, streams.and_then(|[out, err]| Some([out?, err?]))))
        }
        Tell::Still => Some(Heard::Still),
        Tell::Swept { .. } => Some(Heard::Swept),
        // The greeting is over.
        Tell::Hello { .. } | Tell::Refused { .. } => None,
    }
}
