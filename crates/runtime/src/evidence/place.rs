//! A report below the directory of its gate: no link leads to another place, on no step of the way.
//!
//! The kernel resolves each path (`openat2`, `RESOLVE_BENEATH`), so nobody changes the way between a check and its use. Knows
//! no report.

use crate::private_file;
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, open, openat, openat2, unlinkat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
/// A directory that is only held.
const HELD: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens a report to read it; a link is not followed, and nothing waits for the other end of a FIFO.
///
/// # Errors
/// It is not there, lies elsewhere, or is no plain file.
pub(super) fn read(root: &Path, path: &str) -> io::Result<File> {
    let (dir, name) = place(root, path)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    private_file::plain(File::from(openat(dir, name, flags, Mode::empty())?))
}

/// How what stands there stands, a link not followed.
///
/// # Errors
/// It is not there, or lies elsewhere.
pub(super) fn look(root: &Path, path: &str) -> io::Result<Metadata> {
    let (dir, name) = place(root, path)?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    File::from(openat(dir, name, flags, Mode::empty())?).metadata()
}

/// Deletes a report.
///
/// # Errors
/// It is not there, lies elsewhere, or cannot be deleted.
pub(super) fn delete(root: &Path, path: &str) -> io::Result<()> {
    let (dir, name) = place(root, path)?;
    Ok(unlinkat(dir, name, AtFlags::empty())?)
}

/// The directory in which a file stands, and its name there.
fn place<'a>(root: &Path, path: &'a str) -> io::Result<(OwnedFd, &'a OsStr)> {
    let path = Path::new(path);
    let name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let root = open(root, HELD, Mode::empty())?;
    loop {
        // EAGAIN: something was renamed meanwhile, so the kernel could not tell.
        match openat2(&root, parent, HELD, Mode::empty(), BENEATH) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::XDEV | Errno::LOOP) => {
                return Err(io::Error::other(
                    "a link on the way to it leads out of the directory of the gate",
                ));
            }
            Err(Errno::NOSYS) => {
                return Err(io::Error::other("this system cannot confine paths (it has no openat2)"));
            }
            found => return Ok((found?, name)),
        }
    }
}
