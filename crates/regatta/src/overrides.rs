//! What the command line says over the plan: caps, order, which earlier run may be reused; and what earlier runs took.
//! Pinned in the run.
//!
//! Stored as JSON with the run, so that a resume runs under the same.

use crate::args::CapArgs;
use crate::error::CliError;
use regatta_plan::Plan;
use regatta_runtime::reuse::Reuse;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What overrides the plan.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Overrides {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_parallel: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per_wave: Option<u32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    per_priority: BTreeMap<String, u32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    per_agent: BTreeMap<String, u32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    per_tag: BTreeMap<String, u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule: Option<String>,
    /// Measured durations of tasks without an estimate, in milliseconds by id, as they were when the run was started.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recorded: BTreeMap<String, u64>,
    /// The order that `--optimise` found; empty leaves the plan's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<String>,
    /// What of earlier runs may stand for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<Reuse>,
}

impl Overrides {
    /// From the command line.
    ///
    /// # Errors
    /// A cap of 0, an unknown schedule or priority, or a pair without `=`.
    pub fn parse(args: &CapArgs) -> Result<Overrides, CliError> {
        for (name, value) in [("--max-parallel", args.max_parallel), ("--per-wave", args.per_wave)] {
            if value == Some(0) {
                return Err(CliError::usage(format!("`{name} 0` would let nothing run")));
            }
        }
        if let Some(other) =
            args.schedule.as_ref().filter(|s| !["dataflow", "waves", "sequential"].contains(&s.as_str()))
        {
            let message = format!("`--schedule {other}` is not a schedule");
            return Err(CliError::usage(message).hint("schedules are dataflow, waves, sequential"));
        }
        let per_priority = pairs("--per-priority", &args.per_priority)?;
        if let Some(other) = per_priority.keys().find(|p| !["P0", "P1", "P2", "P3"].contains(&p.as_str())) {
            return Err(
                CliError::usage(format!("`{other}` is no priority")).hint("priorities are P0, P1, P2, P3")
            );
        }
        Ok(Overrides {
            max_parallel: args.max_parallel,
            per_wave: args.per_wave,
            per_priority,
            per_agent: pairs("--per-agent", &args.per_agent)?,
            per_tag: pairs("--per-tag", &args.per_tag)?,
            schedule: args.schedule.clone(),
            ..Overrides::default()
        })
    }

    /// Each name must mean something in the plan, or the cap would be a slip that nobody notices.
    ///
    /// # Errors
    /// No task has the tag, or the plan has no such agent.
    pub fn check(&self, plan: &Plan) -> Result<(), CliError> {
        let tagged = |tag: &String| plan.tasks.iter().any(|t| t.tags.contains(tag));
        if let Some(tag) = self.per_tag.keys().find(|tag| !tagged(tag)) {
            return Err(CliError::usage(format!("`--per-tag {tag}=…`: no task has this tag")));
        }
        if let Some(agent) = self.per_agent.keys().find(|agent| !plan.agents.contains_key(*agent)) {
            return Err(CliError::usage(format!("`--per-agent {agent}=…`: the plan has no such agent")));
        }
        Ok(())
    }

    /// Lays them over a plan.
    pub fn apply(&self, plan: &mut Plan) {
        plan.reuse = self.reuse.is_some();
        plan.recorded.clone_from(&self.recorded);
        if !self.order.is_empty() {
            plan.order.clone_from(&self.order);
        }
        let limits = &mut plan.limits;
        limits.max_parallel = self.max_parallel.unwrap_or(limits.max_parallel);
        limits.per_wave = self.per_wave.or(limits.per_wave);
        limits.per_priority.extend(self.per_priority.clone());
        limits.per_agent.extend(self.per_agent.clone());
        limits.per_tag.extend(self.per_tag.clone());
        if let Some(schedule) = &self.schedule {
            plan.schedule.clone_from(schedule);
        }
    }
}

fn pairs(flag: &str, given: &[String]) -> Result<BTreeMap<String, u32>, CliError> {
    given
        .iter()
        .map(|pair| {
            let parsed = pair.split_once('=').and_then(|(name, n)| Some((name.to_owned(), n.parse().ok()?)));
            match parsed {
                Some((_, 0)) => Err(CliError::usage(format!("`{flag} {pair}` would let nothing run"))),
                Some(parsed) => Ok(parsed),
                None => Err(CliError::usage(format!("`{flag} {pair}` is not NAME=NUMBER"))),
            }
        })
        .collect()
}
