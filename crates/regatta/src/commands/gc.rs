//! `regatta gc`: what nobody needs any more; shown first, removed only when asked for.
//!
//! What may go is decided in the runtime.

use crate::args::GcArgs;
use crate::config::Config;
use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::origin::{Origin, Valued};
use crate::render::escape::{escape, escape_path};
use crate::render::{bytes, count};
use crate::view::{status, store_error};
use regatta_journal::{NotRemoved, Reader, RunId, StoreError, rfc3339};
use regatta_plan::parse_duration_ms;
use regatta_runtime::gc::{self, Done, Fate, Found, Kept, Policy};
use regatta_runtime::orchestrator::now_wall_ms;
use regatta_runtime::run_error::RunError;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Runs that are to go and are listed one by one.
const MAX_LISTED: usize = 50;

/// Runs the verb.
///
/// # Errors
/// A bound means nothing, the journal cannot be read, another process removes, or something cannot be removed.
pub fn run(context: &Context, args: &GcArgs) -> Result<Exit, CliError> {
    let (policy, words) = policy(context, args)?;
    let reader = Reader::open_to_write(&context.workspace).map_err(not_stored)?;
    let mut found = match &reader {
        Some(reader) => gc::look(reader, &context.workspace, &policy).map_err(run_error)?,
        None => Found::default(),
    };
    let held = match &reader {
        Some(reader) => held(reader, &found)?,
        None => BTreeSet::new(),
    };
    drop(reader);
    let done = match args.delete {
        true => Some(gc::remove(&context.workspace, &mut found, now_wall_ms()).map_err(run_error)?),
        false => None,
    };
    out(&if args.json {
        json((&found, &held), done.as_ref())
    } else {
        text(&found, done.as_ref(), (&words, &again(args)))
    });
    let failed = done.iter().flat_map(|done| &done.failed);
    let mut exit = Exit::Success;
    for (path, why) in failed {
        err(&format!("error: cannot remove `{}`: {why}\n", escape_path(path)));
        exit = Exit::Environment;
    }
    Ok(exit)
}

fn run_error(error: RunError) -> CliError {
    match error {
        RunError::Store(error) => not_stored(error),
        other => CliError::environment(other.to_string()),
    }
}

/// No run stopped for what does not fit: there is none to be resumed.
fn not_stored(error: StoreError) -> CliError {
    match error {
        full @ StoreError::DiskFull { .. } => CliError::environment(full.to_string())
            .hint("make a little room by hand, then the same command again; no run is half removed"),
        other => store_error(other),
    }
}

/// The runs that somebody orchestrates.
fn held(reader: &Reader, found: &Found) -> Result<BTreeSet<RunId>, CliError> {
    let open = found.runs.iter().map(|fate| &fate.run).filter(|run| !run.state.has_ended());
    let mut held = BTreeSet::new();
    for run in open {
        if reader.holder(&run.run_id).map_err(not_stored)?.is_some() {
            held.insert(run.run_id.clone());
        }
    }
    Ok(held)
}

/// Options over variables over settings over defaults; and how long is long, for people.
fn policy(context: &Context, args: &GcArgs) -> Result<(Policy, String), CliError> {
    let config = Config::read(context)?;
    let number = config.get("gc.keep").and_then(|valued| valued.value.as_u64()).unwrap_or(20);
    let keep = args.keep.unwrap_or(u32::try_from(number).unwrap_or(u32::MAX));
    let given = args.older_than.as_ref().map(|text| {
        let origin = Origin::Flag("--older-than".to_owned());
        Valued { value: Value::String(text.clone()), origin }
    });
    let long = given.or_else(|| config.get("gc.older_than").cloned());
    let text = long.as_ref().and_then(|valued| valued.value.as_str()).unwrap_or("30d");
    let older_than_ms = parse_duration_ms(text).ok_or_else(|| {
        CliError::usage(format!("`--older-than {}` is no duration", text.escape_debug()))
            .hint("write a number with a unit, such as `12h` or `30d`")
    })?;
    let policy = Policy { keep: keep as usize, older_than_ms, now_wall_ms: now_wall_ms() };
    Ok((policy, format!("kept are the newest {keep} and what ended within {text}")))
}

/// Why a run is kept, as a code and for people.
fn why(kept: &Kept) -> (&'static str, String) {
    match kept {
        Kept::Open => ("open", "has not ended".to_owned()),
        Kept::Lives => ("alive", "a process of it lives".to_owned()),
        Kept::Leases => ("leases", "holds leases".to_owned()),
        Kept::NeededBy(run) => ("needed", format!("run {run}, which has not ended, needs it")),
        Kept::CachedFor(run) => ("cache", format!("run {run} took cached outcomes of it")),
        Kept::Newest => ("newest", "among the newest".to_owned()),
        Kept::Recent => ("recent", "ended lately".to_owned()),
        Kept::Beside => {
            ("beside", "the last one beside directories of runs that the journal does not know".to_owned())
        }
        Kept::Changed(NotRemoved::Gone) => ("gone", "somebody else removed it".to_owned()),
        Kept::Changed(NotRemoved::Open) => ("open", "has not ended".to_owned()),
        Kept::Changed(NotRemoved::Held) => ("alive", "somebody holds it".to_owned()),
        Kept::Changed(NotRemoved::Needed) => ("needed", "a new run needs it".to_owned()),
    }
}

