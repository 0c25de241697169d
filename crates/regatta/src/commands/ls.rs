//! `regatta ls`: the runs of a workspace, newest first, in the order in which they were recorded: what is called the newest run
//! elsewhere is the first here, whenever it started and whatever the clock said.

use crate::args::LsArgs;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escape::escape;
use crate::view::{live_children, status, store_error};
use regatta_journal::{Reader, RunSummary, rfc3339};
use serde_json::{Value, json};

/// Runs the verb. A workspace without runs is an empty list.
///
/// # Errors
/// The journal cannot be read.
pub fn run(context: &Context, args: &LsArgs) -> Result<Exit, CliError> {
    let Some(reader) = Reader::open(&context.workspace).map_err(store_error)? else {
        out(if args.json { "[]\n" } else { "no run was ever started here\n" });
        return Ok(Exit::Success);
    };
    let mut rows = Vec::new();
    for run in reader.runs(args.limit as usize).map_err(store_error)? {
        let held = !run.state.has_ended() && reader.holder(&run.run_id).map_err(store_error)?.is_some();
        rows.push((status(run.state, held), run));
    }
    if args.json {
        let list: Vec<Value> = rows.iter().map(|(status, run)| row(status, run)).collect();
        out(&format!("{}\n", Value::Array(list)));
        return Ok(Exit::Success);
    }
    let mut text = String::new();
    for (status, run) in rows {
        let started = rfc3339(run.started_wall_ms.unwrap_or(run.created_wall_ms));
        let live = if status == "interrupted" { live_children(&reader, &run.run_id) } else { 0 };
        let live = if live > 0 { format!("  ({live} live)") } else { String::new() };
        let name = escape(&run.plan_name);
        text.push_str(&format!("{}  {status:<11}  {started}  {name}{live}\n", run.run_id));
    }
    out(&text);
    Ok(Exit::Success)
}

fn row(status: &str, run: &RunSummary) -> Value {
    json!({
        "run_id": run.run_id.as_str(),
        "plan_name": run.plan_name,
        "status": status,
        "started_at": run.started_wall_ms.map(rfc3339),
        "ended_at": run.ended_wall_ms.map(rfc3339),
    })
}
