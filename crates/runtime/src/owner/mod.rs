//! The process owner: the only one in this process that starts, ends and waits for the processes of attempts.
//! It speaks in messages and does not know plans, journals, retries or what an attempt is for; nothing outside of this
//! module knows how a child is started or ended.
//!
//! ```text
//!  ask(requests) ──> in line ── work ──> start ──> spawn: clone, exec ── Started | SpawnFailed ──┐
//!                                        end, sweep ─> ending: TERM, grace, KILL                 ├─> Vec<Report>
//!  fd is readable ──────────── look ──> pidfds: leaders, strays ─> settle ── Exited | Swept ─────┤
//!                                       1 s tick while bounded attempts live ─ Idle | OutputLimit
//! ```
//!
//! - It has no thread of its own: whoever has it waits for its descriptor together with other things, as long as
//!   `patience` says at most, then lets it look and work. All of this on the thread on which it was made, and not on
//!   the main thread: the kernel lists orphans as children of that one, and a list without leaders costs nothing.
//! - One start gives one `SpawnFailed`, or one `Started` and one `Exited` with `Idle` and `OutputLimit` between them.
//! - `Exited` means: leader reaped, group empty, no live descendant. Where cgroups can be
//!   made, each attempt has one, which nobody born in it leaves. Without, what defeats it: a process that leaves the
//!   group *and* drops its environment *and* loses its parents before anybody looked.
//! - Children are awaited by pidfd and by number, never "any child": other code of the host may have its own. SIGCHLD
//!   is not used, so no other thread has to block it.
//! - The process becomes a child subreaper; the parent-death signal of leaders hangs on the owner's thread.
//! - No thread, timer or pipe per attempt; five descriptors each (the soft limit of the process is raised for them,
//!   children get the old one). Output files that stayed empty or were given back are used again. Without work it never
//!   wakes.
//! - Output is a file, not a pipe: a task that opens its own /dev/stdout with truncation loses what it wrote before.

mod census;
mod cgroup;
mod command;
mod due;
mod ending;
mod ids;
mod life;
mod lineage;
mod message;
mod orphans;
mod output;
mod pausing;
mod proc;
mod settling;
mod spawn;
mod starting;
mod strays;
mod sweep;
mod watch;
mod worker;

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use census::live_attempts;
pub use cgroup::{make_cgroup, own_cgroup, remove_cgroup};
pub use lineage::{Relative, line_of};
pub use message::{Report, Request, StartSpec, Status, Stream, Usage};
pub use spawn::raise_open_files;

use worker::Worker;

/// The variable that names the attempt in the environment of each of its processes.
pub const MARKER_VARIABLE: &str = "REGATTA_MARKER";
/// The same with the `=`.
const MARKER: &[u8] = b"REGATTA_MARKER=";
/// How often output files are looked at while somebody lives whose output is bounded.
const TICK: Duration = Duration::from_secs(1);
/// Requests taken before ends are looked for again: 32 starts are about 3 ms.
const MOST_REQUESTS_PER_TURN: usize = 32;

/// What an owner needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// An existing private directory in which unnamed output files are made.
    pub tmp_dir: PathBuf,
    /// Nobody else in this process starts or awaits children. Then the dead that nobody claims (a descendant that left
    /// its group and ended before it was seen) are reaped too; otherwise they stay until this process ends.
    pub sole_parent: bool,
    /// An empty cgroup of our own ([`make_cgroup`]), below which each attempt gets one; none: group, subreaper and
    /// marker do without.
    pub cgroup: Option<PathBuf>,
    /// How many files a task may have open at once; none: as many as this process when the owner is made.
    pub open_files: Option<u64>,
    /// Cgroups of owners of the same run that are dead: a sweep ends who lives there, and removes them.
    pub left_cgroups: Vec<PathBuf>,
}

/// The owner. Dropping it kills what lives and waits until nothing does.
pub struct Owner {
    worker: Worker,
    /// Leaders die with the thread that made it, so it stays there.
    _stays: PhantomData<*const ()>,
}

impl Owner {
    /// Makes this process a child subreaper, and blocks all signals on this thread, which owns from here on.
    ///
    /// # Errors
    /// The system refused a descriptor, or the directory cannot be opened.
    pub fn new(config: &Config) -> io::Result<Owner> {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        Ok(Owner { worker: Worker::new(config)?, _stays: PhantomData })
    }

    /// Readable when something happened: [`Owner::look`] then.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.worker.fd()
    }

    /// How long there is nothing to do unless the descriptor says so; `None`: for ever.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        self.worker.patience()
    }

    /// Puts requests in line, in order.
    pub fn ask(&mut self, requests: impl IntoIterator<Item = Request>) {
        self.worker.queue.extend(requests);
    }

    /// How many requests wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.worker.queue.len()
    }

    /// What a live attempt has written to stdout and stderr so far, and will write, to be read only; none if it is
    /// unknown or its tree is dead.
    ///
    /// # Errors
    /// There is no descriptor to spare.
    pub fn streams(&self, attempt: u64) -> io::Result<Option<[std::fs::File; 2]>> {
        let Some(life) = self.worker.lives.get(&attempt) else { return Ok(None) };
        let reader = |file| self.worker.room.reader(file);
        Ok(Some([reader(&life.outputs.stdout)?, reader(&life.outputs.stderr)?]))
    }

    /// Finds out what happened, without waiting.
    ///
    /// # Errors
    /// The system refused to tell: the owner cannot go on.
    pub fn look(&mut self) -> io::Result<Vec<Report>> {
        self.worker.look(Some(Duration::ZERO))
    }

    /// Does what is in line, so much that ends do not wait for long.
    pub fn work(&mut self) -> Vec<Report> {
        self.worker.work(Instant::now())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Without its epoll set it cannot wait: what lives dies with this thread then.
        let _ = self.worker.close();
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Owner").finish_non_exhaustive()
    }
}
