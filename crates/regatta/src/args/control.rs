//! Options of the verbs that speak to a run, and of those for leases.
//!
//! Raw options only; knows no environment.

use clap::{Args, Subcommand};
use regatta_engine::permission::QuestionId;

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
  regatta answer RUN deploy --failed
  regatta answer RUN fix --allow             what its agent asks for, the only question so far
  regatta answer RUN fix --deny --question 3.1
  regatta answer RUN review --allow          yes, at a gate that a person decides")]
#[command(group(clap::ArgGroup::new("what").required(true).args(["again", "succeeded", "failed", "allow", "deny"])))]
#[command(group(clap::ArgGroup::new("permission").args(["allow", "deny"])))]
pub struct AnswerArgs {
    /// The run [default: the newest that has not ended], and the task in doubt, whose agent asks, or that is a gate.
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
    /// Allow what its agent asks for: this once, unless the question says that yes means always. Or yes at a gate.
    #[arg(long)]
    pub allow: bool,
    /// Refuse what its agent asks for; the attempt will have failed. Or no at a gate: the task has failed.
    #[arg(long)]
    pub deny: bool,
    /// The question that is answered, as `regatta status` names it [default: the only one that the attempt ever asked].
    #[arg(long, value_name = "ATTEMPT.N", requires = "permission")]
    pub question: Option<QuestionId>,
    /// Its result: JSON, or `@FILE`.
    #[arg(long, value_name = "JSON|@FILE", requires = "succeeded")]
    pub result: Option<String>,
}

/// `regatta merge`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta merge --dry-run        what would merge and what would not, all conflicts at once
  regatta merge --continue       a conflict that was left to a person is resolved and committed
  regatta merge 5f3a --approve   yes: the target may move to what was merged
  regatta merge --reject         no: nothing lands
  regatta merge --reject --task docs   not with that: it is taken out, and the rest is asked about anew")]
#[command(group(clap::ArgGroup::new("merge").required(true).args(["dry_run", "go_on", "approve", "reject"])))]
pub struct MergeArgs {
    /// The run [default: the newest that has not ended; with --dry-run the newest].
    pub run: Option<String>,
    /// Say what merging would give and which tasks conflict with which; exit code 1 if any do. Moves nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Go on with a landing that waits for a person: a conflict was resolved, or files are out of the way.
    #[arg(long = "continue")]
    pub go_on: bool,
    /// Say yes to what the run asks about the tip that it built, and go on with it.
    #[arg(long)]
    pub approve: bool,
    /// Say no to what the run asks about the tip that it built: nothing lands, or everything but the tasks named.
    #[arg(long)]
    pub reject: bool,
    /// Refuse the work of this task only, and with it what builds on it; may be given several times.
    #[arg(long, value_name = "TASK", requires = "reject")]
    pub task: Vec<String>,
    /// Go on with the stored plan although the file has changed.
    #[arg(long)]
    pub stored: bool,
    /// Return at once; the run goes on in the background.
    #[arg(long)]
    pub detach: bool,
    /// Print the summary as JSON and nothing else on standard output.
    #[arg(long)]
    pub json: bool,
}

/// `regatta revert`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta revert 5f3a            inverse commits, newest first, behind the gates of that run")]
pub struct RevertArgs {
    /// The run.
    pub run: String,
    /// Return at once with the id of the new run; it goes on in the background.
    #[arg(long)]
    pub detach: bool,
    /// Print the summary as JSON and nothing else on standard output.
    #[arg(long)]
    pub json: bool,
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
