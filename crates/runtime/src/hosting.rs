//! How the driver has a tool host for the calls that need one: started with the first of them, kept while the run goes on.
//!
//! A part of the driver: it never waits. The host belongs to the keeper, and is no attempt: nothing follows from its end
//! but that the next call gets another one. Calls that were under way tell that themselves.

use crate::keeper::{Ask, Bytes, HELPER, StartOrder};
use crate::kept_id;
use crate::local::Local;
use crate::turn::Driver as _;
use regatta_engine::ids::AttemptId;
use std::ffi::OsString;

/// The program that the keeper runs, which is this one, also when its file was replaced meanwhile.
const OURSELVES: &str = "/proc/self/exe";
/// Between TERM and KILL, in milliseconds: its servers go meanwhile.
const GRACE_MS: u64 = 5_000;
/// It says nothing; what it says all the same has a bound.
const MAX_OUTPUT_BYTES: u64 = 1 << 20;
/// Hosts that one orchestrator starts at most: one that dies each time is not the way to go on.
const MOST_HOSTS: u64 = 50;

impl Local {
    /// There is a host from here on, or the calls that need it say that there is none.
    pub(crate) fn have_host(&mut self) {
        if self.hosting.host.is_some() || self.hosting.count == MOST_HOSTS {
            return;
        }
        self.hosting.count += 1;
        let id = kept_id::step(self.place.epoch, AttemptId(self.hosting.count), kept_id::TOOLS);
        let run_dir = self.place.run_dir.clone();
        let argv: [OsString; 5] =
            [OURSELVES.into(), HELPER.into(), "tool-host".into(), "--run".into(), run_dir.into()];
        self.asks.push(Ask::Start(Box::new(StartOrder {
            attempt: id,
            argv: argv.into_iter().map(Bytes).collect(),
            env: Vec::new(),
            cwd: Bytes(self.actions.workspace().as_os_str().to_owned()),
            marker: format!("{}/{id}", self.place.run_id),
            output_limit_bytes: MAX_OUTPUT_BYTES,
            idle_ms: None,
            grace_ms: GRACE_MS,
            kill_after_ms: None,
            leader_first: true,
        })));
        self.hosting.host = Some(id);
    }

    /// The host of an earlier orchestrator is this one's too. Answers whether that is what was found.
    pub(crate) fn adopt_host(&mut self, id: u64) -> bool {
        let is_host = kept_id::is_of_tools(id);
        if is_host {
            self.hosting.host = Some(id);
        }
        is_host
    }

    /// Something has ended. Answers whether it was a host.
    pub(crate) fn host_ended(&mut self, id: u64) -> bool {
        if !kept_id::is_of_tools(id) {
            return false;
        }
        self.asks.push(Ask::Ack { attempt: id });
        if self.hosting.host == Some(id) {
            self.hosting.host = None;
            // One that left at the moment at which it was called is waited for by whoever called.
            if self.jobs.values().any(|job| self.actions.calls_server(job)) {
                self.have_host();
            }
        }
        true
    }

    /// It died with its keeper.
    pub(crate) fn forget_host(&mut self) {
        self.hosting.host = None;
    }

    /// The run is being left: the host is told to go. Answers whether there is one to wait for.
    pub(crate) fn end_host(&mut self) -> bool {
        if let Some(attempt) = self.hosting.host {
            self.asks.push(Ask::End { attempt, grace_ms: GRACE_MS });
            self.flush();
        }
        self.hosting.host.is_some()
    }

    /// Whether a host lives.
    pub(crate) fn has_host(&self) -> bool {
        self.hosting.host.is_some()
    }
}
