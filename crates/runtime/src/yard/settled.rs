//! Settles the index of a new worktree, so that the first `git status` in it has nothing to read.
//!
//! Files that are as young as the index look to git as if they might have changed since; it reads all of them once more. So
//! each file gets a time in the past, and the index is told of it: two calls of the system for each. A later change of a
//! file is seen as ever, by its time.
//!
//! Knows versions 2 and 3 of the format (gitformat-index), which ours are; any other is left as it is.

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, Stat, Timespec, Timestamps, fchmod, flistxattr, fremovexattr, openat, statat,
    utimensat,
};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The ending of an index that is being written beside its place.
pub(super) const NEW: &str = "regatta";
/// So many seconds before it was made a file claims to be from.
const AGE_SECONDS: u64 = 10;
/// Bytes before the id of an entry: times, device, number, mode, owner, size.
const STAT_BYTES: usize = 40;
/// What the header takes.
const HEADER_BYTES: usize = 12;
/// An entry's second word of flags: files that are not checked out, or not really added.
const EXTENDED: u16 = 0x4000;
const SKIPPED: u16 = 0x6000;
const STAGES: u16 = 0x3000;
const NAME_BYTES: u16 = 0x0fff;

/// What was found in an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Settled {
    /// Every file of it is known by its present state.
    pub(super) whole: bool,
    /// It names other repositories.
    pub(super) gitlinks: bool,
}

/// Where in the index an entry is.
struct Entry {
    start: usize,
    flags: usize,
    name: std::ops::Range<usize>,
    skipped: bool,
}

/// Settles the files of a worktree that are younger than `since`, seconds since the Unix epoch, and gives directories the
/// rights `rights`. `id_bytes` is the length of an object's id.
///
/// # Errors
/// The index cannot be read or written.
pub(super) fn settle(
    (worktree, index): (&Path, &Path),
    (since, rights): (u64, Option<u32>),
    id_bytes: usize,
) -> io::Result<Settled> {
    let mut bytes = fs::read(index)?;
    let Some(entries) = entries(&bytes, id_bytes) else { return Ok(Settled::default()) };
    let root = openat(CWD, worktree, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())?;
    let past = Timespec { tv_sec: since.saturating_sub(AGE_SECONDS).cast_signed(), tv_nsec: 0 };
    let past = Timestamps { last_access: past, last_modification: past };
    let mut settled = Settled { whole: true, gitlinks: false };
    let mut dirs: BTreeSet<Vec<u8>> = BTreeSet::new();
    for entry in entries {
        let mode = word(&bytes, entry.start + 24);
        settled.gitlinks |= mode & 0o170_000 == 0o160_000;
        let name = bytes[entry.name.clone()].to_vec();
        parents(&name, &mut dirs);
        let plain = matches!(mode & 0o170_000, 0o100_000 | 0o120_000);
        let staged = half(&bytes, entry.flags) & STAGES != 0;
        if !plain || staged || entry.skipped || u64::from(word(&bytes, entry.start + 8)) + 1 < since {
            continue;
        }
        settled.whole &= take_note(&mut bytes, &entry, (&root, &name, &past));
    }
    if let Some(rights) = rights {
        fchmod(&root, Mode::from_raw_mode(rights))?;
        strip(&root)?;
        dirs.iter().try_for_each(|dir| set_rights(&root, dir, rights))?;
    }
    // No checksum, as with `index.skipHash`: git writes one with its next change.
    let end = bytes.len() - id_bytes;
    bytes[end..].fill(0);
    replace(index, &bytes)?;
    Ok(settled)
}

