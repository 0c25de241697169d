//! A call of a tool made ready, with every reference replaced, and what it said when it has ended.
//!
//! Reads the plan; starts nothing and writes nothing.

use crate::action::{Actions, Kind};
use crate::judge::Job;
use crate::keeper::HELPER;
use crate::outputs::Outputs;
use crate::scope::{Refusal, inputs};
use crate::tools::{Order, Said, Server, literal_origin};
use regatta_engine::cause::Cause;
use regatta_plan::model::{Action, McpServer, Task, built_in};
use regatta_plan::reference::{Ref, Scope, Template, Unresolved, as_text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The program that the keeper runs, which is this one, also when its file was replaced meanwhile.
const OURSELVES: &str = "/proc/self/exe";

/// Servers by their names, and why others cannot be asked.
type Servers = (BTreeMap<String, Server>, BTreeMap<String, String>);

impl Actions {
    /// Makes a call ready, for the directory of its attempt: the command line of its process, and its order.
    ///
    /// # Errors
    /// A reference has no value.
    pub(crate) fn prepare_call(
        &self,
        (task, number, idempotency_key): (&Task, u32, String),
        (tool, params): (&str, &BTreeMap<String, Value>),
        (outputs, dir): (&Outputs, &Path),
    ) -> Result<(Vec<OsString>, Order), Refusal> {
        let scope = self.scope(task, outputs);
        let resolved = match inputs(params, &scope)? {
            Value::Object(map) => map,
            _ => serde_json::Map::new(),
        };
        let (servers, missing) = self.servers_of(tool)?;
        let order = Order {
            tool: tool.to_owned(),
            params: resolved,
            servers,
            missing,
            own_origin: params.get("url").and_then(Value::as_str).and_then(literal_origin),
            private: params
                .iter()
                .filter(|(_, value)| may_hold_secret(value))
                .map(|(n, _)| n.clone())
                .collect(),
            number,
            idempotency_key,
            text_is_json: task.result_is_stdout,
            grace_ms: task.timeout.grace_ms,
        };
        Ok((argv(dir), order))
    }

    /// The tool that `job` calls, if it is a call.
    fn called(&self, job: &Job) -> Option<&str> {
        let task = self.task(job.node);
        match job.kind {
            Kind::Attempt => task.action.tool(),
            Kind::Undo => task.undo.as_ref()?.tool(),
            Kind::Reconcile | Kind::Setup(_) | Kind::Verify(_) => None,
        }
    }

    /// Whether `job` calls a tool of a server.
    pub(crate) fn calls_server(&self, job: &Job) -> bool {
        self.called(job).is_some_and(|tool| built_in(tool).is_none())
    }

    /// What the call of a tool said, if that is what `job` was.
    pub(crate) fn said_by_tool(&self, job: &Job) -> Option<Said> {
        let joins = matches!(self.task(job.node).action, Action::Join { .. }) && job.kind == Kind::Attempt;
        (joins || self.called(job).is_some()).then(|| Said::hear(&job.dir.path))?
    }

    /// Servers by their names.
    ///
    /// # Errors
    /// One is not there, or one of its references has no value.
    pub(crate) fn servers_named(&self, names: &[String]) -> Result<BTreeMap<String, Server>, Refusal> {
        let servers = &self.plan().mcp_servers;
        let of = |name: &String| {
            let server = servers.get(name).ok_or_else(|| Refusal {
                cause: Cause::Plan,
                message: format!("MCP server `{name}` is not known"),
            })?;
            let refuse = |why: Unresolved| Refusal { cause: Cause::Resolution, message: why.0 };
            Ok((name.clone(), resolve(server, &Known(self)).map_err(refuse)?))
        };
        names.iter().map(of).collect()
    }

    /// The servers that a tool may be of; and why others, which nobody named, cannot be asked for it.
    ///
    /// # Errors
    /// A reference of the one that is named, or of each that it may be of, has no value.
    fn servers_of(&self, tool: &str) -> Result<Servers, Refusal> {
        let (mut found, mut missing) = (BTreeMap::new(), BTreeMap::new());
        if built_in(tool).is_some() {
            return Ok((found, missing));
        }
        let refuse = |why: String| Refusal { cause: Cause::Resolution, message: why };
        let named = tool.split_once('/').map(|(name, _)| name);
        let servers = self.plan().mcp_servers.iter().filter(|(name, _)| named.is_none_or(|of| of == *name));
        for (name, server) in servers {
            match resolve(server, &Known(self)) {
                Ok(server) => drop(found.insert(name.clone(), server)),
                Err(why) if named.is_some() => return Err(refuse(why.0)),
                Err(why) => drop(missing.insert(name.clone(), why.0)),
            }
        }
        match missing.first_key_value() {
            Some((name, why)) if found.is_empty() => Err(refuse(format!("server `{name}`: {why}"))),
            _ => Ok((found, missing)),
        }
    }
}

/// Whether a secret may become part of a text: one of the vault, or a variable.
fn may_hold_secret(value: &Value) -> bool {
    let Some(Ok(template)) = value.as_str().map(Template::parse) else { return false };
    template.refs().any(|reference| ["vault", "env"].contains(&reference.head.as_str()))
}

/// The command line of the process of a call, by the directory of its attempt.
pub(crate) fn argv(dir: &Path) -> Vec<OsString> {
    vec![OURSELVES.into(), HELPER.into(), "tool-call".into(), "--dir".into(), dir.into()]
}

/// What the texts of servers mean.
struct Known<'a>(&'a Actions);

impl Scope for Known<'_> {
    fn value(&self, reference: &Ref) -> Result<Value, Unresolved> {
        let missing = || Unresolved(format!("`${{{}}}` has no value", reference.name()));
        match (reference.head.as_str(), reference.path.first()) {
            ("env", Some(name)) => {
                let value = self.0.given_var(name).map(OsStr::to_string_lossy);
                value.map(|value| value.into_owned().into()).ok_or_else(missing)
            }
            ("vault", Some(name)) => self.0.secret(name).map(Value::from).ok_or_else(missing),
            _ => Err(missing()),
        }
    }
}

/// A server with every reference replaced.
pub(crate) fn resolve(server: &McpServer, scope: &dyn Scope) -> Result<Server, Unresolved> {
    let text = |text: &String| {
        let template = Template::parse(text).map_err(|error| Unresolved(error.message))?;
        template.value(scope).map(|value| as_text(&value))
    };
    let map = |map: &BTreeMap<String, String>| -> Result<BTreeMap<String, String>, Unresolved> {
        map.iter().map(|(name, value)| Ok((name.clone(), text(value)?))).collect()
    };
    Ok(match server {
        McpServer::Program { argv, env } => {
            Server::Program { argv: argv.iter().map(text).collect::<Result<_, _>>()?, env: map(env)? }
        }
        McpServer::Address { url, headers } => Server::Address { url: text(url)?, headers: map(headers)? },
    })
}
