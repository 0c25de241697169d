//! `regatta export`: a plan drawn, for a document.

use crate::args::ExportArgs;
use crate::commands::plan::{prepared, write};
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::export::Drawing;
use crate::overrides::Overrides;
use crate::prediction::Predicted;
use crate::session::Show;
use crate::source;

/// Runs the verb.
///
/// # Errors
/// The plan cannot be read or is not valid, is too large for a picture, or the file cannot be written.
pub fn run(context: &Context, args: &ExportArgs) -> Result<Exit, CliError> {
    let view = args.view()?;
    let mut overrides = Overrides::parse(&args.caps)?;
    let source = source::load(context, &args.plan, &source::inputs(&args.inputs)?, Show::People)?;
    overrides.check(&source.plan)?;
    let (plan, _) = prepared(context, (&source.plan, &mut overrides), &args.optimise)?;
    let predicted = Predicted::of(&plan)?;
    let text = Drawing::new(&plan, &predicted).draw(args.format, view)?;
    match &args.out {
        Some(path) => write(context, path, &text)?,
        None => out(&text),
    }
    Ok(Exit::Success)
}
