//! What the command line and the variables say over the plan: caps, order, which earlier run may be reused; and what
//! earlier runs took. Pinned in the run.
//!
//! Stored as JSON with the run, so that a resume runs under the same.

use crate::args::{CapArgs, SCHEDULES};
use crate::context::Context;
use crate::error::CliError;
use crate::origin::Origin;
use regatta_plan::Plan;
use regatta_runtime::reuse::Reuse;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
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
    /// The run that it takes back, or whose equal work it takes over, and those before that one: what they knew to be
    /// a secret is one here, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
}

/// The settings that an option and a variable set: path of the key, option, variable.
const SET_BY: [(&str, &str, &str); 6] = [
    ("limits.max_parallel", "--max-parallel", "REGATTA_MAX_PARALLEL"),
    ("limits.per_wave", "--per-wave", "REGATTA_PER_WAVE"),
    ("limits.per_priority", "--per-priority", "REGATTA_PER_PRIORITY"),
    ("limits.per_agent", "--per-agent", "REGATTA_PER_AGENT"),
    ("limits.per_tag", "--per-tag", "REGATTA_PER_TAG"),
    ("schedule", "--schedule", "REGATTA_SCHEDULE"),
];

/// The variables that set something here.
pub fn variables() -> impl Iterator<Item = &'static str> {
    SET_BY.iter().map(|(_, _, variable)| *variable)
}

/// Where a value of options comes from.
#[must_use]
pub fn by_flag(key: &str) -> Origin {
    Origin::Flag(set_by(key).1.to_owned())
}

/// Where a value of variables comes from.
#[must_use]
pub fn by_variable(key: &str) -> Origin {
    Origin::Variable(set_by(key).2.to_owned())
}

fn set_by(key: &str) -> (&'static str, &'static str, &'static str) {
    let fits =
        |path: &str| key.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    SET_BY.into_iter().find(|(path, ..)| fits(path)).unwrap_or(("", "an option", "a variable"))
}

/// What was asked for, before it is known of which plan.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// By options.
    pub flags: Overrides,
    /// By variables.
    pub variables: Overrides,
}

impl Asked {
    /// Reads options and variables.
    ///
    /// # Errors
    /// A cap of 0, an unknown schedule or priority, a pair without `=`, or a variable that is no number.
    pub fn read(context: &Context, args: &CapArgs) -> Result<Asked, CliError> {
        let flags = Overrides::parse(args, |i| SET_BY[i].1.to_owned())?;
        let variables = Overrides::parse(&from_variables(context)?, |i| format!("${}", SET_BY[i].2))?;
        Ok(Asked { flags, variables })
    }

    /// Options over variables, for a plan. An option that names what the plan does not have is a slip; a variable is
    /// for many plans, so only what the plan has is taken.
    ///
    /// # Errors
    /// No task has a tag that an option names, or the plan has no such agent.
    pub fn of(self, plan: &Plan) -> Result<Overrides, CliError> {
        let Asked { flags, mut variables } = self;
        flags.check(plan)?;
        variables.per_tag.retain(|tag, _| has_tag(plan, tag));
        variables.per_agent.retain(|agent, _| plan.agents.contains_key(agent));
        Ok(flags.over(variables))
    }
}

/// Variables in the form of options.
fn from_variables(context: &Context) -> Result<CapArgs, CliError> {
    let get = |i: usize| context.variables.get(SET_BY[i].2).filter(|text| !text.is_empty());
    let number = |i: usize| {
        let parse = |text: &String| {
            let name = SET_BY[i].2;
            let wrong =
                || CliError::usage(format!("`${name}` is `{}`, no whole number", text.escape_debug()));
            text.trim().parse::<u32>().map_err(|_| wrong())
        };
        get(i).map(parse).transpose()
    };
    let list = |i: usize| {
        let split = |text: &String| text.split(',').map(|pair| pair.trim().to_owned()).collect::<Vec<_>>();
        let pairs = get(i).map(split).unwrap_or_default();
        pairs.into_iter().filter(|pair| !pair.is_empty()).collect::<Vec<_>>()
    };
    Ok(CapArgs {
        max_parallel: number(0)?,
        per_wave: number(1)?,
        per_priority: list(2),
        per_agent: list(3),
        per_tag: list(4),
        schedule: get(5).cloned(),
    })
}

