//! Answers to what the engine asks before a turn commits.
//!
//! Plain data. Knows neither who asks nor who answers.

use crate::ids::AttemptId;
use crate::report::Report;

/// The answer to [`crate::effect::Effect::Expand`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expansion {
    /// So many items.
    Items(u32),
    /// There is no list, or it is too long; the text says what there is.
    Error(Box<str>),
}

/// The answer to a `when` condition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConditionAnswer {
    /// Run it.
    True,
    /// Skip it.
    False,
    /// The expression failed or was not a boolean; the text says how.
    Error(Box<str>),
}

/// Why the outcome of an earlier run stands for a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReusedBy {
    /// This run retries that one, in which the node succeeded.
    Retry,
    /// The content keys are equal.
    Content,
}

/// What an earlier run left of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reused {
    /// The earlier run.
    pub run: Box<str>,
    /// The attempt of that run that did the work.
    pub attempt: AttemptId,
    /// Why it stands for this one.
    pub by: ReusedBy,
    /// How long the work took there in milliseconds.
    pub duration_ms: u64,
    /// Its facts.
    pub report: Report,
}

/// The answer to [`crate::effect::Effect::Recall`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recalled {
    /// It was done before.
    Found(Box<Reused>),
    /// It must be done; the text says why, for people.
    Missed(Box<str>),
}

/// The answer to [`crate::effect::Effect::Claim`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claimed {
    /// All leases of the node are held for it.
    Granted {
        /// The fencing epoch of the grant: greater than that of every grant before.
        epoch: u64,
    },
    /// None is held: one of them is taken.
    Taken {
        /// That lease, by index.
        resource: u32,
        /// By whom, for people.
        by: Box<str>,
    },
}
