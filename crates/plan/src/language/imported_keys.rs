//! The keys of the two documents of others that are read as they are: the parallel request and the shell batch.
//!
//! Declarations only; times are milliseconds, as those formats have them.

use super::later_keys::TOOL_CALL;
use super::plan_keys::TEXTS;
use super::{Kind, Shape, key};

/// Ten years.
const MILLISECONDS: Kind = Kind::Whole(1, 316_224_000_000);
const SLOTS: Kind = Kind::Whole(1, 50);

/// A parallel request.
pub(crate) static REQUEST: Shape = Shape {
    name: "request",
    doc: "A parallel request: tool calls with their dependencies.",
    exactly_one: None,
    fields: &[
        key("tasks", Kind::List(&Kind::Record(&REQUEST_TASK)), "The tool calls.").required(),
        key("config", Kind::Record(&REQUEST_CONFIG), "How they may run."),
    ],
};

static REQUEST_TASK: Shape = Shape {
    name: "request task",
    doc: "A tool call.",
    exactly_one: None,
    fields: &[
        key("id", Kind::Name, "Its id.").required(),
        key(
            "tool",
            Kind::Text,
            "The tool: `shell` with `cmd`, `cwd`, `env` runs a command; one that is built in; `server/name`; or the name alone, if only one server of `.mcp.json` has it.",
        )
        .required(),
        key("params", Kind::Map(&Kind::Free), "Its parameters."),
        key("dependsOn", TEXTS, "Calls that must end well before."),
        key("priority", Kind::Whole(1, 10), "10 is first: 9-10 is P0, 6-8 P1, 3-5 P2, 1-2 P3. Default P2."),
        key("timeout", MILLISECONDS, "Longest time of one attempt. Default 300000."),
        key(
            "vault",
            Kind::Text,
            "A secret for the call: `NAME` or `env:NAME` is a variable of whoever runs it, `file:PATH` a file that nobody else may read. `${vault.NAME}` in `params` is its value, of a file by its name without extension; it is in no result and no log.",
        ),
        key("retryPolicy", Kind::Record(&RETRY_POLICY), "Attempts and the delays between them."),
        key("undo", Kind::Record(&TOOL_CALL), "The call that undoes it."),
    ],
};

static RETRY_POLICY: Shape = Shape {
    name: "retry policy",
    doc: "Attempts and the delays between them.",
    exactly_one: None,
    fields: &[
        key("maxAttempts", Kind::Whole(1, 1_000), "Attempts that count. Default 1."),
        key("backoff", Kind::Choice(&["exponential", "linear"]), "How the delay grows. Default `linear`."),
        key("initialDelay", MILLISECONDS, "The base of the delay. Default 1000."),
    ],
};

static REQUEST_CONFIG: Shape = Shape {
    name: "request config",
    doc: "How the calls of a request may run.",
    exactly_one: None,
    fields: &[
        key("maxConcurrent", SLOTS, "Calls alive at once. Default 10."),
        key(
            "failureMode",
            Kind::Choice(&["continue", "stop", "rollback"]),
            "What a failed call means for the others. Default `continue`.",
        ),
        key("timeout", MILLISECONDS, "Longest time of the whole run."),
        key("enableRollback", Kind::Flag, "True is `failureMode: rollback`. Default false."),
    ],
};

/// Parameters of the tool `shell`.
pub(crate) static SHELL_PARAMS: Shape = Shape {
    name: "shell parameters",
    doc: "Parameters of the tool `shell`.",
    exactly_one: None,
    fields: &[
        key("cmd", Kind::Text, "The script, for `sh -c`.").required(),
        key("cwd", Kind::Text, "Working directory inside the workspace."),
        key("env", Kind::Map(&Kind::Text), "Variables that it sets."),
    ],
};

/// A shell batch.
pub(crate) static BATCH: Shape = Shape {
    name: "batch",
    doc: "A shell batch: commands with their dependencies.",
    exactly_one: None,
    fields: &[
        key("commands", Kind::List(&Kind::Record(&BATCH_COMMAND)), "The commands.").required(),
        key("config", Kind::Record(&BATCH_CONFIG), "How they may run."),
    ],
};

static BATCH_COMMAND: Shape = Shape {
    name: "command",
    doc: "A command of a batch.",
    exactly_one: None,
    fields: &[
        key("id", Kind::Name, "Its id.").required(),
        key("cmd", Kind::Text, "The script.").required(),
        key("cwd", Kind::Text, "Working directory inside the workspace."),
        key("env", Kind::Map(&Kind::Text), "Variables that it sets."),
        key("timeout", MILLISECONDS, "Longest time. Default: `defaultTimeout`."),
        key("shell", Kind::Name, "The shell. Default: `defaultShell`."),
        key("dependsOn", TEXTS, "Commands that must end well before."),
    ],
};

static BATCH_CONFIG: Shape = Shape {
    name: "batch config",
    doc: "How the commands of a batch may run.",
    exactly_one: None,
    fields: &[
        key("maxConcurrent", SLOTS, "Commands alive at once. Default 5."),
        key(
            "failureMode",
            Kind::Choice(&["continue", "stop"]),
            "What a failed command means for the others. Default `continue`.",
        ),
        key("defaultTimeout", MILLISECONDS, "Longest time of a command that names none. Default 300000."),
        key("defaultShell", Kind::Name, "The shell of a command that names none. Default `sh`."),
    ],
};
