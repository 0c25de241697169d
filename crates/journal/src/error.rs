//! What can go wrong with a journal: each error names the object and its path and hints at what to do.
//!
//! Knows no exit codes; the binary maps them.

use crate::holder::Holder;
use crate::record::{RecordError, RecordVersion};
use crate::run_id::RunId;
use crate::version::SchemaVersion;
use regatta_engine::ids::AttemptId;
use std::path::{Path, PathBuf};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} `{}`: {source}", shown(path))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// No room left.
    #[error("no space left to write the journal `{}`", shown(path))]
    DiskFull {
        /// The database.
        path: PathBuf,
    },
    /// A link or special file stands where a file or directory of ours belongs.
    #[error("`{}` is {found}, not {wanted}", shown(path))]
    NotOurs {
        /// The place.
        path: PathBuf,
        /// What is there.
        found: &'static str,
        /// What belongs there.
        wanted: &'static str,
    },
    /// The journal would lie on a network file system.
    #[error(
        "`{}` is on a network file system ({kind}), where locks and syncs cannot be trusted",
        shown(path)
    )]
    NetworkFileSystem {
        /// The directory.
        path: PathBuf,
        /// The file system.
        kind: &'static str,
    },
    /// SQLite takes no path that is so long.
    #[error("the path `{}` has {bytes} bytes, and that of a journal {most} at most", shown(path))]
    PathTooLong {
        /// The database.
        path: PathBuf,
        /// The length of its path in bytes.
        bytes: usize,
        /// The longest that there may be, in bytes.
        most: usize,
    },
    /// The database was written by a newer Regatta.
    #[error(
        "journal `{}` has schema version {found}, this regatta knows versions up to {known}",
        shown(path)
    )]
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
    #[error("`{}` is not a regatta journal", shown(path))]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// The journal is not what was written.
    #[error("journal `{}` is damaged: {detail}", shown(path))]
    Damaged {
        /// The database.
        path: PathBuf,
        /// The copy put aside, if there was something to copy and a writer found the damage.
        copy: Option<PathBuf>,
        /// What is wrong, naming run and pos where known.
        detail: String,
    },
    /// The leases of the workspace are not what was written.
    #[error("`{}` {detail}", shown(path))]
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
    #[error("journal `{}` failed earlier and takes nothing more", shown(path))]
    Poisoned {
        /// The database.
        path: PathBuf,
    },
    /// Another process kept the database locked for too long.
    #[error("journal `{}` stayed locked by another process for {} s", shown(path), crate::limits::BUSY_MS / 1000)]
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// Any other failure of SQLite.
    #[error("cannot {action} journal `{}`: {source}", shown(path))]
    Sqlite {
        /// What was tried, as a verb.
        action: &'static str,
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Another process removes runs, or takes one of them up that is not to be removed meanwhile.
    #[error("another process removes runs, or makes one from an earlier one: it has `{}`", shown(path))]
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
    #[error("no run `{run}` in journal `{}`", shown(path))]
    NoSuchRun {
        /// The id or prefix, escaped.
        run: String,
        /// The database.
        path: PathBuf,
    },
    /// There is no run at all.
    #[error("no run in journal `{}` yet", shown(path))]
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
    #[error("run {run} exists already in journal `{}`", shown(path))]
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

/// A path in one line, whatever its name is; who shows it escapes the rest.
fn shown(path: &Path) -> String {
    path.display().to_string().replace('\n', "\\n")
}

fn bytes_of(bytes: usize) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}

impl StoreError {
    /// What a person can do about it, as one sentence for the `hint:` line.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            StoreError::DiskFull { .. } => "make room, then `regatta resume`; what is recorded stays".into(),
            StoreError::NotOurs { path, .. } => {
                format!("move `{}` away; regatta follows no links there", shown(path))
            }
            StoreError::NetworkFileSystem { .. } => {
                "use a workspace on a local disk (`--workspace DIR`)".into()
            }
            StoreError::PathTooLong { bytes, most, .. } => format!(
                "use a workspace whose path is {} shorter (`--workspace DIR`); a link does not shorten it",
                bytes_of(bytes - most)
            ),
            StoreError::NewerSchema { .. } | StoreError::NewerRecords { .. } => {
                "use the regatta that wrote it, or a newer one".into()
            }
            StoreError::Foreign { path } => format!("move `{}` away to begin a new journal", shown(path)),
            StoreError::Damaged { path, copy: Some(copy), .. } => format!(
                "nothing was started; a copy is in `{}`; restore `{}` from a backup, or move it, its -wal and `{}` \
                 away to begin anew",
                shown(copy),
                shown(path),
                shown(&path.with_file_name("runs"))
            ),
            StoreError::Damaged { path, copy: None, .. } => {
                let runs = path.with_file_name("runs");
                format!(
                    "nothing was started; restore `{}` from a backup, or move it and `{}` away to begin anew",
                    shown(path),
                    shown(&runs)
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
                format!("check that `{}` exists and that you may write there", shown(path))
            }
            StoreError::Sqlite { path, .. } => format!(
                "check the disk of `{}`, and that you may write there; then `regatta resume`: what is recorded stays",
                shown(path)
            ),
            StoreError::RunExists { .. }
            | StoreError::Record { .. }
            | StoreError::Illegal { .. }
            | StoreError::PayloadTooLarge { .. } => return None,
        };
        Some(text)
    }
}
