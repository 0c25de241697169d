//! The reader of a damaged database, with and without a write-ahead log.
//!
//! Whatever the bytes are: an error that names the file, or what was written: all of it where the database was closed, a
//! beginning of it that ends with a whole turn where a log was torn.
//!
//! The input is not the file: it says which bytes of it change (`Change`), because a random file is no database at all.

use crate::corpus;
use crate::target::{Judge, Signature, Target, kind_of, must};
use regatta_engine::ids::Timestamp;
use regatta_journal::record::{decode_event, decode_input};
use regatta_journal::{
    Journal, NewRun, Reader, RunId, Store as _, StoredEvent, StoredTurn, Turn, Which, examine_store,
};
use std::path::{Path, PathBuf};

/// Databases.
pub const DATABASE: Target = Target {
    name: "database",
    doc: "the database with its log",
    words: &["\u{0}", "\u{1}", "\u{7f}", "at", "id", "SQL"],
    corpus: || {
        let change = |wal: u8, at: u16, byte: u8| [&[wal], &at.to_le_bytes()[..], &[byte]].concat();
        let every = (0..64_u16).map(|n| change((n % 2).to_le_bytes()[0], n * 997, 255));
        Ok(every.chain([Vec::new(), change(0, 30, 1), change(1, 4_000, 7)]).collect())
    },
    judge,
};

/// Turns of the sample.
const TURNS: usize = 24;
/// Bytes of an input for one change: which file, where, and what becomes of it.
const CHANGE_BYTES: usize = 4;
/// More changes leave nothing that is worth reading.
const MAX_CHANGES: usize = 16;

type Told = Vec<(StoredTurn, Vec<StoredEvent>)>;

/// A sample: its directory, its files as they were, and what they tell.
struct Sample {
    dir: tempfile::TempDir,
    /// `regatta.db`, and `regatta.db-wal` where it was not closed.
    files: Vec<(PathBuf, Vec<u8>)>,
    told: Told,
}

fn judge() -> Result<Judge, String> {
    let samples = [sample(true)?, sample(false)?];
    Ok(Box::new(move |bytes| {
        let closed = bytes.first().is_none_or(|b| b & 2 == 0);
        let sample = &samples[usize::from(!closed)];
        let changed = change(sample, bytes)?;
        let kind = match read(sample.dir.path()) {
            Ok(told) => {
                let begins = sample.told.starts_with(&told);
                must(begins && (!closed || told.len() == sample.told.len()), || {
                    format!(
                        "{} of {} turns were read in silence, changed: {changed}",
                        told.len(),
                        sample.told.len()
                    )
                })?;
                format!("{} turns", told.len())
            }
            Err(why) => kind_of(&why),
        };
        // Whoever is about to write looks as well.
        if let Err(error) = Journal::open(sample.dir.path()) {
            must(error.to_string().contains("regatta.db"), || format!("an error without the file: {error}"))?;
        }
        Ok(Signature::of([kind, closed.to_string()]))
    }))
}

/// Makes a sample, with the golden records for events and inputs.
fn sample(closed: bool) -> Result<Sample, String> {
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let (events, inputs) = (corpus::golden("events.jsonl")?, corpus::golden("inputs.jsonl")?);
    let fail = |e: regatta_journal::StoreError| e.to_string();
    let run_id = RunId::new("sample").map_err(fail)?;
    let mut run =
        Journal::open(dir.path()).and_then(|journal| journal.create_run(&new_run(&run_id))).map_err(fail)?;
    for n in 0..TURNS {
        let of = |all: &[Vec<u8>], k: usize| all[(n * 3 + k) % all.len()].clone();
        let turn = Turn {
            now: Timestamp(n as u64),
            wall_ms: 1_000 + n as u64,
            events: (0..3).filter_map(|k| decode_event(&of(&events, k)).ok()).collect(),
            inputs: (0..2).filter_map(|k| decode_input(&of(&inputs, k)).ok()).collect(),
            ..Turn::default()
        };
        run.append(&turn).map_err(fail)?;
    }
    let told = read(dir.path())?;
    let home = dir.path().join(".regatta");
    let names: &[&str] = if closed { &["regatta.db"] } else { &["regatta.db", "regatta.db-wal"] };
    let files = |names: &[&str]| -> Result<Vec<(PathBuf, Vec<u8>)>, String> {
        let one = |name: &&str| {
            let path = home.join(name);
            std::fs::read(&path).map(|bytes| (path, bytes)).map_err(|e| e.to_string())
        };
        names.iter().map(one).collect()
    };
    // As a killed process leaves it: the log is beside the database.
    let torn = if closed { None } else { Some(files(names)?) };
    run.close().map_err(fail)?;
    Ok(Sample { files: torn.map_or_else(|| files(names), Ok)?, dir, told })
}

