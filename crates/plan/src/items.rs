//! What a task of a map says of its items where the shell or a lock reads it: `${item}` in its script and in its files.
//!
//! Knows no values of references.

use crate::action::Action;
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::TaskDraft;
use crate::reference::Script;
use serde_json::Value;

/// The files of an item are its own where its list stands in the plan: `${item}` and `${index}` in `files` and `reads` are replaced
/// before anything is compared. Of another list nobody knows them in time.
pub(crate) fn own_files(task: &mut TaskDraft, problems: &mut Problems) {
    let Some(over) = &task.for_each else { return };
    let names = |pattern: &String| pattern.contains("${item}") || pattern.contains("${index}");
    if !task.files.iter().chain(&task.reads).any(names) {
        return;
    }
    let index = task.id.strip_suffix(']').and_then(|id| id.rsplit_once('[')?.1.parse::<usize>().ok());
    let items =
        over.value.as_array().filter(|items| !items.iter().any(|item| item.to_string().contains("${")));
    let (Some(index), Some(items)) = (index, items) else {
        let message = format!("`files` and `reads` of task `{}` cannot name its items", task.id);
        let help = "only where `for_each` is a list of the plan itself are they known before the run";
        return problems.push(Diagnostic::error(Code::BadValue, over.span.clone(), message).help(help));
    };
    // The one slot of an empty list stands for nothing.
    let item = items.get(index).map_or_else(String::new, |item| match item {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    for pattern in task.files.iter_mut().chain(&mut task.reads) {
        *pattern = pattern.replace("${item}", &item).replace("${index}", &index.to_string());
    }
}

/// In a script `${item}` and `${index}` are variables of the shell, which fills in nothing inside single quotes.
pub(crate) fn check_quotes(task: &TaskDraft, problems: &mut Problems) {
    let action = task.action.as_ref().filter(|_| task.for_each.is_some());
    let Some((span, script)) = action.and_then(|action| match &action.value {
        Action::Shell { script, .. } => Some((&action.span, Script::parse(script).ok()?)),
        _ => None,
    }) else {
        return;
    };
    for name in ["item", "index"].iter().filter(|name| script.literal.iter().any(|found| found == *name)) {
        let message = format!(
            "task `{}` has `${{{name}}}` inside single quotes, where the shell does not fill it in",
            task.id
        );
        problems.push(Diagnostic::warning(Code::NoEffect, span.clone(), message).help("use double quotes"));
    }
}
