//! Options of the verbs that run a plan, or say what would run.
//!
//! Raw options only; knows no environment.

use super::{CapArgs, OptimiseArgs, PartArgs};
use clap::Args;
use std::path::PathBuf;

/// `regatta run`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta run plan.yaml
  regatta run plan.yaml --max-parallel 8 --input target=release
  regatta run - <plan.json         read the plan from standard input
  regatta run plan.yaml --until build
  regatta run plan.yaml --detach   return at once with the run id
  regatta run plan.yaml --state-file out/state.json")]
pub struct RunArgs {
    /// The plan: YAML, JSON (comments allowed), TOML; `-` is standard input.
    pub plan: PathBuf,
    /// Caps that override the plan's.
    #[command(flatten)]
    pub caps: CapArgs,
    /// A part of the plan.
    #[command(flatten)]
    pub part: PartArgs,
    /// A value for an input of the plan.
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub inputs: Vec<String>,
    /// Take the outcomes of equal work from this run, which has ended.
    #[arg(long, value_name = "RUN")]
    pub reuse: Option<String>,
    /// Another order, pinned in the run.
    #[command(flatten)]
    pub optimise: OptimiseArgs,
    /// Return at once with the run id; the run goes on in the background.
    #[arg(long)]
    pub detach: bool,
    /// Keep a view for other tools in a file [default: `parallel-state.json` in the workspace].
    #[arg(long, value_name = "PATH", num_args = 0..=1)]
    pub state_file: Option<Option<PathBuf>>,
    /// Check everything, print what would run, start nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print the summary as JSON and nothing else on standard output.
    #[arg(long)]
    pub json: bool,
}

/// `regatta check`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta check plan.yaml
  regatta check plan.yaml --json
  regatta check --state parallel-state.json")]
pub struct CheckArgs {
    /// The plan.
    #[arg(required_unless_present = "state")]
    pub plan: Option<PathBuf>,
    /// A value for an input of the plan.
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub inputs: Vec<String>,
    /// Check a state file instead: checksum, version, shape.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan", "inputs"])]
    pub state: Option<PathBuf>,
    /// Start the servers whose tools tasks name, and check calls against what they say of their tools.
    #[arg(long, conflicts_with = "state")]
    pub connect: bool,
    /// The problems as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `regatta resume`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta resume            the newest run that has not ended
  regatta resume 5f3a       a run by the start of its id
  regatta resume --stored   although the plan file changed: what was validated is what runs")]
pub struct ResumeArgs {
    /// The run [default: the newest that has not ended].
    pub run: Option<String>,
    /// Go on with the stored plan although the file has changed.
    #[arg(long)]
    pub stored: bool,
    /// Return at once; the run goes on in the background.
    #[arg(long)]
    pub detach: bool,
    /// Keep a view for other tools in a file [default: the run's, else `parallel-state.json` in the workspace].
    #[arg(long, value_name = "PATH", num_args = 0..=1)]
    pub state_file: Option<Option<PathBuf>>,
    /// Print the summary as JSON and nothing else on standard output.
    #[arg(long)]
    pub json: bool,
    /// Leave the session of the terminal (for `--detach`).
    #[arg(long, hide = true)]
    pub own_session: bool,
}

/// `regatta retry`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta retry                  what did not succeed in the newest run, with all that depends on it
  regatta retry 5f3a --task deploy
  regatta retry --stored         although the plan file changed: what was validated is what runs")]
pub struct RetryArgs {
    /// The run, which has ended [default: the newest].
    pub run: Option<String>,
    /// Everything that did not succeed (the default).
    #[arg(long, conflicts_with = "task")]
    pub failed: bool,
    /// This task with all that depends on it, and what it needs that did not succeed; may be repeated.
    #[arg(long, value_name = "TASK")]
    pub task: Vec<String>,
    /// Go on with the stored plan although the file has changed.
    #[arg(long)]
    pub stored: bool,
    /// Return at once with the run id; the run goes on in the background.
    #[arg(long)]
    pub detach: bool,
    /// Print the summary as JSON and nothing else on standard output.
    #[arg(long)]
    pub json: bool,
}
