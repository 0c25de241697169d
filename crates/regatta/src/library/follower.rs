//! A run as its journal tells it, read on from where it was read to. The same for a run of this program and of another.
//!
//! Folds by the engine's own `apply`; decides nothing.

use super::error::{Error, ErrorKind};
use crate::view::{engine_of, plan_of, reader, store_error};
use regatta_engine::Engine;
use regatta_journal::{Reader, RunId};
use std::path::Path;

/// Events fetched at a time.
pub(super) const PAGE: usize = 1_000;

/// Reads on.
#[derive(Debug)]
pub(super) struct Follower {
    reader: Reader,
    run_id: RunId,
    engine: Engine,
    next: u64,
}

impl Follower {
    pub(super) fn open(workspace: &Path, run_id: &RunId) -> Result<Follower, Error> {
        let reader = reader(workspace)?;
        let record = reader.run(run_id).map_err(store_error)?;
        let engine = engine_of(&plan_of(&record)?.0)?;
        Ok(Follower { reader, run_id: run_id.clone(), engine, next: 1 })
    }

    /// Reads to the end; answers the engine there.
    pub(super) fn catch_up(&mut self) -> Result<&Engine, Error> {
        loop {
            let page = self.reader.events(&self.run_id, self.next, PAGE).map_err(store_error)?;
            let Some(last) = page.last() else { return Ok(&self.engine) };
            self.next = last.pos + 1;
            for stored in &page {
                self.engine.apply(&stored.event).map_err(|error| {
                    let what = format!("the journal of run {} is damaged", self.run_id);
                    Error::new(ErrorKind::Environment, format!("{what} at event {}: {error}", stored.pos))
                })?;
            }
        }
    }
}
