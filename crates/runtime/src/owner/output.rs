//! Where a task's output goes: two unnamed files, so that raw output has no name and dies with its holder.
//! It notices size and silence when asked. It does not know processes, clocks or who asks.
//!
//! Making and deleting a file per stream gets slower and slower on ext4 (it steps over every inode that was deleted in
//! the last minutes: 13 us became 200 and more), so files that stayed empty, and files given back, are used again. The
//! child writes through an opening of its own; a lease on ours proves that no such opening is left anywhere.

use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use super::message::Stream;
use super::spawn::held_by_us_alone;

/// Most empty files kept for the next attempts: two each for as many as commonly run at once.
const MOST_SPARE: usize = 128;

/// The directory in which output files are made.
#[derive(Debug)]
pub(super) struct Room {
    directory: OwnedFd,
    /// Our descriptors as a directory, to open a file without a name once more.
    descriptors: OwnedFd,
    /// Empty files that nobody else has open.
    spare: Vec<File>,
    /// The filesystem has no O_TMPFILE (found out at the first file): make, then unlink.
    named: bool,
    made: u64,
}

impl Room {
    /// Opens the directory; it must exist. Called on the thread that uses it.
    pub(super) fn open(directory: &Path) -> io::Result<Room> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Room {
            directory: rustix::fs::openat(CWD, directory, flags, Mode::empty())?,
            descriptors: rustix::fs::openat(CWD, "/proc/thread-self/fd", flags, Mode::empty())?,
            spare: Vec::new(),
            named: false,
            made: 0,
        })
    }

    /// The opening through which a child writes. It appends, so that output stays whole when a task opens its own
    /// /dev/stdout a second time.
    pub(super) fn writer(&self, file: &File) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC;
        let name = file.as_raw_fd().to_string();
        Ok(File::from(rustix::fs::openat(&self.descriptors, name, flags, Mode::empty())?))
    }

    /// An opening to read by, with a place of its own in the file: for whoever looks on while it is written.
    pub(super) fn reader(&self, file: &File) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let name = file.as_raw_fd().to_string();
        Ok(File::from(rustix::fs::openat(&self.descriptors, name, flags, Mode::empty())?))
    }

    /// Takes a file of ours whose content nobody needs any more. One with a name is not of ours and stays as it is.
    pub(super) fn give_back(&mut self, mut file: File) {
        let unnamed = rustix::fs::fstat(&file).is_ok_and(|stat| stat.st_nlink == 0);
        if unnamed && self.spare.len() < MOST_SPARE && file.set_len(0).is_ok() && file.rewind().is_ok() {
            self.keep(file);
        }
    }

    /// Keeps an empty file for the next attempts, if it is certain that nobody writes to it any more.
    pub(super) fn keep(&mut self, file: File) {
        if self.spare.len() < MOST_SPARE && held_by_us_alone(&file) {
            self.spare.push(file);
        }
    }

    /// An empty file without a name.
    pub(super) fn file(&mut self) -> io::Result<File> {
        if let Some(file) = self.spare.pop() {
            return Ok(file);
        }
        if !self.named {
            // O_EXCL: nobody can give it a name later.
            let flags = OFlags::TMPFILE | OFlags::EXCL;
            match rustix::fs::openat(&self.directory, ".", flags | access(), mode()) {
                Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => self.named = true,
                result => return Ok(File::from(result?)),
            }
        }
        self.unlinked()
    }

    /// The same where unnamed files are unknown: made under a name nobody has, which is taken away at once.
    fn unlinked(&mut self) -> io::Result<File> {
        loop {
            self.made += 1;
            let name = format!(".output-{}-{}", std::process::id(), self.made);
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
            match rustix::fs::openat(&self.directory, &name, flags | access(), mode()) {
                Err(Errno::EXIST) => {}
                result => {
                    let file = File::from(result?);
                    rustix::fs::unlinkat(&self.directory, &name, AtFlags::empty())?;
                    return Ok(file);
                }
            }
        }
    }
}

fn access() -> OFlags {
    OFlags::RDWR | OFlags::CLOEXEC
}

fn mode() -> Mode {
    Mode::RUSR | Mode::WUSR
}

/// The two files of one attempt, and what has been noticed about them.
#[derive(Debug)]
pub(super) struct Outputs {
    pub(super) stdout: File,
    pub(super) stderr: File,
    limit: u64,
    idle: Option<Duration>,
    total: u64,
    grew: Instant,
    silence: Noticed,
    overflow: Noticed,
}

/// Whether something has been said already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noticed {
    NotYet,
    Said,
}

impl Outputs {
    /// Two new files with their bounds; silence counts from `now`.
    pub(super) fn new(
        room: &mut Room,
        limit: u64,
        idle: Option<Duration>,
        now: Instant,
    ) -> io::Result<Outputs> {
        Ok(Outputs {
            stdout: room.file()?,
            stderr: room.file()?,
            limit,
            idle,
            total: 0,
            grew: now,
            silence: Noticed::NotYet,
            overflow: Noticed::NotYet,
        })
    }

