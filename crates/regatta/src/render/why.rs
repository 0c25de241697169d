//! Why a node is where it is, as a sentence: what the engine explains, with what the last attempt said.
//!
//! The text is escaped already.

use super::escape::escape;
use super::lines;
use crate::view::{Failure, RunView, Stand, own_failure};
use regatta_engine::Engine;
use regatta_engine::explain::Why;
use regatta_engine::ids::NodeId;
use regatta_engine::input::{Reused, ReusedBy};
use regatta_engine::outcome::NodeOutcome;
use std::collections::BTreeMap;

/// The sentence for a node, without a full stop.
#[must_use]
pub fn why(view: &RunView, node: NodeId) -> String {
    of(view.stand(), node)
}

/// As [`why`], of a run that stands so.
#[must_use]
pub fn of(stand: Stand<'_>, node: NodeId) -> String {
    match stand.engine.explain(node) {
        Why::Running { number, .. } if !stand.held => {
            format!("attempt {number} was running when the orchestrator went away")
        }
        Why::Asking { number, question, .. } if !stand.held => {
            let words = escape(&question.words());
            format!("attempt {number} asked {words} when the orchestrator went away")
        }
        Why::Ended { outcome: NodeOutcome::Succeeded, .. } if stand.reused.contains_key(&node) => {
            reused(&stand.reused[&node])
        }
        _ => sentence(stand.engine, stand.failures, node),
    }
}

/// The sentence for a node of a run that somebody looks after.
#[must_use]
pub fn sentence(engine: &Engine, failures: &BTreeMap<NodeId, Failure>, node: NodeId) -> String {
    let why = engine.explain(node);
    match (&why, own_failure(engine, failures, node)) {
        (Why::Ended { outcome, .. }, Some(failure)) => {
            format!("{}{}", outcome.name().replace('_', " "), reason(failure))
        }
        _ => escape(&why.sentence(engine.graph())),
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
        Failure::Map(why) => escape(why),
    }
}

fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Attempt { cause, report, .. } => lines::reason(*cause, report),
        Failure::Condition(why) => format!(": its condition failed: {}", escape(why)),
        Failure::Map(why) => format!(": {}", escape(why)),
    }
}
