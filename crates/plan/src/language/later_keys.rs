//! The keys of tools, secrets, worktrees, merges and gates.
//!
//! Declarations only.

use super::plan_keys::{COMMAND, TEXTS};
use super::{Field, Kind, Shape, key};

const ATTEMPTS: Kind = Kind::Whole(1, 100);

pub(super) static MCP_SERVER: Shape = Shape {
    name: "MCP server",
    doc: "A server of tools: a program, or an address.",
    exactly_one: Some(("address", &["command", "url"])),
    fields: &[
        key("command", Kind::Text, "The program, which speaks over standard input and output."),
        key("args", TEXTS, "Its arguments."),
        key(
            "env",
            Kind::Map(&Kind::Text),
            "Variables that it gets beside those that every task gets; `${env.X}` is a variable of whoever runs the plan.",
        ),
        key("url", Kind::Text, "The address, `http://` or `https://`; redirects are not followed."),
        key("headers", Kind::Map(&Kind::Text), "Headers of each request, with `${env.X}` as above."),
    ],
};

pub(super) static SECRET: Shape = Shape {
    name: "secret",
    doc: "Where a secret comes from.",
    exactly_one: Some(("source", &["env", "file", "command"])),
    fields: &[
        key("env", Kind::Text, "A variable of the process that runs or resumes."),
        key(
            "file",
            Kind::Text,
            "A file that nobody else may read (0600), inside the workspace or with its whole path.",
        ),
        key("command", TEXTS, "Program and arguments of a command that prints it within 60 s."),
    ],
};

pub(super) static TOOL_CALL: Shape = Shape {
    name: "tool call",
    doc: "A call of a tool.",
    exactly_one: None,
    fields: &[
        key("tool", Kind::Text, "The tool.").required(),
        key("params", Kind::Map(&Kind::Free), "Its parameters."),
    ],
};

pub(super) static WORKTREE: Shape = Shape {
    name: "worktree",
    doc: "How worktrees are made.",
    exactly_one: None,
    fields: &[
        key("base", Kind::Text, "The commit they begin from. Default `HEAD`."),
        key("dir", Kind::Text, "Where they lie. Default `.regatta/worktrees`."),
        key("copy", TEXTS, "Untracked files that each gets."),
        key("setup", Kind::List(&COMMAND), "Commands that prepare each, at most 100."),
        key("env", Kind::Map(&Kind::Text), "Variables of each."),
        key(
            "sparse",
            Kind::Either(&[Kind::Flag, TEXTS]),
            "Check out only what is needed, or these directories.",
        ),
        key(
            "lfs",
            Kind::Choice(&["auto", "on", "off"]),
            "Files that belong to git-lfs: `on` wants it, `auto` uses it where it was used in the repository before, and starts nothing where there are such files and it is not installed; else, and with `off`, they stay pointers, and nobody may change them. Nothing is fetched. Default `auto`.",
        ),
        key("ownership", Kind::Choice(&["warn", "reject", "allow"]), "What a change outside `files` means."),
        key("shared", TEXTS, "Paths that all may change."),
        key("protect", TEXTS, "Paths that nobody may change."),
        key("on_error", Kind::Choice(&["fail", "sequential"]), "What a worktree that cannot be made means."),
    ],
};

pub(super) static MERGE: Shape = Shape {
    name: "merge",
    doc: "How branches are merged, and when the target moves.",
    exactly_one: None,
    fields: &[
        key(
            "policy",
            Kind::Choice(&["all-success", "merge-succeeded", "none", "pull-requests"]),
            "What lands.",
        ),
        key("target", Kind::Text, "The branch. Default: the one that is checked out."),
        key(
            "strategy",
            Kind::Choice(&["no-ff", "squash", "rebase", "ff-only"]),
            "How: `no-ff` a merge for each task, `squash` one commit for each, `rebase` the commits of each anew in one line, `ff-only` the commits as they are, which wants an order between all tasks. Default `no-ff`.",
        ),
        key("order", TEXTS, "Domains in the order in which they are merged."),
        key(
            "on_conflict",
            Kind::Choice(&["fail-fast", "merge-with-rules", "manual-escalation", "resolver"]),
            "What a conflict means.",
        ),
        key("rules", Kind::List(&Kind::Record(&MERGE_RULE)), "Rules for conflicts by path."),
        key(
            "resolver",
            Kind::Record(&HELPER),
            "The agent that resolves conflicts, with `on_conflict: resolver`: it may change the conflicted paths and nothing else. Where it fails a person is asked.",
        ),
        key(
            "gates",
            TEXTS,
            "Ids of gates, each with what it needs, or commands. Those that do not need each other run at once, within `limits.max_parallel`.",
        ),
        key("gate_each", Kind::Flag, "Run the gates after each merge."),
        key("on_gate_failure", Kind::Choice(&["stop", "take-out"]), "What a red gate means."),
        key(
            "fix",
            Kind::Record(&HELPER),
            "The agent that mends red gates: its change is a commit of its own after the merge, and the gates run again.",
        ),
        key(
            "approve",
            Kind::Flag,
            "A person answers before the target moves, with `regatta merge --approve`, about that very tip. Default false.",
        ),
        key(
            "batch",
            ATTEMPTS,
            "So many branches are merged before the gates run, which are then paid once. A red batch is halved until it is clear whose work made it red; that is mended, taken out, or stops the landing. Default 1.",
        ),
        key(
            "message",
            Kind::Text,
            "Template of the message of each merge; `{task}` is the id of the task, `{title}` its title, or its id. Default `Merge {task}: {title}`.",
        ),
        key("commit", Kind::Record(&COMMIT), "Who commits."),
        key("keep_branches", Kind::Flag, "Keep the branches afterwards."),
    ],
};

