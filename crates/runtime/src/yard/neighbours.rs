//! The runs that watch over one repository: whose turn it is, and who of them has something open.
//!
//! ```text
//! $GIT_COMMON_DIR/regatta-guard/turn       its lock is the turn
//! $GIT_COMMON_DIR/regatta-guard/*.run      who signed in: where the directory of the run is
//! ```
//! What a run pinned, and whether that is open, stands in its own directory; whether it lives is told by kernel locks.
//! Knows no settings.

use crate::leases::lives;
use crate::private_file;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The directory of all this, in the one that all worktrees share.
const DIR: &str = "regatta-guard";
/// The file whose lock is the turn.
const TURN: &str = "turn";
/// How the names of those end who signed in.
const ENDING: &str = ".run";
/// An empty file in the directory of a run as long as something may have been changed that nobody has compared.
pub(super) const OPEN: &str = "guard.open";
/// So much of what somebody signed in with is read, in bytes.
const MOST_BYTES: u64 = 16 << 10;

/// A run among others.
#[derive(Debug)]
pub(super) struct Neighbours {
    common_dir: PathBuf,
    run_dir: PathBuf,
}

/// Directories of other runs that have something open.
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

    /// Waits for our turn, which ends when the answer is dropped. Where there is none to be had, each run is alone.
    pub(super) fn turn(&self) -> Option<File> {
        let dir = self.common_dir.join(DIR);
        regatta_journal::private_dir(&dir).ok()?;
        let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600).custom_flags(flags);
        let file = options.open(dir.join(TURN)).ok()?;
        file.lock().ok().map(|()| file)
    }

    /// From now on others look at what we have open. In our turn.
    pub(super) fn sign_in(&self) {
        let (Ok(own), Some([dev, ino])) = (self.run_dir.metadata(), self.identity()) else { return };
        let name = self.run_dir.file_name().unwrap_or_default().to_string_lossy();
        let path = self.common_dir.join(DIR).join(format!("{name}.{}{ENDING}", own.ino()));
        if path.symlink_metadata().is_ok() {
            return;
        }
        let text = [format!("{dev} {ino}\n").as_bytes(), self.run_dir.as_os_str().as_bytes()].concat();
        // Whoever cannot sign in is alone.
        let _ = private_file::create(&path).and_then(|mut file| file.write_all(&text));
    }

    /// Who else has something open, in the order of their names. In our turn.
    pub(super) fn others(&self) -> Others {
        let mut others = Others::default();
        let entries = fs::read_dir(self.common_dir.join(DIR)).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| path.as_os_str().as_bytes().ends_with(ENDING.as_bytes()));
        paths.sort();
        for path in paths {
            let Ok(dir) = self.signed_in(&path) else { continue };
            let Some(dir) = dir.filter(|dir| dir.is_dir()) else {
                // The run is gone, or the repository is a copy of that in which it works.
                let _ = fs::remove_file(&path);
                continue;
            };
            if dir == self.run_dir {
                continue;
            }
            match (dir.join(OPEN).symlink_metadata().is_ok(), lives(&dir)) {
                (true, true) => others.at_work.push(dir),
                (true, false) => others.broken_off.push(dir),
                (false, true) => {}
                // It signs in again when it is taken up.
                (false, false) => drop(fs::remove_file(&path)),
            }
        }
        others
    }

    /// The directory of a run that signed in; nothing if it did so in another repository, of which this one is a copy.
    fn signed_in(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        let mut text = Vec::new();
        private_file::open(path)?.take(MOST_BYTES).read_to_end(&mut text)?;
        let mut parts = text.splitn(2, |b| *b == b'\n');
        let (Some(of), Some(dir)) = (parts.next(), parts.next()) else { return Ok(None) };
        let ours = self.identity().map(|[dev, ino]| format!("{dev} {ino}"));
        let is_ours = ours.is_some_and(|ours| ours.as_bytes() == of);
        Ok(is_ours.then(|| PathBuf::from(OsStr::from_bytes(dir))))
    }

    /// What tells this repository from its copies.
    fn identity(&self) -> Option<[u64; 2]> {
        self.common_dir.metadata().ok().map(|meta| [meta.dev(), meta.ino()])
    }
}
