//! What of a workspace nobody needs any more: old runs, and files that a death left over.
//!
//! ```text
//! look:   runs, newest first -> kept, with the reason, or to go; files that belong to nobody
//! remove: run by run, whole or not at all (journal::Remover); then the files
//! ```
//! A run is kept while anybody needs it, whatever the policy says. Prints nothing.

use crate::keeper;
use crate::leases;
use crate::run_error::RunError;
use regatta_engine::event::EventKind;
use regatta_engine::input::ReusedBy;
use regatta_journal::{NotRemoved, Place, Reader, Remover, RunId, RunSummary, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file that is being written has been touched within this time.
const FRESH_MS: u64 = 3_600_000;
/// Directories below a run that are entered; nothing of ours is as deep.
const MAX_DEPTH: u32 = 16;

/// Which runs are old.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// So many of the newest runs are kept, however old.
    pub keep: usize,
    /// What ended within this time is kept, in milliseconds.
    pub older_than_ms: u64,
    /// Wall clock now, in milliseconds since the Unix epoch.
    pub now_wall_ms: u64,
}

/// Why a run is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kept {
    /// It has not ended.
    Open,
    /// A process of it lives.
    Lives,
    /// It holds leases or waits for some.
    Leases,
    /// A run that has not ended takes outcomes of it, or takes it back.
    NeededBy(RunId),
    /// A run that is kept has taken cached outcomes of it, so the next one may too.
    CachedFor(RunId),
    /// It is among the newest.
    Newest,
    /// It ended lately.
    Recent,
    /// It is the last beside directories of runs that the journal does not know.
    Beside,
    /// Something changed since it was looked at.
    Changed(NotRemoved),
}

/// A run and what is to become of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fate {
    /// The run.
    pub run: RunSummary,
    /// Bytes of its files on disk.
    pub bytes: u64,
    /// Why it is kept; none if it is to go.
    pub kept: Option<Kept>,
}

/// A file that nobody needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leftover {
    /// Where.
    pub path: PathBuf,
    /// Bytes on disk.
    pub bytes: u64,
    /// What it is, for people.
    pub what: &'static str,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Every run, newest first.
    pub runs: Vec<Fate>,
    /// Files that nobody needs.
    pub files: Vec<Leftover>,
    /// Directories of runs that the journal does not know. They are left alone: they may be all that is left of a
    /// journal that was lost.
    pub unknown: Vec<PathBuf>,
}

