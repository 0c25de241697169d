//! What no process can be given: names and values of variables, and working directories, that mean nothing.
//!
//! Looks at what is written; what a reference becomes is looked at when it is resolved.

use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::tree::Span;

/// Names that begin so tell a task where it stands.
const OURS: &str = "REGATTA_";

/// Checks a variable that somebody (a task, a server) sets.
pub(crate) fn check_set(who: &str, (name, value): (&str, &str), span: &Span, problems: &mut Problems) {
    let message = if name.is_empty() {
        // As of every map.
        return;
    } else if let Some(why) = refuse_name(name) {
        format!("{who} sets a variable `{}`, which {why}", name.escape_debug())
    } else if value.contains('\0') {
        format!("variable `{name}` of {who} holds a NUL character")
    } else {
        return;
    };
    problems.push(Diagnostic::error(Code::BadValue, span.clone(), message));
}

/// Checks the names that a plan passes on.
pub(crate) fn check_passed<'a>(names: impl Iterator<Item = (&'a str, &'a Span)>, problems: &mut Problems) {
    for (name, span) in names {
        let Some(why) = refuse_name(name) else { continue };
        let message = format!("`env` passes on a variable `{}`, which {why}", name.escape_debug());
        let problem = Diagnostic::error(Code::BadValue, span.clone(), message);
        problems.push(match name.split_once('=') {
            Some((name, _)) if !name.is_empty() => problem
                .help(format!("the `env` of a task sets values: `env: {{ {}: … }}`", name.escape_debug())),
            _ => problem,
        });
    }
}

fn refuse_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("has no name")
    } else if name.contains(['=', '\0']) {
        Some("is no name of a variable: it holds `=` or a NUL character")
    } else if name.starts_with(OURS) {
        Some("is one of those by which Regatta tells a task where it stands")
    } else {
        None
    }
}

/// A working directory that is written whole is as good as one from the workspace: tasks may run in copies of it.
pub(crate) fn from_workspace(roots: &[String], cwd: &mut String) {
    let below = |root: &String| {
        let rest = cwd.strip_prefix(root.trim_end_matches('/'))?;
        (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/').to_owned())
    };
    if let Some(rest) = roots.iter().find_map(below) {
        *cwd = if rest.is_empty() { ".".to_owned() } else { rest };
    }
}

/// A working directory is inside the workspace. One with references is looked at when it is known.
pub(crate) fn check_cwd(id: &str, text: &str, span: &Span, problems: &mut Problems) {
    let why = if text.contains('\0') {
        "holds a NUL character"
    } else if !text.contains("${") && (text.starts_with('/') || text.split('/').any(|part| part == "..")) {
        "is not a path inside the workspace"
    } else {
        return;
    };
    let message = format!("cwd `{}` of task `{id}` {why}", text.escape_debug());
    problems.push(Diagnostic::error(Code::BadValue, span.clone(), message));
}
