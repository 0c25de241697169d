//! One attempt that was started and whose tree is not dead yet. Plain state: who changes it is in `ending`.
//! It does not know other attempts.

use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::cgroup::Cgroup;
use super::due::Key;
use super::message::{Status, Usage};
use super::output::Outputs;
use super::proc::Process;
use super::strays::{Phase, Strays};
use super::watch::Watched;

/// Longest grace for strays and for a tree that floods its output.
pub(super) const STRAY_GRACE: Duration = Duration::from_secs(2);

/// The first process of an attempt.
#[derive(Debug)]
pub(super) enum Leader {
    /// It runs, or nobody has noticed its end.
    Running(Watched),
    /// It has ended and is kept as a zombie: so its group keeps its number and can be signalled as a whole.
    Ended,
    /// It was reaped, and then somebody was found in its group. From here on only pidfds are safe.
    Reaped(Status, Usage),
}

/// The attempt.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) attempt: u64,
    pub(super) marker: String,
    pub(super) grace: Duration,
    pub(super) leader_first: bool,
    /// Number of the leader and of the group.
    pub(super) pid: Pid,
    pub(super) leader: Leader,
    pub(super) outputs: Outputs,
    /// Who is born in it is of this attempt. None where the system permits none.
    pub(super) cgroup: Option<Cgroup>,
    pub(super) phase: Phase,
    /// When KILL follows, in phase Terminating.
    pub(super) kill: Option<Key>,
    /// Processes outside of the group, and orphans in it, that are being ended.
    pub(super) strays: Strays,
    pub(super) leaked: u32,
    /// The tree was signalled while the leader ran.
    pub(super) killed: bool,
    /// Since when it stands still.
    pub(super) suspended: Option<Instant>,
    /// When it was started, moved on by the time for which it stood still.
    pub(super) started: Instant,
}

impl Life {
    /// The group as a number of /proc.
    pub(super) fn group(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Whether the leader still runs, as far as is known.
    pub(super) fn runs(&self) -> bool {
        matches!(self.leader, Leader::Running(_))
    }

    /// Whether a signal to the group reaches this process, and certainly no other group.
    pub(super) fn reaches(&self, process: &Process) -> bool {
        process.group == self.group() && !matches!(self.leader, Leader::Reaped(..))
    }

    /// Whether anybody is left in its cgroup.
    pub(super) fn populates(&self) -> bool {
        self.cgroup.as_ref().is_some_and(Cgroup::is_populated)
    }

    /// Whether nobody killed it, neither we nor somebody else.
    pub(super) fn ended_by_itself(&self) -> bool {
        self.phase != Phase::Killing && matches!(self.leader, Leader::Reaped(Status::Code(_), _))
    }

    /// The grace of what the leader leaves behind.
    pub(super) fn stray_grace(&self) -> Duration {
        self.grace.min(STRAY_GRACE)
    }
}
