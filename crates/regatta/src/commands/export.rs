//! `regatta export`: a plan drawn, for a document.

use crate::args::ExportArgs;
use crate::commands::plan::{prepared, told_of};
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::export::Drawing;
use crate::outputs::{refuse_named, replace};
use crate::overrides::Asked;
use crate::prediction::Predicted;
use crate::session::Show;
use crate::source;

/// Runs the verb.
///
/// # Errors
/// The plan cannot be read or is not valid, is too large for a picture, or the file is there already or cannot be written.
pub fn run(context: &Context, args: &ExportArgs) -> Result<Exit, CliError> {
    let view = args.view()?;
    let out_path = args.out.as_ref().map(|path| context.cwd.join(path));
    if let Some(path) = &out_path {
        refuse_named(path, args.force)?;
    }
    let asked = Asked::read(context, &args.caps)?;
    let source = source::load(context, &args.plan, &source::inputs(&args.inputs)?, Show::People)?;
    let mut overrides = asked.of(&source.plan)?;
    let part = source::part(source.plan, source::part_asked(&args.part).as_ref())?;
    let (mut plan, _) = prepared(context, (part, &mut overrides), &args.optimise)?;
    plan.keep_known_items();
    let plan = told_of(context, plan);
    let predicted = Predicted::of(&plan)?;
    let text = Drawing::new(&plan, &predicted).draw(args.format, view)?;
    match &out_path {
        Some(path) => replace(path, &text, args.force)?,
        None => out(&text),
    }
    Ok(Exit::Success)
}
