//! How a tree is brought to its end. It does not know why it is to end; that it has, is found out in `settling`.
//!
//! ```text
//! Running ──End, flood, leak, close──> Terminating ──grace over──> Killing        (each way: `end`)
//! ```
//! All of /proc is read only where a tree is signalled, once for all trees of a turn.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process, kill_process_group};

use super::cgroup::Cgroup;
use super::due::Why;
use super::life::{Leader, STRAY_GRACE};
use super::orphans::pid_of;
use super::proc::{Mark, Process};
use super::spawn::{Wait, reap};
use super::strays::{Phase, Sent};
use super::watch::Subject;
use super::worker::Worker;

impl Worker {
    /// Ends trees, each with its grace. A tree that is being ended already can only get less.
    pub(super) fn end(&mut self, orders: &[(u64, Duration)], now: Instant) {
        let mut signalled = Vec::new();
        for (attempt, grace) in orders {
            let Some(life) = self.lives.get_mut(attempt) else { continue };
            let at = now + *grace;
            let next = if grace.is_zero() { Phase::Killing } else { Phase::Terminating };
            match (life.phase, next) {
                (Phase::Killing, _) => continue,
                (Phase::Terminating, Phase::Terminating) => {}
                _ => signalled.push(*attempt),
            }
            let sooner = life.kill.is_none_or(|(before, _)| at < before);
            if let Some(key) = life.kill.take_if(|_| sooner) {
                self.due.disarm(key);
            }
            if sooner && next == Phase::Terminating {
                life.kill = Some(self.due.arm(at, Why::Kill(*attempt)));
            }
            life.phase = next;
            life.killed |= life.runs();
        }
        self.signal_trees(&signalled);
    }

    /// A leader has ended: nothing is reported before its tree is dead.
    pub(super) fn leader_ended(&mut self, attempt: u64, now: Instant) {
        let Some(life) = self.lives.get_mut(&attempt) else { return };
        if let Leader::Running(watched) = std::mem::replace(&mut life.leader, Leader::Ended) {
            self.watch.remove(watched);
        }
        if life.phase == Phase::Terminating {
            self.end(&[(attempt, STRAY_GRACE)], now);
        }
        self.unsettled.insert(attempt);
    }

    /// A stray has ended. If it came to us as an orphan, it is reaped here or when it shows in the list.
    pub(super) fn stray_ended(&mut self, attempt: u64, pid: u32) {
        let Some(life) = self.lives.get_mut(&attempt) else { return };
        life.strays.remove(&mut self.watch, pid);
        if !life.runs() {
            self.unsettled.insert(attempt);
        }
    }

    /// Sends what the phases demand: to the groups first, then to all who are not reached that way.
    pub(super) fn signal_trees(&mut self, attempts: &[u64]) {
        if attempts.is_empty() {
            return;
        }
        self.hunt(attempts);
        for attempt in attempts {
            let Some(life) = self.lives.get(attempt) else { continue };
            if life.phase == Phase::Killing {
                life.cgroup.iter().for_each(Cgroup::kill);
            }
            if life.leader_first && life.phase == Phase::Terminating && life.runs() {
                // It is ours and unreaped. What it leaves is killed when its grace is over.
                let _ = kill_process(life.pid, Signal::TERM);
                let _ = kill_process_group(life.pid, Signal::CONT);
                continue;
            }
            if !matches!(life.leader, Leader::Reaped(..)) {
                for signal in life.phase.signals() {
                    // The leader is ours and unreaped, so the group exists. Members of another user are left to it.
                    let _ = kill_process_group(life.pid, *signal);
                }
            }
            for process in life.strays.processes() {
                self.signal_stray(&process, *attempt);
            }
        }
    }

