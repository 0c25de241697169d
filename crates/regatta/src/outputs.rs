//! Files of formats 5 below `.workflow/`, and those that the command line names: written whole, never over what is there
//! unless that is asked for; the former never through a link.
//!
//! Knows names and texts only.

use crate::context::try_out;
use crate::error::CliError;
use regatta_runtime::escape::{escape_json, escape_path};
use std::borrow::Cow;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// So many links are followed, as the system does.
const MOST_LINKS: usize = 40;

/// Where the files of an epic lie, relative to the workspace.
#[must_use]
pub fn dir_of(epic: &str) -> String {
    format!(".workflow/outputs/{epic}")
}

/// Makes a directory of the workspace, part by part; none of them may be a link.
///
/// # Errors
/// A part is there and no directory (2), or cannot be made (4).
pub fn directory(workspace: &Path, dir: &str) -> Result<PathBuf, CliError> {
    let mut path = workspace.to_owned();
    for part in dir.split('/') {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => {
                let message = format!("`{}` is no directory; nothing was written", escape_path(&path));
                return Err(CliError::usage(message).hint("move it away"));
            }
            Err(_) => match fs::create_dir(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(unwritten(&path, &e)),
                _ => {}
            },
        }
    }
    Ok(path)
}

/// Refuses to replace what is there.
///
/// # Errors
/// One of the files is there (2).
pub fn refuse_present(paths: &[PathBuf]) -> Result<(), CliError> {
    let there: Vec<String> = paths
        .iter()
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| format!("`{}`", escape_path(path)))
        .collect();
    if there.is_empty() {
        return Ok(());
    }
    let are = if there.len() == 1 { "is" } else { "are" };
    let message = format!("{} {are} there already; nothing was written", there.join(", "));
    Err(CliError::usage(message).hint("`--force` replaces what is there"))
}

/// Refuses a file that the command line names before anything is made for it: what is there is replaced with `force` only, and
/// only a plain file is. To a pipe or a device such as `/dev/stdout` is written in any case.
///
/// # Errors
/// It is there, or no file that can be written (2).
pub fn refuse_named(path: &Path, force: bool) -> Result<(), CliError> {
    if is_stream(path) {
        return Ok(());
    }
    if fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return Err(no_plain_file(path));
    }
    if force { Ok(()) } else { refuse_present(&[path.to_owned()]) }
}

/// Writes a file whole: beside its place first, then into it. What is there is replaced with `force` only, also if it has
/// just come.
///
/// # Errors
/// It is there (2), or cannot be written (4).
pub fn write(path: &Path, text: &str, force: bool) -> Result<(), CliError> {
    place(path, text, (force, None))
}

/// Writes a file that the command line names as [`write`] does, but through a link to where it leads, also if nothing is there
/// yet; what is replaced keeps who may read it. What is a pipe or a device is written to as it is; what is our own standard output
/// or standard error gets it between what else we say there.
///
/// # Errors
/// It is there, or no plain file (2), or cannot be written (4). Why standard output could not be written is kept for
/// [`crate::context::unwritten`].
pub fn replace(path: &Path, text: &str, force: bool) -> Result<(), CliError> {
    if is_own_output(path) {
        let shown = shown(text, io::stdout().is_terminal());
        // What went wrong is told at the end.
        let _ = try_out(shown.as_bytes());
        return Ok(());
    }
    if is_stream(path) && is_ours(path, rustix::stdio::stderr()) {
        let shown = shown(text, io::stderr().is_terminal());
        return io::stderr().lock().write_all(shown.as_bytes()).map_err(|e| unwritten(path, &e));
    }
    if is_stream(path) {
        return pour(path, text).map_err(|e| unwritten(path, &e));
    }
    let there = end_of_links(path).map_err(|e| unwritten(path, &e))?;
    match there.metadata() {
        Ok(meta) if !meta.is_file() => Err(no_plain_file(path)),
        Ok(meta) => place(&there, text, (force, Some(meta.permissions()))),
        Err(_) => place(&there, text, (force, None)),
    }
}

/// What takes bytes and keeps no file: a pipe, a terminal, `/dev/null`, and what this process has open, whatever that is.
#[must_use]
pub fn is_stream(path: &Path) -> bool {
    let ours = ["/dev/stdout", "/dev/stderr"].iter().any(|name| path == Path::new(name));
    let open = path
        .parent()
        .is_some_and(|dir| ["/dev/fd", "/proc/self/fd"].iter().any(|name| dir == Path::new(name)));
    let takes = |meta: fs::Metadata| meta.file_type().is_fifo() || meta.file_type().is_char_device();
    ours || open || fs::metadata(path).is_ok_and(takes)
}

/// True if a path leads to our standard output: nothing else may be said there then. It is not opened once more, as then each of
/// the two would have a place of its own in a file.
#[must_use]
pub fn is_own_output(path: &Path) -> bool {
    is_stream(path) && is_ours(path, rustix::stdio::stdout())
}

/// Nobody reads `/dev/null`, also where ours leads there: that it is said twice disturbs nobody.
fn is_ours(path: &Path, own: BorrowedFd<'_>) -> bool {
    let Ok(meta) = fs::metadata(path) else { return false };
    let nowhere = fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == meta.rdev());
    let is_device = meta.file_type().is_char_device();
    let same = |own: rustix::fs::Stat| (own.st_dev, own.st_ino) == (meta.dev(), meta.ino());
    !(is_device && nowhere) && rustix::fs::fstat(own).is_ok_and(same)
}

/// Where a path leads, whether anything is there or not.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(to) => path = path.parent().unwrap_or(Path::new("/")).join(to),
            // It is no link, or nothing is there.
            Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound) => return Ok(path),
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::from_raw_os_error(rustix::io::Errno::LOOP.raw_os_error()))
}

/// Writes behind what is there.
fn pour(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    let shown = shown(text, file.is_terminal());
    file.write_all(shown.as_bytes())
}

/// Nothing steers a terminal.
fn shown(text: &str, terminal: bool) -> Cow<'_, str> {
    if terminal { escape_json(text) } else { text.into() }
}

/// Puts a text into its place. Where there are rights to keep, nobody else reads it before it has them.
fn place(path: &Path, text: &str, (force, rights): (bool, Option<Permissions>)) -> Result<(), CliError> {
    // A name may be as long as the file system allows: that of the file beside follows from nothing.
    let beside = path.with_file_name(format!(".regatta-{}", uuid::Uuid::new_v4()));
    let done = put(&beside, (text, rights)).map_err(|e| unwritten(path, &e)).and_then(|()| {
        if force {
            return fs::rename(&beside, path).map_err(|e| unwritten(path, &e));
        }
        match fs::hard_link(&beside, path) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => refuse_present(&[path.to_owned()]),
            linked => linked.map_err(|e| unwritten(path, &e)),
        }
    });
    // After a rename it is gone; after a link, or a failure, it is of no use to anybody.
    let _ = fs::remove_file(&beside);
    done
}

fn put(beside: &Path, (text, rights): (&str, Option<Permissions>)) -> io::Result<()> {
    let mode = if rights.is_some() { 0o600 } else { 0o666 };
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(mode).open(beside)?;
    file.write_all(text.as_bytes())?;
    if let Some(rights) = rights {
        file.set_permissions(rights)?;
    }
    file.sync_all()
}

fn no_plain_file(path: &Path) -> CliError {
    CliError::usage(format!("`{}` is not a plain file", escape_path(path)))
}

fn unwritten(path: &Path, e: &std::io::Error) -> CliError {
    CliError::environment(format!("cannot write `{}`: {e}", escape_path(path)))
}
