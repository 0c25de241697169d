//! The keys of agents and of budgets.
//!
//! Declarations only.

use super::plan_keys::TEXTS;
use super::{Kind, Shape, key};
use crate::join::ROLES;

const TOKENS: Kind = Kind::Whole(1, 1_000_000_000_000);

pub(super) static AGENT: Shape = Shape {
    name: "agent",
    doc: "A program that gets a prompt and a directory.",
    exactly_one: Some(("driver", &["preset", "command", "acp"])),
    fields: &[
        key(
            "preset",
            Kind::Text,
            "A known agent: `codex`, `claude`, `gemini`, `opencode`, `aider`, `qwen`, `pi`, `vibe`, `kimi`; or `none`, which is nobody: such a plan can be checked and not run. `regatta agents` lists what is verified.",
        ),
        key(
            "command",
            TEXTS,
            "Program and arguments, with `{prompt}` (the composed prompt), `{instruction}` (the task's `prompt` alone), `{prompt_file}`, `{cwd}`, `{session}`. Standard output is the final message.",
        ),
        key("acp", TEXTS, "Program and arguments of an agent that speaks the Agent Client Protocol."),
        key("model", Kind::Text, "The model it shall use, for presets."),
        key("args", TEXTS, "Further arguments, as they stand."),
        key("env", TEXTS, "Names of variables that it gets, beside those of the plan."),
        key(
            "permissions",
            Kind::Choice(&["deny", "edit", "allow", "ask"]),
            "What it may do unasked: read, change files, everything. Presets are told so inside a worktree, and of `deny` everywhere; else they keep what they allow by themselves. With `ask`, for `acp` alone, a person is asked each time, anywhere (`regatta answer`). Default `edit`.",
        ),
        key(
            "home",
            Kind::Choice(&["own", "shared"]),
            "Whether each task has a home directory of its own. Default `own` where `env` names a key, else `shared`.",
        ),
        key(
            "mcp",
            TEXTS,
            "Names of MCP servers that it gets, of `mcp_servers` or `.mcp.json`: for `acp` and the presets `codex`, `claude`, `gemini` (with `home: own`) and `opencode`. With `edit` and `allow` it may use them unasked inside a worktree.",
        ),
        key("idle_timeout", Kind::Duration, "Longest time without output, for tasks that name none."),
        key("role", Kind::Choice(ROLES), "The role of results of tasks that name none."),
    ],
};

pub(super) static BUDGET: Shape = Shape {
    name: "budget",
    doc: "What may be used up. Tokens count input with cached, and output. At 80 % an event warns; at 100 % no attempt of an agent is started any more.",
    exactly_one: None,
    fields: &[
        key("tokens", TOKENS, "Tokens."),
        key("usd", Kind::Decimal, "Cost in US dollars, as agents report it."),
        key("hard", Kind::Flag, "Agents that run are ended too when it is used up. Default false."),
    ],
};
