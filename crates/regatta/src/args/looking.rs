//! Options of the verbs that look at runs and at the machine.
//!
//! Raw options only; knows no environment.

use super::CapArgs;
use clap::Args;
use std::path::PathBuf;

/// `regatta status`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  regatta status\n  regatta status 5f3a --json")]
pub struct StatusArgs {
    /// The run [default: the newest].
    pub run: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `regatta ls`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  regatta ls\n  regatta ls --json --limit 100")]
pub struct LsArgs {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// At most this many.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: u32,
}

/// `regatta events`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta events                 the newest run, in order of arrival
  regatta events --canonical     the log that does not depend on timing
  regatta events --follow        as they come")]
pub struct EventsArgs {
    /// The run [default: the newest].
    pub run: Option<String>,
    /// The logical log: sorted by key, no clock, no durations.
    #[arg(long, conflicts_with = "follow")]
    pub canonical: bool,
    /// Go on until the run ends.
    #[arg(long)]
    pub follow: bool,
}

/// `regatta logs`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta logs build               standard output of the last attempt, newest run
  regatta logs build --stderr
  regatta logs build --follow
  regatta logs build --attempt 1 --run 5f3a
  regatta logs --gate unit         the last run of a gate where work was merged
  regatta logs --helper 1          an agent that mended red gates or resolved a conflict")]
#[command(group(clap::ArgGroup::new("whose").required(true).args(["task", "gate", "helper"])))]
pub struct LogsArgs {
    /// The task.
    pub task: Option<String>,
    /// A gate instead, by its id or its command: its last run.
    #[arg(long, value_name = "GATE", conflicts_with_all = ["attempt", "undo", "follow"])]
    pub gate: Option<String>,
    /// An agent that helped the merge instead, by the number of its attempt.
    #[arg(long, value_name = "N", conflicts_with_all = ["attempt", "undo", "follow"])]
    pub helper: Option<u32>,
    /// The run [default: the newest].
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// The attempt, 1-based [default: the last].
    #[arg(long, value_name = "N")]
    pub attempt: Option<u32>,
    /// Standard error instead of standard output.
    #[arg(long)]
    pub stderr: bool,
    /// What its undo wrote.
    #[arg(long, conflicts_with = "attempt")]
    pub undo: bool,
    /// Go on until the task has ended: what is written is shown as it comes, attempt after attempt.
    #[arg(long, conflicts_with = "undo")]
    pub follow: bool,
}

impl LogsArgs {
    /// The task that is named; empty where something else is.
    #[must_use]
    pub fn named(&self) -> &str {
        self.task.as_deref().unwrap_or_default()
    }
}

/// `regatta explain`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  regatta explain build\n  regatta explain            every task that has not ended well"
)]
pub struct ExplainArgs {
    /// The task [default: every task that has not ended well].
    pub task: Option<String>,
    /// The run [default: the newest].
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `regatta replay`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  regatta replay\n  regatta replay 5f3a")]
pub struct ReplayArgs {
    /// The run [default: the newest].
    pub run: Option<String>,
}

/// `regatta doctor`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta doctor
  regatta doctor --max-parallel 64   would so many tasks at once fit?
  regatta doctor --json | jq '.containment'
  regatta doctor --config            each setting, and where its value comes from
  regatta doctor --config --plan plan.yaml --max-parallel 8")]
pub struct DoctorArgs {
    /// Show each setting and where its value comes from, instead of examining anything.
    #[arg(long)]
    pub config: bool,
    /// With `--config`: what this plan says counts too.
    #[arg(long, value_name = "PLAN", requires = "config")]
    pub plan: Option<PathBuf>,
    /// Caps that override the plan's; `--max-parallel` is also what the limits of this user are held against.
    #[command(flatten)]
    pub caps: CapArgs,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `regatta post-mortem`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta post-mortem                       the newest run, as Markdown
  regatta post-mortem 5f3a --out report.md
  regatta post-mortem --write               into .workflow/post-mortem/EPIC.md
  regatta post-mortem --agent reviewer      asks an agent why, and what is to be learned
  regatta post-mortem --json | jq .challenges")]
pub struct PostMortemArgs {
    /// The run [default: the newest].
    pub run: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Write it to a file instead of standard output.
    #[arg(long, value_name = "FILE", group = "to_file")]
    pub out: Option<PathBuf>,
    /// Write it into .workflow/post-mortem/, under the id of the epic.
    #[arg(long, conflicts_with_all = ["out", "json"], group = "to_file")]
    pub write: bool,
    /// The id of the epic [default: what the plan says, else the run].
    #[arg(long, value_name = "ID")]
    pub epic: Option<String>,
    /// Let this agent judge, in a run of its own: one of the run's plan, or of the settings.
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Replace the file if it is there.
    #[arg(long, requires = "to_file")]
    pub force: bool,
}

/// `regatta agents`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  regatta agents\n  regatta agents --json")]
pub struct AgentsArgs {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `regatta context`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta context api                     the prompt of the last attempt, newest run
  regatta context api --attempt 1 --json
  regatta context api --plan plan.yaml    as it would be, before a run")]
pub struct ContextArgs {
    /// The task.
    pub task: String,
    /// Compose it from this plan instead of a run.
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["run", "attempt"])]
    pub plan: Option<PathBuf>,
    /// The run [default: the newest].
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// The attempt [default: the last].
    #[arg(long, value_name = "N")]
    pub attempt: Option<u32>,
    /// A value for an input of the plan; may be repeated.
    #[arg(long = "input", value_name = "NAME=VALUE", requires = "plan")]
    pub inputs: Vec<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}
