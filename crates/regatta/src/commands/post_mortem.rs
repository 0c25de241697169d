//! `regatta post-mortem`: what the journal knows of a run, as a report in Markdown or JSON.

use crate::analyze::epic_id;
use crate::args::PostMortemArgs;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::outputs::{refuse_named, replace};
use crate::post_mortem::{self, Gathered, kept, refuse_kept};
use crate::render::escape::escape;
use crate::view::{RunView, reader};
use regatta_journal::Which;

/// Runs the verb.
///
/// # Errors
/// No such run, the journal cannot be read, the file is there already or cannot be written, or an agent that is asked gives no judgement.
pub fn run(context: &Context, args: &PostMortemArgs) -> Result<Exit, CliError> {
    let reader = reader(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::Newest, Which::Named);
    let mut gathered = Gathered::default();
    let view = RunView::load(&reader, which, &mut |stored| gathered.push(stored))?;
    let report = post_mortem::of(&view, &gathered).of_epic(epic_id(args.epic.as_deref())?);
    if args.write {
        // Before an agent is paid.
        refuse_kept(context, report.epic_id(), args.force)?;
    }
    let out_path = args.out.as_ref().map(|path| context.cwd.join(path));
    if let Some(path) = &out_path {
        refuse_named(path, args.force)?;
    }
    let report = match &args.agent {
        Some(agent) => post_mortem::judged(context, &view, (report, agent))?,
        None => report,
    };
    let text = if args.json {
        let json = serde_json::to_string_pretty(&report);
        json.map_err(|e| CliError::environment(format!("the report cannot be written as JSON: {e}")))? + "\n"
    } else {
        post_mortem::text(&report)
    };
    if args.write {
        let name = kept(context, (report.epic_id(), &text), args.force)?;
        out(&format!("wrote {}\n", escape(&name)));
        return Ok(Exit::Success);
    }
    match &out_path {
        Some(path) => replace(path, &text, args.force)?,
        None => out(&text),
    }
    Ok(Exit::Success)
}
