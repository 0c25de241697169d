//! What a node does: its plan entry with references resolved, its environment and its working directory.
//!
//! The only place of the runtime that reads the plan. Knows no process, and of the engine only outcomes.

use crate::asking::{Conditions, Expression, actions_of, asked, texts};
use crate::environment::{Environment, Passing};
use crate::lists::Lists;
use crate::outputs::Outputs;
use crate::rate_limit;
use crate::redact::Redactor;
use crate::scope::{Refusal, TaskScope, inputs, resolve_script, resolve_text};
use crate::tools::{Order, variables_of};
use crate::vault::{self, Vault};
use regatta_engine::cause::Cause;
use regatta_engine::ids::NodeId;
use regatta_plan::Plan;
use regatta_plan::model::{Action, Check, Task};
use regatta_plan::reference::{Ref, Script, Template};
use regatta_plan::when::Condition;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// What an attempt is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The task itself.
    Attempt,
    /// Its `undo` action.
    Undo,
    /// Its `reconcile` command.
    Reconcile,
    /// A command that prepares its worktree, by number.
    Setup(u8),
    /// A command that looks whether its work is good, by number.
    Verify(u8),
}

/// The worktree that something runs in.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where it is.
    pub path: PathBuf,
    /// Where the result goes.
    pub result: PathBuf,
    /// Variables of everything in it.
    pub vars: Vec<(String, String)>,
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
    /// What a call of a tool is to do; nothing for other commands.
    pub(crate) call: Option<Box<Order>>,
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

/// The actions of a run.
#[derive(Debug)]
pub struct Actions {
    plan: Arc<Plan>,
    run_id: String,
    /// The first run of a chain of retries: its effects are the same as ours.
    first_run: String,
    workspace: PathBuf,
    environment: Environment,
    /// Variables that some agent or server is given.
    given_vars: BTreeMap<String, OsString>,
    index: BTreeMap<String, NodeId>,
    pub(crate) conditions: Conditions,
    referenced: BTreeSet<NodeId>,
    /// What of other tasks each node refers to.
    pub(crate) refs: BTreeMap<NodeId, Vec<Ref>>,
    /// Of each gate that needs gates the tasks before it that are those, in the order of what it needs.
    pub(crate) gates_before: OnceLock<BTreeMap<NodeId, Vec<Vec<NodeId>>>>,
    vault: Vault,
    lists: Lists,
    redactor: Arc<Redactor>,
}

impl Actions {
    /// How a running attempt may claim a name by itself: of so many units in all, or as a lock that is not counted.
    ///
    /// # Errors
    /// It is a resource of the plan, which only `locks` of its tasks claim; why, for people.
    pub fn lease_units(&self, name: &str) -> Result<Option<u32>, String> {
        if self.plan.resources.contains_key(name) {
            return Err(format!(
                "`{}` is a resource of the plan: a task claims it by `locks`",
                name.escape_debug()
            ));
        }
        Ok(self.plan.leases.get(name).copied())
    }

    /// The actions of `plan`, with the variables of this process that it passes on.
    pub fn new(
        plan: Arc<Plan>,
        workspace: &Path,
        (run_id, first_run): (&str, &str),
        (vars, vault): (impl Iterator<Item = (OsString, OsString)>, Vault),
    ) -> Actions {
        let passing = plan.env.clone().map_or(Passing::Inherit, Passing::Names);
        let index: BTreeMap<String, NodeId> =
            plan.tasks.iter().zip(0..).map(|(t, i)| (t.id.clone(), NodeId(i))).collect();
        let vars: Vec<(OsString, OsString)> = vars.collect();
        let of_servers = variables_of(plan.mcp_servers.values());
        let given = plan.agents.values().flat_map(|agent| &agent.env).chain(&of_servers);
        let value =
            |name: &String| vars.iter().find(|(n, _)| n == OsStr::new(name)).map(|(_, value)| value.clone());
        let redactor = Arc::new(Redactor::new(&vault::declared(&plan, &vault, &vars)));
        let mut actions = Actions {
            given_vars: given.filter_map(|name| Some((name.clone(), value(name)?))).collect(),
            environment: Environment::read(&passing, vars.into_iter()),
            run_id: run_id.to_owned(),
            first_run: first_run.to_owned(),
            workspace: workspace.to_owned(),
            conditions: Conditions::default(),
            gates_before: OnceLock::new(),
            referenced: BTreeSet::new(),
            refs: BTreeMap::new(),
            vault,
            redactor,
            index,
            lists: Lists::default(),
            plan,
        };
        for (task, i) in actions.plan.clone().tasks.iter().zip(0..) {
            actions.note(task, NodeId(i));
        }
        actions.note_merge();
        actions
    }

