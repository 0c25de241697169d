//! `parallel-state.json` (formats 8): one run as a document for other tools, made anew from the journal's events.
//! ```text
//! events + wall clock -> Track --document--> JSON --sealed--> + checksum --file--> PATH, whole or not at all
//!                                                               `--verify: `regatta check --state`
//! ```
//! A view with wall-clock times: nobody decides by it, and its bytes are promised to nobody. Knows no loop; `feed`
//! is told by it.

mod agents;
mod document;
mod feed;
mod file;
mod track;
mod verify;

pub use document::{Subject, document};
pub use feed::{Feed, StateFile};
pub use track::Track;
pub use verify::{Problem, verify};

use crate::context::Context;
use crate::error::CliError;
use regatta_engine::json::hex;
use regatta_journal::RunId;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// The version of the document.
pub const VERSION: u64 = 1;
/// The name of the file where none is given, in the workspace.
pub const DEFAULT_NAME: &str = "parallel-state.json";

/// The absolute path that `--state-file [PATH]` means, as text, for it is kept with the run.
///
/// # Errors
/// It is not UTF-8.
pub fn asked(context: &Context, given: Option<&Option<PathBuf>>) -> Result<Option<String>, CliError> {
    let path = match given {
        None => return Ok(None),
        Some(None) => context.workspace.join(DEFAULT_NAME),
        Some(Some(path)) => context.cwd.join(path),
    };
    let not_text = |path: PathBuf| {
        CliError::usage(format!("state file `{}` is not UTF-8", path.to_string_lossy().escape_debug()))
    };
    path.into_os_string().into_string().map(Some).map_err(|path| not_text(path.into()))
}

/// True if the state file at `path` is one of this run: a run that has ended leaves the files of others alone.
#[must_use]
pub fn speaks_of(path: &str, run: &RunId) -> bool {
    let head = format!("{{\"version\":{VERSION},\"run_id\":\"{run}\"");
    file::head(Path::new(path), head.len()).is_ok_and(|found| found == head.as_bytes())
}

/// The document with its checksum.
#[must_use]
pub fn sealed(mut document: Value) -> Value {
    document["checksum"] = checksum(&document).into();
    document
}

/// sha-256 of the canonical JSON (RFC 8785) of a document without its `checksum`, lower-case hexadecimal.
#[must_use]
pub fn checksum(document: &Value) -> String {
    let mut bare = document.clone();
    if let Some(members) = bare.as_object_mut() {
        members.remove("checksum");
    }
    hex(&Sha256::digest(regatta_plan::canonical_json(&bare)))
}
