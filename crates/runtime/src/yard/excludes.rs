//! What is never committed of a worktree, as a file for git: what the person ignores wherever they are, our own directory, and
//! what was copied in.
//!
//! Settings of the person are off for every git of ours, because they can name programs. What they ignore is data, and is
//! taken over once: a run goes on with what it began with, whatever is changed meanwhile.

use super::making::TASK_DIR;
use crate::git::Repo;
use crate::private_file;
use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

/// The file in the directory of a run that git reads.
const EXCLUDE: &str = "exclude";
/// What the person ignored when the run began.
const IGNORED: &str = "ignored";
/// More than that lists no paths that a person ignores.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Writes the file of a run. Answers where it is.
///
/// # Errors
/// It cannot be written, or the person's file is too large to be taken over.
pub(super) fn write(run_dir: &Path, repo: &Repo, copies: &[String]) -> io::Result<PathBuf> {
    let pinned = run_dir.join(IGNORED);
    if !pinned.exists() {
        let ignored = repo.ignored_by_person().as_deref().map(read).transpose()?;
        private_file::replace(&pinned, &ignored.unwrap_or_default())?;
    }
    let mut text = fs::read(&pinned)?;
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    // The last word stands: nothing that the person says brings back what is never committed.
    text.extend(ours(copies).into_bytes());
    let path = run_dir.join(EXCLUDE);
    fs::write(&path, text)?;
    Ok(path)
}

/// What the person's file says. Git reads nothing where it cannot open it, and so do we.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // People keep such files elsewhere, and a link leads there.
    let opened = fs::canonicalize(path).and_then(|real| private_file::open(&real));
    let Ok(file) = opened else { return Ok(Vec::new()) };
    let mut text = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MOST_BYTES {
        let why = format!("{} has more than {MOST_BYTES} bytes", path.display());
        return Err(io::Error::new(ErrorKind::FileTooLarge, why));
    }
    // A mark at the beginning is no part of the first pattern.
    Ok(text.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(text))
}

/// Our own directory, and what was copied in.
fn ours(copies: &[String]) -> String {
    let mut text = format!("/{TASK_DIR}/\n.aider*\n");
    for pattern in copies {
        text.push_str(&format!("/{}\n", pattern.strip_prefix("./").unwrap_or(pattern)));
    }
    text
}
