//! What a task says of what it is one of, where the shell or a lock reads it: `${item}` in the script and in the files of a map,
//! `${matrix.AXIS}` in the files of a cell.
//!
//! Knows no values of references.

use crate::action::Action;
use crate::cells::Cell;
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::TaskDraft;
use crate::reference::Script;
use serde_json::Value;
use std::collections::BTreeSet;

/// How a pattern names an axis of a matrix.
const AXIS: &str = "${matrix.";

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
        let id = task.id.rsplit_once('[').map_or(&*task.id, |(map, _)| map);
        let message = format!("`files` and `reads` of task `{id}` cannot name its items");
        let help = "only where `for_each` is a list of the plan itself are they known before the run";
        problems.push(Diagnostic::error(Code::BadValue, over.span.clone(), message).help(help));
        // What stands there means nothing, so it overlaps with nothing.
        [&mut task.files, &mut task.reads].into_iter().for_each(|all| all.retain(|pattern| !names(pattern)));
        return;
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

/// The files of a cell are its own: `${matrix.AXIS}` in `files`, `reads` and `outputs` is replaced before anything is compared.
/// An axis that there is none of is told by the first cell for all of them.
pub(crate) fn files_of_cell(task: &mut TaskDraft, cell: &Cell<'_, '_>, problems: &mut Problems) {
    let (values, mut unknown) = (&cell.values, BTreeSet::new());
    let outputs = task.outputs.iter_mut().map(|output| &mut output.value);
    let patterns = task.files.iter_mut().chain(&mut task.reads).chain(outputs);
    for pattern in patterns.filter(|pattern| pattern.contains(AXIS)) {
        for (axis, value) in values {
            *pattern = pattern.replace(&format!("{AXIS}{axis}}}"), value);
        }
        if cell.is_first() {
            unknown.extend(pattern.split(AXIS).skip(1).map(|rest| match rest.split_once('}') {
                Some((name, _)) => (format!("{AXIS}{name}}}"), "names no axis of its matrix"),
                None => (format!("{AXIS}{rest}"), "is not closed"),
            }));
        }
    }
    for (text, why) in unknown {
        let message = format!("`{}` in the files of task `{}` {why}", text.escape_debug(), cell.entry.id);
        problems.push(Diagnostic::error(Code::BadReference, task.id_span.clone(), message));
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
