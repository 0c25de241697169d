//! Answers to the two documents of others (formats 1 and 2): results of a parallel request and of a shell batch, and
//! what a request with problems gets.
//!
//! A view over the events of a run. Field names are those of the formats; `parallel_execute` and `shell_batch` are
//! answered with the same.

use crate::render::duration;
use crate::render::escape::escape_block;
use crate::render::waits;
use crate::render::why::{beside_code, why};
use crate::view::RunView;
use regatta_engine::Engine;
use regatta_engine::cause::Cause;
use regatta_engine::event::EventKind;
use regatta_engine::ids::{AttemptId, NodeId, Timestamp};
use regatta_engine::outcome::{NodeOutcome, RunStatus};
use regatta_engine::report::Report;
use regatta_engine::state::Phase;
use regatta_journal::{StoredEvent, rfc3339};
use regatta_plan::model::Dialect;
use regatta_plan::{Code, Fact, Loaded};
use regatta_runtime::{collect, workspace};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Of a stream that is longer, this many bytes of its head and as many of its tail are told.
const MAX_SHOWN_BYTES: u64 = 32 << 10;

/// A result that is not told whole has about so many bytes of results and streams, over all its tasks.
const MAX_TOLD_BYTES: u64 = 8 << 20;
/// And of each at least so many of head and tail.
const MIN_SHOWN_BYTES: u64 = 1 << 10;

/// Of what a command that failed wrote as errors, so many bytes of the end are part of the message.
const MAX_LAST_WORDS_BYTES: usize = 500;

/// What is told in part only, if it is no stream.
pub const RESULT: &str = "result";

/// A moment: wall clock in milliseconds since the Unix epoch, and engine time.
type Moment = (u64, Timestamp);

/// What is known of a task.
#[derive(Debug, Default)]
struct Entry {
    started: Option<Moment>,
    ended: Option<Moment>,
    attempt: Option<AttemptId>,
    report: Option<Report>,
    result: Option<Kept>,
    cause: Option<Cause>,
    undone: Option<bool>,
    reused: bool,
}

/// A result that stands in the journal.
#[derive(Debug)]
enum Kept {
    Whole(Arc<[u8]>),
    /// Head and tail of it, and its bytes.
    Part(String, u64),
}

impl Kept {
    fn of(bytes: &Arc<[u8]>, shown: Option<u64>) -> Kept {
        let most = shown.and_then(|shown| usize::try_from(shown).ok()).filter(|most| bytes.len() > 2 * most);
        match most {
            None => Kept::Whole(Arc::clone(bytes)),
            Some(most) => {
                let ends = (&bytes[..most], &bytes[bytes.len() - most..]);
                Kept::Part(head_and_tail(ends, bytes.len() as u64), bytes.len() as u64)
            }
        }
    }
}

/// The ends of something that has so many bytes.
fn head_and_tail((head, tail): (&[u8], &[u8]), of: u64) -> String {
    let omitted = of - (head.len() + tail.len()) as u64;
    let (head, tail) = (String::from_utf8_lossy(head), String::from_utf8_lossy(tail));
    format!("{head}\n[{omitted} bytes omitted]\n{tail}")
}

/// Gathers the events of a run.
#[derive(Debug, Default)]
pub struct Collector {
    /// So many bytes of head and tail are told of a longer result; without it results are told whole.
    shown: Option<u64>,
    entries: BTreeMap<NodeId, Entry>,
    first: Option<Moment>,
    last: Option<Moment>,
}

impl Collector {
    /// For an answer that is bounded whatever the tasks resulted in: of long results head and tail are told, and nothing more
    /// of them is read.
    #[must_use]
    pub fn bounded(tasks: usize) -> Collector {
        let each = MAX_TOLD_BYTES / (2 * tasks.max(1) as u64);
        Collector { shown: Some(each.clamp(MIN_SHOWN_BYTES, MAX_SHOWN_BYTES)), ..Collector::default() }
    }

