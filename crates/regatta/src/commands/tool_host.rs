//! `regatta tool-host`: holds the connections of a run to servers of tools. Hidden, because `run` and `resume` have it started.
//!
//! Needs no workspace and no plan.

use crate::args::ToolHostArgs;
use crate::error::CliError;
use crate::exit::Exit;
use regatta_runtime::escape::escape_path;
use regatta_runtime::tools;

/// Runs the verb.
///
/// # Errors
/// The socket cannot be made.
pub fn run(args: &ToolHostArgs) -> Result<Exit, CliError> {
    tools::host(&args.run)
        .map(|()| Exit::Success)
        .map_err(|e| CliError::environment(format!("tool host of `{}`: {e}", escape_path(&args.run))))
}
