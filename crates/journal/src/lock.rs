//! One orchestrator per run: a kernel lock on `runs/<run>/lock`, and who holds it.
//!
//! Held or free is told by the lock itself, which dies with its holder; never by a pid, which may be reused. What
//! stands in the file only names the holder for people.

use crate::error::StoreError;
use crate::holder::Holder;
use crate::place::{io_error, open_private};
use crate::run_id::RunId;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

/// So often one tries again where another has the lock for himself: he may be about to leave;
const TRIES: u32 = 5;
/// so often where somebody only looks ([`is_locked`]): microseconds, unless he is put to sleep meanwhile,
const LOOKS: u32 = 500;
/// after so long each time.
const BETWEEN_TRIES: Duration = Duration::from_millis(10);
/// More than any holder writes; the rest of a larger file is not read.
const MOST_BYTES: u64 = 4096;

impl Holder {
    /// This process.
    fn me(wall_ms: u64) -> Holder {
        Holder {
            pid: std::process::id(),
            start_ticks: start_ticks(),
            boot_id: first_line("/proc/sys/kernel/random/boot_id"),
            host: first_line("/proc/sys/kernel/hostname"),
            since_wall_ms: wall_ms,
        }
    }
}

/// The right to orchestrate one run; given up when dropped or when the process dies.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of the run whose directory is `run_dir`; `wall_ms` is now.
    ///
    /// # Errors
    /// [`StoreError::Held`] if another orchestrator lives; any failure of the file.
    pub fn acquire(run_dir: &Path, run: &RunId, wall_ms: u64) -> Result<RunLock, StoreError> {
        let path = run_dir.join("lock");
        let mut file = open_private(&path)?;
        if !try_lock(&file).map_err(|e| io_error("lock", &path, e.into()))? {
            let holder = Box::new(read_holder(&mut file));
            return Err(StoreError::Held { run: run.clone(), holder });
        }
        write_holder(&mut file, &Holder::me(wall_ms)).map_err(|e| io_error("write", &path, e))?;
        Ok(RunLock { _file: file })
    }
}

/// Who orchestrates the run of `run_dir` now; none if nobody does.
///
/// # Errors
/// The lock file is a link or cannot be looked at.
pub fn is_locked(run_dir: &Path) -> Result<Option<Holder>, StoreError> {
    let path = run_dir.join("lock");
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mut file = match rustix::fs::open(&path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(Errno::NOENT) => return Ok(None),
        Err(e) => return Err(io_error("open", &path, e.into())),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(None),
        Err(Errno::WOULDBLOCK) => Ok(Some(read_holder(&mut file))),
        Err(e) => Err(io_error("look at", &path, e.into())),
    }
}

/// Who orchestrates has the lock for himself; who only looks shares it, so a lock that can be shared will be free.
fn try_lock(file: &File) -> Result<bool, Errno> {
    let (mut tries, mut looks) = (0, 0);
    while tries < TRIES && looks < LOOKS {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => {}
            Err(e) => return Err(e),
        }
        match flock(file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => {
                flock(file, FlockOperation::Unlock)?;
                looks += 1;
            }
            Err(Errno::WOULDBLOCK) => tries += 1,
            Err(e) => return Err(e),
        }
        if tries < TRIES && looks < LOOKS {
            std::thread::sleep(BETWEEN_TRIES);
        }
    }
    Ok(false)
}

fn write_holder(file: &mut File, holder: &Holder) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(holder)?;
    text.push(b'\n');
    file.set_len(0)?;
    file.write_all(&text)
}

/// What stands in the file; empty fields where it cannot be read, for the lock alone decides.
fn read_holder(file: &mut File) -> Holder {
    let mut text = Vec::new();
    match file.take(MOST_BYTES).read_to_end(&mut text) {
        Ok(_) => serde_json::from_slice(&text).unwrap_or_default(),
        Err(_) => Holder::default(),
    }
}

fn first_line(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// Field 22 of `/proc/self/stat`, counted after the name, which may hold spaces and parentheses; 0 if unreadable.
fn start_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_ascii_whitespace().nth(19).and_then(|field| field.parse().ok()).unwrap_or(0)
}
