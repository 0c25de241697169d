//! How work is kept apart and brought together again: worktrees, the merge, its gates. Part of [`crate::model`].
//!
//! Plain data; times are milliseconds.

use crate::action::Action;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How worktrees are made, and what may be done in them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Worktrees {
    /// The commit they begin from.
    pub base: String,
    /// Where they lie, from the workspace.
    pub dir: String,
    /// Patterns of untracked files that each gets.
    pub copy: Vec<String>,
    /// Commands that prepare each.
    pub setup: Vec<Action>,
    /// Variables of what runs in them; `${worktree.port}`, `${worktree.path}` and `${worktree.name}` are replaced.
    pub env: BTreeMap<String, String>,
    /// What a change outside `files` means: `warn`, `reject` or `allow`.
    pub ownership: String,
    /// Patterns of paths that every task may change.
    pub shared: Vec<String>,
    /// Patterns of paths that no task may change.
    pub protect: Vec<String>,
    /// Only what a task needs is checked out, and these directories; `None` is everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sparse: Option<Vec<String>>,
    /// Large files: `auto`, `on` or `off`.
    #[serde(default = "auto", skip_serializing_if = "is_auto")]
    pub lfs: String,
    /// What a worktree that cannot be made means: `fail` or `sequential`.
    pub on_error: String,
}

/// What a task has to do with its worktree.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct InWorktree {
    /// The domain it belongs to.
    pub domain: String,
    /// Files that must exist afterwards.
    pub outputs: Vec<String>,
    /// It must change something.
    pub must_change: bool,
    /// Commands that must succeed in it afterwards.
    pub verify: Vec<Action>,
    /// A result that says `partial` is taken.
    pub accept_partial: bool,
}

/// How branches are merged, and when the target moves.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Merge {
    /// What lands: `all-success` or `merge-succeeded`.
    pub policy: String,
    /// The branch; `None` is the one that is checked out.
    pub target: Option<String>,
    /// `no-ff`, `squash`, `rebase` or `ff-only`.
    pub strategy: String,
    /// Domains in the order in which they are merged.
    pub order: Vec<String>,
    /// What a conflict means: `fail-fast`, `merge-with-rules`, `manual-escalation` or `resolver`.
    pub on_conflict: String,
    /// Rules for conflicts by path; the first that matches decides.
    pub rules: Vec<MergeRule>,
    /// Checks that must pass before the target moves, in order.
    pub gates: Vec<Check>,
    /// So many branches are merged before gates run.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub batch: u32,
    /// They run after each merge, not only after the last.
    pub gate_each: bool,
    /// What a red gate means: `stop` or `take-out`.
    pub on_gate_failure: String,
    /// Template of the message of a merge.
    pub message: Option<String>,
    /// Who is the author of merges, `Name <address>`.
    pub author: Option<String>,
    /// What lands of our own commits is signed as the user signs theirs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sign: bool,
    /// Branches stay afterwards.
    pub keep_branches: bool,
    /// A person answers before the target moves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approve: bool,
    /// The agent that mends red gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Helper>,
    /// The agent that resolves conflicts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<Helper>,
}

impl Merge {
    /// A conflict waits for a person in the end.
    #[must_use]
    pub fn asks_person(&self) -> bool {
        matches!(self.on_conflict.as_str(), "manual-escalation" | "resolver")
    }
}

fn auto() -> String {
    "auto".to_owned()
}

fn is_auto(text: &str) -> bool {
    text == "auto"
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_one(n: &u32) -> bool {
    *n == 1
}

/// How a conflict in some paths is resolved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MergeRule {
    /// A pattern of paths.
    pub paths: String,
    /// `ours`, `theirs`, `union`, `by-role` or `regenerate`.
    pub how: String,
    /// The command that makes the file anew.
    pub run: Option<String>,
}

/// An agent that helps the merge.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Helper {
    /// Its name in the plan.
    pub agent: String,
    /// Most attempts for one red merge, or one conflict.
    pub attempts: u32,
    /// Longest time of an attempt.
    pub timeout_ms: u64,
}

impl Check {
    /// Whether a command decides it.
    #[must_use]
    pub fn is_command(&self) -> bool {
        self.person.is_none() && self.expr.is_none()
    }
}

/// A check: a command that must succeed, an expression that must be true, or a person.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Check {
    /// What it is called: the id of its gate, or the command.
    pub name: String,
    /// The command.
    pub action: Action,
    /// Longest time.
    pub timeout_ms: u64,
    /// Red stops the work.
    pub blocking: bool,
    /// What it is called for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Names of checks that must have passed before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// What a person is asked; then `action` is no command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// What must be true of the results of tasks: an expression in CEL; then `action` is no command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expr: Option<String>,
    /// What is read beside the exit code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// A file that a check writes, and that says whether it passed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// `junit`, `sarif`, `lcov`, `cobertura` or `json`.
    pub kind: String,
    /// The file, from the top of the worktree.
    pub path: String,
    /// Percent of lines that must be covered, for a report of coverage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines_percent: Option<u32>,
    /// Percent of branches that must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branches_percent: Option<u32>,
    /// What must be true of `report`, for JSON: an expression in CEL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
}
