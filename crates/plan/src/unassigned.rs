//! Agents that stand for nobody: `preset: none`. A plan with such can be checked and not run.
//!
//! Knows no driver.

use crate::model::{Action, Driver, Plan};

/// The preset of an agent that nobody has been named for.
pub(crate) const NOBODY: &str = "none";

/// Names of agents that tasks of the plan or its merge have and that stand for nobody, sorted.
#[must_use]
pub fn unassigned(plan: &Plan) -> Vec<&str> {
    let helps = |name: &str| {
        let merge = plan.merge.as_ref();
        merge.is_some_and(|m| m.fix.iter().chain(&m.resolver).any(|helper| helper.agent == name))
    };
    let used = |name: &str| {
        plan.tasks.iter().any(|task| matches!(&task.action, Action::Agent { agent, .. } if agent == name))
    };
    let nobody = plan
        .agents
        .iter()
        .filter(|(_, agent)| matches!(&agent.driver, Driver::Preset(name) if name == NOBODY));
    nobody.map(|(name, _)| name.as_str()).filter(|name| used(name) || helps(name)).collect()
}
