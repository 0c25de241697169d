//! Options of the verb that serves other programs.

use clap::Args;

/// `regatta mcp`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta mcp --workspace .                   what a client starts
  regatta mcp --read-only                     look at runs, start and change nothing
  regatta mcp --tools parallel_execute,run_wait,run_status")]
pub struct McpArgs {
    /// Only these tools [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub tools: Vec<String>,
    /// Only tools that change nothing.
    #[arg(long)]
    pub read_only: bool,
    /// A call that waits for a run does so at most this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 45, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub wait: u32,
}