    /// Whether anybody has to look at them from time to time.
    pub(super) fn bounded(&self) -> bool {
        self.limit != u64::MAX || self.idle.is_some()
    }

    /// Sizes of stdout and stderr.
    pub(super) fn sizes(&self) -> io::Result<[u64; 2]> {
        let size = |file: &File| rustix::fs::fstat(file).map(|stat| u64::try_from(stat.st_size).unwrap_or(0));
        Ok([size(&self.stdout)?, size(&self.stderr)?])
    }

    /// The stream that is over the limit, the first time this is asked with such sizes.
    pub(super) fn overflow(&mut self, [out, err]: [u64; 2]) -> Option<(Stream, u64)> {
        let over = match (out > self.limit, err > self.limit) {
            (true, _) => (Stream::Stdout, out),
            (false, true) => (Stream::Stderr, err),
            (false, false) => return None,
        };
        (std::mem::replace(&mut self.overflow, Noticed::Said) == Noticed::NotYet).then_some(over)
    }

    /// A tree that stood still was not silent by itself.
    pub(super) fn stood_still(&mut self, time: Duration) {
        self.grew += time;
    }

    /// How long both streams have been silent, once per silence that reaches the idle time.
    pub(super) fn silence(&mut self, [out, err]: [u64; 2], now: Instant) -> Option<Duration> {
        let total = out.saturating_add(err);
        if total != self.total {
            (self.total, self.grew, self.silence) = (total, now, Noticed::NotYet);
        }
        let quiet = now.saturating_duration_since(self.grew);
        if self.silence == Noticed::Said || quiet < self.idle? {
            return None;
        }
        self.silence = Noticed::Said;
        Some(quiet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::{FileExt, MetadataExt};

    fn room() -> (tempfile::TempDir, Room) {
        let directory = tempfile::tempdir().unwrap();
        let room = Room::open(directory.path()).unwrap();
        (directory, room)
    }

    #[test]
    fn both_ways_of_making_a_file_leave_no_name_and_are_private() {
        for named in [false, true] {
            let (directory, mut room) = room();
            room.named = named;
            let file = room.file().unwrap();
            room.writer(&file).unwrap().write_all(b"text").unwrap();
            let mut read = [0; 4];
            file.read_exact_at(&mut read, 0).unwrap();
            assert_eq!(&read, b"text");
            let data = file.metadata().unwrap();
            assert_eq!((data.nlink(), data.mode() & 0o7777), (0, 0o600));
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_file_is_used_again_only_when_nobody_else_can_write_to_it() {
        let (_directory, mut room) = room();
        let (first, second) = (room.file().unwrap(), room.file().unwrap());
        let number = first.metadata().unwrap().ino();
        let mut escaped = room.writer(&second).unwrap();
        room.writer(&first).unwrap().write_all(b"old").unwrap();
        room.give_back(first);
        room.give_back(second);
        let (again, fresh) = (room.file().unwrap(), room.file().unwrap());
        assert_eq!((again.metadata().unwrap().ino(), again.metadata().unwrap().len()), (number, 0));
        escaped.write_all(b"late").unwrap();
        assert_eq!(fresh.metadata().unwrap().len(), 0);
    }

    #[test]
    fn silence_is_said_once_until_something_is_written() {
        let (_directory, mut room) = room();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut outputs = Outputs::new(&mut room, u64::MAX, Some(Duration::from_secs(3)), start).unwrap();
        let said = [(1, 0), (3, 0), (9, 0), (10, 5), (12, 5), (13, 5), (14, 5)]
            .map(|(second, size)| outputs.silence([size, 0], at(second)).map(|quiet| quiet.as_secs()));
        assert_eq!(said, [None, Some(3), None, None, None, Some(3), None]);
    }

    #[test]
    fn whoever_says_that_it_waits_is_not_silent_and_its_clock_begins_when_it_stops_saying_so() {
        let (_directory, mut room) = room();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut outputs = Outputs::new(&mut room, u64::MAX, Some(Duration::from_secs(30)), start).unwrap();
        // A line every third of the time, looked at each second, for an hour.
        let silent = (1..=3_600).filter_map(|second: u64| {
            let size = second / 10 * 17;
            outputs.silence([size, 0], at(second * 1_000))
        });
        assert_eq!(silent.count(), 0);
        let size = 360 * 17;
        assert_eq!(outputs.silence([size, 0], at(3_629_999)), None);
        assert_eq!(outputs.silence([size, 0], at(3_630_000)), Some(Duration::from_secs(30)));
    }

    #[test]
    fn an_overflow_is_said_once_and_names_the_stream() {
        let (_directory, mut room) = room();
        let mut outputs = Outputs::new(&mut room, 10, None, Instant::now()).unwrap();
        assert_eq!(outputs.overflow([10, 10]), None);
        assert_eq!(outputs.overflow([3, 11]), Some((Stream::Stderr, 11)));
        assert_eq!(outputs.overflow([99, 99]), None);
    }
}
