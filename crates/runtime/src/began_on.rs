//! What the user's `HEAD` was when a run began: its work lands there, wherever they go meanwhile.
//!
//! A file in the directory of the run, written before the commit that it begins from is pinned. A run of an earlier version
//! has none: its work lands where the user is. Knows no plan.

use crate::git::{Head, Repo};
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
}

/// Writes down what `HEAD` is, whole or not at all.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write(run_dir: &Path, head: &Head) -> io::Result<()> {
    let branch = match head {
        Head::Branch(branch) => Some(branch.clone()),
        Head::Detached => None,
    };
    private_file::replace(&run_dir.join(FILE), &serde_json::to_vec(&BeganOn { branch })?)
}

/// The repository with what `HEAD` was when the run of that directory began; as it is, if that is not known.
///
/// # Errors
/// The file is there and cannot be read.
pub fn as_it_began(repo: Repo, run_dir: &Path) -> io::Result<Repo> {
    let text = match fs::read(run_dir.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(repo),
        text => text?,
    };
    let BeganOn { branch } = serde_json::from_slice(&text)?;
    Ok(Repo { head: branch.map_or(Head::Detached, Head::Branch), ..repo })
}
