//! A file without a name in the directory that runs are kept in: can it be made, written, synced and locked?
//!
//! Where files without a name are unknown, it is made and unlinked at once, as the owner of processes does.

use super::Finding;
use regatta_runtime::escape::escape_path;
use rustix::fs::{self, AtFlags, CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::time::Instant;

const WRITES: &str = "writes";
const UNNAMED: &str = "unnamed files";
const LOCKS: &str = "locks";
/// A sync that takes longer, in milliseconds, makes every turn slow.
const SLOW_SYNC_MS: u128 = 50;

/// Writes, unnamed files, kernel locks.
pub(super) fn examine(ground: &Path) -> Vec<Finding> {
    let (file, unnamed) = match make(ground) {
        Ok(made) => made,
        Err(error) => {
            let told = format!("no file can be made in `{}`: {error}", escape_path(ground));
            return vec![Finding::problem(WRITES, told).hint("a run writes there; look at rights and room")];
        }
    };
    let unnamed = if unnamed {
        Finding::ok(UNNAMED, "O_TMPFILE works: output of tasks has no name before it is redacted")
    } else {
        Finding::note(UNNAMED, "no O_TMPFILE here: files are made and unlinked at once")
    };
    vec![writes(&file), unnamed, locks(&file)]
}

fn make(ground: &Path) -> io::Result<(File, bool)> {
    let (access, mode) = (OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR);
    match fs::openat(CWD, ground, access | OFlags::TMPFILE | OFlags::EXCL, mode) {
        Ok(fd) => return Ok((File::from(fd), true)),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    let path = ground.join(format!(".doctor-{}", uuid::Uuid::new_v4().simple()));
    let fresh = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let file = File::from(fs::openat(CWD, &path, access | fresh, mode)?);
    fs::unlinkat(CWD, &path, AtFlags::empty())?;
    Ok((file, false))
}

fn writes(mut file: &File) -> Finding {
    let began = Instant::now();
    if let Err(error) = file.write_all(&[0; 4_096]).and_then(|()| file.sync_data()) {
        return Finding::problem(WRITES, format!("a file cannot be written and synced: {error}"))
            .hint("a run writes there; look at rights and room");
    }
    let took = began.elapsed();
    let told = format!("4 KiB written and synced in {}.{:03} ms", took.as_millis(), took.as_micros() % 1_000);
    if took.as_millis() > SLOW_SYNC_MS {
        return Finding::note(WRITES, told)
            .hint("each step of a run waits for one sync; a faster disk helps");
    }
    Finding::ok(WRITES, told)
}

/// A lock of one opening must keep the other out.
fn locks(file: &File) -> Finding {
    let again = format!("/proc/self/fd/{}", file.as_raw_fd());
    let tried = || -> Result<bool, Errno> {
        let other = fs::open(&again, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        fs::flock(file, FlockOperation::NonBlockingLockExclusive)?;
        match fs::flock(&other, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(false),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(error),
        }
    };
    let hint = "name a workspace on another file system with `--workspace`";
    match tried() {
        Ok(true) => Finding::ok(LOCKS, "a kernel lock keeps others out"),
        Ok(false) => Finding::problem(LOCKS, "a kernel lock keeps nobody out").hint(hint),
        Err(error) => Finding::problem(LOCKS, format!("no kernel lock: {error}")).hint(hint),
    }
}