    /// Notes the condition of a task and whom it asks about.
    fn note(&mut self, task: &Task, node: NodeId) {
        match &task.action {
            Action::Argv(_) | Action::Shell { .. } | Action::Tool { .. } => {}
            // What its predecessors say goes into its prompt, or into its value.
            Action::Agent { .. } | Action::Join { .. } => {
                self.referenced.extend(task.needs.iter().filter_map(|id| self.index.get(id)));
            }
            // Gates that need it ask whether it has passed.
            Action::Gate { .. } => self.referenced.extend([node]),
        }
        if let Some(source) = task.gate.as_ref().and_then(|gate| gate.expr.as_ref()) {
            let condition = self.condition(task, source);
            self.conditions.gates.insert(node, condition);
        }
        if let Some(source) = &task.when {
            let condition = self.condition(task, source);
            self.conditions.when.insert(node, condition);
        }
        let mut refs: Vec<Ref> = Vec::new();
        for text in texts(task) {
            refs.extend(Template::parse(&text).iter().flat_map(Template::refs).cloned());
        }
        for action in actions_of(task) {
            if let Action::Shell { script, .. } = action {
                refs.extend(Script::parse(script).map(|s| s.refs).unwrap_or_default());
            }
        }
        refs.retain(|reference| reference.task().is_some());
        for name in refs.iter().filter_map(Ref::task) {
            let one = || vec![name.to_owned()];
            let members = task.families.get(name).cloned().unwrap_or_else(one);
            self.referenced.extend(members.iter().filter_map(|id| self.index.get(id)));
        }
        if !refs.is_empty() {
            self.refs.insert(node, refs);
        }
    }

    /// Notes the expressions among the gates of the merge, and whom they ask about.
    fn note_merge(&mut self) {
        let plan = Arc::clone(&self.plan);
        for check in plan.merge.iter().flat_map(|merge| &merge.gates) {
            let Some(expr) = &check.expr else { continue };
            let expression = Condition::parse(expr);
            let of = expression.iter().flat_map(|condition| self.asked_of_merge(condition));
            let asked: Vec<NodeId> = of.filter_map(|id| self.node_of(id)).collect();
            self.referenced.extend(asked);
            self.conditions.merge.insert(check.name.clone(), (expr.clone(), expression));
        }
    }

    /// Parses an expression over results, and notes whom it asks about.
    fn condition(&mut self, task: &Task, source: &str) -> Expression {
        let expression = Condition::parse(source);
        let asked = expression.iter().flat_map(|condition| asked(condition, task));
        self.referenced.extend(asked.filter_map(|id| self.index.get(id)));
        expression
    }

    /// A secret of the vault.
    pub(crate) fn secret(&self, name: &str) -> Option<&str> {
        self.vault.get(name)
    }

    /// The one exit point of what tasks write, with the values that this run declares.
    #[must_use]
    pub fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
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

    /// The plan.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The id of the run.
    pub(crate) fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The node of a task.
    pub(crate) fn node_of(&self, id: &str) -> Option<NodeId> {
        self.index.get(id).copied()
    }

