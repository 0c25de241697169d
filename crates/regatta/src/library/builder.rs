//! Writes a plan as a program would say it. What comes of it is a document like any other and is judged as such: there
//! is one reader of plans.

use super::document::Plan;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Writes a plan. Keys that have no method here are set by [`PlanBuilder::set`].
///
/// ```
/// use regatta::{Plan, Task};
/// use serde_json::json;
///
/// let plan = Plan::builder("release")
///     .max_parallel(4)
///     .task(Task::run("test", "cargo test"))
///     .task(Task::run("lint", "cargo clippy"))
///     .task(Task::command("pack", ["cargo", "package"]).needs(["test", "lint"]).retry(3))
///     .set("on_failure", json!("stop"))
///     .build();
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct PlanBuilder {
    keys: Map<String, Value>,
    tasks: Vec<Value>,
}

impl PlanBuilder {
    pub(super) fn new(name: &str) -> PlanBuilder {
        let mut keys = Map::new();
        keys.insert("version".to_owned(), json!(1));
        keys.insert("name".to_owned(), json!(name));
        PlanBuilder { keys, tasks: Vec::new() }
    }

    /// One more task. The order says nothing: [`Task::needs`] and references do.
    #[must_use]
    pub fn task(mut self, task: Task) -> PlanBuilder {
        self.tasks.push(Value::Object(task.keys));
        self
    }

    /// So many tasks alive at once.
    #[must_use]
    pub fn max_parallel(mut self, tasks: u32) -> PlanBuilder {
        inside(&mut self.keys, "limits", ("max_parallel", json!(tasks)));
        self
    }

    /// Any key of a plan, as the plan reference has it.
    #[must_use]
    pub fn set(mut self, key: &str, value: Value) -> PlanBuilder {
        self.keys.insert(key.to_owned(), value);
        self
    }

    /// The plan.
    #[must_use]
    pub fn build(mut self) -> Plan {
        self.keys.insert("tasks".to_owned(), Value::Array(self.tasks));
        Plan::named("plan.json", format!("{:#}", Value::Object(self.keys)))
    }
}

/// Sets a key inside a key; what stands there and has no keys is replaced.
fn inside(keys: &mut Map<String, Value>, outer: &str, (key, value): (&str, Value)) {
    let entry = keys.entry(outer).or_insert_with(|| json!({}));
    if !entry.is_object() {
        *entry = json!({});
    }
    entry[key] = value;
}

/// Writes a task of a plan. Keys that have no method here are set by [`Task::set`].
#[derive(Clone, PartialEq, Debug)]
pub struct Task {
    keys: Map<String, Value>,
}

impl Task {
    fn new(id: &str, key: &str, value: Value) -> Task {
        let mut keys = Map::new();
        keys.insert("id".to_owned(), json!(id));
        keys.insert(key.to_owned(), value);
        Task { keys }
    }

    /// A task that is a line for the shell.
    #[must_use]
    pub fn run(id: &str, script: &str) -> Task {
        Task::new(id, "run", json!(script))
    }

    /// A task that is a program with arguments; no shell reads them.
    pub fn command<S: Into<String>>(id: &str, argv: impl IntoIterator<Item = S>) -> Task {
        let argv: Vec<String> = argv.into_iter().map(Into::into).collect();
        Task::new(id, "run", json!(argv))
    }

    /// A task that calls a tool: built in, `server/tool`, or `driver/tool` of this program.
    #[must_use]
    pub fn call(id: &str, tool: &str, params: Value) -> Task {
        Task::new(id, "tool", json!(tool)).set("params", params)
    }

    /// A task for an agent of the plan.
    #[must_use]
    pub fn agent(id: &str, agent: &str, prompt: &str) -> Task {
        Task::new(id, "agent", json!(agent)).set("prompt", json!(prompt))
    }

    /// Tasks that must be done before.
    #[must_use]
    pub fn needs<S: Into<String>>(self, tasks: impl IntoIterator<Item = S>) -> Task {
        let tasks: Vec<String> = tasks.into_iter().map(Into::into).collect();
        self.set("needs", json!(tasks))
    }

    /// It runs only if this expression is true.
    #[must_use]
    pub fn when(self, condition: &str) -> Task {
        self.set("when", json!(condition))
    }

    /// What losing an attempt of it means: `pure`, `idempotent`, `at-most-once`.
    #[must_use]
    pub fn effect(self, effect: &str) -> Task {
        self.set("effect", json!(effect))
    }

    /// So many attempts at most.
    #[must_use]
    pub fn retry(mut self, max_attempts: u32) -> Task {
        inside(&mut self.keys, "retry", ("max_attempts", json!(max_attempts)));
        self
    }

    /// An attempt may take so long.
    #[must_use]
    pub fn timeout(mut self, attempt: Duration) -> Task {
        let attempt = json!(format!("{}ms", attempt.as_millis()));
        inside(&mut self.keys, "timeout", ("attempt", attempt));
        self
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Task {
        inside(&mut self.keys, "env", (name, json!(value)));
        self
    }

    /// Any key of a task, as the plan reference has it.
    #[must_use]
    pub fn set(mut self, key: &str, value: Value) -> Task {
        self.keys.insert(key.to_owned(), value);
        self
    }
}
