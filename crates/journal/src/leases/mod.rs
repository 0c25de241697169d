//! Leases across all runs of a workspace: who holds which names, and who stands in line for them.
//!
//! A database of its own, `leases.db`, without syncs: a lease is worth nothing once its holder is dead, and a power cut
//! kills every holder. So it survives the death of any process, and is emptied when the machine was started anew.
//! ```text
//! held     epoch, name, run, task, kind, units        all the leases of a claim are taken in one transaction, or none
//! waiting  ticket, run, task, name, kind, units       nobody passes an earlier incompatible claim
//! ```
//! A grant has rows of its own: what an attempt claims by itself never touches what its task declares.
//! Knows no process: whether a holder lives is asked elsewhere.

mod file;
mod rules;
mod table;

use crate::error::StoreError;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::fs::File;
use std::path::PathBuf;

/// How a lease is held.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LeaseKind {
    /// With others who share it.
    Shared,
    /// Alone.
    Exclusive,
    /// Units of a counted lease.
    Units {
        /// How many.
        units: u32,
        /// Of so many in all.
        capacity: u32,
    },
}

/// A lease that is wanted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LeaseWant {
    /// Its name.
    pub name: String,
    /// How.
    pub kind: LeaseKind,
}

/// Who holds or wants a lease: a task of a run, of which one attempt lives at a time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Claimant {
    /// The run.
    pub run: String,
    /// The task.
    pub task: String,
}

/// A lease that is held or waited for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeaseRow {
    /// By whom.
    pub who: Claimant,
    /// What.
    pub want: LeaseWant,
    /// The fencing epoch of the grant; none while it is waited for.
    pub epoch: Option<u64>,
    /// Place in the line; none once it is held.
    pub ticket: Option<u64>,
    /// Since when, wall clock in milliseconds since the Unix epoch.
    pub since_wall_ms: u64,
    /// Declared priority of the claimant, `P0` to `P3`.
    pub priority: String,
    /// A running attempt asked for it by itself.
    pub by_attempt: bool,
}

/// A claim on some leases.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Who.
    pub who: Claimant,
    /// Which leases.
    pub wants: Vec<LeaseWant>,
    /// Declared priority, `P0` to `P3`.
    pub priority: String,
    /// A running attempt asks, which may hold others already.
    pub by_attempt: bool,
    /// Its place in the line, if a running attempt asks again: it may have several claims. A task that is to start has
    /// one, which is known.
    pub ticket: Option<u64>,
    /// Now, wall clock in milliseconds since the Unix epoch.
    pub wall_ms: u64,
}

/// What became of a claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claimed {
    /// All are held.
    Granted(Grant),
    /// None is held, and the claim stands in line.
    Waits {
        /// Its place.
        ticket: u64,
        /// Who is in the way.
        by: Vec<LeaseRow>,
    },
    /// None is held, and the claim stands in no line.
    Refused(Refusal),
}

/// Leases that are granted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// The fencing epoch.
    pub epoch: u64,
    /// What the claimant did not have before.
    pub got: Vec<LeaseWant>,
}

/// Why a claim is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Waiting would never end: who waits for whom, in words.
    Endless(String),
    /// There are not so many units, in words.
    Unfit(String),
}

/// The leases of a workspace.
#[derive(Debug)]
pub struct Leases {
    conn: Connection,
    path: PathBuf,
    /// Locked together with all others who have the tables open.
    _open: File,
}

impl Leases {
    /// Takes all leases of a claim, or none and a place in the line. A claim that stands in it keeps its place, and
    /// others of the same attempt have theirs. Answers also the runs that must be told: what a dead attempt of the task held is free, or a claim of theirs was refused
    /// to break a circle.
    ///
    /// # Errors
    /// Any failure of SQLite.
    pub fn claim(&self, claim: &Claim) -> Result<(Claimed, Vec<String>), StoreError> {
        self.write("write", |tx| table::claim(tx, claim))
    }

