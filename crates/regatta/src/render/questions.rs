//! What running attempts ask people: each question with the command that answers it.
//!
//! For `status`, `explain` and summaries. Says nothing of what was answered.

use super::escape::escape;
use super::lines::permit_command;
use crate::view::Stand;
use regatta_engine::Engine;
use regatta_engine::ids::NodeId;
use regatta_engine::permission::Question;
use regatta_engine::state::node::Live;
use serde_json::{Value, json};

/// At most this many are listed one by one.
const MAX_LISTED: usize = 20;

/// The questions that are open, oldest attempt first, two lines each; nothing if there are none.
#[must_use]
pub fn text(stand: Stand<'_>) -> String {
    let lines = open(stand.engine).take(MAX_LISTED).map(|(node, _, question)| {
        let task = stand.engine.graph().name(node);
        let next = permit_command((stand.run_id, task), question.number);
        format!("  asks: task {} asks {}\n    next: {next}\n", escape(task), escape(&question.words()))
    });
    let mut out: String = lines.collect();
    let more = open(stand.engine).count().saturating_sub(MAX_LISTED);
    if more > 0 {
        out.push_str(&format!("  … and {more} more questions\n"));
    }
    out
}

/// The commands that answer what the attempt of one task asks, a line each.
#[must_use]
pub fn next(stand: Stand<'_>, node: NodeId) -> String {
    let asked = open(stand.engine).filter(|(of, ..)| *of == node).take(MAX_LISTED);
    let command = |number| permit_command((stand.run_id, stand.engine.graph().name(node)), number);
    asked.map(|(_, _, question)| format!("  next: {}\n", command(question.number))).collect()
}

/// The questions that are open, for programs.
#[must_use]
pub fn json(stand: Stand<'_>) -> Value {
    let row = |(node, live, question): (NodeId, &Live, &Question)| {
        let task = stand.engine.graph().name(node);
        json!({
            "task": task,
            "attempt": live.number,
            "attempt_id": live.attempt.0,
            "question": question.number,
            "title": &*question.title,
            "tool_kind": &*question.tool,
            "next": permit_command((stand.run_id, task), question.number),
        })
    };
    open(stand.engine).map(row).collect()
}

fn open(engine: &Engine) -> impl Iterator<Item = (NodeId, &Live, &Question)> {
    let live = engine.state().live().filter_map(|(_, node)| Some((node, engine.state().node(node).live()?)));
    // One that is being ended asks nobody any more.
    let asking = live.filter(|(_, live)| live.ending.is_none());
    asking.flat_map(|(node, live)| live.questions.open().map(move |question| (node, live, question)))
}
