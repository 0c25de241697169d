//! Finds the workspace: the directory that holds `.regatta/`.
//!
//! `--workspace`, `$REGATTA_WORKSPACE`, from a worktree of a run the workspace of that run, the nearest ancestor of the working directory with `.regatta/` inside the
//! same git work tree, that work tree's root, else the working directory (spec 3 "Plan").

use std::path::{Path, PathBuf};

/// The name of the directory that holds everything of ours.
pub const DOT_DIR: &str = ".regatta";

/// Why the workspace is where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// `--workspace` names it.
    Given,
    /// `$REGATTA_WORKSPACE` names it.
    Variable,
    /// It has `.regatta/` and holds the working directory, in the same git work tree.
    Found,
    /// It is the root of the git work tree.
    WorkTree,
    /// Nothing else is there.
    WorkingDirectory,
}

/// Finds the workspace from what was given and the working directory.
#[must_use]
pub fn find(given: Option<&Path>, from_env: Option<&Path>, cwd: &Path) -> (PathBuf, Origin) {
    if let Some(given) = given {
        return (cwd.join(given), Origin::Given);
    }
    if let Some(named) = from_env.filter(|p| !p.as_os_str().is_empty()) {
        return (cwd.join(named), Origin::Variable);
    }
    let Some(root) = cwd.ancestors().find(|dir| dir.join(".git").exists()) else {
        return (cwd.to_owned(), Origin::WorkingDirectory);
    };
    if let Some(above) = above_worktrees(root) {
        return (above.to_owned(), Origin::Found);
    }
    let holds = |dir: &&Path| dir.join(DOT_DIR).is_dir();
    match cwd.ancestors().take_while(|dir| dir.starts_with(root)).find(holds) {
        Some(found) => (found.to_owned(), Origin::Found),
        None => (root.to_owned(), Origin::WorkTree),
    }
}

/// The workspace whose runs made a worktree, by where it lies: `WORKSPACE/.regatta/worktrees/NAME`. What is typed there is about
/// that run, also where the repository has a `.regatta/` of its own.
fn above_worktrees(root: &Path) -> Option<&Path> {
    let worktrees = root.parent().filter(|dir| dir.ends_with(Path::new(DOT_DIR).join("worktrees")))?;
    worktrees.parent()?.parent()
}

/// The directory of a run.
#[must_use]
pub fn run_dir(workspace: &Path, run_id: &str) -> PathBuf {
    workspace.join(DOT_DIR).join("runs").join(run_id)
}

/// The directory of an attempt.
#[must_use]
pub fn attempt_dir(run_dir: &Path, attempt: u64) -> PathBuf {
    run_dir.join("attempts").join(attempt.to_string())
}

/// The directory of what commands said while work was merged.
#[must_use]
pub fn landing_dir(run_dir: &Path) -> PathBuf {
    run_dir.join("landing")
}

/// The directory of an attempt of an agent that helped to merge: its prompt, what it said, what it wrote.
#[must_use]
pub fn helper_dir(run_dir: &Path, number: u32) -> PathBuf {
    landing_dir(run_dir).join(format!("helper-{number}"))
}

/// The directory of the `reconcile` command that is asked about an attempt.
#[must_use]
pub fn reconcile_dir(run_dir: &Path, attempt: u64) -> PathBuf {
    attempt_dir(run_dir, attempt).with_extension("reconcile")
}

/// The directory of what an earlier run left for a node of this one, by the id that this run gave it.
#[must_use]
pub fn reused_dir(run_dir: &Path, attempt: u64) -> PathBuf {
    attempt_dir(run_dir, attempt).with_extension("reused")
}