impl Overrides {
    /// Of a run that knows the secrets of earlier ones, and is told nothing else.
    #[must_use]
    pub fn after(earlier: Vec<String>) -> Overrides {
        Overrides { earlier, ..Overrides::default() }
    }

    /// From options, or variables in their form; `name` says what number n of [`SET_BY`] is called.
    fn parse(args: &CapArgs, name: impl Fn(usize) -> String) -> Result<Overrides, CliError> {
        for (i, value) in [args.max_parallel, args.per_wave].into_iter().enumerate() {
            if value == Some(0) {
                return Err(CliError::usage(format!("`{} 0` would let nothing run", name(i))));
            }
        }
        // An option was looked at before; a variable was not.
        if let Some(other) = args.schedule.as_ref().filter(|s| !SCHEDULES.contains(&s.as_str())) {
            let message = format!("`{} {}` is not a schedule", name(5), other.escape_debug());
            return Err(CliError::usage(message).hint(format!("schedules are {}", SCHEDULES.join(", "))));
        }
        let per_priority = pairs(&name(2), &args.per_priority)?;
        if let Some(other) = per_priority.keys().find(|p| !["P0", "P1", "P2", "P3"].contains(&p.as_str())) {
            let message = format!("`{} {}=…`: there is no such priority", name(2), other.escape_debug());
            return Err(CliError::usage(message).hint("priorities are P0, P1, P2, P3"));
        }
        Ok(Overrides {
            max_parallel: args.max_parallel,
            per_wave: args.per_wave,
            per_priority,
            per_agent: pairs(&name(3), &args.per_agent)?,
            per_tag: pairs(&name(4), &args.per_tag)?,
            schedule: args.schedule.clone(),
            ..Overrides::default()
        })
    }

    /// These over others.
    fn over(self, mut other: Overrides) -> Overrides {
        other.per_priority.extend(self.per_priority);
        other.per_agent.extend(self.per_agent);
        other.per_tag.extend(self.per_tag);
        Overrides {
            max_parallel: self.max_parallel.or(other.max_parallel),
            per_wave: self.per_wave.or(other.per_wave),
            schedule: self.schedule.or(other.schedule),
            reuse: self.reuse.or(other.reuse),
            ..other
        }
    }

    /// Each name must mean something in the plan, or the cap would be a slip that nobody notices.
    fn check(&self, plan: &Plan) -> Result<(), CliError> {
        if let Some(tag) = self.per_tag.keys().find(|tag| !has_tag(plan, tag)) {
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

    /// What they say, by path of the setting.
    #[must_use]
    pub fn values(&self) -> Vec<(String, Value)> {
        let one = |path: &str, n: Option<u32>| n.map(|n| (path.to_owned(), json!(n)));
        let many = |path: &'static str, caps: &BTreeMap<String, u32>| {
            caps.iter().map(|(name, n)| (format!("{path}.{name}"), json!(n))).collect::<Vec<_>>()
        };
        let mut values: Vec<(String, Value)> = Vec::new();
        values.extend(one("limits.max_parallel", self.max_parallel));
        values.extend(one("limits.per_wave", self.per_wave));
        values.extend(many("limits.per_priority", &self.per_priority));
        values.extend(many("limits.per_agent", &self.per_agent));
        values.extend(many("limits.per_tag", &self.per_tag));
        values.extend(self.schedule.iter().map(|s| ("schedule".to_owned(), json!(s))));
        values
    }
}

fn has_tag(plan: &Plan, tag: &String) -> bool {
    plan.tasks.iter().any(|task| task.tags.contains(tag))
}

fn pairs(flag: &str, given: &[String]) -> Result<BTreeMap<String, u32>, CliError> {
    let mut caps = BTreeMap::new();
    for pair in given {
        let refuse = |what: &str| Err(CliError::usage(format!("`{flag} {}` {what}", pair.escape_debug())));
        let parsed = pair.split_once('=').and_then(|(name, n)| Some((name, n.parse().ok()?)));
        match parsed {
            Some((_, 0)) => return refuse("would let nothing run"),
            Some((name, n)) => {
                if let Some(other) = caps.insert(name.to_owned(), n) {
                    return refuse(&format!(
                        "and `{}={other}` are two caps of one name",
                        name.escape_debug()
                    ));
                }
            }
            None => return refuse("is not NAME=NUMBER"),
        }
    }
    Ok(caps)
}
