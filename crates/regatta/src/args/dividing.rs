//! Options of the verbs that make plans of what others wrote: `analyze`, `import`.
//!
//! Raw options only; knows no environment.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `regatta analyze`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta analyze epics/EPIC-7-login/file-tasks.md            the decision, and a plan ready to run
  regatta analyze tasks.md >plan.yaml && regatta check plan.yaml
  regatta analyze tasks.md --json | jq -r .recommendation
  regatta analyze tasks.md --write                            the files of the epic, and the plan beside them
  regatta analyze plan.yaml                                   would worktrees pay for this plan?
  git diff --name-only main | regatta analyze - --max-overlap 10")]
#[command(group(clap::ArgGroup::new("what").required(true).args(["input", "files"])))]
pub struct AnalyzeArgs {
    /// A task list in Markdown, the folder of an epic, or a plan; `-` reads one, or a list of files, from standard input.
    pub input: Option<PathBuf>,
    /// These files, whether they are there or not.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub files: Vec<PathBuf>,
    /// The id of the epic [default: what the document, its folder or its name says].
    #[arg(long, value_name = "ID")]
    pub epic: Option<String>,
    /// The agent of the plan: one of the settings, a preset, or a name [default: coder, which is codex].
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Print the parallel_analysis object, and nothing else.
    #[arg(long)]
    pub json: bool,
    /// Write parallel_analysis.json, execution_plan.json and the plan below .workflow/outputs/EPIC/.
    #[arg(long)]
    pub write: bool,
    /// Replace files that are there.
    #[arg(long, requires = "write")]
    pub force: bool,
    /// From what on parallel is worth it.
    #[command(flatten)]
    pub knobs: KnobArgs,
}

/// From what on parallel is worth it.
#[derive(Args, Debug)]
pub struct KnobArgs {
    /// At least so many files.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub min_files: usize,
    /// In at least so many domains.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub min_domains: usize,
    /// Less than this part of the files needed by several units, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 30.0, value_parser = not_negative)]
    pub max_overlap: f64,
    /// At least this predicted speed-up: all the work over the longest unit.
    #[arg(long, value_name = "X", default_value_t = 1.5, value_parser = not_negative)]
    pub min_speed_up: f64,
}

fn not_negative(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number.is_finite() && number >= 0.0 {
        Ok(number)
    } else {
        Err("must be a number that is not negative".to_owned())
    }
}

/// `regatta import`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta import epic epics/EPIC-7-login >plan.yaml
  regatta import prd docs/prd --agent claude --out plan.yaml")]
pub struct ImportArgs {
    /// What is imported.
    #[command(subcommand)]
    pub what: ImportVerb,
}

/// What can be imported.
#[derive(Subcommand, Debug)]
pub enum ImportVerb {
    /// The task list of an epic: one task for each domain, with the files that it owns.
    #[command(after_help = "\
Examples:
  regatta import epic epics/EPIC-7-login
  regatta import epic file-tasks.md --epic EPIC-7 --agent codex --out plan.yaml")]
    Epic {
        /// The task list, or the folder that it lies in.
        path: PathBuf,
        /// The id of the epic [default: what the document, its folder or its name says].
        #[arg(long, value_name = "ID")]
        epic: Option<String>,
        /// Who does it, and where the plan goes.
        #[command(flatten)]
        to: ToArgs,
    },
    /// The phases of a product requirements document: one task for each `phase-N-name.md`.
    #[command(after_help = "\
Examples:
  regatta import prd docs/prd
  regatta import prd docs/prd --agent codex --out plan.yaml")]
    Prd {
        /// The directory with the phases.
        dir: PathBuf,
        /// Who does it, and where the plan goes.
        #[command(flatten)]
        to: ToArgs,
    },
}

/// Who does it, and where the plan goes.
#[derive(Args, Debug)]
pub struct ToArgs {
    /// The agent of the plan: one of the settings, a preset, or a name. Without one, `prd` makes a plan that can be checked and not run.
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Write the plan into this file [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the file if it is there.
    #[arg(long, requires = "out")]
    pub force: bool,
}
