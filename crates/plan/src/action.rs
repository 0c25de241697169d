//! What tasks do, and what they claim while they do it. Part of [`crate::model`].
//!
//! Plain data as it is stored. Knows no spans.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
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
        shell: Cow<'static, str>,
    },
    /// Work of an agent.
    Agent {
        /// The agent.
        agent: String,
        /// What it shall do, as a template.
        prompt: Option<String>,
    },
    /// A call of a tool.
    Tool {
        /// The tool: `server/tool`, or a built-in one.
        tool: String,
        /// Its parameters, as templates.
        params: BTreeMap<String, Value>,
    },
    /// Makes one value of the results of its predecessors; see [`crate::join`].
    Join {
        /// `fail-fast`, `merge-with-rules` or `manual-escalation`.
        conflict: String,
        /// Names of rules by JSON path; `*` is for all others.
        rules: BTreeMap<String, String>,
    },
    /// A gate that must pass; what it is stands with the task.
    Gate {
        /// The gate.
        gate: String,
    },
}

impl Action {
    /// The tool, if it is a call of one.
    #[must_use]
    pub fn tool(&self) -> Option<&str> {
        match self {
            Action::Tool { tool, .. } => Some(tool),
            Action::Argv(_)
            | Action::Shell { .. }
            | Action::Agent { .. }
            | Action::Join { .. }
            | Action::Gate { .. } => None,
        }
    }

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

/// A claim.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Lock {
    /// The resource or lock.
    pub resource: String,
    /// How it is claimed.
    pub claim: Claim,
}

/// How a resource or lock is claimed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// Units of a counted resource.
    Units(u32),
    /// Shared with others.
    Shared,
    /// Alone.
    Exclusive,
}
