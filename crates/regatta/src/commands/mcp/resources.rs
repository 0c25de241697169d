//! Runs as resources: where they stand, their results, events and reports, and what their tasks wrote.
//!
//! A resource that is longer than one reading is read in pieces: `_meta` says how long it is and what is to be read next.

use super::addresses::{PREFIX, uri};
use super::desk::Refused;
use super::requests::result;
use super::runs::{markdown, standing};
use crate::commands::status;
use crate::context::Context;
use crate::error::CliError;
use crate::parallel::RESULT;
use crate::view::{RunView, graph_of, plan_of, store_error};
use percent_encoding::percent_decode_str;
use regatta_engine::event::EventKind;
use regatta_journal::{PublicRun, Reader, RunId, StoreError, StoredEvent, Which, event_json};
use regatta_runtime::{collect, workspace};
use rmcp::model::{MetaObject, Resource, ResourceContents, ResourceTemplate};
use serde_json::json;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

/// Runs that are listed, the newest first.
const MAX_LISTED: usize = 50;
/// Events fetched at a time.
const PAGE: usize = 1_000;
/// One reading has at most so many bytes.
const MAX_BYTES: usize = 8 << 20;

/// What a page begins with, behind the name of its resource.
const OFFSET: &str = "?offset=";
/// Each part of a run, what it is, and its kind.
const PARTS: [(&str, &str, &str); 7] = [
    ("", "where the run stands", "application/json"),
    (
        "/result",
        "the whole result of the run, but for output and results of tasks of which head and tail are told",
        "application/json",
    ),
    ("/events", "all events of the run, one a line", "application/jsonl"),
    ("/report", "what the journal knows of the run, for people", "text/markdown"),
    ("/tasks/{task}/result", "what a task resulted in", "application/json"),
    ("/tasks/{task}/stdout", "what the last attempt of a task wrote", "text/plain"),
    ("/tasks/{task}/stderr", "what the last attempt of a task wrote as errors", "text/plain"),
];

/// The newest runs.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn list(context: &Context) -> Result<Vec<Resource>, Refused> {
    let Some(reader) = Reader::open(&context.workspace).map_err(store_error)? else { return Ok(Vec::new()) };
    let runs = reader.runs(MAX_LISTED).map_err(store_error)?;
    let resource = |run: regatta_journal::RunSummary| {
        let name = format!("run {}: {}", run.run_id, run.plan_name);
        Resource::new(uri(run.run_id.as_str(), ""), name).with_mime_type("application/json")
    };
    Ok(runs.into_iter().map(resource).collect())
}

/// What can be asked of each run.
pub(super) fn templates() -> Vec<ResourceTemplate> {
    let template = |(part, what, kind): (&str, &str, &str)| {
        ResourceTemplate::new(format!("{PREFIX}{{run_id}}{part}{{?offset}}"), what).with_mime_type(kind)
    };
    PARTS.into_iter().map(template).collect()
}

/// A piece of something long.
struct Piece {
    text: String,
    /// Bytes of the whole.
    of: u64,
    /// Where the next piece begins, if there is one.
    next: Option<u64>,
}

impl Piece {
    /// The piece of a text that begins at a byte.
    fn of(whole: &str, from: u64) -> Piece {
        let from = whole.ceil_char_boundary(usize::try_from(from).unwrap_or(usize::MAX).min(whole.len()));
        let end = whole.floor_char_boundary(from.saturating_add(MAX_BYTES).min(whole.len()));
        let next = (end < whole.len()).then_some(end as u64);
        Piece { text: whole[from..end].to_owned(), of: whole.len() as u64, next }
    }
}

/// One resource; `None` if there is none of that name.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn read(context: &Context, asked: &str) -> Result<Option<ResourceContents>, Refused> {
    let (name, from) = match asked.split_once(OFFSET).map(|(name, from)| (name, from.parse())) {
        None => (asked, 0),
        Some((name, Ok(from))) => (name, from),
        Some((_, Err(_))) => return Ok(None),
    };
    let Some(rest) = name.strip_prefix(PREFIX) else { return Ok(None) };
    let (run, part) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Some(reader) = Reader::open(&context.workspace).map_err(store_error)? else { return Ok(None) };
    let id = match reader.resolve(Which::Named(run)) {
        Ok(summary) => summary.run_id,
        Err(StoreError::NoSuchRun { .. } | StoreError::NoRuns { .. } | StoreError::BadRunId { .. }) => {
            return Ok(None);
        }
        Err(error) => return Err(store_error(error).into()),
    };
    let Some((piece, kind)) = piece(&reader, &id, (part, from))? else { return Ok(None) };
    let contents = ResourceContents::text(piece.text, asked).with_mime_type(kind);
    let Some(next) = piece.next else { return Ok(Some(contents)) };
    let mut meta = MetaObject::default();
    meta.insert("regatta/bytes".to_owned(), piece.of.into());
    meta.insert("regatta/next".to_owned(), json!(format!("{name}{OFFSET}{next}")));
    Ok(Some(contents.with_meta(meta)))
}

/// A piece of a part, and its kind.
fn piece(
    reader: &Reader,
    id: &RunId,
    (part, from): (&str, u64),
) -> Result<Option<(Piece, &'static str)>, Refused> {
    if let Some((task, stream)) = part.strip_prefix("/tasks/").and_then(|rest| rest.split_once('/')) {
        let task = percent_decode_str(task).decode_utf8_lossy().into_owned();
        let found = written(reader, id, (&task, stream), from)?;
        let kind = if stream == RESULT { "application/json" } else { "text/plain" };
        return Ok(found.map(|piece| (piece, kind)));
    }
    let Some((_, _, kind)) = PARTS.into_iter().find(|(name, ..)| *name == part) else { return Ok(None) };
    let text = match part {
        "/events" => return Ok(Some((events(reader, id, from)?, kind))),
        "/report" => markdown(reader, id)?,
        "/result" => {
            let view = RunView::load(reader, Which::Named(id.as_str()), &mut |_| {})?;
            result(reader, &view)?.unwrap_or_else(|| status::facts(reader, &view)).to_string()
        }
        _ => standing(reader, id)?.to_string(),
    };
    Ok(Some((Piece::of(&text, from), kind)))
}

