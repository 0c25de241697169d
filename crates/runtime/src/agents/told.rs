//! What an agent said in an attempt that has ended: read from its output, kept beside it, and what follows.
//!
//! Reads and writes the attempt's directory only.

use super::preset::{Cumulative, preset};
use super::record::{load, store};
use super::said::Said;
use super::stream::{Dialect, read};
use super::verdict::{Judgement, judge, own_usage};
use crate::action::Actions;
use crate::collect::{self, ResultError, TaskResult, clear_tmp};
use crate::redact::Raw;
use regatta_engine::report::Usage;
use regatta_plan::model::{Agent, Driver};
use serde_json::json;
use std::io;
use std::path::Path;

/// What an agent said in an attempt that has ended.
#[derive(Debug)]
pub(crate) struct Told {
    said: Said,
    in_worktree: bool,
    /// What the attempt used.
    pub(crate) usage: Option<Usage>,
}

impl Told {
    /// Reads what an attempt wrote, keeps what it says, and lets its temporary files go. Its lines are read as it wrote
    /// them, for a marker could break one; what was found in them is redacted before anybody else sees it.
    ///
    /// # Errors
    /// It cannot be read, or the record not written.
    pub(crate) fn hear(
        dir: &Path,
        (dialect, agent): (Dialect, &Agent),
        (stdout, actions): (Option<&Raw>, &Actions),
    ) -> io::Result<Told> {
        let mut said = match stdout {
            Some(raw) => read(dialect, raw.reader(actions.output_limit_bytes()))?,
            None => read(dialect, io::empty())?,
        };
        said.redact(actions.redactor());
        let mut record = load(dir).unwrap_or_default();
        let usage = own_usage(&said, cumulative(agent), &record);
        record.take(&said, usage);
        store(dir, &record)?;
        clear_tmp(dir);
        Ok(Told { said, in_worktree: record.in_worktree, usage })
    }

    /// Judges what was said beside the exit code.
    pub(crate) fn judge(&self, exit: i32) -> Judgement {
        judge(&self.said, exit, self.in_worktree)
    }

    /// Its last message.
    pub(crate) fn message(&self) -> &str {
        self.said.message.trim()
    }

    /// The result of a good attempt that wrote none: its last message, as JSON or as a summary.
    pub(crate) fn result(&self, as_json: bool) -> Result<Option<TaskResult>, ResultError> {
        let message = self.said.message.trim();
        if as_json {
            return collect::from_value(&serde_json::from_str(message)?).map(Some);
        }
        if message.is_empty() {
            return Ok(None);
        }
        collect::from_value(&json!({ "summary": message, "session": self.said.session })).map(Some)
    }
}

/// What of an agent's usage counts from the beginning of its session.
fn cumulative(agent: &Agent) -> Cumulative {
    match &agent.driver {
        Driver::Preset(name) => preset(name).map_or(Cumulative::No, |preset| preset.cumulative),
        Driver::Command(_) => Cumulative::No,
        // One agent counts its cost on, the others tell none.
        Driver::Acp(_) => Cumulative::Cost,
    }
}
