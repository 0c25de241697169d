//! The leases of a run: claims for tasks that are to start, claims of running attempts, and who is told what is freed.
//! ```text
//! claim -> table: granted | waits behind others -> poked by whoever gives back, or woken by the death of a holder
//! ```
//! A holder lives while its orchestrator does, or its keeper owns a live attempt; both are told by kernel locks alone.
//! What a dead holder left is swept before its leases are taken. Never waits. Knows no engine state.

mod alive;

pub(crate) use alive::ALIVE;
pub use alive::lives;

use crate::control::{self, Asker, ReplyTo};
use alive::seize;
use regatta_engine::ids::NodeId;
use regatta_journal::{
    Claim, Claimant, Claimed, Grant, LeaseKind, LeaseRow, LeaseWant, Leases as Table, Refusal, RunLock,
    StoreError,
};
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Wakes the loop: leases may be free.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A claim of a running attempt that waits.
#[derive(Debug)]
struct Asked {
    node: NodeId,
    claim: Claim,
    reply: ReplyTo,
}

/// What was granted to somebody in a running attempt who may not have heard so yet.
#[derive(Debug)]
struct Given {
    node: NodeId,
    task: String,
    epoch: u64,
    to: Asker,
}

/// What was given back because whoever asked has gone.
#[derive(Debug)]
pub struct Dropped {
    /// Whose attempt it was.
    pub node: NodeId,
    /// Which leases.
    pub leases: Vec<LeaseWant>,
}

/// What became of a claim of a running attempt.
#[derive(Debug)]
pub struct Settled {
    /// Whose.
    pub task: String,
    /// What was granted, or why it was refused.
    pub outcome: Result<Grant, Refusal>,
    /// Which leases, for people.
    pub text: String,
    /// Takes the answer.
    pub reply: ReplyTo,
}

/// A dead run that is swept. Nobody resumes it meanwhile, or what it starts would be swept too.
#[derive(Debug)]
struct Seized {
    run: String,
    /// Its lock; none where nobody could take it, because its directory is gone.
    lock: Option<RunLock>,
}

/// The leases of a run.
pub struct Leases {
    table: Option<Table>,
    workspace: PathBuf,
    runs: PathBuf,
    run: String,
    wake: Wake,
    watched: Arc<Mutex<BTreeSet<String>>>,
    /// Dead runs whose processes are to be swept before their leases are taken back.
    dead: VecDeque<String>,
    sweeping: Option<Seized>,
    asked: Vec<Asked>,
    given: Vec<Given>,
    /// Attempts live that an earlier orchestrator started.
    adopted: bool,
    /// Tasks whose attempts hold or want leases of their own.
    own: BTreeSet<String>,
}

impl Leases {
    /// The leases of a run whose directory is `run_dir`; nothing is opened before it is needed.
    #[must_use]
    pub fn new(workspace: &Path, run_dir: &Path, run: &str, wake: Wake) -> Leases {
        Leases {
            table: None,
            workspace: workspace.to_owned(),
            runs: run_dir.parent().unwrap_or(run_dir).to_owned(),
            run: run.to_owned(),
            wake,
            watched: Arc::default(),
            dead: VecDeque::new(),
            sweeping: None,
            asked: Vec::new(),
            given: Vec::new(),
            adopted: false,
            own: BTreeSet::new(),
        }
    }

    fn table(&mut self) -> Result<&Table, StoreError> {
        if self.table.is_none() {
            let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
            let now = (crate::clock::wall_ms(), boot.trim());
            let (runs, run, adopted) = (&self.runs, &self.run, self.adopted);
            let nobody = || !adopted && alive::nobody_else(runs, run);
            self.table = Some(Table::open_or_renew(&self.workspace, now, &nobody)?);
        }
        self.table.as_ref().ok_or(StoreError::Busy { path: self.workspace.clone() })
    }

    /// Takes a run up: what no live task of it holds is given back.
    ///
    /// # Errors
    /// The table cannot be read or written.
    pub fn take_up(&mut self, live: &[&str]) -> Result<(), StoreError> {
        self.adopted = !live.is_empty();
        if !Table::exists(&self.workspace)? {
            return Ok(());
        }
        let run = self.run.clone();
        let freed = self.table()?.forget_run(&run, live)?;
        let own = self.table()?.all()?.into_iter().filter(|row| row.who.run == run && row.by_attempt);
        self.own = own.map(|row| row.who.task).collect();
        self.poke(freed);
        Ok(())
    }

    /// Leaves: gives everything back.
    ///
    /// # Errors
    /// The table cannot be written.
    pub fn leave(&mut self) -> Result<(), StoreError> {
        if self.table.is_some() {
            let run = self.run.clone();
            let freed = self.table()?.forget_run(&run, &[])?;
            self.poke(freed);
        }
        Ok(())
    }

