//! `regatta post-mortem`: what the journal knows of a run, as a report in Markdown or JSON.

use crate::analyze::{epic_id, outputs};
use crate::args::PostMortemArgs;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::post_mortem::{self, Gathered};
use crate::render::escape::escape;
use crate::view::{RunView, reader};
use regatta_journal::Which;
use regatta_plan::is_id;

/// Where post-mortems lie, relative to the workspace.
const DIR: &str = ".workflow/post-mortem";

/// Runs the verb.
///
/// # Errors
/// No such run, the journal cannot be read, or the file cannot be written.
pub fn run(context: &Context, args: &PostMortemArgs) -> Result<Exit, CliError> {
    let reader = reader(&context.workspace)?;
    let which = args.run.as_deref().map_or(Which::Newest, Which::Named);
    let mut gathered = Gathered::default();
    let view = RunView::load(&reader, which, &mut |stored| gathered.push(stored))?;
    let report = post_mortem::of(&view, &gathered).of_epic(epic_id(args.epic.as_deref())?);
    let text = if args.json {
        let json = serde_json::to_string_pretty(&report);
        json.map_err(|e| CliError::environment(format!("the report cannot be written as JSON: {e}")))? + "\n"
    } else {
        post_mortem::text(&report)
    };
    if args.write {
        return write(context, (report.epic_id(), &text), args.force);
    }
    let Some(path) = &args.out else {
        out(&text);
        return Ok(Exit::Success);
    };
    std::fs::write(context.cwd.join(path), text)
        .map_err(|e| CliError::environment(format!("cannot write `{}`: {e}", path.display())))?;
    Ok(Exit::Success)
}

/// Writes it under the id of its epic; what a person may have written into it since stays.
fn write(context: &Context, (epic, text): (&str, &str), force: bool) -> Result<Exit, CliError> {
    if !is_id(epic) {
        let message = format!("the epic `{epic}` of the plan is not an id, so no file can be called so");
        return Err(CliError::usage(message).hint("name it: `--epic ID`"));
    }
    let path = context.workspace.join(DIR).join(format!("{epic}.md"));
    if !force {
        outputs::refuse_present(std::slice::from_ref(&path))?;
    }
    outputs::directory(&context.workspace, DIR)?;
    outputs::write(&path, text, force)?;
    out(&format!("wrote {}\n", escape(&format!("{DIR}/{epic}.md"))));
    Ok(Exit::Success)
}
