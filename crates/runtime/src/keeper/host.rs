//! The keeper's loop: requests of the orchestrator to the process owner, its reports into the spool and back.
//!
//! ```text
//! wait: the owner's descriptor | connection (or listener) | deadlines while nobody is connected
//! look: exits -> ledger -> spool -> told                        before anything is started, which takes time
//! read: starts, ends, acks -> ledger, in line with the owner
//! work: some of them -> starts and acks -> spool -> descriptors closed
//! ```
//! One thread does it all: a hand-over between two cost more than what was handed over.
//! One connection at a time: the next one is taken when the one before was read to its end. Writing never waits, so
//! an orchestrator that does not read cannot stop it. Knows no plan.

use super::cgroups::Cgroups;
use super::ledger::{Ledger, Streams};
use super::message::{Ask, Bytes, Ended, Tell};
use super::spool::{Record, Spool};
use super::{LOCK, OLDEST_PROTOCOL, PROTOCOL, SOCKET, SPOOL, Terms};
use crate::leases::ALIVE;
use crate::owner::{Config, Owner, Report, Request, Status};
use crate::socket::door::{Door, is_same_user, peer};
use crate::socket::wire::Wire;
use regatta_fault as fault;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A keeper that nobody ever spoke to leaves after this time.
const LONELY: Duration = Duration::from_secs(10);
/// How often a keeper that owns something and that nobody is connected to looks whether its run is still there.
const GLANCE: Duration = Duration::from_secs(5);
/// With less room than this the disk is full.
const LEAST_FREE_BYTES: u64 = 16 << 10;
/// With more requests than this in line with the owner nothing more is read.
const MOST_IN_LINE: usize = 1_024;

/// Why a keeper cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Another keeper has the lock.
    #[error("another keeper owns this run")]
    Taken,
    /// The system refused.
    #[error("{what}: {source}")]
    Io {
        /// What could not be done.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
}

fn io_error(what: &'static str) -> impl FnOnce(io::Error) -> HostError {
    move |source| HostError::Io { what, source }
}

/// Keeps the processes of the run in `run_dir` until nothing is owned and nobody is connected. Writes `ready` and a
/// newline to standard output as soon as it listens.
///
/// # Errors
/// Another keeper lives, or the system refused something that it cannot do without.
pub fn serve(run_dir: &Path, Terms { containment, open_files }: Terms) -> Result<(), HostError> {
    // Already a session leader is as good.
    let _ = rustix::process::setsid();
    let door = Door::open(run_dir).map_err(io_error("cannot open the directory of the run"))?;
    let lock =
        door.lock_unless_held(LOCK).map_err(io_error("cannot lock the run"))?.ok_or(HostError::Taken)?;
    let cgroups =
        Cgroups::prepare(&lock, run_dir, containment).map_err(io_error("cannot note its cgroup"))?;
    let mut host = Host::new(
        (run_dir, cgroups, open_files),
        Door::open(run_dir).map_err(io_error("cannot open the directory of the run"))?,
    )?;
    fault::point("keeper.ready");
    say_ready().map_err(io_error("cannot say that it is ready"))?;
    let done = host.run().map_err(io_error("cannot go on"));
    drop(host);
    fault::point("keeper.leaving");
    // The next keeper replaces what is left of it.
    let _ = door.remove_socket(SOCKET);
    drop(lock);
    done
}

/// Whoever waits for the word is served; from then on standard output is nobody's.
fn say_ready() -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(b"ready\n").and_then(|()| out.flush())?;
    rustix::stdio::dup2_stdout(std::fs::File::open("/dev/null")?)?;
    Ok(())
}

struct Host {
    owner: Owner,
    listener: UnixListener,
    talk: Option<Talk>,
    spool: Spool,
    ledger: Ledger,
    attempts: PathBuf,
    boot_id: String,
    boot_changed: bool,
    /// The highest epoch that ever said hello.
    epoch: u64,
    common: Vec<(Bytes, Bytes)>,
    records: Vec<Record>,
    began: Instant,
    met: bool,
    door: Door,
    /// Held while somebody is connected or an attempt lives: leases of the run are good so long.
    alive: Option<File>,
    /// The owner is asked to let everything stand still; whoever asked is told when it does.
    to_tell_still: bool,
}

/// A connection.
struct Talk {
    wire: Wire,
    hello: bool,
    bye: bool,
}

