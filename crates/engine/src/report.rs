//! What the world reports about one attempt: exit, result digest, output digests, usage.
//!
//! Knows digests and sizes only; the bytes themselves live with the journal and the runtime.

use std::num::NonZeroU64;

/// Size and sha-256 of some bytes that live elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest {
    /// sha-256.
    pub sha256: [u8; 32],
    /// Length in bytes.
    pub bytes: u64,
}

/// Tokens and cost of one attempt as its agent reported them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Fresh input tokens.
    pub input_tokens: u64,
    /// Input tokens served from a cache.
    pub cached_tokens: u64,
    /// Output tokens, with those of reasoning.
    pub output_tokens: u64,
    /// Reasoning tokens.
    pub reasoning_tokens: u64,
    /// Cost in millionths of a US dollar, where reported.
    pub cost_micro_usd: u64,
}

impl Usage {
    /// Adds another; a sum that would be too large stays the largest.
    pub fn add(&mut self, other: &Usage) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(other.cached_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.reasoning_tokens = self.reasoning_tokens.saturating_add(other.reasoning_tokens);
        self.cost_micro_usd = self.cost_micro_usd.saturating_add(other.cost_micro_usd);
    }

    /// What a budget counts: input with cached, and output.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.cached_tokens).saturating_add(self.output_tokens)
    }
}

/// What some work was and what it left in files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Content {
    /// sha-256 over what was to be done and all that it depends on: equal keys mean equal work (11-semantics "Runs").
    pub key: [u8; 32],
    /// The list of the files that it declared to write, as it left them.
    pub files: Option<Digest>,
}

/// The commits between which an attempt worked, by hexadecimal id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Work {
    /// The one that it began from.
    pub base: Box<str>,
    /// The one that holds what it left; the same if it left nothing.
    pub head: Box<str>,
    /// Paths that differ between them.
    pub changed: u32,
}

/// Facts of an ended attempt, beside its verdict.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Exit code, if it exited.
    pub exit: Option<i32>,
    /// Signal, if one ended it.
    pub signal: Option<i32>,
    /// Its result.
    pub result: Option<Digest>,
    /// Its standard output.
    pub stdout: Option<Digest>,
    /// Its standard error.
    pub stderr: Option<Digest>,
    /// What it used.
    pub usage: Option<Usage>,
    /// How long it ran, in milliseconds, where engine time cannot tell: it was found by a later orchestrator.
    pub ran_ms: Option<NonZeroU64>,
    /// It had ended by itself before it was told to end: what it says stands, whatever it was to be ended for.
    pub unasked: bool,
    /// Processes that outlived their leader and had to be ended.
    pub leaked: u32,
    /// What the work was, where later runs may ask for equal work.
    pub content: Option<Box<Content>>,
    /// What it left in a worktree.
    pub work: Option<Box<Work>>,
    /// A sentence for people; at most a few hundred bytes, never in the canonical log.
    pub message: Option<Box<str>>,
}
