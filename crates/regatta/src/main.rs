//! The binary: arguments in, exit code out. Everything else lives in the library.

use clap::Parser as _;
use regatta::args::{Cli, Verb};
use regatta::commands;
use regatta::context::{Context, err, note_unwritten, unwritten};
use regatta::error::CliError;
use regatta::exit::Exit;
use regatta::{helper_arguments, serve};
use regatta_runtime::redact::Redactor;
use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

/// Plans are loaded on a thread with this much stack, which conditions may need.
const STACK_BYTES: usize = 8 << 20;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if let Some(args) = helper_arguments(&args) {
        return serve(args);
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no errors.
            if let Err(error) = error.print().and_then(|()| std::io::stdout().flush()) {
                note_unwritten(&error);
            }
            return if error.use_stderr() { Exit::Usage.into() } else { written(Exit::Success).into() };
        }
    };
    let worker = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || dispatch(&cli));
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(exit))) => written(exit).into(),
        Ok(Ok(Err(error))) => {
            // What others said may be in it.
            err(&(Redactor::default().text(error.to_string()) + "\n"));
            error.exit.into()
        }
        Ok(Err(_)) | Err(_) => Exit::Environment.into(),
    }
}

/// How a command ended, if what it had to say was written; else that is what went wrong.
fn written(exit: Exit) -> Exit {
    match unwritten() {
        Some(error) => {
            err(&format!("{error}\n"));
            if matches!(exit, Exit::Usage | Exit::InvalidPlan) { exit } else { error.exit }
        }
        None => exit,
    }
}

fn dispatch(cli: &Cli) -> Result<Exit, CliError> {
    // Some verbs need no workspace, and must work where there can be none.
    let context = || Context::read(cli.workspace.as_deref());
    match &cli.verb {
        Verb::Init(args) => commands::init::run(&context()?, args),
        Verb::Run(args) => commands::run::run(&context()?, args),
        Verb::Plan(args) => commands::plan::run(&context()?, args),
        Verb::Export(args) => commands::export::run(&context()?, args),
        Verb::Analyze(args) => commands::analyze::run(&context()?, args),
        Verb::Import(args) => commands::import::run(&context()?, args),
        Verb::Check(args) => commands::check::run(&context()?, args),
        Verb::Resume(args) => commands::resume::run(&context()?, args),
        Verb::Retry(args) => commands::retry::run(&context()?, args),
        Verb::Pause(args) => commands::control::pause(&context()?, args),
        Verb::Cancel(args) => commands::control::cancel(&context()?, args),
        Verb::Skip(args) => commands::control::skip(&context()?, args),
        Verb::Answer(args) => commands::control::answer(&context()?, args),
        Verb::Revert(args) => commands::revert::run(&context()?, args),
        Verb::Merge(args) => commands::merge::run(&context()?, args),
        Verb::Lock(args) => commands::lock::run(&context()?, args),
        Verb::Locks(args) => commands::lock::list(&context()?, args),
        Verb::Status(args) => commands::status::run(&context()?, args),
        Verb::Ls(args) => commands::ls::run(&context()?, args),
        Verb::Events(args) => commands::events::run(&context()?, args),
        Verb::Logs(args) => commands::logs::run(&context()?, args),
        Verb::Explain(args) => commands::explain::run(&context()?, args),
        Verb::Diff(args) => commands::diff::run(&context()?, args),
        Verb::Open(args) => commands::open::run(&context()?, args),
        Verb::Worktree(args) => commands::worktree::run(&context()?, args),
        Verb::Replay(args) => commands::replay::run(&context()?, args),
        Verb::Doctor(args) => commands::doctor::run(&context()?, args),
        Verb::Agents(args) => commands::agents::run(&context()?, args),
        Verb::Context(args) => commands::context::run(&context()?, args),
        Verb::PostMortem(args) => commands::post_mortem::run(&context()?, args),
        Verb::Gc(args) => commands::gc::run(&context()?, args),
        Verb::Mcp(args) => commands::mcp::run(&context()?, args),
        Verb::Schema(args) => Ok(commands::schema::run(args)),
        Verb::Completions(args) => Ok(commands::completions::run(args)),
        Verb::Man(args) => commands::man::run(args),
        Verb::Keeper(args) => commands::keeper::run(args),
        Verb::AcpAgent(args) => commands::acp_agent::run(args),
        Verb::ToolCall(args) => commands::tool_call::run(args),
        Verb::ToolHost(args) => commands::tool_host::run(args),
    }
}
