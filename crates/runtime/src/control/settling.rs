//! What a person's word means for a task in doubt, and for a gate that waits for it.
//!
//! Decides on the state alone. Knows no socket.

use crate::collect::{INLINE_RESULT_BYTES, TaskResult, from_value};
use crate::redact::Redactor;
use crate::turn::Arrival;
use regatta_engine::Engine;
use regatta_engine::cause::Cause;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::input::{Answer, Input};
use regatta_engine::spec::Asked;
use regatta_engine::state::node::NodeState;
use regatta_journal::Payload;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How a doubt is settled.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settle {
    /// Exactly one more attempt.
    Again,
    /// It was done; its result, if any.
    Succeeded(Option<Value>),
    /// It was not done and shall not be tried again.
    Failed,
}

/// Whether somebody has resolved it is seen when it begins.
const TAKEN: &str = "is tried again with what was committed where the conflict stands";

/// Other words mean nothing to a gate.
const YES_OR_NO: &str =
    "is a gate that a person decides: there is nothing to be tried again, and its result is what they say";

/// What a task would begin from is not there before a person has made it.
const RESOLVE: &str = "has not begun, so it has not succeeded: work that it would begin from conflicts; resolve it where `regatta status` says, `git commit` there, then: regatta resume (or answer --again, or --failed)";

/// The answer to the only question that a gate asks.
///
/// # Errors
/// It waits for none, or another one is meant.
pub(super) fn permit(
    engine: &Engine,
    node: NodeId,
    (question, allow): (Option<(u64, u32)>, bool),
) -> Result<(Arrival, String), String> {
    if question.is_some() {
        return Err("is a gate, and asks one question only: leave `--question` out".to_owned());
    }
    match (&engine.state().node(node).state, engine.graph().asked(node)) {
        (NodeState::InDoubt(doubt), Some(asked)) => decide((node, doubt.attempt), asked, allow),
        _ => {
            let why = engine.explain(node).sentence(engine.graph());
            Err(format!("waits for nobody's answer now: {why}"))
        }
    }
}

/// Yes is success with a result as that of every gate; no is a failure.
///
/// # Errors
/// The result cannot be written as JSON, which it always can.
fn decide(
    (node, attempt): (NodeId, AttemptId),
    asked: &Asked,
    allow: bool,
) -> Result<(Arrival, String), String> {
    if !allow {
        let arrival = Input::Answered { node, answer: Answer::Failed }.into();
        return Ok((arrival, format!("is refused at gate `{}`", asked.gate)));
    }
    let result = json!({ "name": asked.gate, "passed": true, "said": "allowed by a person" });
    let result = from_value(&Redactor::default().value(result)).map_err(|e| e.to_string())?;
    let input = Input::Answered { node, answer: Answer::Succeeded(Some(result.digest)) };
    let payloads = vec![Payload { attempt, bytes: result.bytes }];
    Ok((Arrival { input, payloads }, format!("passes gate `{}`", asked.gate)))
}

/// An answer about a task in doubt.
///
/// # Errors
/// It is in none, or cannot be settled so.
pub(super) fn answer(engine: &Engine, node: NodeId, settle: &Settle) -> Result<(Arrival, String), String> {
    let NodeState::InDoubt(doubt) = &engine.state().node(node).state else {
        return Err(format!("is not in doubt: {}", engine.explain(node).sentence(engine.graph())));
    };
    if let Some(asked) = engine.graph().asked(node) {
        let yes = match settle {
            Settle::Succeeded(None) => Ok(true),
            Settle::Failed => Ok(false),
            Settle::Again | Settle::Succeeded(Some(_)) => Err(YES_OR_NO),
        };
        return decide((node, doubt.attempt), asked, yes?);
    }
    // It never started, so it has not had its effect.
    let conflicts = doubt.cause == Cause::MergeConflict;
    let (answer, result, said) = match settle {
        Settle::Succeeded(_) if conflicts => return Err(RESOLVE.to_owned()),
        Settle::Again if conflicts => (Answer::Again, None, TAKEN),
        Settle::Again => (Answer::Again, None, "gets exactly one more attempt"),
        Settle::Failed => (Answer::Failed, None, "is recorded as failed"),
        Settle::Succeeded(None) => (Answer::Succeeded(None), None, "is recorded as succeeded"),
        Settle::Succeeded(Some(value)) => {
            let result = from_value(&Redactor::default().value(value.clone()))
                .map_err(|e| format!("cannot have that result: {e}"))?;
            if result.bytes.len() > INLINE_RESULT_BYTES {
                return Err("cannot have a result of more than 64 KiB by an answer".to_owned());
            }
            (Answer::Succeeded(Some(result.digest)), Some(result), "is recorded as succeeded")
        }
    };
    let payload = |r: TaskResult| Payload { attempt: doubt.attempt, bytes: r.bytes };
    let payloads = result.into_iter().map(payload).collect();
    Ok((Arrival { input: Input::Answered { node, answer }, payloads }, said.to_owned()))
}
