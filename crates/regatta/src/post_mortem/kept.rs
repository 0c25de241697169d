//! A post-mortem where formats 5 has it: `.workflow/post-mortem/`, under the id of its epic.
//!
//! What a person may have written into it since stays.

use super::{Gathered, of, text};
use crate::context::Context;
use crate::error::CliError;
use crate::outputs;
use crate::render::escape::escape;
use crate::view::{RunView, reader};
use regatta_journal::Which;
use regatta_plan::is_id;
use std::path::PathBuf;

/// Where post-mortems lie, relative to the workspace.
const DIR: &str = ".workflow/post-mortem";

/// At the end of a run whose plan has an epic: writes the report where formats 5 has it, and answers a line for people. The
/// run is over, so a file that cannot be written is told and no more.
#[must_use]
pub fn at_end(context: &Context, run_id: &str) -> String {
    let found = || {
        let reader = reader(&context.workspace)?;
        let mut gathered = Gathered::default();
        let view = RunView::load(&reader, Which::Named(run_id), &mut |stored| gathered.push(stored))?;
        let report = of(&view, &gathered);
        let name = format!("{DIR}/{}.md", report.epic_id());
        if is_id(report.epic_id()) && context.workspace.join(&name).symlink_metadata().is_ok() {
            return Ok(format!("kept {}, which was there\n", escape(&name)));
        }
        let name = kept(context, (report.epic_id(), &text(&report)), false)?;
        Ok(format!("wrote {}\n", escape(&name)))
    };
    let line: Result<String, CliError> = found();
    match line {
        Ok(line) => line,
        Err(error) => format!("warning: no post-mortem: {}\n", escape(&error.message)),
    }
}

/// Refuses what could not be written under the id of its epic.
///
/// # Errors
/// The id is none, or the file is there and not to be replaced (2).
pub fn refuse_kept(context: &Context, epic: &str, force: bool) -> Result<(), CliError> {
    if !is_id(epic) {
        let message = format!("the epic `{epic}` of the plan is not an id, so no file can be called so");
        return Err(CliError::usage(message).hint("name it: `--epic ID`"));
    }
    if force { Ok(()) } else { outputs::refuse_present(&[file(context, epic)]) }
}

fn file(context: &Context, epic: &str) -> PathBuf {
    context.workspace.join(DIR).join(format!("{epic}.md"))
}

/// Writes it under the id of its epic, and answers where.
///
/// # Errors
/// The id is none, or the file is there (2); it cannot be written (4).
pub fn kept(context: &Context, (epic, text): (&str, &str), force: bool) -> Result<String, CliError> {
    refuse_kept(context, epic, force)?;
    outputs::directory(&context.workspace, DIR)?;
    outputs::write(&file(context, epic), text, force)?;
    Ok(format!("{DIR}/{epic}.md"))
}
