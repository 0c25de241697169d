//! A set of processes that are to be ended, each held by a pidfd so that a signal can reach no other process.
//! It does not know why they are to be ended, nor who waits for it.

use std::collections::BTreeMap;
use std::io;

use rustix::io::Errno;
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::orphans::pid_of;
use super::proc::{Proc, Process};
use super::watch::{Subject, Watch, Watched};

/// How far the end of a tree has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nobody has asked for it.
    Running,
    /// TERM and CONT were sent; KILL follows at a deadline.
    Terminating,
    /// KILL was sent; only deaths are awaited.
    Killing,
}

impl Phase {
    /// What a process of such a tree gets. CONT, so that a stopped one can act on TERM.
    pub(super) fn signals(self) -> &'static [Signal] {
        match self {
            Phase::Running => &[],
            Phase::Terminating => &[Signal::TERM, Signal::CONT],
            Phase::Killing => &[Signal::KILL],
        }
    }
}

#[derive(Debug)]
struct Stray {
    process: Process,
    watched: Watched,
}

/// The set.
#[derive(Debug, Default)]
pub(super) struct Strays {
    held: BTreeMap<u32, Stray>,
}

/// What came of a signal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was sent, or the process is dead: its end is reported either way.
    Yes,
    /// We may not (a program that runs as another user).
    Refused,
}

impl Strays {
    /// True when nothing is left to wait for.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether it is in the set.
    pub(super) fn holds(&self, process: &Process) -> bool {
        self.held.get(&process.pid).is_some_and(|stray| stray.process.start == process.start)
    }

    /// The processes in the set.
    pub(super) fn processes(&self) -> Vec<Process> {
        self.held.values().map(|stray| stray.process).collect()
    }

    /// Sends a signal to all of them.
    pub(super) fn send(&self, signal: Signal) {
        for stray in self.held.values() {
            // It may be dead, or belong to another user.
            let _ = pidfd_send_signal(&stray.watched.fd, signal);
        }
    }

    /// Takes hold of a process; false if it has ended meanwhile.
    pub(super) fn add(
        &mut self,
        proc: &mut Proc,
        watch: &mut Watch,
        (process, subject): (&Process, Subject),
    ) -> io::Result<bool> {
        if self.holds(process) {
            return Ok(true);
        }
        let Some(pid) = pid_of(process.pid) else { return Ok(false) };
        let fd = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(Errno::SRCH) => return Ok(false),
            result => result?,
        };
        // The number may have passed on before it was pinned: the start tells.
        let now = proc.process(process.pid)?;
        if now.is_none_or(|now| now.start != process.start || now.zombie) {
            return Ok(false);
        }
        let watched = watch.add(fd, subject)?;
        if let Some(old) = self.held.insert(process.pid, Stray { process: *process, watched }) {
            watch.remove(old.watched);
        }
        Ok(true)
    }

    /// Lets go of one that has ended, or that is beyond our reach.
    pub(super) fn remove(&mut self, watch: &mut Watch, pid: u32) {
        if let Some(stray) = self.held.remove(&pid) {
            watch.remove(stray.watched);
        }
    }

    /// Signals one of them as its phase demands.
    pub(super) fn signal(&self, pid: u32, phase: Phase) -> Sent {
        let Some(stray) = self.held.get(&pid) else { return Sent::Yes };
        let refused = |signal: &Signal| pidfd_send_signal(&stray.watched.fd, *signal) == Err(Errno::PERM);
        if phase.signals().iter().any(refused) { Sent::Refused } else { Sent::Yes }
    }
}
