//! A task with the places that checks point at, and the bounds of a plan.
//!
//! Plain data between the rooms of this crate.

use crate::model::Task;
use crate::tree::Span;

/// A plan holds at most this many tasks.
pub const MAX_TASKS: usize = 2_000_000;
/// A plan holds at most this many edges.
pub const MAX_EDGES: usize = 16_000_000;
/// `setup` and each `verify` hold at most this many commands.
pub const MAX_COMMANDS: usize = 100;

/// A task with the places that checks point at.
pub(crate) struct Placed {
    pub(crate) task: Task,
    pub(crate) id_span: Narrow,
    /// Where its action stands.
    pub(crate) action_span: Narrow,
    /// Where what undoes it stands.
    pub(crate) undo_span: Narrow,
    /// Its isolation, or the plan's.
    pub(crate) isolation: Isolation,
    /// Beside `task.needs`.
    pub(crate) needs: Box<[NeedPlace]>,
}

/// How a task is kept apart from others, as far as checks ask.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    Locks,
    Worktree,
    Other,
}

impl Isolation {
    pub(crate) fn named(name: &str) -> Isolation {
        match name {
            "locks" => Isolation::Locks,
            "worktree" => Isolation::Worktree,
            _ => Isolation::Other,
        }
    }
}

/// A dependency, and where it comes from.
#[derive(Clone, Copy)]
pub(crate) struct NeedPlace {
    /// The place of the other task among all by id.
    pub(crate) on: u32,
    span: Narrow,
    /// The plan names it itself; the others are implied by references.
    pub(crate) named: bool,
}

impl NeedPlace {
    pub(crate) fn new(on: usize, span: &Span) -> NeedPlace {
        NeedPlace { on: narrow(on), span: Narrow::of(span), named: false }
    }

    pub(crate) fn span(self) -> Span {
        self.span.wide()
    }
}

/// A span in little room: a million tasks have several.
#[derive(Clone, Copy)]
pub(crate) struct Narrow {
    start: u32,
    end: u32,
}

impl Narrow {
    pub(crate) fn of(span: &Span) -> Narrow {
        Narrow { start: narrow(span.start), end: narrow(span.end) }
    }

    pub(crate) fn wide(self) -> Span {
        self.start as usize..self.end as usize
    }
}

/// A plan has fewer bytes and tasks than 32 bits can count.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Placed {
    /// Where the dependency on the task at a place comes from.
    pub(crate) fn need(&self, on: usize) -> Option<NeedPlace> {
        let at = self.needs.binary_search_by(|need| (need.on as usize).cmp(&on)).ok()?;
        self.needs.get(at).copied()
    }
}
