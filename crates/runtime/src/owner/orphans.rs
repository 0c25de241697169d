//! Tells which of the processes that were re-parented to this one belong to an attempt, and reaps their dead.
//! The host may have children of its own: those are never waited for. It signals nobody.
//!
//! A live descendant of an attempt always hangs on a chain of live parents that ends at this process: at the leader,
//! or, when the leader is dead, at an orphan in the list. So a list without orphans of an attempt is the cheap proof
//! that nothing of it lives. Attribution, in this order: seen before (number and start), process group, marker.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::proc::{Mark, Proc, Process};
use super::spawn::{Wait, reap};

/// How long a process without any environment may be in the middle of an exec; then it has none by intent.
const EXEC: Duration = Duration::from_millis(100);
/// Readings of a list that does not come to rest before the rest is left to a later look.
const READINGS: u32 = 50;

/// Who is who: the attempts by process group and by marker.
#[derive(Debug, Default)]
pub(super) struct Claims {
    groups: BTreeMap<u32, u64>,
    markers: BTreeMap<Vec<u8>, u64>,
}

impl Claims {
    /// An attempt claims its group and its marker.
    pub(super) fn add(&mut self, attempt: u64, group: u32, marker: &str) {
        self.groups.insert(group, attempt);
        self.markers.insert(marker.as_bytes().to_vec(), attempt);
    }

    /// It is over.
    pub(super) fn remove(&mut self, group: u32, marker: &str) {
        self.groups.remove(&group);
        self.markers.remove(marker.as_bytes());
    }

    /// The attempt that owns a process group.
    pub(super) fn group(&self, group: u32) -> Option<u64> {
        self.groups.get(&group).copied()
    }

    /// The attempt that gave out a marker.
    pub(super) fn marker(&self, marker: &[u8]) -> Option<u64> {
        self.markers.get(marker).copied()
    }
}

/// What is remembered of a process.
#[derive(Debug, Clone, Copy)]
struct Known {
    start: u64,
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A descendant of this attempt.
    Attempt(u64),
    /// Not ours, or beyond our reach.
    Foreign,
    /// It had no environment since then.
    Unsure(Instant),
}

/// One look at the list.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Live orphans with the attempt they belong to.
    pub(super) alive: Vec<(Process, u64)>,
    /// Somebody could not be judged yet: look again in a moment.
    pub(super) unsure: bool,
}

/// What has been found out about orphans and strays.
#[derive(Debug)]
pub(super) struct Orphans {
    known: BTreeMap<u32, Known>,
    sole_parent: bool,
}

impl Orphans {
    /// Knows nobody yet.
    pub(super) fn new(sole_parent: bool) -> Orphans {
        Orphans { known: BTreeMap::new(), sole_parent }
    }

    /// Reads the list, reaps what is dead and ours, returns what is alive and ours.
    /// An entry may die before it is judged and leave children that come to the end of the list: only when the list is
    /// the same after all were judged is everybody who lives in it, or below somebody in it.
    pub(super) fn look(&mut self, proc: &mut Proc, claims: &Claims, now: Instant) -> io::Result<Look> {
        let mut children = proc.children()?;
        let mut look = Look::default();
        for _ in 0..READINGS {
            if children.is_empty() {
                return Ok(Look::default());
            }
            look = self.judge_all((proc, now), claims, &children)?;
            let again = proc.children()?;
            if again == children {
                self.prune(&children);
                return Ok(look);
            }
            children = again;
        }
        look.unsure = true;
        Ok(look)
    }

    fn judge_all(
        &mut self,
        (proc, now): (&mut Proc, Instant),
        claims: &Claims,
        children: &[u32],
    ) -> io::Result<Look> {
        let mut look = Look::default();
        for pid in children {
            // A leader is a child of the owner's thread; it is in this list only if that is the main thread. There are as
            // many as there are slots, and none needs to be looked at.
            if claims.group(*pid).is_some() {
                continue;
            }
            let Some(process) = proc.process(*pid)?.filter(|p| p.parent == proc.own()) else { continue };
            match self.judge((proc, now), claims, &process) {
                Origin::Attempt(_) if process.zombie => self.bury(*pid),
                Origin::Attempt(attempt) => look.alive.push((process, attempt)),
                Origin::Unsure(_) => look.unsure = true,
                Origin::Foreign if process.zombie && self.sole_parent => self.bury(*pid),
                Origin::Foreign => {}
            }
        }
        Ok(look)
    }

    /// Strangers are remembered as long as they are in the list.
    fn prune(&mut self, children: &[u32]) {
        if self.known.len() > children.len() {
            self.known
                .retain(|pid, known| matches!(known.origin, Origin::Attempt(_)) || children.contains(pid));
        }
    }

    /// The attempt of a process that was seen before.
    pub(super) fn attempt_of(&self, process: &Process) -> Option<u64> {
        match self.known.get(&process.pid)? {
            Known { start, origin: Origin::Attempt(attempt) } if *start == process.start => Some(*attempt),
            _ => None,
        }
    }

    /// Remembers a descendant: it is recognised when its parent dies, even without group and marker.
    pub(super) fn remember(&mut self, process: &Process, attempt: u64) {
        self.known.insert(process.pid, Known { start: process.start, origin: Origin::Attempt(attempt) });
    }

    /// The system does not let us signal it: nobody waits for it any longer.
    pub(super) fn give_up(&mut self, process: &Process) {
        self.known.insert(process.pid, Known { start: process.start, origin: Origin::Foreign });
    }

    /// The attempt is over.
    pub(super) fn forget(&mut self, attempt: u64) {
        self.known.retain(|_, known| known.origin != Origin::Attempt(attempt));
    }

    fn judge(&mut self, (proc, now): (&mut Proc, Instant), claims: &Claims, process: &Process) -> Origin {
        let before = self.known.get(&process.pid).filter(|known| known.start == process.start);
        let since = match before.map(|known| known.origin) {
            Some(Origin::Unsure(since)) => since,
            Some(origin) => return origin,
            None => now,
        };
        let origin = match claims.group(process.group) {
            Some(attempt) => Origin::Attempt(attempt),
            None if process.zombie => Origin::Foreign,
            None => match proc.mark(process) {
                Mark::Is(marker) => claims.marker(&marker).map_or(Origin::Foreign, Origin::Attempt),
                Mark::Empty if process.exiting || now.saturating_duration_since(since) < EXEC => {
                    Origin::Unsure(since)
                }
                Mark::Empty | Mark::No => Origin::Foreign,
            },
        };
        self.known.insert(process.pid, Known { start: process.start, origin });
        origin
    }

    /// It is a child of this process and dead, so its number cannot mean anybody else.
    fn bury(&mut self, pid: u32) {
        self.known.remove(&pid);
        if let Some(pid) = pid_of(pid) {
            // An error means that somebody else was faster: it is gone either way.
            let _ = reap(pid, Wait::Look);
        }
    }
}

/// A process number in the form the system calls take.
pub(super) fn pid_of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}
