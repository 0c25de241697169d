//! Settings and hooks of a repository as they were at some moment, and how they are put back.
//!
//! ```text
//! settings   git's own lock, `NAME.lock` -> what stands there is kept -> the lock becomes the file, with its mode
//! hooks      a new name beside it        -> what stands there is kept -> it becomes the file, with its mode
//! ```
//! What stands there is opened only if it is a plain file, and written never: it is replaced. Knows no attempt.

use super::lock::{Lock, free};
use crate::git::lfs;
use crate::private_file;
use regatta_engine::json::hex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// The files of settings that all worktrees share, or that are those of the user's checkout.
pub(super) const SETTINGS: [&str; 5] =
    ["config", "config.worktree", "info/attributes", "info/exclude", "info/sparse-checkout"];
/// The one of them that is used while a whole worktree changes.
const SPARSE: &str = "info/sparse-checkout";
/// Directories in which they are; a link in their place leads to somebody else's files.
const DIRS: [&str; 2] = ["hooks", "info"];
/// So much of a file is looked at, in bytes.
const MOST_BYTES: u64 = 16 << 20;
/// Bits of a mode that are put back.
const MODE: u32 = 0o7777;

/// Bytes, as text in hexadecimal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
struct Bytes(Vec<u8>);

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> String {
        hex(&bytes.0)
    }
}

impl TryFrom<String> for Bytes {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Bytes, &'static str> {
        let digits = text.as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
        bytes.filter(|_| digits.len().is_multiple_of(2)).map(Bytes).ok_or("no bytes in hexadecimal")
    }
}

impl Bytes {
    fn of(text: &OsStr) -> Bytes {
        Bytes(text.as_bytes().to_vec())
    }

    fn os(&self) -> OsString {
        OsString::from_vec(self.0.clone())
    }
}

/// What stands in a place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Entry {
    /// A plain file.
    File { mode: u32, body: Bytes },
    /// A link, and what it leads to, where that counts: its real path, mode and content.
    Link { to: Bytes, behind: Option<(Bytes, u32, Bytes)> },
    /// A plain file too large to be copied.
    Large { mode: u32, bytes: u64, inode: u64, changed: (i64, i64) },
    /// Something else, or what cannot be read.
    Other,
}

/// Settings and hooks as they were.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Pinned {
    /// By their path in the directory that all worktrees share.
    entries: BTreeMap<Bytes, Entry>,
    /// Files of settings whose lock was there.
    locked: BTreeSet<String>,
}

/// Where things are done: the directory that all worktrees share, what new names there begin with, and where what is
/// replaced is kept.
pub(super) struct Place<'a> {
    pub(super) common_dir: &'a Path,
    pub(super) mark: &'a str,
    pub(super) keep: &'a Path,
    /// Nobody else is at work, so a lock that stays is of somebody dead.
    pub(super) alone: bool,
}

/// What came of putting back.
#[derive(Default)]
pub(super) struct Restored {
    /// What was not as it was, for people, and whether git-lfs alone did it by being used.
    pub(super) changed: Vec<(String, bool)>,
    /// The first that cannot be put back, and why.
    pub(super) failed: Option<String>,
}

impl Restored {
    fn fail(&mut self, what: &str, error: &io::Error) {
        self.failed.get_or_insert_with(|| format!("{what}: {error}"));
    }
}

