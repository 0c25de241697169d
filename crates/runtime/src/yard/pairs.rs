//! Which pieces of work conflict with each other, before any of them is merged.
//!
//! The same `merge-tree` that merges, under the attributes of the one that is merged into. Writes no ref.

use super::{AttributesError, Merger};
use crate::git::{Change, ChangeKind, Merged};
use crate::works::Piece;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

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

/// The pairs in which a piece conflicts with others: it is merged into, then they are.
///
/// # Errors
/// Git fails, or a file of ours cannot be written.
pub fn with_others(
    merger: Merger<'_>,
    piece: &Piece,
    others: &[Piece],
) -> Result<Vec<Pair>, AttributesError> {
    let mut pairs = Vec::new();
    let own = merger.repo.git.changes(&piece.base, &piece.head)?;
    for other in others {
        let related = piece.ancestors.contains(&other.task) || other.ancestors.contains(&piece.task);
        if related || !may_conflict(&own, &merger.repo.git.changes(&other.base, &other.head)?) {
            continue;
        }
        let git = merger.git_at(&piece.head)?;
        if let Merged::Conflict { paths, .. } = git.merge_tree(None, (&piece.head, &other.head))? {
            pairs.push(Pair { first: piece.task.clone(), second: other.task.clone(), paths });
        }
    }
    Ok(pairs)
}

/// Whether a merge of two sets of changes can conflict at all: they share a path, one's file is the other's directory, or one
/// may have moved a directory away into which the other put something. Says "no" only where git never finds a conflict.
fn may_conflict(a: &[Change], b: &[Change]) -> bool {
    let (paths_a, paths_b) = (paths(a), paths(b));
    paths_a.keys().any(|path| paths_b.contains_key(path))
        || below(&paths_a, &paths_b)
        || below(&paths_b, &paths_a)
        || moved_under(a, b)
        || moved_under(b, a)
}

fn paths(changes: &[Change]) -> BTreeMap<&str, ChangeKind> {
    changes.iter().map(|change| (change.path.as_str(), change.kind)).collect()
}

/// Whether a path of one side is a directory above a path of the other.
fn below(above: &BTreeMap<&str, ChangeKind>, under: &BTreeMap<&str, ChangeKind>) -> bool {
    under.keys().any(|path| directories(path).any(|dir| above.contains_key(dir)))
}

/// Whether one side created a file in a directory that the other took files from.
fn moved_under(mover: &[Change], creator: &[Change]) -> bool {
    let left: BTreeSet<&str> = mover
        .iter()
        .filter(|change| change.kind == ChangeKind::Deleted)
        .flat_map(|change| directories(&change.path))
        .collect();
    let created = creator.iter().filter(|change| change.kind == ChangeKind::Created);
    created.flat_map(|change| directories(&change.path)).any(|dir| left.contains(dir))
}

/// The directories above a path.
fn directories(path: &str) -> impl Iterator<Item = &str> {
    path.char_indices().filter(|(_, c)| *c == '/').map(|(i, _)| &path[..i])
}

#[cfg(test)]
mod tests {
    use super::{Change, ChangeKind, may_conflict};

    fn side(changes: &[&str]) -> Vec<Change> {
        let change = |text: &&str| {
            let kind = match text.as_bytes()[0] {
                b'+' => ChangeKind::Created,
                b'-' => ChangeKind::Deleted,
                _ => ChangeKind::Modified,
            };
            Change { path: text[1..].to_owned(), kind, mode: "100644".to_owned() }
        };
        changes.iter().map(change).collect()
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
            assert_eq!(may_conflict(&side(&a), &side(&b)), expected, "{a:?} {b:?}");
            assert_eq!(may_conflict(&side(&b), &side(&a)), expected, "{b:?} {a:?}");
        }
    }
}