    /// Takes the next event.
    pub fn push(&mut self, stored: &StoredEvent) {
        let shown = self.shown;
        let kept = || stored.payload.as_ref().map(|bytes| Kept::of(bytes, shown));
        let moment = (stored.wall_ms, stored.event.at);
        self.first.get_or_insert(moment);
        self.last = Some(moment);
        let Some(entry) = stored.event.kind.node().map(|n| self.entries.entry(n).or_default()) else {
            return;
        };
        match &stored.event.kind {
            EventKind::DispatchStarted { attempt, .. } => {
                entry.started.get_or_insert(moment);
                entry.attempt = Some(*attempt);
            }
            EventKind::DispatchEnded { report, cause, .. } => {
                (entry.report, entry.cause) = (Some((**report).clone()), *cause);
                entry.result = kept();
            }
            EventKind::NodeReused { attempt, reused, .. } => {
                entry.started.get_or_insert(moment);
                (entry.attempt, entry.reused) = (Some(*attempt), true);
                entry.report = Some(reused.report.clone());
                entry.result = kept();
            }
            EventKind::Answered { .. } => entry.result = kept(),
            EventKind::NodeEnded { cause, .. } => {
                (entry.ended, entry.cause) = (Some(moment), cause.or(entry.cause));
            }
            EventKind::UndoEnded { cause, .. } => entry.undone = Some(cause.is_none()),
            _ => {}
        }
    }

    /// The result of a run that has ended, in the shape of its document; `None` for a plan, or while it goes on.
    #[must_use]
    pub fn result(&self, view: &RunView, run_dir: &Path) -> Option<Value> {
        let Phase::Ended(status) = view.engine.state().phase else { return None };
        let (key, request) = match view.plan.dialect {
            Dialect::Plan => return None,
            Dialect::Request => ("tasks", true),
            Dialect::Batch => ("commands", false),
        };
        let (first, last) = (self.first?, self.last?);
        let graph = view.engine.graph();
        let mut tally = Map::new();
        let mut count = |name: &str, n: u64| {
            tally.insert(name.to_owned(), (tally.get(name).and_then(Value::as_u64).unwrap_or(0) + n).into());
        };
        ["total", "succeeded", "failed", "skipped"].iter().for_each(|name| count(name, 0));
        let nothing = Entry::default();
        let entries: Map<String, Value> = (0..graph.len() as u32)
            .map(NodeId)
            .map(|node| {
                let entry = self.entries.get(&node).unwrap_or(&nothing);
                let row = Row { view, node, entry, run_dir, first, shown: self.shown };
                count("total", 1);
                count(row.status().1, 1);
                (graph.name(node).to_owned(), if request { row.task() } else { row.command() })
            })
            .collect();
        let mut out = json!({
            "executionId": view.record.summary.run_id.as_str(),
            "status": overall(status),
            "startTime": rfc3339(first.0),
            "endTime": rfc3339(last.0),
            "duration": last.1.since_ms(first.1),
            key: entries,
            "summary": tally,
        });
        if request {
            out["dag"] = dag(&view.engine);
        }
        if view.plan.on_failure == "rollback" && status != RunStatus::Succeeded {
            out["rollback"] = self.rollback(&view.engine);
        }
        if !cut_streams(&out).is_empty() {
            out["truncated"] = true.into();
        }
        Some(out)
    }

    fn rollback(&self, engine: &Engine) -> Value {
        let named = |undone: Option<bool>| -> Vec<&str> {
            let succeeded = |n: NodeId| engine.state().node(n).outcome() == Some(NodeOutcome::Succeeded);
            let of = |(n, e): (&NodeId, &Entry)| (e.undone == undone && succeeded(*n)).then_some(*n);
            self.entries.iter().filter_map(of).map(|n| engine.graph().name(n)).collect()
        };
        json!({ "undone": named(Some(true)), "not_undone": named(None), "failed": named(Some(false)) })
    }
}

/// What a request or a batch is answered whose run has not ended (formats 1): it is running, how it stands, and what of it waits
/// for a person; `None` for a plan.
#[must_use]
pub fn unfinished(view: &RunView) -> Option<Value> {
    let is_plan = view.plan.dialect == Dialect::Plan;
    let run_id = view.record.summary.run_id.as_str();
    let mut out = json!({ "executionId": run_id, "status": "running", "state": view.status() });
    // Who asks is told what to do in the same words.
    let _ = waits::tell(view, &mut out);
    (!is_plan).then_some(out)
}

fn overall(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Succeeded => "success",
        RunStatus::Partial => "partial",
        RunStatus::Failed | RunStatus::Cancelled => "failure",
    }
}

fn dag(engine: &Engine) -> Value {
    let graph = engine.graph();
    let name = |n: NodeId| graph.name(n);
    let levels: Vec<Vec<&str>> =
        (0..graph.waves()).map(|wave| graph.wave(wave).iter().map(|&n| name(n)).collect()).collect();
    let edges: Vec<Value> = (0..graph.len() as u32)
        .map(NodeId)
        .flat_map(|to| graph.preds(to).map(move |from| json!({ "from": name(from), "to": name(to) })))
        .collect();
    json!({ "levels": levels, "edges": edges })
}