fn events(reader: &Reader, id: &RunId, from: u64) -> Result<Piece, Refused> {
    let record = reader.run(id).map_err(store_error)?;
    let graph = graph_of(&plan_of(&record)?.0)?;
    let hash = &record.summary.schedule_plan_hash;
    let public = PublicRun { run_id: id.as_str(), schedule_plan_hash: hash, graph: &graph };
    let (mut text, mut pos, mut at, mut next) = (String::new(), 1, 0, None);
    loop {
        let page = reader.events(id, pos, PAGE).map_err(store_error)?;
        let Some(last) = page.last() else { break };
        pos = last.pos + 1;
        for stored in &page {
            let line = event_json(&public, stored) + "\n";
            // Whole lines only: a piece begins where one does.
            if at >= from && next.is_none() {
                match text.is_empty() || text.len() + line.len() <= MAX_BYTES {
                    true => text.push_str(&line),
                    false => next = Some(at),
                }
            }
            at += line.len() as u64;
        }
    }
    Ok(Piece { text, of: at, next })
}

/// A piece of what the last attempt of a task wrote, or resulted in.
fn written(
    reader: &Reader,
    id: &RunId,
    (task, part): (&str, &str),
    from: u64,
) -> Result<Option<Piece>, Refused> {
    let files = [(collect::STDOUT, collect::STDOUT), (collect::STDERR, collect::STDERR)];
    let files = files.into_iter().chain([(RESULT, collect::LARGE_RESULT)]);
    let Some((_, name)) = files.into_iter().find(|(asked, _)| *asked == part) else { return Ok(None) };
    let record = reader.run(id).map_err(store_error)?;
    let Some(wanted) = graph_of(&plan_of(&record)?.0)?.find(task) else { return Ok(None) };
    let (run_dir, mut dir, mut payload) = (reader.place().run_dir(id), None, None);
    let each = &mut |stored: StoredEvent| {
        if stored.event.kind.node() == Some(wanted) {
            match stored.event.kind {
                EventKind::DispatchStarted { attempt, .. } => {
                    dir = Some(workspace::attempt_dir(&run_dir, attempt.0));
                }
                EventKind::NodeReused { attempt, .. } => {
                    dir = Some(workspace::reused_dir(&run_dir, attempt.0));
                    payload = stored.payload;
                }
                EventKind::DispatchEnded { .. } | EventKind::Answered { .. } => payload = stored.payload,
                _ => {}
            }
        }
        Ok(())
    };
    reader.fold(id, each).map_err(store_error)?;
    // A result that is not long stands in the journal.
    if let Some(bytes) = payload.filter(|_| part == RESULT) {
        return Ok(Some(Piece::of(&String::from_utf8_lossy(&bytes), from)));
    }
    let Some(dir) = dir else { return Ok(None) };
    match File::open(dir.join(name)) {
        Ok(file) => Ok(Some(piece_of(file, from).map_err(unreadable)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && part == RESULT => Ok(None),
        // An attempt that wrote nothing has no file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(Piece::of("", 0))),
        Err(error) => Err(unreadable(error)),
    }
}

fn unreadable(error: io::Error) -> Refused {
    CliError::environment(format!("what the task wrote cannot be read: {error}")).into()
}

/// The piece of a file that begins at a byte; it ends with a whole letter.
fn piece_of(mut file: File, from: u64) -> io::Result<Piece> {
    let of = file.metadata()?.len();
    let from = from.min(of);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64).read_to_end(&mut bytes)?;
    if from + (bytes.len() as u64) < of {
        // A letter has four bytes at most, and all but the first of them look alike.
        let start = bytes.iter().rev().take(4).position(|byte| byte & 0xc0 != 0x80).unwrap_or(0);
        let letter = bytes.len().saturating_sub(start + 1);
        if bytes.get(letter).is_some_and(|byte| *byte >= 0xc0) {
            bytes.truncate(letter);
        }
    }
    let end = from + bytes.len() as u64;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Piece { text, of, next: (end < of).then_some(end) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_long_file_is_read_in_pieces_that_end_with_whole_letters_and_lose_nothing() {
        let mut file = tempfile::tempfile().unwrap();
        let text = format!("a{}", "é€😀".repeat(1_200_000));
        file.write_all(text.as_bytes()).unwrap();
        let (mut read, mut from, mut pieces) = (String::new(), 0, 0);
        loop {
            let piece = piece_of(file.try_clone().unwrap(), from).unwrap();
            assert!(piece.of == text.len() as u64 && piece.text.len() <= MAX_BYTES);
            read.push_str(&piece.text);
            pieces += 1;
            match piece.next {
                Some(next) => from = next,
                None => break,
            }
        }
        assert!(read == text && pieces == 2, "{pieces} pieces, {} of {} bytes", read.len(), text.len());
    }

    #[test]
    fn a_text_is_read_in_pieces_and_nothing_is_behind_its_end() {
        let text = "é".repeat(MAX_BYTES);
        let first = Piece::of(&text, 0);
        let second = Piece::of(&text, first.next.unwrap());
        assert!(second.next.is_none() && first.text + &second.text == text);
        assert_eq!(Piece::of("ab", 9).text, "");
    }
}
