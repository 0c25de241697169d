//! The cgroup of a keeper, and how its heir finds it: the paths are the lines of the file that the keeper has locked.
//! It does not know who lives there.

use super::{Containment, LOCK};
use crate::owner::{make_cgroup, remove_cgroup};
use crate::socket::door::Door;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Many paths.
const MOST_BYTES: u64 = 1 << 20;

/// What a keeper has, and what it inherits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cgroups {
    /// Ours; none where the system permits none, or nobody wants one.
    pub(super) own: Option<PathBuf>,
    /// Those of keepers before, which were killed.
    pub(super) left: Vec<PathBuf>,
}

impl Cgroups {
    /// Reads what keepers before have noted, makes a cgroup and notes it. Only whoever has the lock may do so.
    pub(super) fn prepare(lock: &File, run_dir: &Path, containment: Containment) -> io::Result<Cgroups> {
        let run = run_dir.file_name().unwrap_or_default().to_string_lossy();
        let left = noted(lock, &run)?;
        let own = match containment {
            // Not permitted is no error: there are other means.
            Containment::Auto => make_cgroup(&run).ok(),
            Containment::Group => None,
        };
        let cgroups = Cgroups { own, left };
        cgroups.note(lock)?;
        Ok(cgroups)
    }

    /// Whoever is killed from here on leaves all of them to its heir.
    fn note(&self, lock: &File) -> io::Result<()> {
        let mut text = Vec::new();
        for path in self.own.iter().chain(&self.left) {
            text.extend_from_slice(path.as_os_str().as_bytes());
            text.push(b'\n');
        }
        if !text.is_empty() {
            lock.write_all_at(&text, 0)?;
        }
        lock.set_len(text.len() as u64)
    }
}

/// Removes what a keeper that was killed left, if nobody lives there and no keeper has the run.
pub fn remove_cgroups(run_dir: &Path) {
    let run = run_dir.file_name().unwrap_or_default().to_string_lossy();
    let lock = Door::open(run_dir).and_then(|door| door.lock(LOCK)).ok().flatten();
    // What cannot be read or removed stays: it is nothing but an empty entry of the system.
    let left = lock.and_then(|lock| noted(&lock, &run).ok()).unwrap_or_default();
    left.iter().for_each(|cgroup| remove_cgroup(cgroup));
}

/// The cgroups of this run that are noted and still there.
fn noted(lock: &File, run: &str) -> io::Result<Vec<PathBuf>> {
    let mut text = Vec::new();
    lock.take(MOST_BYTES).read_to_end(&mut text)?;
    let paths = text.split(|byte| *byte == b'\n').map(|line| PathBuf::from(OsStr::from_bytes(line)));
    let ours = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.as_bytes().starts_with(format!("regatta-{run}").as_bytes()))
    };
    Ok(paths.filter(ours).filter(|path| path.join("cgroup.procs").exists()).collect())
}
