//! What the user's `HEAD` was when a run began: its work lands there, wherever they go meanwhile. And where the branch on which
//! it lands was then.
//!
//! A file in the directory of the run, written before the commit that it begins from is pinned. A run of an earlier version
//! has none: its work lands where the user is. Knows no plan.

use crate::git::{Head, Oid, Repo};
use crate::private_file;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;

/// The file.
const FILE: &str = "began-on.json";

/// What stands in it.
#[derive(Serialize, Deserialize)]
struct BeganOn {
    /// The full ref of the branch; nothing if `HEAD` was on none.
    branch: Option<String>,
    /// The commit of the target; nothing if there was none, or an earlier version wrote this.
    #[serde(default)]
    target_at: Option<String>,
}

/// Writes down what `HEAD` is and where the target is, whole or not at all.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write(run_dir: &Path, head: &Head, target_at: Option<&Oid>) -> io::Result<()> {
    let branch = match head {
        Head::Branch(branch) => Some(branch.clone()),
        Head::Detached => None,
    };
    let target_at = target_at.map(ToString::to_string);
    private_file::replace(&run_dir.join(FILE), &serde_json::to_vec(&BeganOn { branch, target_at })?)
}

/// The repository with what `HEAD` was when the run of that directory began; as it is, if that is not known.
///
/// # Errors
/// The file is there and cannot be read.
pub fn as_it_began(repo: Repo, run_dir: &Path) -> io::Result<Repo> {
    let Some(BeganOn { branch, .. }) = read(run_dir)? else { return Ok(repo) };
    Ok(Repo { head: branch.map_or(Head::Detached, Head::Branch), ..repo })
}

/// Whether the target is known to have been elsewhere than at `now` when the run of that directory began.
#[must_use]
pub fn has_moved(run_dir: &Path, now: &str) -> bool {
    let began = read(run_dir).ok().flatten().and_then(|began| began.target_at);
    began.is_some_and(|began| began != now)
}

fn read(run_dir: &Path) -> io::Result<Option<BeganOn>> {
    let text = match fs::read(run_dir.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    Ok(serde_json::from_slice(&text)?)
}
