//! Fault points: places at which a test build kills processes. Without the feature `armed` they are nothing.
//!
//! ```text
//! REGATTA_FAULT=point:n[:victim],…   at the n-th passage of a point; `self`, the `other` of orchestrator and keeper, or `both`
//! REGATTA_FAULT_FIRED=FILE           each of them once only: FILE (for the second one FILE.1, …) is made at the kill
//! REGATTA_FAULT_TRACE=FILE           how often each point was passed; those of the keeper in FILE.keeper
//! ```
//! A keeper that dies is replaced, and its heir passes the same points with the same environment: hence `FIRED`.
//! [`POINTS`] is the registry; a test fails if one of them is never reached. Knows nothing of what is done there.

/// Every fault point, and what has just been done there.
pub const POINTS: [(&str, &str); 76] = [
    ("store.made", "the database file is there, without tables"),
    ("store.prepared", "the tables are there, no run is recorded"),
    ("run.recorded", "the run is in the database, it has no directory"),
    ("run.created", "the run is recorded and locked, nothing is started"),
    ("epoch.before", "the lock is taken, the epoch is not written"),
    ("epoch.after", "the new epoch is durable, nothing was folded"),
    ("met", "the keeper is met, nothing was asked of it"),
    ("sweep.before", "an heir of a keeper is there, the sweep is not asked for"),
    ("sweep.after", "nothing of the dead keeper lives"),
    ("adopted", "what lives and what ended is known, not recorded"),
    ("commit.before", "the turn is decided, not written"),
    ("turn.written", "its rows are written, not committed"),
    ("commit.after", "the turn is durable, nothing of it is done"),
    ("start.before", "a start is about to be ordered"),
    ("start.after", "the starts of a turn are ordered"),
    ("end.judged", "an end is heard and its output stored, its turn has not begun"),
    ("result.stored", "a large result is synced, its turn has not begun"),
    ("turn.performed", "everything of a turn is done, ends are acknowledged"),
    ("checkpoint.before", "the log is about to be moved into the database"),
    ("checkpoint.after", "the log was moved, nobody was told"),
    ("control.heard", "a request of a person is heard, not obeyed"),
    ("control.recorded", "a request without an orchestrator is durable, nobody was told"),
    ("lease.asked", "leases are claimed, the table does not know"),
    ("lease.granted", "leases are granted in the table, the journal does not know"),
    ("lease.waits", "a claim stands in the line, the journal does not know"),
    ("lease.back.before", "leases are to be given back, the table does not know"),
    ("lease.back.after", "leases are given back, whoever waits was not told"),
    ("lease.told.before", "what a running attempt claimed is recorded, it was not told"),
    ("lease.told.after", "it was told, nobody knows whether it has heard"),
    ("lease.gone", "whoever claimed has gone away, the claim or the grant is still there"),
    ("lease.dead.held", "a dead run is in the way and held, its sweep is not asked for"),
    ("lease.dead.swept", "nothing of the dead run lives, its leases are not taken back"),
    ("lease.kept", "a run that is resumed has given back all but what lives holds"),
    ("reuse.found", "earlier work stands for a task, its output has no name here"),
    ("reuse.linked", "its output has a second name, the journal does not know"),
    ("reuse.recorded", "that it stands is durable, nothing came of it yet"),
    ("worktree.before", "a worktree is to be made, git knows nothing of it"),
    ("worktree.added", "git knows it and its branch, it has no files"),
    ("worktree.filled", "its files are there, nothing was copied into it"),
    (
        "worktree.picked",
        "what an attempt left is on its branch for the next one, what it said of itself is there",
    ),
    ("worktree.taken", "the files of a worktree whose task is done are those of another one, as they were"),
    ("worktree.made", "it is whole, nobody was told"),
    ("worktree.aside", "a worktree is laid aside, git still knows it"),
    ("worktree.gone", "git knows it no more, its files lie aside"),
    ("step.ended", "a command that prepares or verifies has ended, nothing follows yet"),
    ("collect.before", "an attempt in a worktree has ended, nothing of it is committed"),
    ("guard.recorded", "settings were changed, it is written down who did it, they are not put back"),
    ("guard.restored", "they are put back, nobody was told"),
    ("collect.committed", "what it left is a commit that no ref names"),
    ("collect.kept", "a ref keeps it, the branch of its task stands elsewhere"),
    ("collect.after", "everything of it is collected, nobody was told"),
    ("landing.base.stands", "what a task would begin from conflicts, a worktree is there to resolve that"),
    ("landing.base.resolved", "it is resolved, nothing says so"),
    ("landing.base.recorded", "how it was resolved is recorded, the task has no worktree yet"),
    ("landing.before", "work is to land, nothing is done"),
    ("landing.bench", "the integration worktree is there, nothing is merged"),
    ("landing.merged", "a merge is a commit that no branch names"),
    ("landing.stands", "the integration branch stands at it, its gates have not run"),
    ("landing.gate", "a gate has answered, nothing follows yet"),
    ("landing.paid", "what a gate said is recorded, nothing follows yet"),
    ("landing.tested", "what a batch of merges came to is durable, nothing follows yet"),
    ("landing.reported", "the report names the tip, the target has not moved"),
    ("landing.moved", "the target has moved, nobody was told"),
    ("landing.cleared", "worktrees and branches are gone, the journal does not know that work landed"),
    ("leave.before", "the last turn is done, the keeper was not told"),
    ("leave.after", "the keeper has left, the store is open"),
    ("snapshot.written", "a snapshot is written, it has no name"),
    ("keeper.ready", "the keeper has its lock and listens, nobody knows"),
    ("keeper.greeted", "hello was heard, the answer is not sent"),
    ("keeper.ordered", "a start is in the ledger, not handed to the owner"),
    ("keeper.spawned", "a program runs, the spool does not know"),
    ("keeper.ended", "an attempt is dead, the spool does not know"),
    ("keeper.spool.before", "starts, ends and acknowledgements are not in the spool yet"),
    ("keeper.spool.after", "they are in the spool, nobody was told"),
    ("keeper.acked", "an end is acknowledged, the spool does not know"),
    ("keeper.leaving", "nothing is owned, the socket is still there"),
];