impl Host {
    fn new(
        (run_dir, cgroups, open_files): (&Path, Cgroups, Option<u64>),
        door: Door,
    ) -> Result<Host, HostError> {
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot_id = boot_id.trim().to_owned();
        let file = door.file(SPOOL).map_err(io_error("cannot open the spool"))?;
        let (spool, inherited) = Spool::open(file, &boot_id).map_err(io_error("cannot read the spool"))?;
        let listener = door.listen(SOCKET).map_err(io_error("cannot listen"))?;
        listener.set_nonblocking(true).map_err(io_error("cannot listen"))?;
        let attempts = run_dir.join("attempts");
        let Cgroups { own: cgroup, left: left_cgroups } = cgroups;
        let config =
            Config { tmp_dir: attempts.clone(), sole_parent: true, cgroup, left_cgroups, open_files };
        let owner = Owner::new(&config).map_err(io_error("cannot own processes"))?;
        Ok(Host {
            owner,
            listener,
            talk: None,
            spool,
            ledger: Ledger::inherit(inherited.ended),
            attempts,
            boot_id,
            boot_changed: inherited.boot_changed,
            epoch: 0,
            common: Vec::new(),
            records: Vec::new(),
            began: Instant::now(),
            met: false,
            door,
            alive: None,
            to_tell_still: false,
        })
    }

    fn run(&mut self) -> io::Result<()> {
        while !self.may_leave(Instant::now()) {
            let ready = self.wait()?;
            if ready.owner || self.owner.patience().is_some_and(|patience| patience.is_zero()) {
                let reports = self.owner.look()?;
                self.take_reports(reports)?;
                self.settle_accounts();
            }
            if ready.talk {
                self.listen_or_accept()?;
            }
            if self.talk.as_ref().is_some_and(|talk| talk.bye) {
                self.ledger.forget_ends();
            }
            self.show_life();
            self.give_up_a_removed_run();
            self.enforce_deadlines(Instant::now());
            let reports = self.owner.work();
            self.take_reports(reports)?;
            if std::mem::take(&mut self.to_tell_still) {
                self.tell(&Tell::Still)?;
            }
            self.settle_accounts();
        }
        Ok(())
    }

    /// Taken before a connection is read, given up when there is none and nothing lives.
    fn show_life(&mut self) {
        let lives = self.talk.is_some() || !self.ledger.live().is_empty();
        if lives && self.alive.is_none() {
            match self.door.lock_in_time(ALIVE) {
                Ok(lock) => self.alive = Some(lock),
                // Nothing was asked for yet, or a descriptor is missing for a moment: whoever asks comes back.
                Err(_) => self.talk = None,
            }
        } else if !lives {
            self.alive = None;
        }
    }

    /// What was found out or done goes into the spool, then it is told.
    fn settle_accounts(&mut self) {
        self.write_records();
        self.flush();
    }

    /// Nothing owned, and nobody who could ask for more.
    fn may_leave(&self, now: Instant) -> bool {
        let alone = match &self.talk {
            Some(talk) => talk.bye,
            None => self.met || now >= self.began + LONELY,
        };
        alone && !self.ledger.owns() && self.owner.waiting() == 0
    }

    /// Sleeps until something happens.
    fn wait(&self) -> io::Result<Ready> {
        let talk = match &self.talk {
            Some(talk) => {
                let room = self.owner.waiting() < MOST_IN_LINE;
                let read = if room { PollFlags::IN } else { PollFlags::empty() };
                let write = if talk.wire.has_output() { PollFlags::OUT } else { PollFlags::empty() };
                PollFd::from_borrowed_fd(talk.wire.fd(), read | write)
            }
            None => PollFd::from_borrowed_fd(self.listener.as_fd(), PollFlags::IN),
        };
        let mut fds = [PollFd::from_borrowed_fd(self.owner.fd(), PollFlags::IN), talk];
        let timeout = self.patience(Instant::now()).map(timespec);
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [owner, talk] = fds.map(|fd| !fd.revents().is_empty());
        Ok(Ready { owner, talk })
    }

    fn patience(&self, now: Instant) -> Option<Duration> {
        let lonely = (!self.met).then(|| self.began + LONELY);
        let deadline = if self.talk.is_none() { self.ledger.next_deadline() } else { None };
        let ours = lonely.into_iter().chain(deadline).min().map(|at| at.saturating_duration_since(now));
        let glance = (self.talk.is_none() && self.ledger.owns()).then_some(GLANCE);
        ours.into_iter().chain(glance).chain(self.owner.patience()).min()
    }

    fn listen_or_accept(&mut self) -> io::Result<()> {
        let Some(talk) = &mut self.talk else {
            self.talk = self.accept();
            return Ok(());
        };
        // A connection that fails is a connection that ended.
        let more = talk.wire.fill().unwrap_or(false);
        self.obey()?;
        if !more {
            self.talk = None;
        }
        Ok(())
    }

