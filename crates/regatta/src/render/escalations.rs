//! What a person must look at in a run: each escalation with its file and the command that goes on.
//!
//! For summaries and `status`. Writes nothing; the files are made by the runtime.

use super::escape::escape;
use crate::view::{RunView, Stand};
use regatta_engine::escalation::Escalation;
use regatta_engine::scope::Scope;
use regatta_runtime::escalation::{file_stem, remedies};
use regatta_runtime::workspace::DOT_DIR;
use serde_json::{Value, json};

/// At most this many are listed one by one.
const MAX_LISTED: usize = 20;

/// The escalations that nobody has dealt with, two lines each; nothing if there are none.
#[must_use]
pub fn text(stand: Stand<'_>) -> String {
    let open = &stand.engine.state().scopes.escalations;
    let mut out = String::new();
    for (about, escalation) in open.iter().take(MAX_LISTED) {
        let words = escape(&about.words(stand.engine.graph()));
        let (class, cause) = (escalation.class.name().replace('_', " "), escalation.cause.code());
        out.push_str(&format!(
            "  escalated: {words} ({class}: {cause}), see {}\n",
            escape(&file(stand, *about))
        ));
        out.push_str(&format!("    next: {}\n", next(stand, *about, *escalation)));
    }
    if open.len() > MAX_LISTED {
        out.push_str(&format!("  … and {} more escalations\n", open.len() - MAX_LISTED));
    }
    out
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
    let first = remedies(stand.run_id, stand.engine.graph(), (about, escalation.cause)).into_iter().next();
    first.map(|remedy| remedy.command).unwrap_or_default()
}