    /// The value of a variable that an agent or a server is given.
    pub(crate) fn given_var(&self, name: &str) -> Option<&OsStr> {
        self.given_vars.get(name).map(OsString::as_os_str)
    }

    /// A node's entry in the plan.
    pub(crate) fn task(&self, node: NodeId) -> &Task {
        &self.plan.tasks[node.index()]
    }

    /// What a node needs.
    pub(crate) fn preds(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        self.task(node).needs.iter().filter_map(|id| self.index.get(id).copied())
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
        site: Option<&Site>,
    ) -> Result<Prepared, Refusal> {
        let task = self.task(node);
        let action = match kind {
            Kind::Attempt => Some(&task.action),
            Kind::Undo => task.undo.as_ref(),
            Kind::Reconcile => task.reconcile.as_ref(),
            Kind::Setup(_) | Kind::Verify(_) => None,
        };
        self.prepare_action((task, kind, action), number, (outputs, result_path), site)
    }

    /// Prepares a command that stands beside the work of a task in its worktree.
    ///
    /// # Errors
    /// As [`Actions::prepare`].
    pub fn prepare_step(
        &self,
        (node, kind, action): (NodeId, Kind, &Action),
        number: u32,
        (outputs, site): (&Outputs, &Site),
    ) -> Result<Prepared, Refusal> {
        let what = (self.task(node), kind, Some(action));
        self.prepare_action(what, number, (outputs, &site.result), Some(site))
    }

    fn prepare_action(
        &self,
        (task, kind, action): (&Task, Kind, Option<&Action>),
        number: u32,
        (outputs, result_path): (&Outputs, &Path),
        site: Option<&Site>,
    ) -> Result<Prepared, Refusal> {
        let scope = self.scope(task, outputs);
        let mut own = self.variables((task, kind), number, (result_path, site));
        for (name, text) in &task.env {
            own.push((name.clone(), resolve_text(text, &scope)?.into()));
        }
        if !task.inputs.is_empty() {
            own.push(("REGATTA_INPUTS".into(), inputs(&task.inputs, &scope)?.to_string().into()));
        }
        let mut call = None;
        let argv = match action {
            Some(Action::Argv(items)) => {
                items.iter().map(|i| resolve_text(i, &scope).map(OsString::from)).collect::<Result<_, _>>()?
            }
            Some(Action::Shell { script, shell }) => {
                let (script, values) = resolve_script(script, &scope)?;
                let refs = values.into_iter().zip(1..);
                own.extend(refs.map(|(value, n)| (format!("REGATTA_REF_{n}"), value.into())));
                let of_item = self.item_variables((task, &script), outputs)?;
                own.extend(of_item.into_iter().map(|(name, value)| (name, value.into())));
                vec![(&**shell).into(), "-c".into(), script.into()]
            }
            Some(Action::Tool { tool, params }) => {
                let dir = result_path.parent().unwrap_or(result_path);
                let what = (task, number, self.idempotency_key(task, kind));
                let (argv, order) = self.prepare_call(what, (tool, params), (outputs, dir))?;
                call = Some(Box::new(order));
                argv
            }
            Some(Action::Join { conflict, rules }) => {
                let dir = result_path.parent().unwrap_or(result_path);
                let what = (task, number, self.idempotency_key(task, kind));
                let (argv, order) = self.prepare_join(what, (conflict, rules), (outputs, dir))?;
                call = Some(Box::new(order));
                argv
            }
            Some(Action::Gate { .. }) => {
                task.gate.as_ref().and_then(command_of).ok_or_else(without_command)?
            }
            Some(Action::Agent { .. }) | None => return Err(without_command()),
        };
        let root = site.map_or(self.workspace.as_path(), |site| &site.path);
        // What prepares a worktree knows nothing of its task.
        let cwd = if matches!(kind, Kind::Setup(_)) { root.to_owned() } else { cwd_in(root, task, &scope)? };
        let env = own.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Ok(Prepared { argv, env, cwd, call })
    }

