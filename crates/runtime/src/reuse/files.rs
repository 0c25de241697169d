//! Lists of files with their hashes: what a task reads, and what it left of what it writes.
//!
//! Links are not followed: their target counts. Knows no task.

use ignore::WalkBuilder;
use regatta_engine::json::hex;
use regatta_plan::FileSet;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Directories that are nobody's work.
const NOT_OURS: [&str; 2] = [".git", crate::workspace::DOT_DIR];

/// Files and their sha-256, by path.
pub(super) type Listing = BTreeMap<String, String>;

/// How much is read for a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) files: usize,
    pub(super) bytes: u64,
}

impl Bound {
    /// For a task that asked for it with `cache: true`.
    pub(super) const ASKED: Bound = Bound { files: 1_000_000, bytes: u64::MAX };
    /// For others: what is hashed must not be felt.
    pub(super) const UNASKED: Bound = Bound { files: 10_000, bytes: 64 << 20 };
}

/// The files of `patterns` in a workspace.
///
/// # Errors
/// One cannot be read, or there are more than the bound allows.
pub(super) fn list(workspace: &Path, patterns: &[String], mut bound: Bound) -> io::Result<Listing> {
    let set = FileSet::new(patterns);
    let mut found = Listing::new();
    for root in set.roots() {
        let start = workspace.join(root);
        if fs::symlink_metadata(&start).is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
            continue;
        }
        let mut walk = WalkBuilder::new(&start);
        walk.standard_filters(false).follow_links(false);
        walk.filter_entry(|entry| !NOT_OURS.iter().any(|name| entry.file_name() == *name));
        for entry in walk.build() {
            let entry = entry.map_err(io::Error::other)?;
            let Ok(path) = entry.path().strip_prefix(workspace) else { continue };
            let Some(name) = path.to_str().filter(|name| set.has(name)) else { continue };
            let is_dir = entry.file_type().is_some_and(|t| t.is_dir());
            if is_dir || found.contains_key(name) {
                continue;
            }
            let name = name.to_owned();
            bound.files = bound.files.checked_sub(1).ok_or_else(|| too_much(patterns))?;
            let hash = hash(entry.path(), &mut bound.bytes)?.ok_or_else(|| too_much(patterns))?;
            found.insert(name, hash);
        }
    }
    Ok(found)
}

/// The first path that is not as listed.
pub(super) fn changed(workspace: &Path, listing: &Listing) -> Option<String> {
    let same = |(path, was): (&String, &String)| {
        hash(&workspace.join(path), &mut u64::MAX.clone()).is_ok_and(|now| now.as_ref() == Some(was))
    };
    listing.iter().find(|entry| !same(*entry)).map(|(path, _)| path.clone())
}

fn too_much(patterns: &[String]) -> io::Error {
    io::Error::other(format!(
        "`{}` means more than is hashed without `cache: true`",
        patterns.join("`, `").escape_debug()
    ))
}

/// sha-256 of a file's bytes, or of where a link points; none if it is longer than `left_bytes`. What is neither
/// counts by its kind alone.
fn hash(path: &Path, left_bytes: &mut u64) -> io::Result<Option<String>> {
    let meta = fs::symlink_metadata(path)?;
    let mut sha256 = Sha256::new();
    if meta.is_symlink() {
        sha256.update(b"link\0");
        sha256.update(fs::read_link(path)?.as_os_str().as_bytes());
    } else if meta.is_file() {
        let Some(left) = left_bytes.checked_sub(meta.len()) else { return Ok(None) };
        *left_bytes = left;
        io::copy(&mut File::open(path)?, &mut Hasher(&mut sha256))?;
    } else {
        sha256.update(b"special\0");
    }
    Ok(Some(hex(&sha256.finalize())))
}

struct Hasher<'a>(&'a mut Sha256);

impl io::Write for Hasher<'_> {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        self.0.update(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
