//! What a document says, before names are looked up: drafts of a plan and its tasks.
//!
//! Plain data with places; the defaults of retry and timeout live here.

use super::entry::{Entries, Entry, Matrix};
use super::{AgentsDraft, ApartDraft};
use crate::model::{
    Action, Breaker, Budget, Dialect, Limits, Lock, McpServer, Retry, SecretSource, Timeout, Unbuilt,
};
use crate::settings::Defaults;
use crate::tree::Span;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Retry keys as given.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct RetryKeys {
    pub(crate) max_attempts: Option<u64>,
    pub(crate) strategy: Option<String>,
    pub(crate) backoff_ms: Option<u64>,
    pub(crate) max_backoff_ms: Option<u64>,
    pub(crate) resume_session: Option<bool>,
    pub(crate) keep_worktree: Option<bool>,
}

/// Timeout keys as given.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct TimeoutKeys {
    pub(crate) attempt_ms: Option<u64>,
    pub(crate) idle_ms: Option<u64>,
    pub(crate) grace_ms: Option<u64>,
    pub(crate) run_ms: Option<u64>,
}

/// A text with its place.
#[derive(Clone, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A task entry as read.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskDraft {
    pub(crate) id: String,
    pub(crate) id_span: Span,
    pub(crate) title: Option<String>,
    pub(crate) action: Option<Spanned<Action>>,
    /// Where the references of the action stand, if not in its own value.
    pub(crate) refs_span: Option<Span>,
    pub(crate) undo: Option<Spanned<Action>>,
    /// The same for what undoes it.
    pub(crate) undo_refs_span: Option<Span>,
    pub(crate) reconcile: Option<Spanned<Action>>,
    pub(crate) needs: Vec<Spanned<String>>,
    pub(crate) priority: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) locks: Vec<(Lock, Span)>,
    pub(crate) files: Vec<String>,
    pub(crate) reads: Vec<String>,
    pub(crate) accept: Vec<String>,
    pub(crate) estimate_ms: Option<u64>,
    pub(crate) cwd: Option<Spanned<String>>,
    pub(crate) env: BTreeMap<String, Spanned<String>>,
    pub(crate) inputs: BTreeMap<String, Spanned<Json>>,
    pub(crate) retry: RetryKeys,
    pub(crate) timeout: TimeoutKeys,
    pub(crate) effect: Option<String>,
    pub(crate) isolation: Option<String>,
    pub(crate) when: Option<Spanned<String>>,
    pub(crate) allow_skipped: bool,
    pub(crate) result_is_stdout: bool,
    pub(crate) role: Option<String>,
    pub(crate) cache: Option<bool>,
    pub(crate) cache_key: Option<String>,
    pub(crate) matrix: Matrix,
    pub(crate) for_each: Option<Spanned<Json>>,
    /// Most items of it.
    pub(crate) max_items: Option<Spanned<u64>>,
    /// The tool it calls, where that is a command of ours.
    pub(crate) called: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) outputs: Vec<Spanned<String>>,
    pub(crate) must_change: Option<bool>,
    pub(crate) verify: Vec<Spanned<Action>>,
    pub(crate) accept_partial: bool,
    /// Where the keys stand that mean something in a worktree only.
    pub(crate) worktree_keys: Vec<Spanned<&'static str>>,
    /// Where it says that a worktree is kept from attempt to attempt.
    pub(crate) keeps: Option<Span>,
    /// Where the keys stand that not every gate has, if it is one.
    pub(crate) gate_keys: Vec<Spanned<&'static str>>,
    pub(crate) budget: Option<Budget>,
    /// Keys whose feature is not built yet, as they stand.
    pub(crate) later: BTreeMap<String, Json>,
    pub(crate) unbuilt: Vec<String>,
}

impl TaskDraft {
    /// True if it says nothing of its terms but its effect, whether it is cached, and what concerns a worktree.
    pub(crate) fn says_nothing(&self) -> bool {
        let TaskDraft {
            id: _,
            id_span: _,
            title,
            action: _,
            refs_span: _,
            undo,
            undo_refs_span: _,
            reconcile,
            needs: _,
            priority,
            tags,
            locks,
            files,
            reads,
            accept,
            estimate_ms: _,
            cwd,
            env,
            inputs,
            retry,
            timeout,
            effect: _,
            isolation: _,
            when,
            allow_skipped,
            result_is_stdout,
            role,
            cache: _,
            cache_key,
            matrix: _,
            for_each,
            max_items: _,
            called,
            domain: _,
            outputs: _,
            must_change: _,
            verify: _,
            accept_partial: _,
            worktree_keys: _,
            keeps: _,
            gate_keys: _,
            budget,
            later,
            unbuilt: _,
        } = self;
        title.is_none()
            && [undo, reconcile].iter().all(|action| action.is_none())
            && priority.is_none()
            && tags.is_empty()
            && locks.is_empty()
            && files.is_empty()
            && reads.is_empty()
            && accept.is_empty()
            && cwd.is_none()
            && env.is_empty()
            && inputs.is_empty()
            && *retry == RetryKeys::default()
            && *timeout == TimeoutKeys::default()
            && when.is_none()
            && for_each.is_none()
            && !allow_skipped
            && !result_is_stdout
            && role.is_none()
            && cache_key.is_none()
            && called.is_none()
            && budget.is_none()
            && later.is_empty()
    }
}

