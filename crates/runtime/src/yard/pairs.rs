//! Which pieces of work conflict with each other, before any of them is merged.
//!
//! The same `merge-tree` that merges, under the attributes of the one that is merged into. Writes no ref.

use super::{AttributesError, Ground, Merger};
use crate::git::{Change, ChangeKind, Git, GitError, Merged, Oid};
use crate::works::Piece;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

/// Two pieces that do not fit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Pair {
    /// The one that is merged first.
    pub first: String,
    /// The other one.
    pub second: String,
    /// The paths that conflict.
    pub paths: Vec<String>,
}

/// What pieces changed, asked of git once for each: a piece is compared with many.
#[derive(Default, Debug)]
pub struct Sides(Mutex<BTreeMap<(Oid, Oid), Arc<Side>>>);

impl Sides {
    fn of(&self, git: &Git, piece: &Piece) -> Result<Arc<Side>, GitError> {
        let key = (piece.base.clone(), piece.head.clone());
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(known));
        }
        // Nobody waits for the lock while git works; who asks at the same time gets the same.
        let side = Arc::new(Side::of(&git.changes(&piece.base, &piece.head)?));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&side));
        Ok(side)
    }
}

/// The pairs in which a piece conflicts with others: it is merged into, then they are.
///
/// # Errors
/// Git fails, or a file of ours cannot be written.
pub fn with_others(
    (merger, sides): (Merger<'_>, &Sides),
    piece: &Piece,
    others: &[Piece],
) -> Result<Vec<Pair>, AttributesError> {
    let mut pairs = Vec::new();
    let own = sides.of(&merger.repo.git, piece)?;
    for other in others {
        let related = piece.ancestors.contains(&other.task) || other.ancestors.contains(&piece.task);
        if related || !own.may_conflict(&*sides.of(&merger.repo.git, other)?) {
            continue;
        }
        let git = merger.git_at(&piece.head)?;
        if let Merged::Conflict { paths, .. } = git.merge_tree(None, (&piece.head, &other.head))? {
            pairs.push(Pair { first: piece.task.clone(), second: other.task.clone(), paths });
        }
    }
    Ok(pairs)
}

impl Ground {
    /// What a piece changed, asked of git once.
    ///
    /// # Errors
    /// Git fails.
    pub(crate) fn changed_by(&self, piece: &Piece) -> Result<Arc<Side>, GitError> {
        self.sides.of(&self.repo.git, piece)
    }
}

/// What one piece changed, as far as it matters to others.
#[derive(Debug)]
pub(crate) struct Side {
    paths: BTreeSet<String>,
    /// The directories that it took files from.
    left: BTreeSet<String>,
    /// The directories into which it put files.
    entered: BTreeSet<String>,
}

impl Side {
    fn of(changes: &[Change]) -> Side {
        let above = |kind| {
            let of_kind = changes.iter().filter(move |change| change.kind == kind);
            of_kind.flat_map(|change| directories(&change.path)).map(str::to_owned).collect()
        };
        Side {
            paths: changes.iter().map(|change| change.path.clone()).collect(),
            left: above(ChangeKind::Deleted),
            entered: above(ChangeKind::Created),
        }
    }

    /// Whether it changes a path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Whether it changes a path, what stands below it, or what it stands below.
    pub(crate) fn meets(&self, path: &str) -> bool {
        let below = format!("{path}/");
        let next = self.paths.range::<str, _>((Bound::Included(below.as_str()), Bound::Unbounded)).next();
        self.has(path)
            || directories(path).any(|dir| self.has(dir))
            || next.is_some_and(|n| n.starts_with(&below))
    }

    /// Whether a merge of the two can conflict at all: they share a path, one's file is the other's directory, or one may
    /// have moved a directory away into which the other put something. Says "no" only where git never finds a conflict.
    fn may_conflict(&self, other: &Side) -> bool {
        meet(&self.paths, &other.paths)
            || self.is_above(other)
            || other.is_above(self)
            || meet(&self.left, &other.entered)
            || meet(&self.entered, &other.left)
    }

    /// Whether a path of one side is a directory above a path of the other.
    fn is_above(&self, other: &Side) -> bool {
        other.paths.iter().any(|path| directories(path).any(|dir| self.paths.contains(dir)))
    }
}

/// Whether two sets have something in common.
fn meet(a: &BTreeSet<String>, b: &BTreeSet<String>) -> bool {
    let (few, many) = if a.len() < b.len() { (a, b) } else { (b, a) };
    few.iter().any(|item| many.contains(item))
}

/// The directories above a path.
fn directories(path: &str) -> impl Iterator<Item = &str> {
    path.char_indices().filter(|(_, c)| *c == '/').map(|(i, _)| &path[..i])
}

#[cfg(test)]
mod tests {
    use super::{Change, ChangeKind, Side};

    fn side(changes: &[&str]) -> Side {
        let change = |text: &&str| {
            let kind = match text.as_bytes()[0] {
                b'+' => ChangeKind::Created,
                b'-' => ChangeKind::Deleted,
                _ => ChangeKind::Modified,
            };
            Change { path: text[1..].to_owned(), kind, mode: "100644".to_owned(), object: None }
        };
        Side::of(&changes.iter().map(change).collect::<Vec<_>>())
    }

    #[test]
    fn only_changes_that_meet_can_conflict() {
        for (a, b, expected) in [
            (vec!["~a"], vec!["~a"], true),
            (vec!["~a"], vec!["~b"], false),
            (vec!["+d"], vec!["+d/x"], true),
            (vec!["-d/x", "+e/x"], vec!["+d/new"], true),
            (vec!["-d/x", "+e/x"], vec!["+d/deeper/new"], true),
            (vec!["-d/x"], vec!["~d/y"], false),
            (vec!["+d/x"], vec!["+d/y"], false),
            (vec!["~dx"], vec!["~d/x"], false),
            (vec![], vec!["~a"], false),
        ] {
            assert_eq!(side(&a).may_conflict(&side(&b)), expected, "{a:?} {b:?}");
            assert_eq!(side(&b).may_conflict(&side(&a)), expected, "{b:?} {a:?}");
        }
    }
}
