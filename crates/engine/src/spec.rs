//! What a plan tells the engine: nodes, edges, caps, policies. Plain data, lowered by the plan crate.
//!
//! Knows no command line, prompt, path or span: what a node does is looked up by the runtime.

use crate::breaker::BreakerPolicy;
use crate::budget::Budget;
pub use crate::policy::{EffectContract, Policy, RetryPolicy, RetryStrategy};
pub use crate::priority::Priority;
use std::collections::BTreeMap;

/// How ready nodes are admitted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Schedule {
    /// A node is released when its own predecessors have ended well.
    #[default]
    Dataflow,
    /// Nothing of wave n+1 starts before wave n has ended.
    Waves,
    /// One node at a time, in order key.
    Sequential,
}

/// What the failure of a node means for the rest of the run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum OnFailure {
    /// Independent work goes on; descendants are blocked.
    #[default]
    Continue,
    /// Nothing new starts; running attempts end.
    Stop,
    /// As stop, then succeeded nodes are undone in reverse order key.
    Rollback,
}

/// What one node claims of a resource while it lives. All claims of a node are granted at once or none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Claim {
    /// Index into [`GraphSpec::resources`].
    pub resource: u32,
    /// How much, or in which mode.
    pub kind: ClaimKind,
}

/// The kind of a claim.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ClaimKind {
    /// Units of a counted resource.
    Units(u32),
    /// A lock that others may share.
    Shared,
    /// A lock that nobody else holds.
    Exclusive,
}

/// A counted resource or a named lock of this plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResourceSpec {
    /// Its name, for explanations.
    pub name: String,
    /// Capacity in units for a counted resource; `None` for a named lock.
    pub capacity: Option<u32>,
    /// A lease: other runs of the workspace claim it too, so it is asked for before a start.
    pub lease: bool,
}

/// Caps on live work; `None` is no cap of that kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Nodes alive at once.
    pub max_parallel: u32,
    /// Nodes alive at once of one wave.
    pub per_wave: Option<u32>,
    /// Nodes alive at once by declared priority, P0 first.
    pub per_priority: [Option<u32>; 4],
    /// Nodes alive at once by index into [`GraphSpec::agents`].
    pub per_agent: Vec<Option<u32>>,
    /// Nodes alive at once by index into [`GraphSpec::tags`].
    pub per_tag: Vec<Option<u32>>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_parallel: 4,
            per_wave: None,
            per_priority: [None; 4],
            per_agent: vec![],
            per_tag: vec![],
        }
    }
}

/// Settings of the whole run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunConfig {
    /// How ready nodes are admitted.
    pub schedule: Schedule,
    /// What a failure means.
    pub on_failure: OnFailure,
    /// Caps on live work.
    pub limits: Limits,
    /// Longest active time of the run in milliseconds.
    pub run_timeout_ms: Option<u64>,
    /// Pause between waves in milliseconds (schedule `waves` only).
    pub wave_delay_ms: u64,
    /// Every node asks first whether an earlier run did its work (`retry`, `--reuse`).
    pub reuse: bool,
    /// Admission rounds after which a refused node rises one priority class.
    pub ageing_rounds: u32,
    /// When agents, tools and tags are given a rest; `None` is never.
    pub breaker: Option<BreakerPolicy>,
    /// What all agents may use up.
    pub budget: Option<Budget>,
    /// Somebody mends what a gate refuses: what is refused nevertheless is put before a person.
    pub mends: bool,
    /// What an attempt would begin from conflicts, and a person resolves that: the attempt is taken back, and its node is in
    /// doubt. Otherwise such an attempt has failed.
    pub conflicts_wait: bool,
}

impl Default for RunConfig {
    fn default() -> Self {
        RunConfig {
            schedule: Schedule::Dataflow,
            on_failure: OnFailure::Continue,
            limits: Limits::default(),
            run_timeout_ms: None,
            wave_delay_ms: 0,
            reuse: false,
            ageing_rounds: 32,
            breaker: None,
            budget: None,
            mends: false,
            conflicts_wait: false,
        }
    }
}

/// One node as the plan gives it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeSpec {
    /// The task's id; unique; the last part of the order key, compared bytewise.
    pub id: String,
    /// Direct predecessors as indices into [`GraphSpec::nodes`]; any order, duplicates allowed.
    pub needs: Vec<u32>,
    /// Declared priority.
    pub priority: Priority,
    /// Index into [`GraphSpec::agents`].
    pub agent: Option<u32>,
    /// Indices into [`GraphSpec::tags`].
    pub tags: Vec<u32>,
    /// What it claims while it lives.
    pub claims: Vec<Claim>,
    /// Index into [`GraphSpec::policies`].
    pub policy: u32,
    /// Expected duration in milliseconds (the task's `estimate`, else a recorded median pinned at run start).
    pub estimate_ms: Option<u64>,
    /// Index into [`GraphSpec::tools`].
    pub tool: Option<u32>,
}

/// What a person is asked. Words for explanations, but for that there are some.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// The gate that asks.
    pub gate: String,
    /// In words of the plan.
    pub question: String,
    /// Nodes before it that must have succeeded, by index: after one that was skipped nobody is asked, and the node fails.
    pub needs: Vec<u32>,
}

impl Asked {
    /// Who asks what, on one line.
    #[must_use]
    pub fn words(&self) -> String {
        let question = self.question.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("gate `{}` asks: {question}", self.gate)
    }
}

/// A whole graph as the plan gives it, in any order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GraphSpec {
    /// The nodes.
    pub nodes: Vec<NodeSpec>,
    /// Names of agents.
    pub agents: Vec<String>,
    /// Names of tags that a cap names or a node carries.
    pub tags: Vec<String>,
    /// Counted resources and named locks.
    pub resources: Vec<ResourceSpec>,
    /// Distinct policies.
    pub policies: Vec<Policy>,
    /// Names of tools.
    pub tools: Vec<String>,
    /// Nodes in the order in which they are admitted under `dataflow` as far as classes allow, by index; empty if the
    /// longest remaining path decides.
    pub pinned: Vec<u32>,
    /// The slots of each map over a list that is known only when the run has come to it: as many nodes as there may be
    /// items, by index, in the order of the items. See [`crate::maps`].
    pub maps: Vec<Vec<u32>>,
    /// Nodes that a person decides, by index: of them nothing is started, and they are in doubt from when they might start
    /// until somebody has answered.
    pub persons: BTreeMap<u32, Asked>,
}
