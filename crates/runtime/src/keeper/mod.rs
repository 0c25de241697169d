//! The keeper: one small process per run that owns the processes of its attempts and outlives the orchestrator.
//! It holds no plan and takes no decision: it starts, ends, watches and reports what it is asked to.
//!
//! ```text
//! orchestrator                              keeper (same binary, own session)
//!   client ── Unix socket runs/<run>/k ──>    host: one connection at a time, the highest epoch wins
//!      ^                                        ledger   what lives, what ended and is not acknowledged
//!      `── Ended + descriptors, Idle, … ───      spool    started, ended, acked: survives the death of any process
//!                                               owner    the processes (crate::owner), output without names
//! ```
//!
//! - An exit is in the spool before it is told, and counts as something owned until it is acknowledged.
//! - Lost connection: children go on, attempts with a deadline are ended by it. A new orchestrator takes over with a
//!   higher epoch; the old connection is read to its end and obeyed first.
//! - Lost keeper: leaders die with it (parent-death signal); the next keeper reads the spool and tells what it had
//!   recorded; the orchestrator sweeps the rest by marker.
//! - Nothing owned and nobody connected: it leaves.
//! - A keeper is found by the kernel lock on `keeper.lock`, never by a process number.

mod cgroups;
mod client;
#[cfg(feature = "fuzz")]
pub mod fuzzing;
mod host;
mod ledger;
mod message;
mod spool;

pub use crate::callers::HELPER;
pub use cgroups::remove_cgroups;
pub use client::{Deliver, Found, Heard, Keeper, KeeperError, Program};
pub use host::{HostError, serve};
pub use message::{Ask, Bytes, Ended, How, StartOrder};

/// Whether a keeper of the run in `run_dir` lives.
#[must_use]
pub fn is_kept(run_dir: &std::path::Path) -> bool {
    // A directory that cannot be looked at has nobody in it who could be reached.
    crate::socket::door::Door::open(run_dir).and_then(|door| door.is_locked(LOCK)).unwrap_or(false)
}

/// What holds the processes of an attempt together, beside process group, subreaper and marker, which always do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Containment {
    /// A cgroup for each attempt, where the system permits it.
    #[default]
    Auto,
    /// Nothing else.
    Group,
}

impl Containment {
    /// All there are.
    pub const ALL: [Containment; 2] = [Containment::Auto, Containment::Group];

    /// The word for it in settings and commands.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Containment::Auto => "auto",
            Containment::Group => "group",
        }
    }
}

/// On what terms a keeper keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    /// What holds the processes of an attempt together.
    pub containment: Containment,
    /// How many files a task may have open at once, where the orchestrator has raised its own bound; none: as many as
    /// the keeper.
    pub open_files: Option<u64>,
}

/// The protocol that this version speaks, and the oldest that it still understands.
///
/// 2: somebody may look on while an attempt writes.
pub const PROTOCOL: u32 = 2;
/// The oldest protocol that this version understands.
pub const OLDEST_PROTOCOL: u32 = 1;

/// The socket in the directory of a run.
const SOCKET: &str = "k";
/// The file whose lock tells that a keeper lives. Its content is the keeper's cgroup, if it has one.
const LOCK: &str = "keeper.lock";
/// The record of starts and ends.
const SPOOL: &str = "keeper.spool";
/// What a keeper says on standard error.
const LOG: &str = "keeper.log";
