//! How an attempt begins: checked, given its files, executed, taken hold of. It does not know how it ends.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::cgroup::Cgroup;
use super::command::{Command, Refusal, explain};
use super::life::{Leader, Life};
use super::message::{Report, StartSpec};
use super::output::Outputs;
use super::spawn::{Spawned, Wait, reap};
use super::strays::{Phase, Strays};
use super::watch::Subject;
use super::worker::Worker;

/// A leader that nobody waits for yet.
struct Launched {
    outputs: Outputs,
    cgroup: Option<Cgroup>,
    pid: Pid,
    pidfd: OwnedFd,
}

impl Worker {
    /// Starts an attempt, unless it was asked for before.
    pub(super) fn start(&mut self, spec: &StartSpec, now: Instant) {
        if !self.seen.insert(spec.attempt) {
            return;
        }
        let Launched { outputs, cgroup, pid, pidfd } = match self.launch(spec) {
            Ok(launched) => launched,
            Err(refusal) => return self.reports.push(failed(spec.attempt, refusal)),
        };
        let (leader, start_time_ticks) = match self.take_hold(spec.attempt, pid, pidfd) {
            Ok(held) => held,
            Err(error) => {
                // Nobody else knows of it, so it must not live, nor what it may have started by now.
                cgroup.inspect(Cgroup::kill);
                abandon(pid);
                let last_word = failed(spec.attempt, Refusal::of_watching(&error));
                return self.sweep(spec.marker.clone(), last_word, now);
            }
        };
        let life = Life {
            attempt: spec.attempt,
            marker: spec.marker.clone(),
            grace: Duration::from_millis(spec.grace_ms),
            leader_first: spec.leader_first,
            pid,
            leader,
            outputs,
            cgroup,
            phase: Phase::Running,
            kill: None,
            strays: Strays::default(),
            leaked: 0,
            killed: false,
            suspended: None,
            started: now,
        };
        self.claims.add(spec.attempt, life.group(), &spec.marker);
        self.reports.push(Report::Started { attempt: spec.attempt, pid: life.group(), start_time_ticks });
        self.tick_for(&life);
        self.lives.insert(spec.attempt, life);
    }

    fn launch(&mut self, spec: &StartSpec) -> Result<Launched, Refusal> {
        if self.claims.marker(spec.marker.as_bytes()).is_some() {
            let message = format!("the marker {:?} belongs to a live attempt", spec.marker);
            return Err(Refusal { errno: libc::EEXIST, message });
        }
        let command = Command::new(spec)?;
        let idle = spec.idle_ms.map(Duration::from_millis);
        let refused = |error: io::Error| Refusal::of_output(&error);
        let outputs =
            Outputs::new(&mut self.room, spec.output_limit_bytes, idle, Instant::now()).map_err(refused)?;
        let out = self.room.writer(&outputs.stdout).map_err(refused)?;
        let err = self.room.writer(&outputs.stderr).map_err(refused)?;
        let mut cgroup = self.cgroups.take();
        let spawned = self.spawner.spawn(&command, (&out, &err), cgroup.as_ref());
        if let Some(unused) = cgroup.take_if(|_| !spawned.as_ref().is_ok_and(|spawned| spawned.joined)) {
            self.cgroups.give_back(unused, true);
            if spawned.is_ok() {
                self.cgroups.give_up();
            }
        }
        let Spawned { pid, pidfd, .. } = spawned.map_err(|failure| explain(&failure, spec))?;
        Ok(Launched { outputs, cgroup, pid, pidfd })
    }

    /// The leader's start time, and its place in the set of things to wait for.
    fn take_hold(&mut self, attempt: u64, pid: Pid, pidfd: OwnedFd) -> io::Result<(Leader, u64)> {
        let process = self.proc.process(pid.as_raw_nonzero().get().unsigned_abs())?;
        let start = process.ok_or(io::ErrorKind::NotFound)?.start;
        let watched = self.watch.add(pidfd, Subject::Leader(attempt))?;
        Ok((Leader::Running(watched), start))
    }
}

fn failed(attempt: u64, Refusal { errno, message }: Refusal) -> Report {
    Report::SpawnFailed { attempt, errno, message }
}

fn abandon(pid: Pid) {
    // Both succeed: it is our unreaped child and leads its group.
    let _ = kill_process_group(pid, Signal::KILL);
    let _ = reap(pid, Wait::Block);
}