static MERGE_RULE: Shape = Shape {
    name: "rule",
    doc: "How a conflict in some paths is resolved.",
    exactly_one: None,
    fields: &[
        key("paths", Kind::Text, "A pattern of paths.").required(),
        key("use", Kind::Choice(&["ours", "theirs", "union", "by-role", "regenerate"]), "What to do.")
            .required(),
        key("run", Kind::Text, "The command that makes the file anew."),
    ],
};

static HELPER: Shape = Shape {
    name: "helper",
    doc: "An agent with a number of attempts.",
    exactly_one: None,
    fields: &[
        key("agent", Kind::Text, "The agent, one of `agents`.").required(),
        key(
            "attempts",
            ATTEMPTS,
            "Most attempts for one red merge or one conflict. Default 3 for `fix`, 2 for `resolver`.",
        ),
        key("timeout", Kind::Duration, "Longest time of an attempt. Default `60m`."),
    ],
};

static COMMIT: Shape = Shape {
    name: "commit",
    doc: "Who commits.",
    exactly_one: None,
    fields: &[
        key("author", Kind::Text, "Name and address."),
        key(
            "sign",
            Kind::Flag,
            "Sign what lands of our own commits (merges, what is squashed or put in line anew, repairs), with the user's settings of git for that (`gpg.format`, `user.signingkey`, …), after the gates. Commits of tasks stay as they are. Default false.",
        ),
    ],
};

const GATE_TIMEOUT: Field = key("timeout", Kind::Duration, "Longest time. Default `5m`.");

pub(super) static GATE: Shape = Shape {
    name: "gate",
    doc: "A named check: a command, an expression over results, or a person. A task is one with `gate: ID`; `merge.gates` names others.",
    exactly_one: Some(("check", &["run", "expr", "person"])),
    fields: &[
        key("name", Kind::Text, "What it is called for people. Default: its id."),
        key(
            "run",
            COMMAND,
            "A command that must succeed, in the worktree where work is merged or in that of its task. References in it are not replaced.",
        ),
        key(
            "expr",
            Kind::Text,
            "A CEL expression of at most 1,024 bytes over the results of tasks, as in `when`; it must be true. For a task that is this gate, the tasks that it names come before it.",
        ),
        key(
            "person",
            Kind::Text,
            "What a person is asked: about the tip that is to land (`regatta merge --approve` says yes), or before what needs its task goes on (`regatta answer RUN TASK --allow` or `--deny`).",
        ),
        key(
            "needs",
            TEXTS,
            "Gates that must pass before. If one of them is red this one is not run, which is no pass. Before a task that is this gate, tasks must be those gates.",
        ),
        key(
            "blocking",
            Kind::Flag,
            "Red stops the work, or fails the task; otherwise it is only told. Default true.",
        ),
        GATE_TIMEOUT,
        key(
            "evidence",
            TEXTS,
            "Files that it writes and that must agree with its exit code: `junit:PATH` (JUnit XML: at least one case that passed, none failed or broken, wherever it stands, and no suite that counts one), `sarif:PATH` (no result of level `error`, its own or that of its rule), `lcov:PATH` and `cobertura:PATH` (coverage, with `lines>=N` and `branches>=N` in percent behind the path; 80 and 75 where they are left out, branches only if the report has any), `json:PATH EXPRESSION` (CEL over `report`, as in `json:out.json report.errors == 0`). One that is missing is red.",
        ),
    ],
};
