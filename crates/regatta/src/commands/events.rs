//! `regatta events`: the events of a run as JSON lines, in order of arrival or as the canonical log.

use crate::args::EventsArgs;
use crate::context::{Context, out, try_out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::snapshots::Collector;
use crate::view::{RunView, engine_of, plan_of, reader, store_error};
use regatta_journal::{PublicRun, Which, event_json};
use std::time::Duration;

/// Events fetched at a time.
const PAGE: usize = 1_000;
/// Between two looks while following.
const LOOK: Duration = Duration::from_millis(200);

/// Runs the verb.
///
/// # Errors
/// No such run, or the journal cannot be read.
pub fn run(context: &Context, args: &EventsArgs) -> Result<Exit, CliError> {
    let reader = reader(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::Newest, Which::Named);
    if args.canonical {
        let mut log = Collector::default();
        let view = RunView::load(&reader, which, &mut |stored| log.push(&stored.event))?;
        let [_, events, _] = log.files(&view.engine);
        // Its bytes are promised. A reader that went away has seen enough.
        let _ = try_out(&events);
        return Ok(Exit::Success);
    }
    let id = reader.resolve(which).map_err(store_error)?.run_id;
    let record = reader.run(&id).map_err(store_error)?;
    let engine = engine_of(&plan_of(&record)?.0)?;
    let public = PublicRun {
        run_id: id.as_str(),
        schedule_plan_hash: &record.summary.schedule_plan_hash,
        graph: engine.graph(),
    };
    let mut from = 1;
    loop {
        let ended = reader.summary(&id).map_err(store_error)?.state.has_ended();
        loop {
            let page = reader.events(&id, from, PAGE).map_err(store_error)?;
            let Some(last) = page.last() else { break };
            from = last.pos + 1;
            let text: String = page.iter().map(|e| event_json(&public, e) + "\n").collect();
            out(&text);
        }
        if ended || !args.follow {
            return Ok(Exit::Success);
        }
        std::thread::sleep(LOOK);
    }
}
