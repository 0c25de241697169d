//! Puts a document in its place whole or not at all: a file without a name is written and synced, then takes the
//! place of the old one, then the directory is synced.
//!
//! Follows no link, and touches nothing that is no state file. Knows nothing of runs.

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

/// How a state file begins.
pub(super) const HEAD: &str = "{\"version\":";
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Why there is no state file.
#[derive(Debug)]
pub(super) enum NotWritten {
    /// Something else stands there, which is not ours to replace.
    Other(&'static str),
    /// The system refused.
    System(io::Error),
}

impl From<Errno> for NotWritten {
    fn from(errno: Errno) -> NotWritten {
        NotWritten::System(errno.into())
    }
}

impl From<io::Error> for NotWritten {
    fn from(error: io::Error) -> NotWritten {
        NotWritten::System(error)
    }
}

/// Replaces the file at `path`, mode 0600.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), NotWritten> {
    let name = path.file_name().ok_or(NotWritten::Other("is not the name of a file"))?;
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let dir = fs::openat(CWD, parent, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    check_ours(&dir, name)?;
    let temporary = format!(".{}.{}.tmp", name.to_string_lossy(), uuid::Uuid::new_v4().simple());
    write(&dir, &temporary, bytes)?;
    if let Err(error) = fs::renameat(&dir, &temporary, &dir, name) {
        // What was not put in place is of no use; the error that counts is told.
        let _ = fs::unlinkat(&dir, &temporary, AtFlags::empty());
        return Err(error.into());
    }
    Ok(fs::fsync(&dir)?)
}

/// The first bytes of a plain file, `most` of them.
pub(super) fn head(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut head = Vec::new();
    File::from(fs::openat(CWD, path, flags, Mode::empty())?).take(most as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Only nothing, an empty file or a state file may be replaced.
fn check_ours(dir: &OwnedFd, name: &OsStr) -> Result<(), NotWritten> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match fs::openat(dir, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(()),
        Err(Errno::LOOP) => return Err(NotWritten::Other("is a link, which is not followed")),
        Err(error) => return Err(error.into()),
    };
    match FileType::from_raw_mode(fs::fstat(&file)?.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(NotWritten::Other("is a directory")),
        _ => return Err(NotWritten::Other("is a special file")),
    }
    let mut head = Vec::new();
    File::from(file).take(HEAD.len() as u64).read_to_end(&mut head)?;
    if HEAD.as_bytes().starts_with(&head) {
        return Ok(());
    }
    Err(NotWritten::Other("is a file of another kind, which is not replaced"))
}

/// Makes a synced file under a name that nobody has. It gets the name when it is whole, where the file system can.
fn write(dir: &OwnedFd, name: &str, bytes: &[u8]) -> Result<(), NotWritten> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    match fs::openat(dir, ".", flags | OFlags::TMPFILE, PRIVATE) {
        Ok(fd) => {
            let file = fill(fd, bytes)?;
            let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
            Ok(fs::linkat(CWD, &unnamed, dir, name, AtFlags::SYMLINK_FOLLOW)?)
        }
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
            let fresh = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
            let filled = fill(fs::openat(dir, name, flags | fresh, PRIVATE)?, bytes);
            if filled.is_err() {
                // As above: the error that counts is told.
                let _ = fs::unlinkat(dir, name, AtFlags::empty());
            }
            filled.map(|_| ())
        }
        Err(error) => Err(error.into()),
    }
}

fn fill(fd: OwnedFd, bytes: &[u8]) -> Result<File, NotWritten> {
    // The umask can only have taken rights away.
    fs::fchmod(&fd, PRIVATE)?;
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(file)
}
