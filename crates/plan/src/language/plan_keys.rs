//! The keys of a plan and of its limits, retries and timeouts.
//!
//! Declarations only.

use super::agent_keys::{AGENT, BUDGET};
use super::later_keys::{GATE, MCP_SERVER, MERGE, SECRET, WORKTREE};
use super::task_keys::TASK;
use super::{Field, Kind, Shape, key};

/// Largest cap, capacity or count that a plan may name.
pub(super) const MAX_COUNT: u64 = 1_000_000;
pub(super) const COUNT: Kind = Kind::Whole(1, MAX_COUNT);
pub(super) const PRIORITIES: &[&str] = &["P0", "P1", "P2", "P3"];
pub(super) const TEXTS: Kind = Kind::List(&Kind::Text);
pub(super) const NAMES: Kind = Kind::List(&Kind::Name);
pub(super) const COMMAND: Kind = Kind::Either(&[Kind::Text, TEXTS]);
pub(super) const ISOLATION: Kind = Kind::Choice(&["none", "locks", "worktree"]);
pub(super) const SCHEDULE: Kind = Kind::Choice(&["dataflow", "waves", "sequential"]);
pub(super) const FAILURE: Kind = Kind::Choice(&["continue", "stop", "rollback"]);
pub(super) const STRATEGY: Kind = Kind::Choice(&["linear", "exponential", "fixed"]);
pub(super) const EFFECT: Kind = Kind::Choice(&["pure", "idempotent", "at-most-once", "reconcile"]);

/// A plan.
pub(crate) static PLAN: Shape = Shape {
    name: "plan",
    doc: "A plan: tasks, what each waits for, and how they may run.",
    exactly_one: None,
    fields: &[
        key("version", Kind::Whole(1, 1), "The version of the plan language: 1.").required(),
        key(
            "name",
            Kind::Name,
            "The name of the plan; with a task's id it names the same task of earlier runs. Default `plan`.",
        ),
        key("tasks", Kind::List(&Kind::Record(&TASK)), "The tasks, in any order. None at all is a plan too."),
        key(
            "schedule",
            SCHEDULE,
            "When a task may start: after its own predecessors, after the wave before it, or one at a time. Default `dataflow`.",
        ),
        key(
            "on_failure",
            FAILURE,
            "What a failed task means for the others; its descendants never run. Default `continue`.",
        ),
        key("limits", Kind::Record(&LIMITS), "Caps on live work."),
        key("resources", Kind::Map(&COUNT), "Counted resources of this plan: capacity in units."),
        key(
            "timeout",
            Kind::Record(&PLAN_TIMEOUT),
            "Timeouts of the run, and of each task that names no other.",
        ),
        key("retry", Kind::Record(&RETRY), "Retry policy of each task that names no other."),
        key(
            "effect",
            EFFECT,
            "Effect contract of each task that names no other: what a lost attempt means. Default `at-most-once`.",
        ),
        key(
            "isolation",
            ISOLATION,
            "How tasks are kept apart: not at all, by locks on their `files` and `reads`, or by a git worktree for each. Default `none`.",
        ),
        key(
            "env",
            Kind::Either(&[Kind::Choice(&["inherit"]), TEXTS]),
            "Names of variables that are passed on, or `inherit` for all.",
        ),
        key(
            "inputs",
            Kind::Map(&Kind::Free),
            "Inputs with their default values, for `${inputs.x}`; `--input x=v` overrides.",
        ),
        key("wave_delay", Kind::Duration, "Pause between waves, with `schedule: waves`. Default 0."),
        key(
            "ageing",
            COUNT,
            "Admission rounds after which a task that is passed over rises one priority class. Default 32, or six times the square root of the number of tasks if that is more.",
        ),
        key("max_lost", COUNT, "Lost attempts of a task after which a person is asked. Default 5."),
        key(
            "breaker",
            Kind::Record(&BREAKER),
            "Circuit breakers: a rest for an agent, tool or tag whose tasks keep failing. None unless it is given; `{}` takes the defaults.",
        ),
        key("task_type", Kind::Name, "The kind of work, for statistics."),
        key(
            "mode",
            Kind::Choice(&["sequential", "hybrid"]),
            "The mode that statistics count the run under. Default: by `schedule`.",
        ),
        key(
            "cohort",
            Kind::Whole(0, 100),
            "The rollout cohort that statistics count the run under, in percent. Default 100.",
        ),
        key("agents", Kind::Map(&Kind::Record(&AGENT)), "The agents that tasks may name."),
        key(
            "mcp_servers",
            Kind::Map(&Kind::Record(&MCP_SERVER)),
            "MCP servers whose tools tasks may call, as `tool: server/name`. Those of `.mcp.json` in the workspace are added, where the plan has none of that name.",
        ),
        key(
            "secrets",
            TEXTS,
            "Names of variables whose values are redacted wherever they turn up. Those that are passed on and have the name of a secret are redacted anyway.",
        ),
        key(
            "vault",
            Kind::Map(&Kind::Record(&SECRET)),
            "Secrets by name, for `${vault.x}` in `env`, in `params` and in scripts of `run`. They are fetched when a run is started or resumed, and stored nowhere.",
        ),
        key("budget", Kind::Record(&BUDGET), "Budget of the run: what all its agents may use up."),
        key("worktree", Kind::Record(&WORKTREE), "How worktrees are made, with `isolation: worktree`."),
        key(
            "merge",
            Kind::Either(&[Kind::Choice(&["none"]), Kind::Record(&MERGE)]),
            "How the branches of worktrees are merged; without it, and with `none`, they are left as they are.",
        ),
        key("gates", Kind::Map(&Kind::Record(&GATE)), "Named checks."),
        key("epic", Kind::Name, "The epic whose files are written."),
        key("handoff", Kind::Free, "Reserved for hand-offs.").later(),
        key(
            "cache",
            Kind::Flag,
            "Tasks with `effect: pure` take the outcome of equal work from earlier runs. Default false.",
        ),
        key(
            "order",
            TEXTS,
            "Task ids: within a priority, ready tasks start in this order instead of longest path first (`schedule: dataflow`); tasks that it leaves out come last. `plan --optimise` writes it.",
        ),
        key(
            "on_end",
            TEXTS,
            "Program and arguments of a command that is run when the run has ended, with `REGATTA_RUN_ID`, `REGATTA_RUN_STATUS` and `REGATTA_PLAN_NAME`: once at most, for 60 s at most. It changes nothing about the run.",
        ),
    ],
};

