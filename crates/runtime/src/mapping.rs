//! Lists that tasks map over (`for_each`): how many items there are, and which.
//!
//! A list is read once, because what it is made of has ended. Starts nothing.

use crate::action::Actions;
use crate::outputs::Outputs;
use crate::scope::{Refusal, refuse, variable};
use regatta_engine::ids::NodeId;
use regatta_engine::input::Expansion;
use regatta_plan::model::Task;
use regatta_plan::reference::Unresolved;
use serde_json::{Value, json};

impl Actions {
    /// How many items the map has whose first slot `node` is.
    #[must_use]
    pub fn expand(&self, node: NodeId, outputs: &Outputs) -> Expansion {
        let task = self.task(node);
        let Some((map, _)) = task.item() else { return Expansion::Items(1) };
        let scope = self.scope(task, outputs);
        let error = |text: String| Expansion::Error(self.redactor().text(text).into());
        match scope.lists.of(map, || scope.list()) {
            Ok(items) => match self.slots(map) {
                most if items.len() > most => error(format!(
                    "`for_each` of `{map}` has {} items, at most {most} are allowed; `max_items` allows more",
                    items.len()
                )),
                _ => Expansion::Items(items.len() as u32),
            },
            Err(unresolved) => error(unresolved.0),
        }
    }

    /// What the condition of a task sees beside other tasks.
    pub(crate) fn beside_tasks(
        &self,
        task: &Task,
        outputs: &Outputs,
    ) -> Result<Vec<(&'static str, Value)>, Unresolved> {
        let known = self.beside_all().into_iter().chain([("matrix", json!(task.matrix))]);
        Ok(known.chain(self.of_item(task, outputs)?).collect())
    }

    /// What every expression sees beside tasks.
    pub(crate) fn beside_all(&self) -> Vec<(&'static str, Value)> {
        let value = |name: &str| Some(self.environment().get(name)?.to_string_lossy().into());
        let env: serde_json::Map<String, Value> =
            self.passed_names().filter_map(|name| Some((name.to_owned(), value(name)?))).collect();
        vec![("inputs", json!(self.plan().inputs)), ("env", Value::Object(env))]
    }

    /// What a condition sees of the item that a task is for; nothing if it is for none.
    pub(crate) fn of_item(
        &self,
        task: &Task,
        outputs: &Outputs,
    ) -> Result<Vec<(&'static str, Value)>, Unresolved> {
        let Some((_, index)) = task.item() else { return Ok(Vec::new()) };
        Ok(vec![("item", self.scope(task, outputs).item()?), ("index", index.into())])
    }

    /// The variables `item` and `index` of a script, as far as it names them: in a script `${item}` is the shell's, as
    /// every name without a dot is.
    ///
    /// # Errors
    /// The item cannot be passed by a variable.
    pub(crate) fn item_variables(
        &self,
        (task, script): (&Task, &str),
        outputs: &Outputs,
    ) -> Result<Vec<(String, String)>, Refusal> {
        let mut found = Vec::new();
        for (name, value) in self.of_item(task, outputs).map_err(refuse)? {
            let named = [format!("${name}"), format!("${{{name}")].iter().any(|text| script.contains(text));
            if named && !task.env.contains_key(name) {
                found.push((name.to_owned(), variable(name, &value)?));
            }
        }
        Ok(found)
    }

    /// How many items a map may have.
    fn slots(&self, map: &str) -> usize {
        let first = format!("{map}[");
        let mut slots = 0;
        while self.node_of(&format!("{first}{slots}]")).is_some() {
            slots += 1;
        }
        slots
    }
}