    /// The workspace.
    pub(crate) fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// Names of the variables that the plan passes on.
    pub(crate) fn passed_names(&self) -> impl Iterator<Item = &str> {
        self.plan.env.iter().flatten().map(String::as_str)
    }

    /// What the references of a task mean now.
    pub(crate) fn scope<'a>(&'a self, task: &'a Task, outputs: &'a Outputs) -> TaskScope<'a> {
        TaskScope {
            plan: &self.plan,
            index: &self.index,
            environment: &self.environment,
            vault: &self.vault,
            task,
            outputs,
            lists: &self.lists,
        }
    }

    /// What every attempt of a task is told.
    pub(crate) fn own_variables(
        &self,
        task: &Task,
        number: u32,
        places: (&Path, Option<&Site>),
    ) -> Vec<(String, OsString)> {
        self.variables((task, Kind::Attempt), number, places)
    }

    /// What is the same whenever the same effect is tried.
    fn idempotency_key(&self, task: &Task, kind: Kind) -> String {
        // The undo is another effect than the one that it undoes.
        let suffix = if kind == Kind::Undo { "/undo" } else { "" };
        format!("{}/{}{suffix}", self.first_run, task.id)
    }

    fn variables(
        &self,
        (task, kind): (&Task, Kind),
        number: u32,
        (result_path, site): (&Path, Option<&Site>),
    ) -> Vec<(String, OsString)> {
        let key = self.idempotency_key(task, kind);
        let mut own: Vec<(String, OsString)> = vec![
            ("REGATTA_RUN_ID".into(), self.run_id.as_str().into()),
            ("REGATTA_TASK_ID".into(), task.id.as_str().into()),
            ("REGATTA_ATTEMPT".into(), number.to_string().into()),
            ("REGATTA_IDEMPOTENCY_KEY".into(), key.into()),
            ("REGATTA_RESULT".into(), site.map_or(result_path, |site| &site.result).into()),
            ("REGATTA_WORKSPACE".into(), self.workspace.as_os_str().into()),
        ];
        own.extend((kind == Kind::Attempt).then(|| rate_limit::variable(result_path)));
        let matrix = task.matrix.iter().map(|(axis, value)| (format!("REGATTA_MATRIX_{axis}"), value.into()));
        own.extend(matrix);
        own.extend(site.into_iter().flat_map(|site| site.vars.iter().map(|(k, v)| (k.clone(), v.into()))));
        own
    }
}

/// The command of a gate, as it stands: what looks like a reference is the command's own.
fn command_of(check: &Check) -> Option<Vec<OsString>> {
    match &check.action {
        Action::Argv(argv) => Some(argv.iter().map(OsString::from).collect()),
        Action::Shell { script, shell } => Some(vec![(&**shell).into(), "-c".into(), script.into()]),
        Action::Agent { .. } | Action::Tool { .. } | Action::Join { .. } | Action::Gate { .. } => None,
    }
}

fn without_command() -> Refusal {
    Refusal { cause: Cause::Plan, message: "it has no command".to_owned() }
}

/// The working directory of a task below `root`: the workspace, or its worktree.
pub(crate) fn cwd_in(root: &Path, task: &Task, scope: &TaskScope<'_>) -> Result<PathBuf, Refusal> {
    let Some(text) = &task.cwd else { return Ok(root.to_owned()) };
    let text = resolve_text(text, scope)?;
    let path = Path::new(&text);
    let inside = path.components().all(|c| c != Component::ParentDir);
    let joined = root.join(path);
    let real = |p: &Path| std::fs::canonicalize(p).ok();
    let stays = match (real(&joined), real(root)) {
        (Some(real), Some(root)) => real.starts_with(root),
        // A missing directory is a spawn error, told by the owner.
        _ => !path.is_absolute() || path.starts_with(root),
    };
    if inside && stays {
        return Ok(joined);
    }
    let message = format!("cwd `{}` is outside the workspace", text.escape_debug());
    Err(Refusal { cause: Cause::Spawn, message })
}
