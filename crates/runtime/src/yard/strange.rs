//! What stands in a worktree and is no file that others could have: links that lead out of it, pipes, sockets, devices.
//!
//! Git keeps links as texts and passes the rest over without a word. Looks only; follows nothing.

use super::forbidden::named;
use super::making::TASK_DIR;
use crate::git::{Change, Git, GitError};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

/// The mode of a link.
const LINK: &str = "120000";

/// Changed links that lead out of the worktree at `top`, for people.
pub(super) fn links_out(top: &Path, changes: &[Change]) -> Option<String> {
    let links =
        changes.iter().filter(|change| change.mode == LINK && leads_out(top, Path::new(&change.path)));
    let links: Vec<&str> = links.map(|change| change.path.as_str()).collect();
    (!links.is_empty()).then(|| format!("it made links that lead out of its worktree: {}", named(&links)))
}

/// Whether a link leads out, by what it says or by what it comes to through other links.
fn leads_out(top: &Path, link: &Path) -> bool {
    let Ok(target) = fs::read_link(top.join(link)) else { return false };
    let mut depth = link.components().count().saturating_sub(1);
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return true,
        }
    }
    let real = |path: &Path| fs::canonicalize(path).ok();
    // One that leads to nothing leads nowhere else.
    real(top).zip(real(&top.join(link))).is_some_and(|(top, real)| !real.starts_with(top))
}

/// Pipes, sockets and devices in a worktree that git does not ignore, sorted.
///
/// # Errors
/// Git fails.
pub(super) fn special(git: &Git, top: &Path) -> Result<Vec<String>, GitError> {
    let args = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"];
    let ignored = git.run(&args)?;
    let ignored = ignored.split(|b| *b == 0).filter_map(|entry| entry.strip_suffix(b"/"));
    let ignored: BTreeSet<PathBuf> = ignored.map(|path| PathBuf::from(OsStr::from_bytes(path))).collect();
    let (mut open, mut found) = (vec![PathBuf::new()], BTreeSet::new());
    while let Some(dir) = open.pop() {
        // What cannot be read holds nothing that could be committed.
        for entry in fs::read_dir(top.join(&dir)).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let path = dir.join(entry.file_name());
            if kind.is_dir() {
                let ours = entry.file_name() == ".git" || path == Path::new(TASK_DIR);
                open.extend(Some(path).filter(|path| !ours && !ignored.contains(path)));
            } else if !kind.is_file() && !kind.is_symlink() {
                found.insert(path);
            }
        }
    }
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let mut asked = Vec::new();
    for path in &found {
        asked.extend_from_slice(path.as_os_str().as_bytes());
        asked.push(0);
    }
    let ignored = match git.feed(&["check-ignore", "-z", "--stdin"], &asked) {
        Ok(ignored) => ignored,
        // None of them.
        Err(GitError::Failed { code: Some(1), .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let ignored: BTreeSet<&[u8]> = ignored.split(|b| *b == 0).collect();
    found.retain(|path| !ignored.contains(path.as_os_str().as_bytes()));
    Ok(found.iter().map(|path| path.to_string_lossy().into_owned()).collect())
}
