//! The keys of a settings file: what a workspace or a person wants of plans that leave it open, and of Regatta itself.
//!
//! Declarations only.

use super::agent_keys::AGENT;
use super::plan_keys::{
    COUNT, FAILURE, KEEP_WORKTREE, LIMITS, MAX_COUNT, PLAN_TIMEOUT, SCHEDULE, STRATEGY, TEXTS,
};
use super::{Kind, Shape, key};

/// A settings file.
pub(crate) static SETTINGS: Shape = Shape {
    name: "settings",
    doc: "A settings file (`config.toml`): what holds for plans that leave it open. What a plan says wins.",
    exactly_one: None,
    fields: &[
        key("schedule", SCHEDULE, "When a task may start. Default `dataflow`."),
        key("on_failure", FAILURE, "What a failed task means for the others. Default `continue`."),
        key(
            "limits",
            Kind::Record(&LIMITS),
            "Caps on live work. Those for tags and agents hold where a plan has them.",
        ),
        key(
            "timeout",
            Kind::Record(&PLAN_TIMEOUT),
            "Timeouts of the run, and of each task that names no other.",
        ),
        key("retry", Kind::Record(&SETTINGS_RETRY), "Retry policy of each task that names no other."),
        key(
            "leases",
            Kind::Map(&COUNT),
            "Counted leases: capacity in units that all runs of the workspace share.",
        ),
        key(
            "agents",
            Kind::Map(&Kind::Record(&AGENT)),
            "Agents for plans that name one which they do not have: a whole entry, as in a plan. Those that a plan names are \
             pinned in its run.",
        ),
        key(
            "containment",
            Kind::Choice(&["auto", "group"]),
            "What holds the processes of a task together beside process group, subreaper and marker: `auto` is a cgroup \
             for each, where the system permits it; `group` is nothing. Default `auto`.",
        ),
        key("gc", Kind::Record(&GC), "Which runs `regatta gc` keeps."),
        key(
            "domains",
            Kind::Map(&TEXTS),
            "Domains for `regatta analyze`, each with patterns of its files, which take the place of the built-in ones: \
             `name/` is a directory, `*.ext` and `name.*` are names anywhere, `/name/` begins at the root.",
        ),
    ],
};

static SETTINGS_RETRY: Shape = Shape {
    name: "retry of settings",
    doc: "Attempts and the delays between them, as in a plan.",
    exactly_one: None,
    fields: &[
        key("max_attempts", Kind::Whole(1, 1_000), "Attempts that count. Default 1."),
        key("strategy", STRATEGY, "How the delay grows. Default `linear`."),
        key("backoff", Kind::Duration, "The base of the delay. Default `1s`."),
        key("max_backoff", Kind::Duration, "The longest delay. Default `5m`."),
        KEEP_WORKTREE,
    ],
};

static GC: Shape = Shape {
    name: "gc",
    doc: "Which ended runs `regatta gc` keeps.",
    exactly_one: None,
    fields: &[
        key("keep", Kind::Whole(0, MAX_COUNT), "So many of the newest runs, however old. Default 20."),
        key("older_than", Kind::Duration, "Runs that ended within this time. Default `30d`."),
    ],
};