    /// An attempt has ended: what it took by itself goes with it, and what its task declared, unless that was granted
    /// anew for the next attempt already (`renewed`). A place in the line that the next attempt has stays. Answers the
    /// runs that wait for something that was given back.
    ///
    /// # Errors
    /// Any failure of SQLite.
    pub fn end_attempt(&self, who: &Claimant, renewed: bool) -> Result<Vec<String>, StoreError> {
        self.write("write", |tx| {
            table::forget_refusals(tx, &who.run, Some(&who.task))?;
            table::take_back_if(tx, |row| {
                row.who == *who && (row.by_attempt || row.epoch.is_some() && !renewed)
            })
        })
    }

    /// Gives back what a running attempt took by itself: the leases named, or all of them. Answers what that was, and
    /// as [`Leases::end_attempt`].
    ///
    /// # Errors
    /// Any failure of SQLite.
    pub fn give_back(
        &self,
        who: &Claimant,
        names: &[String],
    ) -> Result<(Vec<LeaseWant>, Vec<String>), StoreError> {
        let named = |row: &LeaseRow| names.is_empty() || names.contains(&row.want.name);
        self.drop_own(|row| row.who == *who && named(row))
    }

    /// Gives back what one grant gave a running attempt, which never heard of it. Answers what that was, and as
    /// [`Leases::end_attempt`].
    ///
    /// # Errors
    /// Any failure of SQLite.
    pub fn give_back_grant(&self, epoch: u64) -> Result<(Vec<LeaseWant>, Vec<String>), StoreError> {
        self.drop_own(|row| row.epoch == Some(epoch))
    }

    fn drop_own(
        &self,
        goes: impl Fn(&LeaseRow) -> bool,
    ) -> Result<(Vec<LeaseWant>, Vec<String>), StoreError> {
        self.write("write", |tx| {
            let mut gone = table::held(tx)?;
            gone.retain(|row| row.by_attempt && goes(row));
            let freed = table::take_back(tx, &gone)?;
            Ok((gone.into_iter().map(|row| row.want).collect(), freed))
        })
    }

    /// A claim of a running attempt stands in the line no more. Answers as [`Leases::end_attempt`].
    ///
    /// # Errors
    /// Any failure of SQLite.
    pub fn leave_line(&self, ticket: u64) -> Result<Vec<String>, StoreError> {
        self.write("write", |tx| {
            table::denied(tx, ticket)?;
            table::take_back_if(tx, |row| row.ticket == Some(ticket))
        })
    }

    /// The claimant wants nothing and holds nothing any more. Answers as [`Leases::end_attempt`].
    ///
    /// # Errors
    /// Any failure of SQLite.
    pub fn withdraw(&self, who: &Claimant) -> Result<Vec<String>, StoreError> {
        self.write("write", |tx| {
            table::forget_refusals(tx, &who.run, Some(&who.task))?;
            table::take_back_if(tx, |row| row.who == *who)
        })
    }

    /// Takes back everything of a run but what `live` tasks of it hold. Answers as [`Leases::end_attempt`].
    ///
    /// # Errors
    /// Any failure of SQLite.
    pub fn forget_run(&self, run: &str, live: &[&str]) -> Result<Vec<String>, StoreError> {
        self.write("write", |tx| table::forget_run(tx, run, live))
    }

    /// Everything that is held, then everything that is waited for, in order of the line.
    ///
    /// # Errors
    /// Any failure of SQLite.
    pub fn all(&self) -> Result<Vec<LeaseRow>, StoreError> {
        let fault = |e| file::fault(&self.path, "read", e);
        let mut rows = table::held(&self.conn).map_err(fault)?;
        rows.extend(table::waiting(&self.conn).map_err(fault)?);
        Ok(rows)
    }

    fn write<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let fault = |e| file::fault(&self.path, action, e);
        let tx = Transaction::new_unchecked(&self.conn, TransactionBehavior::Immediate).map_err(fault)?;
        let done = work(&tx).map_err(fault)?;
        tx.commit().map_err(fault)?;
        Ok(done)
    }
}
