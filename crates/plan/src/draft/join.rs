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
    for (key, _) in f.inside("rules").pairs() {
        let Ok(path) = JsonPath::parse(key.text) else { continue };
        let above = rules
            .keys()
            .find(|rule| JsonPath::parse(rule).is_ok_and(|rule| rule.is_above(&path.to_string())));
        let Some(above) = above else { continue };
        let message = format!(
            "the rule of `{path}` of task `{}` is never asked: that of `{above}` decides all below it",
            draft.id
        );
        let help = format!("leave one of them out, or give each member of `{above}` a rule of its own");
        problems.push(Diagnostic::error(Code::BadValue, key.span(), message).help(help));
    }
    if !rules.is_empty() && conflict != BY_RULES {
        let message = format!("`join` of task `{}` has rules, but `conflict: {conflict}`", draft.id);
        let help = format!("`conflict: {BY_RULES}` asks them");
        problems.push(Diagnostic::error(Code::BadValue, item.span(), message).help(help));
    }
    Some(Spanned { value: Action::Join { conflict, rules }, span: item.span() })
}
