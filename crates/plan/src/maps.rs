//! Maps in a plan (`for_each`): a task for each item that there may be, which are the slots of the engine.
//!
//! Knows no items.

use crate::model::{Plan, Task};
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

/// True for an item of a map but its first: whether there is one is known when the run has come to it.
pub(crate) fn is_further(task: &Task) -> bool {
    task.item().is_some_and(|(_, index)| index > 0)
}
