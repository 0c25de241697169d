//! The runs of one store that watch over one repository: whose turn it is, and who of them has something open.
//!
//! ```text
//! STORE/guard.turn             its lock is the turn
//! STORE/runs/RUN/guard.open    the run has something open of the repository that the file names
//! ```
//! Nothing of this is in the repository, where tasks write. What a run pinned stands in its own directory; whether it lives is
//! told by kernel locks. Knows no settings.

use crate::leases::lives;
use crate::private_file;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// The file whose lock is the turn.
const TURN: &str = "guard.turn";
/// A file in the directory of a run as long as something may have been changed that nobody has compared: the real path of the
/// directory that all worktrees of the repository share.
const OPEN: &str = "guard.open";
/// A path that is longer is none.
const MOST_BYTES: u64 = 16 << 10;
/// How often the turn is waited for,
const MOST_WAITS: u32 = 100;
/// and how long each time.
const A_MOMENT: Duration = Duration::from_millis(20);

/// A run among others.
#[derive(Debug)]
pub(super) struct Neighbours {
    common_dir: PathBuf,
    run_dir: PathBuf,
}

/// Directories of other runs that have something open, in the order of their names.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// An orchestrator of theirs lives, or a keeper with a live attempt.
    pub(super) at_work: Vec<PathBuf>,
    /// Nobody does.
    pub(super) broken_off: Vec<PathBuf>,
}

impl Neighbours {
    /// The run that has that directory.
    pub(super) fn of(common_dir: &Path, run_dir: &Path) -> Neighbours {
        // One that cannot be resolved is known by the name that it has.
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Neighbours { common_dir: real(common_dir), run_dir: real(run_dir) }
    }

    /// Our turn, if nobody else has it. It ends when the answer is dropped.
    pub(super) fn turn_now(&self) -> Option<File> {
        self.lock().filter(|file| file.try_lock().is_ok())
    }

    /// Waits for our turn, for two seconds. Where there is none to be had each run goes on without.
    pub(super) fn turn(&self) -> Option<File> {
        let file = self.lock()?;
        for _ in 0..MOST_WAITS {
            if file.try_lock().is_ok() {
                return Some(file);
            }
            thread::sleep(A_MOMENT);
        }
        None
    }

    fn lock(&self) -> Option<File> {
        let store = self.run_dir.parent()?.parent()?;
        private_file::lock_file(&store.join(TURN)).ok()
    }

    /// Whether the run itself has something open.
    pub(super) fn is_open(&self) -> bool {
        self.run_dir.join(OPEN).symlink_metadata().is_ok()
    }

    /// From now on it has. Where that cannot be written other runs know nothing of it, nor does a successor.
    pub(super) fn open(&self) {
        let _ = private_file::replace(&self.run_dir.join(OPEN), self.common_dir.as_os_str().as_bytes());
    }

    /// It has nothing open any more.
    pub(super) fn close(&self) {
        let _ = fs::remove_file(self.run_dir.join(OPEN));
    }

    /// Who else has something open. In our turn.
    pub(super) fn others(&self) -> Others {
        let runs = self.run_dir.parent().and_then(|runs| fs::read_dir(runs).ok());
        let runs = runs.into_iter().flatten().flatten();
        let dirs = runs.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut dirs: Vec<PathBuf> = dirs.map(|entry| entry.path()).collect();
        dirs.retain(|dir| *dir != self.run_dir && self.is_ours(dir).unwrap_or(false));
        dirs.sort();
        let (at_work, broken_off) = dirs.into_iter().partition(|dir| lives(dir));
        Others { at_work, broken_off }
    }

    /// Whether what a run has open is of our repository.
    fn is_ours(&self, dir: &Path) -> io::Result<bool> {
        let mut text = Vec::new();
        private_file::open(&dir.join(OPEN))?.take(MOST_BYTES).read_to_end(&mut text)?;
        Ok(text == self.common_dir.as_os_str().as_bytes())
    }
}
