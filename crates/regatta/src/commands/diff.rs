//! `regatta diff`: what a task changed in its worktree, from where its work began to what it left.
//!
//! Both commits are those of the journal; the files are asked of git.

use crate::args::DiffArgs;
use crate::context::{Context, out, try_out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escape::escape_block;
use crate::task_apart::{TaskApart, repository};
use regatta_runtime::escalation::shell_word;
use regatta_runtime::git::{ChangeKind, Git, GitError, LineCounts, Oid};
use serde_json::{Value, json};

/// Runs the verb.
///
/// # Errors
/// No such run or task, no work is recorded, or its commits are gone.
pub fn run(context: &Context, args: &DiffArgs) -> Result<Exit, CliError> {
    let found = TaskApart::find(&context.workspace, args.run.as_deref(), &args.task)?;
    let Some((base, head)) = found.past.work.clone() else {
        let message = format!("no work of task `{}` is recorded in run {}", args.task, found.run_id());
        return Err(CliError::usage(message).hint(format!("regatta explain {}", shell_word(&args.task))));
    };
    let git = repository(&context.workspace)?.git;
    let present = git.present([&base, &head].into_iter()).map_err(git_error)?;
    if let Some(gone) = [&base, &head].into_iter().find(|oid| !present.contains(oid)) {
        let message = format!("commit {} of task `{}` is gone", gone.short(), args.task);
        return Err(
            CliError::environment(message).hint("commits of a run are kept for 30 days after its end")
        );
    }
    if args.json {
        out(&format!("{}\n", facts(&found, &git, (&base, &head)).map_err(git_error)?));
        return Ok(Exit::Success);
    }
    let text = git.patch((&base, &head), args.stat).map_err(git_error)?;
    if context.terminal {
        out(&escape_block(&String::from_utf8_lossy(&text)));
    } else {
        // Whoever takes it applies it: every byte counts. A reader that went away ends nothing.
        let _ = try_out(&text);
    }
    Ok(Exit::Success)
}

fn git_error(error: GitError) -> CliError {
    CliError::environment(error.to_string())
}

/// The word for a change.
#[must_use]
pub fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Created => "created",
        ChangeKind::Modified => "modified",
        ChangeKind::Deleted => "deleted",
    }
}

fn facts(found: &TaskApart, git: &Git, (base, head): (&Oid, &Oid)) -> Result<Value, GitError> {
    let counts = git.line_counts((base, head))?;
    let file = |change: &regatta_runtime::git::Change| {
        // Of a binary file nobody counts lines.
        let counted: Option<&LineCounts> = counts.get(&change.path);
        json!({
            "path": change.path,
            "change": kind(change.kind),
            "mode": change.mode,
            "added": counted.map(|lines| lines.added),
            "deleted": counted.map(|lines| lines.deleted),
        })
    };
    Ok(json!({
        "run_id": found.run_id(),
        "task": found.task(),
        "base": base.as_str(),
        "head": head.as_str(),
        "commits": git.commits_between(base, head)?.iter().map(Oid::as_str).collect::<Vec<_>>(),
        "files": git.changes(base, head)?.iter().map(file).collect::<Vec<_>>(),
    }))
}