/// Takes from an index what it knows of files that were touched since it was `kept`, so that git writes them anew. Git
/// itself compares whole seconds only. Times come in ticks: what was touched in the tick in which the index was kept, or has
/// no part of a second, could have been touched after it. Answers whether this is an index that can be asked.
///
/// # Errors
/// The index cannot be read or written.
pub(super) fn distrust(
    (worktree, index): (&Path, &Path),
    kept: SystemTime,
    id_bytes: usize,
) -> io::Result<bool> {
    let mut bytes = fs::read(index)?;
    let Some(entries) = entries(&bytes, id_bytes) else { return Ok(false) };
    let root = openat(CWD, worktree, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())?;
    let kept = kept
        .duration_since(UNIX_EPOCH)
        .map_or((0, 0), |kept| (kept.as_secs(), u64::from(kept.subsec_nanos())));
    for entry in entries {
        let known = &bytes[entry.start..entry.start + 16];
        let (number, size) = (word(&bytes, entry.start + 20), word(&bytes, entry.start + 36));
        let stat = statat(&root, &bytes[entry.name.clone()], AtFlags::SYMLINK_NOFOLLOW);
        let same = stat.is_ok_and(|stat| {
            let changed = (stat.st_ctime.cast_unsigned(), stat.st_ctime_nsec);
            let before = if changed.1 == 0 { changed.0 < kept.0 } else { changed < kept };
            before
                && times(&stat).as_flattened() == known
                && (low(stat.st_ino), low_size(&stat)) == (number, size)
        });
        if !same {
            bytes[entry.start..entry.start + 16].fill(0);
        }
    }
    replace(index, &bytes)?;
    Ok(true)
}

/// Whole or not at all.
fn replace(index: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = index.with_extension(NEW);
    fs::write(&new, bytes)?;
    fs::rename(&new, index)
}

/// Gives a file its time and tells the index. Answers whether it is the file that the index means.
fn take_note(bytes: &mut [u8], entry: &Entry, (root, name, past): (&OwnedFd, &[u8], &Timestamps)) -> bool {
    if utimensat(root, name, past, AtFlags::SYMLINK_NOFOLLOW).is_err() {
        return false;
    }
    let Ok(stat) = statat(root, name, AtFlags::SYMLINK_NOFOLLOW) else { return false };
    let at = entry.start;
    if low(stat.st_ino) != word(bytes, at + 20) || low_size(&stat) != word(bytes, at + 36) {
        return false;
    }
    bytes[at..at + 16].copy_from_slice(times(&stat).as_flattened());
    true
}

/// Times of change and of modification, as the format has them.
fn times(stat: &Stat) -> [[u8; 4]; 4] {
    [
        low(stat.st_ctime.cast_unsigned()),
        low(stat.st_ctime_nsec),
        low(stat.st_mtime.cast_unsigned()),
        low(stat.st_mtime_nsec),
    ]
    .map(u32::to_be_bytes)
}

fn low_size(stat: &Stat) -> u32 {
    low(stat.st_size.cast_unsigned())
}

/// The format keeps the lower 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "so does git")]
fn low(n: u64) -> u32 {
    n as u32
}

/// Where the entries are; nothing if this is no index that can be settled.
fn entries(bytes: &[u8], id_bytes: usize) -> Option<Vec<Entry>> {
    let header = bytes.get(..HEADER_BYTES)?;
    let version = word(header, 4);
    if &header[..4] != b"DIRC" || !(2..=3).contains(&version) || bytes.len() < HEADER_BYTES + id_bytes {
        return None;
    }
    let count = usize::try_from(word(header, 8)).ok()?;
    let mut found = Vec::with_capacity(count.min(bytes.len() / STAT_BYTES));
    let mut start = HEADER_BYTES;
    for _ in 0..count {
        let flags = start + STAT_BYTES + id_bytes;
        bytes.get(flags..flags + 2)?;
        let extended = version == 3 && half(bytes, flags) & EXTENDED != 0;
        let from = flags + if extended { 4 } else { 2 };
        let skipped = extended && half(bytes.get(..from)?, flags + 2) & SKIPPED != 0;
        let short = usize::from(half(bytes, flags) & NAME_BYTES);
        let length = if short < usize::from(NAME_BYTES) {
            short
        } else {
            bytes.get(from..)?.iter().position(|b| *b == 0)?
        };
        bytes.get(from..from + length)?;
        found.push(Entry { start, flags, name: from..from + length, skipped });
        // At least one zero, and a length that 8 divides.
        start += (from + length - start + 8) & !7;
    }
    let rest = bytes.get(start..bytes.len() - id_bytes)?;
    // The entries of a split index are elsewhere.
    (!has_extension(rest, b"link")).then_some(found)
}

