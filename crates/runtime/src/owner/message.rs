//! The words the owner understands and answers with: plain data, so that they can travel to a process of its own.
//! It does not know how a process is started, watched or ended, nor what an attempt is for.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;

/// What the owner is asked to do.
#[derive(Debug)]
pub enum Request {
    /// Start an attempt. A second start of an id seen before does nothing.
    Start(Box<StartSpec>),
    /// End the whole tree of an attempt: TERM and CONT, then KILL after the grace (0: KILL at once).
    /// Ignored if the attempt is unknown or its leader has ended. A second one can only shorten the grace.
    End {
        /// The attempt to end.
        attempt: u64,
        /// Milliseconds between TERM and KILL.
        grace_ms: u64,
    },
    /// Let every live tree stand still: STOP to all of it.
    Suspend,
    /// Let every tree that stands still go on.
    Continue,
    /// End every process of this user that carries a marker of this run (`<run>` or `<run>/…`), whoever started it.
    Sweep {
        /// The run part of the markers; a trailing `/` is allowed.
        run_marker: String,
    },
    /// Output files of [`Report::Exited`] that were read and are of no use any more: making new ones is dear.
    GiveBack(Vec<File>),
}

/// Everything needed to start one attempt.
#[derive(Clone)]
pub struct StartSpec {
    /// The attempt's id, unique in this owner.
    pub attempt: u64,
    /// Program and arguments. A program without `/` is looked up in `PATH` of `env`.
    pub argv: Vec<OsString>,
    /// The complete environment; the owner adds only the marker.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory.
    pub cwd: PathBuf,
    /// `<run>/<attempt>`, unique on this machine: the value of `REGATTA_MARKER` in the environment.
    pub marker: String,
    /// Most bytes per output stream before the tree is killed; `u64::MAX` is no limit.
    pub output_limit_bytes: u64,
    /// Silence on both streams after which [`Report::Idle`] is sent.
    pub idle_ms: Option<u64>,
    /// The attempt's own grace. Strays and an output flood get the smaller of it and two seconds.
    pub grace_ms: u64,
    /// TERM goes to the leader alone, which ends the others in its own way; KILL is for all.
    pub leader_first: bool,
}

/// Values of the environment may be secret: only names are shown.
impl fmt::Debug for StartSpec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&OsString> = self.env.iter().map(|(name, _)| name).collect();
        out.debug_struct("StartSpec")
            .field("attempt", &self.attempt)
            .field("argv", &self.argv)
            .field("env", &names)
            .field("cwd", &self.cwd)
            .field("marker", &self.marker)
            .finish_non_exhaustive()
    }
}

/// What the owner has to say.
#[derive(Debug)]
pub enum Report {
    /// The program runs: the exec succeeded.
    Started {
        /// The attempt.
        attempt: u64,
        /// Its leader, also the number of its process group.
        pid: u32,
        /// Start of the leader in clock ticks since boot, which tells it from a later process of the same number.
        start_time_ticks: u64,
    },
    /// Nothing was started; nothing else will be said about this attempt.
    SpawnFailed {
        /// The attempt.
        attempt: u64,
        /// The system's error number.
        errno: i32,
        /// What could not be done, with the name of the thing.
        message: String,
    },
    /// Nothing was written for the attempt's idle time; said once per silence.
    Idle {
        /// The attempt.
        attempt: u64,
        /// How long it has been silent.
        idle_ms: u64,
    },
    /// A stream went over its limit; said once, the tree is being killed.
    OutputLimit {
        /// The attempt.
        attempt: u64,
        /// The stream that went over first.
        stream: Stream,
        /// Its size when seen.
        bytes: u64,
    },
    /// The whole tree is dead: leader reaped, group empty, no stray left.
    Exited {
        /// The attempt.
        attempt: u64,
        /// How the leader ended.
        status: Status,
        /// What was written to stdout, from its first byte; `None` if nothing was.
        stdout: Option<File>,
        /// What was written to stderr, from its first byte; `None` if nothing was.
        stderr: Option<File>,
        /// Size of stdout.
        stdout_bytes: u64,
        /// Size of stderr.
        stderr_bytes: u64,
        /// Processes that outlived a leader that ended by itself, and were killed.
        leaked: u32,
        /// From the start to the end of the tree, in milliseconds, less the time for which it stood still.
        ran_ms: u64,
        /// What the leader and the children it waited for used.
        usage: Usage,
        /// The owner had signalled the tree before the leader ended (request or output limit).
        killed: bool,
    },
    /// No process with the run's marker is left.
    Swept {
        /// As it was asked.
        run_marker: String,
        /// How many processes were ended.
        killed: u32,
    },
}

/// One of the two captured streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// How a leader ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// Resources used by a leader and the children it waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time in user mode, microseconds.
    pub user_us: u64,
    /// CPU time in the kernel, microseconds.
    pub system_us: u64,
    /// Largest resident set of one process, KiB.
    pub max_rss_kib: u64,
}
