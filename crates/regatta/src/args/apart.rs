//! Options of the verbs about worktrees and what was done in them.
//!
//! Raw options only; knows no environment.

use clap::{Args, Subcommand};

/// `regatta worktree`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta worktree ls                     every worktree of ours, and what else lies there
  regatta worktree gc                     what would go, and why the rest is kept
  regatta worktree gc --delete            remove it
  regatta worktree adopt 5f3a api         make it again, or take what a person committed there")]
pub struct WorktreeArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: WorktreeVerb,
}

/// What is done about worktrees.
#[derive(Subcommand, Debug)]
pub enum WorktreeVerb {
    /// List the worktrees of all runs: state, what is not saved, age; and leftovers.
    Ls {
        /// Also those that are gone for good.
        #[arg(long)]
        all: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show which worktrees nobody needs any more, and remove them.
    Gc(WorktreeGcArgs),
    /// Make a worktree that is gone again; or take what a person committed in one for the work of its task.
    Adopt {
        /// The run.
        run: String,
        /// The task.
        task: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `regatta worktree gc`
#[derive(Args, Debug)]
pub struct WorktreeGcArgs {
    /// Remove it; without this option it is only shown.
    #[arg(long)]
    pub delete: bool,
    /// Also worktrees with unsaved changes, which are lost then.
    #[arg(long)]
    pub force: bool,
    /// A worktree in no terminal state goes when nobody touched it for so long [default: 7d].
    #[arg(long, value_name = "TIME")]
    pub older_than: Option<String>,
    /// Keep the commits of a run for so long after its end [default: 30d].
    #[arg(long, value_name = "TIME")]
    pub keep_commits: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `regatta diff`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta diff api                 what the task changed, as a patch
  regatta diff api --stat
  regatta diff api --run 5f3a | git apply --index")]
pub struct DiffArgs {
    /// The task.
    pub task: String,
    /// The run [default: the newest].
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Lines added and deleted, file by file.
    #[arg(long)]
    pub stat: bool,
    /// Files and commits as JSON.
    #[arg(long, conflicts_with = "stat")]
    pub json: bool,
}

/// `regatta open`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  regatta open api\n  eval \"$(regatta open api)\"")]
pub struct OpenArgs {
    /// The task.
    pub task: String,
    /// The run [default: the newest].
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}