/// The points of `gc`, which belongs to no run.
pub const POINTS_OF_GC: [(&str, &str); 3] = [
    ("gc.marked", "a run is marked as being removed, its rows are there"),
    ("gc.recorded", "its rows are gone, its files are there"),
    ("gc.removed", "its files are gone, its mark is there"),
];

/// Passes a point.
#[cfg(not(feature = "armed"))]
#[inline]
pub fn point(_name: &'static str) {}

/// Says which process is the other of orchestrator and keeper; it is asked only in an armed build.
#[cfg(not(feature = "armed"))]
#[inline]
pub fn partner(_pid: impl FnOnce() -> Option<u32>) {}

#[cfg(feature = "armed")]
pub use armed::{partner, point};

#[cfg(feature = "armed")]
mod armed {
    use rustix::process::{Pid, Signal, kill_process};
    use std::collections::BTreeMap;
    use std::sync::{Mutex, OnceLock, PoisonError};

    /// The other of orchestrator and keeper, once it is known.
    static PARTNER: Mutex<Option<Pid>> = Mutex::new(None);

    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Victim {
        Myself,
        Other,
        Both,
    }

    struct Fault {
        point: String,
        passage: u64,
        victim: Victim,
    }

    /// What the environment asks for, read once.
    struct Wanted {
        faults: Vec<Fault>,
        trace: Option<String>,
        fired: Option<String>,
    }

    fn wanted() -> &'static Wanted {
        static WANTED: OnceLock<Wanted> = OnceLock::new();
        WANTED.get_or_init(|| Wanted {
            faults: std::env::var("REGATTA_FAULT")
                .map_or(Vec::new(), |text| text.split(',').filter_map(parse).collect()),
            trace: std::env::var("REGATTA_FAULT_TRACE").ok(),
            fired: std::env::var("REGATTA_FAULT_FIRED").ok(),
        })
    }

    fn parse(text: &str) -> Option<Fault> {
        let mut words = text.split(':');
        let (point, passage) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
        let victim = match words.next() {
            None | Some("self") => Victim::Myself,
            Some("other") => Victim::Other,
            Some("both") => Victim::Both,
            Some(_) => return None,
        };
        Some(Fault { point, passage, victim })
    }

    /// Says which process is the other of orchestrator and keeper.
    pub fn partner(pid: impl FnOnce() -> Option<u32>) {
        let pid = pid().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        *PARTNER.lock().unwrap_or_else(PoisonError::into_inner) = pid;
    }

    /// Passes a point, and kills there if the environment says so.
    pub fn point(name: &'static str) {
        static PASSED: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());
        debug_assert!(
            super::POINTS.iter().chain(&super::POINTS_OF_GC).any(|(point, _)| *point == name),
            "fault point {name} is not in the registry"
        );
        let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
        let count = passed.entry(name).or_default();
        *count += 1;
        for (index, fault) in wanted().faults.iter().enumerate() {
            if fault.point == name && fault.passage == *count {
                fire(index, fault.victim);
            }
        }
        if let Some(file) = &wanted().trace {
            let text: String = passed.iter().map(|(point, n)| format!("{point} {n}\n")).collect();
            // Each process has a trace of its own.
            let file = if name.starts_with("keeper.") { format!("{file}.keeper") } else { file.clone() };
            // A trace that cannot be written makes its test fail by itself.
            let _ = std::fs::write(file, text);
        }
    }

    fn fire(index: usize, victim: Victim) {
        let other = *PARTNER.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody there to be killed: it did not happen, and is not counted.
        if victim != Victim::Myself && other.is_none() {
            return;
        }
        let claimed = wanted().fired.as_ref().is_none_or(|file| {
            let file = if index == 0 { file.clone() } else { format!("{file}.{index}") };
            std::fs::File::create_new(file).is_ok()
        });
        if !claimed {
            return;
        }
        if let Some(other) = other.filter(|_| victim != Victim::Myself) {
            // One that is gone already is as good.
            let _ = kill_process(other, Signal::KILL);
        }
        if victim != Victim::Other {
            // The point of the point: no destructor, no flush, no goodbye.
            let _ = kill_process(rustix::process::getpid(), Signal::KILL);
        }
    }
}
