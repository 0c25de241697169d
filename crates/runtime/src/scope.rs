//! What the references of one task mean, and how they are replaced in its texts.
//!
//! Reads outputs of earlier tasks, inputs and variables; starts nothing.

use crate::collect::{INLINE_RESULT_BYTES, MAX_RESULT_BYTES};
use crate::environment::Environment;
use crate::lists::Lists;
use crate::outputs::Outputs;
use crate::vault::Vault;
use regatta_engine::cause::Cause;
use regatta_engine::ids::NodeId;
use regatta_engine::outcome::NodeOutcome;
use regatta_plan::Plan;
use regatta_plan::model::{Dialect, Task};
use regatta_plan::reference::{Ref, Scope, Script, Template, Unresolved, as_text, follow};
use serde_json::Value;
use std::collections::BTreeMap;

/// Why a command cannot be started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The cause to record.
    pub cause: Cause,
    /// What is wrong, for people.
    pub message: String,
}

/// What the references of one task mean.
pub(crate) struct TaskScope<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) index: &'a BTreeMap<String, NodeId>,
    pub(crate) environment: &'a Environment,
    pub(crate) vault: &'a Vault,
    pub(crate) task: &'a Task,
    pub(crate) outputs: &'a Outputs,
    pub(crate) lists: &'a Lists,
}

impl TaskScope<'_> {
    fn too_large(&self, reference: &Ref, bytes: usize) -> String {
        let node = reference.task().and_then(|id| self.index.get(id));
        let field = reference.path.first().map(String::as_str).unwrap_or_default();
        let path = node.and_then(|n| self.outputs.large_file(*n, field));
        let hint = path.map_or_else(String::new, |p| format!("; read it from {}", p.display()));
        format!("`${{{}}}` has {bytes} bytes, more than fit into a variable{hint}", reference.name())
    }

    fn task_value(&self, reference: &Ref) -> Result<Value, Unresolved> {
        let name = reference.name();
        let missing = |what: &str| Unresolved(format!("`${{{name}}}`: {what}"));
        let Some((field, path)) = reference.path.split_first() else { return Err(missing("names no field")) };
        if field == "results" {
            let members = self
                .task
                .families
                .get(&reference.head)
                .ok_or_else(|| missing("is neither a matrix nor a map"))?;
            let bytes: u64 =
                members.iter().filter_map(|m| self.index.get(m)).map(|n| self.outputs.result_bytes(*n)).sum();
            if bytes > MAX_RESULT_BYTES {
                return Err(missing(&format!(
                    "the results have {bytes} bytes, more than {MAX_RESULT_BYTES}"
                )));
            }
            let there = members.iter().filter(|member| !self.is_absent(member));
            let results: Result<Vec<Value>, Unresolved> = there.map(|m| self.result_of(m, &name)).collect();
            return follow(&Value::Array(results?), path, &name);
        }
        let node = *self.index.get(&reference.head).ok_or_else(|| missing("names no task"))?;
        let output = self.outputs.get(node).ok_or_else(|| missing("nothing is known of it"))?;
        let outcome = output.outcome.map_or("not ended", NodeOutcome::name);
        match field.as_str() {
            "status" => return Ok(outcome.into()),
            "duration_ms" => return Ok(output.duration_ms.into()),
            "exit_code" => {
                return output.exit_code.map(Value::from).ok_or_else(|| missing("it has no exit code"));
            }
            _ => {}
        }
        if field == "stdout" {
            self.must_have_succeeded(output.outcome, &name)?;
            let text = self.outputs.stdout(node).ok_or_else(|| missing("its output cannot be read"))?;
            return follow(&Value::String(text), path, &name);
        }
        follow(&self.result_of(&reference.head, &name)?, path, &name)
    }

    fn result_of(&self, id: &str, name: &str) -> Result<Value, Unresolved> {
        let node = self.index.get(id).copied();
        let outcome = node.and_then(|n| self.outputs.get(n)).and_then(|o| o.outcome);
        self.must_have_succeeded(outcome, name)?;
        let of_request = self.plan.dialect == Dialect::Request;
        let said = |n: NodeId| self.outputs.said(n).filter(|_| of_request);
        node.and_then(|n| self.outputs.result(n).or_else(|| said(n)))
            .ok_or_else(|| Unresolved(format!("`${{{name}}}`: task `{id}` has no result")))
    }

    /// True for an item of a map that there is not. A map that ended without a list has its first slot, which tells.
    fn is_absent(&self, id: &str) -> bool {
        let task = self.index.get(id).map(|node| &self.plan.tasks[node.index()]);
        let Some((map, index)) = task.and_then(|task| task.item()) else { return false };
        let items = self.index.get(&*format!("{map}[0]")).and_then(|first| self.outputs.items(*first));
        items.is_some_and(|items| index >= items)
    }

    /// The item that the task is for.
    pub(crate) fn item(&self) -> Result<Value, Unresolved> {
        let (map, index) = self.task.item().ok_or_else(|| Unresolved("`${item}` has no value".to_owned()))?;
        let items = self.lists.of(map, || self.list())?;
        let found = items.get(index as usize).cloned();
        found.ok_or_else(|| Unresolved(format!("`${{item}}`: `{map}` has {} items", items.len())))
    }

    /// What the task maps over.
    pub(crate) fn list(&self) -> Result<Vec<Value>, Unresolved> {
        let over = self.task.for_each.as_ref();
        let over = over.ok_or_else(|| Unresolved("a task without `for_each` has no items".to_owned()))?;
        let found = match input(over, self).map_err(|refusal| Unresolved(refusal.message))? {
            Value::Array(items) => return Ok(items),
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Object(_) => "an object",
        };
        let what = over.as_str().unwrap_or("the value");
        Err(Unresolved(format!("`for_each`: `{what}` is {found}, not a list")))
    }

    fn must_have_succeeded(&self, outcome: Option<NodeOutcome>, name: &str) -> Result<(), Unresolved> {
        match outcome {
            Some(NodeOutcome::Succeeded) => Ok(()),
            Some(other) => Err(Unresolved(format!("`${{{name}}}`: its source is {}", other.name()))),
            None => Err(Unresolved(format!("`${{{name}}}`: its source has not ended"))),
        }
    }
}

