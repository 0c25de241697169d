//! What a task does: exactly one action. Part of [`crate::model`].
//!
//! Plain data. Knows no task.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a task does.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Program and arguments; references are replaced in each.
    Argv(Vec<String>),
    /// A script for a shell; references travel by environment.
    Shell {
        /// The script.
        script: String,
        /// The shell, started with `-c`.
        shell: String,
    },
    /// Work of an agent.
    Agent {
        /// The agent.
        agent: String,
        /// What it shall do, as a template.
        prompt: Option<String>,
    },
    /// A call of a tool. Not built yet.
    Tool {
        /// The tool: `server/tool`, or a built-in one.
        tool: String,
        /// Its parameters, as templates.
        params: BTreeMap<String, Value>,
    },
    /// Merges the results of its predecessors. Not built yet.
    Join {
        /// `fail-fast`, `merge-with-rules` or `manual-escalation`.
        conflict: String,
        /// Rules by JSON path.
        rules: BTreeMap<String, String>,
    },
    /// A gate that must pass. Not built yet.
    Gate {
        /// The gate.
        gate: String,
    },
}

impl Action {
    /// The agent, if an agent does it.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        match self {
            Action::Agent { agent, .. } => Some(agent),
            Action::Argv(_)
            | Action::Shell { .. }
            | Action::Tool { .. }
            | Action::Join { .. }
            | Action::Gate { .. } => None,
        }
    }
}
