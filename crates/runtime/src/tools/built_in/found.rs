//! What there is in the workspace: entries of a directory, paths that match a pattern.
//!
//! Opens no file and follows no link out of a directory.

use super::place::{GIT, OURS, Place};
use globset::GlobBuilder;
use ignore::WalkBuilder;
use rustix::fs::{AtFlags, Dir, FileType, statat};
use serde_json::{Value, json};

/// Most entries or paths of one answer.
const MOST_FOUND: usize = 10_000;
/// Most entries that are looked at for a pattern.
const MOST_LOOKED_AT: usize = 1_000_000;

/// Entries of a directory: name, what it is, and the size of files.
pub(super) fn list(place: &Place, path: &str) -> Result<Value, String> {
    let shown = path.escape_debug().to_string();
    let fd = place.directory(path)?;
    let fail = |error: rustix::io::Errno| format!("`{shown}`: {}", std::io::Error::from(error));
    let dir = Dir::read_from(&fd).map_err(fail)?;
    let mut found = Vec::new();
    for entry in dir {
        let entry = entry.map_err(fail)?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if [".", "..", OURS].contains(&name) {
            continue;
        }
        if found.len() == MOST_FOUND {
            return Err(format!("`{shown}` has more than {MOST_FOUND} entries"));
        }
        // It may be gone by now.
        let Ok(stat) = statat(&fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else { continue };
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => "file",
            FileType::Directory => "directory",
            FileType::Symlink => "link",
            _ => "other",
        };
        let bytes = (kind == "file").then_some(stat.st_size);
        found.push((name.to_owned(), kind, bytes));
    }
    found.sort();
    let row = |(name, kind, bytes): (String, &str, Option<i64>)| match bytes {
        Some(bytes) => json!({ "name": name, "type": kind, "bytes": bytes }),
        None => json!({ "name": name, "type": kind }),
    };
    Ok(found.into_iter().map(row).collect())
}

/// Paths of files, from the workspace, that match a pattern.
pub(super) fn glob(place: &Place, pattern: &str) -> Result<Value, String> {
    let shown = pattern.escape_debug().to_string();
    let whole = || place.path().to_str().and_then(|root| pattern.strip_prefix(root)?.strip_prefix('/'));
    let pattern = whole().unwrap_or(pattern);
    if pattern.starts_with('/') || pattern.split('/').any(|part| part == "..") {
        return Err(format!("`{shown}` is outside the workspace"));
    }
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let matcher =
        glob.map_err(|error| format!("`{shown}` is no pattern: {}", error.kind()))?.compile_matcher();
    let mut walk = WalkBuilder::new(place.path());
    walk.standard_filters(false).follow_links(false);
    walk.filter_entry(|entry| ![OURS, GIT].iter().any(|name| entry.file_name() == *name));
    let mut found = Vec::new();
    for (looked_at, entry) in walk.build().enumerate() {
        if looked_at == MOST_LOOKED_AT {
            return Err(format!("the workspace has more than {MOST_LOOKED_AT} entries"));
        }
        // A directory that may not be read has nothing for us.
        let Ok(entry) = entry else { continue };
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let Ok(path) = entry.path().strip_prefix(place.path()) else { continue };
        if !matcher.is_match(path) {
            continue;
        }
        if found.len() == MOST_FOUND {
            return Err(format!("`{shown}` matches more than {MOST_FOUND} files"));
        }
        found.extend(path.to_str().map(str::to_owned));
    }
    found.sort();
    Ok(json!(found))
}
