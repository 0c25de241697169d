//! What tasks left for other tasks: status, result, duration, stdout. A view over events.
//!
//! Keeps only what some reference or condition names, so a large plan without references costs nothing.

use crate::collect;
use crate::workspace;
use regatta_engine::event::{Event, EventKind};
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::input::{Answer, Expansion};
use regatta_engine::outcome::{AttemptOutcome, NodeOutcome};
use regatta_engine::report::{Digest, Report};
use regatta_journal::Payload;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whether these are the bytes that were recorded.
fn is(bytes: &[u8], digest: &Digest) -> bool {
    bytes.len() as u64 == digest.bytes && Sha256::digest(bytes)[..] == digest.sha256
}

/// A result.
pub(crate) enum Left {
    /// Itself.
    Value(Value),
    /// The file that it lies in.
    File(String, Digest),
}

/// Where the files of a task lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Place {
    #[default]
    Attempt,
    /// Its result was given by its `reconcile` command.
    Reconcile,
    /// An earlier run left them.
    Reused,
}

/// What one task left.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// How the node ended, once it has.
    pub outcome: Option<NodeOutcome>,
    /// Exit code of the last attempt.
    pub exit_code: Option<i32>,
    /// Duration of the last attempt in milliseconds.
    pub duration_ms: u64,
    attempt: Option<AttemptId>,
    /// Where its files lie.
    place: Place,
    result: Option<(Digest, Option<Arc<[u8]>>)>,
    has_stdout: bool,
    has_stderr: bool,
}

impl Output {
    fn take(&mut self, (attempt, place): (AttemptId, Place), (report, duration_ms): (&Report, u64)) {
        (self.attempt, self.place) = (Some(attempt), place);
        (self.exit_code, self.duration_ms) = (report.exit, duration_ms);
        self.has_stdout = report.stdout.is_some();
        self.has_stderr = report.stderr.is_some();
    }
}

/// What all tasks left that somebody asks about.
#[derive(Debug)]
pub struct Outputs {
    run_dir: PathBuf,
    kept: BTreeMap<NodeId, Output>,
    /// How many items a map has, by its first slot, once that was found.
    items: BTreeMap<NodeId, u32>,
}

impl Outputs {
    /// A place for every node that a reference or a condition names.
    #[must_use]
    pub fn new(referenced: &BTreeSet<NodeId>, run_dir: PathBuf) -> Outputs {
        let kept = referenced.iter().map(|&node| (node, Output::default())).collect();
        Outputs { run_dir, kept, items: BTreeMap::new() }
    }

    /// How many items the map has whose first slot this is; `None` while nobody knows.
    #[must_use]
    pub fn items(&self, first: NodeId) -> Option<u32> {
        self.items.get(&first).copied()
    }

    /// What `node` left; `None` if nobody asks about it.
    #[must_use]
    pub fn get(&self, node: NodeId) -> Option<&Output> {
        self.kept.get(&node)
    }

    /// The result of a node as JSON; `None` if it has none or it cannot be read back.
    #[must_use]
    pub fn result(&self, node: NodeId) -> Option<Value> {
        let output = self.kept.get(&node)?;
        let (digest, inline) = output.result.as_ref()?;
        let bytes = match inline {
            Some(bytes) => bytes.to_vec(),
            None => fs::read(self.large_result(output)?).ok().filter(|bytes| is(bytes, digest))?,
        };
        serde_json::from_slice(&bytes).ok()
    }

    /// The result of a node, a large one unread where its file has a name that can be written down; `None` if it has none
    /// or it cannot be read back.
    #[must_use]
    pub(crate) fn left(&self, node: NodeId) -> Option<Left> {
        let output = self.kept.get(&node)?;
        let (digest, inline) = output.result.as_ref()?;
        let file = self.large_result(output).filter(|_| inline.is_none());
        match file.as_deref().filter(|path| path.exists()).and_then(Path::to_str) {
            Some(path) => Some(Left::File(path.to_owned(), *digest)),
            None => self.result(node).map(Left::Value),
        }
    }

