//! The command line as typed: one type per verb, with examples in its help.
//!
//! Raw options only; commands turn them into what they need. Knows no environment.

mod schedule;

pub use schedule::{ExportArgs, ExportFormat, ExportView, OptimiseArgs, PlanArgs};

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Runs a plan of agent, tool and shell tasks in parallel: deterministic, durable, isolated, observable.
#[derive(Parser, Debug)]
#[command(
    name = "regatta",
    version,
    max_term_width = 100,
    propagate_version = true,
    after_help = "\
Exit codes: 0 success, 1 some task failed, 2 usage, 3 invalid plan, 4 environment, 5 escalated or \
waiting for a person, 130 interrupted.

Examples:
  regatta run plan.yaml          run a plan
  regatta resume                 go on after a crash or an interruption
  regatta explain build          why is this task where it is?"
)]
pub struct Cli {
    /// The directory that holds `.regatta/` [default: found from the working directory].
    #[arg(long, global = true, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Run a plan.
    Run(RunArgs),
    /// Show the schedule of a plan without running it.
    Plan(PlanArgs),
    /// Draw a plan: Mermaid, Graphviz or SVG; its graph or its predicted schedule.
    Export(ExportArgs),
    /// Check a plan: every problem at once.
    Check(CheckArgs),
    /// Go on with a run after a crash, an interruption or an answer.
    Resume(ResumeArgs),
    /// Run the failed part of a run that has ended again, as a new run.
    Retry(RetryArgs),
    /// Start nothing new; `resume` goes on.
    Pause(PauseArgs),
    /// End a run, or one of its tasks.
    Cancel(CancelArgs),
    /// Do not run a task that has not started.
    Skip(SkipArgs),
    /// Settle a task in doubt.
    Answer(AnswerArgs),
    /// Hold leases from inside a running task.
    Lock(LockArgs),
    /// List leases: who holds them, since when, and who waits.
    Locks(LocksArgs),
    /// Show where a run stands.
    Status(StatusArgs),
    /// List runs, newest first.
    Ls(LsArgs),
    /// Print the events of a run as JSON lines.
    Events(EventsArgs),
    /// Print what a task wrote.
    Logs(LogsArgs),
    /// Say why a task waits, was blocked, or failed.
    Explain(ExplainArgs),
    /// Run the engine again on the recorded inputs and compare every event.
    Replay(ReplayArgs),
    /// Say what this machine and workspace permit, and what stands in the way.
    Doctor(DoctorArgs),
    /// Report what the journal knows of a run: what went wrong, what it cost, what is open.
    PostMortem(PostMortemArgs),
    /// Print the JSON Schema of a document.
    Schema(SchemaArgs),
    /// Own the processes of a run; started by `run` and `resume`.
    #[command(hide = true)]
    Keeper(KeeperArgs),
}

/// Caps that override the plan's.
#[derive(Args, Debug, Default, Clone)]
pub struct CapArgs {
    /// Tasks alive at once.
    #[arg(long, value_name = "N")]
    pub max_parallel: Option<u32>,
    /// Tasks alive at once of one wave.
    #[arg(long, value_name = "N")]
    pub per_wave: Option<u32>,
    /// Tasks alive at once by priority.
    #[arg(long, value_name = "P=N")]
    pub per_priority: Vec<String>,
    /// Tasks alive at once by agent.
    #[arg(long, value_name = "AGENT=N")]
    pub per_agent: Vec<String>,
    /// Tasks alive at once by tag.
    #[arg(long, value_name = "TAG=N")]
    pub per_tag: Vec<String>,
    /// `dataflow`, `waves` or `sequential`.
    #[arg(long, value_name = "SCHEDULE")]
    pub schedule: Option<String>,
}

/// `regatta run`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta run plan.yaml
  regatta run plan.yaml --max-parallel 8 --input target=release
  regatta run - <plan.json         read the plan from standard input
  regatta run plan.yaml --detach   return at once with the run id
  regatta run plan.yaml --state-file out/state.json")]