    fn who(&self, task: &str) -> Claimant {
        Claimant { run: self.run.clone(), task: task.to_owned() }
    }

    /// Claims all leases that a task declares.
    ///
    /// # Errors
    /// The table cannot be read or written.
    pub fn claim(
        &mut self,
        task: &str,
        priority: &str,
        wants: Vec<LeaseWant>,
    ) -> Result<Claimed, StoreError> {
        let claim = Claim {
            who: self.who(task),
            wants,
            priority: priority.to_owned(),
            by_attempt: false,
            ticket: None,
            wall_ms: crate::clock::wall_ms(),
        };
        let (claimed, poke) = self.table()?.claim(&claim)?;
        self.poke(poke);
        self.after(&claimed);
        Ok(claimed)
    }

    /// Claims leases for a running attempt of a task; it is answered when they are granted or refused.
    ///
    /// # Errors
    /// The table cannot be read or written.
    pub fn acquire(
        &mut self,
        (node, task, priority): (NodeId, &str, &str),
        wants: Vec<LeaseWant>,
        reply: ReplyTo,
    ) -> Result<Option<Settled>, StoreError> {
        let claim = Claim {
            who: self.who(task),
            wants,
            priority: priority.to_owned(),
            by_attempt: true,
            ticket: None,
            wall_ms: crate::clock::wall_ms(),
        };
        self.own.insert(task.to_owned());
        self.try_asked(Asked { node, claim, reply })
    }

    fn try_asked(&mut self, mut asked: Asked) -> Result<Option<Settled>, StoreError> {
        let (claimed, poke) = self.table()?.claim(&asked.claim)?;
        self.poke(poke);
        self.after(&claimed);
        let outcome = match claimed {
            Claimed::Waits { ticket, .. } => {
                asked.claim.ticket = Some(ticket);
                self.asked.push(asked);
                return Ok(None);
            }
            Claimed::Granted(grant) => {
                let (node, task, epoch) = (asked.node, asked.claim.who.task.clone(), grant.epoch);
                self.given.push(Given { node, task, epoch, to: asked.reply.asker().clone() });
                Ok(grant)
            }
            Claimed::Refused(why) => Err(why),
        };
        let text = names(&asked.claim.wants);
        Ok(Some(Settled { task: asked.claim.who.task, outcome, text, reply: asked.reply }))
    }

    /// Takes back what nobody waits for any more, and what was granted to somebody who never heard so.
    ///
    /// # Errors
    /// The table cannot be written.
    pub fn forget_gone(&mut self) -> Result<Vec<Dropped>, StoreError> {
        self.given.retain(|given| !given.to.has_heard());
        let (gone, waiting) =
            std::mem::take(&mut self.asked).into_iter().partition(|asked| asked.reply.asker().is_gone());
        self.asked = waiting;
        let gone: Vec<Asked> = gone;
        for ticket in gone.into_iter().filter_map(|asked| asked.claim.ticket) {
            let freed = self.table()?.leave_line(ticket)?;
            self.poke(freed);
        }
        let (gone, rest) = std::mem::take(&mut self.given).into_iter().partition(|g| g.to.is_gone());
        self.given = rest;
        let gone: Vec<Given> = gone;
        let mut dropped = Vec::new();
        for Given { node, epoch, .. } in gone {
            let (leases, freed) = self.table()?.give_back_grant(epoch)?;
            self.poke(freed);
            if !leases.is_empty() {
                dropped.push(Dropped { node, leases });
            }
        }
        Ok(dropped)
    }

    /// Tries what running attempts wait for again.
    ///
    /// # Errors
    /// The table cannot be read or written.
    pub fn try_again(&mut self) -> Result<Vec<Settled>, StoreError> {
        let mut settled = Vec::new();
        for asked in std::mem::take(&mut self.asked) {
            settled.extend(self.try_asked(asked)?);
        }
        Ok(settled)
    }

    /// An attempt of a task has ended; `renewed` if its declared leases were granted for the next one already.
    ///
    /// # Errors
    /// The table cannot be written.
    pub fn end_attempt(&mut self, task: &str, renewed: bool) -> Result<(), StoreError> {
        let who = self.who(task);
        self.asked.retain(|asked| asked.claim.who != who);
        self.given.retain(|given| given.task != task);
        self.own.remove(task);
        let freed = self.table()?.end_attempt(&who, renewed)?;
        self.poke(freed);
        Ok(())
    }

    /// A task that is to start wants no leases now.
    ///
    /// # Errors
    /// The table cannot be written.
    pub fn withdraw(&mut self, task: &str) -> Result<(), StoreError> {
        let who = self.who(task);
        let freed = self.table()?.withdraw(&who)?;
        self.poke(freed);
        Ok(())
    }