/// A plan document as read.
#[derive(Clone, Debug)]
pub(crate) struct Draft<'t> {
    pub(crate) dialect: Dialect,
    pub(crate) name: String,
    pub(crate) schedule: String,
    pub(crate) isolation: String,
    pub(crate) on_failure: String,
    pub(crate) limits: Limits,
    pub(crate) limits_span: Span,
    /// The agents that have caps, where they stand.
    pub(crate) capped_agents: Vec<Spanned<String>>,
    /// `per_wave` is its own, not of settings.
    pub(crate) caps_waves: bool,
    pub(crate) resources: BTreeMap<String, u32>,
    /// Counted leases, of which the document says nothing.
    pub(crate) leases: BTreeMap<String, u32>,
    pub(crate) retry: RetryKeys,
    pub(crate) timeout: TimeoutKeys,
    pub(crate) effect: Option<String>,
    pub(crate) cache: bool,
    pub(crate) wave_delay_ms: u64,
    pub(crate) ageing: Option<u32>,
    pub(crate) max_lost: u32,
    pub(crate) breaker: Option<Breaker>,
    pub(crate) on_end: Vec<String>,
    pub(crate) budget: Option<Budget>,
    pub(crate) env: Option<Vec<String>>,
    pub(crate) inputs: BTreeMap<String, Json>,
    pub(crate) agents: AgentsDraft,
    pub(crate) mcp_servers: BTreeMap<String, McpServer>,
    /// Why servers that are not among them cannot be had.
    pub(crate) mcp_unusable: BTreeMap<String, String>,
    /// Where the workspace lies.
    pub(crate) roots: Vec<String>,
    /// Drivers of the embedding program.
    pub(crate) drivers: BTreeSet<String>,
    pub(crate) task_type: Option<String>,
    pub(crate) mode: Option<String>,
    pub(crate) cohort: Option<u32>,
    /// Ids in the order in which ready tasks start.
    pub(crate) order: Vec<Spanned<String>>,
    /// What it says of worktrees and their merge; nothing in a request or a batch.
    pub(crate) apart: Option<ApartDraft>,
    pub(crate) epic: Option<String>,
    pub(crate) secrets: Vec<String>,
    pub(crate) vault: BTreeMap<String, SecretSource>,
    /// Keys whose feature is not built yet, as they stand.
    pub(crate) later: BTreeMap<String, Json>,
    pub(crate) entries: Entries,
    pub(crate) tasks: Vec<Entry<'t>>,
    pub(crate) unbuilt: Vec<Unbuilt>,
}

impl RetryKeys {
    /// These keys over what settings say.
    pub(crate) fn or(self, defaults: &Defaults) -> RetryKeys {
        RetryKeys {
            max_attempts: self.max_attempts.or_else(|| defaults.whole("retry.max_attempts")),
            strategy: self.strategy.or_else(|| defaults.text("retry.strategy")),
            backoff_ms: self.backoff_ms.or_else(|| defaults.duration_ms("retry.backoff")),
            max_backoff_ms: self.max_backoff_ms.or_else(|| defaults.duration_ms("retry.max_backoff")),
            resume_session: self.resume_session,
            keep_worktree: self.keep_worktree.or_else(|| {
                // What a plan says of sessions is nearer than what settings say of worktrees.
                defaults.flag("retry.keep_worktree").filter(|_| self.resume_session != Some(true))
            }),
        }
    }

    /// These keys over those of the plan over the defaults.
    pub(crate) fn over(&self, plan: &RetryKeys) -> Retry {
        let number = self.max_attempts.or(plan.max_attempts).unwrap_or(1);
        Retry {
            max_attempts: u32::try_from(number).unwrap_or(u32::MAX),
            strategy: self
                .strategy
                .clone()
                .or_else(|| plan.strategy.clone())
                .unwrap_or_else(|| "linear".into()),
            backoff_ms: self.backoff_ms.or(plan.backoff_ms).unwrap_or(1_000),
            max_backoff_ms: self.max_backoff_ms.or(plan.max_backoff_ms).unwrap_or(300_000),
            resume_session: self.resume_session.or(plan.resume_session).unwrap_or(false),
            // Likewise what a task says of sessions, and what the plan says of worktrees.
            keep_worktree: self
                .keep_worktree
                .or(plan.keep_worktree.filter(|_| self.resume_session != Some(true))),
        }
    }
}

impl TimeoutKeys {
    /// These keys over what settings say.
    pub(crate) fn or(self, defaults: &Defaults) -> TimeoutKeys {
        TimeoutKeys {
            attempt_ms: self.attempt_ms.or_else(|| defaults.duration_ms("timeout.attempt")),
            idle_ms: self.idle_ms.or_else(|| defaults.duration_ms("timeout.idle")),
            grace_ms: self.grace_ms.or_else(|| defaults.duration_ms("timeout.grace")),
            run_ms: self.run_ms.or_else(|| defaults.duration_ms("timeout.run")),
        }
    }

    /// These keys over those of the plan over the defaults; what an agent says of silence stands between.
    pub(crate) fn over(&self, plan: &TimeoutKeys, (agent, agent_idle_ms): (bool, Option<u64>)) -> Timeout {
        let default = if agent { 3_600_000 } else { 1_800_000 };
        Timeout {
            attempt_ms: self.attempt_ms.or(plan.attempt_ms).unwrap_or(default),
            idle_ms: self.idle_ms.or(agent_idle_ms).or(plan.idle_ms),
            grace_ms: self.grace_ms.or(plan.grace_ms).unwrap_or(10_000),
        }
    }
}
