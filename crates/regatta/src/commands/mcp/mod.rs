//! `regatta mcp`: the server of the Model Context Protocol, a face like the command line.
//!
//! ```text
//! client ── stdio ──┬─ Server ── Offer: a tool is a function of its own on a blocking thread ── the same views as the verbs
//! clients ── http ──┘                                   └─ a run: a process of its own, which outlives server and client
//! ```
//! Decides nothing and keeps nothing: what is asked is read from the journal, what is ordered goes to the orchestrator of the run.
//! A cancelled call ends a wait, never a run. docs/design/mcp-server.md has the reasons.

mod addresses;
mod answer;
pub mod desk;
mod fitting;
pub mod http;
mod leases;
pub mod offer;
mod place;
pub mod product;
mod prompts;
mod requests;
mod resources;
mod runs;
mod schemas;
pub mod server;
mod sessions;
mod spoken;
mod tools;
mod waiting;

use crate::args::McpArgs;
use crate::context::{Context, err};
use crate::error::CliError;
use crate::exit::Exit;
use product::Product;
use regatta_plan::nearest;
use regatta_runtime::tools::MARKER;
use server::{Shared, serve};
use std::time::Duration;
use tools::NAMES;

/// Runs the verb.
///
/// # Errors
/// A tool that there is none of, a client that does not speak the protocol, or an address that is not ours alone.
pub fn run(context: &Context, args: &McpArgs) -> Result<Exit, CliError> {
    if let Some(name) = args.tools.iter().find(|name| !NAMES.contains(&name.as_str())) {
        let near = nearest(name, NAMES.into_iter());
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        return Err(CliError::usage(format!("there is no tool `{name}`{near}"))
            .hint(format!("tools: {}", NAMES.join(", "))));
    }
    let inside_task = std::env::var_os("REGATTA_TASK_ID").is_some_and(|task| !task.is_empty());
    let of_run = std::env::var_os(MARKER).is_some_and(|marker| !marker.is_empty());
    let offer = Product { tools: args.tools.clone(), read_only: args.read_only, inside_task, of_run };
    if of_run {
        err("no tool is offered: this was started by a server of tools of a run, and a run never calls us\n");
    } else if offer.is_empty() {
        let message = "no tool is left to serve: those of `--tools` are none that are offered here";
        let hint = "`--read-only` leaves tools that change nothing; inside a task there are few";
        return Err(CliError::usage(message).hint(hint));
    }
    let shared = Shared::new(context.clone(), offer, Duration::from_secs(u64::from(args.wait)));
    match &args.http {
        Some(address) => http::run(context, (address, args.token_file.as_deref()), shared)?,
        None => serve(shared)?,
    }
    Ok(Exit::Success)
}
