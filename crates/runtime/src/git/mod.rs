//! Calls of git, all in one way: nothing that a repository or a person's settings could plant is run.
//!
//! ```text
//! call     starts git, without hooks, filters' daemons, pagers, prompts and settings of user and system
//! repo     what repository a workspace is in: directories, head, what is under way
//! objects  commits, trees, refs, merges without a checkout
//! history  commits as somebody wrote them, and what those of a range say
//! signing  signatures, by the user's settings
//! lfs      large files, where git-lfs is there
//! changes  what differs between commits, and what a worktree holds beside its commit
//! worktrees  make, list, remove
//! ```
//! Names go as full refs or behind `--`; lists come NUL-separated. Knows no run and no task.

mod call;
mod changes;
mod history;
pub mod lfs;
mod objects;
mod repo;
mod signing;
mod worktrees;

pub use call::{Git, GitError};
pub use changes::{Change, ChangeKind, Difference, LineCounts};
pub use history::Written;
pub use objects::{Merged, Met, Oid, Person, Stamp, given_name};
pub(crate) use repo::line_ends;
pub use repo::{Head, Repo, RepoError};
pub use signing::Signing;
pub use worktrees::{Listed, REASON, is_gone};
