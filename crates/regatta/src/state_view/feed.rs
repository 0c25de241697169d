//! Keeps the state file up to date while a run goes on: told by the loop, at the end of turns.
//!
//! A write may take a twentieth of the time at most: after one that took `t` the next waits `20 t`. The loop looks
//! again then, so what was left out is not left out for long. A file that cannot be written is told once and stops
//! nothing.

use super::document::{Subject, document};
use super::file::{self, NotWritten};
use super::sealed;
use super::track::Track;
use crate::context::err;
use crate::error::CliError;
use crate::view::{RunView, store_error};
use regatta_engine::Engine;
use regatta_journal::{Reader, Which};
use regatta_runtime::escape::escape_path;
use regatta_runtime::observer::Told;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A pause after a write is this many times as long as the write.
const PAUSE_FACTOR: u32 = 20;

/// A state file that was asked for.
#[derive(Clone, Debug)]
pub struct StateFile {
    path: PathBuf,
    /// It was told already that it cannot be written.
    told: Arc<AtomicBool>,
}

impl StateFile {
    /// The file at `path`, absolute.
    #[must_use]
    pub fn at(path: String) -> StateFile {
        StateFile { path: path.into(), told: Arc::default() }
    }

    /// Writes the file as the journal has the run.
    ///
    /// # Errors
    /// The journal cannot be read. A file that cannot be written is a warning.
    pub fn refresh(&self, reader: &Reader, run_id: &str) -> Result<(), CliError> {
        let (subject, view, track) = gather(reader, run_id)?;
        self.put(&subject, &view.engine, &track);
        Ok(())
    }

    /// The file of a run that is about to be taken up; its past is read from the journal.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn feed(&self, reader: &Reader, run_id: &str) -> Result<Feed, CliError> {
        let (subject, _, track) = gather(reader, run_id)?;
        Ok(Feed { file: self.clone(), subject, track, stale: false, not_before: None })
    }

    fn put(&self, subject: &Subject, engine: &Engine, track: &Track) {
        let mut text = sealed(document(subject, engine, track)).to_string();
        text.push('\n');
        if let Err(why) = file::replace(&self.path, text.as_bytes()) {
            self.warn(&why);
        }
    }

    fn warn(&self, why: &NotWritten) {
        if self.told.swap(true, Ordering::Relaxed) {
            return;
        }
        let path = escape_path(&self.path);
        let (what, hint) = match why {
            NotWritten::Other(what) => ((*what).to_owned(), "name another place with `--state-file PATH`"),
            NotWritten::System(error) => {
                (format!("cannot be written: {error}"), "`regatta status --json` tells the same")
            }
        };
        err(&format!("warning: state file `{path}` {what}; the run goes on without it\nhint: {hint}\n"));
    }
}

/// What is known of a run from its journal.
fn gather(reader: &Reader, run_id: &str) -> Result<(Subject, RunView, Track), CliError> {
    let mut track = Track::default();
    let view = RunView::load(reader, Which::Named(run_id), &mut |stored| {
        track.push(stored.wall_ms, &stored.event);
    })?;
    let record = &view.record;
    track.stand(reader.last(&record.summary.run_id).map_err(store_error)?);
    let home = reader.place().home();
    let subject = Subject {
        run_id: record.summary.run_id.to_string(),
        schedule_plan_hash: record.run.schedule_plan_hash.clone(),
        workspace: home.parent().unwrap_or(home).to_owned(),
        created_wall_ms: record.summary.created_wall_ms,
    };
    Ok((subject, view, track))
}

/// Feeds a state file while a run goes on.
#[derive(Debug)]
pub struct Feed {
    file: StateFile,
    subject: Subject,
    track: Track,
    /// Events came that the file does not show.
    stale: bool,
    /// Before this the file is not written again.
    not_before: Option<Instant>,
}

impl Feed {
    /// Takes what an observer is told; answers when it wants to be told again.
    pub fn told(&mut self, engine: &Engine, told: Told<'_>) -> Option<Duration> {
        match told {
            Told::Durable { events, wall_ms } => {
                events.iter().for_each(|event| self.track.push(wall_ms, event));
                self.stale |= !events.is_empty();
                None
            }
            Told::Turn { turns, pos } => {
                self.track.stand((pos, turns));
                if self.stale { self.write(engine) } else { None }
            }
            Told::Asked { .. } => None,
        }
    }

    /// Writes the file if its time has come, else answers how long that is to be waited for.
    fn write(&mut self, engine: &Engine) -> Option<Duration> {
        let began = Instant::now();
        let left = self.not_before.map(|at| at.saturating_duration_since(began)).filter(|d| !d.is_zero());
        if let Some(left) = left {
            // Rounded up, because the loop counts in milliseconds.
            return Some(left + Duration::from_millis(1));
        }
        self.file.put(&self.subject, engine, &self.track);
        self.stale = false;
        let ended = Instant::now();
        self.not_before = Some(ended + (ended - began) * PAUSE_FACTOR);
        None
    }
}
