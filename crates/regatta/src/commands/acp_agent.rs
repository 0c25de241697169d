//! `regatta acp-agent`: drives an agent through the Agent Client Protocol. Hidden, because an attempt is started as it.
//!
//! Needs no workspace: it is told everything.

use crate::args::AcpAgentArgs;
use crate::error::CliError;
use crate::exit::Exit;
use regatta_plan::model::Permissions;
use regatta_runtime::acp::{self, Desk, Order};

/// Runs the verb.
///
/// # Errors
/// The prompt cannot be read, or the agent not be started.
pub fn run(args: &AcpAgentArgs) -> Result<Exit, CliError> {
    let permissions = Permissions::from_name(&args.permissions)
        .ok_or_else(|| CliError::usage(format!("`{}` is no permission", args.permissions.escape_debug())))?;
    let order = Order {
        argv: args.agent.clone(),
        permissions,
        desk: args.run_dir.clone().zip(args.attempt).map(|(run_dir, attempt)| Desk {
            run_dir,
            attempt,
            idle_ms: args.idle_ms,
        }),
        prompt_file: args.prompt_file.clone(),
        resume: args.resume.clone(),
        servers_file: args.servers_file.clone(),
    };
    let shown = args.agent.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default();
    match acp::drive(&order) {
        Ok(true) => Ok(Exit::Success),
        Ok(false) => Ok(Exit::Failed),
        Err(error) => Err(CliError::environment(format!("agent `{shown}` cannot be driven: {error}"))),
    }
}
