//! The words between orchestrator and keeper, as they travel: plain data, JSON in frames.
//!
//! Descriptors travel beside the frame that speaks of them. Knows no socket.

use crate::owner::{StartSpec, Status, Usage};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// What the orchestrator asks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// First word: who asks.
    Hello {
        /// The newest and the oldest protocol that it speaks.
        protocols: (u32, u32),
        /// Its fencing epoch; the highest wins.
        epoch: u64,
    },
    /// The variables that every attempt gets, from here on.
    Environment {
        /// Names and values.
        vars: Vec<(Bytes, Bytes)>,
    },
    /// Start an attempt. A second start of an id seen before does nothing.
    Start(Box<StartOrder>),
    /// End the whole tree of an attempt.
    End {
        /// The attempt.
        attempt: u64,
        /// Milliseconds between TERM and KILL.
        grace_ms: u64,
    },
    /// Let every live tree stand still, with its clocks.
    Suspend,
    /// Let every tree that stands still go on.
    Continue,
    /// End every process that carries a marker of this run, whoever started it.
    Sweep {
        /// The run part of the markers.
        run_marker: String,
    },
    /// Hand over what a live attempt writes, for somebody who looks on. Since protocol 2.
    Look {
        /// The attempt.
        attempt: u64,
    },
    /// The outcome of an attempt is durable elsewhere: forget it.
    Ack {
        /// The attempt.
        attempt: u64,
    },
    /// Nothing more will be asked.
    Bye,
}

/// Everything needed to start one attempt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StartOrder {
    /// The attempt's id, unique in the run.
    pub attempt: u64,
    /// Program and arguments.
    pub argv: Vec<Bytes>,
    /// Variables of its own, over those of [`Ask::Environment`].
    pub env: Vec<(Bytes, Bytes)>,
    /// The working directory.
    pub cwd: Bytes,
    /// The value of the marker variable.
    pub marker: String,
    /// Most bytes of one output stream.
    pub output_limit_bytes: u64,
    /// Silence after which it is told.
    pub idle_ms: Option<u64>,
    /// Between TERM and KILL.
    pub grace_ms: u64,
    /// Longest time from its start, enforced by the keeper only while nobody is connected.
    pub kill_after_ms: Option<u64>,
    /// TERM goes to the leader alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leader_first: bool,
}

impl StartOrder {
    /// For the process owner, with the common variables below its own.
    pub(super) fn spec(&self, common: &[(Bytes, Bytes)]) -> StartSpec {
        let own = |name: &Bytes| self.env.iter().any(|(n, _)| n == name);
        let pair = |(name, value): &(Bytes, Bytes)| (name.0.clone(), value.0.clone());
        let common = common.iter().filter(|(name, _)| !own(name));
        StartSpec {
            attempt: self.attempt,
            argv: self.argv.iter().map(|a| a.0.clone()).collect(),
            env: common.chain(&self.env).map(pair).collect(),
            cwd: (&self.cwd.0).into(),
            marker: self.marker.clone(),
            output_limit_bytes: self.output_limit_bytes,
            idle_ms: self.idle_ms,
            grace_ms: self.grace_ms,
            leader_first: self.leader_first,
        }
    }
}

/// What the keeper tells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tell {
    /// Answer to the first word. `unacked` ends follow at once.
    Hello {
        /// The protocol that is spoken.
        protocol: u32,
        /// The epoch that is obeyed.
        epoch: u64,
        /// Attempts that live.
        live: Vec<u64>,
        /// How many ends follow that were not acknowledged.
        unacked: u64,
        /// An attempt was recorded under another start of the machine.
        boot_changed: bool,
    },
    /// The asker is not obeyed; the connection ends.
    Refused {
        /// The newest and the oldest protocol that the keeper speaks.
        protocols: (u32, u32),
        /// The epoch that is obeyed.
        epoch: u64,
    },
    /// An attempt is silent.
    Idle {
        /// The attempt.
        attempt: u64,
        /// For how long.
        idle_ms: u64,
    },
    /// An attempt ended, or could not be started. Descriptors of its streams come with it.
    Ended(Ended),
    /// What an attempt writes; two descriptors come with it if it lives.
    Streams {
        /// The attempt.
        attempt: u64,
        /// Descriptors come with it.
        found: bool,
    },
    /// Every tree that lives stands still.
    Still,
    /// No process with the marker is left.
    Swept {
        /// How many were ended.
        killed: u32,
    },
}

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ended {
    /// The attempt.
    pub attempt: u64,
    /// How.
    pub how: How,
    /// Processes that outlived the leader and were ended.
    pub leaked: u32,
    /// How long it ran, in milliseconds.
    #[serde(default)]
    pub ran_ms: u64,
    /// A stream went over its limit.
    pub output_limit: bool,
    /// The keeper ended it at its deadline, because nobody was connected.
    pub deadline: bool,
    /// CPU time in microseconds, user and system.
    pub cpu_us: (u64, u64),
    /// Largest resident set of one process.
    pub max_rss_kib: u64,
    /// Standard output was written.
    pub stdout: bool,
    /// Standard error was written.
    pub stderr: bool,
    /// What was written died with an earlier keeper.
    pub output_lost: bool,
    /// The disk was full when it ended.
    #[serde(default)]
    pub disk_full: bool,
}

/// How a leader ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It was never started.
    NotStarted {
        /// Why.
        message: String,
    },
}

impl Ended {
    /// An attempt that could not be started.
    pub(super) fn not_started(attempt: u64, message: String) -> Ended {
        Ended::new(attempt, How::NotStarted { message })
    }

    /// An attempt whose tree is dead.
    pub(super) fn exited(attempt: u64, status: Status, usage: Usage) -> Ended {
        let how = match status {
            Status::Code(code) => How::Code(code),
            Status::Signal(signal) => How::Signal(signal),
        };
        let cpu_us = (usage.user_us, usage.system_us);
        Ended { cpu_us, max_rss_kib: usage.max_rss_kib, ..Ended::new(attempt, how) }
    }

    /// An end of which nothing more is known.
    pub(crate) fn new(attempt: u64, how: How) -> Ended {
        Ended {
            attempt,
            how,
            leaked: 0,
            ran_ms: 0,
            output_limit: false,
            deadline: false,
            cpu_us: (0, 0),
            max_rss_kib: 0,
            stdout: false,
            stderr: false,
            output_lost: false,
            disk_full: false,
        }
    }
}

/// Bytes of the system: a text where it is one, else a list of numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Bytes(pub OsString);

impl From<OsString> for Bytes {
    fn from(text: OsString) -> Bytes {
        Bytes(text)
    }
}

impl From<&OsStr> for Bytes {
    fn from(text: &OsStr) -> Bytes {
        Bytes(text.to_owned())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_str() {
            Some(text) => serializer.serialize_str(text),
            None => self.0.as_bytes().serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Raw(Vec<u8>),
        }
        Ok(Bytes(match Either::deserialize(deserializer)? {
            Either::Text(text) => text.into(),
            Either::Raw(bytes) => OsString::from_vec(bytes),
        }))
    }
}
