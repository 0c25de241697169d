//! What is kept of an attempt of an agent beside the journal: its prompt, what the prompt was made of, and what it said.
//!
//! Files of the attempt's directory (0600). Read back trusting nothing: an agent could have written there.

use super::said::{Ending, Said};
use crate::collect::write_private;
use regatta_engine::report::Usage;
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Name of the file that holds the composed prompt.
pub const PROMPT_FILE: &str = "prompt.md";
/// Name of the file that holds the list of what it was made of.
pub const BILL_FILE: &str = "prompt.json";
/// Name of the file that holds what the agent said.
pub const AGENT_FILE: &str = "agent.json";
/// Name of the file that tells an agent of its MCP servers, among its temporary files.
pub(super) const SERVERS_FILE: &str = "mcp.json";
/// It holds at most this many bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Tokens and cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct UsageRow {
    /// Input tokens that no cache had.
    pub input_tokens: u64,
    /// Input tokens from a cache.
    pub cached_tokens: u64,
    /// Output tokens, with those of reasoning.
    pub output_tokens: u64,
    /// Reasoning tokens.
    pub reasoning_tokens: u64,
    /// Millionths of a US dollar.
    pub cost_micro_usd: u64,
}

impl From<Usage> for UsageRow {
    fn from(u: Usage) -> UsageRow {
        UsageRow {
            input_tokens: u.input_tokens,
            cached_tokens: u.cached_tokens,
            output_tokens: u.output_tokens,
            reasoning_tokens: u.reasoning_tokens,
            cost_micro_usd: u.cost_micro_usd,
        }
    }
}

/// What is kept of an attempt of an agent.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AgentRecord {
    /// The agent's name in the plan.
    pub agent: String,
    /// Preset, `command` or `acp`.
    pub driver: String,
    /// It worked inside a worktree.
    pub in_worktree: bool,
    /// The session that it went on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<String>,
    /// What that session had told of its usage before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<UsageRow>,
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The last message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What the attempt used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageRow>,
    /// What the session told of its usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<UsageRow>,
    /// Calls of tools.
    #[serde(default)]
    pub tool_calls: u64,
    /// Tools that it called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Tools that it was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<String>,
    /// What it said of its failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The class of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<String>,
    /// Lines of its stream that could not be read.
    #[serde(default)]
    pub unread_lines: u64,
}

impl AgentRecord {
    /// Takes what was said, and what of its usage is this attempt's.
    pub(crate) fn take(&mut self, said: &Said, usage: Option<Usage>) {
        self.session.clone_from(&said.session);
        self.message.clone_from(&said.message);
        self.usage = usage.map(Into::into);
        self.told = said.usage.map(Into::into);
        self.tool_calls = said.tool_calls;
        self.tools.clone_from(&said.tools);
        self.denied.clone_from(&said.denied);
        self.error = match &said.ending {
            Ending::Failed(why) => Some(why.clone()),
            Ending::Open | Ending::Done => None,
        };
        self.error_class = said.class.map(|class| class.name().to_owned());
        self.unread_lines = said.unread_lines;
    }
}

/// Writes the record of an attempt.
///
/// # Errors
/// It cannot be written.
pub(crate) fn store(dir: &Path, record: &AgentRecord) -> io::Result<()> {
    let bytes = serde_json::to_vec_pretty(record).map_err(io::Error::other)?;
    write_private(&dir.join(AGENT_FILE), &bytes).map(|_| ())
}

/// The record of an attempt, if there is one that can be read.
#[must_use]
pub fn load(dir: &Path) -> Option<AgentRecord> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let path = dir.join(AGENT_FILE);
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}
