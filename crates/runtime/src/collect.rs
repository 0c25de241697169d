//! What an attempt left behind: its output streams into named files, its result into bytes and a digest.
//!
//! Reads unnamed files that the process owner hands over; writes only below the attempt's directory. Knows no
//! engine and no plan.

use crate::exact;
use crate::private_file;
use crate::rate_limit;
use crate::redact::{Raw, Redactor};
use crate::tool_files;
use regatta_engine::report::Digest;
use regatta_fault as fault;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// A result file may hold this much.
pub const MAX_RESULT_BYTES: u64 = 16 << 20;
/// A result up to this size lives in the journal, a larger one in a file of its own.
pub const INLINE_RESULT_BYTES: usize = 64 << 10;

/// Directories above a large result, itself included, that this program made: attempt, `attempts`, run, `runs`,
/// `.regatta`.
const NEW_DIRECTORIES: usize = 5;

/// So much of the end of a stream is shown to the next attempt of an agent.
const TAIL_BYTES: u64 = 2_048;

/// Name of the file that holds standard output.
pub const STDOUT: &str = "stdout";
/// Name of the file that holds standard error.
pub const STDERR: &str = "stderr";
/// Name of the file that a task may write its result to.
pub const RESULT: &str = "result.json";
/// Name of the directory for temporary files of an agent.
pub(crate) const TMP: &str = "tmp";
/// Name of the file that holds a result too large for the journal.
pub const LARGE_RESULT: &str = "result.stored.json";

/// A result as it will be recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskResult {
    /// Compact JSON.
    pub bytes: Arc<[u8]>,
    /// Its digest.
    pub digest: Digest,
}

/// Why a result cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// Not one JSON value.
    #[error("the result is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// Larger than [`MAX_RESULT_BYTES`].
    #[error("the result has {0} bytes, more than 16 MiB")]
    TooLarge(u64),
    /// Not a plain file, or unreadable.
    #[error("the result file cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Copies a stream into `dir/name` (0600) through the redaction, up to `limit_bytes`: what a process wrote beyond
/// its limit before it was ended is not kept. An empty one makes no file.
///
/// # Errors
/// The file cannot be written, for instance because the disk is full.
pub fn stream(
    from: Option<&Raw>,
    (dir, name): (&Path, &str),
    (redactor, limit_bytes): (&Arc<Redactor>, u64),
) -> io::Result<Option<Digest>> {
    let Some(from) = from else { return Ok(None) };
    let path = dir.join(name);
    let to = private_file::create(&path)?;
    let mut to = Hashing { to, sha256: Sha256::new(), bytes: 0 };
    if let Err(error) = from.copy(redactor, limit_bytes, &mut to) {
        // Half of it is of no use, and takes the room that the journal needs.
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    Ok(Some(Digest { sha256: to.sha256.finalize().into(), bytes: to.bytes }))
}

struct Hashing {
    to: File,
    sha256: Sha256,
    bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        let written = self.to.write(chunk)?;
        self.sha256.update(&chunk[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The result an attempt wrote to its result file, if it wrote one. The raw file stays until [`forget`]: whoever
/// reads it may die before the outcome is durable.
///
/// # Errors
/// It is no plain file, too large, or not JSON.
pub fn result_file(dir: &Path, redactor: &Redactor) -> Result<Option<TaskResult>, ResultError> {
    let path = dir.join(RESULT);
    let file = match private_file::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let bytes = file.metadata()?.len();
    read_json(file, bytes, redactor).map(Some)
}

/// Deletes the raw result of an attempt and its word about a rate limit, and its directory if nothing is left in it.
pub fn forget(dir: &Path) {
    // Most wrote none, and most directories hold something.
    for raw in [RESULT, rate_limit::FILE, tool_files::ORDER_FILE, tool_files::SAID_FILE] {
        let _ = fs::remove_file(dir.join(raw));
    }
    clear_tmp(dir);
    let _ = fs::remove_dir(dir);
}

/// The end of a stream of an attempt, as text; none if it is empty or not there.
#[must_use]
pub fn tail(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let bytes = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(bytes.saturating_sub(TAIL_BYTES))).ok()?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail).ok()?;
    let text = String::from_utf8_lossy(&tail).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Which command beside an attempt has failed, as its message says: its list, `setup` or `verify`, and its place there.
#[must_use]
pub fn failed_step(message: &str) -> Option<(&'static str, u8)> {
    let (n, rest) = message.strip_prefix("command ")?.split_once(" of `")?;
    let list = ["setup", "verify"].into_iter().find(|list| rest.starts_with(&format!("{list}` failed: ")))?;
    Some((list, n.parse::<u8>().ok()?.checked_sub(1)?))
}

/// The file of a stream of a command beside an attempt.
#[must_use]
pub fn step_file((list, n): (&str, u8), stream: &str) -> String {
    format!("{list}-{n}.{stream}")
}

/// Deletes the temporary files of an attempt. What cannot be deleted stays until the run is removed.
pub(crate) fn clear_tmp(dir: &Path) {
    // Most attempts are no agent's and have none.
    let _ = fs::remove_dir_all(dir.join(TMP));
}

/// The result that standard output is, for `result: stdout-json`.
///
/// # Errors
/// It is too large, or not one JSON value.
pub fn result_from_stdout(stdout: Option<&Raw>, redactor: &Redactor) -> Result<TaskResult, ResultError> {
    match stdout {
        Some(raw) => read_json(raw.reader(MAX_RESULT_BYTES + 1), raw.bytes()?, redactor),
        None => read_json(io::empty(), 0, redactor),
    }
}

fn read_json(from: impl Read, bytes: u64, redactor: &Redactor) -> Result<TaskResult, ResultError> {
    if bytes > MAX_RESULT_BYTES {
        return Err(ResultError::TooLarge(bytes));
    }
    let mut text = String::new();
    from.take(MAX_RESULT_BYTES).read_to_string(&mut text)?;
    match redactor.json(&exact::kept(&text)) {
        Some(value) => from_value(&value),
        // What is wrong with it is said of what may be shown.
        None => Err(serde_json::from_str::<serde_json::Value>(&text)
            .err()
            .map_or(ResultError::TooLarge(bytes), Into::into)),
    }
}

/// A result from a value given by other means, for instance by a person's answer.
///
/// # Errors
/// The value cannot be written as JSON, which a value read from JSON always can.
pub fn from_value(value: &serde_json::Value) -> Result<TaskResult, ResultError> {
    let bytes: Arc<[u8]> = serde_json::to_vec(value)?.into();
    let digest = Digest { sha256: Sha256::digest(&bytes).into(), bytes: bytes.len() as u64 };
    Ok(TaskResult { bytes, digest })
}

/// Stores a result that is too large for the journal, durable before the turn that speaks of it commits.
///
/// # Errors
/// The file cannot be written or synced.
pub fn store_large(result: &TaskResult, dir: &Path) -> io::Result<()> {
    write_private(&dir.join(LARGE_RESULT), &result.bytes)?.sync_all()?;
    // The names on the way to it too, up to that of `.regatta`: any of them may be as new as the file.
    for dir in dir.ancestors().take(NEW_DIRECTORIES) {
        File::open(dir)?.sync_all()?;
    }
    fault::point("result.stored");
    Ok(())
}

/// Writes a new private file, not yet synced.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = private_file::create(path)?;
    file.write_all(bytes)?;
    Ok(file)
}
