//! `regatta worktree`: lists worktrees of all runs, removes what nobody needs, takes one up again.
//!
//! What is found and what may go is decided in the runtime.

mod adopt;
mod gc;
mod ls;

use crate::args::{WorktreeArgs, WorktreeVerb};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::count;
use regatta_runtime::worktrees::{There, Unsaved, Worktree};

/// Runs the verb.
///
/// # Errors
/// There is no repository, the journal cannot be read, or what is asked for cannot be done.
pub fn run(context: &Context, args: &WorktreeArgs) -> Result<Exit, CliError> {
    match &args.verb {
        WorktreeVerb::Ls { all, json } => ls::run(context, (*all, *json)),
        WorktreeVerb::Gc(args) => gc::run(context, args),
        WorktreeVerb::Adopt { run, task, json } => adopt::run(context, (run, task), *json),
    }
}

/// Where in its life a worktree is, for people and programs.
fn state(worktree: &Worktree) -> &'static str {
    match worktree.life {
        Some(life) => life.name(),
        None if worktree.of_run.is_none() => "unknown",
        // The worktree in which work is merged.
        None => "merging",
    }
}

/// What of it would be lost, for people.
fn unsaved(unsaved: &Unsaved) -> Option<String> {
    match unsaved {
        Unsaved::Nothing => None,
        Unsaved::Paths(paths) => Some(format!("{} not committed", count(paths.len() as u64, "path"))),
        Unsaved::Commits(head) => Some(format!("no branch holds commit {}", head.short())),
        Unsaved::Unknown(why) => Some(format!("it cannot be told what is in it: {why}")),
    }
}

/// How much of it is there, as a code and for people.
fn there(there: There) -> (&'static str, Option<&'static str>) {
    match there {
        There::Whole => ("whole", None),
        There::Missing => ("missing", Some("its directory is gone")),
        There::BranchOnly => ("branch_only", Some("branch only")),
        There::Nothing => ("nothing", None),
    }
}
