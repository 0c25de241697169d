//! Files of the workspace: read, written, moved, copied. A file is written whole or not at all.
//!
//! Knows no task.

use super::place::{Place, Spot, unusable};
use regatta_plan::reference::as_text;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fchmod, openat, renameat, unlinkat};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::MetadataExt as _;

/// Most bytes of a file that is read: a result has no more room.
const MOST_READ_BYTES: u64 = 16 << 20;
/// Most bytes of a file that is copied.
const MOST_COPIED_BYTES: u64 = 1 << 30;
/// Rights of new files, before the mask of the user.
const NEW: Mode =
    Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::WGRP).union(Mode::ROTH).union(Mode::WOTH);

/// The text of a file.
pub(super) fn read(place: &Place, path: &str) -> Result<String, String> {
    let shown = path.escape_debug();
    let mut bytes = Vec::new();
    let file = place.open(path)?;
    // One that grows, or says that it is empty, as those of /proc do, is bounded too.
    file.take(MOST_READ_BYTES + 1).read_to_end(&mut bytes).map_err(|error| format!("`{shown}`: {error}"))?;
    if bytes.len() as u64 > MOST_READ_BYTES {
        return Err(format!("`{shown}` has more than {} MiB", MOST_READ_BYTES >> 20));
    }
    String::from_utf8(bytes).map_err(|_| format!("`{shown}` is no text: it is not UTF-8"))
}

/// Writes a text, or anything else as JSON.
pub(super) fn write(place: &Place, path: &str, content: &Value) -> Result<Value, String> {
    let text = as_text(content);
    must_name_a_file(path)?;
    let bytes = replace(&place.spot(path, true)?, (path, None), text.as_bytes())?;
    Ok(json!({ "path": path, "bytes": bytes }))
}

/// A path that ends with a slash is one of a directory.
fn must_name_a_file(path: &str) -> Result<(), String> {
    let directory = path.ends_with('/') || path.ends_with("/.");
    if directory { Err(format!("`{}` names a directory, not a file", path.escape_debug())) } else { Ok(()) }
}

/// Copies a file, with its rights.
pub(super) fn copy(place: &Place, source: &str, dest: &str) -> Result<Value, String> {
    let file = place.open(source)?;
    let meta = file.metadata().map_err(|error| format!("`{}`: {error}", source.escape_debug()))?;
    if meta.len() > MOST_COPIED_BYTES {
        return Err(format!("`{}` has more than {} MiB", source.escape_debug(), MOST_COPIED_BYTES >> 20));
    }
    let mode = Mode::from_raw_mode(meta.mode() & 0o777);
    must_name_a_file(dest)?;
    let bytes = replace(&place.spot(dest, true)?, (dest, Some(mode)), file.take(MOST_COPIED_BYTES))?;
    Ok(json!({ "source": source, "dest": dest, "bytes": bytes }))
}

/// Renames a file or a directory. A file that stands there already is replaced.
pub(super) fn rename(place: &Place, source: &str, dest: &str) -> Result<Value, String> {
    let from = place.spot(source, false)?;
    let stat = from.stat().map_err(|error| unusable(source, error))?;
    let stat = stat.ok_or_else(|| format!("`{}` does not exist", source.escape_debug()))?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    if ![FileType::RegularFile, FileType::Directory].contains(&kind) {
        return Err(format!("`{}` is neither a plain file nor a directory", source.escape_debug()));
    }
    let to = place.spot(dest, true)?;
    if let Some(there) = to.stat().map_err(|error| unusable(dest, error))?
        && (kind == FileType::Directory || FileType::from_raw_mode(there.st_mode) != FileType::RegularFile)
    {
        return Err(format!("`{}` is in the way", dest.escape_debug()));
    }
    renameat(&from.dir, &from.name, &to.dir, &to.name).map_err(|error| match error {
        rustix::io::Errno::XDEV => format!("`{}` lies on another file system", dest.escape_debug()),
        other => unusable(source, other),
    })?;
    Ok(json!({ "source": source, "dest": dest }))
}

/// Puts a new file in the place of what stands there, in one step; answers its length.
fn replace(spot: &Spot, (path, mode): (&str, Option<Mode>), mut from: impl Read) -> Result<u64, String> {
    let shown = path.escape_debug();
    let there = spot.stat().map_err(|error| unusable(path, error))?;
    if there.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile) {
        return Err(format!("`{shown}` is not a plain file"));
    }
    let mode = mode.or(there.map(|stat| Mode::from_raw_mode(stat.st_mode & 0o777)));
    let name = format!(".regatta-{}.tmp", std::process::id());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // One of an earlier process with our number died half-way.
    let _ = unlinkat(&spot.dir, &name, AtFlags::empty());
    let written = (|| -> io::Result<u64> {
        let mut file = File::from(openat(&spot.dir, &name, flags, NEW)?);
        let bytes = io::copy(&mut from, &mut file)?;
        if let Some(mode) = mode {
            fchmod(&file, mode)?;
        }
        file.flush()?;
        renameat(&spot.dir, &name, &spot.dir, &spot.name)?;
        Ok(bytes)
    })();
    written.map_err(|error| {
        let _ = unlinkat(&spot.dir, &name, AtFlags::empty());
        format!("`{shown}`: {error}")
    })
}
