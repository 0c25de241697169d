//! The verb that looks at the schedule of a plan, `plan`; and `--optimise`, which `run` has too.
//!
//! Raw options only.

use super::CapArgs;
use crate::prediction::Effort;
use clap::Args;
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
  regatta plan plan.yaml --optimise 20 --out better.yaml   write the order into the plan")]
pub struct PlanArgs {
    /// The plan.
    pub plan: PathBuf,
    /// Caps that override the plan's.
    #[command(flatten)]
    pub caps: CapArgs,
    /// A value for an input of the plan.
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub inputs: Vec<String>,
    /// Another order.
    #[command(flatten)]
    pub optimise: OptimiseArgs,
    /// Write the plan with the order that was found to a file.
    #[arg(long, value_name = "FILE", requires = "optimise")]
    pub out: Option<PathBuf>,
    /// The schedule as JSON.
    #[arg(long)]
    pub json: bool,
}
