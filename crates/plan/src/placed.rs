//! A task with the places that checks point at, and the bounds of a plan.
//!
//! Plain data between the rooms of this crate.

use crate::model::Task;
use crate::tree::Span;

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
    /// Beside `task.needs`.
    pub(crate) need_places: Vec<NeedPlace>,
}

/// Where a dependency comes from.
pub(crate) struct NeedPlace {
    pub(crate) span: Span,
    /// The plan names it itself; the others are implied by references.
    pub(crate) named: bool,
}

impl Placed {
    /// Where the dependency on a task comes from.
    pub(crate) fn need(&self, id: &str) -> Option<&NeedPlace> {
        let at = self.task.needs.binary_search_by(|need| need.as_str().cmp(id)).ok()?;
        self.need_places.get(at)
    }
}
