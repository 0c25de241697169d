//! How a task joins the results of others, as a document says it.
//!
//! Reports paths that are none, and rules that nothing would ask.

use super::{Spanned, TaskDraft};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::{self, Fields};
use crate::join::JsonPath;
use crate::model::Action;
use crate::tree::Item;
use std::collections::BTreeMap;

/// The policy under which rules are asked.
const BY_RULES: &str = "merge-with-rules";

/// Reads the value of `join`.
pub(super) fn read(item: Item<'_>, draft: &TaskDraft, problems: &mut Problems) -> Option<Spanned<Action>> {
    let f = Fields::of(item);
    let conflict = f.text("conflict").unwrap_or_else(|| "fail-fast".to_owned());
    let mut rules = BTreeMap::new();
    for (key, value) in f.inside("rules").pairs() {
        let path = if key.text == "*" {
            Ok("*".to_owned())
        } else {
            JsonPath::parse(key.text).map(|p| p.to_string())
        };
        let known = path.and_then(|path| match rules.insert(path, fields::text(value).unwrap_or_default()) {
            Some(_) => Err(format!("`{}` has two rules", key.text.escape_debug())),
            None => Ok(()),
        });
        if let Err(why) = known {
            let message = format!("a rule of `join` of task `{}` cannot be used: {why}", draft.id);
            problems.push(Diagnostic::error(Code::BadValue, key.span(), message));
        }
    }
    if !rules.is_empty() && conflict != BY_RULES {
        let message = format!("`join` of task `{}` has rules, but `conflict: {conflict}`", draft.id);
        let help = format!("`conflict: {BY_RULES}` asks them");
        problems.push(Diagnostic::error(Code::BadValue, item.span(), message).help(help));
    }
    Some(Spanned { value: Action::Join { conflict, rules }, span: item.span() })
}
