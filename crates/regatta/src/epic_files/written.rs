//! Writes the files of an epic: whole, through no link, and never over what is another run's or nobody's.
//!
//! ```text
//! .regatta-run.json says whose they are -> this run's: written anew    another's: moved to runs/RUN/
//! a file that it does not list          -> stays, and is told
//! ```

use super::{Texts, json, metadata};
use crate::error::CliError;
use crate::outputs::{self, dir_of};
use crate::plain_file::small_text;
use crate::render::escape::escape;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The file that says whose the others are.
const OWNER: &str = ".regatta-run.json";
/// It holds at most this many bytes.
const MAX_OWNER_BYTES: u64 = 1 << 20;

/// Whose the files are.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    run_id: String,
    /// From the workspace.
    files: BTreeSet<String>,
}

/// Writes them, and answers lines for people.
///
/// # Errors
/// A directory is none, or a file cannot be written.
pub(super) fn write(
    workspace: &Path,
    (epic, run_id): (&str, &str),
    texts: &Texts,
) -> Result<String, CliError> {
    let dir = dir_of(epic);
    outputs::directory(workspace, &dir)?;
    let owner_path = workspace.join(&dir).join(OWNER);
    let mut owner = owner(&owner_path);
    let mut told = String::new();
    if owner.run_id != run_id {
        told.push_str(&aside(workspace, &dir, &owner)?);
        owner = Owner { run_id: run_id.to_owned(), files: BTreeSet::new() };
    }
    let stale: Vec<String> = owner.files.iter().filter(|path| !texts.contains_key(*path)).cloned().collect();
    for path in stale.iter().filter(|path| is_ours(path, &dir)) {
        // What is gone already was to go.
        let _ = fs::remove_file(workspace.join(path));
    }
    let (mut written, mut kept) = (BTreeSet::new(), Vec::new());
    // A domain can be called as it likes.
    for (path, text) in texts.iter().filter(|(path, _)| is_ours(path, &dir)) {
        let there = workspace.join(path).symlink_metadata().is_ok();
        if there && !owner.files.contains(path) {
            kept.push(path.clone());
            continue;
        }
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        outputs::directory(workspace, parent)?;
        outputs::write(&workspace.join(path), text, there)?;
        written.insert(path.clone());
    }
    let count = written.len();
    let owner = Owner { run_id: run_id.to_owned(), files: written };
    let text = serde_json::to_value(&owner).map_err(|e| CliError::environment(e.to_string()))?;
    outputs::write(&owner_path, &json(&text), true)?;
    told.push_str(&format!("wrote {count} files of epic {} to {}\n", escape(epic), escape(&dir)));
    for path in kept {
        told.push_str(&format!("kept {}, which was there\n", escape(&path)));
    }
    Ok(told)
}

/// Whose the files are, as far as that is told.
fn owner(path: &Path) -> Owner {
    let text = small_text(path, MAX_OWNER_BYTES).ok();
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// What we may have written: nothing else is removed or moved because a file says so.
fn is_ours(path: &str, dir: &str) -> bool {
    let below = |dir: &str| path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'));
    (below(dir) || below(metadata::DIR)) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Moves the files of another run out of the way. Those of its worktrees have its name, and stay.
fn aside(workspace: &Path, dir: &str, owner: &Owner) -> Result<String, CliError> {
    let moved =
        |path: &&String| is_ours(path, dir) && path.starts_with(dir) && workspace.join(path).is_file();
    let paths: Vec<&String> = owner.files.iter().filter(moved).collect();
    if paths.is_empty() || !regatta_plan::is_id(&owner.run_id) {
        return Ok(String::new());
    }
    let to = format!("{dir}/runs/{}", owner.run_id);
    for path in paths {
        let target = format!("{to}{}", &path[dir.len()..]);
        outputs::directory(workspace, target.rsplit_once('/').map_or("", |(parent, _)| parent))?;
        fs::rename(workspace.join(path), workspace.join(&target))
            .map_err(|e| CliError::environment(format!("cannot move `{path}` to `{target}`: {e}")))?;
    }
    Ok(format!("moved the files of run {} to {}\n", escape(&owner.run_id), escape(&to)))
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn nothing_is_moved_or_removed_outside_of_what_was_written() {
        let dir = ".workflow/outputs/E";
        assert!(is_ours(".workflow/outputs/E/validation/result.json", dir));
        assert!(is_ours(".worktrees/.metadata/x.json", dir));
        for path in [".workflow/outputs/E/../F/x", ".workflow/outputs/EE/x", "src/x", ".workflow/outputs/E"] {
            assert!(!is_ours(path, dir), "{path}");
        }
    }
}
