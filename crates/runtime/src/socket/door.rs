//! The door to whoever serves a run: its lock, its socket, and who may come in.
//!
//! Paths are reached through a descriptor of the directory, because a socket's path may have only 108 bytes.

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, fchmod, flock, fstat, openat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Rights of every file.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
/// How often a lock is tried that somebody may only be looking at, and how long a look may last.
const LOOKS: u32 = 50;
const LOOK: Duration = Duration::from_millis(2);

/// The directory of a run, held open.
#[derive(Debug)]
pub(crate) struct Door {
    dir: OwnedFd,
    /// This file system says how many names a directory has that is there.
    counts_names: bool,
}

impl Door {
    /// The directory must exist.
    pub(crate) fn open(run_dir: &Path) -> io::Result<Door> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = openat(CWD, run_dir, flags, Mode::empty())?;
        let counts_names = fstat(&dir)?.st_nlink > 0;
        Ok(Door { dir, counts_names })
    }

    /// Whether somebody removed the directory: nothing can be found in it, and nothing made in it, any more.
    pub(crate) fn is_removed(&self) -> bool {
        self.counts_names && fstat(&self.dir).is_ok_and(|stat| stat.st_nlink == 0)
    }

    /// A file of the directory, private, made if missing; follows no link.
    pub(crate) fn file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = openat(&self.dir, name, flags, PRIVATE)?;
        // One that is there already may have wider rights.
        if Mode::from_raw_mode(fstat(&file)?.st_mode) != PRIVATE {
            fchmod(&file, PRIVATE)?;
        }
        Ok(File::from(file))
    }

    /// The same, if it is there.
    fn existing(&self, name: &str) -> io::Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        match openat(&self.dir, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(File::from(fd))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A lock, if nobody has it. Whoever only looks at it has it for a moment, and is waited for.
    pub(crate) fn lock_unless_held(&self, name: &str) -> io::Result<Option<File>> {
        for _ in 0..LOOKS {
            if let Some(lock) = self.lock(name)? {
                return Ok(Some(lock));
            }
            std::thread::sleep(LOOK);
        }
        self.lock(name)
    }

    /// A lock, if nobody has it.
    pub(crate) fn lock(&self, name: &str) -> io::Result<Option<File>> {
        let file = self.file(name)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether somebody has a lock.
    pub(crate) fn is_locked(&self, name: &str) -> io::Result<bool> {
        let Some(file) = self.existing(name)? else { return Ok(false) };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until nobody has a lock.
    pub(crate) fn wait_for(&self, name: &str) -> io::Result<()> {
        let file = self.file(name)?;
        Ok(flock(&file, FlockOperation::LockShared)?)
    }

    /// A lock, as soon as whoever looks at it has looked.
    pub(crate) fn lock_in_time(&self, name: &str) -> io::Result<File> {
        let file = self.file(name)?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }

    fn socket(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.dir.as_raw_fd()))
    }

    /// Listens; whoever has the lock of the service may replace a socket that an earlier one left.
    pub(crate) fn listen(&self, name: &str) -> io::Result<UnixListener> {
        self.remove_socket(name)?;
        UnixListener::bind(self.socket(name))
    }

    /// Takes the socket away.
    pub(crate) fn remove_socket(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.socket(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Knocks. The other side must be of the same user.
    pub(crate) fn knock(&self, name: &str) -> io::Result<UnixStream> {
        let socket = UnixStream::connect(self.socket(name))?;
        if is_same_user(&socket)? {
            return Ok(socket);
        }
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "the socket belongs to another user"))
    }
}

/// Whether the other side runs as the same user.
pub(crate) fn is_same_user(socket: &UnixStream) -> io::Result<bool> {
    Ok(rustix::net::sockopt::socket_peercred(socket)?.uid == rustix::process::getuid())
}

/// The process at the other side.
pub(crate) fn peer(socket: impl AsFd) -> Option<u32> {
    let pid = rustix::net::sockopt::socket_peercred(socket).ok()?.pid;
    Some(pid.as_raw_nonzero().get().cast_unsigned())
}
