//! Settings and hooks of a repository as they were at some moment, and how they are put back.
//!
//! ```text
//! config, info/…                   settings that all worktrees share, or of the user's checkout
//! hooks/**                         with what links lead to in the same directory
//! worktrees/NAME/config.worktree   of worktrees that are no run's
//! ```
//!
//! ```text
//! settings   git's own lock, `NAME.lock` -> what stands there is kept -> the lock becomes the file, with its mode
//! hooks      a new name beside it        -> what stands there is kept -> it becomes the file, with its mode
//! ```
//! What stands there is opened only if it is a plain file, and written never: it is replaced. Knows no attempt.

use super::entries::{Bytes, Entry, Hooks, entry, is_git_name, is_within, there};
use super::lock::{Lock, free};
use crate::git::{REASON, lfs};
use crate::private_file;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

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
    /// There were more hooks than are looked at: one that is not pinned may have been there.
    #[serde(default)]
    cut: bool,
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
        let mut now = Pinned::take_of(common_dir, self.theirs.clone())?;
        for name in self.entries.keys().filter(|_| now.cut) {
            let path = common_dir.join(name.os());
            if let (false, Some(meta)) = (now.entries.contains_key(name), there(&path)?)
                && !meta.is_dir()
            {
                now.entries.insert(name.clone(), entry((&path, &meta), &|real| is_within(real, common_dir)));
            }
        }
        Ok(now)
    }

    /// Whether a copy that was read can be one of ours: nothing else than what is watched over would be written or removed.
    pub(super) fn is_sound(&self, common_dir: &Path) -> bool {
        let plain = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
        let one = |name: &OsStr| plain(Path::new(name)) && Path::new(name).components().count() == 1;
        let known = |name: &Bytes| {
            let name = name.os();
            let path = Path::new(&name);
            let parts: Vec<&OsStr> = path.iter().collect();
            let of_worktree = matches!(parts[..], [dir, _, own] if dir == WORKTREES && own == OWN);
            let named = |all: &[&str]| all.iter().any(|one| *one == name);
            let within = parts.len() > 1 && path.starts_with(HOOKS) || of_worktree;
            named(&SETTINGS) || named(&DIRS) || (plain(path) && within)
        };
        let lead_within = |entry: &Entry| match entry {
            Entry::Link { behind: Some((real, ..)), .. } => is_within(Path::new(&real.os()), common_dir),
            _ => true,
        };
        self.entries.iter().all(|(name, entry)| known(name) && lead_within(entry))
            && self.theirs.iter().flatten().all(|name| one(&name.os()))
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
        let mut hooks = Hooks::of(common_dir, all);
        hooks.look(Path::new(HOOKS), 0, &mut add)?;
        let cut = hooks.cut;
        let locked = |name: &&str| Lock::path(&common_dir.join(name)).symlink_metadata().is_ok();
        pinned.locked = SETTINGS.into_iter().filter(locked).map(str::to_owned).collect();
        (pinned.theirs, pinned.cut) = (theirs, cut);
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
            let how = if self.knows(name, was, is) { "" } else { " (which itself cannot be)" };
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
        if self.knows(name, was, is) {
            return self.put((name, place), (was, is));
        }
        // Said once: what it was is not known.
        match is {
            Some(is) => drop(self.entries.insert(name.clone(), is.clone())),
            None => drop(self.entries.remove(name)),
        }
        Ok(())
    }

    /// Whether it is known what stood in a place.
    fn knows(&self, name: &Bytes, was: Option<&Entry>, is: Option<&Entry>) -> bool {
        match (was, is) {
            (Some(Entry::Large { .. } | Entry::Other), _) => false,
            // The link is the same; it led to nothing, or to what could not be read.
            (Some(Entry::Link { to, behind: None }), Some(Entry::Link { to: now, .. })) => to != now,
            (None, _) if self.cut => {
                let name = name.os();
                Path::new(&name).strip_prefix(HOOKS).map_or(true, |hook| is_git_name(hook.as_os_str()))
            }
            _ => true,
        }
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
        no_link_above(&path, place.common_dir)?;
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

/// Whether what git keeps for a worktree is of one of a run.
pub(super) fn is_of_a_run(admin: &Path) -> bool {
    let mut text = String::new();
    let read = private_file::open(&admin.join("locked"));
    let read = read.and_then(|file| file.take(REASON.len() as u64 + 2).read_to_string(&mut text));
    read.is_ok() && text.trim_end() == REASON
}

/// The worktrees that are no run's, by the name of what git keeps for them.
fn theirs(common_dir: &Path) -> BTreeSet<Bytes> {
    let entries = fs::read_dir(common_dir.join(WORKTREES)).into_iter().flatten().flatten();
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

/// The content of a plain file.
fn body(entry: Option<&Entry>) -> Option<&[u8]> {
    match entry {
        Some(Entry::File { body, .. }) => Some(&body.0),
        Some(Entry::Link { .. } | Entry::Large { .. } | Entry::Other) | None => None,
    }
}

/// What stands below a link is elsewhere.
fn no_link_above(path: &Path, common_dir: &Path) -> io::Result<()> {
    let dirs = path.ancestors().skip(1).take_while(|dir| *dir != common_dir);
    let mut below = dirs.take_while(|dir| dir.starts_with(common_dir));
    match below.find(|dir| dir.is_symlink()) {
        Some(dir) => Err(io::Error::other(format!("{} is a link", dir.display()))),
        None => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn put_back(
        common_dir: &Path,
        keep: &Path,
        change: impl FnOnce(),
        mut pinned: Pinned,
    ) -> (Vec<String>, Option<String>) {
        change();
        let changes = pinned.changes(common_dir).unwrap().into_iter().map(|(name, _)| name).collect();
        let failed = pinned.restore(&Place { common_dir, mark: "regatta-x", keep, alone: true });
        (changes, failed)
    }

    /// A directory as git has one, and a place to keep things in.
    fn world() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir_all(root.join("git/hooks")).unwrap();
        (dir, root.join("git"), root.join("kept"))
    }

    #[test]
    fn a_copy_that_names_anything_else_than_settings_and_hooks_is_none() {
        let (_dir, common_dir, _) = world();
        let file = Entry::File { mode: 0o600, body: Bytes(Vec::new()) };
        let link = |real: &str| {
            let behind = Some((Bytes::of(OsStr::new(real)), 0o600, Bytes(Vec::new())));
            Entry::Link { to: Bytes::of(OsStr::new("x")), behind }
        };
        let sound = |name: &str, entry: &Entry| {
            let entries = BTreeMap::from([(Bytes::of(OsStr::new(name)), entry.clone())]);
            Pinned { entries, ..Pinned::default() }.is_sound(&common_dir)
        };
        for good in
            ["config", "info/exclude", "hooks", "hooks/pre-push", "hooks/a/b", "worktrees/w/config.worktree"]
        {
            assert!(sound(good, &file), "{good}");
        }
        for bad in [
            "",
            "/etc/x",
            "../x",
            "hooks/../../x",
            "hooks//x/..",
            "HEAD",
            "/hooks/x",
            "worktrees/../config.worktree",
            "worktrees/a/b/config.worktree",
            "worktrees/w/gitdir",
            "info/x",
        ] {
            assert!(!sound(bad, &file), "{bad}");
        }
        let within = common_dir.join("mine");
        assert!(sound("hooks/x", &link(within.to_str().unwrap())));
        for bad in
            ["/etc/passwd", "mine", common_dir.join("../x").to_str().unwrap(), common_dir.to_str().unwrap()]
        {
            assert!(!sound("hooks/x", &link(bad)), "{bad}");
        }
        for (theirs, good) in [("w", true), ("..", false), ("a/b", false), ("/a", false), ("", false)] {
            let theirs = Some(BTreeSet::from([Bytes::of(OsStr::new(theirs))]));
            assert_eq!(
                Pinned { theirs: theirs.clone(), ..Pinned::default() }.is_sound(&common_dir),
                good,
                "{theirs:?}"
            );
        }
    }

    #[test]
    fn of_more_hooks_than_are_looked_at_none_is_removed_and_what_git_runs_is_watched() {
        let (_dir, common_dir, keep) = world();
        let hook = |name: &str| common_dir.join("hooks").join(name);
        for n in 0..2_100 {
            fs::write(hook(&format!("a{n:04}")), "mine").unwrap();
        }
        fs::write(hook("pre-push"), "mine").unwrap();
        let change = || {
            // Another is looked at now.
            fs::remove_file(hook("a0000")).unwrap();
            fs::remove_file(hook("a0001")).unwrap();
            fs::write(hook("pre-push"), "evil").unwrap();
            fs::write(hook("post-merge"), "evil").unwrap();
        };
        let pinned = Pinned::take(&common_dir).unwrap();
        let (changes, failed) = put_back(&common_dir, &keep, change, pinned);
        assert_eq!(failed, None);
        let what = [
            "hooks/a0000",
            "hooks/a0001",
            "hooks/a1999 (which itself cannot be)",
            "hooks/post-merge",
            "hooks/pre-push",
        ];
        assert_eq!(changes, what);
        assert!(!hook("post-merge").exists());
        for name in ["pre-push", "a0000", "a1999", "a2099"] {
            assert_eq!(fs::read_to_string(hook(name)).unwrap(), "mine", "{name}");
        }
    }

    #[test]
    fn what_a_hook_leads_to_elsewhere_is_a_persons_file() {
        let (dir, common_dir, keep) = world();
        let mine = dir.path().join("mine");
        fs::write(&mine, "before").unwrap();
        symlink(&mine, common_dir.join("hooks/pre-push")).unwrap();
        let pinned = Pinned::take(&common_dir).unwrap();
        let (changes, failed) = put_back(&common_dir, &keep, || fs::write(&mine, "after").unwrap(), pinned);
        assert_eq!((changes, failed), (Vec::new(), None));
        assert_eq!(fs::read_to_string(mine).unwrap(), "after");
    }

    #[test]
    fn nothing_is_put_back_below_a_link() {
        let (dir, common_dir, keep) = world();
        let elsewhere = dir.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        symlink(&elsewhere, common_dir.join("hooks/x.d")).unwrap();
        let mut pinned = Pinned::take(&common_dir).unwrap();
        let file = Entry::File { mode: 0o600, body: Bytes(b"evil".to_vec()) };
        pinned.entries.insert(Bytes::of(OsStr::new("hooks/x.d/y")), file);
        let (_, failed) = put_back(&common_dir, &keep, || (), pinned);
        assert!(failed.is_some_and(|why| why.contains("x.d is a link")));
        assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
    }
}
