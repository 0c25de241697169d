//! A client of the Agent Client Protocol as a process of its own: `regatta acp-agent`, an attempt like any other.
//!
//! ```text
//! keeper --starts--> acp-agent --pipes--> the agent
//!                     initialize (2, else 1) -> session/new | resume -> session/prompt -> updates -> end
//!                     TERM: session/cancel -> stdin closed -> TERM; the rest is the keeper's
//! ```
//! It outlives the orchestrator, as attempts do, so what it hears it writes to standard output as lines of ours, which
//! `agents` reads. This is the only place with tokio, because the crate of the protocol wants it. File system and
//! terminals of ours are not offered to the agent. Knows no run.

mod asking;
mod child;
mod client;
mod permission;
mod updates;
mod usage;

pub use asking::Desk;

use regatta_plan::model::Permissions;
use serde_json::Value;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;

/// What such a process is to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// Program and arguments of the agent.
    pub argv: Vec<OsString>,
    /// What it may do.
    pub permissions: Permissions,
    /// Whoever can be asked for permissions, with [`Permissions::Ask`]; nobody: they are refused.
    pub desk: Option<Desk>,
    /// The file that holds the prompt.
    pub prompt_file: PathBuf,
    /// The session to go on with.
    pub resume: Option<String>,
    /// The file that holds the MCP servers that it gets, as the protocol has them.
    pub servers_file: Option<PathBuf>,
}

/// A line for whoever reads us. Each is written whole.
fn say(line: &Value) {
    // Nobody is left to tell.
    let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
}

/// Drives an agent through one prompt. Answers whether it ended its turn well; what it said is on standard output.
///
/// # Errors
/// The prompt cannot be read, or the agent not be started.
pub fn drive(order: &Order) -> std::io::Result<bool> {
    let prompt = std::fs::read_to_string(&order.prompt_file)?;
    let servers = match &order.servers_file {
        Some(file) => serde_json::from_slice(&std::fs::read(file)?)?,
        None => Vec::new(),
    };
    let cwd = std::env::current_dir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(client::turn(order, (&prompt, &servers), &cwd))
}
