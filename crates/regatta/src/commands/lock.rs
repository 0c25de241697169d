//! `regatta lock acquire | release`, from inside a running task, and `regatta locks`, from anywhere.
//!
//! The orchestrator of the run decides; a task that is told nothing holds nothing.

use crate::args::{LockArgs, LockVerb, LocksArgs};
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escape::escape;
use crate::view::store_error;
use regatta_journal::{LeaseKind, LeaseRow, rfc3339};
use regatta_runtime::control::{self, Command, Reply, Wanted};
use regatta_runtime::{leases, workspace};
use serde_json::{Value, json};

/// `regatta lock`
///
/// # Errors
/// Not inside a task, what is asked for does not exist, nobody orchestrates its run, or waiting would never end.
pub fn run(context: &Context, args: &LockArgs) -> Result<Exit, CliError> {
    out(&format!("{}\n", ask(context, &args.verb)?));
    Ok(Exit::Success)
}

/// Asks the orchestrator of the run in whose task we are. Answers what it says.
///
/// # Errors
/// Not inside a task, what is asked for does not exist, nobody orchestrates its run, or waiting would never end.
pub fn ask(context: &Context, verb: &LockVerb) -> Result<String, CliError> {
    refuse_nothing(verb)?;
    let (Some(run), Some(task)) = (variable("REGATTA_RUN_ID"), variable("REGATTA_TASK_ID")) else {
        return Err(CliError::usage("`regatta lock` is for running tasks, and this is none")
            .hint("a plan claims leases by `locks`; `regatta locks` lists them"));
    };
    let command = match verb {
        LockVerb::Acquire { names, shared, units } => Command::Acquire {
            task: task.clone(),
            wants: names
                .iter()
                .map(|name| Wanted { name: name.clone(), shared: *shared, units: *units })
                .collect(),
        },
        LockVerb::Release { names } => Command::Release { task: task.clone(), names: names.clone() },
    };
    let answer = control::ask(&workspace::run_dir(&context.workspace, &run), &command);
    match answer.map_err(|e| CliError::environment(format!("run {run} does not answer: {e}")))? {
        Some(Reply::Done(said)) => Ok(said),
        Some(Reply::Endless(why)) => Err(CliError::new(Exit::Failed, why)
            .hint("nothing is held; give back what others wait for, or try again later")),
        Some(Reply::Refused(why)) => Err(CliError::usage(why)),
        None | Some(Reply::Streams { .. } | Reply::Stands(_) | Reply::Permission { .. }) => {
            Err(CliError::environment(format!("nobody orchestrates run {run}"))
                .hint("after `regatta resume` ask again; what had been granted already stays with the task"))
        }
    }
}

/// A claim of no units or of no name is a slip.
fn refuse_nothing(verb: &LockVerb) -> Result<(), CliError> {
    let (LockVerb::Acquire { names, .. } | LockVerb::Release { names }) = verb;
    if names.iter().any(String::is_empty) {
        return Err(CliError::usage("a lease without a name is nobody's"));
    }
    match verb {
        LockVerb::Acquire { units: Some(0), .. } => Err(CliError::usage("`--units 0` claims nothing")),
        LockVerb::Acquire { .. } | LockVerb::Release { .. } => Ok(()),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `regatta locks`
///
/// # Errors
/// The leases cannot be read.
pub fn list(context: &Context, args: &LocksArgs) -> Result<Exit, CliError> {
    let mut rows = leases::all(&context.workspace).map_err(store_error)?;
    rows.sort_by(|a, b| (&a.want.name, a.ticket, &a.who).cmp(&(&b.want.name, b.ticket, &b.who)));
    if args.json {
        let rows: Vec<Value> = rows.iter().map(|row| json_row(context, row)).collect();
        out(&format!("{}\n", Value::Array(rows)));
        return Ok(Exit::Success);
    }
    if rows.is_empty() {
        out("no lease is held\n");
    }
    for row in &rows {
        let (name, task) = (escape(&row.want.name), escape(&row.who.task));
        let since = rfc3339(row.since_wall_ms);
        let of = format!("{task} of run {}", row.who.run);
        let line = match row.epoch {
            Some(epoch) => format!("{name}  {}  held by {of} since {since}  (epoch {epoch})", mode(row).0),
            None => format!("{name}  {}  wanted by {of} since {since}", mode(row).0),
        };
        let dead = if lives(context, row) { "" } else { "  (its run is dead: free for whoever asks)" };
        out(&format!("{line}{dead}\n"));
    }
    Ok(Exit::Success)
}

fn lives(context: &Context, row: &LeaseRow) -> bool {
    leases::lives(&workspace::run_dir(&context.workspace, &row.who.run))
}

fn mode(row: &LeaseRow) -> (String, Option<u32>) {
    match row.want.kind {
        LeaseKind::Shared => ("shared".to_owned(), None),
        LeaseKind::Exclusive => ("exclusive".to_owned(), None),
        LeaseKind::Units { units, capacity } => (format!("{units} of {capacity}"), Some(units)),
    }
}

fn json_row(context: &Context, row: &LeaseRow) -> Value {
    let kind = if mode(row).1.is_some() { "units".to_owned() } else { mode(row).0 };
    json!({
        "name": row.want.name,
        "mode": kind,
        "units": mode(row).1,
        "state": if row.epoch.is_some() { "held" } else { "waiting" },
        "run_id": row.who.run,
        "task": row.who.task,
        "priority": row.priority,
        "by_attempt": row.by_attempt,
        "epoch": row.epoch,
        "since": rfc3339(row.since_wall_ms),
        "alive": lives(context, row),
    })
}
