//! What can go wrong with a journal: each error names the object and its path and hints at what to do.
//!
//! Knows no exit codes; the binary maps them.

use crate::holder::Holder;
use crate::record::{RecordError, RecordVersion};
use crate::run_id::RunId;
use crate::version::SchemaVersion;
use regatta_engine::ids::AttemptId;
use std::path::PathBuf;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// No room left.
    #[error("no space left to write the journal `{}`", path.display())]
    DiskFull {
        /// The database.
        path: PathBuf,
    },
    /// A link or special file stands where a file or directory of ours belongs.
    #[error("`{}` is {found}, not {wanted}", path.display())]
    NotOurs {
        /// The place.
        path: PathBuf,
        /// What is there.
        found: &'static str,
        /// What belongs there.
        wanted: &'static str,
    },
    /// The journal would lie on a network file system.
    #[error("`{}` is on a network file system ({kind}), where locks and syncs cannot be trusted", path.display())]
    NetworkFileSystem {
        /// The directory.
        path: PathBuf,
        /// The file system.
        kind: &'static str,
    },
    /// The database was written by a newer Regatta.
    #[error("journal `{}` has schema version {found}, this regatta knows versions up to {known}", path.display())]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: SchemaVersion,
        /// Ours.
        known: SchemaVersion,
    },
    /// A run was recorded by a newer Regatta.
    #[error("run {run} is recorded in format {found}, this regatta knows formats up to {known}")]
    NewerRecords {
        /// The run.
        run: RunId,
        /// Its format.
        found: RecordVersion,
        /// Ours.
        known: RecordVersion,
    },
    /// An SQLite database of something else.
    #[error("`{}` is not a regatta journal", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// The journal is not what was written.
    #[error("journal `{}` is damaged: {detail}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// The copy put aside, if there was something to copy and a writer found the damage.
        copy: Option<PathBuf>,
        /// What is wrong, naming run and pos where known.
        detail: String,
    },
    /// The leases of the workspace are not what was written.
    #[error("`{}` {detail}", path.display())]
    LeasesUnusable {
        /// Their file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Another orchestrator runs the run.
    #[error("run {run} is held by {holder}")]
    Held {
        /// The run.
        run: RunId,
        /// Who holds it.
        holder: Box<Holder>,
    },
    /// Another orchestrator took the run over.
    #[error("run {run} was taken over: epoch {current} follows {mine}")]
    Fenced {
        /// The run.
        run: RunId,
        /// The epoch of this handle.
        mine: u64,
        /// The epoch in the store.
        current: u64,
    },
    /// An earlier call failed.
    #[error("journal `{}` failed earlier and takes nothing more", path.display())]
    Poisoned {
        /// The database.
        path: PathBuf,
    },
    /// Another process kept the database locked for too long.
    #[error("journal `{}` stayed locked by another process for {} s", path.display(), crate::limits::BUSY_MS / 1000)]
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// Any other failure of SQLite.
    #[error("cannot {action} journal `{}`: {source}", path.display())]
    Sqlite {
        /// What was tried, as a verb.
        action: &'static str,
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Another process removes runs.
    #[error("another process removes runs: it has `{}`", path.display())]
    Removing {
        /// The lock file.
        path: PathBuf,
    },
    /// Text that cannot be the id of a run.
    #[error("`{id}` is not a run id")]
    BadRunId {
        /// The text, escaped.
        id: String,
    },
    /// No run matches.
    #[error("no run `{run}` in journal `{}`", path.display())]
    NoSuchRun {
        /// The id or prefix, escaped.
        run: String,
        /// The database.
        path: PathBuf,
    },
    /// There is no run at all.
    #[error("no run in journal `{}` yet", path.display())]
    NoRuns {
        /// The database.
        path: PathBuf,
    },
    /// Several runs match.
    #[error("`{prefix}` could be run {first} or run {second}")]
    Ambiguous {
        /// The prefix.
        prefix: String,
        /// The newest match.
        first: RunId,
        /// The next one.
        second: RunId,
    },
    /// The id is taken.
    #[error("run {run} exists already in journal `{}`", path.display())]
    RunExists {
        /// The run.
        run: RunId,
        /// The database.
        path: PathBuf,
    },
    /// A stored record does not decode, although it is what was written.
    #[error("run {run}: record at {at} cannot be read: {source}")]
    Record {
        /// The run.
        run: RunId,
        /// Where, as `pos 7` or `turn 3`.
        at: String,
        /// Why.
        source: RecordError,
    },
    /// A stored event that the engine refuses; for the `each` of [`crate::Store::fold`].
    #[error("event at pos {pos} cannot be applied: {detail}")]
    Illegal {
        /// Its place.
        pos: u64,
        /// What the engine says.
        detail: String,
    },
    /// A result that is too large for its row.
    #[error(
        "the result of attempt {attempt} has {bytes} bytes, a row takes {}",
        crate::limits::MAX_PAYLOAD_BYTES
    )]
    PayloadTooLarge {
        /// The attempt.
        attempt: AttemptId,
        /// Its size.
        bytes: usize,
    },
}

