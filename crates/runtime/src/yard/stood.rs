//! At which commits we let the worktrees stand in which work is merged: what stands there else is somebody's.
//!
//! A commit tells nothing of who made it: one that a person amends keeps our message. So each is written down before git
//! moves. A line that is not there only keeps what nobody would miss. Knows no git.

use crate::git::Oid;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The file in the directory of a run: one id a line.
const STOOD: &str = "stood";

/// The record of a run.
#[derive(Clone, Debug)]
pub(crate) struct Stood(PathBuf);

impl Stood {
    /// Of the run that has that directory.
    pub(crate) fn of(run_dir: &Path) -> Stood {
        Stood(run_dir.join(STOOD))
    }

    /// We are about to let a worktree stand at a commit.
    ///
    /// # Errors
    /// That cannot be written down.
    pub(crate) fn at(&self, commit: &Oid) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.0)?;
        file.write_all(format!("{commit}\n").as_bytes())
    }

    /// Whether we ever did.
    ///
    /// # Errors
    /// The record is there and cannot be read.
    pub(crate) fn has(&self, commit: &Oid) -> io::Result<bool> {
        match std::fs::read_to_string(&self.0) {
            Ok(text) => Ok(text.lines().any(|line| line == commit.as_str())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_down_is_known_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let [one, other] = ["1", "2"].map(|digit| Oid::parse(&digit.repeat(40)).unwrap());
        let stood = Stood::of(dir.path());
        assert!(!stood.has(&one).unwrap());
        stood.at(&one).unwrap();
        stood.at(&one).unwrap();
        assert!(stood.has(&one).unwrap() && !stood.has(&other).unwrap());
    }
}
