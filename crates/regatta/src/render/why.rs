//! Why a node is where it is, as a sentence: what the engine explains, with what the last attempt said.
//!
//! The text is escaped already.

use super::escape::escape;
use super::lines;
use crate::view::{Failure, RunView, Stand, own_failure};
use regatta_engine::Engine;
use regatta_engine::cause::Cause;
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

/// As [`why`], for whoever is told the code of the cause besides.
#[must_use]
pub fn beside_code(view: &RunView, node: NodeId) -> String {
    let stand = view.stand();
    match (stand.engine.explain(node), own_failure(stand.engine, stand.failures, node)) {
        (Why::Ended { outcome, .. }, Some(Failure::Attempt { report, .. })) => {
            format!("{}{}", outcome.name().replace('_', " "), lines::message(report))
        }
        _ => of(stand, node),
    }
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
        Why::Collected if refused_by(stand, node).is_some() => {
            let by = refused_by(stand, node).unwrap_or_default();
            format!("its work is committed and does not land: refused by {}", escape(by))
        }
        Why::Ended { cause: Some(Cause::Refused), .. } if refused_by(stand, node).is_some() => {
            let by = refused_by(stand, node).unwrap_or_default();
            format!("failed: its work is committed and did not land: refused by {}", escape(by))
        }
        Why::Ended { outcome: NodeOutcome::Succeeded, .. } if stand.reused.contains_key(&node) => {
            reused(&stand.reused[&node])
        }
        _ => sentence(stand.engine, stand.failures, node),
    }
}

/// Who did not let the work of a task land.
#[must_use]
pub fn refused_by(stand: Stand<'_>, node: NodeId) -> Option<&str> {
    stand.refused.get(stand.engine.graph().name(node)).map(String::as_str)
}

/// The sentence for a node of a run that somebody looks after.
#[must_use]
pub fn sentence(engine: &Engine, failures: &BTreeMap<NodeId, Failure>, node: NodeId) -> String {
    let why = engine.explain(node);
    if let Some(said) = left_to_person(engine, failures, node) {
        return format!("{}: {}", escape(&why.sentence(engine.graph())), escape(said));
    }
    match (&why, own_failure(engine, failures, node)) {
        (Why::Ended { outcome, .. }, Some(failure)) => {
            format!("{}{}", outcome.name().replace('_', " "), reason(failure))
        }
        _ => escape(&why.sentence(engine.graph())),
    }
}

/// Where a conflict that a node would begin from was left to a person, and the command that goes on.
#[must_use]
pub fn left_to_person<'a>(
    engine: &Engine,
    failures: &'a BTreeMap<NodeId, Failure>,
    node: NodeId,
) -> Option<&'a str> {
    match (engine.explain(node), failures.get(&node)) {
        (Why::InDoubt { cause: Cause::MergeConflict, .. }, Some(Failure::Attempt { report, .. })) => {
            report.message.as_deref()
        }
        _ => None,
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