impl StoreError {
    /// What a person can do about it, as one sentence for the `hint:` line.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            StoreError::DiskFull { .. } => "make room, then `regatta resume`; what is recorded stays".into(),
            StoreError::NotOurs { path, .. } => {
                format!("move `{}` away; regatta follows no links there", path.display())
            }
            StoreError::NetworkFileSystem { .. } => {
                "use a workspace on a local disk (`--workspace DIR`)".into()
            }
            StoreError::NewerSchema { .. } | StoreError::NewerRecords { .. } => {
                "use the regatta that wrote it, or a newer one".into()
            }
            StoreError::Foreign { path } => format!("move `{}` away to begin a new journal", path.display()),
            StoreError::Damaged { path, copy: Some(copy), .. } => format!(
                "nothing was started; a copy is in `{}`; restore `{}` from a backup, or move it, its -wal and `{}` \
                 away to begin anew",
                copy.display(),
                path.display(),
                path.with_file_name("runs").display()
            ),
            StoreError::Damaged { path, copy: None, .. } => {
                let runs = path.with_file_name("runs");
                format!(
                    "nothing was started; restore `{}` from a backup, or move it and `{}` away to begin anew",
                    path.display(),
                    runs.display()
                )
            }
            StoreError::LeasesUnusable { .. } => {
                "it holds leases of what lives, and nothing else: it is made anew by the next run that needs one while \
                 no other run lives (`regatta ls`), and nothing of its own"
                    .into()
            }
            StoreError::Held { .. } => "wait for it, or end that process; `regatta status` shows it".into(),
            StoreError::Fenced { .. } => "leave the run to the newer orchestrator".into(),
            StoreError::Poisoned { .. } => "mend what failed, then `regatta resume`".into(),
            StoreError::Removing { .. } => "wait until it is done, then try again".into(),
            StoreError::Busy { .. } => "see which process has it open (`fuser`), then try again".into(),
            StoreError::NoSuchRun { .. } | StoreError::Ambiguous { .. } => {
                "`regatta ls` lists the runs".into()
            }
            StoreError::NoRuns { .. } => "`regatta run PLAN` starts one".into(),
            StoreError::BadRunId { .. } => {
                "a run id is 1 to 64 letters, digits, `-` and `_`; `regatta ls` lists the runs".into()
            }
            StoreError::Io { path, .. } => {
                format!("check that `{}` exists and that you may write there", path.display())
            }
            StoreError::Sqlite { path, .. } => format!(
                "check the disk of `{}`, and that you may write there; then `regatta resume`: what is recorded stays",
                path.display()
            ),
            StoreError::RunExists { .. }
            | StoreError::Record { .. }
            | StoreError::Illegal { .. }
            | StoreError::PayloadTooLarge { .. } => return None,
        };
        Some(text)
    }
}
