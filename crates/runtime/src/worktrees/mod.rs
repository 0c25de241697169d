//! The worktrees of all runs of a workspace, looked at from outside of any run.
//!
//! ```text
//! past      what the journal says of each task: what it left, and where in its life its worktree is
//! look      what is there: directories, what git knows, branches, refs; and what nobody knows
//! clearing  what of it may go, and why the rest is kept
//! adopt     makes a worktree again, and takes what a person committed there for the work of its task
//! ```
//! Nothing is recorded about worktrees: names follow from run and task, the rest is asked of git and the journal.

mod adopt;
mod clearing;
mod look;
mod past;

pub use adopt::{AdoptError, Adopted, adopt, adopted};
pub use clearing::{Cleared, Kept, Policy, Verdict, clear, judge};
pub use look::{Found, OldRefs, Place, Stray, StrayKind, There, Unsaved, Worktree, look};
pub use past::{Life, Past, past};

use crate::git::{GitError, RepoError};
use crate::yard::OwnGitError;
use regatta_journal::StoreError;
use std::io;
use std::path::PathBuf;

/// Why worktrees cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum WorktreesError {
    /// There is no repository.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// Git fails.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A worktree cannot be worked with.
    #[error(transparent)]
    OwnGit(#[from] OwnGitError),
    /// The journal cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A directory cannot be read.
    #[error("{}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}