impl Scope for TaskScope<'_> {
    fn value(&self, reference: &Ref) -> Result<Value, Unresolved> {
        let name = reference.name();
        let missing = || Unresolved(format!("`${{{name}}}` has no value"));
        let first = reference.path.first().map(String::as_str).unwrap_or_default();
        match reference.head.as_str() {
            "inputs" => {
                let value = self.plan.inputs.get(first).ok_or_else(missing)?;
                follow(value, &reference.path[1..], &name)
            }
            "env" => {
                let value = self.environment.get(first).ok_or_else(missing)?;
                Ok(value.to_string_lossy().into())
            }
            "matrix" => self.task.matrix.get(first).map(|v| v.as_str().into()).ok_or_else(missing),
            "vault" => self.vault.get(first).map(Value::from).ok_or_else(missing),
            "item" => follow(&self.item()?, &reference.path, &name),
            "index" => self.task.item().map(|(_, index)| index.into()).ok_or_else(missing),
            "worktree" => Err(missing()),
            _ => self.task_value(reference),
        }
    }
}

pub(crate) fn refuse(unresolved: Unresolved) -> Refusal {
    Refusal { cause: Cause::Resolution, message: unresolved.0 }
}

fn malformed(message: String) -> Refusal {
    Refusal { cause: Cause::Resolution, message }
}

/// A text with every reference replaced.
pub(crate) fn resolve_text(text: &str, scope: &TaskScope<'_>) -> Result<String, Refusal> {
    let template = Template::parse(text).map_err(|e| malformed(e.message))?;
    template.text(scope).map_err(refuse)
}

/// A script with a variable in the place of each reference, and the values of `REGATTA_REF_1` and so on: references
/// travel by environment, never as text of the script.
pub(crate) fn resolve_script(text: &str, scope: &TaskScope<'_>) -> Result<(String, Vec<String>), Refusal> {
    let script = Script::parse(text).map_err(|e| malformed(e.message))?;
    let mut values = Vec::new();
    for reference in &script.refs {
        let value = scope.value(reference).map_err(refuse)?;
        let bytes = as_text(&value).len();
        if bytes > INLINE_RESULT_BYTES {
            return Err(malformed(scope.too_large(reference, bytes)));
        }
        values.push(variable(&reference.name(), &value)?);
    }
    Ok((script.script, values))
}

/// A value as the text of a variable.
///
/// # Errors
/// It does not fit into one.
pub(crate) fn variable(name: &str, value: &Value) -> Result<String, Refusal> {
    let text = as_text(value);
    if text.len() > INLINE_RESULT_BYTES {
        return Err(malformed(format!(
            "`${{{name}}}` has {} bytes, more than fit into a variable",
            text.len()
        )));
    }
    if text.contains('\0') {
        return Err(malformed(format!("`${{{name}}}` holds a NUL character")));
    }
    Ok(text)
}

/// The `inputs` of a task with every reference replaced; a whole-text reference keeps its type.
pub(crate) fn inputs(inputs: &BTreeMap<String, Value>, scope: &TaskScope<'_>) -> Result<Value, Refusal> {
    let mut resolved = serde_json::Map::new();
    for (name, value) in inputs {
        resolved.insert(name.clone(), input(value, scope)?);
    }
    Ok(Value::Object(resolved))
}

/// Depth is bounded by the plan's readers.
pub(crate) fn input(value: &Value, scope: &TaskScope<'_>) -> Result<Value, Refusal> {
    match value {
        Value::String(text) => {
            let template = Template::parse(text).map_err(|e| malformed(e.message))?;
            template.value(scope).map_err(refuse)
        }
        Value::Array(items) => {
            items.iter().map(|v| input(v, scope)).collect::<Result<_, _>>().map(Value::Array)
        }
        Value::Object(map) => map
            .iter()
            .map(|(k, v)| Ok((k.clone(), input(v, scope)?)))
            .collect::<Result<_, _>>()
            .map(Value::Object),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(value.clone()),
    }
}
