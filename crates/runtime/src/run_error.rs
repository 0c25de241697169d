//! Why a run could not go on: each names its object; what is durable can be resumed.
//!
//! Knows no exit codes; the binary maps them.

use crate::escape::escape_path;
use crate::git::RepoError;
use crate::keeper::KeeperError;
use regatta_engine::build::GraphError;
use regatta_journal::StoreError;
use std::path::PathBuf;

/// So many keepers may die under one orchestrator before it gives up.
pub(crate) const MOST_KEEPERS: u32 = 20;

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store failed; resume goes on from what is durable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plan is no graph, which validation should have said.
    #[error("the plan is not a graph: {0}")]
    Graph(#[from] GraphError),
    /// There is no keeper.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// Nobody could reach the run.
    #[error("the run cannot listen: {0}")]
    Control(std::io::Error),
    /// Who holds which lease cannot be read or written.
    #[error("the leases of the workspace cannot be used: {0}")]
    Leases(String),
    /// No worktrees can be made here.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// One keeper after the other died.
    #[error("{MOST_KEEPERS} keepers died under this run")]
    KeepersDie,
    /// The disk is full. What ended meanwhile stays with the keeper.
    #[error("the disk is full: {0}")]
    NoRoom(String),
    /// A task wants a driver that this program does not have.
    #[error("task `{task}` wants driver `{driver}`, which this program does not have")]
    NoDriver {
        /// The driver.
        driver: String,
        /// The task.
        task: String,
    },
    /// Signals cannot be taken.
    #[error("signals cannot be taken: {0}")]
    Signals(std::io::Error),
    /// The run that is to be reused cannot be read.
    #[error("run {run} cannot be reused: {what}")]
    Earlier {
        /// That run.
        run: String,
        /// What is wrong.
        what: String,
    },
    /// A directory of the run could not be made or read.
    #[error("cannot use `{}`: {source}", escape_path(path))]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}
