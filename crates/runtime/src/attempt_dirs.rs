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

use crate::{collect, rate_limit, tool_files};
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RawDir, Stat, fstat, mkdirat, open, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Most directories kept for the next attempts; beyond it they are removed.
const MOST_SPARE: usize = 128;
/// Entries read at once, in bytes; most directories have none but their own two.
const CHUNK_BYTES: usize = 1_024;
/// What an attempt writes for us alone: it was read by the end.
const RAW: [&str; 4] = [collect::RESULT, rate_limit::FILE, tool_files::ORDER_FILE, tool_files::SAID_FILE];
/// What an attempt finds.
const PRIVATE: Mode = Mode::RWXU;
/// How long ago the last change must be for the next one to show in the time of change: time stamps of a file system
/// may be whole seconds, or two.
const SETTLED_SECONDS: i64 = 3;
/// The same where time stamps are seen to be finer than this many nanoseconds; they follow a clock of 100 Hz at least.
const FINE_NS: i64 = 1_000_000;
const SETTLED_FINE_NS: i64 = 20_000_000;

/// When the entries of a directory changed last: seconds and nanoseconds.
type Changed = (i64, i64);

/// A directory in use or in waiting.
#[derive(Debug)]
pub(crate) struct AttemptDir {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// It was empty then, and any later change shows in its time of change.
    empty_since: Option<Changed>,
}

impl AttemptDir {
    /// One that somebody else made.
    pub(crate) fn found(path: PathBuf) -> AttemptDir {
        AttemptDir { path, empty_since: None }
    }
}

/// The directories that wait for their next attempt. They are removed when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct AttemptDirs {
    /// The directory that holds them all, once there was one.
    home: Option<OwnedFd>,
    spare: Vec<Spare>,
}

#[derive(Debug)]
struct Spare {
    path: PathBuf,
    changed: Changed,
}

impl AttemptDirs {
    /// Makes the directory of an attempt at `path`; one that is there already stays as it is.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn begin(&mut self, path: PathBuf) -> Result<AttemptDir, Errno> {
        let home = home(&mut self.home, &path)?;
        if let Some(spare) = self.spare.pop() {
            match renameat(home, name(&spare.path), home, name(&path)) {
                Ok(()) => {
                    let empty_since = settled(spare.changed).then_some(spare.changed);
                    return Ok(AttemptDir { path, empty_since });
                }
                // Somebody removed it.
                Err(Errno::NOENT) => {}
                Err(_) => self.spare.push(spare),
            }
        }
        match mkdirat(home, name(&path), PRIVATE) {
            Ok(()) | Err(Errno::EXIST) => Ok(AttemptDir::found(path)),
            Err(error) => Err(error),
        }
    }

    /// Deletes the raw result of an attempt, and takes its directory back if nothing else is in it.
    pub(crate) fn end(&mut self, dir: AttemptDir) {
        let Ok(home) = home(&mut self.home, &dir.path) else { return };
        // What cannot be looked through stays where it is.
        let Ok(Some(changed)) = changed_if_empty(home, &dir) else { return };
        if self.spare.len() < MOST_SPARE {
            self.spare.push(Spare { path: dir.path, changed });
        } else {
            // It was empty a moment ago; if it is not, it stays.
            let _ = unlinkat(home, name(&dir.path), AtFlags::REMOVEDIR);
        }
    }
}

impl Drop for AttemptDirs {
    fn drop(&mut self) {
        for Spare { path, .. } in &self.spare {
            // What is left is an empty directory of an attempt that the journal knows.
            let _ = unlinkat(CWD, path, AtFlags::REMOVEDIR);
        }
    }
}

/// The directory above, opened once: all of them have the same.
fn home<'a>(home: &'a mut Option<OwnedFd>, path: &Path) -> Result<&'a OwnedFd, Errno> {
    if let Some(home) = home {
        return Ok(home);
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(home.insert(open(path.parent().unwrap_or(path), flags, Mode::empty())?))
}

fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

