//! `regatta keeper`: owns the processes of a run. Hidden, because `run` and `resume` start it.
//!
//! Needs no workspace and no plan.

use crate::args::KeeperArgs;
use crate::error::CliError;
use crate::exit::Exit;
use regatta_runtime::escape::escape_path;
use regatta_runtime::keeper::{self, Terms};

/// Runs the verb.
///
/// # Errors
/// Another keeper owns the run, or the system refused something.
pub fn run(args: &KeeperArgs) -> Result<Exit, CliError> {
    let terms = Terms { containment: args.containment.into(), open_files: args.open_files };
    keeper::serve(&args.run_dir, terms)
        .map(|()| Exit::Success)
        .map_err(|e| CliError::environment(format!("keeper of `{}`: {e}", escape_path(&args.run_dir))))
}
