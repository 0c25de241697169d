//! The files of formats 5 that a run of an epic leaves: what each domain did, all of them together, how they were merged,
//! what gates said, and each worktree.
//!
//! ```text
//! journal, landing report, git --Facts--> results, merging, metadata --texts by path--> written
//! ```
//! Views: what was created and modified is git's word, never an agent's. Nothing reads them back.

mod facts;
mod merging;
mod metadata;
mod results;
mod written;

use crate::context::Context;
use crate::error::CliError;
use crate::render::escape::escape;
use crate::view::{RunView, reader};
use facts::{Facts, Results};
use regatta_engine::state::Phase;
use regatta_journal::Which;
use regatta_plan::is_id;
use std::collections::BTreeMap;

/// Files of a run by their path from the workspace.
type Texts = BTreeMap<String, String>;

/// Whether a run leaves such files now: it has ended, or its landing waits for a person who wants to see why.
#[must_use]
pub fn are_due(view: &RunView) -> bool {
    let waits = view.landing.as_ref().is_some_and(|report| report.waits.is_some());
    let ended = matches!(view.engine.state().phase, Phase::Ended(_));
    view.plan.epic.is_some() && view.plan.worktrees.is_some() && (ended || waits)
}

/// Writes them, and answers lines for people. What cannot be written is told and no more.
#[must_use]
pub fn at_end(context: &Context, run_id: &str) -> String {
    match write(context, run_id) {
        Ok(lines) => lines,
        Err(error) => format!("warning: no files of the epic: {}\n", escape(&error.message)),
    }
}

fn write(context: &Context, run_id: &str) -> Result<String, CliError> {
    let reader = reader(&context.workspace)?;
    let mut results = Results::default();
    let view = RunView::load(&reader, Which::Named(run_id), &mut |stored| results.push(stored))?;
    let epic = view.plan.epic.clone().unwrap_or_default();
    if !is_id(&epic) {
        let message = format!("the epic `{epic}` of the plan is not an id, so no file can be called so");
        return Err(CliError::usage(message));
    }
    let facts = Facts::of(context, (&reader, &view), (epic, results))?;
    let mut texts = Texts::new();
    results::add(&facts, &mut texts);
    merging::add(&facts, &mut texts);
    metadata::add(&facts, &mut texts);
    written::write(&context.workspace, (&facts.epic, run_id), &texts)
}

/// JSON as a file has it.
fn json(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
