//! What is left to do when a run has been left: its snapshots, files of escalations and of an epic that are missing.
//!
//! Says what it did and prints nothing. Knows no screen.

use crate::context::Context;
use crate::epic_files;
use crate::error::CliError;
use crate::parallel;
use crate::post_mortem::at_end;
use crate::snapshots;
use crate::view::{self, RunView};
use regatta_engine::state::Phase;
use regatta_journal::Which;
use regatta_runtime::escalation::{self, Case};
use serde_json::Value;
use std::path::Path;

/// A run as it was left.
#[derive(Debug)]
pub struct Settled {
    /// The run.
    pub view: RunView,
    /// The answer in the form of a request or a batch, if it was one.
    pub answer: Option<Value>,
    /// Lines for people about files that were written, or not.
    pub notes: Vec<String>,
}

/// Writes what is missing of a run that was left.
///
/// # Errors
/// The journal cannot be read, or a file not written.
pub fn settle(context: &Context, run_id: &str) -> Result<Settled, CliError> {
    let reader = view::reader(&context.workspace)?;
    let mut log = snapshots::Collector::default();
    let mut answer = parallel::Collector::default();
    let view = RunView::load(&reader, Which::Named(run_id), &mut |stored| {
        log.push(&stored.event);
        answer.push(stored);
    })?;
    let run_dir = reader.place().run_dir(&view.record.summary.run_id);
    let mut notes = Vec::new();
    if let Phase::Ended(_) = view.engine.state().phase {
        log.write(&view.engine, &run_dir)?;
        if view.plan.epic.is_some() {
            notes.push(at_end(context, run_id));
        }
    }
    if epic_files::are_due(&view) {
        notes.push(epic_files::at_end(context, run_id));
    }
    write_escalations(&view, &run_dir)?;
    Ok(Settled { answer: answer.result(&view, &run_dir), view, notes })
}

/// Files that whoever ran the run could not write any more.
fn write_escalations(view: &RunView, run_dir: &Path) -> Result<(), CliError> {
    let run_id = view.record.summary.run_id.as_str();
    let run = escalation::Run { run_id, run_dir, plan: &view.plan, graph: view.engine.graph() };
    for (&about, &why) in &view.engine.state().scopes.escalations {
        let case = || Case::of(run, &view.story, (about, why));
        escalation::write_missing(run, about, case).map_err(|e| {
            let what = about.words(run.graph);
            CliError::environment(format!("the escalation of {what} in run {run_id} cannot be written: {e}"))
        })?;
    }
    Ok(())
}
