//! The keys of a task, its locks, its join.
//!
//! Declarations only.

use super::agent_keys::BUDGET;
use super::later_keys::TOOL_CALL;
use super::plan_keys::{COMMAND, COUNT, EFFECT, ISOLATION, NAMES, PRIORITIES, RETRY, TEXTS, TIMEOUT};
use super::{Kind, Shape, key};
use crate::join::{ROLES, RULES};
use crate::maps::MAX_ITEMS;

const ID: &str = "Its id: 1 to 128 of `A-Z a-z 0-9 . _ -`, without `..`, not starting with `-` or `.`.";

/// A task.
pub(crate) static TASK: Shape = Shape {
    name: "task",
    doc: "A task: exactly one action, what it waits for, and how it may run.",
    exactly_one: Some(("action", &["run", "agent", "tool", "join", "gate"])),
    fields: &[
        key("id", Kind::Name, ID).required(),
        key("title", Kind::Text, "What it is for, in a few words."),
        key("run", COMMAND, "A command: a list is program and arguments, a text goes to `sh -c`."),
        key("agent", Kind::Text, "The agent that does it; `prompt` says what."),
        key("prompt", Kind::Text, "What the agent shall do; references are replaced. Default: the title."),
        key(
            "tool",
            Kind::Text,
            "The tool that is called: `server/tool`, one that is built in, or a name that only one server has. `shell` with `cmd`, `cwd`, `env` is `run`.",
        ),
        key("params", Kind::Map(&Kind::Free), "Parameters of the tool."),
        key(
            "join",
            Kind::Record(&JOIN),
            "Makes one value of the results of its predecessors: `{ value, winners }`. Those that were skipped are left out.",
        ),
        key(
            "gate",
            Kind::Text,
            "The gate that must pass, by its id in `gates`: its command is run as the task, its expression is evaluated, or a person is asked. The result is `{ name, passed, … }`.",
        ),
        key("needs", TEXTS, "Tasks that must end well before. References and conditions imply further ones.")
            .also(&["dependsOn", "depends_on"]),
        key(
            "when",
            Kind::Text,
            "A CEL expression of at most 1,024 bytes over the results of earlier tasks; false skips the task. Macros nest at most 3 deep, and go through at most 100,000 items in all.",
        ),
        key("allow_skipped", Kind::Flag, "Runs although a predecessor was skipped. Default false."),
        key("priority", Kind::Choice(PRIORITIES), "P0 is first. Default `P2`."),
        key(
            "estimate",
            Kind::Duration,
            "Expected duration, for the order and the prediction; 0 for a milestone.",
        ),
        key(
            "matrix",
            Kind::Map(&TEXTS),
            "Axes with their values: one task for each combination, `build[linux][stable]`.",
        ),
        key("cwd", Kind::Text, "Working directory inside the workspace."),
        key("env", Kind::Map(&Kind::Text), "Variables that it sets."),
        key(
            "inputs",
            Kind::Map(&Kind::Free),
            "Values handed to it as JSON in `REGATTA_INPUTS`; references keep their type.",
        ),
        key(
            "result",
            Kind::Choice(&["stdout-json"]),
            "Where the result comes from: standard output as one JSON value. Default: the file `$REGATTA_RESULT`.",
        ),
        key("accept", TEXTS, "Acceptance criteria."),
        key("files", TEXTS, "Patterns of the files that it writes."),
        key("reads", TEXTS, "Patterns of the files that it reads."),
        key(
            "locks",
            Kind::List(&Kind::Either(&[Kind::Name, Kind::Record(&LOCK)])),
            "What it claims while it lives, all at once or not at all; a name alone is exclusive.",
        ),
        key("tags", NAMES, "Tags, for caps."),
        key("role", Kind::Choice(ROLES), "The role of its result where results are merged."),
        key("retry", Kind::Record(&RETRY), "Retry policy; a key that is left out is taken from the plan."),
        key("max_retries", Kind::Whole(0, 999), "n is `retry: { max_attempts: n+1 }`."),
        key("timeout", Kind::Record(&TIMEOUT), "Timeouts; a key that is left out is taken from the plan."),
        key(
            "effect",
            EFFECT,
            "Effect contract: what a lost attempt means. Default: the plan's, else by whether it has a worktree.",
        ),
        key(
            "reconcile",
            COMMAND,
            "Asked about a lost attempt with `effect: reconcile`: exit 0 = done, 1 = not done, else unknown.",
        ),
        key(
            "undo",
            Kind::Either(&[Kind::Text, TEXTS, Kind::Record(&TOOL_CALL)]),
            "What undoes it, with `on_failure: rollback`.",
        ),
        key("isolation", ISOLATION, "Default: the plan's."),
        key(
            "for_each",
            Kind::Either(&[Kind::Text, Kind::List(&Kind::Free)]),
            "A list, or a reference to one: the task is done once for each item, `m[0]`, `m[1]` and so on, with `${item}` and `${index}`.",
        ),
        key(
            "max_items",
            Kind::Whole(1, MAX_ITEMS),
            "Most items of `for_each`; more of them fail the task. Default 100.",
        ),
        key("budget", Kind::Record(&BUDGET), "Budget of the task: what all its attempts may use up."),
        key(
            "cache",
            Kind::Flag,
            "Take the outcome of equal work from an earlier run; needs `effect: pure`. Default: the plan's.",
        ),
        key("cache_key", Kind::Text, "A further part of what makes work equal."),
        key(
            "domain",
            Kind::Name,
            "The domain it belongs to: its branch is merged with those of the same domain.",
        ),
        key("outputs", TEXTS, "Files that must exist in its worktree afterwards."),
        key(
            "must_change",
            Kind::Flag,
            "It must change something in its worktree. Default: true for an agent with `files`.",
        ),
        key(
            "verify",
            Kind::List(&COMMAND),
            "Commands that must succeed in its worktree afterwards, at most 100.",
        ),
        key(
            "on_partial",
            Kind::Choice(&["fail", "accept"]),
            "What a result with `status: partial` means. Default `fail`.",
        ),
        key("handoff", Kind::Free, "Reserved for hand-offs.").later(),
    ],
};

static LOCK: Shape = Shape {
    name: "lock",
    doc: "A claim: a lock by name, shared or exclusive, or units of one of the plan's `resources`.",
    exactly_one: None,
    fields: &[
        key("resource", Kind::Name, "The lock or resource.").required(),
        key("mode", Kind::Choice(&["shared", "exclusive"]), "How a lock is held. Default `exclusive`."),
        key("units", COUNT, "Units of a counted resource."),
    ],
};

static JOIN: Shape = Shape {
    name: "join",
    doc: "How results of predecessors become one value.",
    exactly_one: None,
    fields: &[
        key(
            "conflict",
            Kind::Choice(&["fail-fast", "merge-with-rules", "manual-escalation"]),
            "What different words about one path mean: the task fails; `rules` and roles decide; or a person does. Default `fail-fast`.",
        ),
        key(
            "rules",
            Kind::Map(&Kind::Choice(RULES)),
            "With `merge-with-rules`: rules by JSON path, `$.deps`; `*` for all others, which is `by-role` where it is left out.",
        ),
    ],
};
