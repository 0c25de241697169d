//! The owner's state and its two steps: what happened, and what is asked for.
//! How attempts start is in `starting`, how they end in `ending`. It does not know plans, journals or runs.
//!
//! ```text
//! look: leaders and strays that ended ─> deadlines ─> settle ─> reports out
//! work: up to 32 requests: start, end, sweep                 ─> reports out
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::cgroup::Cgroups;
use super::due::{Due, Key, Why};
use super::ids::Ids;
use super::life::Life;
use super::message::{Report, Request};
use super::orphans::{Claims, Orphans};
use super::output::Room;
use super::proc::Proc;
use super::spawn::Spawner;
use super::sweep::Sweep;
use super::watch::{Subject, Watch};
use super::{Config, MOST_REQUESTS_PER_TURN, TICK};

/// The state.
pub(super) struct Worker {
    /// Requests in line.
    pub(super) queue: VecDeque<Request>,
    tick: Option<Key>,
    pub(super) spawner: Spawner,
    pub(super) room: Room,
    pub(super) cgroups: Cgroups,
    /// All attempts that were ever asked for.
    pub(super) seen: Ids,
    pub(super) proc: Proc,
    pub(super) watch: Watch,
    pub(super) due: Due,
    pub(super) claims: Claims,
    pub(super) orphans: Orphans,
    pub(super) lives: BTreeMap<u64, Life>,
    pub(super) sweeps: BTreeMap<u64, Sweep>,
    pub(super) sweep_count: u64,
    /// Attempts whose leader has ended, to be looked at in this turn.
    pub(super) unsettled: BTreeSet<u64>,
    /// The next look of those that could not be judged, and how many there were in a row.
    pub(super) settling: Option<Key>,
    pub(super) looks: u32,
    pub(super) reports: Vec<Report>,
}

impl Worker {
    /// Made on the owner's thread, because the spawner prepares that thread.
    pub(super) fn new(config: &Config) -> io::Result<Worker> {
        Ok(Worker {
            spawner: Spawner::new(config.open_files)?,
            room: Room::open(&config.tmp_dir)?,
            cgroups: Cgroups::new(config.cgroup.clone(), config.left_cgroups.clone()),
            seen: Ids::default(),
            queue: VecDeque::new(),
            tick: None,
            proc: Proc::new(),
            watch: Watch::new()?,
            due: Due::default(),
            claims: Claims::default(),
            orphans: Orphans::new(config.sole_parent),
            lives: BTreeMap::new(),
            sweeps: BTreeMap::new(),
            sweep_count: 0,
            unsettled: BTreeSet::new(),
            settling: None,
            looks: 0,
            reports: Vec::new(),
        })
    }

    /// Readable when a process ended.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.watch.fd()
    }

    /// How long nothing has to be done.
    pub(super) fn patience(&self) -> Option<Duration> {
        if self.queue.is_empty() { self.due.wait(Instant::now()) } else { Some(Duration::ZERO) }
    }

    /// Takes what happened, waiting for it so long at most, and what is due.
    pub(super) fn look(&mut self, wait: Option<Duration>) -> io::Result<Vec<Report>> {
        let events = self.watch.wait(wait)?;
        let now = Instant::now();
        self.take_events(&events, now);
        self.take_due(now);
        if !self.unsettled.is_empty() {
            self.settle(now);
        }
        Ok(std::mem::take(&mut self.reports))
    }

    /// Kills what lives and waits until nothing does; nobody hears of it.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.queue.clear();
        let orders: Vec<_> = self.lives.keys().map(|attempt| (*attempt, Duration::ZERO)).collect();
        self.end(&orders, Instant::now());
        while !self.lives.is_empty() || !self.sweeps.is_empty() {
            self.look(self.patience())?;
        }
        Ok(())
    }

    fn take_events(&mut self, events: &[Subject], now: Instant) {
        for event in events {
            match *event {
                Subject::Leader(attempt) => self.leader_ended(attempt, now),
                Subject::Stray(attempt, pid) => self.stray_ended(attempt, pid),
                Subject::Swept(sweep, pid) => self.swept_one(sweep, pid, now),
            }
        }
    }

    fn take_due(&mut self, now: Instant) {
        let mut over = Vec::new();
        for why in self.due.take(now) {
            match why {
                Why::Kill(attempt) => over.push((attempt, Duration::ZERO)),
                Why::KillSweep(sweep) => self.kill_sweep(sweep),
                Why::Rescan(sweep) => self.rescan(sweep, now),
                Why::Settle => self.settle(now),
                Why::Tick => self.look_at_outputs(now),
            }
        }
        self.end(&over, now);
    }

    /// Takes requests, so many that ends do not wait for long.
    pub(super) fn work(&mut self, now: Instant) -> Vec<Report> {
        for _ in 0..MOST_REQUESTS_PER_TURN {
            match self.queue.pop_front() {
                None => break,
                Some(Request::Start(spec)) => self.start(&spec, now),
                Some(Request::End { attempt, grace_ms }) => self.end_requested(attempt, grace_ms, now),
                Some(Request::Suspend) => self.suspend(now),
                Some(Request::Continue) => self.go_on(now),
                Some(Request::Sweep { run_marker }) => {
                    self.sweep(run_marker.clone(), Report::Swept { run_marker, killed: 0 }, now);
                }
                Some(Request::GiveBack(files)) => {
                    files.into_iter().for_each(|file| self.room.give_back(file))
                }
            }
        }
        std::mem::take(&mut self.reports)
    }

    /// Ends that follow each other directly are one batch, so that /proc is read once for all of them.
    fn end_requested(&mut self, attempt: u64, grace_ms: u64, now: Instant) {
        let mut orders = vec![(attempt, Duration::from_millis(grace_ms))];
        while let Some(Request::End { attempt, grace_ms }) =
            self.queue.pop_front_if(|next| matches!(next, Request::End { .. }))
        {
            orders.push((attempt, Duration::from_millis(grace_ms)));
        }
        orders.retain(|(attempt, _)| self.lives.get(attempt).is_some_and(Life::runs));
        self.end(&orders, now);
    }

    /// Looks at the outputs from now on, if they are bounded.
    pub(super) fn tick_for(&mut self, life: &Life) {
        if life.outputs.bounded() && self.tick.is_none() {
            self.tick = Some(self.due.arm(Instant::now() + TICK, Why::Tick));
        }
    }

    /// The one tick: sizes for the limit and for silence, and a look at orphans while they can be recognised.
    fn look_at_outputs(&mut self, now: Instant) {
        let mut floods = Vec::new();
        for life in self.lives.values_mut().filter(|life| life.outputs.bounded()) {
            let Ok(sizes) = life.outputs.sizes() else { continue };
            let attempt = life.attempt;
            let silence = if life.suspended.is_none() { life.outputs.silence(sizes, now) } else { None };
            if let Some(quiet) = silence {
                let idle_ms = u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX);
                self.reports.push(Report::Idle { attempt, idle_ms });
            }
            if let Some((stream, bytes)) = life.outputs.overflow(sizes) {
                self.reports.push(Report::OutputLimit { attempt, stream, bytes });
                floods.push((attempt, life.stray_grace()));
            }
        }
        let any = self.lives.values().any(|life| life.outputs.bounded());
        self.tick = any.then(|| self.due.arm(now + TICK, Why::Tick));
        self.end(&floods, now);
        self.settle(now);
    }
}
