//! The command line as typed: one type per verb, with examples in its help.
//!
//! Raw options only; commands turn them into what they need. Knows no environment.

mod apart;
mod control;
mod dividing;
mod keeping;
mod looking;
mod running;
mod schedule;
mod serving;

pub use apart::*;
pub use control::*;
pub use dividing::*;
pub use keeping::*;
pub use looking::*;
pub use running::*;
pub use schedule::*;
pub use serving::*;

use clap::builder::PossibleValuesParser;
use clap::{Arg, Args, Command, CommandFactory as _, Parser, Subcommand};
use std::path::PathBuf;
use std::sync::OnceLock;

/// Runs a plan of agent, tool and shell tasks in parallel: deterministic, durable, isolated, observable.
#[derive(Parser, Debug)]
#[command(
    name = "regatta",
    version,
    max_term_width = 100,
    propagate_version = true,
    after_help = "\
Exit codes: 0 success, 1 some task failed, 2 usage, 3 invalid plan, 4 environment, 5 escalated or \
waiting for a person, 130 interrupted. Output that cannot be written, such as to a full disk, is 4; output that nobody \
reads any more (a closed pipe, `>&-`) is no error.

Examples:
  regatta init                   write a first plan for this repository
  regatta run plan.yaml          run a plan
  regatta resume                 go on after a crash or an interruption
  regatta explain build          why is this task where it is?"
)]
pub struct Cli {
    /// The directory that holds `.regatta/` [default: found from the working directory].
    #[arg(long, global = true, value_name = "DIR", display_order = 900)]
    pub workspace: Option<PathBuf>,
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Write a first plan for the repository at hand, and a settings file.
    Init(InitArgs),
    /// Run a plan.
    Run(RunArgs),
    /// Show the schedule of a plan without running it.
    Plan(PlanArgs),
    /// Draw a plan: Mermaid, Graphviz or SVG; its graph or its predicted schedule.
    Export(ExportArgs),
    /// Check a plan: every problem at once.
    Check(CheckArgs),
    /// Decide whether parallel is worth it, and make the plan.
    Analyze(AnalyzeArgs),
    /// Make a plan of an epic's task list or of the phases of a document.
    Import(ImportArgs),
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
    /// Settle a task in doubt, or answer what an agent asks.
    Answer(AnswerArgs),
    /// Foresee what a run merges, go on with it, or answer for it.
    Merge(MergeArgs),
    /// Take back what a run landed, as a run of its own.
    Revert(RevertArgs),
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
    /// Show what a task changed in its worktree.
    Diff(DiffArgs),
    /// Print the command that goes into the worktree of a task, and into its agent's session.
    Open(OpenArgs),
    /// List the worktrees of runs, remove what nobody needs, take one up again.
    Worktree(WorktreeArgs),
    /// Run the engine again on the recorded inputs and compare every event.
    Replay(ReplayArgs),
    /// Say what this machine and workspace permit, and what stands in the way.
    Doctor(DoctorArgs),
    /// List the known agents: what is found of them, and what was verified.
    Agents(AgentsArgs),
    /// Print the prompt of a task and what it is made of, before a run or of an attempt.
    Context(ContextArgs),
    /// Report what the journal knows of a run: what went wrong, what it cost, what is open.
    PostMortem(PostMortemArgs),
    /// Show what nobody needs any more, old runs above all, and remove it.
    Gc(GcArgs),
    /// Serve assistants over the Model Context Protocol, on standard input and output or over HTTP.
    Mcp(McpArgs),
    /// Print the JSON Schema of a document.
    Schema(SchemaArgs),
    /// Print the completions of a shell: verbs, options, values.
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each verb.
    Man(ManArgs),
    /// Own the processes of a run; started by `run` and `resume`.
    #[command(hide = true)]
    Keeper(KeeperArgs),
    /// Drive an agent that speaks the Agent Client Protocol; started by the keeper.
    #[command(hide = true)]
    AcpAgent(AcpAgentArgs),
    /// Call one tool; started by the keeper.
    #[command(hide = true)]
    ToolCall(ToolCallArgs),
    /// Hold the connections of a run to servers of tools; started by the keeper.
    #[command(hide = true)]
    ToolHost(ToolHostArgs),
}

/// Names of schedules.
pub const SCHEDULES: [&str; 3] = ["dataflow", "waves", "sequential"];

/// Caps that override the plan's.
#[derive(Args, Debug, Default, Clone, PartialEq, Eq)]
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
    /// What decides when a task may start.
    #[arg(long, value_name = "SCHEDULE", value_parser = PossibleValuesParser::new(SCHEDULES))]
    pub schedule: Option<String>,
}

/// A part of a plan.
#[derive(Args, Debug, Default, Clone)]
pub struct PartArgs {
    /// This task alone, without what it needs; a matrix means all its cells; may be repeated.
    #[arg(long, value_name = "TASK", conflicts_with = "until")]
    pub only: Vec<String>,
    /// This task and all that it needs, and nothing else; may be repeated.
    #[arg(long, value_name = "TASK")]
    pub until: Vec<String>,
}

/// The command line as people see it: without the verbs that only Regatta itself uses.
#[must_use]
pub fn shown() -> Command {
    let whole = Cli::command();
    let seen = || whole.get_subcommands().filter(|verb| !verb.is_hide_set());
    // What is declared lives as long as the program.
    static VERBS: OnceLock<Vec<String>> = OnceLock::new();
    let names = VERBS.get_or_init(|| seen().map(|verb| verb.get_name().to_owned()).collect());
    // A shell completes them; a text that lists them is the help itself.
    let a_verb = |arg: Arg| {
        arg.value_parser(PossibleValuesParser::new(names.iter().map(String::as_str)))
            .hide_possible_values(true)
    };
    let verbs: Vec<Command> = seen()
        .map(|verb| match verb.get_name() {
            "man" => verb.clone().mut_arg("verb", a_verb),
            _ => verb.clone(),
        })
        .collect();
    let mut shown = Command::new("regatta")
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .max_term_width(100)
        .args(whole.get_arguments().cloned())
        .subcommands(verbs);
    if let Some(about) = whole.get_about() {
        shown = shown.about(about.clone());
    }
    if let Some(help) = whole.get_after_help() {
        shown = shown.after_help(help.clone());
    }
    shown.build();
    shown
}
