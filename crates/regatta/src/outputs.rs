//! Files of formats 5 below `.workflow/`, and those that the command line names: written whole, never over what is there
//! unless that is asked for; the former never through a link.
//!
//! Knows names and texts only.

use crate::error::CliError;
use regatta_runtime::escape::escape_path;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

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

/// Writes a file whole: beside its place first, then into it. What is there is replaced with `force` only, also if it has
/// just come.
///
/// # Errors
/// It is there (2), or cannot be written (4).
pub fn write(path: &Path, text: &str, force: bool) -> Result<(), CliError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.with_file_name(format!(".{name}.{}", uuid::Uuid::new_v4()));
    let done = place(path, &beside, (text, force));
    // After a rename it is gone; after a link, or a failure, it is of no use to anybody.
    let _ = fs::remove_file(&beside);
    done
}

/// Writes a file that the command line names as [`write`] does, but through a link to where it leads; what is replaced
/// keeps who may read it.
///
/// # Errors
/// It is there, or no plain file (2), or cannot be written (4).
pub fn replace(path: &Path, text: &str, force: bool) -> Result<(), CliError> {
    let Ok(there) = fs::canonicalize(path) else { return write(path, text, force) };
    let meta = there.metadata().map_err(|e| unwritten(path, &e))?;
    if !meta.is_file() {
        return Err(CliError::usage(format!("`{}` is not a plain file", escape_path(path))));
    }
    write(&there, text, force)?;
    fs::set_permissions(&there, meta.permissions()).map_err(|e| unwritten(path, &e))
}

fn place(path: &Path, beside: &Path, (text, force): (&str, bool)) -> Result<(), CliError> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).open(beside).map_err(|e| unwritten(path, &e))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| unwritten(path, &e))?;
    if force {
        return fs::rename(beside, path).map_err(|e| unwritten(path, &e));
    }
    match fs::hard_link(beside, path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => refuse_present(&[path.to_owned()]),
        linked => linked.map_err(|e| unwritten(path, &e)),
    }
}

fn unwritten(path: &Path, e: &std::io::Error) -> CliError {
    CliError::environment(format!("cannot write `{}`: {e}", escape_path(path)))
}
