//! What an orchestrator does before it takes a run up: fold the journal, and compare it with what lies on the disk
//! and with what the keeper holds.
//!
//! An attempt that the journal never started is damage: the journal is older than what was done. Starts nothing.

use crate::kept_id;
use crate::local::Local;
use crate::run_error::RunError;
use crate::turn::{Arrival, Driver as _};
use regatta_engine::Engine;
use regatta_engine::ids::{AttemptId, Timestamp};
use regatta_engine::input::{Input, Resumed};
use regatta_journal::{Payload, RunJournal, Store, StoreError, StoredEvent};
use std::path::Path;

/// Folds the journal into the engine and the outputs; answers the engine time to go on from.
pub(crate) fn recover(
    engine: &mut Engine,
    store: &mut RunJournal,
    local: &mut Local,
) -> Result<Timestamp, RunError> {
    let mut illegal = None;
    store.fold(&mut |StoredEvent { event, payload, pos, .. }| {
        if let Err(error) = engine.apply(&event) {
            illegal.get_or_insert((pos, error));
            return Ok(());
        }
        let attempt = event.kind.attempt();
        let payload = attempt.zip(payload).map(|(attempt, bytes)| Payload { attempt, bytes });
        local.absorb(&event, payload.as_ref());
        Ok(())
    })?;
    match illegal {
        None => Ok(engine.now()),
        Some((pos, error)) => Err(damaged(store, format!("event {pos}: {error}"))),
    }
}

fn damaged(store: &RunJournal, what: String) -> RunError {
    let detail = format!("run {} at {what}", store.run_id());
    RunError::Store(StoreError::Damaged { path: store.place().database(), copy: None, detail })
}

/// No attempt may lie on the disk that the journal never started.
pub(crate) fn check_attempts(engine: &Engine, store: &RunJournal) -> Result<(), RunError> {
    let path = store.dir().join("attempts");
    let entries = match std::fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(RunError::Directory { path, source }),
    };
    // Names that are no numbers are not ours to judge.
    let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u64>().ok());
    check_known(engine, store, &names.collect::<Vec<u64>>())
}

/// Nor may the keeper hold one.
pub(crate) fn check_known(engine: &Engine, store: &RunJournal, ids: &[u64]) -> Result<(), RunError> {
    let next = engine.state().next_attempt().0;
    match ids.iter().filter(|id| !kept_id::is_question(**id) && **id >= next).min() {
        None => Ok(()),
        Some(id) => {
            Err(damaged(store, format!("attempt {id}: it was made, but the journal never started it")))
        }
    }
}

/// The first input of an orchestrator that takes a run over: what lives, and what ended meanwhile.
pub(crate) fn resumed((epoch, boot_changed): (u64, bool), live: Vec<u64>, judged: Vec<Arrival>) -> Arrival {
    let mut resumed = Resumed { epoch, boot_changed, ..Resumed::default() };
    let mut payloads = Vec::new();
    resumed.live = live.into_iter().map(AttemptId).collect();
    for arrival in judged {
        // A lost one is neither alive nor ended.
        if let Input::AttemptEnded(ended) = arrival.input {
            resumed.ended.push(ended);
            payloads.extend(arrival.payloads);
        }
    }
    Arrival { input: Input::Resumed(resumed), payloads }
}

/// Makes a private directory, unless it is there.
pub(crate) fn make_dir(path: &Path) -> Result<(), RunError> {
    use std::os::unix::fs::DirBuilderExt as _;
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(RunError::Directory { path: path.to_owned(), source }),
    }
}
