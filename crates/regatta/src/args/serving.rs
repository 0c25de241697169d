//! Options of the verb that serves other programs.

use clap::Args;
use std::path::PathBuf;

/// `regatta mcp`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta mcp --workspace .                   what a client starts
  regatta mcp --read-only                     look at runs, start and change nothing
  regatta mcp --tools parallel_execute,run_wait,run_status
  regatta mcp --http                          for several clients, on http://127.0.0.1:7420/mcp
  regatta mcp --http 127.0.0.1:0              on a port that is free")]
pub struct McpArgs {
    /// Only these tools [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub tools: Vec<String>,
    /// Only tools that change nothing.
    #[arg(long)]
    pub read_only: bool,
    /// Serve several clients over streamable HTTP on this address of the loopback; without ADDR on 127.0.0.1:7420.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "")]
    pub http: Option<String>,
    /// The file of the token that every request carries, made if it is not there [default: ~/.local/state/regatta/mcp-token].
    #[arg(long, value_name = "FILE", requires = "http")]
    pub token_file: Option<PathBuf>,
    /// A call that waits for a run does so at most this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 45, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub wait: u32,
}
