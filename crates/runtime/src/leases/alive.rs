//! Who lives, as kernel locks tell: the orchestrator of a run, and the keeper that has one or owns a live attempt.
//!
//! Only free locks, or no directory, make a run dead. Knows no lease.

use crate::socket::door::Door;
use regatta_journal::{RunId, RunLock, StoreError, is_locked};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

/// The file whose lock tells that a keeper has an orchestrator or owns a live attempt.
pub(crate) const ALIVE: &str = "keeper.alive";
/// The file whose lock tells that an orchestrator lives.
const ORCHESTRATOR: &str = "lock";

/// A lock that cannot be waited for now, for want of a descriptor perhaps, is tried again after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Waits until a run has no orchestrator and no live attempt.
pub(super) fn wait_for_death(run_dir: &Path) {
    [ORCHESTRATOR, ALIVE].iter().for_each(|name| wait_for(run_dir, name));
}

fn wait_for(run_dir: &Path, name: &str) {
    loop {
        match Door::open(run_dir).and_then(|door| door.wait_for(name)) {
            Ok(()) => return,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => std::thread::sleep(LOOK_AGAIN),
        }
    }
}

/// Takes the lock of a dead run; none if it lives. Where there is no directory there is no lock either.
pub(super) fn seize(run_dir: &Path, run: &str) -> Option<Option<RunLock>> {
    let id = RunId::new(run).ok()?;
    match RunLock::acquire(run_dir, &id, crate::clock::wall_ms()) {
        // Whoever resumed it may have died meanwhile, and left live attempts.
        Ok(lock) => (!is_kept(run_dir)).then_some(Some(lock)),
        Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Some(None),
        Err(_) => None,
    }
}

/// Whether a keeper has an orchestrator or owns a live attempt, as far as can be told.
fn is_kept(run_dir: &Path) -> bool {
    match Door::open(run_dir) {
        Ok(door) => door.is_locked(ALIVE).unwrap_or(true),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

/// Whether a run may still hold leases: its orchestrator lives, or its keeper has one or owns a live attempt. Only whose
/// directory is gone is dead for certain; whoever cannot be looked at lives.
#[must_use]
pub fn lives(run_dir: &Path) -> bool {
    is_kept(run_dir) || is_locked(run_dir).map_or(true, |holder| holder.is_some())
}

/// True if no other run lives for certain.
pub(super) fn nobody_else(runs: &Path, own: &str) -> bool {
    let Ok(mut entries) = std::fs::read_dir(runs) else { return false };
    entries.all(|entry| match entry {
        Ok(entry) if entry.file_name() == own || entry.file_type().is_ok_and(|t| t.is_file()) => true,
        Ok(entry) => !lives(&entry.path()),
        Err(_) => false,
    })
}
