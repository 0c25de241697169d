//! `regatta replay`: runs the real engine again on the recorded inputs and names the first event that differs.
//!
//! The journal's events are compared first, then the snapshot files. Replay under another engine version says so.

use crate::args::ReplayArgs;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::count;
use crate::snapshots::{Collector, FILES};
use crate::view::{engine_of, plan_of, reader, store_error};
use regatta_engine::Engine;
use regatta_engine::event::Event;
use regatta_engine::state::Phase;
use regatta_journal::{StoredEvent, StoredTurn, Which};
use std::path::Path;

/// Runs the verb.
///
/// # Errors
/// No such run, the journal cannot be read, or another engine version wrote it.
pub fn run(context: &Context, args: &ReplayArgs) -> Result<Exit, CliError> {
    let reader = reader(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::Newest, Which::Named);
    let id = reader.resolve(which).map_err(store_error)?.run_id;
    let record = reader.run(&id).map_err(store_error)?;
    let ours = env!("CARGO_PKG_VERSION");
    if record.run.engine_version != ours {
        let message =
            format!("run {id} was decided by version {}, this is {ours}", record.run.engine_version);
        return Err(CliError::environment(message).hint("replay it with the version that ran it"));
    }
    let mut engine = engine_of(&plan_of(&record)?.0)?;
    let mut log = Collector::default();
    let (mut events, mut turns, mut difference) = (0_u64, 0_u64, None);
    reader
        .turns(&id, &mut |turn, stored| {
            turns += 1;
            events += stored.len() as u64;
            if difference.is_none() {
                difference = replay_turn(&mut engine, &turn, &stored, &mut log);
            }
            Ok(())
        })
        .map_err(store_error)?;
    if difference.is_none() && matches!(engine.state().phase, Phase::Ended(_)) {
        log.write(&engine, &reader.place().run_dir(&id))?;
        difference = compare_files(&engine, &log, &reader.place().run_dir(&id));
    }
    match difference {
        None => {
            out(&format!(
                "run {id}: no difference in {} of {}\n",
                count(events, "event"),
                count(turns, "turn")
            ));
            Ok(Exit::Success)
        }
        Some(text) => {
            out(&format!("run {id}: {text}\n"));
            Ok(Exit::Failed)
        }
    }
}

/// Feeds the inputs of a turn and compares what follows; answers the first difference.
fn replay_turn(
    engine: &mut Engine,
    turn: &StoredTurn,
    stored: &[StoredEvent],
    log: &mut Collector,
) -> Option<String> {
    let mut decided: Vec<Event> = Vec::new();
    for input in &turn.inputs {
        decided.extend(engine.step(turn.now, input.clone()).events);
    }
    decided.iter().for_each(|e| log.push(e));
    let places = decided.len().max(stored.len());
    (0..places).find_map(|i| match (decided.get(i), stored.get(i)) {
        (Some(now), Some(then)) if *now == then.event => None,
        (now, then) => {
            let pos = turn.first_pos + i as u64;
            let show = |e: Option<&Event>| e.map_or("nothing".to_owned(), |e| format!("{:?}", e.kind));
            Some(format!(
                "event {pos} differs\n  stored   {}\n  replayed {}",
                show(then.map(|t| &t.event)),
                show(now)
            ))
        }
    })
}

fn compare_files(engine: &Engine, log: &Collector, run_dir: &Path) -> Option<String> {
    FILES.iter().zip(log.files(engine)).find_map(|(name, bytes)| {
        let stored = std::fs::read(run_dir.join(name)).ok();
        (stored.as_deref() != Some(&bytes)).then(|| {
            let stored = stored.unwrap_or_default();
            let same = stored.iter().zip(&bytes).take_while(|(a, b)| a == b).count();
            let line = 1 + bytes[..same].iter().filter(|b| **b == b'\n').count();
            format!("`{name}` differs in line {line}")
        })
    })
}