    /// How many bytes the result of a node has; 0 if it has none.
    #[must_use]
    pub fn result_bytes(&self, node: NodeId) -> u64 {
        self.kept.get(&node).and_then(|output| output.result.as_ref()).map_or(0, |(digest, _)| digest.bytes)
    }

    /// The standard output of a node's last attempt, without trailing newlines (as `$(…)` gives it).
    #[must_use]
    pub fn stdout(&self, node: NodeId) -> Option<String> {
        let output = self.kept.get(&node)?;
        if output.has_stdout { self.stream(output, collect::STDOUT) } else { Some(String::new()) }
    }

    /// What a command said, as the result that a request sees where it left none of its own.
    #[must_use]
    pub fn said(&self, node: NodeId) -> Option<Value> {
        let output = self.kept.get(&node)?;
        let stderr = if output.has_stderr { self.stream(output, collect::STDERR)? } else { String::new() };
        Some(json!({ "exitCode": output.exit_code, "stdout": self.stdout(node)?, "stderr": stderr }))
    }

    fn stream(&self, output: &Output, name: &str) -> Option<String> {
        let bytes = fs::read(self.dir(output)?.join(name)).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }

    /// The directory of the files of a node's last attempt, if it had one.
    #[must_use]
    pub fn files(&self, node: NodeId) -> Option<PathBuf> {
        self.dir(self.kept.get(&node)?)
    }

    fn dir(&self, output: &Output) -> Option<PathBuf> {
        let attempt = output.attempt?.0;
        Some(match output.place {
            Place::Attempt | Place::Reconcile => workspace::attempt_dir(&self.run_dir, attempt),
            Place::Reused => workspace::reused_dir(&self.run_dir, attempt),
        })
    }

    /// The file that holds a field of a node that is too large to be passed on, if there is one.
    #[must_use]
    pub fn large_file(&self, node: NodeId, field: &str) -> Option<PathBuf> {
        let output = self.kept.get(&node)?;
        let path = match field {
            "stdout" => self.dir(output)?.join(collect::STDOUT),
            _ => self.large_result(output)?,
        };
        path.exists().then_some(path)
    }

    fn large_result(&self, output: &Output) -> Option<PathBuf> {
        let dir = match output.place {
            Place::Reconcile => workspace::reconcile_dir(&self.run_dir, output.attempt?.0),
            Place::Attempt | Place::Reused => self.dir(output)?,
        };
        Some(dir.join(collect::LARGE_RESULT))
    }

    /// Takes note of an event and the result it carries.
    pub fn absorb(&mut self, event: &Event, payload: Option<&Payload>) {
        if let EventKind::NodeExpanded(first, Expansion::Items(items)) = event.kind {
            self.items.insert(first, items);
        }
        let Some(output) = event.kind.node().and_then(|n| self.kept.get_mut(&n)) else { return };
        let inline = payload.map(|p| p.bytes.clone());
        match &event.kind {
            EventKind::DispatchEnded { attempt, outcome, duration_ms, report, .. } => {
                let good = *outcome == AttemptOutcome::Succeeded;
                output.take((*attempt, Place::Attempt), (report, *duration_ms));
                output.result = report.result.filter(|_| good).map(|digest| (digest, inline));
            }
            // It is good and committed: what follows may build on it.
            EventKind::NodeCollected { .. } => output.outcome = Some(NodeOutcome::Succeeded),
            EventKind::NodeReused { attempt, reused, .. } => {
                output.outcome = Some(NodeOutcome::Succeeded);
                output.take((*attempt, Place::Reused), (&reused.report, reused.duration_ms));
                output.result = reused.report.result.map(|digest| (digest, inline));
            }
            EventKind::Answered { attempt, answer: Answer::Succeeded(result), by_person, .. } => {
                output.attempt = Some(*attempt);
                output.place = if *by_person { Place::Attempt } else { Place::Reconcile };
                output.result = result.map(|digest| (digest, inline));
            }
            EventKind::NodeEnded { outcome, .. } => output.outcome = Some(*outcome),
            _ => {}
        }
    }
}
