//! Agents that stand for nobody: `preset: none`. A plan with such can be checked and not run.
//!
//! Knows no driver.

use crate::model::{Action, Driver, Plan};

/// The preset of an agent that nobody has been named for.
pub(crate) const NOBODY: &str = "none";

/// Names of agents that tasks of the plan have and that stand for nobody, sorted.
#[must_use]
pub fn unassigned(plan: &Plan) -> Vec<&str> {
    let used = |name: &str| {
        plan.tasks.iter().any(|task| matches!(&task.action, Action::Agent { agent, .. } if agent == name))
    };
    let nobody = plan
        .agents
        .iter()
        .filter(|(_, agent)| matches!(&agent.driver, Driver::Preset(name) if name == NOBODY));
    nobody.map(|(name, _)| name.as_str()).filter(|name| used(name)).collect()
}
