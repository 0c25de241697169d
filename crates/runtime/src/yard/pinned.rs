//! Settings and hooks of a repository as they were at some moment, and how they are put back.
//!
//! ```text
//! config, info/…                   settings that all worktrees share, or of the user's checkout
//! hooks/**                         with what links lead to, unless that is in a checkout
//! worktrees/NAME/config.worktree   of worktrees that are no run's
//! ```
//!
//! ```text
//! settings   git's own lock, `NAME.lock` -> what stands there is kept -> the lock becomes the file, with its mode
//! hooks      a new name beside it        -> what stands there is kept -> it becomes the file, with its mode
//! ```
//! What stands there is opened only if it is a plain file, and written never: it is replaced. Knows no attempt.

use super::lock::{Lock, free};
use crate::git::{REASON, lfs};
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
/// The directory of hooks, and that of what git keeps for worktrees, in which each can have settings of its own.
const HOOKS: &str = "hooks";
const WORKTREES: &str = "worktrees";
const OWN: &str = "config.worktree";
/// Directories in which they are; a link in their place leads to somebody else's files.
const DIRS: [&str; 2] = [HOOKS, "info"];
/// So much of a file is looked at, in bytes,
const MOST_BYTES: u64 = 16 << 20;
/// so much of all hooks together,
const MOST_BYTES_OF_HOOKS: u64 = 64 << 20;
/// and so many of them,
const MOST_HOOKS: usize = 2_000;
/// so many directories deep.
const MOST_DEPTH: usize = 4;
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
    /// The directories in `worktrees` that were no run's; nothing if an earlier version pinned it, which looked at less.
    #[serde(default)]
    theirs: Option<BTreeSet<Bytes>>,
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