/// Whether a change from now on has another time than this one.
fn settled((seconds, ns): Changed) -> bool {
    let now = clock_gettime(ClockId::RealtimeCoarse);
    let (past_seconds, past_ns) = (now.tv_sec - seconds, now.tv_nsec - ns);
    let fine = ns % FINE_NS != 0;
    past_seconds > SETTLED_SECONDS
        || (fine && past_seconds.saturating_mul(1_000_000_000).saturating_add(past_ns) > SETTLED_FINE_NS)
}

/// Deletes what an attempt wrote for us alone. Answers the time of its last change if nothing is left in it and it is as it
/// was made.
fn changed_if_empty(home: &OwnedFd, dir: &AttemptDir) -> Result<Option<Changed>, Errno> {
    if let Some(since) = dir.empty_since {
        let stat = statat(home, name(&dir.path), AtFlags::SYMLINK_NOFOLLOW)?;
        if changed(&stat) == since {
            return Ok(as_made(&stat).then_some(since));
        }
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = openat(home, name(&dir.path), flags, Mode::empty())?;
    let (mut raw, mut others) = ([false; RAW.len()], false);
    let mut chunk = [const { MaybeUninit::uninit() }; CHUNK_BYTES];
    let mut entries = RawDir::new(&fd, &mut chunk);
    while let Some(entry) = entries.next() {
        match entry?.file_name().to_bytes() {
            b"." | b".." => {}
            name => match RAW.iter().position(|raw| raw.as_bytes() == name) {
                Some(i) => raw[i] = true,
                None => others = true,
            },
        }
    }
    for (name, _) in RAW.iter().zip(raw).filter(|(_, there)| *there) {
        unlinkat(&fd, *name, AtFlags::empty())?;
    }
    let stat = fstat(&fd)?;
    Ok((!others && as_made(&stat)).then(|| changed(&stat)))
}

fn changed(stat: &Stat) -> Changed {
    (stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or(0))
}

/// A private directory.
fn as_made(stat: &Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir() && Mode::from_raw_mode(stat.st_mode) == PRIVATE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Redactor;
    use rustix::fs::{Timespec, Timestamps, utimensat};
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
            let dir = self.1.begin(self.path(name)).unwrap();
            leave(&dir.path);
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
        world.pass("2", |dir| assert!(collect::result_file(dir, &Redactor::default()).unwrap().is_none()));
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
    fn what_an_attempt_left_in_a_directory_that_was_empty_for_long_is_seen_by_its_time_of_change() {
        let mut world = World::new();
        world.pass("1", |_| {});
        let long_ago = clock_gettime(ClockId::RealtimeCoarse).tv_sec - 2 * SETTLED_SECONDS;
        let stamp = Timespec { tv_sec: long_ago, tv_nsec: 0 };
        let stamps = Timestamps { last_access: stamp, last_modification: stamp };
        utimensat(CWD, world.path("1"), &stamps, AtFlags::empty()).unwrap();
        world.1.spare[0].changed = (long_ago, 0);
        for name in ["2", "3"] {
            world.pass(name, |_| {});
            assert_eq!(world.1.spare[0].changed, (long_ago, 0), "it was not even looked through");
        }
        world.pass("4", |dir| std::fs::write(dir.join(collect::RESULT), "4").unwrap());
        assert!(world.1.spare[0].changed > (long_ago, 0));
        world.pass("5", |dir| std::fs::write(dir.join("mine"), "kept").unwrap());
        assert_eq!((world.names(), world.1.spare.len()), (vec!["5".to_owned()], 0));
    }

    #[test]
    fn a_change_is_told_by_its_time_only_when_the_clock_has_moved_on_for_sure() {
        let now = clock_gettime(ClockId::RealtimeCoarse);
        let ago = |seconds: i64, ns: i64| settled((now.tv_sec - seconds, ns));
        assert!(!ago(0, 0) && !ago(2, 0) && ago(5, 0), "whole seconds");
        assert!(!settled((now.tv_sec, now.tv_nsec | 1)) && ago(2, 1), "fine time stamps");
        assert!(!ago(-5, 1), "a clock that was set back");
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
        let first = world.1.begin(world.path("1")).unwrap();
        world.pass("2", |_| {});
        world.1.end(first);
        assert_eq!(world.names(), ["1", "2"]);
        world.1 = AttemptDirs::default();
        assert_eq!(world.names(), Vec::<String>::new());
    }
}
