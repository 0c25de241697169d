//! Expressions over the results of tasks: the condition of a task (`when`), and that of a gate.
//!
//! Both see the same. An evaluation needs 8 MiB of stack. Decides nothing.

use crate::action::Actions;
use crate::asking::{Expression, asked};
use crate::outputs::Outputs;
use regatta_engine::ids::NodeId;
use regatta_engine::input::ConditionAnswer;
use regatta_plan::model::Task;
use regatta_plan::when::Condition;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

impl Actions {
    /// Answers the `when` condition of a node. Needs 8 MiB of stack.
    #[must_use]
    pub fn evaluate(&self, node: NodeId, outputs: &Outputs) -> ConditionAnswer {
        let Some(condition) = self.conditions.when.get(&node) else { return ConditionAnswer::True };
        match self.holds(condition, self.task(node), outputs) {
            Ok(true) => ConditionAnswer::True,
            Ok(false) => ConditionAnswer::False,
            Err(why) => ConditionAnswer::Error(why.into()),
        }
    }

    /// Whether an expression is true of what tasks left.
    ///
    /// # Errors
    /// It cannot be parsed or evaluated, or is neither true nor false; why, redacted: what it compares may be in it.
    pub(crate) fn holds(
        &self,
        expression: &Expression,
        task: &Task,
        outputs: &Outputs,
    ) -> Result<bool, String> {
        let condition = expression.as_ref().map_err(Clone::clone)?;
        let others = self.beside_tasks(task, outputs).map_err(|why| why.0);
        let held = others
            .and_then(|others| condition.evaluate(&self.all_facts(asked(condition, task), outputs), &others));
        held.map_err(|why| self.redactor().text(why))
    }

    /// What the gates of the merge that are expressions say of what all tasks left: by name, whether they pass, and why.
    /// Needs 8 MiB of stack.
    pub(crate) fn merge_gates(&self, outputs: &Outputs) -> BTreeMap<String, (bool, String)> {
        let tell = |(name, (expr, expression)): (&String, &(String, Expression))| {
            let held = expression.as_ref().map_err(Clone::clone).and_then(|condition| {
                let tasks = self.all_facts(self.asked_of_merge(condition), outputs);
                condition.evaluate(&tasks, &self.beside_all())
            });
            let said = match &held {
                Ok(answer) => answer.to_string(),
                Err(why) => self.redactor().text(why.clone()),
            };
            let expr = self.redactor().declared(expr).unwrap_or_else(|| expr.clone());
            (name.clone(), (held == Ok(true), format!("{expr}: {said}")))
        };
        self.conditions.merge.iter().map(tell).collect()
    }

    /// The tasks that a gate of the merge asks about: named ones, and for `tasks` as a whole all.
    pub(crate) fn asked_of_merge<'a>(&'a self, condition: &'a Condition) -> BTreeSet<&'a String> {
        let all = self.plan().tasks.iter().filter(|_| condition.asks_for_all).map(|task| &task.id);
        condition.names.iter().chain(&condition.literal_tasks).chain(all).collect()
    }

    fn all_facts(&self, asked: BTreeSet<&String>, outputs: &Outputs) -> BTreeMap<String, Value> {
        let facts = |id: &String| Some((id.clone(), self.facts(self.node_of(id)?, outputs)));
        asked.into_iter().filter_map(facts).collect()
    }

    /// What an expression sees of a task.
    fn facts(&self, node: NodeId, outputs: &Outputs) -> Value {
        let Some(output) = outputs.get(node) else { return json!({}) };
        let mut facts = serde_json::Map::new();
        if let Some(outcome) = output.outcome {
            facts.insert("status".into(), outcome.name().into());
        }
        facts.insert("duration_ms".into(), output.duration_ms.into());
        if let Some(code) = output.exit_code {
            facts.insert("exit_code".into(), code.into());
        }
        if let Some(result) = outputs.result(node) {
            facts.insert("result".into(), result);
        }
        Value::Object(facts)
    }
}
