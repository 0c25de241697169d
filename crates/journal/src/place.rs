//! Where a workspace keeps its journal and its runs: `.regatta`, private to its owner, on a local disk.
//!
//! Follows no links when creating. Knows no SQL.
//! ```text
//! WORKSPACE/.regatta/            0700, .gitignore: *
//!           |- regatta.db, -wal, -shm      0600
//!           |- removed/<run>               mark of a run that is being removed
//!           |- leases.db, leases.open      0600
//!           `- runs/<run>/       0700, made after the run's row is durable
//!                 |- lock        who orchestrates it
//!                 `- out/        named outputs
//! ```

use crate::error::StoreError;
use crate::network::network_file_system;
use crate::run_id::RunId;
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Name of the directory of ours in a workspace.
const HOME: &str = ".regatta";
/// SQLite takes paths of 512 bytes, and needs 8 of them for the names beside the database.
const MAX_DATABASE_PATH_BYTES: usize = 504;
const PRIVATE_DIR: Mode = Mode::RWXU;
const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);
const OPEN_DIR: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The places of one workspace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    home: PathBuf,
}

impl Place {
    /// The place of a workspace if there is one already, made private again if it had become wider.
    ///
    /// # Errors
    /// `.regatta` is a link or no directory, lies on a network file system or so deep that SQLite takes no path there, or
    /// cannot be looked at.
    pub fn find(workspace: &Path) -> Result<Option<Place>, StoreError> {
        let home = canonical(workspace)?.join(HOME);
        match fs::openat(fs::CWD, &home, OPEN_DIR, Mode::empty()) {
            Ok(dir) => {
                check_home(&dir, &home)?;
                let place = Place { home };
                place.refuse_long()?;
                Ok(Some(place))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(not_a_dir(&home, e)),
        }
    }

    /// The place of a workspace, made if it is missing.
    ///
    /// # Errors
    /// As [`Place::find`]; also where the workspace is missing or read-only. Nothing is made on a network file system, or
    /// where the path is too long.
    pub fn create(workspace: &Path) -> Result<Place, StoreError> {
        let workspace = canonical(workspace)?;
        let home = workspace.join(HOME);
        Place { home: home.clone() }.refuse_long()?;
        let parent =
            fs::openat(fs::CWD, &workspace, OPEN_DIR, Mode::empty()).map_err(|e| not_a_dir(&workspace, e))?;
        refuse_network(&parent, &workspace)?;
        let made = make_dir(&parent, HOME, &home)?;
        let dir = fs::openat(&parent, HOME, OPEN_DIR, Mode::empty()).map_err(|e| not_a_dir(&home, e))?;
        check_home(&dir, &home)?;
        ignore_all(&dir, &home)?;
        if made {
            fs::fsync(&parent).map_err(|e| io_error("sync", &workspace, e.into()))?;
        }
        Ok(Place { home })
    }

    /// Refuses what SQLite would say unclear things of.
    fn refuse_long(&self) -> Result<(), StoreError> {
        let path = self.database();
        match path.as_os_str().len() {
            bytes if bytes > MAX_DATABASE_PATH_BYTES => {
                Err(StoreError::PathTooLong { path, bytes, most: MAX_DATABASE_PATH_BYTES })
            }
            _ => Ok(()),
        }
    }

    /// The directory `.regatta`, absolute.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.home.join("regatta.db")
    }

