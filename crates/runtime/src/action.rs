//! What a node does: its plan entry with references resolved, its environment and its working directory.
//!
//! The only place of the runtime that reads the plan. Knows no process, and of the engine only outcomes.

use crate::collect::INLINE_RESULT_BYTES;
use crate::environment::{Environment, Passing};
use crate::outputs::Outputs;
use crate::rate_limit;
use regatta_engine::cause::Cause;
use regatta_engine::ids::NodeId;
use regatta_engine::input::ConditionAnswer;
use regatta_engine::outcome::NodeOutcome;
use regatta_plan::Plan;
use regatta_plan::model::{Action, Dialect, Task};
use regatta_plan::reference::{Ref, Scope, Script, Template, Unresolved, as_text, follow};
use regatta_plan::when::Condition;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// What an attempt is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The task itself.
    Attempt,
    /// Its `undo` action.
    Undo,
    /// Its `reconcile` command.
    Reconcile,
}

/// A command ready to be started.
#[derive(Debug)]
pub struct Prepared {
    /// Program and arguments.
    pub argv: Vec<OsString>,
    /// Variables of its own, over the common ones.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory.
    pub cwd: PathBuf,
}

/// Why a command cannot be started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The cause to record.
    pub cause: Cause,
    /// What is wrong, for people.
    pub message: String,
}

/// Limits of an attempt that its owner enforces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Longest time in milliseconds.
    pub attempt_ms: u64,
    /// Longest silence in milliseconds.
    pub idle_ms: Option<u64>,
    /// Between TERM and KILL in milliseconds.
    pub grace_ms: u64,
}

/// The plan does not hold what validation promised.
#[derive(Debug, thiserror::Error)]
pub enum ActionsError {
    /// A condition does not parse.
    #[error("the condition of task `{task}` does not parse: {why}")]
    Condition {
        /// The task.
        task: String,
        /// Why not.
        why: String,
    },
    /// A task whose feature is not built.
    #[error("task `{task}` needs `{key}`, which is not built yet")]
    Unbuilt {
        /// The task.
        task: String,
        /// The key.
        key: String,
    },
}

/// The actions of a run.
#[derive(Debug)]
pub struct Actions {
    plan: Arc<Plan>,
    run_id: String,
    workspace: PathBuf,
    environment: Environment,
    index: BTreeMap<String, NodeId>,
    conditions: BTreeMap<NodeId, Condition>,
    referenced: BTreeSet<NodeId>,
}