impl Pinned {
    /// Takes note of how they are now.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub(super) fn take(common_dir: &Path) -> io::Result<Pinned> {
        let mut pinned = Pinned::default();
        let mut add = |name: &OsStr, entry: Option<Entry>| {
            pinned.entries.extend(entry.map(|entry| (Bytes::of(name), entry)));
        };
        for name in DIRS {
            let path = common_dir.join(name);
            // A directory is looked into.
            let meta = path.symlink_metadata().ok().filter(|meta| !meta.is_dir());
            add(OsStr::new(name), meta.map(|meta| entry((&path, &meta), false)));
        }
        for name in SETTINGS {
            let path = common_dir.join(name);
            add(OsStr::new(name), there(&path)?.map(|meta| entry((&path, &meta), true)));
        }
        let hooks = common_dir.join("hooks");
        if there(&hooks)?.is_some_and(|meta| meta.is_dir()) {
            for found in fs::read_dir(&hooks)? {
                let path = found?.path();
                let meta = there(&path)?.filter(|meta| !meta.is_dir());
                let name = Path::new("hooks").join(path.file_name().unwrap_or_default());
                add(name.as_os_str(), meta.map(|meta| entry((&path, &meta), false)));
            }
        }
        let locked = |name: &&str| Lock::path(&common_dir.join(name)).symlink_metadata().is_ok();
        pinned.locked = SETTINGS.into_iter().filter(locked).map(str::to_owned).collect();
        Ok(pinned)
    }

    /// Puts back what is not as it was, each by itself: what cannot be keeps nothing else from it.
    pub(super) fn restore(&mut self, place: &Place<'_>) -> Restored {
        let mut restored = Restored::default();
        // What is in a directory counts only when the directory is what it was.
        for of_dirs in [true, false] {
            let now = match Pinned::take(place.common_dir) {
                Ok(now) => now,
                Err(error) => {
                    restored.fail(&place.common_dir.to_string_lossy(), &error);
                    return restored;
                }
            };
            let is_dir = |name: &Bytes| DIRS.iter().any(|dir| dir.as_bytes() == name.0) == of_dirs;
            let names: BTreeSet<Bytes> = self.entries.keys().chain(now.entries.keys()).cloned().collect();
            for name in names.into_iter().filter(is_dir) {
                self.compare(&name, (now.entries.get(&name), place), &mut restored);
            }
        }
        for name in SETTINGS.iter().filter(|name| place.alone && !self.locked.contains(**name)) {
            let path = place.common_dir.join(name);
            // The one that git holds while it changes a whole worktree is left alone.
            if *name != SPARSE
                && let Err(error) = Lock::of_the_dead(&path, place.mark)
            {
                restored.fail(name, &error);
            }
        }
        restored
    }

    /// Puts one back if it is not as it was.
    fn compare(&mut self, name: &Bytes, (is, place): (Option<&Entry>, &Place<'_>), restored: &mut Restored) {
        let was = self.entries.get(name);
        if was == is {
            return;
        }
        let text = name.os().to_string_lossy().into_owned();
        match self.put((name, place), (was, is)) {
            Ok(true) => {
                let by_lfs = lfs::set_itself_up(&text, body(was), body(is));
                restored.changed.push((text, by_lfs));
            }
            Ok(false) => {
                // Said once: what it was is not known.
                match is {
                    Some(is) => drop(self.entries.insert(name.clone(), is.clone())),
                    None => drop(self.entries.remove(name)),
                }
                restored.changed.push((format!("{text} (which itself cannot be)"), false));
            }
            Err(error) => restored.fail(&text, &error),
        }
    }

    /// Puts one back. Answers whether it could be.
    fn put(
        &self,
        (name, place): (&Bytes, &Place<'_>),
        (was, is): (Option<&Entry>, Option<&Entry>),
    ) -> io::Result<bool> {
        let (named, text) = (name.os(), name.os().to_string_lossy().into_owned());
        let mut path = place.common_dir.join(&named);
        let mut wanted = was.cloned();
        if let (Some(Entry::Link { to, behind: Some((real, mode, body)) }), Some(Entry::Link { to: now, .. })) =
            (was, is)
            && to == now
        {
            // The link is the same, and what it leads to is not.
            path = PathBuf::from(real.os());
            wanted = Some(Entry::File { mode: *mode, body: body.clone() });
        }
        fs::create_dir_all(path.parent().unwrap_or(place.common_dir))?;
        let of_settings = SETTINGS.contains(&text.as_str());
        let lock = match of_settings {
            true => Some(Lock::take(&path, (place.mark, self.locked.contains(&text)))?),
            false => None,
        };
        let new = free(&path, place.mark);
        match &wanted {
            Some(Entry::File { mode, body }) => {
                let mut file = match &lock {
                    Some(lock) => lock.file()?,
                    None => fs::File::create_new(&new)?,
                };
                file.write_all(&body.0)?;
                file.set_permissions(Permissions::from_mode(*mode))?;
                keep(&path, &place.keep.join(&named), place.mark)?;
                match lock {
                    Some(lock) => lock.becomes(&path)?,
                    None => fs::rename(&new, &path)?,
                }
            }
            Some(Entry::Link { to, .. }) => {
                symlink(to.os(), &new)?;
                keep(&path, &place.keep.join(&named), place.mark)?;
                fs::rename(&new, &path)?;
            }
            None => {
                keep(&path, &place.keep.join(&named), place.mark)?;
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
            // Nobody knows what it was.
            Some(Entry::Large { .. } | Entry::Other) => return Ok(false),
        }
        Ok(true)
    }
}

/// The content of a plain file.
fn body(entry: Option<&Entry>) -> Option<&[u8]> {
    match entry {
        Some(Entry::File { body, .. }) => Some(&body.0),
        Some(Entry::Link { .. } | Entry::Large { .. } | Entry::Other) | None => None,
    }
}

fn there(path: &Path) -> io::Result<Option<Metadata>> {
    match path.symlink_metadata() {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What stands in a place. A link is followed only to see what is `behind` it.
fn entry((path, meta): (&Path, &Metadata), behind: bool) -> Entry {
    if meta.is_symlink() {
        let Ok(to) = fs::read_link(path) else { return Entry::Other };
        let real = behind.then(|| fs::canonicalize(path).ok()).flatten();
        let behind = real.and_then(|real| Some((real.clone(), content(&real)?)));
        let behind = behind.map(|(real, (mode, body))| (Bytes::of(real.as_os_str()), mode, body));
        return Entry::Link { to: Bytes::of(to.as_os_str()), behind };
    }
    if meta.is_file() && meta.len() > MOST_BYTES {
        let mode = meta.permissions().mode() & MODE;
        let changed = (meta.ctime(), meta.ctime_nsec());
        return Entry::Large { mode, bytes: meta.len(), inode: meta.ino(), changed };
    }
    content(path).map_or(Entry::Other, |(mode, body)| Entry::File { mode, body })
}

/// Mode and content of a plain file.
fn content(path: &Path) -> Option<(u32, Bytes)> {
    let file = private_file::open(path).ok()?;
    let mode = file.metadata().ok()?.permissions().mode() & MODE;
    let mut body = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut body).ok()?;
    // Half of a file is never put in its place.
    (body.len() as u64 <= MOST_BYTES).then_some((mode, Bytes(body)))
}

/// Keeps what stands in a place. A directory makes room, and so does what cannot be read.
fn keep(path: &Path, to: &Path, mark: &str) -> io::Result<()> {
    let Some(meta) = there(path)? else { return Ok(()) };
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    if meta.is_symlink() {
        return symlink(fs::read_link(path)?, to);
    }
    if meta.is_file() && (fs::hard_link(path, to).is_ok() || copy(path, to).is_ok()) {
        return Ok(());
    }
    if meta.is_dir() || meta.is_file() {
        // It may be on another disk: then it stays beside.
        return fs::rename(path, to).or_else(|_| fs::rename(path, free(path, &format!("{mark}-kept"))));
    }
    fs::remove_file(path)
}

fn copy(path: &Path, to: &Path) -> io::Result<()> {
    io::copy(&mut private_file::open(path)?, &mut private_file::create(to)?).map(|_| ())
}