    /// The directory of all runs.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.home.join("runs")
    }

    /// The directory of a run, whether it exists or not.
    #[must_use]
    pub fn run_dir(&self, run: &RunId) -> PathBuf {
        self.runs().join(run.as_str())
    }

    /// The directory of marks: a run with a mark and without rows is removed, whatever is left of its files.
    pub(crate) fn removed(&self) -> PathBuf {
        self.home.join("removed")
    }

    /// The mark of a run that is being removed.
    pub(crate) fn removal_mark(&self, run: &RunId) -> PathBuf {
        self.removed().join(run.as_str())
    }

    /// Makes the directory of a run and its `out/`.
    pub(crate) fn make_run_dir(&self, run: &RunId) -> Result<PathBuf, StoreError> {
        private_dir(&self.runs())?;
        let dir = self.run_dir(run);
        private_dir(&dir)?;
        private_dir(&dir.join("out"))?;
        Ok(dir)
    }

    /// Whether a directory may be one of a run: ours have a lock and a place for output from their beginning on.
    #[must_use]
    pub fn is_run_dir(dir: &Path) -> bool {
        ["lock", "out"].iter().any(|name| dir.join(name).symlink_metadata().is_ok())
    }

    /// Names of directories of runs that are not being removed, up to `most`, in no order. What somebody else put there is
    /// none.
    pub(crate) fn some_run_dirs(&self, most: usize) -> Result<Vec<String>, StoreError> {
        let runs = self.runs();
        let entries = match std::fs::read_dir(&runs) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(io_error("list", &runs, e)),
        };
        let is_dir = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|t| t.is_dir());
        let named = entries.filter_map(Result::ok).filter(is_dir);
        let names = named.filter_map(|entry| entry.file_name().into_string().ok());
        let removed = self.removed();
        let ours = |name: &String| Place::is_run_dir(&runs.join(name)) && !removed.join(name).exists();
        Ok(names.filter(ours).take(most).collect())
    }
}

/// Makes a directory of mode 0700, or makes an existing one private; the parent must exist. Follows no link.
///
/// # Errors
/// A link or something else stands there, or it cannot be made.
pub fn private_dir(path: &Path) -> Result<(), StoreError> {
    make_dir(fs::CWD, path, path)?;
    let dir = fs::openat(fs::CWD, path, OPEN_DIR, Mode::empty()).map_err(|e| not_a_dir(path, e))?;
    make_private(&dir, path, PRIVATE_DIR)
}

/// Opens a file of mode 0600 for reading and writing, emptied; made if missing. Follows no link.
///
/// # Errors
/// A link or special file stands there, or it cannot be made.
pub fn create_private(path: &Path) -> Result<File, StoreError> {
    let file = open_private(path)?;
    file.set_len(0).map_err(|e| io_error("empty", path, e))?;
    Ok(file)
}

/// Opens a file of mode 0600 for reading and writing as it is; made if missing. Follows no link.
pub(crate) fn open_private(path: &Path) -> Result<File, StoreError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = fs::openat(fs::CWD, path, flags, PRIVATE_FILE).map_err(|e| not_a_file(path, e))?;
    let stat = fs::fstat(&fd).map_err(|e| io_error("look at", path, e.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(not_ours(path, "a special file", "a file"));
    }
    make_private(&fd, path, PRIVATE_FILE)?;
    Ok(File::from(fd))
}

/// Makes an empty file of mode 0600 unless something is there already, which is not opened.
pub(crate) fn make_private_file(path: &Path) -> Result<(), StoreError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match fs::openat(fs::CWD, path, flags, PRIVATE_FILE) {
        Ok(_) => Ok(()),
        Err(Errno::EXIST) => look_at(path).map(|_| ()),
        Err(e) => Err(io_error("make", path, e.into())),
    }
}

/// Looks at a file without opening it: its length, none if it is missing. Makes it private where it is wider.
///
/// The database is never opened by us: closing it would drop SQLite's locks on it.
pub(crate) fn look_at(path: &Path) -> Result<Option<u64>, StoreError> {
    let stat = match fs::statat(fs::CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(None),
        Err(e) => return Err(io_error("look at", path, e.into())),
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Symlink => return Err(not_ours(path, "a link", "a file")),
        _ => return Err(not_ours(path, "a directory or special file", "a file")),
    }
    if Mode::from_raw_mode(stat.st_mode) != PRIVATE_FILE {
        fs::chmodat(fs::CWD, path, PRIVATE_FILE, AtFlags::empty())
            .map_err(|e| io_error("make private", path, e.into()))?;
    }
    Ok(Some(u64::try_from(stat.st_size).unwrap_or(0)))
}

