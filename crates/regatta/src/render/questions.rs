//! What running attempts and gates ask people: each question with the commands that answer it.
//!
//! For `status`, `explain` and summaries. Says nothing of what was answered.

use super::escape::escape;
use super::lines::{gate_command, gate_lines, permit_command, permit_lines};
use crate::view::Stand;
use regatta_engine::Engine;
use regatta_engine::ids::NodeId;
use regatta_engine::permission::{Question, QuestionId};
use regatta_engine::spec::Asked;
use regatta_engine::state::node::Live;
use serde_json::{Value, json};

/// At most this many are listed one by one.
const MAX_LISTED: usize = 20;

/// The questions that are open, oldest attempt first, then those of gates, three lines each; nothing if there are none.
#[must_use]
pub fn text(stand: Stand<'_>) -> String {
    let lines = open(stand.engine).take(MAX_LISTED).map(|(node, live, question)| {
        let task = stand.engine.graph().name(node);
        let next = permit_lines((stand.run_id, task), id(live, question), "    ");
        // Whether its attempt still lives is looked at when it is answered.
        let asks = if stand.held { "asks" } else { "asked before its orchestrator went away" };
        format!("  asks: task {} {asks} {}\n{next}", escape(task), escape(&question.words()))
    });
    let gates = at_gates(stand.engine).take(MAX_LISTED).map(|(node, asked)| {
        let task = stand.engine.graph().name(node);
        let next = gate_lines((stand.run_id, task), "    ");
        format!("  asks: task {}, {}\n{next}", escape(task), escape(&asked.words()))
    });
    let mut out: String = lines.chain(gates).collect();
    let beyond = |all: usize| all.saturating_sub(MAX_LISTED);
    let more = beyond(open(stand.engine).count()) + beyond(at_gates(stand.engine).count());
    if more > 0 {
        out.push_str(&format!("  … and {more} more questions\n"));
    }
    out
}

/// The commands that answer what one task asks, two lines for each question.
#[must_use]
pub fn next(stand: Stand<'_>, node: NodeId) -> String {
    let asked = open(stand.engine).filter(|(of, ..)| *of == node).take(MAX_LISTED);
    let of = (stand.run_id, stand.engine.graph().name(node));
    let gate = at_gates(stand.engine).filter(|(asks, _)| *asks == node).map(|_| gate_lines(of, "  "));
    asked.map(|(_, live, question)| permit_lines(of, id(live, question), "  ")).chain(gate).collect()
}

/// The questions that are open, for programs.
#[must_use]
pub fn json(stand: Stand<'_>) -> Value {
    let row = |(node, live, question): (NodeId, &Live, &Question)| {
        let task = stand.engine.graph().name(node);
        let id = id(live, question);
        let command = |allow| permit_command((stand.run_id, task), id, allow);
        json!({
            "task": task,
            "attempt": live.number,
            "attempt_id": live.attempt.0,
            "question": id.to_string(),
            "title": &*question.title,
            "tool_kind": &*question.tool,
            "always": question.always,
            "allow": command(true),
            "deny": command(false),
        })
    };
    let at_gate = |(node, asked): (NodeId, &Asked)| {
        let task = stand.engine.graph().name(node);
        let command = |allow| gate_command((stand.run_id, task), allow);
        json!({
            "task": task,
            "attempt": null,
            "attempt_id": null,
            "question": asked.gate,
            "title": asked.question,
            "tool_kind": "gate",
            "always": false,
            "allow": command(true),
            "deny": command(false),
        })
    };
    open(stand.engine).map(row).chain(at_gates(stand.engine).map(at_gate)).collect()
}

/// Whether anybody asks a person.
#[must_use]
pub fn any(engine: &Engine) -> bool {
    open(engine).next().is_some() || at_gates(engine).next().is_some()
}

/// Gates that wait for a person.
fn at_gates(engine: &Engine) -> impl Iterator<Item = (NodeId, &Asked)> {
    engine.state().in_doubt().filter_map(|node| Some((node, engine.graph().asked(node)?)))
}

fn id(live: &Live, question: &Question) -> QuestionId {
    QuestionId { attempt: live.attempt, number: question.number }
}

fn open(engine: &Engine) -> impl Iterator<Item = (NodeId, &Live, &Question)> {
    let live = engine.state().live().filter_map(|(_, node)| Some((node, engine.state().node(node).live()?)));
    // One that is being ended asks nobody any more.
    let asking = live.filter(|(_, live)| live.ending.is_none());
    asking.flat_map(|(node, live)| live.questions.open().map(move |question| (node, live, question)))
}