impl Found {
    /// The runs that are to go.
    pub fn to_go(&self) -> impl Iterator<Item = &Fate> {
        self.runs.iter().filter(|fate| fate.kept.is_none())
    }
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Done {
    /// Bytes of files that are gone.
    pub bytes: u64,
    /// Bytes that the database gave back.
    pub database_bytes: u64,
    /// Files that could not be removed, and why.
    pub failed: Vec<(PathBuf, String)>,
}

/// Looks what is to go. Changes nothing.
///
/// # Errors
/// The journal or the leases cannot be read.
pub fn look(reader: &Reader, workspace: &Path, policy: &Policy) -> Result<Found, RunError> {
    let runs = reader.runs(usize::MAX)?;
    let leased: BTreeSet<String> = leases::all(workspace)?.into_iter().map(|row| row.who.run).collect();
    let mut kept: BTreeMap<RunId, Kept> = BTreeMap::new();
    for (i, run) in runs.iter().enumerate() {
        let run_dir = reader.place().run_dir(&run.run_id);
        // Without the time of its end a run has just ended, as far as anybody can tell.
        let age_ms = policy.now_wall_ms.saturating_sub(run.ended_wall_ms.unwrap_or(policy.now_wall_ms));
        let why = if !run.state.has_ended() {
            Kept::Open
        } else if keeper::is_kept(&run_dir) || leases::lives(&run_dir) {
            Kept::Lives
        } else if leased.contains(run.run_id.as_str()) {
            Kept::Leases
        } else if i < policy.keep {
            Kept::Newest
        } else if age_ms < policy.older_than_ms {
            Kept::Recent
        } else {
            continue;
        };
        kept.insert(run.run_id.clone(), why);
    }
    for (needed, why) in needed(reader, &runs, &kept)? {
        kept.entry(needed).or_insert(why);
    }
    let mut found = Found::default();
    for run in runs {
        let bytes = disk_bytes(&reader.place().run_dir(&run.run_id), 0);
        found.runs.push(Fate { kept: kept.remove(&run.run_id), run, bytes });
    }
    leftovers(reader, policy, &mut found);
    keep_one(&mut found);
    Ok(found)
}

/// A journal without any run beside directories of runs is one that was lost: whoever finds it starts nothing.
fn keep_one(found: &mut Found) {
    if found.runs.iter().all(|fate| fate.kept.is_none())
        && found.unknown.iter().any(|dir| Place::is_run_dir(dir))
        && let Some(newest) = found.runs.first_mut()
    {
        newest.kept = Some(Kept::Beside);
    }
}

/// Runs that others need: they take outcomes of them, or must know their secrets.
fn needed(
    reader: &Reader,
    runs: &[RunSummary],
    kept: &BTreeMap<RunId, Kept>,
) -> Result<Vec<(RunId, Kept)>, RunError> {
    let mut needed = Vec::new();
    for run in runs.iter().filter(|run| kept.contains_key(&run.run_id)) {
        let record = reader.run(&run.run_id)?.run;
        if !run.state.has_ended() {
            let named = runs.iter().filter(|other| {
                record.retry_of.as_ref() == Some(&other.run_id)
                    || record.config.contains(other.run_id.as_str())
            });
            needed.extend(named.map(|other| (other.run_id.clone(), Kept::NeededBy(run.run_id.clone()))));
        }
        // Only tasks that are cached find outcomes of runs that nobody names.
        if !record.plan.contains("\"cache\":true") {
            continue;
        }
        reader.fold(&run.run_id, &mut |stored| {
            if let EventKind::NodeReused { reused, .. } = &stored.event.kind
                && reused.by == ReusedBy::Content
                && let Ok(from) = RunId::new(&reused.run)
            {
                needed.push((from, Kept::CachedFor(run.run_id.clone())));
            }
            Ok(())
        })?;
    }
    Ok(needed)
}

/// Files of writers that died, old copies of a damaged database, directories that no run has.
fn leftovers(reader: &Reader, policy: &Policy, found: &mut Found) {
    let home = reader.place().home();
    let old = |path: &Path, age_ms: u64| {
        let modified = path.symlink_metadata().and_then(|meta| meta.modified()).ok();
        let modified_ms = modified.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let at_ms = modified_ms.and_then(|at| u64::try_from(at.as_millis()).ok()).unwrap_or(u64::MAX);
        policy.now_wall_ms.saturating_sub(at_ms) >= age_ms && at_ms <= policy.now_wall_ms
    };
    let mut files = Vec::new();
    for path in entries(home) {
        if name(&path).starts_with("regatta.db.damaged-") && old(&path, policy.older_than_ms) {
            files.push((path, "a copy of a damaged database"));
        }
    }
    let known: BTreeSet<PathBuf> =
        found.runs.iter().map(|fate| reader.place().run_dir(&fate.run.run_id)).collect();
    for dir in entries(&reader.place().runs()).into_iter().filter(|path| is_dir(path)) {
        if !known.contains(&dir) {
            found.unknown.push(dir);
            continue;
        }
        let ended = found.runs.iter().find(|fate| reader.place().run_dir(&fate.run.run_id) == dir);
        // What is to go takes its files with it; what has not ended may be writing.
        if ended.is_some_and(|fate| matches!(fate.kept, None | Some(Kept::Open | Kept::Lives))) {
            continue;
        }
        let of_writer = |path: &PathBuf| name(path).ends_with(".tmp") && old(path, FRESH_MS);
        files.extend(
            entries(&dir).into_iter().filter(of_writer).map(|path| (path, "a file that was never finished")),
        );
        let output = |path: &PathBuf| name(path).starts_with(".output-") && old(path, FRESH_MS);
        let outputs = entries(&dir.join("attempts")).into_iter().filter(output);
        files.extend(outputs.map(|path| (path, "output of a keeper that was killed")));
    }
    found.unknown.sort();
    files.retain(|(path, _)| !is_dir(path));
    files.sort();
    found.files =
        files.into_iter().map(|(path, what)| Leftover { bytes: disk_bytes(&path, 0), path, what }).collect();
}

/// Removes what was found to go. What changed meanwhile is kept, and `found` says so afterwards. A remover is opened
/// although nothing is to go: it clears what an earlier one left half done.
///
/// # Errors
/// The store fails; what was removed until then is gone whole.
pub fn remove(workspace: &Path, found: &mut Found, now_wall_ms: u64) -> Result<Done, RunError> {
    let mut done = Done::default();
    let Some(remover) = Remover::open(workspace)? else { return Ok(done) };
    // These need no room in the journal, and on a full disk may make some.
    for file in &found.files {
        match fs::remove_file(&file.path) {
            Ok(()) => done.bytes += file.bytes,
            Err(error) => done.failed.push((file.path.clone(), error.to_string())),
        }
    }
    for fate in found.runs.iter_mut().rev().filter(|fate| fate.kept.is_none()) {
        let run_dir = remover.place().run_dir(&fate.run.run_id);
        if keeper::is_kept(&run_dir) {
            fate.kept = Some(Kept::Lives);
            continue;
        }
        keeper::remove_cgroups(&run_dir);
        match remover.remove(&fate.run.run_id, now_wall_ms)? {
            Ok(()) => done.bytes += fate.bytes,
            Err(why) => fate.kept = Some(Kept::Changed(why)),
        }
    }
    // Whoever runs would wait for it.
    if found.runs.iter().all(|fate| !leases::lives(&remover.place().run_dir(&fate.run.run_id))) {
        done.database_bytes = match remover.compact() {
            // What was removed has made room all the same.
            Err(StoreError::DiskFull { .. }) => 0,
            other => other?,
        };
    }
    Ok(done)
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(dir).into_iter().flatten();
    listed.filter_map(Result::ok).map(|entry| entry.path()).collect()
}

fn name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

fn is_dir(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir())
}

/// Bytes that a file, or a directory with all that is in it, takes on disk. A file of several names, as reused output
/// has, counts in parts.
fn disk_bytes(path: &Path, depth: u32) -> u64 {
    let Ok(meta) = path.symlink_metadata() else { return 0 };
    let own = meta.blocks() * 512 / if meta.is_dir() { 1 } else { meta.nlink().max(1) };
    if !meta.is_dir() || depth > MAX_DEPTH {
        return own;
    }
    own + entries(path).iter().map(|path| disk_bytes(path, depth + 1)).sum::<u64>()
}