/// One task with what is known of it.
struct Row<'a> {
    view: &'a RunView,
    node: NodeId,
    entry: &'a Entry,
    run_dir: &'a Path,
    first: Moment,
    shown: Option<u64>,
}

impl Row<'_> {
    /// Its status, and what it counts as. A cancelled task is skipped if it never started, else failed.
    fn status(&self) -> (&'static str, &'static str) {
        match self.view.engine.state().node(self.node).outcome() {
            Some(NodeOutcome::Succeeded) => ("success", "succeeded"),
            Some(NodeOutcome::Skipped | NodeOutcome::Blocked) => ("skipped", "skipped"),
            Some(NodeOutcome::Cancelled) if self.entry.started.is_none() => ("skipped", "skipped"),
            Some(
                NodeOutcome::Failed | NodeOutcome::TimedOut | NodeOutcome::Exhausted | NodeOutcome::Cancelled,
            )
            | None => ("failed", "failed"),
        }
    }

    fn task(&self) -> Value {
        let mut out = self.times(json!({ "taskId": self.id(), "status": self.status().0 }));
        if self.status().0 == "success" {
            let (result, cut) = self.result();
            out["result"] = result;
            if let Some(bytes) = cut {
                (out["truncated"], out["resultBytes"]) = (true.into(), bytes.into());
            }
        } else {
            out["error"] = self.error();
        }
        out
    }

    fn command(&self) -> Value {
        let exit = self.exit_code();
        let out = json!({ "id": self.id(), "status": self.status().0, "exitCode": exit });
        let mut out = self.times(self.streams(out));
        if self.status().0 != "success" {
            out["error"] = self.error();
        }
        out
    }

    fn id(&self) -> &str {
        self.view.engine.graph().name(self.node)
    }

    /// The exit code; -1 where there is none, as after a timeout.
    fn exit_code(&self) -> i32 {
        let timed_out = matches!(self.entry.cause, Some(Cause::Timeout | Cause::Idle));
        self.entry.report.as_ref().and_then(|r| r.exit).filter(|_| !timed_out).unwrap_or(-1)
    }

    fn times(&self, mut out: Value) -> Value {
        let (start, end) = (self.entry.started, self.entry.ended.unwrap_or(self.first));
        let start = start.unwrap_or(end);
        out["duration"] = end.1.since_ms(start.1).into();
        out["startTime"] = rfc3339(start.0).into();
        out["endTime"] = rfc3339(end.0).into();
        out
    }

    /// Its result; without one, what the command said. If only head and tail of it are told, also how long it is.
    fn result(&self) -> (Value, Option<u64>) {
        let said = || self.streams(json!({ "exitCode": self.exit_code() }));
        let read = |bytes: &[u8]| serde_json::from_slice(bytes).ok();
        let large = || match self.shown {
            None => Some((read(&std::fs::read(self.file(collect::LARGE_RESULT)?).ok()?), None)),
            Some(_) => match self.stream(collect::LARGE_RESULT).ok()? {
                (text, None) => Some((read(text.as_bytes()), None)),
                (text, cut) => Some((Some(text.into()), cut)),
            },
        };
        let (told, cut) = match &self.entry.result {
            Some(Kept::Whole(bytes)) => (read(bytes), None),
            Some(Kept::Part(text, bytes)) => (Some(text.as_str().into()), Some(*bytes)),
            None => large().unwrap_or_default(),
        };
        (told.unwrap_or_else(said), cut)
    }

    fn error(&self) -> Value {
        let code = match self.entry.cause {
            Some(Cause::Timeout | Cause::Idle) => "TASK_TIMEOUT",
            Some(Cause::Resolution) => "VARIABLE_RESOLUTION_ERROR",
            _ => "TASK_ERROR",
        };
        let more = match self.entry.cause {
            Some(Cause::Timeout) => {
                format!(" after {}", duration(self.view.plan.tasks[self.node.index()].timeout.attempt_ms))
            }
            // Of a batch it stands beside it.
            Some(Cause::Exit | Cause::Signal) if self.view.plan.dialect == Dialect::Request => {
                self.last_words()
            }
            _ => String::new(),
        };
        let why = match self.entry.cause {
            Some(Cause::Resolution) => beside_code(self.view, self.node),
            _ => why(self.view, self.node),
        };
        json!({ "code": code, "message": why + &more })
    }

    /// The end of what it wrote as errors.
    fn last_words(&self) -> String {
        let (text, _) = self.stream(collect::STDERR).unwrap_or_default();
        let said = text.trim_end();
        let last = &said[said.ceil_char_boundary(said.len().saturating_sub(MAX_LAST_WORDS_BYTES))..];
        if last.is_empty() { String::new() } else { format!(": {}", escape_block(last)) }
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        let attempt = self.entry.attempt?.0;
        let dir = match self.entry.reused {
            true => workspace::reused_dir(self.run_dir, attempt),
            false => workspace::attempt_dir(self.run_dir, attempt),
        };
        Some(dir.join(name))
    }

    /// What it wrote; if only head and tail of a stream are told, also how long that is.
    fn streams(&self, mut out: Value) -> Value {
        for (name, length) in [(collect::STDOUT, "stdoutBytes"), (collect::STDERR, "stderrBytes")] {
            // An attempt that wrote nothing has no file.
            let (text, cut) = self.stream(name).unwrap_or_default();
            out[name] = text.into();
            if let Some(bytes) = cut {
                (out["truncated"], out[length]) = (true.into(), bytes.into());
            }
        }
        out
    }

    /// A stream of the last attempt: whole, or its head and tail and the bytes of the whole.
    fn stream(&self, name: &str) -> std::io::Result<(String, Option<u64>)> {
        let mut file = File::open(self.file(name).ok_or(std::io::ErrorKind::NotFound)?)?;
        let bytes = file.metadata()?.len();
        let shown = self.shown.unwrap_or(MAX_SHOWN_BYTES);
        let mut head = Vec::new();
        if bytes <= 2 * shown {
            file.read_to_end(&mut head)?;
            return Ok((String::from_utf8_lossy(&head).into_owned(), None));
        }
        file.by_ref().take(shown).read_to_end(&mut head)?;
        file.seek(SeekFrom::Start(bytes - shown))?;
        let mut tail = Vec::new();
        file.take(shown).read_to_end(&mut tail)?;
        Ok((head_and_tail((&head, &tail), bytes), Some(bytes)))
    }
}

