//! Whether a full disk is why a run does not go on, and what is to be done first.
//!
//! Knows no client and writes nothing.

use crate::view::{Failure, RunView};
use regatta_engine::cause::Cause;
use regatta_engine::ids::NodeId;
use regatta_journal::Reader;
use regatta_runtime::escape::escape_path;
use std::path::Path;

/// With less room than this a run cannot go on: its journal alone needs as much.
const LEAST_BYTES: u64 = 64 << 10;

/// What is said of a run that a full disk broke off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lack {
    /// For people.
    pub said: String,
    /// There is no room now: to go on is of no use before there is.
    pub is_full: bool,
}

impl Lack {
    /// The same with what a client of `regatta mcp` may do then.
    #[must_use]
    pub fn hint(&self, run_id: &str) -> String {
        let then = if self.is_full {
            format!(", then `regatta resume {run_id}` or `run_resume`")
        } else {
            String::new()
        };
        format!("{}{then}", self.said)
    }
}

/// What is to be said of a run that nobody orchestrates; nothing where no disk is why.
#[must_use]
pub fn lack(reader: &Reader, view: &RunView) -> Option<Lack> {
    if view.status() != "interrupted" {
        return None;
    }
    let dir = reader.place().home();
    let by_disk =
        |failure: &Failure| matches!(failure, Failure::Attempt { cause: Some(Cause::DiskFull), .. });
    // Who works again, or has ended otherwise, had room since.
    let stands = |node: &NodeId| {
        let node = view.engine.state().node(*node);
        node.live().is_none() && !node.is_settled()
    };
    let task = view.failures.iter().find(|(node, failure)| stands(node) && by_disk(failure));
    let task = task.map(|(node, _)| *node);
    let of_task = task.map(|node| format!("task `{}` could not write: ", view.engine.graph().name(node)));
    if let Some(left) = left(dir).filter(|left| *left < LEAST_BYTES) {
        let (of_task, dir) = (of_task.unwrap_or_default(), escape_path(dir));
        let said = format!("{of_task}the disk is full ({left} bytes left for `{dir}`); make room first");
        return Some(Lack { said, is_full: true });
    }
    let said = format!("{}the disk was full; it goes on as far as there is room", of_task?);
    Some(Lack { said, is_full: false })
}

/// Bytes that can still be written, none where no file can be made; `None` if nobody can tell.
fn left(dir: &Path) -> Option<u64> {
    let fs = rustix::fs::statvfs(dir).ok()?;
    let is_root = rustix::process::getuid().is_root();
    let (blocks, names) = if is_root { (fs.f_bfree, fs.f_ffree) } else { (fs.f_bavail, fs.f_favail) };
    // Some file systems count no files.
    let can_make = names > 0 || fs.f_files == 0;
    Some(if can_make { blocks.saturating_mul(fs.f_frsize) } else { 0 })
}
