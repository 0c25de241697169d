//! A task with the places that checks point at, and the bounds of a plan.
//!
//! Plain data between the rooms of this crate.

use crate::model::Task;
use crate::tree::Span;
use std::collections::{BTreeMap, BTreeSet};

/// A plan holds at most this many tasks.
pub const MAX_TASKS: usize = 2_000_000;
/// A plan holds at most this many edges.
pub const MAX_EDGES: usize = 16_000_000;
/// A task with the places that checks point at.
pub(crate) struct Placed {
    pub(crate) task: Task,
    pub(crate) id_span: Span,
    /// Where its action stands.
    pub(crate) action_span: Span,
    /// Its isolation: its own, or the plan's.
    pub(crate) isolation: String,
    pub(crate) need_spans: BTreeMap<String, Span>,
    /// Dependencies that the plan names itself; the others are implied by references.
    pub(crate) named: BTreeSet<String>,
}
