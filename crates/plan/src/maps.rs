//! Maps in a plan (`for_each`): a task for each item that there may be, which are the slots of the engine.
//!
//! Knows no items.

use crate::action::Action;
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::TaskDraft;
use crate::model::{Plan, Task};
use crate::reference::Script;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most items of a map where the plan does not say.
pub(crate) const DEFAULT_ITEMS: u64 = 100;

/// Most items of a map that a plan may ask for.
pub(crate) const MAX_ITEMS: u64 = 10_000;

impl Task {
    /// The map that it is an item of, and the index of the item.
    #[must_use]
    pub fn item(&self) -> Option<(&str, u32)> {
        self.for_each.as_ref()?;
        let (map, index) = self.id.strip_suffix(']')?.rsplit_once('[')?;
        Some((map, index.parse().ok()?))
    }
}

impl Plan {
    /// The slots of each map by their place in the plan, in the order of their items.
    #[must_use]
    pub fn maps(&self) -> Vec<Vec<u32>> {
        let mut maps: Vec<(&str, Vec<(u32, u32)>)> = Vec::new();
        for (task, at) in self.tasks.iter().zip(0..) {
            let Some((map, index)) = task.item() else { continue };
            // Those of one map stand together: nothing else begins with its id and a bracket.
            match maps.last_mut().filter(|(last, _)| *last == map) {
                Some((_, slots)) => slots.push((index, at)),
                None => maps.push((map, vec![(index, at)])),
            }
        }
        let in_order = |(_, mut slots): (&str, Vec<(u32, u32)>)| {
            slots.sort_unstable();
            slots.into_iter().map(|(_, at)| at).collect()
        };
        maps.into_iter().map(in_order).collect()
    }

    /// The number of tasks as far as it is known before anything has run: a map counts as one.
    #[must_use]
    pub fn sure_tasks(&self) -> usize {
        self.tasks.iter().filter(|task| !is_further(task)).count()
    }

    /// Leaves of each map its first item alone. A run knows how many there are when it has come to them; a view of a
    /// plan shows one.
    pub fn keep_first_items(&mut self) {
        let further = self.tasks.iter().filter(|task| is_further(task));
        let gone: BTreeSet<String> = further.map(|task| task.id.clone()).collect();
        if gone.is_empty() {
            return;
        }
        self.tasks.retain(|task| !gone.contains(&task.id));
        for task in &mut self.tasks {
            task.needs.retain(|need| !gone.contains(need));
            if !task.families.is_empty() {
                let families = &mut Arc::make_mut(&mut task.terms).families;
                families.values_mut().for_each(|members| members.retain(|member| !gone.contains(member)));
            }
        }
    }
}

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

/// True for an item of a map but its first: whether there is one is known when the run has come to it.
pub(crate) fn is_further(task: &Task) -> bool {
    task.item().is_some_and(|(_, index)| index > 0)
}
