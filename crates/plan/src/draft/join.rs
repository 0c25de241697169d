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
    let (mut rules, mut paths) = (BTreeMap::new(), Vec::new());
    for (key, value) in f.inside("rules").pairs() {
        let path = if key.text == "*" {
            Ok("*".to_owned())
        } else {
            JsonPath::parse(key.text).map(|path| {
                let path = path.to_string();
                paths.push((path.clone(), key.span()));
                path
            })
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
    let above = outermost(rules.keys().map(String::as_str));
    for (path, span) in paths {
        let Some(above) = above.get(path.as_str()) else { continue };
        let message = format!(
            "the rule of `{path}` of task `{}` is never asked: that of `{above}` decides all below it",
            draft.id
        );
        let help = format!("leave one of them out, or give each member of `{above}` a rule of its own");
        problems.push(Diagnostic::error(Code::BadValue, span, message).help(help));
    }
    if !rules.is_empty() && conflict != BY_RULES {
        let message = format!("`join` of task `{}` has rules, but `conflict: {conflict}`", draft.id);
        let help = format!("`conflict: {BY_RULES}` asks them");
        problems.push(Diagnostic::error(Code::BadValue, item.span(), message).help(help));
    }
    Some(Spanned { value: Action::Join { conflict, rules }, span: item.span() })
}

/// Of each path below others its outermost one. The paths are sorted, so those that one begins with lie on a stack; of
/// those there are few, because each is longer than the one before.
fn outermost<'a>(paths: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, &'a str> {
    let (mut begins_with, mut found): (Vec<&str>, _) = (Vec::new(), BTreeMap::new());
    for path in paths {
        while begins_with.last().is_some_and(|before| !path.starts_with(before)) {
            begins_with.pop();
        }
        let leads_through = |before: &&&str| path[before.len()..].starts_with(['.', '[']);
        if let Some(above) = begins_with.iter().find(leads_through) {
            found.insert(path, *above);
        }
        begins_with.push(path);
    }
    found
}
