//! The way to the keeper of a run: its lock, its socket, and who may come in.
//!
//! Paths are reached through a descriptor of the directory, because a socket's path may have only 108 bytes.

use super::{LOCK, SOCKET};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The directory of a run, held open.
#[derive(Debug)]
pub(super) struct Door {
    dir: OwnedFd,
}

impl Door {
    /// The directory must exist.
    pub(super) fn open(run_dir: &Path) -> io::Result<Door> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Door { dir: openat(CWD, run_dir, flags, Mode::empty())? })
    }

    /// A file of the directory, private, made if missing; follows no link.
    pub(super) fn file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(File::from(openat(&self.dir, name, flags, Mode::RUSR | Mode::WUSR)?))
    }

    /// The keeper's lock, if nobody has it.
    pub(super) fn lock(&self) -> io::Result<Option<File>> {
        let file = self.file(LOCK)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a keeper lives.
    pub(super) fn is_kept(&self) -> io::Result<bool> {
        let file = self.file(LOCK)?;
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    fn socket(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", self.dir.as_raw_fd()))
    }

    /// Listens; whoever has the lock may replace a socket that an earlier keeper left.
    pub(super) fn listen(&self) -> io::Result<UnixListener> {
        self.remove_socket()?;
        UnixListener::bind(self.socket())
    }

    /// Takes the socket away.
    pub(super) fn remove_socket(&self) -> io::Result<()> {
        match std::fs::remove_file(self.socket()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Knocks. The other side must be of the same user.
    pub(super) fn knock(&self) -> io::Result<UnixStream> {
        let socket = UnixStream::connect(self.socket())?;
        if is_same_user(&socket)? {
            return Ok(socket);
        }
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "the socket belongs to another user"))
    }
}

/// Whether the other side runs as the same user.
pub(super) fn is_same_user(socket: &UnixStream) -> io::Result<bool> {
    Ok(rustix::net::sockopt::socket_peercred(socket)?.uid == rustix::process::getuid())
}
