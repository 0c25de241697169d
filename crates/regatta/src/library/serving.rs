//! What our program, and one that embeds us, does when it is started as a helper of a run.
//!
//! The one place of the library that reads the arguments of the process.

use super::program::{Program, about};
use crate::args::{Cli, Verb};
use crate::commands;
use crate::context::{err, try_out};
use crate::error::CliError;
use crate::exit::Exit;
use clap::Parser as _;
use regatta_runtime::keeper::HELPER;
use regatta_runtime::redact::Redactor;
use std::ffi::OsString;
use std::process::ExitCode;

/// The word behind [`HELPER`] that asks a program who it is.
pub(super) const ABOUT: &str = "about";

/// Makes this program its own keeper of runs: call it first thing in `main`, and give what it answers to
/// [`crate::Config::program`].
///
/// A run has helpers: processes that own its tasks and outlive a crash of this one. They are this program, started
/// again with `regatta-helper` as its first argument. In such a process this function does the helper's work, which lasts
/// as long as the run, and answers the exit code as an error: leave `main` with it. Otherwise it does nothing and
/// answers the program.
///
/// What stands before the call in `main` is done in helpers too, so nothing should.
///
/// # Errors
/// This process was a helper, and has done its work.
///
/// ```standalone_crate
/// use regatta::{Config, Orchestrator};
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     let program = match regatta::serve_itself() {
///         Ok(program) => program,
///         Err(code) => return code,
///     };
///     let dir = tempfile::tempdir().unwrap();
///     let regatta = Orchestrator::new(dir.path(), Config::new().program(program)).unwrap();
///     let run = regatta.execute("version: 1\ntasks: [ { id: hello, run: echo hello } ]").unwrap();
///     assert!(run.wait().unwrap().is_success());
///     ExitCode::SUCCESS
/// }
/// ```
pub fn serve_itself() -> Result<Program, ExitCode> {
    let args: Vec<OsString> = std::env::args_os().collect();
    match helper_arguments(&args) {
        None => Ok(Program::itself()),
        Some(args) => Err(serve(args)),
    }
}

/// The arguments of a helper, ours first; none if this process is none.
#[must_use]
pub fn helper_arguments(args: &[OsString]) -> Option<Vec<OsString>> {
    let (own, rest) = args.split_first()?;
    let (_, rest) = rest.split_first().filter(|(first, _)| *first == HELPER)?;
    Some(std::iter::once(own).chain(rest).cloned().collect())
}

/// Does the work of a helper.
#[must_use]
pub fn serve(args: Vec<OsString>) -> ExitCode {
    if args.get(1).is_some_and(|word| word == ABOUT) {
        // Whoever asked may have gone away.
        let _ = try_out(format!("{}\n", about()).as_bytes());
        return Exit::Success.into();
    }
    let done = match Cli::try_parse_from(args).map(|cli| cli.verb) {
        Ok(Verb::Keeper(args)) => commands::keeper::run(&args),
        Ok(Verb::AcpAgent(args)) => commands::acp_agent::run(&args),
        Ok(Verb::ToolCall(args)) => commands::tool_call::run(&args),
        Ok(Verb::ToolHost(args)) => commands::tool_host::run(&args),
        _ => Err(CliError::usage("this version knows no such helper")),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            // What others said may be in it.
            err(&(Redactor::default().text(error.to_string()) + "\n"));
            error.exit.into()
        }
    }
}