    /// Gives back what a running attempt took by itself: the leases named, or all of them. What the task declared stays
    /// with it. Answers what that was.
    ///
    /// # Errors
    /// The table cannot be read or written.
    pub fn give_back(&mut self, task: &str, names: &[String]) -> Result<Vec<LeaseWant>, StoreError> {
        let who = self.who(task);
        let (gone, freed) = self.table()?.give_back(&who, names)?;
        self.poke(freed);
        Ok(gone)
    }

    /// True if an attempt of the task holds or wants leases of its own.
    #[must_use]
    pub fn has_own(&self, task: &str) -> bool {
        self.own.contains(task)
    }

    /// Whoever stands in the way is watched if it lives; what a dead one left is taken back.
    fn after(&mut self, claimed: &Claimed) {
        let Claimed::Waits { by, .. } = claimed else { return };
        let others: BTreeSet<&str> = by.iter().map(|row| row.who.run.as_str()).collect();
        for run in others.into_iter().filter(|run| *run != self.run) {
            if lives(&self.runs.join(run)) {
                self.watch(run);
            } else if !self.dead.iter().any(|d| d == run) {
                self.dead.push_back(run.to_owned());
            }
        }
    }

    /// The next dead run that is to be swept, which is held from now on; [`Leases::swept`] goes on.
    pub fn next_dead(&mut self) -> Option<String> {
        while self.sweeping.is_none() {
            let run = self.dead.pop_front()?;
            match seize(&self.runs.join(&run), &run) {
                Some(lock) => {
                    self.sweeping = Some(Seized { run: run.clone(), lock });
                    return Some(run);
                }
                // Somebody was faster.
                None => self.watch(&run),
            }
        }
        None
    }

    /// The keeper that was asked to sweep is gone, and its sweep with it.
    pub fn sweep_again(&mut self) {
        self.dead.extend(self.sweeping.take().map(|seized| seized.run));
    }

    /// Nothing of the dead run lives any more: its leases are free, and whoever wants to may resume it.
    ///
    /// # Errors
    /// The table cannot be written.
    pub fn swept(&mut self) -> Result<(), StoreError> {
        let Some(Seized { run, lock }) = self.sweeping.take() else { return Ok(()) };
        if lock.is_none() && lives(&self.runs.join(&run)) {
            return Ok(());
        }
        let freed = self.table()?.forget_run(&run, &[])?;
        drop(lock);
        self.poke(freed);
        Ok(())
    }

    /// Tells runs that something was given back. Ours is told by its own wake.
    fn poke(&self, runs: Vec<String>) {
        for run in runs {
            if run == self.run {
                (self.wake)();
                continue;
            }
            let dir = self.runs.join(run);
            // Whoever does not hear it finds out by the holder's locks; a thread that cannot be made is nobody's loss.
            let _ = std::thread::Builder::new()
                .name("poke".to_owned())
                .spawn(move || drop(control::ask(&dir, &control::Command::LeasesFreed)));
        }
    }

    /// Wakes the loop when a run has no orchestrator and no live attempt any more, by waiting for its kernel locks.
    fn watch(&self, run: &str) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if !watched.insert(run.to_owned()) {
            return;
        }
        let (dir, run, wake) = (self.runs.join(run), run.to_owned(), Arc::clone(&self.wake));
        let (them, name) = (Arc::clone(&self.watched), run.clone());
        let thread = std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
            alive::wait_for_death(&dir);
            them.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
            wake();
        });
        if thread.is_err() {
            // Nobody is woken by that death, but whoever gives back still pokes, and whoever claims next tries again.
            watched.remove(&name);
        }
    }
}

/// Everything that is held and waited for in a workspace.
///
/// # Errors
/// The table cannot be read.
pub fn all(workspace: &Path) -> Result<Vec<LeaseRow>, StoreError> {
    if !Table::exists(workspace)? {
        return Ok(Vec::new());
    }
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Table::open(workspace, (crate::clock::wall_ms(), boot.trim()))?.all()
}

/// Who stands in the way, for people.
#[must_use]
pub fn blamed(row: &LeaseRow, own_run: &str) -> String {
    let of = if row.who.run == own_run { String::new() } else { format!(" of run {}", row.who.run) };
    let before = if row.epoch.is_none() { ", which asked before" } else { "" };
    format!("`{}`{of}{before}", row.who.task)
}

/// Wanted leases, for people.
#[must_use]
pub fn names(wants: &[LeaseWant]) -> String {
    let name = |want: &LeaseWant| match want.kind {
        LeaseKind::Exclusive => format!("`{}`", want.name),
        LeaseKind::Shared => format!("`{}` (shared)", want.name),
        LeaseKind::Units { units, .. } => format!("{units} of `{}`", want.name),
    };
    wants.iter().map(name).collect::<Vec<_>>().join(", ")
}