impl Pinned {
    /// Takes note of how they are now.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub(super) fn take(common_dir: &Path) -> io::Result<Pinned> {
        Pinned::take_of(common_dir, Some(theirs(common_dir)))
    }

    /// The same of what was looked at before.
    fn now(&self, common_dir: &Path) -> io::Result<Pinned> {
        Pinned::take_of(common_dir, self.theirs.clone())
    }

    fn take_of(common_dir: &Path, theirs: Option<BTreeSet<Bytes>>) -> io::Result<Pinned> {
        let mut pinned = Pinned::default();
        let all = theirs.is_some();
        let mut add = |name: &OsStr, entry: Option<Entry>| {
            pinned.entries.extend(entry.map(|entry| (Bytes::of(name), entry)));
        };
        for name in DIRS {
            let path = common_dir.join(name);
            // A directory is looked into.
            let meta = path.symlink_metadata().ok().filter(|meta| !meta.is_dir());
            add(OsStr::new(name), meta.map(|meta| entry((&path, &meta), &|_| false)));
        }
        let of_worktrees = theirs.iter().flatten().map(|name| Path::new(WORKTREES).join(name.os()).join(OWN));
        for name in SETTINGS.into_iter().map(PathBuf::from).chain(of_worktrees) {
            let path = common_dir.join(&name);
            add(name.as_os_str(), there(&path)?.map(|meta| entry((&path, &meta), &|_| true)));
        }
        let mut hooks = Hooks { common_dir, all, left: MOST_HOOKS, left_bytes: MOST_BYTES_OF_HOOKS };
        hooks.look(Path::new(HOOKS), 0, &mut add)?;
        let locked = |name: &&str| Lock::path(&common_dir.join(name)).symlink_metadata().is_ok();
        pinned.locked = SETTINGS.into_iter().filter(locked).map(str::to_owned).collect();
        pinned.theirs = theirs;
        Ok(pinned)
    }

    /// What is not as it was, for people, and whether git-lfs alone did it by being used.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub(super) fn changes(&self, common_dir: &Path) -> io::Result<Vec<(String, bool)>> {
        let now = self.now(common_dir)?;
        let change = |name: &Bytes| {
            let (was, is) = (self.entries.get(name), now.entries.get(name));
            if was == is || went_with_its_worktree(common_dir, name) {
                return None;
            }
            let text = name.os().to_string_lossy().into_owned();
            let by_lfs = lfs::set_itself_up(&text, body(was), body(is));
            let how = if is_known(was, is) { "" } else { " (which itself cannot be)" };
            Some((format!("{text}{how}"), by_lfs))
        };
        let names: BTreeSet<&Bytes> = self.entries.keys().chain(now.entries.keys()).collect();
        Ok(names.into_iter().filter_map(change).collect())
    }

    /// Puts back what is not as it was, each by itself: what cannot be keeps nothing else from it. Answers the first that
    /// cannot be put back, and why.
    pub(super) fn restore(&mut self, place: &Place<'_>) -> Option<String> {
        let mut failed = None;
        // What is in a directory counts only when the directory is what it was.
        for of_dirs in [true, false] {
            let now = match self.now(place.common_dir) {
                Ok(now) => now,
                Err(error) => return Some(format!("{}: {error}", place.common_dir.display())),
            };
            let is_dir = |name: &Bytes| DIRS.iter().any(|dir| dir.as_bytes() == name.0) == of_dirs;
            let names: BTreeSet<Bytes> = self.entries.keys().chain(now.entries.keys()).cloned().collect();
            for name in names.into_iter().filter(is_dir) {
                if let Err(error) = self.compare(&name, (now.entries.get(&name), place)) {
                    failed.get_or_insert_with(|| format!("{}: {error}", name.os().to_string_lossy()));
                }
            }
        }
        failed.or_else(|| self.unlock(place))
    }

    /// Locks of settings that are of a git that was killed go, if nobody is at work. Answers which cannot go, and why.
    pub(super) fn unlock(&self, place: &Place<'_>) -> Option<String> {
        for name in SETTINGS.iter().filter(|name| place.alone && !self.locked.contains(**name)) {
            let path = place.common_dir.join(name);
            // The one that git holds while it changes a whole worktree is left alone.
            if *name != SPARSE
                && let Err(error) = Lock::of_the_dead(&path, place.mark)
            {
                return Some(format!("{name}: {error}"));
            }
        }
        None
    }

    /// Puts one back if it is not as it was.
    fn compare(&mut self, name: &Bytes, (is, place): (Option<&Entry>, &Place<'_>)) -> io::Result<()> {
        let was = self.entries.get(name);
        if was == is || went_with_its_worktree(place.common_dir, name) {
            return Ok(());
        }
        if is_known(was, is) {
            return self.put((name, place), (was, is));
        }
        // Said once: what it was is not known.
        match is {
            Some(is) => drop(self.entries.insert(name.clone(), is.clone())),
            None => drop(self.entries.remove(name)),
        }
        Ok(())
    }

    /// Puts one back.
    fn put(
        &self,
        (name, place): (&Bytes, &Place<'_>),
        (was, is): (Option<&Entry>, Option<&Entry>),
    ) -> io::Result<()> {
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
        if wanted.is_none() && there(&path)?.is_none() {
            // It went with the directory in which it was.
            return Ok(());
        }
        fs::create_dir_all(path.parent().unwrap_or(place.common_dir))?;
        let lock = match is_settings(&text) {
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
            Some(Entry::Large { .. } | Entry::Other) => {}
        }
        Ok(())
    }
}

/// What is left to be looked at of hooks.
struct Hooks<'a> {
    common_dir: &'a Path,
    /// Also below directories, and what links lead to.
    all: bool,
    left: usize,
    left_bytes: u64,
}

