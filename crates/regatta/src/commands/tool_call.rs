//! `regatta tool-call`: calls one tool. Hidden, because an attempt is started as it.
//!
//! Needs no workspace: it is told everything, and the workspace is where it is started.

use crate::args::ToolCallArgs;
use crate::error::CliError;
use crate::exit::Exit;
use regatta_runtime::tools;
use std::path::PathBuf;

/// Runs the verb.
///
/// # Errors
/// There is no order, or nowhere to put what came of it.
pub fn run(args: &ToolCallArgs) -> Result<Exit, CliError> {
    let result = std::env::var_os("REGATTA_RESULT").map(PathBuf::from);
    let result =
        result.ok_or_else(|| CliError::usage("`tool-call` is started by a keeper, with REGATTA_RESULT"))?;
    match tools::call(&args.dir, &result) {
        Ok(true) => Ok(Exit::Success),
        Ok(false) => Ok(Exit::Failed),
        Err(error) => Err(CliError::environment(format!("the tool cannot be called: {error}"))),
    }
}
