//! Regatta as a library: runs a plan of agent, tool and shell tasks in parallel, durable and deterministic.
//!
//! What a plan says, and what is promised, is the same as for the `regatta` program: the library runs the same engine, the
//! same journal and the same keeper, and both see each other's runs.
//!
//! ```standalone_crate
//! # use std::process::ExitCode;
//! use regatta::{Config, Orchestrator};
//!
//! # fn main() -> ExitCode {
//! # let program = match regatta::serve_itself() { Ok(program) => program, Err(code) => return code };
//! # let config = Config::new().program(program);
//! # let dir = tempfile::tempdir().unwrap();
//! # let work = || -> Result<(), regatta::Error> {
//! # let workspace = dir.path();
//! let regatta = Orchestrator::new(workspace, config)?;
//! let run = regatta.execute("version: 1\ntasks: [ { id: hello, run: echo hello } ]")?;
//! assert!(run.wait()?.is_success());
//! # Ok(()) };
//! # work().unwrap();
//! # ExitCode::SUCCESS
//! # }
//! ```
//!
//! # Where to go on
//!
//! - [`Orchestrator`] starts runs and finds them again; [`RunHandle`] is a run: [`RunHandle::progress`],
//!   [`RunHandle::events`], [`RunHandle::wait`], [`RunHandle::pause`], [`RunHandle::resume`], [`RunHandle::cancel`].
//! - [`Plan`] is a text, a file, or written by [`Plan::builder`]; [`Orchestrator::check`] judges one.
//! - [`Config`] has caps and drivers; [`Program`] and [`serve_itself`] say which program keeps the processes of a run.
//! - [`driver`] is work that the program does itself, as a function.
//! - [`RunResult`] is what a run came to, [`Error`] what went wrong, with a hint and the exit code of the command line.
//! - `examples/release.rs` of this crate is a whole program; `docs/library.md` says what may change between versions.
//!
//! # Manners
//!
//! It prints nothing, ends no process ([`serve_itself`] answers a code to end with), takes no signals, changes no limits
//! and keeps no global state. Mistakes are errors, not panics. It blocks: in async code, call it on threads that may
//! block. It needs Linux, as the program does.
//!
//! Everything that is not described here belongs to the binary and may change at any time.

mod library;

pub use library::driver;
pub use library::{
    Config, Containment, Doubt, Error, ErrorKind, Event, Events, Orchestrator, Plan, PlanBuilder, Problem,
    Program, Progress, RunHandle, RunResult, RunState, Task, TaskProgress, TaskResult, TaskState,
    serve_itself,
};
#[doc(hidden)]
pub use library::{helper_arguments, serve};

#[doc(hidden)]
pub mod analyze;
#[doc(hidden)]
pub mod args;
#[doc(hidden)]
pub mod commands;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod connected;
#[doc(hidden)]
pub mod context;
#[doc(hidden)]
pub mod doctor;
#[doc(hidden)]
pub mod epic_files;
#[doc(hidden)]
pub mod error;
#[doc(hidden)]
pub mod exit;
#[doc(hidden)]
pub mod export;
#[doc(hidden)]
pub mod found_agents;
#[doc(hidden)]
pub mod http;
#[doc(hidden)]
pub mod init;
#[doc(hidden)]
pub mod mcp_json;
#[doc(hidden)]
pub mod origin;
#[doc(hidden)]
pub mod outputs;
#[doc(hidden)]
pub mod overrides;
#[doc(hidden)]
pub mod owners;
#[doc(hidden)]
pub mod parallel;
#[doc(hidden)]
pub mod plain_file;
#[doc(hidden)]
pub mod post_mortem;
#[doc(hidden)]
pub mod prediction;
#[doc(hidden)]
pub mod render;
#[doc(hidden)]
pub mod room;
#[doc(hidden)]
pub mod session;
#[doc(hidden)]
pub mod settling;
#[doc(hidden)]
pub mod snapshots;
#[doc(hidden)]
pub mod source;
#[doc(hidden)]
pub mod state_view;
#[doc(hidden)]
pub mod task_apart;
#[doc(hidden)]
pub mod variables;
#[doc(hidden)]
pub mod view;
