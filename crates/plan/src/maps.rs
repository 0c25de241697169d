//! Maps in a plan (`for_each`): a task for each item that there may be, which are the slots of the engine.
//!
//! Knows the number of items where it stands in the plan.

use crate::model::{Plan, Task};
use crate::reference::{Part, Template, follow};
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

    /// The number of tasks as the schedule has them: a map counts as one.
    #[must_use]
    pub fn sure_tasks(&self) -> usize {
        self.tasks.iter().filter(|task| !is_further(task)).count()
    }

    /// The number of tasks as far as it is known before anything has run: a map counts as its items where its list stands
    /// in the plan or in an input, else as one.
    #[must_use]
    pub fn known_tasks(&self) -> usize {
        let doubtful = |slots: &Vec<u32>| slots.len() - self.known_slots(slots).unwrap_or(1);
        self.tasks.len() - self.maps().iter().map(doubtful).sum::<usize>()
    }

    /// Leaves of each map the items that are known before anything has run, and of any other the first one, which stands
    /// for all. That of a list without items takes no time.
    pub fn keep_known_items(&mut self) {
        let maps = self.maps();
        let mut gone = BTreeSet::new();
        for slots in &maps {
            // One is left also of a list without items, to be seen.
            let further = slots.iter().skip(self.known_slots(slots).unwrap_or(1).max(1));
            gone.extend(further.map(|slot| self.tasks[*slot as usize].id.clone()));
            let first = slots.first().map(|slot| *slot as usize);
            if let Some(first) = first.filter(|first| self.known_items(&self.tasks[*first]) == Some(0)) {
                self.tasks[first].estimate_ms = Some(0);
            }
        }
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

    /// How many slots of a map are to be counted on: those of its items, unless they are unknown or too many.
    fn known_slots(&self, slots: &[u32]) -> Option<usize> {
        let items = slots.first().and_then(|first| self.known_items(&self.tasks[*first as usize]));
        items.filter(|items| *items <= slots.len())
    }

    /// How many items a map has, if that is known before anything has run.
    fn known_items(&self, task: &Task) -> Option<usize> {
        match task.for_each.as_ref()? {
            Value::Array(items) => Some(items.len()),
            Value::String(text) => {
                let template = Template::parse(text).ok()?;
                let [Part::Ref(of)] = &template.parts[..] else { return None };
                let [name, path @ ..] = &of.path[..] else { return None };
                let input = self.inputs.get(name).filter(|_| of.head == "inputs")?;
                Some(follow(input, path, name).ok()?.as_array()?.len())
            }
            _ => None,
        }
    }
}

/// True for an item of a map but its first: whether there is one is known when the run has come to it.
pub(crate) fn is_further(task: &Task) -> bool {
    task.item().is_some_and(|(_, index)| index > 0)
}
