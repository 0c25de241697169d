//! What a person must look at in a run: each escalation with its file and the command that goes on.
//!
//! For summaries and `status`. Writes nothing; the files are made by the runtime.

use super::escape::escape;
use super::lines::gate_lines;
use super::looking::look;
use crate::view::{RunView, Stand};
use regatta_engine::cause::Cause;
use regatta_engine::escalation::Escalation;
use regatta_engine::ids::NodeId;
use regatta_engine::scope::Scope;
use regatta_runtime::escalation::{file_stem, remedies};
use regatta_runtime::workspace::DOT_DIR;
use serde_json::{Value, json};

/// At most this many are listed one by one.
const MAX_LISTED: usize = 20;

/// The escalations that nobody has dealt with, each with the commands that go on, but those of tasks that `elsewhere` says
/// are told with theirs in another place; nothing if there are none.
#[must_use]
pub fn text(stand: Stand<'_>, elsewhere: &dyn Fn(NodeId) -> bool) -> String {
    let open = &stand.engine.state().scopes.escalations;
    let mut out = String::new();
    for (about, escalation) in open.iter().take(MAX_LISTED) {
        let words = escape(&about.words(stand.engine.graph()));
        let (class, cause) = (escalation.class.name().replace('_', " "), escalation.cause.code());
        out.push_str(&format!(
            "  escalated: {words} ({class}: {cause}), see {}\n",
            escape(&file(stand, *about))
        ));
        out.push_str(&match *about {
            Scope::Node(node) if elsewhere(node) => String::new(),
            Scope::Node(node) if stand.engine.graph().asked(node).is_some() => {
                gate_lines((stand.run_id, stand.engine.graph().name(node)), "    ")
            }
            about => format!("    next: {}\n", next(stand, about, *escalation)),
        });
    }
    if open.len() > MAX_LISTED {
        out.push_str(&format!("  … and {} more escalations\n", open.len() - MAX_LISTED));
    }
    out
}

/// The same below [`questions`](super::questions::text), which say how gates are answered.
#[must_use]
pub fn below_questions(stand: Stand<'_>) -> String {
    text(stand, &|node| stand.engine.graph().asked(node).is_some())
}

/// The escalations that nobody has dealt with, for programs.
#[must_use]
pub fn json(view: &RunView) -> Value {
    let graph = view.engine.graph();
    let row = |(about, escalation): (&Scope, &Escalation)| {
        json!({
            "about": about.kind(),
            "name": about.name(graph),
            "class": escalation.class.name(),
            "cause": escalation.cause.code(),
            "file": file(view.stand(), *about),
            "next": next(view.stand(), *about, *escalation),
        })
    };
    view.engine.state().scopes.escalations.iter().map(row).collect()
}

/// The file to read, from the workspace on.
#[must_use]
pub fn file(stand: Stand<'_>, about: Scope) -> String {
    let (run_id, stem) = (stand.run_id, file_stem(stand.engine.graph(), about));
    format!("{DOT_DIR}/runs/{run_id}/escalations/{stem}.md")
}

fn next(stand: Stand<'_>, about: Scope, escalation: Escalation) -> String {
    let landing = (stand.run_id, stand.landing);
    let first = remedies(landing, stand.engine.graph(), (about, escalation.cause)).into_iter().next();
    match (about, first.map(|remedy| remedy.command).unwrap_or_default()) {
        (Scope::Node(node), command)
            if command.starts_with("regatta logs ") && escalation.cause != Cause::Gate =>
        {
            look(stand, node)
        }
        (_, command) => command,
    }
}