    /// Whoever knocks, unless it is of another user, went away again, or there is no descriptor to spare; it may
    /// knock again.
    fn accept(&self) -> Option<Talk> {
        let (socket, _) = self.listener.accept().ok()?;
        is_same_user(&socket).ok().filter(|same| *same)?;
        socket.set_nonblocking(true).ok()?;
        Some(Talk { wire: Wire::new(socket), hello: false, bye: false })
    }

    /// Does everything that was read.
    fn obey(&mut self) -> io::Result<()> {
        while let Some(talk) = &mut self.talk {
            match talk.wire.next::<Ask>() {
                Ok(Some(ask)) => self.obey_one(ask)?,
                Ok(None) => break,
                // Not our protocol: nothing of it can be trusted.
                Err(_) => self.talk = None,
            }
        }
        Ok(())
    }

    fn obey_one(&mut self, ask: Ask) -> io::Result<()> {
        if let Ask::Hello { protocols, epoch } = ask {
            return self.greet(protocols, epoch);
        }
        if !self.talk.as_ref().is_some_and(|talk| talk.hello) {
            self.talk = None;
            return Ok(());
        }
        match ask {
            Ask::Hello { .. } => {}
            Ask::Environment { vars } => self.common = vars,
            Ask::Start(order) => {
                let times = (order.grace_ms, order.kill_after_ms);
                if self.ledger.start(order.attempt, times, Instant::now()) {
                    fault::point("keeper.ordered");
                    self.owner.ask([Request::Start(Box::new(order.spec(&self.common)))]);
                }
            }
            Ask::End { attempt, grace_ms } => self.owner.ask([Request::End { attempt, grace_ms }]),
            Ask::Suspend => {
                self.ledger.suspend(Instant::now());
                self.owner.ask([Request::Suspend]);
                self.to_tell_still = true;
            }
            Ask::Continue => {
                self.ledger.go_on(Instant::now());
                self.owner.ask([Request::Continue]);
            }
            Ask::Sweep { run_marker } => {
                self.ledger.sweep();
                self.owner.ask([Request::Sweep { run_marker }]);
            }
            Ask::Look { attempt } => {
                // Without a descriptor to spare nobody looks on.
                let streams = self.owner.streams(attempt).ok().flatten();
                let found = streams.is_some();
                let fds = streams.into_iter().flatten().map(OwnedFd::from).collect();
                self.tell_with(&Tell::Streams { attempt, found }, fds)?;
            }
            Ask::Ack { attempt } => {
                if let Some(streams) = self.ledger.ack(attempt) {
                    fault::point("keeper.acked");
                    self.records.push(Record::Acked { attempt });
                    let files: Vec<File> = streams.into_iter().flatten().collect();
                    self.owner.ask((!files.is_empty()).then_some(Request::GiveBack(files)));
                }
            }
            Ask::Bye => {
                let live = self.ledger.live().into_iter();
                self.owner.ask(live.map(|attempt| Request::End { attempt, grace_ms: 0 }));
                if let Some(talk) = &mut self.talk {
                    talk.bye = true;
                }
            }
        }
        Ok(())
    }

    /// The highest epoch wins; whoever speaks no protocol of ours is refused.
    fn greet(&mut self, (newest, oldest): (u32, u32), epoch: u64) -> io::Result<()> {
        let Some(mut talk) = self.talk.take() else { return Ok(()) };
        let protocol = newest.min(PROTOCOL);
        if epoch < self.epoch || protocol < OLDEST_PROTOCOL || protocol < oldest {
            let refused = Tell::Refused { protocols: (PROTOCOL, OLDEST_PROTOCOL), epoch: self.epoch };
            talk.wire.push(&refused, vec![])?;
            // One frame fits into the buffer of a new connection.
            let _ = talk.wire.flush();
            return Ok(());
        }
        (self.epoch, self.met, talk.hello) = (epoch, true, true);
        fault::partner(|| peer(talk.wire.fd()));
        fault::point("keeper.greeted");
        let unacked = self.ledger.unacked().count() as u64;
        let live = self.ledger.live();
        let boot_changed = self.boot_changed;
        talk.wire.push(&Tell::Hello { protocol, epoch, live, unacked, boot_changed }, vec![])?;
        for (ended, streams) in self.ledger.unacked() {
            // Without a descriptor to spare it cannot be told; whoever asks comes back.
            let Ok(fds) = handles(streams) else { return Ok(()) };
            talk.wire.push(&Tell::Ended(ended.clone()), fds)?;
        }
        for (attempt, idle_ms) in self.ledger.take_idle() {
            talk.wire.push(&Tell::Idle { attempt, idle_ms }, vec![])?;
        }
        self.talk = Some(talk);
        Ok(())
    }

