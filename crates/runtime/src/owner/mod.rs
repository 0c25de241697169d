//! The process owner: the only one in this process that starts, ends and waits for the processes of attempts.
//! It speaks in messages and does not know plans, journals, retries or what an attempt is for; nothing outside of this
//! module knows how a child is started or ended, so that it can move into a process of its own.
//!
//! ```text
//!            Vec<Request>                            one thread (worker)
//!  Owner ── inbox + eventfd ──> start ──> spawn: clone, exec ── Started | SpawnFailed ──┐
//!                               end, sweep, close ─> ending: TERM, grace, KILL          ├─> deliver(Vec<Report>)
//!                               pidfds: leaders, strays ─> settle ── Exited | Swept ────┤
//!                               1 s tick while bounded attempts live ─ Idle | OutputLimit
//! ```
//!
//! - One start gives one `SpawnFailed`, or one `Started` and one `Exited` with `Idle` and `OutputLimit` between them.
//! - `Exited` means: leader reaped, group empty, no live descendant. What defeats it: a process that leaves the group
//!   *and* drops its environment *and* loses its parents before anybody looked.
//! - Children are awaited by pidfd and by number, never "any child": other code of the host may have its own. SIGCHLD
//!   is not used, so no other thread has to block it.
//! - The process becomes a child subreaper; the parent-death signal of leaders hangs on the owner's thread.
//! - No thread, timer or pipe per attempt; three descriptors each (the soft limit of the process is raised for them,
//!   children get the old one). Output files that stayed empty or were given back are used again. Without work it never
//!   wakes.
//! - Output is a file, not a pipe: a task that opens its own /dev/stdout with truncation loses what it wrote before.

mod census;
mod command;
mod due;
mod ending;
mod ids;
mod inbox;
mod life;
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
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

pub use census::live_attempts;
pub use inbox::{INBOX_LIMIT, Refused, Returned};
pub use message::{Report, Request, StartSpec, Status, Stream, Usage};

use inbox::Inbox;
use worker::Worker;

/// The variable that names the attempt in the environment of each of its processes.
pub const MARKER_VARIABLE: &str = "REGATTA_MARKER";
/// The same with the `=`.
const MARKER: &[u8] = b"REGATTA_MARKER=";
/// How often output files are looked at while somebody lives whose output is bounded.
const TICK: Duration = Duration::from_secs(1);
/// Requests taken before ends are looked for again: 32 starts are about 3 ms.
const MOST_REQUESTS_PER_TURN: usize = 32;

/// Takes reports, in order, on the owner's thread. It must not block for long, and must not drop the owner.
pub type Deliver = Box<dyn Fn(Vec<Report>) + Send>;

/// What an owner needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// An existing private directory in which unnamed output files are made.
    pub tmp_dir: PathBuf,
    /// Nobody else in this process starts or awaits children. Then the dead that nobody claims (a descendant that left
    /// its group and ended before it was seen) are reaped too; otherwise they stay until this process ends.
    pub sole_parent: bool,
}

/// The handle. Dropping it closes the owner and waits until nothing lives.
pub struct Owner {
    inbox: Arc<Inbox>,
    thread: Option<JoinHandle<()>>,
}

impl Owner {
    /// Makes this process a child subreaper and starts the owner's thread.
    pub fn start(config: Config, deliver: Deliver) -> io::Result<Owner> {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let inbox = Arc::new(Inbox::new()?);
        let (ready, made) = mpsc::sync_channel(1);
        let theirs = Arc::clone(&inbox);
        let thread = std::thread::Builder::new().name("owner".to_owned()).spawn(move || {
            let door = Shut(Arc::clone(&theirs));
            let worker = match Worker::new(theirs, &config, deliver) {
                Ok(worker) => worker,
                // `start` waits for this word; it cannot be gone.
                Err(error) => return drop(ready.send(Err(error))),
            };
            drop(ready.send(Ok(())));
            // Without its epoll set the owner cannot go on: the door shuts, and the leaders die with this thread.
            let _ = worker.run();
            drop(door);
        })?;
        let owner = Owner { inbox, thread: Some(thread) };
        made.recv().map_err(|_| io::Error::other("the process owner did not start"))??;
        Ok(owner)
    }

    /// Hands over a batch of requests, in order; the whole batch is taken, or it comes back.
    pub fn send(&self, requests: Vec<Request>) -> Result<(), Returned> {
        self.inbox.put(requests)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Refused means that it is closed already.
        let _ = self.inbox.put(vec![Request::Close]);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed there.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Owner").finish_non_exhaustive()
    }
}

/// Closes the inbox when the thread ends, however it ends.
struct Shut(Arc<Inbox>);

impl Drop for Shut {
    fn drop(&mut self) {
        self.0.close();
    }
}
