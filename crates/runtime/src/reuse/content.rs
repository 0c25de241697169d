//! The content key of a task: sha-256 over all that its outcome may depend on (11-semantics "Runs").
//!
//! Two tasks with equal keys do equal work, whatever they are called and wherever they stand.

use super::files::{self, Bound};
use crate::action::Actions;
use crate::outputs::Outputs;
use crate::scope::{TaskScope, inputs, resolve_script, resolve_text};
use crate::vault::Vault;
use regatta_engine::ids::NodeId;
use regatta_engine::json::hex;
use regatta_plan::canonical_json;
use regatta_plan::model::{Action, Task};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Raised whenever equal parts would no longer mean equal work.
const KEY_VERSION: u32 = 1;

/// Fields of a task that its key has.
pub(super) const FIELDS: [&str; 8] =
    ["action", "cwd", "env", "inputs", "matrix", "reads", "result_is_stdout", "cache_key"];

/// The content key of a node whose predecessors have ended.
///
/// # Errors
/// It has none, and why: a reference without a value, a file that cannot be read, an action without a command.
pub(super) fn key(actions: &Actions, node: NodeId, outputs: &Outputs) -> Result<[u8; 32], String> {
    let task = actions.task(node);
    // A secret is known by its name: its value is in nothing that is stored, not even as a part of a hash.
    let scope = TaskScope { vault: &Vault::of_names(actions.plan()), ..actions.scope(task, outputs) };
    let text = |text: &str| resolve_text(text, &scope).map_err(|e| e.message);
    let action = match &task.action {
        Action::Argv(items) => {
            json!({ "argv": items.iter().map(|i| text(i)).collect::<Result<Vec<_>, _>>()? })
        }
        Action::Shell { script, shell } => {
            let (script, refs) = resolve_script(script, &scope).map_err(|e| e.message)?;
            let item = actions.item_variables((task, &script), outputs).map_err(|e| e.message)?;
            let action = json!({ "script": script, "shell": shell, "refs": refs });
            // What the key of other tasks is made of stays as it was.
            if item.is_empty() { action } else { json!({ "of_item": action, "item": item }) }
        }
        Action::Agent { .. } => return Err("an agent does it, whose work is never equal".to_owned()),
        Action::Tool { tool, params } => {
            let params = inputs(params, &scope).map_err(|e| e.message)?;
            let servers = &actions.plan().mcp_servers;
            let server = tool.split_once('/').and_then(|(server, _)| servers.get(server));
            json!({ "tool": tool, "params": params, "server": server })
        }
        Action::Join { conflict, rules } => {
            let params =
                actions.join_params(task, (conflict, rules), (outputs, false)).map_err(|e| e.message)?;
            json!({ "join": params })
        }
        Action::Gate { .. } => match &task.gate {
            Some(gate) if gate.is_command() => json!({ "gate": gate.action, "evidence": gate.evidence }),
            _ => return Err("it has no command".to_owned()),
        },
    };
    let env: BTreeMap<&str, String> = task
        .env
        .iter()
        .map(|(name, value)| Ok((name.as_str(), text(value)?)))
        .collect::<Result<_, String>>()?;
    let reads = files::list(actions.workspace(), &task.reads, bound(task)).map_err(|e| e.to_string())?;
    let parts = json!({
        "key_version": KEY_VERSION,
        "action": action,
        "cwd": task.cwd.as_deref().map(text).transpose()?,
        "env": env,
        "inputs": inputs(&task.inputs, &scope).map_err(|e| e.message)?,
        "matrix": task.matrix,
        "result": if task.result_is_stdout { "stdout-json" } else { "file" },
        "passed": passed(actions),
        "reads": reads,
        "cache_key": task.cache_key,
    });
    Ok(Sha256::digest(canonical_json(&parts)).into())
}

/// How much may be hashed for a task.
pub(super) fn bound(task: &Task) -> Bound {
    if task.cache { Bound::ASKED } else { Bound::UNASKED }
}

/// Hashes of the variables that the plan names, null for one that is not set.
fn passed(actions: &Actions) -> BTreeMap<&str, Value> {
    let hash = |name: &str| {
        let value = actions.environment().get(name)?;
        Some(hex(&Sha256::digest(value.as_encoded_bytes())))
    };
    actions.passed_names().map(|name| (name, hash(name).map_or(Value::Null, Value::from))).collect()
}