    fn take_reports(&mut self, reports: Vec<Report>) -> io::Result<()> {
        for report in reports {
            match report {
                Report::Started { attempt, pid, start_time_ticks } => {
                    fault::point("keeper.spawned");
                    let boot_id = self.boot_id.clone();
                    self.records.push(Record::Started { attempt, pid, start_time_ticks, boot_id });
                }
                Report::SpawnFailed { attempt, message, .. } => {
                    self.ended(Ended::not_started(attempt, message), [None, None])?;
                }
                Report::Idle { attempt, idle_ms } if self.talk.is_some() => {
                    self.tell(&Tell::Idle { attempt, idle_ms })?;
                }
                Report::Idle { attempt, idle_ms } => self.ledger.idle(attempt, idle_ms),
                Report::OutputLimit { attempt, .. } => self.ledger.output_limit(attempt),
                Report::Exited { attempt, status, stdout, stderr, leaked, ran_ms, usage, .. } => {
                    fault::point("keeper.ended");
                    let disk_full = status != Status::Code(0) && self.disk_is_full();
                    let ended = Ended { leaked, ran_ms, disk_full, ..Ended::exited(attempt, status, usage) };
                    self.ended(ended, [stdout, stderr])?;
                }
                Report::Swept { killed, .. } => {
                    self.ledger.swept();
                    self.tell(&Tell::Swept { killed })?;
                }
            }
        }
        Ok(())
    }

    /// Into the ledger, and in line for the spool and for the orchestrator: the spool is written first.
    fn ended(&mut self, ended: Ended, streams: Streams) -> io::Result<()> {
        let (ended, streams) = self.ledger.end(ended, streams);
        let (ended, fds) = (ended.clone(), handles(streams));
        self.records.push(Record::Ended(ended.clone()));
        match fds {
            Ok(fds) => self.tell_with(&Tell::Ended(ended), fds),
            // Without a descriptor to spare: the connection ends, and whoever comes back hears it then.
            Err(_) => {
                self.talk = None;
                Ok(())
            }
        }
    }

    fn write_records(&mut self) {
        if self.records.is_empty() {
            return;
        }
        fault::point("keeper.spool.before");
        let written = if self.ledger.owns() { self.spool.append(&self.records) } else { self.spool.clear() };
        fault::point("keeper.spool.after");
        // Without room the ledger still knows: what is lost is only what a second fault would need, and it is tried
        // again with the next records.
        if written.is_ok() {
            self.records.clear();
        }
    }

    /// Whether an attempt that failed now may have failed because nothing could be written.
    fn disk_is_full(&self) -> bool {
        let Ok(fs) = rustix::fs::statvfs(&self.attempts) else { return false };
        let free = if rustix::process::getuid().is_root() { fs.f_bfree } else { fs.f_bavail };
        free.saturating_mul(fs.f_frsize) < LEAST_FREE_BYTES
    }

    /// Whoever could come back would come through the directory of the run: without it nobody takes what ended, and
    /// nobody could tell what lives to end.
    fn give_up_a_removed_run(&mut self) {
        if self.talk.is_none() && self.ledger.owns() && self.door.is_removed() {
            self.ledger.give_up();
        }
    }

    /// What is over its time ends, but only while nobody else can say so.
    fn enforce_deadlines(&mut self, now: Instant) {
        if self.talk.is_none() {
            let due = self.ledger.overdue(now).into_iter();
            self.owner.ask(due.map(|(attempt, grace_ms)| Request::End { attempt, grace_ms }));
        }
    }

    fn tell(&mut self, tell: &Tell) -> io::Result<()> {
        self.tell_with(tell, vec![])
    }

    fn tell_with(&mut self, tell: &Tell, fds: Vec<OwnedFd>) -> io::Result<()> {
        match &mut self.talk {
            Some(talk) if talk.hello => talk.wire.push(tell, fds),
            _ => Ok(()),
        }
    }

    fn flush(&mut self) {
        // A connection that cannot be written to is read to its end all the same.
        if let Some(talk) = &mut self.talk {
            let _ = talk.wire.flush();
        }
    }
}

struct Ready {
    owner: bool,
    talk: bool,
}

fn handles(streams: &Streams) -> io::Result<Vec<OwnedFd>> {
    streams.iter().flatten().map(|file| Ok(file.try_clone()?.into())).collect()
}

fn timespec(time: Duration) -> Timespec {
    let ms = i64::try_from(time.as_micros().div_ceil(1_000)).unwrap_or(i64::MAX);
    Timespec { tv_sec: ms / 1_000, tv_nsec: ms % 1_000 * 1_000_000 }
}
