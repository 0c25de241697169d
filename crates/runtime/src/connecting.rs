//! Asks the servers of a plan for their tools, before a run: started here, asked once, and ended.
//!
//! Knows no call.

use crate::calling::resolve;
use crate::tools::{Listed, NoServer, Server, is_ours, list_all};
use crate::vault::Vault;
use regatta_plan::Plan;
use regatta_plan::reference::{Ref, Scope, Unresolved};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

/// What every server that the tasks of a plan name lists, in the workspace. We ourselves are among them only if a task says so in
/// full: bare names are looked for elsewhere.
#[must_use]
pub fn connect(plan: &Plan, vault: &Vault, workspace: &Path) -> Listed {
    let mut listed = Listed::new();
    let mut servers: BTreeMap<String, Server> = BTreeMap::new();
    for (name, server) in &plan.mcp_servers {
        match resolve(server, &Here(vault)) {
            Ok(server) if is_ours(&server, workspace) && !is_named(plan, name) => {}
            Ok(server) => drop(servers.insert(name.clone(), server)),
            Err(why) => drop(listed.insert(name.clone(), Err(why.0))),
        }
    }
    let mut asked = list_all(servers, workspace);
    asked.retain(|name, said| !matches!(said, Err(NoServer::Ourselves)) || is_named(plan, name));
    listed.extend(asked.into_iter().map(|(name, said)| (name, said.map_err(|why| why.to_string()))));
    listed
}

/// Whether a task says in full that its tool is of a server.
fn is_named(plan: &Plan, server: &str) -> bool {
    let mut tools = plan.calls().filter_map(|(_, action)| action.tool());
    tools.any(|tool| tool.split_once('/').is_some_and(|(of, _)| of == server))
}

/// What the texts of servers mean to whoever asks now.
struct Here<'a>(&'a Vault);

impl Scope for Here<'_> {
    fn value(&self, reference: &Ref) -> Result<Value, Unresolved> {
        let name = reference.path.first().map(String::as_str).unwrap_or_default();
        let value = match reference.head.as_str() {
            "env" => std::env::var_os(OsStr::new(name)).map(|value| value.to_string_lossy().into_owned()),
            "vault" => self.0.get(name).map(str::to_owned),
            _ => None,
        };
        value.map(Value::from).ok_or_else(|| Unresolved(format!("`${{{}}}` has no value", reference.name())))
    }
}