impl Hooks<'_> {
    /// Looks into one directory, and those in it.
    fn look(
        &mut self,
        name: &Path,
        depth: usize,
        add: &mut impl FnMut(&OsStr, Option<Entry>),
    ) -> io::Result<()> {
        let dir = self.common_dir.join(name);
        if !there(&dir)?.is_some_and(|meta| meta.is_dir()) {
            return Ok(());
        }
        let mut names: Vec<OsString> = fs::read_dir(&dir)?
            .map(|found| found.map(|found| found.file_name()))
            .collect::<Result<_, _>>()?;
        names.sort();
        for own in names {
            if self.left == 0 {
                break;
            }
            let (path, name) = (dir.join(&own), name.join(&own));
            let Some(meta) = there(&path)? else { continue };
            self.left -= 1;
            if !meta.is_dir() {
                let follows = |real: &Path| self.all && !is_in_a_checkout(real, self.common_dir);
                let found = match meta.is_file() && meta.len() > self.left_bytes {
                    true => large(&meta),
                    false => entry((&path, &meta), &follows),
                };
                let copied = match &found {
                    Entry::File { body, .. } | Entry::Link { behind: Some((_, _, body)), .. } => body.0.len(),
                    Entry::Link { .. } | Entry::Large { .. } | Entry::Other => 0,
                };
                self.left_bytes = self.left_bytes.saturating_sub(copied as u64);
                add(name.as_os_str(), Some(found));
            } else if self.all && depth < MOST_DEPTH {
                self.look(&name, depth + 1, add)?;
            }
        }
        Ok(())
    }
}

/// The worktrees that are no run's, by the name of what git keeps for them.
fn theirs(common_dir: &Path) -> BTreeSet<Bytes> {
    let entries = fs::read_dir(common_dir.join(WORKTREES)).into_iter().flatten().flatten();
    let is_of_a_run = |admin: &Path| {
        let mut text = String::new();
        let read = private_file::open(&admin.join("locked"));
        let read = read.and_then(|file| file.take(REASON.len() as u64 + 2).read_to_string(&mut text));
        read.is_ok() && text.trim_end() == REASON
    };
    // What has no such file yet is being made.
    let whole = entries.filter(|entry| entry.path().join("gitdir").exists());
    let found = whole.filter(|entry| !is_of_a_run(&entry.path()));
    found.map(|entry| Bytes::of(&entry.file_name())).collect()
}

/// Whether what is pinned of a worktree is gone because the worktree is.
fn went_with_its_worktree(common_dir: &Path, name: &Bytes) -> bool {
    let name = name.os();
    let admin = Path::new(&name).parent().filter(|admin| admin.starts_with(WORKTREES));
    admin.is_some_and(|admin| !common_dir.join(admin).is_dir())
}

/// Whether git takes a lock before it writes it.
fn is_settings(name: &str) -> bool {
    SETTINGS.contains(&name) || Path::new(name).starts_with(WORKTREES)
}

/// Whether it is known what stood in a place.
fn is_known(was: Option<&Entry>, is: Option<&Entry>) -> bool {
    match (was, is) {
        (Some(Entry::Large { .. } | Entry::Other), _) => false,
        // The link is the same; it led to nothing, or to what could not be read.
        (Some(Entry::Link { to, behind: None }), Some(Entry::Link { to: now, .. })) => to != now,
        _ => true,
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

/// What stands in a place. A link is followed only to see what is behind it, where that counts.
fn entry((path, meta): (&Path, &Metadata), counts: &dyn Fn(&Path) -> bool) -> Entry {
    if meta.is_symlink() {
        let Ok(to) = fs::read_link(path) else { return Entry::Other };
        let real = fs::canonicalize(path).ok().filter(|real| counts(real));
        let behind = real.and_then(|real| Some((real.clone(), content(&real)?)));
        let behind = behind.map(|(real, (mode, body))| (Bytes::of(real.as_os_str()), mode, body));
        return Entry::Link { to: Bytes::of(to.as_os_str()), behind };
    }
    if meta.is_file() && meta.len() > MOST_BYTES {
        return large(meta);
    }
    content(path).map_or(Entry::Other, |(mode, body)| Entry::File { mode, body })
}

/// What is in somebody's checkout is theirs, and landing changes it too.
fn is_in_a_checkout(real: &Path, common_dir: &Path) -> bool {
    let own = fs::canonicalize(common_dir).is_ok_and(|own| real.starts_with(own));
    !own && real.ancestors().skip(1).any(|dir| dir.join(".git").symlink_metadata().is_ok())
}

fn large(meta: &Metadata) -> Entry {
    let mode = meta.permissions().mode() & MODE;
    Entry::Large { mode, bytes: meta.len(), inode: meta.ino(), changed: (meta.ctime(), meta.ctime_nsec()) }
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
