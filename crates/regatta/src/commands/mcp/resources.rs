//! Runs as resources: where they stand, their results, events and reports.

use super::desk::Refused;
use super::requests::result;
use super::runs::{markdown, standing};
use crate::context::Context;
use crate::view::{engine_of, plan_of, reader, store_error};
use regatta_journal::{PublicRun, Reader, RunId, Which, event_json};
use rmcp::model::{Resource, ResourceContents, ResourceTemplate};

/// Runs that are listed, the newest first.
const MAX_LISTED: usize = 50;
/// Events fetched at a time.
const PAGE: usize = 1_000;
/// A resource has at most so many bytes: what is behind is cut off.
const MAX_BYTES: usize = 8 << 20;

const PREFIX: &str = "regatta://runs/";
/// Each part of a run, what it is, and its kind.
const PARTS: [(&str, &str, &str); 4] = [
    ("", "where the run stands", "application/json"),
    ("/result", "the whole result of the run", "application/json"),
    ("/events", "all events of the run, one a line", "application/jsonl"),
    ("/report", "what the journal knows of the run, for people", "text/markdown"),
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
        Resource::new(format!("{PREFIX}{}", run.run_id), name).with_mime_type("application/json")
    };
    Ok(runs.into_iter().map(resource).collect())
}

/// What can be asked of each run.
pub(super) fn templates() -> Vec<ResourceTemplate> {
    let template = |(part, what, kind): (&str, &str, &str)| {
        ResourceTemplate::new(format!("{PREFIX}{{run_id}}{part}"), what).with_mime_type(kind)
    };
    PARTS.into_iter().map(template).collect()
}

/// One resource; `None` if there is none of that name.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn read(context: &Context, uri: &str) -> Result<Option<ResourceContents>, Refused> {
    let Some(rest) = uri.strip_prefix(PREFIX) else { return Ok(None) };
    let (run, part) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Some((_, _, kind)) = PARTS.into_iter().find(|(name, ..)| *name == part) else { return Ok(None) };
    let reader = reader(&context.workspace)?;
    let id = reader.resolve(Which::Named(run)).map_err(store_error)?.run_id;
    let mut text = match part {
        "/events" => events(&reader, &id)?,
        "/report" => markdown(&reader, &id)?,
        "/result" => result(&reader, &id)?.map_or_else(|| standing(&reader, &id), Ok)?.to_string(),
        _ => standing(&reader, &id)?.to_string(),
    };
    text.truncate(text.floor_char_boundary(MAX_BYTES));
    Ok(Some(ResourceContents::text(text, uri).with_mime_type(kind)))
}

fn events(reader: &Reader, id: &RunId) -> Result<String, Refused> {
    let record = reader.run(id).map_err(store_error)?;
    let engine = engine_of(&plan_of(&record)?.0)?;
    let hash = &record.summary.schedule_plan_hash;
    let public = PublicRun { run_id: id.as_str(), schedule_plan_hash: hash, graph: engine.graph() };
    let (mut text, mut from) = (String::new(), 1);
    while text.len() < MAX_BYTES {
        let page = reader.events(id, from, PAGE).map_err(store_error)?;
        let Some(last) = page.last() else { break };
        from = last.pos + 1;
        page.iter().for_each(|stored| text.extend([event_json(&public, stored).as_str(), "\n"]));
    }
    Ok(text)
}
