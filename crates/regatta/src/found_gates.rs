//! Words in `merge.gates` that mean nothing: neither a gate of the plan nor a program of this machine.
//!
//! Looks at names only; starts nothing.

use regatta_plan::Plan;
use regatta_plan::model::Action;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A line for each such word, for people.
#[must_use]
pub fn unknown(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    for check in plan.merge.iter().flat_map(|merge| &merge.gates) {
        let Action::Shell { script, .. } = &check.action else { continue };
        if *script != check.name || !is_word(script) || is_program(script) {
            continue;
        }
        found.push(format!("`{script}` in `merge.gates` is neither a gate of the plan nor a program"));
    }
    found
}

/// One word that a shell takes for the name of a program.
fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c))
}

fn is_program(name: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let runs =
        |path: &Path| path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    std::env::split_paths(&paths).any(|dir| runs(&dir.join(name)))
}
