//! What stands in a place of a repository's directory, and which hooks there are: some of each, at most so many.
//!
//! What stands there is opened only if it is a plain file. Knows no settings.

use crate::private_file;
use regatta_engine::json::hex;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path};

/// So much of a file is looked at, in bytes,
const MOST_BYTES: u64 = 16 << 20;
/// so much of all hooks together,
const MOST_BYTES_OF_HOOKS: u64 = 64 << 20;
/// and so many of them,
const MOST_HOOKS: usize = 2_000;
/// so many directories deep.
const MOST_DEPTH: usize = 4;
/// What git itself runs there: looked at first, however many others there are.
const GITS_OWN: &str = "applypatch-msg commit-msg fsmonitor-watchman p4-changelist p4-post-changelist \
    p4-pre-submit p4-prepare-changelist post-applypatch post-checkout post-commit \
    post-index-change post-merge post-receive post-rewrite post-update pre-applypatch \
    pre-auto-gc pre-commit pre-merge-commit pre-push pre-rebase pre-receive prepare-commit-msg \
    proc-receive push-to-checkout reference-transaction sendemail-validate update";
/// Bits of a mode that are put back.
const MODE: u32 = 0o7777;

/// Bytes, as text in hexadecimal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Bytes(pub(super) Vec<u8>);

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
    pub(super) fn of(text: &OsStr) -> Bytes {
        Bytes(text.as_bytes().to_vec())
    }

    pub(super) fn os(&self) -> OsString {
        OsString::from_vec(self.0.clone())
    }
}

/// What stands in a place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Entry {
    /// A plain file.
    File { mode: u32, body: Bytes },
    /// A link, and what it leads to, where that counts: its real path, mode and content.
    Link { to: Bytes, behind: Option<(Bytes, u32, Bytes)> },
    /// A plain file too large to be copied.
    Large { mode: u32, bytes: u64, inode: u64, changed: (i64, i64) },
    /// Something else, or what cannot be read.
    Other,
}

/// What is left to be looked at of hooks.
pub(super) struct Hooks<'a> {
    common_dir: &'a Path,
    /// Also below directories, and what links lead to.
    all: bool,
    left: usize,
    left_bytes: u64,
    /// There are more.
    pub(super) cut: bool,
}

impl Hooks<'_> {
    /// Nothing was looked at yet.
    pub(super) fn of(common_dir: &Path, all: bool) -> Hooks<'_> {
        Hooks { common_dir, all, left: MOST_HOOKS, left_bytes: MOST_BYTES_OF_HOOKS, cut: false }
    }

    /// Looks into one directory, and those in it.
    pub(super) fn look(
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
        names.sort_by_cached_key(|own| (depth > 0 || !is_git_name(own), own.clone()));
        for own in names {
            if self.left == 0 {
                self.cut = true;
                break;
            }
            let (path, name) = (dir.join(&own), name.join(&own));
            let Some(meta) = there(&path)? else { continue };
            self.left -= 1;
            if !meta.is_dir() {
                let follows = |real: &Path| self.all && is_within(real, self.common_dir);
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

/// What is in a place, if something is.
pub(super) fn there(path: &Path) -> io::Result<Option<Metadata>> {
    match path.symlink_metadata() {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What stands in a place. A link is followed only to see what is behind it, where that counts.
pub(super) fn entry((path, meta): (&Path, &Metadata), counts: &dyn Fn(&Path) -> bool) -> Entry {
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

/// What lies elsewhere is a person's file like any other.
pub(super) fn is_within(real: &Path, common_dir: &Path) -> bool {
    let own = fs::canonicalize(common_dir);
    let below =
        own.is_ok_and(|own| real.strip_prefix(own).is_ok_and(|rest| rest.components().next().is_some()));
    below && !real.components().any(|part| part == Component::ParentDir)
}

/// Whether git itself runs what has that name.
pub(super) fn is_git_name(name: &OsStr) -> bool {
    GITS_OWN.split(' ').any(|own| own == name)
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