    pub(super) fn signal_stray(&mut self, process: &Process, attempt: u64) {
        let Some(life) = self.lives.get_mut(&attempt) else { return };
        if life.phase == Phase::Terminating && life.reaches(process) {
            return; // the group has it already, and a second TERM means "hurry" to many programs
        }
        // In a cgroup it waits for the KILL that asks nobody.
        if life.strays.signal(process.pid, life.phase) == Sent::Refused && life.cgroup.is_none() {
            life.strays.remove(&mut self.watch, process.pid);
            self.orphans.give_up(process);
            if !life.runs() {
                self.unsettled.insert(attempt);
            }
        }
    }

    /// Finds all processes of these trees: in the groups and cgroups, below them, by marker, and what was seen before.
    pub(super) fn hunt(&mut self, attempts: &[u64]) {
        let Ok(all) = self.proc.processes() else { return }; // strays will still show as orphans
        let owners = self.attribute(&all, attempts);
        let mut alive: BTreeMap<u64, u32> = BTreeMap::new();
        for process in &all {
            let Some(attempt) = owners.get(&process.pid).filter(|attempt| attempts.contains(attempt)) else {
                continue;
            };
            let Some(life) = self.lives.get(attempt) else { continue };
            if process.pid == life.group() {
                continue;
            }
            if process.zombie {
                self.reap_stray(process);
                continue;
            }
            *alive.entry(*attempt).or_default() += 1;
            self.orphans.remember(process, *attempt);
            if !life.reaches(process) {
                self.hold(process, *attempt);
            }
        }
        for (attempt, count) in alive {
            let leak = self.lives.get_mut(&attempt).filter(|life| life.leaked > 0);
            if let Some(life) = leak {
                life.leaked = life.leaked.max(count);
            }
        }
    }

    /// Whose each process is. Cgroups are asked after `all` was read: a number that has passed on meanwhile is found out
    /// by its start when it is taken hold of.
    fn attribute(&mut self, all: &[Process], attempts: &[u64]) -> BTreeMap<u32, u64> {
        let known = |process: &Process| {
            self.claims
                .group(process.group)
                .or_else(|| self.orphans.attempt_of(process))
                .map(|a| (process.pid, a))
        };
        let mut owners: BTreeMap<u32, u64> = all.iter().filter_map(known).collect();
        for life in attempts.iter().filter_map(|attempt| self.lives.get(attempt)) {
            let members = life.cgroup.iter().flat_map(Cgroup::members);
            owners.extend(members.map(|pid| (pid, life.attempt)));
        }
        inherit(all, &mut owners);
        for process in all {
            if !owners.contains_key(&process.pid)
                && let Mark::Is(marker) = self.proc.mark(process)
                && let Some(attempt) = self.claims.marker(&marker)
            {
                owners.insert(process.pid, attempt);
            }
        }
        inherit(all, &mut owners);
        owners
    }

    pub(super) fn hold(&mut self, process: &Process, attempt: u64) {
        let Some(life) = self.lives.get_mut(&attempt) else { return };
        let subject = Subject::Stray(attempt, process.pid);
        let held = life.strays.add(&mut self.proc, &mut self.watch, (process, subject));
        if held.is_err() && !life.runs() {
            // No descriptor to spare. It stays in the list: a later look finds it again.
            self.unsettled.insert(attempt);
            self.settle_later();
        }
    }

    /// Reaps a dead descendant that is our own child.
    fn reap_stray(&mut self, process: &Process) {
        if process.parent == self.proc.own()
            && let Some(pid) = pid_of(process.pid)
        {
            // It is a zombie and our child, so this neither sleeps nor meets anybody else.
            let _ = reap(pid, Wait::Look);
        }
    }
}

/// A child of an attempt's process belongs to the attempt.
fn inherit(all: &[Process], owners: &mut BTreeMap<u32, u64>) {
    loop {
        let before = owners.len();
        for process in all {
            if let Some(attempt) = owners.get(&process.parent).copied() {
                owners.entry(process.pid).or_insert(attempt);
            }
        }
        if owners.len() == before {
            return;
        }
    }
}
