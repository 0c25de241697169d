//! The events of a run, one after the other, until it has ended or nobody goes on with it.
//!
//! Read from the journal, page by page: nothing waits in memory for a slow reader, and nothing is missed.

use super::error::Error;
use super::follower::PAGE;
use super::live::Live;
use crate::view::{engine_of, plan_of, reader, store_error};
use regatta_engine::graph::Graph;
use regatta_journal::{PublicRun, Reader, RunId, event_json};
use serde_json::Value;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks at a run of another program.
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// While a run of this program says nothing, it is looked at this often: it rings when there is something.
const SELDOM: Duration = Duration::from_secs(5);
/// Nobody holds a run for that long: nobody is about to.
pub(super) const ABANDONED: Duration = Duration::from_secs(2);

/// An event of a run: a fact that is durable.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    line: String,
    fields: Value,
}

impl Event {
    /// The event as JSON, byte for byte the line that `regatta events` prints.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.line
    }

    /// Its place in the journal, 1-based and without a gap.
    #[must_use]
    pub fn pos(&self) -> u64 {
        self.fields["pos"].as_u64().unwrap_or(0)
    }

    /// What happened, by name: `dispatch_started`, `node_succeeded`, …
    #[must_use]
    pub fn kind(&self) -> &str {
        self.fields["kind"].as_str().unwrap_or_default()
    }

    /// The task it is about, if it is about one.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        self.fields["node_id"].as_str()
    }

    /// The number of the attempt it is about, if it is about one.
    #[must_use]
    pub fn attempt(&self) -> Option<u32> {
        self.fields["attempt"].as_u64().and_then(|n| u32::try_from(n).ok())
    }

    /// A field by the name that it has in the JSON; null is none.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }
}

/// The events of a run, in order of arrival. A blocking iterator: [`Iterator::next`] waits for the next event, and ends
/// when the run has ended, waits for a person, or was left; [`Events::try_next`] does not wait.
///
/// In async code, call it on a thread that may block (`tokio::task::spawn_blocking`).
#[derive(Debug)]
pub struct Events {
    reader: Reader,
    run_id: RunId,
    hash: String,
    graph: Arc<Graph>,
    live: Option<Arc<Live>>,
    next: u64,
    page: VecDeque<Event>,
    alone: Option<Instant>,
    over: bool,
}

impl Events {
    pub(super) fn open(
        workspace: &Path,
        run_id: &RunId,
        (live, after): (Option<Arc<Live>>, u64),
    ) -> Result<Events, Error> {
        let reader = reader(workspace)?;
        let record = reader.run(run_id).map_err(store_error)?;
        let graph = Arc::clone(engine_of(&plan_of(&record)?.0)?.graph());
        Ok(Events {
            reader,
            run_id: run_id.clone(),
            hash: record.summary.schedule_plan_hash,
            graph,
            live,
            next: after.saturating_add(1),
            page: VecDeque::new(),
            alone: None,
            over: false,
        })
    }

    /// The next event if it is there already.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn try_next(&mut self) -> Result<Option<Event>, Error> {
        if self.page.is_empty() {
            self.fetch()?;
        }
        Ok(self.page.pop_front())
    }

    fn fetch(&mut self) -> Result<(), Error> {
        let page = self.reader.events(&self.run_id, self.next, PAGE).map_err(store_error)?;
        let run =
            PublicRun { run_id: self.run_id.as_str(), schedule_plan_hash: &self.hash, graph: &self.graph };
        for stored in &page {
            self.next = stored.pos + 1;
            let line = event_json(&run, stored);
            let fields = serde_json::from_str(&line).unwrap_or_default();
            self.page.push_back(Event { line, fields });
        }
        Ok(())
    }

    /// One look: an event, or why there is none.
    fn look(&mut self) -> Result<Option<Event>, Error> {
        loop {
            // Before the events are read, so that the last of them are read after the end.
            let turns = self.live.as_ref().map(|live| live.turns());
            let stands = self.stands()?;
            if let Some(event) = self.try_next()? {
                self.alone = None;
                return Ok(Some(event));
            }
            if stands {
                return Ok(None);
            }
            match (&self.live, turns) {
                (Some(live), Some(turns)) => live.wait_after(turns, SELDOM),
                _ => std::thread::sleep(LOOK),
            }
        }
    }

    /// Nobody goes on with it.
    fn stands(&mut self) -> Result<bool, Error> {
        let left = match &self.live {
            Some(live) if live.left().is_none() => return Ok(false),
            live => live.is_some(),
        };
        if self.reader.summary(&self.run_id).map_err(store_error)?.state.has_ended() {
            return Ok(true);
        }
        if self.reader.holder(&self.run_id).map_err(store_error)?.is_some() {
            // If we had it, somebody else has it now.
            (self.live, self.alone) = (None, None);
            return Ok(false);
        }
        if left {
            return Ok(true);
        }
        // Who takes a run up is between two states for a moment.
        Ok(self.alone.get_or_insert_with(Instant::now).elapsed() >= ABANDONED)
    }
}

impl Iterator for Events {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Result<Event, Error>> {
        if self.over {
            return None;
        }
        let next = self.look().transpose();
        // After an error, or the last event, there is nothing more to come.
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}
