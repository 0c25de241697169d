//! What merging would give, before anything is merged: which pieces conflict with each other, and which in the order of
//! the merge.
//!
//! The same `merge-tree` that merges, under the attributes of "ours". Moves nothing and writes no ref.

use super::integrate::matching;
use crate::git::{Merged, Oid, Person, Stamp};
use crate::works::Cargo;
use crate::yard::{AttributesError, Merger, Pair, with_others};
use regatta_plan::model::Merge;
use serde::Serialize;
use std::collections::BTreeSet;

/// What merging would give.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Forecast {
    /// Where the target is.
    pub from: String,
    /// Each piece, in merge order.
    pub order: Vec<Foreseen>,
    /// The pairs that conflict.
    pub pairs: Vec<Pair>,
}

/// What would become of a piece.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Foreseen {
    /// The task.
    pub task: String,
    /// How its merge would go.
    pub merge: Step,
    /// The tree after it, where it merges.
    pub tree: Option<String>,
    /// The paths that conflict.
    pub paths: Vec<String>,
}

/// How the merge of a piece would go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It merges.
    Clean,
    /// It conflicts, and rules of the plan speak of each path.
    ByRules,
    /// It conflicts.
    Conflict,
    /// It contains work that conflicts.
    Upstream,
}

impl Forecast {
    /// Pieces that would not be merged.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.order.iter().filter(|step| matches!(step.merge, Step::Conflict | Step::Upstream)).count()
    }

    /// Whether everything would be merged, by rules if need be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lost() == 0
    }
}

/// What merging `cargo` onto `from` would give.
///
/// # Errors
/// Git fails, or a file of ours cannot be written.
pub fn forecast(
    merger: Merger<'_>,
    from: &Oid,
    (cargo, merge): (&Cargo, Option<&Merge>),
) -> Result<Forecast, AttributesError> {
    let order = in_order(merger, from, (cargo, merge))?;
    let mut pairs = Vec::new();
    for (i, first) in cargo.pieces.iter().enumerate() {
        pairs.extend(with_others(merger, first, &cargo.pieces[i + 1..])?);
    }
    Ok(Forecast { from: from.to_string(), order, pairs })
}

fn in_order(
    merger: Merger<'_>,
    from: &Oid,
    (cargo, merge): (&Cargo, Option<&Merge>),
) -> Result<Vec<Foreseen>, AttributesError> {
    let own_base = merge.is_some_and(|merge| matches!(merge.strategy.as_str(), "squash" | "rebase"));
    let (mut tip, mut out) = (from.clone(), BTreeSet::new());
    let mut order = Vec::new();
    for piece in &cargo.pieces {
        let mut seen =
            Foreseen { task: piece.task.clone(), merge: Step::Clean, tree: None, paths: Vec::new() };
        if piece.ancestors.iter().any(|task| out.contains(task)) {
            seen.merge = Step::Upstream;
            out.insert(piece.task.clone());
            order.push(seen);
            continue;
        }
        let git = merger.git_at(&tip)?;
        let base = own_base.then_some(&piece.base);
        let tree = match git.merge_tree(base, (&tip, &piece.head))? {
            Merged::Clean(tree) => tree,
            Merged::Conflict { tree, paths } => {
                let ruled = merge
                    .filter(|merge| merge.on_conflict == "merge-with-rules")
                    .is_some_and(|merge| paths.iter().all(|path| matching(&merge.rules, path).is_some()));
                seen.merge = if ruled { Step::ByRules } else { Step::Conflict };
                seen.paths = paths;
                // What the rules make of it is not known before; what follows is seen against the conflict.
                tree
            }
        };
        if seen.merge == Step::Conflict {
            out.insert(piece.task.clone());
        } else {
            seen.tree = Some(tree.to_string());
            let parents: Vec<&Oid> = if own_base { vec![&tip] } else { vec![&tip, &piece.head] };
            tip = git.commit_tree((&tree, &parents), "forecast\n", &nobody())?;
        }
        order.push(seen);
    }
    Ok(order)
}

/// Nobody, at no time: nothing refers to these commits.
fn nobody() -> Stamp {
    let nobody = Person { name: "regatta".to_owned(), email: "regatta@localhost".to_owned() };
    Stamp { author: nobody.clone(), committer: nobody, seconds: 0 }
}
