//! The verbs that look at the schedule of a plan: `plan`, `export`; and `--optimise`, which `run` has too.
//!
//! Raw options only.

use super::{CapArgs, PartArgs};
use crate::error::CliError;
use crate::prediction::Effort;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Perturbations that may be asked for.
const MOST_PERTURBATIONS: i64 = 1_000_000;
/// The largest seed: whole numbers up to it keep all digits in every reader of JSON.
const MOST_SEED: u64 = (1 << 53) - 1;

/// How hard to look for a better order.
#[derive(Args, Debug, Default, Clone)]
pub struct OptimiseArgs {
    /// Look for an order that is predicted to end earlier: forward-backward passes and N perturbations.
    #[arg(long, alias = "optimize", value_name = "N",
        value_parser = clap::value_parser!(u32).range(0..=MOST_PERTURBATIONS))]
    pub optimise: Option<u32>,
    /// What the perturbations follow from; the same seed finds the same order.
    #[arg(long, value_name = "S", default_value_t = 1, requires = "optimise",
        value_parser = clap::value_parser!(u64).range(0..=MOST_SEED))]
    pub seed: u64,
}

impl OptimiseArgs {
    /// What was asked, if anything was.
    #[must_use]
    pub fn effort(&self) -> Option<Effort> {
        self.optimise.map(|perturbations| Effort { perturbations, seed: self.seed })
    }
}

/// `regatta plan`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta plan plan.yaml
  regatta plan plan.yaml --json | jq .predicted.makespan_ms
  regatta plan plan.yaml --optimise 20                     how much better can the order be?
  regatta plan plan.yaml --optimise 20 --out better.yaml   write the plan with that order
  regatta plan plan.yaml --optimise 20 --out plan.yaml --force")]
pub struct PlanArgs {
    /// The plan.
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
    /// Another order.
    #[command(flatten)]
    pub optimise: OptimiseArgs,
    /// Write the plan with the order that was found to a file.
    #[arg(long, value_name = "FILE", requires = "optimise", conflicts_with_all = ["only", "until"])]
    pub out: Option<PathBuf>,
    /// Replace the file if it is there, also the plan itself.
    #[arg(long, requires = "out")]
    pub force: bool,
    /// Start the servers whose tools tasks name, and check calls against what they say of their tools.
    #[arg(long)]
    pub connect: bool,
    /// The schedule as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `regatta export`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  regatta export plan.yaml >plan.mmd
  regatta export plan.yaml --format svg --out plan.svg
  regatta export plan.yaml --format svg --view graph | display -
  regatta export plan.yaml --format dot | dot -Tpdf >plan.pdf")]
pub struct ExportArgs {
    /// The plan.
    pub plan: PathBuf,
    /// The format.
    #[arg(long, value_enum, default_value_t = ExportFormat::Mermaid)]
    pub format: ExportFormat,
    /// What is drawn [default: `graph`; `gantt` for svg].
    #[arg(long, value_enum)]
    pub view: Option<ExportView>,
    /// Caps that override the plan's.
    #[command(flatten)]
    pub caps: CapArgs,
    /// A part of the plan.
    #[command(flatten)]
    pub part: PartArgs,
    /// A value for an input of the plan.
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub inputs: Vec<String>,
    /// Another order.
    #[command(flatten)]
    pub optimise: OptimiseArgs,
    /// Write to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the file if it is there.
    #[arg(long, requires = "out")]
    pub force: bool,
}

/// A format of `export`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportFormat {
    /// Text for Mermaid, which many pages of documentation draw by themselves.
    Mermaid,
    /// Text for Graphviz.
    Dot,
    /// A picture.
    Svg,
}

/// What `export` draws.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportView {
    /// The predicted schedule over time.
    Gantt,
    /// Tasks and what each waits for.
    Graph,
}

impl ExportArgs {
    /// What is drawn.
    ///
    /// # Errors
    /// The format cannot show it.
    pub fn view(&self) -> Result<ExportView, CliError> {
        match (self.format, self.view) {
            (ExportFormat::Dot, Some(ExportView::Gantt)) => {
                Err(CliError::usage("`--format dot` draws no `gantt`").hint("mermaid and svg do"))
            }
            (_, Some(view)) => Ok(view),
            (ExportFormat::Svg, None) => Ok(ExportView::Gantt),
            (ExportFormat::Mermaid | ExportFormat::Dot, None) => Ok(ExportView::Graph),
        }
    }
}
