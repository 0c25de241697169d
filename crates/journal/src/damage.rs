//! Puts a damaged database aside: `regatta.db.damaged-<n>` and `…-wal`. The original is never touched.
//!
//! Judges nothing; whoever found the damage says what it is.

use crate::error::StoreError;
use crate::place::Place;
use rustix::fs::{self, Mode, OFlags};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// So many copies are kept; beyond that somebody is not reading.
const MOST_COPIES: u32 = 100;

/// Copies the database and its WAL; the newest copy is used again if it has the same bytes. None if there was nothing
/// to copy or no room: the damage is reported either way.
pub(crate) fn copy_aside(place: &Place) -> Option<PathBuf> {
    let db = place.database();
    let wal = with_suffix(&db, "-wal");
    let free = (1..=MOST_COPIES).find(|n| {
        let copy = numbered(&db, *n);
        !copy.exists() && !with_suffix(&copy, "-wal").exists()
    })?;
    if free > 1 {
        let last = numbered(&db, free - 1);
        if same(&db, &last) && same(&wal, &with_suffix(&last, "-wal")) {
            return Some(last);
        }
    }
    let copy = numbered(&db, free);
    let copied_db = copy_file(&db, &copy);
    let copied_wal = copy_file(&wal, &with_suffix(&copy, "-wal"));
    (copied_db.is_ok() || copied_wal.is_ok()).then_some(copy)
}

/// Of damage that a reader found: copies the database of `workspace` aside, as a writer does that finds it.
#[must_use]
pub fn put_aside(error: StoreError, workspace: &Path) -> StoreError {
    match error {
        StoreError::Damaged { path, copy: None, detail } => {
            let place = Place::find(workspace).ok().flatten();
            StoreError::Damaged { path, copy: place.as_ref().and_then(copy_aside), detail }
        }
        other => other,
    }
}

fn numbered(db: &Path, n: u32) -> PathBuf {
    with_suffix(db, &format!(".damaged-{n}"))
}

/// `path` with `suffix` after its whole name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Opens for reading without ever closing again: closing any descriptor of the database would drop the locks that
/// SQLite holds on it in this process. Damage ends the process soon.
fn open_for_good(path: &Path) -> io::Result<&'static File> {
    let fd = fs::open(path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    Ok(Box::leak(Box::new(File::from(fd))))
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = open_for_good(from)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut target = File::from(fs::open(to, flags, Mode::RUSR | Mode::WUSR)?);
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

/// True if both are missing or both have the same bytes.
fn same(a: &Path, b: &Path) -> bool {
    match (open_for_good(a), open_for_good(b)) {
        (Ok(a), Ok(b)) => same_bytes(a, b).unwrap_or(false),
        (Err(a), Err(b)) => a.kind() == io::ErrorKind::NotFound && b.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

fn same_bytes(a: &File, b: &File) -> io::Result<bool> {
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (io::BufReader::new(a), io::BufReader::new(b));
    let (mut left, mut right) = ([0; 8192], [0; 8192]);
    loop {
        let n = a.read(&mut left)?;
        if n == 0 {
            return Ok(true);
        }
        b.read_exact(&mut right[..n])?;
        if left[..n] != right[..n] {
            return Ok(false);
        }
    }
}
