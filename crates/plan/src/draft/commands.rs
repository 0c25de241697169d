//! Reads commands: one, or those that run one after another.
//!
//! Knows no task.

use super::keys::Spanned;
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::{self, Fields};
use crate::model::Action;
use crate::placed::MAX_COMMANDS;
use crate::tree::{Item, Value};

/// The commands that a key lists.
pub(super) fn commands(f: Fields<'_>, key: &str, problems: &mut Problems) -> Vec<Spanned<Action>> {
    let (list, what) = (f.list(key), format!("`{key}`"));
    if let Some(more) = list.iter().nth(MAX_COMMANDS) {
        let message = format!("{what} has more than {MAX_COMMANDS} commands");
        let problem = Diagnostic::error(Code::Limit, more.span(), message);
        problems.push(problem.help("put some of them into a script"));
    }
    list.iter().take(MAX_COMMANDS).filter_map(|item| command(item, &what, problems)).collect()
}

/// A list is an argv, a text goes to `sh -c`.
pub(super) fn command(item: Item<'_>, what: &str, problems: &mut Problems) -> Option<Spanned<Action>> {
    let bad = |why: &str| Diagnostic::error(Code::BadValue, item.span(), format!("{what} {why}"));
    let value = match item.value() {
        Value::List(items) => Action::Argv(items.iter().filter_map(fields::text).collect()),
        _ => Action::Shell { script: fields::text(item)?, shell: "sh".into() },
    };
    let (texts, first) = match &value {
        Action::Argv(argv) => (argv.as_slice(), argv.first()),
        Action::Shell { script, .. } => (std::slice::from_ref(script), Some(script)),
        _ => (&[][..], None),
    };
    if texts.iter().any(|text| text.contains('\0')) {
        problems.push(bad("holds a NUL character"));
        return None;
    }
    if first.is_none_or(|text| text.trim().is_empty()) {
        problems.push(bad("names no command"));
        return None;
    }
    Some(Spanned { value, span: item.span() })
}