/// What of a result is told in part only: tasks, and their streams or `result`.
#[must_use]
pub fn cut_streams(result: &Value) -> Vec<(&str, &'static str)> {
    let tasks = ["tasks", "commands"].iter().filter_map(|key| result.get(key)?.as_object()).flatten();
    let streams = [(collect::STDOUT, "stdoutBytes"), (collect::STDERR, "stderrBytes")];
    tasks
        .flat_map(|(id, told)| {
            let result = told["truncated"] == true && told.get("resultBytes").is_some();
            let result = result.then_some((id.as_str(), RESULT));
            // The result of a request is what its command said, if it said nothing else.
            let told = if told.get("taskId").is_some() { &told["result"] } else { told };
            let cut = |length: &str| told["truncated"] == true && told.get(length).is_some();
            let streams = streams.into_iter().filter(move |(_, length)| cut(length));
            streams.map(|(name, _)| (id.as_str(), name)).chain(result)
        })
        .collect()
}

/// What a request or batch with problems is answered.
#[must_use]
pub fn refusal(loaded: &Loaded) -> Value {
    let problems: Vec<Value> = loaded.facts().iter().filter(|f| f.severity.is_error()).map(problem).collect();
    let rank = |p: &&Value| CODES.iter().position(|(_, code)| p["code"] == *code).unwrap_or(CODES.len());
    let Some(first) = problems.iter().min_by_key(rank) else { return json!({ "success": true }) };
    let mut error = first.clone();
    error["problems"] = problems.into();
    json!({ "success": false, "error": error })
}

/// Codes of the formats, the most telling first.
const CODES: [(Code, &str); 4] = [
    (Code::DuplicateId, "DUPLICATE_TASK_ID"),
    (Code::MissingDependency, "MISSING_DEPENDENCY"),
    (Code::Cycle, "CIRCULAR_DEPENDENCY"),
    (Code::UnknownName, "UNKNOWN_TOOL"),
];

fn problem(fact: &Fact) -> Value {
    // A reference is a dependency too.
    let wanted = if fact.missing_task { Code::MissingDependency.name() } else { fact.code };
    let code = CODES.iter().find(|(code, _)| code.name() == wanted);
    let code = code.map_or("PARALLEL_EXECUTION_ERROR", |(_, name)| name);
    let mut out = json!({ "code": code, "message": fact.message, "line": fact.line, "column": fact.column });
    if let Some(help) = &fact.help {
        out["hint"] = help.as_str().into();
    }
    if !fact.cycle.is_empty() {
        out["message"] = format!("Circular dependency detected: {}", fact.cycle.join(" → ")).into();
        out["cycle"] = fact.cycle.clone().into();
    }
    out
}
