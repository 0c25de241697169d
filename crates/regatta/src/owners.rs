//! Which tasks own the same file of the repository at once: asked before a run, of the files that git tracks.
//!
//! Knows no verb.

use crate::error::CliError;
use crate::exit::Exit;
use regatta_plan::{Overlap, Plan};
use regatta_runtime::escape::escape_block;
use regatta_runtime::git::Repo;
use std::path::Path;

/// Overlaps that are named one by one.
const MOST: usize = 10;

/// Each tracked file has one owner at a time, unless the plan allows more: then a warning for people says who shares.
///
/// # Errors
/// Two tasks without an order own the same file, or git cannot tell.
pub fn check(workspace: &Path, plan: &Plan) -> Result<Option<String>, CliError> {
    let overlaps =
        Repo::overlaps(workspace, plan).map_err(|error| CliError::environment(error.to_string()))?;
    let Some(first) = overlaps.first() else { return Ok(None) };
    let mut lines: Vec<String> = overlaps.iter().take(MOST).map(line).collect();
    if overlaps.len() > MOST {
        lines.push(format!("and {} more", overlaps.len() - MOST));
    }
    let message = lines.join("\n");
    if plan.worktrees.as_ref().is_some_and(|rules| rules.ownership == "allow") {
        return Ok(Some(format!("warning: {}\n", escape_block(&message))));
    }
    let hint = format!("add `needs: [{}]` to `{}`, or divide the files", first.a, first.b);
    Err(CliError::new(Exit::InvalidPlan, message).hint(hint))
}

fn line(overlap: &Overlap) -> String {
    let mut files = format!("`{}`", overlap.files.join("`, `"));
    if overlap.more > 0 {
        files.push_str(&format!(" and {} more", overlap.more));
    }
    format!("tasks `{}` and `{}` both own {files} and no order is between them", overlap.a, overlap.b)
}
