//! What running attempts ask people: each question with the commands that answer it.
//!
//! For `status`, `explain` and summaries. Says nothing of what was answered.

use super::escape::escape;
use super::lines::{permit_command, permit_lines};
use crate::view::Stand;
use regatta_engine::Engine;
use regatta_engine::ids::NodeId;
use regatta_engine::permission::{Question, QuestionId};
use regatta_engine::state::node::Live;
use serde_json::{Value, json};

/// At most this many are listed one by one.
const MAX_LISTED: usize = 20;

/// The questions that are open, oldest attempt first, three lines each; nothing if there are none.
#[must_use]
pub fn text(stand: Stand<'_>) -> String {
    let lines = open(stand.engine).take(MAX_LISTED).map(|(node, live, question)| {
        let task = stand.engine.graph().name(node);
        let next = permit_lines((stand.run_id, task), id(live, question), "    ");
        // Whether its attempt still lives is looked at when it is answered.
        let asks = if stand.held { "asks" } else { "asked before its orchestrator went away" };
        format!("  asks: task {} {asks} {}\n{next}", escape(task), escape(&question.words()))
    });
    let mut out: String = lines.collect();
    let more = open(stand.engine).count().saturating_sub(MAX_LISTED);
    if more > 0 {
        out.push_str(&format!("  … and {more} more questions\n"));
    }
    out
}

/// The commands that answer what the attempt of one task asks, two lines for each question.
#[must_use]
pub fn next(stand: Stand<'_>, node: NodeId) -> String {
    let asked = open(stand.engine).filter(|(of, ..)| *of == node).take(MAX_LISTED);
    let of = (stand.run_id, stand.engine.graph().name(node));
    asked.map(|(_, live, question)| permit_lines(of, id(live, question), "  ")).collect()
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
    open(stand.engine).map(row).collect()
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