pub(super) static LIMITS: Shape = Shape {
    name: "limits",
    doc: "Caps on live work. A slot is free when the whole process tree of an attempt is dead.",
    exactly_one: None,
    fields: &[
        key("max_parallel", COUNT, "Tasks alive at once. Default 4."),
        key("per_wave", COUNT, "Tasks alive at once of one wave."),
        key("per_priority", Kind::Record(&PER_PRIORITY), "Tasks alive at once by declared priority."),
        key("per_agent", Kind::Map(&COUNT), "Tasks alive at once by agent."),
        key("per_tag", Kind::Map(&COUNT), "Tasks alive at once by tag."),
        key(
            "output",
            Kind::Size,
            "Most output of one stream of an attempt; more ends it with cause `output_limit`. Default `64MiB`.",
        ),
    ],
};

static BREAKER: Shape = Shape {
    name: "breaker",
    doc: "When breakers open. Each agent and each tool has one, and each tag for tasks that have neither. Attempts that failed or timed out count; lost, cancelled, interrupted and rate-limited ones do not.",
    exactly_one: None,
    fields: &[
        key("failures", Kind::Whole(1, 1_000), "Failures in a row that open it. Default 3."),
        key(
            "share",
            Kind::Share,
            "Share of failures among the last `window` attempts that opens it too. Default none; with `window` alone 0.5.",
        ),
        key("window", Kind::Whole(1, 1_000), "Attempts that `share` is of; fewer open nothing. Default 10."),
        key("cool_down", Kind::Duration, "Time until it lets one task through as a probe. Default `5m`."),
        key(
            "when_open",
            Kind::Choice(&["wait", "fail"]),
            "What ready tasks do meanwhile: wait, or fail without an attempt, with cause `breaker_open`. Default `wait`.",
        ),
        key(
            "limit",
            Kind::Duration,
            "Time without a success from its first opening on after which a person is told, if a task waits for it. Default `30m`.",
        ),
    ],
};

static PER_PRIORITY: Shape = Shape {
    name: "per_priority",
    doc: "A cap for each priority.",
    exactly_one: None,
    fields: &[
        key("P0", COUNT, "Tasks of P0 alive at once."),
        key("P1", COUNT, "Tasks of P1 alive at once."),
        key("P2", COUNT, "Tasks of P2 alive at once."),
        key("P3", COUNT, "Tasks of P3 alive at once."),
    ],
};

const ATTEMPT: Field = key(
    "attempt",
    Kind::Duration,
    "Longest time of one attempt, then TERM, `grace`, KILL of the whole tree; `0` ends each as soon as it has begun. Default `30m`, for agents `60m`.",
);
const IDLE: Field = key("idle", Kind::Duration, "Longest time without output of an attempt. Default none.");
const GRACE: Field = key("grace", Kind::Duration, "Time between TERM and KILL. Default `10s`.");

pub(super) static PLAN_TIMEOUT: Shape = Shape {
    name: "timeouts of a plan",
    doc: "Timeouts of the run, and defaults for its tasks. A duration is written `500ms`, `90s`, `10m`, `1h30m`, `2d` or `0`.",
    exactly_one: None,
    fields: &[
        ATTEMPT,
        IDLE,
        GRACE,
        key(
            "run",
            Kind::Duration,
            "Longest active time of the run: what runs then is cancelled. Default none.",
        ),
    ],
};

pub(super) static TIMEOUT: Shape = Shape {
    name: "timeout",
    doc: "Timeouts of a task; a key that is left out is taken from the plan.",
    exactly_one: None,
    fields: &[ATTEMPT, IDLE, GRACE],
};

pub(super) const KEEP_WORKTREE: Field = key(
    "keep_worktree",
    Kind::Flag,
    "Another attempt goes on in the worktree as the one before left it, instead of beginning where that one began. What all of \
     them changed is judged together. Default: as `resume_session`.",
);

pub(super) static RETRY: Shape = Shape {
    name: "retry",
    doc: "Attempts and the delays between them. Before attempt n (n >= 2): linear (n-1) x b, exponential b x 2^(n-2), fixed b. There is no jitter.",
    exactly_one: None,
    fields: &[
        key("max_attempts", Kind::Whole(1, 1_000), "Attempts that count. Default 1."),
        key("strategy", STRATEGY, "How the delay grows. Default `linear`."),
        key("backoff", Kind::Duration, "The base b of the delay. Default `1s`."),
        key("max_backoff", Kind::Duration, "The longest delay. Default `5m`."),
        key(
            "resume_session",
            Kind::Flag,
            "Another attempt goes on with the agent's session instead of a new one, where the agent can; with it, `keep_worktree` is true unless the plan says otherwise. Default false.",
        ),
        KEEP_WORKTREE,
    ],
};
