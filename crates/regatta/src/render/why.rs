//! Why a node is where it is, as a sentence: what the engine explains, with what the last attempt said.
//!
//! The text is escaped already.

use super::escape::escape;
use super::lines;
use crate::view::{Failure, RunView};
use regatta_engine::explain::Why;
use regatta_engine::ids::NodeId;
use regatta_engine::input::{Reused, ReusedBy};
use regatta_engine::outcome::NodeOutcome;

/// The sentence for a node, without a full stop.
#[must_use]
pub fn why(view: &RunView, node: NodeId) -> String {
    let why = view.engine.explain(node);
    match (&why, view.own_failure(node)) {
        (Why::Ended { outcome, .. }, Some(failure)) => {
            format!("{}{}", outcome.name().replace('_', " "), reason(failure))
        }
        (Why::Running { number, .. }, _) if view.holder.is_none() => {
            format!("attempt {number} was running when the orchestrator went away")
        }
        (Why::Ended { outcome: NodeOutcome::Succeeded, .. }, _) if view.reused.contains_key(&node) => {
            reused(&view.reused[&node])
        }
        _ => escape(&why.sentence(view.engine.graph())),
    }
}

fn reused(reused: &Reused) -> String {
    let by = match reused.by {
        ReusedBy::Retry => "this run retries it",
        ReusedBy::Content => "equal content key",
    };
    format!("succeeded, reused from attempt {} of run {} ({by})", reused.attempt.0, reused.run)
}

/// What went wrong: `2 timed_out: timeout`, `its condition failed: …`.
#[must_use]
pub fn last(failure: &Failure) -> String {
    match failure {
        Failure::Attempt { number, outcome, .. } => {
            format!("attempt {number} {}{}", outcome.name().replace('_', " "), reason(failure))
        }
        Failure::Condition(why) => format!("its condition failed: {}", escape(why)),
    }
}

fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Attempt { cause, report, .. } => lines::reason(*cause, report),
        Failure::Condition(why) => format!(": its condition failed: {}", escape(why)),
    }
}