pub struct RunArgs {
    /// The plan: YAML, JSON (comments allowed), TOML; `-` is standard input.
    pub plan: PathBuf,
    /// Caps that override the plan's.
    #[command(flatten)]
    pub caps: CapArgs,
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

/// `regatta pause`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta pause            what runs goes on, nothing new starts
  regatta pause --now      what runs stands still too, and so do its timeouts
  regatta resume           goes on")]
pub struct PauseArgs {
    /// The run [default: the newest that has not ended].
    pub run: Option<String>,
    /// Let what runs stand still too.
    #[arg(long)]
    pub now: bool,
}

/// `regatta cancel`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  regatta cancel\n  regatta cancel --task build")]
pub struct CancelArgs {
    /// The run [default: the newest that has not ended].
    pub run: Option<String>,
    /// This task only.
    #[arg(long, value_name = "TASK")]
    pub task: Option<String>,
}

/// `regatta skip`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  regatta skip docs\n  regatta skip 5f3a docs")]
pub struct SkipArgs {
    /// The run [default: the newest that has not ended], and the task.
    #[arg(required = true, num_args = 1..=2, value_names = ["RUN", "TASK"])]
    pub words: Vec<String>,
}

/// `regatta answer`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta answer RUN deploy --again
  regatta answer RUN deploy --succeeded --result '{\"id\": 7}'
  regatta answer RUN deploy --failed")]
#[command(group(clap::ArgGroup::new("what").required(true).args(["again", "succeeded", "failed"])))]
pub struct AnswerArgs {
    /// The run [default: the newest that has not ended], and the task in doubt.
    #[arg(required = true, num_args = 1..=2, value_names = ["RUN", "TASK"])]
    pub words: Vec<String>,
    /// Allow exactly one more attempt.
    #[arg(long)]
    pub again: bool,
    /// It was done.
    #[arg(long)]
    pub succeeded: bool,
    /// It was not done and shall not be tried again.
    #[arg(long)]
    pub failed: bool,
    /// Its result: JSON, or `@FILE`.
    #[arg(long, value_name = "JSON|@FILE", requires = "succeeded")]
    pub result: Option<String>,
}

/// `regatta lock`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples, in the command of a task:
  regatta lock acquire deploy-slot && ./deploy.sh; regatta lock release
  regatta lock acquire --shared src/api src/db")]
pub struct LockArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: LockVerb,
}

/// What a task does with leases.
#[derive(Subcommand, Debug)]
pub enum LockVerb {
    /// Wait until all of them are held, or none; prints the fencing epoch.
    Acquire {
        /// Names of leases: locks, or files.
        #[arg(required = true)]
        names: Vec<String>,
        /// With others who share them.
        #[arg(long, conflicts_with = "units")]
        shared: bool,
        /// Units of a counted lease.
        #[arg(long, value_name = "N")]
        units: Option<u32>,
    },
    /// Give leases back that were acquired so.
    Release {
        /// Names of leases [default: all].
        names: Vec<String>,
    },
}

/// `regatta locks`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  regatta locks\n  regatta locks --json")]
pub struct LocksArgs {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

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
  regatta logs build --attempt 1 --run 5f3a")]
pub struct LogsArgs {
    /// The task.
    pub task: String,
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
  regatta doctor --json | jq '.containment'")]
pub struct DoctorArgs {
    /// Tasks alive at once that the limits of this user are held against.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_parallel: u32,
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
  regatta post-mortem --json | jq .challenges")]
pub struct PostMortemArgs {
    /// The run [default: the newest].
    pub run: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Write it to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `regatta keeper`
#[derive(Args, Debug)]
pub struct KeeperArgs {
    /// The directory of the run.
    pub run_dir: PathBuf,
}

/// `regatta schema`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta schema >plan.schema.json
  regatta schema request")]
pub struct SchemaArgs {
    /// The document.
    #[arg(value_enum, default_value_t = DocumentArg::Plan)]
    pub document: DocumentArg,
}

/// A document that has a schema.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum DocumentArg {
    /// The plan.
    Plan,
    /// The parallel request (JSON with `tasks` and no `version`).
    Request,
    /// The shell batch (JSON with `commands`).
    Batch,
}