impl Actions {
    /// The actions of `plan`, with the variables of this process that it passes on.
    ///
    /// # Errors
    /// The plan is not a validated one.
    pub fn new(
        plan: Arc<Plan>,
        workspace: &Path,
        run_id: &str,
        vars: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Actions, ActionsError> {
        let passing = plan.env.clone().map_or(Passing::Inherit, Passing::Names);
        let index: BTreeMap<String, NodeId> =
            plan.tasks.iter().zip(0..).map(|(t, i)| (t.id.clone(), NodeId(i))).collect();
        let mut actions = Actions {
            environment: Environment::read(&passing, vars),
            run_id: run_id.to_owned(),
            workspace: workspace.to_owned(),
            conditions: BTreeMap::new(),
            referenced: BTreeSet::new(),
            index,
            plan,
        };
        for (task, i) in actions.plan.clone().tasks.iter().zip(0..) {
            actions.note(task, NodeId(i))?;
        }
        Ok(actions)
    }

    /// Notes the condition of a task and whom it asks about.
    fn note(&mut self, task: &Task, node: NodeId) -> Result<(), ActionsError> {
        let unbuilt = |key: &str| Err(ActionsError::Unbuilt { task: task.id.clone(), key: key.to_owned() });
        match &task.action {
            Action::Argv(_) | Action::Shell { .. } => {}
            Action::Agent { .. } => return unbuilt("agent"),
            Action::Tool { .. } => return unbuilt("tool"),
            Action::Join { .. } => return unbuilt("join"),
            Action::Gate { .. } => return unbuilt("gate"),
        }
        if let Some(source) = &task.when {
            let parsed = Condition::parse(source);
            let condition = parsed.map_err(|why| ActionsError::Condition { task: task.id.clone(), why })?;
            let asked = asked(&condition, task);
            self.referenced.extend(asked.into_iter().filter_map(|id| self.index.get(id)));
            self.conditions.insert(node, condition);
        }
        let mut names: Vec<String> = Vec::new();
        for text in texts(task) {
            let refs = Template::parse(&text).map(|t| t.refs().cloned().collect::<Vec<Ref>>());
            names.extend(refs.unwrap_or_default().iter().filter_map(|r| r.task().map(str::to_owned)));
        }
        for action in actions_of(task) {
            if let Action::Shell { script, .. } = action {
                let refs = Script::parse(script).map(|s| s.refs).unwrap_or_default();
                names.extend(refs.iter().filter_map(|r| r.task().map(str::to_owned)));
            }
        }
        for name in names {
            let members = task.families.get(&name).cloned().unwrap_or_else(|| vec![name]);
            self.referenced.extend(members.iter().filter_map(|id| self.index.get(id)));
        }
        Ok(())
    }

    /// Nodes that a reference or a condition names.
    #[must_use]
    pub fn referenced(&self) -> &BTreeSet<NodeId> {
        &self.referenced
    }

    /// The variables that every attempt gets.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Limits of an attempt of `node`.
    #[must_use]
    pub fn policy(&self, node: NodeId) -> Bounds {
        let timeout = &self.task(node).timeout;
        Bounds { attempt_ms: timeout.attempt_ms, idle_ms: timeout.idle_ms, grace_ms: timeout.grace_ms }
    }

    /// Bytes of one output stream of an attempt at most.
    #[must_use]
    pub fn output_limit_bytes(&self) -> u64 {
        self.plan.limits.output_bytes
    }

    /// True if the standard output of `node` is its result.
    #[must_use]
    pub fn result_is_stdout(&self, node: NodeId) -> bool {
        self.task(node).result_is_stdout
    }

    fn task(&self, node: NodeId) -> &Task {
        &self.plan.tasks[node.index()]
    }

    /// Answers the `when` condition of a node. Needs 8 MiB of stack.
    #[must_use]
    pub fn evaluate(&self, node: NodeId, outputs: &Outputs) -> ConditionAnswer {
        let Some(condition) = self.conditions.get(&node) else { return ConditionAnswer::True };
        let task = self.task(node);
        let asked = asked(condition, task).into_iter();
        let tasks: BTreeMap<String, Value> =
            asked.filter_map(|id| Some((id.clone(), self.facts(*self.index.get(id)?, outputs)))).collect();
        let env: serde_json::Map<String, Value> = self
            .plan
            .env
            .iter()
            .flatten()
            .filter_map(|name| Some((name.clone(), self.environment.get(name)?.to_string_lossy().into())))
            .collect();
        let others = [
            ("inputs", json!(self.plan.inputs)),
            ("env", Value::Object(env)),
            ("matrix", json!(task.matrix)),
        ];
        match condition.evaluate(&tasks, &others) {
            Ok(true) => ConditionAnswer::True,
            Ok(false) => ConditionAnswer::False,
            Err(why) => ConditionAnswer::Error(why.into()),
        }
    }

    /// What a condition sees of a task.
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

    /// Resolves the references of a command and gathers its environment.
    ///
    /// # Errors
    /// A reference has no value, or the working directory lies outside the workspace.
    pub fn prepare(
        &self,
        (node, kind): (NodeId, Kind),
        number: u32,
        (outputs, result_path): (&Outputs, &Path),
    ) -> Result<Prepared, Refusal> {
        let task = self.task(node);
        let scope = TaskScope { actions: self, task, outputs };
        let action = match kind {
            Kind::Attempt => Some(&task.action),
            Kind::Undo => task.undo.as_ref(),
            Kind::Reconcile => task.reconcile.as_ref(),
        };
        let mut own = self.variables((task, kind), number, result_path);
        for (name, text) in &task.env {
            own.push((name.clone(), resolve_text(text, &scope)?.into()));
        }
        if !task.inputs.is_empty() {
            own.push(("REGATTA_INPUTS".into(), inputs(&task.inputs, &scope)?.to_string().into()));
        }
        let argv = match action {
            Some(Action::Argv(items)) => {
                items.iter().map(|i| resolve_text(i, &scope).map(OsString::from)).collect::<Result<_, _>>()?
            }
            Some(Action::Shell { script, shell }) => script_argv((script, shell), &scope, &mut own)?,
            Some(Action::Agent { .. } | Action::Tool { .. } | Action::Join { .. } | Action::Gate { .. })
            | None => {
                return Err(Refusal { cause: Cause::Plan, message: "it has no command".to_owned() });
            }
        };
        let cwd = self.cwd(task, &scope)?;
        let env = own.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Ok(Prepared { argv, env, cwd })
    }

    /// What every attempt is told.
    fn variables(
        &self,
        (task, kind): (&Task, Kind),
        number: u32,
        result_path: &Path,
    ) -> Vec<(String, OsString)> {
        // The undo is another effect than the one that it undoes.
        let suffix = if kind == Kind::Undo { "/undo" } else { "" };
        let key = format!("{}/{}{suffix}", self.run_id, task.id);
        let mut own: Vec<(String, OsString)> = vec![
            ("REGATTA_RUN_ID".into(), self.run_id.as_str().into()),
            ("REGATTA_TASK_ID".into(), task.id.as_str().into()),
            ("REGATTA_ATTEMPT".into(), number.to_string().into()),
            ("REGATTA_IDEMPOTENCY_KEY".into(), key.into()),
            ("REGATTA_RESULT".into(), result_path.into()),
            ("REGATTA_WORKSPACE".into(), self.workspace.as_os_str().into()),
        ];
        own.extend((kind == Kind::Attempt).then(|| rate_limit::variable(result_path)));
        let matrix = task.matrix.iter().map(|(axis, value)| (format!("REGATTA_MATRIX_{axis}"), value.into()));
        own.extend(matrix);
        own
    }

    fn cwd(&self, task: &Task, scope: &TaskScope<'_>) -> Result<PathBuf, Refusal> {
        let Some(text) = &task.cwd else { return Ok(self.workspace.clone()) };
        let text = resolve_text(text, scope)?;
        let path = Path::new(&text);
        let inside = path.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        let joined = self.workspace.join(path);
        let real = |p: &Path| std::fs::canonicalize(p).ok();
        let stays = match (real(&joined), real(&self.workspace)) {
            (Some(real), Some(workspace)) => real.starts_with(workspace),
            _ => true, // a missing directory is a spawn error, told by the owner
        };
        if inside && stays {
            return Ok(joined);
        }
        let message = format!("cwd `{}` is outside the workspace", text.escape_debug());
        Err(Refusal { cause: Cause::Spawn, message })
    }
}

/// The tasks that a condition asks about: named ones, and for `tasks` as a whole all predecessors.
fn asked<'a>(condition: &'a Condition, task: &'a Task) -> BTreeSet<&'a String> {
    let all = condition.asks_for_all.then_some(&task.needs).into_iter().flatten();
    condition.names.iter().chain(&condition.literal_tasks).chain(all).collect()
}

/// What a task does, what undoes it, and what asks about it.
fn actions_of(task: &Task) -> impl Iterator<Item = &Action> {
    std::iter::once(&task.action).chain(&task.undo).chain(&task.reconcile)
}

/// Texts of a task in which a reference is replaced directly.
fn texts(task: &Task) -> Vec<String> {
    let mut texts: Vec<String> = task.cwd.iter().chain(task.env.values()).cloned().collect();
    for action in actions_of(task) {
        if let Action::Argv(items) = action {
            texts.extend(items.iter().cloned());
        }
    }
    let mut open: Vec<&Value> = task.inputs.values().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => texts.push(text.clone()),
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    texts
}

fn refuse(unresolved: Unresolved) -> Refusal {
    Refusal { cause: Cause::Resolution, message: unresolved.0 }
}

fn malformed(message: String) -> Refusal {
    Refusal { cause: Cause::Resolution, message }
}

fn resolve_text(text: &str, scope: &TaskScope<'_>) -> Result<String, Refusal> {
    let template = Template::parse(text).map_err(|e| malformed(e.message))?;
    template.text(scope).map_err(refuse)
}

/// References of a script travel by environment, never as text of the script.
fn script_argv(
    (text, shell): (&str, &str),
    scope: &TaskScope<'_>,
    own: &mut Vec<(String, OsString)>,
) -> Result<Vec<OsString>, Refusal> {
    let script = Script::parse(text).map_err(|e| malformed(e.message))?;
    for (reference, n) in script.refs.iter().zip(1..) {
        let value = as_text(&scope.value(reference).map_err(refuse)?);
        if value.len() > INLINE_RESULT_BYTES {
            return Err(malformed(scope.too_large(reference, value.len())));
        }
        if value.contains('\0') {
            return Err(malformed(format!("`${{{}}}` holds a NUL character", reference.name())));
        }
        own.push((format!("REGATTA_REF_{n}"), value.into()));
    }
    Ok(vec![shell.into(), "-c".into(), script.script.into()])
}

/// The `inputs` of a task with every reference replaced; a whole-text reference keeps its type.
fn inputs(inputs: &BTreeMap<String, Value>, scope: &TaskScope<'_>) -> Result<Value, Refusal> {
    let mut resolved = serde_json::Map::new();
    for (name, value) in inputs {
        resolved.insert(name.clone(), input(value, scope)?);
    }
    Ok(Value::Object(resolved))
}

/// Depth is bounded by the plan's readers.
fn input(value: &Value, scope: &TaskScope<'_>) -> Result<Value, Refusal> {
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

/// What the references of one task mean.
struct TaskScope<'a> {
    actions: &'a Actions,
    task: &'a Task,
    outputs: &'a Outputs,
}

impl TaskScope<'_> {
    fn too_large(&self, reference: &Ref, bytes: usize) -> String {
        let node = reference.task().and_then(|id| self.actions.index.get(id));
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
            let members = self.task.families.get(&reference.head).ok_or_else(|| missing("is no matrix"))?;
            let results: Result<Vec<Value>, Unresolved> =
                members.iter().map(|m| self.result_of(m, &name)).collect();
            return follow(&Value::Array(results?), path, &name);
        }
        let node = *self.actions.index.get(&reference.head).ok_or_else(|| missing("names no task"))?;
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
        let node = self.actions.index.get(id).copied();
        let outcome = node.and_then(|n| self.outputs.get(n)).and_then(|o| o.outcome);
        self.must_have_succeeded(outcome, name)?;
        let of_request = self.actions.plan.dialect == Dialect::Request;
        let said = |n: NodeId| self.outputs.said(n).filter(|_| of_request);
        node.and_then(|n| self.outputs.result(n).or_else(|| said(n)))
            .ok_or_else(|| Unresolved(format!("`${{{name}}}`: task `{id}` has no result")))
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
                let value = self.actions.plan.inputs.get(first).ok_or_else(missing)?;
                follow(value, &reference.path[1..], &name)
            }
            "env" => {
                let value = self.actions.environment.get(first).ok_or_else(missing)?;
                Ok(value.to_string_lossy().into())
            }
            "matrix" => self.task.matrix.get(first).map(|v| v.as_str().into()).ok_or_else(missing),
            "vault" | "worktree" | "item" | "index" => Err(missing()),
            _ => self.task_value(reference),
        }
    }
}
