//! `regatta status`: where a run stands.

use crate::args::StatusArgs;
use crate::commands::run::DETACHED_LOG;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escalations;
use crate::render::escape::escape;
use crate::render::landing;
use crate::render::why::why;
use crate::render::{count, summary};
use crate::view::{RunView, reader};
use regatta_journal::{Which, rfc3339};
use serde_json::json;

/// Lines of a detached process that are shown.
const MAX_SAID: usize = 5;
/// Tasks that are listed.
const MAX_LISTED: usize = 200;

/// Runs the verb.
///
/// # Errors
/// No such run, or the journal cannot be read.
pub fn run(context: &Context, args: &StatusArgs) -> Result<Exit, CliError> {
    let reader = reader(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::Newest, Which::Named);
    let view = RunView::load(&reader, which, &mut |_| {})?;
    if args.json {
        let mut facts = summary::json(&view);
        facts["status"] = view.status().into();
        if view.status() == "interrupted" {
            facts["live_children"] = view.live_children(&reader).into();
        }
        facts["plan_name"] = view.record.summary.plan_name.as_str().into();
        facts["orchestrator"] =
            view.holder.as_ref().map_or(json!(null), |h| json!({ "pid": h.pid, "host": h.host }));
        out(&format!("{facts}\n"));
        return Ok(Exit::Success);
    }
    let said =
        std::fs::read_to_string(reader.place().run_dir(&view.record.summary.run_id).join(DETACHED_LOG));
    out(&text(&view, view.live_children(&reader), &said.unwrap_or_default()));
    Ok(Exit::Success)
}

fn text(view: &RunView, live: u64, said: &str) -> String {
    let id = view.record.summary.run_id.as_str();
    let graph = view.engine.graph();
    let mut text = format!("run {id}  plan {}  {}\n", escape(&view.record.summary.plan_name), view.status());
    text.push_str(&format!("started {}", rfc3339(view.record.summary.created_wall_ms)));
    match &view.holder {
        Some(holder) => text.push_str(&format!("  by process {} on {}\n", holder.pid, escape(&holder.host))),
        None => text.push('\n'),
    }
    let width = graph.order().iter().take(MAX_LISTED).map(|&n| graph.name(n).len()).max().unwrap_or(0);
    for &node in graph.order().iter().take(MAX_LISTED) {
        let why = why(view, node);
        let state = view.engine.state().node(node).state_name();
        let why = if why == state { String::new() } else { why };
        let line = format!("  {:width$}  {state:<13}  {why}", graph.name(node));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if graph.len() > MAX_LISTED {
        text.push_str(&format!("  … and {} more\n", graph.len() - MAX_LISTED));
    }
    for line in said.lines().filter(|_| view.holder.is_none()).take(MAX_SAID) {
        text.push_str(&format!("  the detached process said: {}\n", escape(line)));
    }
    text.push_str(&view.landing.as_ref().map(landing::text).unwrap_or_default());
    text.push_str(&escalations::text(view));
    if view.status() == "interrupted" {
        if live > 0 {
            let go = if live == 1 { "goes" } else { "go" };
            text.push_str(&format!("  {} {go} on without an orchestrator\n", count(live, "attempt")));
        }
        text.push_str(&summary::next(view));
    }
    text
}
