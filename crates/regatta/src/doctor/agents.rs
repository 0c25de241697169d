//! What agents may do here: which are found, and which of them act without being told that they may.
//!
//! Starts none of them.

use super::Finding;
use crate::found_agents::{Found, programs};

pub(super) fn examine() -> Finding {
    let found: Vec<Found> = programs().into_iter().filter(|agent| agent.path.is_some()).collect();
    if found.is_empty() {
        return Finding::note("agents", "no known agent is on PATH; `command` and `acp` take any program");
    }
    let list = |unasked: bool| {
        let of = found.iter().filter(|agent| agent.preset.acts_unasked == unasked);
        of.map(|agent| agent.preset.name).collect::<Vec<_>>().join(", ")
    };
    let (asked, unasked) = (list(false), list(true));
    let mut detail = Vec::new();
    if !asked.is_empty() {
        detail.push(format!("{asked}: told what they may do inside a worktree only"));
    }
    if !unasked.is_empty() {
        detail.push(format!("{unasked}: change files and run commands unasked, wherever they run"));
    }
    let without: Vec<&str> = found.iter().filter(|a| !a.has_login()).map(|a| a.preset.name).collect();
    if !without.is_empty() {
        detail.push(format!("no login found of {}", without.join(", ")));
    }
    let detail = detail.join("; ");
    if unasked.is_empty() { Finding::ok("agents", detail) } else { Finding::note("agents", detail) }
}