pub(crate) fn io_error(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return StoreError::DiskFull { path: path.to_owned() };
    }
    StoreError::Io { action, path: path.to_owned(), source }
}

fn not_ours(path: &Path, found: &'static str, wanted: &'static str) -> StoreError {
    StoreError::NotOurs { path: path.to_owned(), found, wanted }
}

fn not_a_dir(path: &Path, e: Errno) -> StoreError {
    match e {
        Errno::LOOP => not_ours(path, "a link", "a directory"),
        // Linux answers so for a link opened with both DIRECTORY and NOFOLLOW.
        Errno::NOTDIR => not_ours(path, "a link or a file", "a directory"),
        e => io_error("open", path, e.into()),
    }
}

fn not_a_file(path: &Path, e: Errno) -> StoreError {
    match e {
        Errno::LOOP => not_ours(path, "a link", "a file"),
        Errno::ISDIR => not_ours(path, "a directory", "a file"),
        Errno::NXIO => not_ours(path, "a special file", "a file"),
        e => io_error("open", path, e.into()),
    }
}

fn canonical(workspace: &Path) -> Result<PathBuf, StoreError> {
    std::fs::canonicalize(workspace).map_err(|e| io_error("find workspace", workspace, e))
}

/// Makes a directory of mode 0700; answers whether it was missing.
fn make_dir(at: impl AsFd, name: impl rustix::path::Arg, path: &Path) -> Result<bool, StoreError> {
    match fs::mkdirat(at, name, PRIVATE_DIR) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(e) => Err(io_error("make directory", path, e.into())),
    }
}

fn make_private(fd: &OwnedFd, path: &Path, mode: Mode) -> Result<(), StoreError> {
    let stat = fs::fstat(fd).map_err(|e| io_error("look at", path, e.into()))?;
    if Mode::from_raw_mode(stat.st_mode) == mode {
        return Ok(());
    }
    fs::fchmod(fd, mode).map_err(|e| io_error("make private", path, e.into()))
}

fn check_home(dir: &OwnedFd, home: &Path) -> Result<(), StoreError> {
    refuse_network(dir, home)?;
    make_private(dir, home, PRIVATE_DIR)
}

/// Keeps git from ever seeing the directory. An existing file stays as its owner wrote it.
fn ignore_all(dir: &OwnedFd, home: &Path) -> Result<(), StoreError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match fs::openat(dir, ".gitignore", flags, PRIVATE_FILE) {
        Ok(fd) => {
            let path = home.join(".gitignore");
            File::from(fd).write_all(b"*\n").map_err(|e| io_error("write", &path, e))
        }
        Err(Errno::EXIST) => Ok(()),
        Err(e) => Err(io_error("make", &home.join(".gitignore"), e.into())),
    }
}

fn refuse_network(dir: &OwnedFd, path: &Path) -> Result<(), StoreError> {
    let (_, network) = network_file_system(dir).map_err(|e| io_error("look at", path, e))?;
    match network {
        Some(kind) => Err(StoreError::NetworkFileSystem { path: path.to_owned(), kind }),
        None => Ok(()),
    }
}

/// The longest id in bytes: a directory name, far below every file system's limit.
const MAX_RUN_ID_BYTES: usize = 64;

impl RunId {
    /// Checks an id.
    ///
    /// # Errors
    /// [`StoreError::BadRunId`] for any other text.
    pub fn new(id: &str) -> Result<RunId, StoreError> {
        let fits = !id.is_empty()
            && id.len() <= MAX_RUN_ID_BYTES
            && !id.starts_with('-')
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits {
            Ok(RunId(id.into()))
        } else {
            Err(StoreError::BadRunId { id: id.escape_debug().collect() })
        }
    }
}
