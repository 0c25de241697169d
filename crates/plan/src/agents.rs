//! Agents and budgets of a plan. Part of [`crate::model`].
//!
//! Plain data. How a preset is started and read is known to the runtime; here stand only the names and what can be
//! told of their usage, because a plan is checked by them.

use serde::{Deserialize, Serialize};

/// A program that gets a prompt and a directory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Agent {
    /// How it is driven.
    pub driver: Driver,
    /// The model it shall use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Further arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Names of variables that it gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// What it may do.
    pub permissions: Permissions,
    /// It has a home directory of its own.
    pub own_home: bool,
    /// MCP servers that it gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mcp: Vec<String>,
    /// Longest time without output, for its tasks that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout_ms: Option<u64>,
    /// The role of results of its tasks that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// How an agent is driven.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// A known agent.
    Preset(String),
    /// Program and arguments with placeholders.
    Command(Vec<String>),
    /// Program and arguments of an agent that speaks the Agent Client Protocol.
    Acp(Vec<String>),
}

/// What an agent may do without being asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permissions {
    /// Read.
    Deny,
    /// Change files.
    Edit,
    /// Everything.
    Allow,
    /// A person is asked, for every request of an agent of `acp`.
    Ask,
}

impl Permissions {
    /// The word in a plan.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Permissions::Deny => "deny",
            Permissions::Edit => "edit",
            Permissions::Allow => "allow",
            Permissions::Ask => "ask",
        }
    }

    /// The permissions of a word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Permissions> {
        let all = [Permissions::Deny, Permissions::Edit, Permissions::Allow, Permissions::Ask];
        all.into_iter().find(|p| p.name() == name)
    }
}

/// What may be used up by a run or by all attempts of a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Budget {
    /// Tokens: input with cached, and output.
    pub tokens: Option<u64>,
    /// Cost in millionths of a US dollar.
    pub micro_usd: Option<u64>,
    /// What runs is ended too when it is used up.
    pub hard: bool,
}

/// What a preset tells of what it used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownPreset {
    /// Its name.
    pub name: &'static str,
    /// It reports tokens.
    pub tokens: bool,
    /// It reports cost.
    pub cost: bool,
    /// How it can be told of MCP servers for one session.
    pub mcp: TakesMcp,
}

/// How a preset can be told of MCP servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TakesMcp {
    /// Not at all.
    No,
    /// Wherever it runs.
    Yes,
    /// In a home of its own.
    InOwnHome,
}

/// Every preset.
pub const PRESETS: [KnownPreset; 9] = [
    KnownPreset { name: "codex", tokens: true, cost: false, mcp: TakesMcp::Yes },
    KnownPreset { name: "claude", tokens: true, cost: true, mcp: TakesMcp::Yes },
    KnownPreset { name: "gemini", tokens: true, cost: false, mcp: TakesMcp::InOwnHome },
    KnownPreset { name: "opencode", tokens: true, cost: true, mcp: TakesMcp::Yes },
    KnownPreset { name: "aider", tokens: false, cost: false, mcp: TakesMcp::No },
    KnownPreset { name: "qwen", tokens: true, cost: false, mcp: TakesMcp::No },
    KnownPreset { name: "pi", tokens: true, cost: true, mcp: TakesMcp::No },
    KnownPreset { name: "vibe", tokens: false, cost: false, mcp: TakesMcp::No },
    KnownPreset { name: "kimi", tokens: false, cost: false, mcp: TakesMcp::No },
];

impl Agent {
    /// Whether it tells how many tokens it used, and what that cost. Of an agent that speaks a protocol nobody knows
    /// before, so it counts as one that does.
    #[must_use]
    pub fn reports(&self) -> (bool, bool) {
        match &self.driver {
            Driver::Command(_) => (false, false),
            Driver::Acp(_) => (true, true),
            Driver::Preset(name) => {
                let known = PRESETS.iter().find(|preset| preset.name == name);
                known.map_or((false, false), |preset| (preset.tokens, preset.cost))
            }
        }
    }
}

/// Whether a variable is called like a key to somebody's account.
#[must_use]
pub fn is_key_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name.contains("API_KEY") || ["_KEY", "_TOKEN", "_SECRET"].iter().any(|end| name.ends_with(end))
}