fn new_run(run_id: &RunId) -> NewRun {
    NewRun {
        run_id: run_id.clone(),
        plan_name: "sample".to_owned(),
        plan: "{}".to_owned(),
        plan_digest: "0".repeat(64),
        plan_source: None,
        source_path: None,
        config: "{}".to_owned(),
        schedule_plan_hash: "0".repeat(64),
        engine_version: "0".to_owned(),
        mode: "hybrid".to_owned(),
        cohort: 100,
        task_type: None,
        flags: "{}".to_owned(),
        retry_of: None,
        created_wall_ms: 1_000,
    }
}

/// Puts the files of a sample in place, changed as the input says; answers what was changed.
fn change(sample: &Sample, bytes: &[u8]) -> Result<String, String> {
    let home = sample.dir.path().join(".regatta");
    for name in ["regatta.db", "regatta.db-wal", "regatta.db-shm", "regatta.db-journal"] {
        // Most of them are not there.
        let _ = std::fs::remove_file(home.join(name));
    }
    let mut files = sample.files.clone();
    let mut said = String::new();
    for change in bytes.chunks_exact(CHANGE_BYTES).take(MAX_CHANGES) {
        let last = files.len() - 1;
        let (path, file) = &mut files[usize::from(change[0] & 1).min(last)];
        let at = usize::from(u16::from_le_bytes([change[1], change[2]])) * file.len().max(1)
            / (usize::from(u16::MAX) + 1);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        said.push_str(&format!("{name} at {at}, "));
        match change[0] >> 5 {
            0 => file.truncate(at),
            1 => {
                let end = (at + 512).min(file.len());
                file[at.min(end)..end].fill(change[3]);
            }
            _ => {
                if let Some(byte) = file.get_mut(at) {
                    *byte ^= change[3];
                }
            }
        }
    }
    for (path, bytes) in files {
        std::fs::write(&path, bytes).map_err(|e| e.to_string())?;
    }
    Ok(said)
}

/// Everything that a database tells, in every way in which it can be asked.
fn read(workspace: &Path) -> Result<Told, String> {
    let fail = |e: regatta_journal::StoreError| e.to_string();
    // Only looks, and may find fault where nobody else does.
    let _ = examine_store(workspace, 10);
    let reader = Reader::open(workspace).map_err(fail)?.ok_or("no store")?;
    let runs = reader.runs(10).map_err(fail)?;
    let id = reader.resolve(Which::Newest).map_err(fail)?.run_id;
    must(runs.len() == 1, || format!("{} runs", runs.len()))?;
    reader.run(&id).map_err(fail)?;
    let mut told: Told = Vec::new();
    reader
        .turns(&id, &mut |turn, events| {
            told.push((turn, events));
            Ok(())
        })
        .map_err(fail)?;
    let mut folded = 0;
    reader
        .fold(&id, &mut |_| {
            folded += 1;
            Ok(())
        })
        .map_err(fail)?;
    let events: usize = told.iter().map(|(_, events)| events.len()).sum();
    must(events == folded, || format!("{events} events in turns, {folded} in the fold"))?;
    let page = reader.events(&id, 1, 1_000).map_err(fail)?;
    must(page.len() == folded, || format!("{} events on a page, {folded} in the fold", page.len()))?;
    Ok(told)
}
