//! The directories of attempts. Each attempt has one at a path of its own, private; an empty one that nobody needs any
//! more is renamed for the next attempt, because making and removing directories was a third of what a task cost (ext4
//! steps over every inode that was deleted in the last minutes).
//!
//! ```text
//! begin: mkdir attempts/18, or rename attempts/17 attempts/18       the start of 18 is durable by then
//! end:   result.json deleted; something left -> it stays; nothing -> spare        the end of 17 is durable by then
//! ```
//! No path is ever given twice, so whoever still knows the path of an older attempt finds nothing there. What is not
//! covered: a process that got away from its tree *and* holds the directory itself open could write into that of a
//! later attempt. It runs as the same user, so it could do that by path as well. Knows no attempt and no journal.

use crate::collect;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, fstat, openat, unlinkat};
use std::fs::{self, DirBuilder};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Most directories kept for the next attempts; beyond it they are removed.
const MOST_SPARE: usize = 128;
/// Entries read at once, in bytes; most directories have none but their own two.
const CHUNK_BYTES: usize = 1_024;
/// What an attempt finds.
const PRIVATE: Mode = Mode::RWXU;

/// The directories that wait for their next attempt. They are removed when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct AttemptDirs {
    spare: Vec<PathBuf>,
}

impl AttemptDirs {
    /// Makes the directory of an attempt; one that is there already stays as it is.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn begin(&mut self, dir: &Path) -> io::Result<()> {
        if let Some(spare) = self.spare.pop() {
            match fs::rename(&spare, dir) {
                Ok(()) => return Ok(()),
                // Somebody removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => self.spare.push(spare),
            }
        }
        match DirBuilder::new().mode(PRIVATE.bits()).create(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// Deletes the raw result of an attempt, and takes its directory back if nothing else is in it.
    pub(crate) fn end(&mut self, dir: PathBuf) {
        // What cannot be looked through stays where it is.
        if !empty(&dir).unwrap_or(false) {
            return;
        }
        if self.spare.len() < MOST_SPARE {
            self.spare.push(dir);
        } else {
            // It was empty a moment ago; if it is not, it stays.
            let _ = fs::remove_dir(dir);
        }
    }
}

impl Drop for AttemptDirs {
    fn drop(&mut self) {
        for dir in &self.spare {
            // What is left is an empty directory of an attempt that the journal knows.
            let _ = fs::remove_dir(dir);
        }
    }
}

/// Deletes the raw result in a directory; true if nothing is left and it is as it was made.
fn empty(dir: &Path) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = openat(CWD, dir, flags, Mode::empty())?;
    let (mut result, mut others) = (false, false);
    let mut chunk = [const { MaybeUninit::uninit() }; CHUNK_BYTES];
    let mut entries = RawDir::new(&fd, &mut chunk);
    while let Some(entry) = entries.next() {
        match entry?.file_name().to_bytes() {
            b"." | b".." => {}
            name if name == collect::RESULT.as_bytes() => result = true,
            _ => others = true,
        }
    }
    if result {
        unlinkat(&fd, collect::RESULT, AtFlags::empty())?;
    }
    let stat = fstat(&fd)?;
    let as_made =
        FileType::from_raw_mode(stat.st_mode).is_dir() && Mode::from_raw_mode(stat.st_mode) == PRIVATE;
    Ok(!others && as_made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    struct World(tempfile::TempDir, AttemptDirs);

    impl World {
        fn new() -> World {
            World(tempfile::tempdir().unwrap(), AttemptDirs::default())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        /// Begins an attempt, lets it leave something, and ends it.
        fn pass(&mut self, name: &str, leave: impl FnOnce(&Path)) {
            let dir = self.path(name);
            self.1.begin(&dir).unwrap();
            leave(&dir);
            self.1.end(dir);
        }

        fn names(&self) -> Vec<String> {
            let entries = std::fs::read_dir(self.0.path()).unwrap();
            let mut names: Vec<String> =
                entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    #[test]
    fn an_empty_directory_passes_on_and_its_old_path_leads_nowhere() {
        let mut world = World::new();
        world.pass("1", |_| {});
        world.pass("2", |dir| {
            assert_eq!(std::fs::metadata(dir).unwrap().permissions().mode() & 0o7777, 0o700);
            assert_eq!(std::fs::read_dir(dir).unwrap().count(), 0);
        });
        assert_eq!(world.names(), ["2"]);
        assert!(std::fs::write(world.path("1").join(collect::RESULT), "late").is_err());
    }

    #[test]
    fn a_result_of_one_attempt_is_never_that_of_the_next() {
        let mut world = World::new();
        world.pass("1", |dir| std::fs::write(dir.join(collect::RESULT), "1").unwrap());
        world.pass("2", |dir| assert!(collect::result_file(dir).unwrap().is_none()));
        assert_eq!(world.names(), ["2"]);
    }

    #[test]
    fn what_an_attempt_left_stays_where_it_is() {
        let mut world = World::new();
        world.pass("1", |dir| std::fs::write(dir.join(collect::STDOUT), "kept").unwrap());
        world.pass("2", |dir| std::fs::create_dir(dir.join(collect::RESULT)).unwrap());
        world.pass("3", |dir| std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap());
        world.pass("4", |_| {});
        assert_eq!(world.names(), ["1", "2", "3", "4"]);
        assert_eq!(std::fs::read(world.path("1").join(collect::STDOUT)).unwrap(), b"kept");
    }

    #[test]
    fn a_directory_that_is_there_already_keeps_what_is_in_it() {
        let mut world = World::new();
        world.pass("1", |_| {});
        std::fs::create_dir(world.path("2")).unwrap();
        std::fs::write(world.path("2").join("mine"), "kept").unwrap();
        world.pass("2", |dir| assert!(dir.join("mine").exists()));
        world.pass("3", |_| {});
        assert_eq!(world.names(), ["2", "3"]);
    }

    #[test]
    fn spare_directories_are_gone_when_the_run_is_left() {
        let mut world = World::new();
        world.1.begin(&world.path("1")).unwrap();
        world.pass("2", |_| {});
        world.1.end(world.path("1"));
        assert_eq!(world.names(), ["1", "2"]);
        world.1 = AttemptDirs::default();
        assert_eq!(world.names(), Vec::<String>::new());
    }
}
