//! `regatta status`: where a run stands.

use crate::args::StatusArgs;
use crate::commands::run::DETACHED_LOG;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escape::escape;
use crate::render::{count, escalations, landing, questions, standing, summary};
use crate::room::{self, Lack};
use crate::view::{RunView, reader, status, store_error};
use regatta_journal::{Holder, Reader, RunSummary, Which, rfc3339};
use regatta_runtime::control;
use regatta_runtime::landing::Report as Landing;
use serde_json::{Value, json};

/// Lines of a detached process that are shown.
const MAX_SAID: usize = 5;

/// Runs the verb.
///
/// # Errors
/// No such run, or the journal cannot be read.
pub fn run(context: &Context, args: &StatusArgs) -> Result<Exit, CliError> {
    let reader = reader(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::Newest, Which::Named);
    if !args.json
        && let Some(text) = told_by_the_run(&reader, which)?
    {
        out(&text);
        return Ok(Exit::Success);
    }
    let view = RunView::load(&reader, which, &mut |_| {})?;
    if args.json {
        out(&format!("{}\n", facts(&reader, &view)));
        return Ok(Exit::Success);
    }
    let said =
        std::fs::read_to_string(reader.place().run_dir(&view.record.summary.run_id).join(DETACHED_LOG));
    let lack = room::lack(&reader, &view);
    out(&text(&view, (view.live_children(&reader), lack.as_ref()), &said.unwrap_or_default()));
    Ok(Exit::Success)
}

/// Where a run stands, for programs.
#[must_use]
pub fn facts(reader: &Reader, view: &RunView) -> Value {
    let mut facts = summary::json(view);
    facts["status"] = view.status().into();
    if view.status() == "interrupted" {
        facts["live_children"] = view.live_children(reader).into();
    }
    let lack = room::lack(reader, view);
    lack.into_iter().for_each(|lack| facts["hint"] = lack.said.into());
    facts["plan_name"] = view.record.summary.plan_name.as_str().into();
    facts["orchestrator"] =
        view.holder.as_ref().map_or(json!(null), |h| json!({ "pid": h.pid, "host": h.host }));
    facts
}

/// What the orchestrator of a run says: it knows where the run stands, and nothing has to be read. None if there is
/// none, or if it does not answer at once.
fn told_by_the_run(reader: &Reader, which: Which<'_>) -> Result<Option<String>, CliError> {
    let summary = reader.resolve(which).map_err(store_error)?;
    let Some(holder) = reader.holder(&summary.run_id).map_err(store_error)? else { return Ok(None) };
    let status = status(summary.state, true);
    let dir = reader.place().run_dir(&summary.run_id);
    let told = control::stands(&dir).filter(|_| status != "interrupted");
    let id = summary.run_id.as_str();
    let landing = || Landing::read(&dir).map(|report| landing::text(&report, id)).unwrap_or_default();
    Ok(told.map(|told| head(&summary, status, Some(&holder)) + &told + &landing()))
}

fn head(summary: &RunSummary, status: &str, holder: Option<&Holder>) -> String {
    let plan = escape(&summary.plan_name);
    let mut text = format!("run {}  plan {plan}  {status}\n", summary.run_id);
    text.push_str(&format!("started {}", rfc3339(summary.created_wall_ms)));
    match holder {
        Some(holder) => text.push_str(&format!("  by process {} on {}\n", holder.pid, escape(&holder.host))),
        None => text.push('\n'),
    }
    text
}

fn text(view: &RunView, (live, lack): (u64, Option<&Lack>), said: &str) -> String {
    let mut text = head(&view.record.summary, view.status(), view.holder.as_ref());
    text.push_str(&standing::tasks(view.stand()));
    for line in said.lines().filter(|_| view.holder.is_none()).take(MAX_SAID) {
        text.push_str(&format!("  the detached process said: {}\n", escape(line)));
    }
    text.push_str(&questions::text(view.stand()));
    text.push_str(&escalations::below_questions(view.stand()));
    text.push_str(&summary::warnings(&view.engine, &view.warnings));
    let id = view.record.summary.run_id.as_str();
    text.push_str(&view.landing.as_ref().map(|report| landing::text(report, id)).unwrap_or_default());
    let cancelled = view.status() == "waiting" && view.has_nothing_left();
    if cancelled {
        text.push_str("  cancelled: nothing waits any more, and whoever resumes the run ends it\n");
        text.push_str(&summary::next(view));
    }
    if view.status() == "interrupted" {
        if live > 0 {
            let go = if live == 1 { "goes" } else { "go" };
            text.push_str(&format!("  {} {go} on without an orchestrator\n", count(live, "attempt")));
        }
        text.extend(lack.map(|lack| format!("  {}\n", lack.said)));
        text.push_str(&summary::next(view));
    }
    text
}