fn has_extension(mut rest: &[u8], wanted: &[u8; 4]) -> bool {
    while rest.len() >= 8 {
        let length = usize::try_from(word(rest, 4)).unwrap_or(usize::MAX);
        if &rest[..4] == wanted {
            return true;
        }
        rest = rest.get(8usize.saturating_add(length)..).unwrap_or_default();
    }
    false
}

/// The directories above a path; they are all known once one of them is.
fn parents(name: &[u8], dirs: &mut BTreeSet<Vec<u8>>) {
    let mut name = name;
    while let Some(at) = name.iter().rposition(|b| *b == b'/') {
        name = &name[..at];
        if !dirs.insert(name.to_vec()) {
            return;
        }
    }
}

/// A directory may be used as git makes them, whatever was done to it.
fn set_rights(root: &OwnedFd, dir: &[u8], rights: u32) -> io::Result<()> {
    let stat = match statat(root, dir, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        // What is in it is not checked out.
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if stat.st_mode & 0o7777 != rights {
        let dir = openat(root, dir, flags, Mode::empty())?;
        fchmod(dir, Mode::from_raw_mode(rights))?;
    }
    strip(&openat(root, dir, flags, Mode::empty())?)
}

/// A directory has no attributes but those that the system gives: lists of rights would decide about new files in it.
fn strip(dir: &OwnedFd) -> io::Result<()> {
    let mut names = vec![0_u8; 64 * 1024];
    let length = match flistxattr(dir, &mut names[..]) {
        Ok(length) => length,
        // There are none on this file system.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let ours = |name: &&[u8]| name.starts_with(b"user.") || name.starts_with(b"system.posix_acl_");
    for name in names[..length].split(|b| *b == 0).filter(ours) {
        fremovexattr(dir, name)?;
    }
    Ok(())
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let part = bytes.get(at..at + 4).and_then(|part| part.try_into().ok());
    part.map_or(0, u32::from_be_bytes)
}

fn half(bytes: &[u8], at: usize) -> u16 {
    let part = bytes.get(at..at + 2).and_then(|part| part.try_into().ok());
    part.map_or(0, u16::from_be_bytes)
}

/// Seconds since the Unix epoch.
pub(super) fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn what_was_touched_in_the_tick_in_which_the_index_was_kept_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let mut command = Command::new("git");
            command.current_dir(dir.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").args(args);
            assert!(command.output().unwrap().status.success(), "{args:?}");
        };
        git(&["init", "-q"]);
        fs::write(dir.path().join("a"), "1\n").unwrap();
        git(&["-c", "index.version=2", "add", "a"]);
        let index = dir.path().join(".git/index");
        assert!(settle((dir.path(), &index), (now_seconds(), None), 20).unwrap().whole);
        let settled = fs::read(&index).unwrap();
        let meta = fs::metadata(dir.path().join("a")).unwrap();
        let changed = Duration::new(meta.ctime().cast_unsigned(), u32::try_from(meta.ctime_nsec()).unwrap());
        for (later, trusted) in [(Duration::ZERO, false), (Duration::from_nanos(1), true)] {
            fs::write(&index, &settled).unwrap();
            // A file system without parts of a second needs a whole one.
            let later = if meta.ctime_nsec() == 0 && trusted { Duration::from_secs(1) } else { later };
            assert!(distrust((dir.path(), &index), UNIX_EPOCH + changed + later, 20).unwrap());
            assert_eq!(fs::read(&index).unwrap() == settled, trusted, "{later:?}");
        }
    }
}