/// The command that removes what was shown.
fn again(args: &GcArgs) -> String {
    let keep = args.keep.map_or(String::new(), |n| format!(" --keep {n}"));
    let long = args.older_than.as_ref().map_or(String::new(), |text| format!(" --older-than {text}"));
    format!("regatta gc --delete{keep}{long}")
}

fn text(found: &Found, done: Option<&Done>, (policy, again): (&str, &str)) -> String {
    let mut text = String::new();
    let verb = if done.is_some() { "removed" } else { "would go" };
    let gone: Vec<&Fate> = found.to_go().collect();
    for fate in gone.iter().take(MAX_LISTED) {
        text.push_str(&format!("{verb}  {}\n", line(fate)));
    }
    if gone.len() > MAX_LISTED {
        text.push_str(&format!("{verb}  … and {} more\n", count((gone.len() - MAX_LISTED) as u64, "run")));
    }
    for file in &found.files {
        text.push_str(&format!(
            "{verb}  {}  {:>9}  {}\n",
            escape_path(&file.path),
            bytes(file.bytes),
            file.what
        ));
    }
    for fate in &found.runs {
        // The newest and the recent ones are what anybody expects.
        if let Some(kept) =
            fate.kept.as_ref().filter(|kept| !matches!(kept, Kept::Newest | Kept::Recent | Kept::Open))
        {
            text.push_str(&format!("kept     {}  {}\n", fate.run.run_id, why(kept).1));
        }
    }
    for dir in &found.unknown {
        text.push_str(&format!("unknown  {}: the journal has no such run; left alone\n", escape_path(dir)));
    }
    let sum: u64 = gone.iter().map(|fate| fate.bytes).chain(found.files.iter().map(|file| file.bytes)).sum();
    let runs = count(gone.len() as u64, "run");
    let files = count(found.files.len() as u64, "file");
    match done {
        Some(done) => {
            let database = match done.database_bytes {
                0 => String::new(),
                n => format!(", and {} of the database", bytes(n)),
            };
            text.push_str(&format!("{runs} and {files} removed: {}{database}\n", bytes(done.bytes)));
        }
        None if gone.is_empty() && found.files.is_empty() => {
            text.push_str(&format!(
                "nothing to remove of {}: {policy}\n",
                count(found.runs.len() as u64, "run")
            ));
        }
        None => {
            text.push_str(&format!("{runs} and {files} would go: {}; {policy}\n", bytes(sum)));
            text.push_str(&format!("nothing was removed; next: {again}\n"));
        }
    }
    text
}

fn line(fate: &Fate) -> String {
    let run = &fate.run;
    let ended = run.ended_wall_ms.map_or_else(|| "-".to_owned(), rfc3339);
    let status = status(run.state, false);
    format!("{}  {status:<9}  {ended}  {:>9}  {}", run.run_id, bytes(fate.bytes), escape(&run.plan_name))
}

fn json((found, held): (&Found, &BTreeSet<RunId>), done: Option<&Done>) -> String {
    let row = |fate: &Fate| {
        json!({
            "run_id": fate.run.run_id.as_str(),
            "plan_name": fate.run.plan_name,
            "status": status(fate.run.state, held.contains(&fate.run.run_id)),
            "ended_at": fate.run.ended_wall_ms.map(rfc3339),
            "bytes": fate.bytes,
            "kept": fate.kept.as_ref().map(|kept| why(kept).0),
        })
    };
    let facts = json!({
        "deleted": done.is_some(),
        "runs": found.runs.iter().map(row).collect::<Vec<Value>>(),
        "files": found.files.iter().map(|f| json!({ "path": f.path.display().to_string(), "bytes": f.bytes, "what": f.what })).collect::<Vec<_>>(),
        "unknown": found.unknown.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>(),
        "freed_bytes": done.map(|done| done.bytes + done.database_bytes),
    });
    format!("{facts}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_full_disk_it_speaks_of_itself_and_of_no_run() {
        let error = not_stored(StoreError::DiskFull { path: "db".into() });
        assert_eq!(error.exit, Exit::Environment);
        assert!(
            error
                .hint
                .is_some_and(|hint| hint.contains("the same command again") && !hint.contains("resume"))
        );
    }
}
