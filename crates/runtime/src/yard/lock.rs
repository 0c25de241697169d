//! The lock that git takes on a file of its own before it writes it: `NAME.lock`, made only where none is.
//!
//! ```text
//! a new name -> a second one, `NAME.lock`, or somebody else has it -> written -> `NAME.lock` becomes NAME
//! ```
//! The first name tells whose lock it is: whoever comes after us, if we are killed, knows it for ours. Knows no settings.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// How often somebody else's lock is waited for,
const MOST_WAITS: u32 = 20;
/// and how long each time. Git has one for a few milliseconds.
const A_MOMENT: Duration = Duration::from_millis(50);

/// A lock of ours; it goes when this is dropped.
pub(super) struct Lock {
    path: PathBuf,
    own: PathBuf,
}

impl Lock {
    /// Where the lock of a file is.
    pub(super) fn path(of: &Path) -> PathBuf {
        let mut name = of.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        of.with_file_name(name)
    }

    /// Takes the lock of a file. One that stays and is `old` is somebody's; any other is of a git that was killed.
    ///
    /// # Errors
    /// It is not to be had.
    pub(super) fn take(of: &Path, (mark, old): (&str, bool)) -> io::Result<Lock> {
        let lock = Lock { path: Lock::path(of), own: free(of, mark) };
        // Nobody but its owner reads what is being written.
        drop(crate::private_file::create(&lock.own)?);
        let mut waits = 0;
        loop {
            match fs::hard_link(&lock.own, &lock.path) {
                Ok(()) => return Ok(lock),
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(lock.refused(error)),
                Err(_) if waits < MOST_WAITS => thread::sleep(A_MOMENT),
                Err(error) if old || waits > MOST_WAITS => return Err(lock.refused(error)),
                Err(_) => {
                    if let Err(error) = remove(&lock.path, mark) {
                        return Err(lock.refused(error));
                    }
                }
            }
            waits += 1;
        }
    }

    fn refused(self, error: io::Error) -> io::Error {
        let said = format!("{} is not to be had: {error}", self.path.display());
        let _ = fs::remove_file(&self.own);
        // The lock is not ours.
        std::mem::forget(self);
        io::Error::new(error.kind(), said)
    }

    /// The file, to be written.
    pub(super) fn file(&self) -> io::Result<File> {
        File::options().write(true).open(&self.own)
    }

    /// What was written becomes the file.
    pub(super) fn becomes(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)
    }

    /// Nobody writes a file any more: a lock of it that stays, the same all the time, is of a git that was killed, and goes.
    pub(super) fn of_the_dead(of: &Path, mark: &str) -> io::Result<()> {
        let path = Lock::path(of);
        let inode = || path.symlink_metadata().ok().map(|meta| meta.ino());
        let first = inode();
        for _ in 0..MOST_WAITS {
            if first.is_none() || inode() != first {
                return Ok(());
            }
            thread::sleep(A_MOMENT);
        }
        remove(&path, mark)
    }

    /// Removes what an earlier one of us, who was killed, left in a directory.
    pub(super) fn sweep(dir: &Path, mark: &str) {
        let part = format!(".{mark}.");
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let (Some((of, _)), Ok(own)) = (name.split_once(&part), entry.metadata()) else { continue };
            let lock = Lock::path(&dir.join(of));
            if own.is_file() && lock.symlink_metadata().is_ok_and(|meta| meta.ino() == own.ino()) {
                // What cannot be removed is told by whoever wants the lock.
                let _ = fs::remove_file(&lock);
            }
            if !own.is_dir() {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // After it has become the file, its first name is the only one that is left, or the lock is somebody else's.
        let ours = |path: &Path| path.symlink_metadata().ok().map(|meta| (meta.dev(), meta.ino()));
        if ours(&self.path).is_some_and(|id| Some(id) == ours(&self.own)) {
            let _ = fs::remove_file(&self.path);
        }
        let _ = fs::remove_file(&self.own);
    }
}

/// Removes a lock, also one that is a directory; what is in it stays beside.
fn remove(path: &Path, mark: &str) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => fs::remove_dir(path).or_else(|_| fs::rename(path, free(path, mark))),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A name beside a path that nobody has.
pub(super) fn free(path: &Path, mark: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut names = (1_u64..).map(|n| path.with_file_name(format!("{name}.{mark}.{n}")));
    names.find(|path| path.symlink_metadata().is_err()).unwrap_or_default()
}
