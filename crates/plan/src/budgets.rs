//! Budgets that agents can never use up, because they do not tell what they use.
//!
//! Looks at names only.

use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::Draft;
use crate::model::Budget;
use crate::placed::Placed;
use std::collections::BTreeSet;

/// Warns once for each agent and each part of a budget that it is blind to. Agents that help a merge count for the budget
/// of the plan.
pub(crate) fn check_budgets(draft: &Draft, placed: &[Placed], problems: &mut Problems) {
    let of_tasks = placed
        .iter()
        .filter_map(|p| Some((p.task.action.agent()?, p.action_span.wide(), p.task.budget.as_ref())));
    let helpers = draft.apart.iter().flat_map(|apart| &apart.helpers);
    let helpers = helpers.map(|(name, span)| (name.as_str(), span.clone(), None));
    let mut told = BTreeSet::new();
    for (name, span, own) in of_tasks.chain(helpers) {
        let Some(agent) = draft.agents.all.get(name) else { continue };
        let (tokens, cost) = agent.reports();
        let budgets = || draft.budget.iter().chain(own);
        let blind = |wants: fn(&Budget) -> bool, reports: bool| !reports && budgets().any(wants);
        for (blind, what) in [
            (blind(|b| b.tokens.is_some(), tokens), "tokens"),
            (blind(|b| b.micro_usd.is_some(), cost), "cost"),
        ] {
            if blind && told.insert((name, what)) {
                let message = format!("agent `{name}` reports no {what}, which the budget is to count");
                let help = "bound it by `timeout`, or by the agent's own settings";
                let problem = Diagnostic::warning(Code::NoUsage, span.clone(), message);
                problems.push(problem.help(help));
            }
        }
    }
}
