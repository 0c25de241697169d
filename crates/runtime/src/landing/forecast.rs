//! What merging would give, before anything is merged: which pieces conflict with each other, and which in the order of
//! the merge.
//!
//! The same code that merges, under the attributes of "ours". Moves nothing and writes no ref.

use super::integrate::matching;
use super::joining::{Joined, Joiner, Strategy};
use super::scribe::Scribe;
use crate::git::Oid;
use crate::works::Cargo;
use crate::yard::{AttributesError, Merger, Pair, Sides, with_others};
use regatta_plan::model::Merge;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

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
    /// What else people should know of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

/// How the merge of a piece would go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It merges.
    Clean,
    /// It conflicts, and rules of the plan speak of each path.
    ByRules,
    /// It conflicts as others did before, and is resolved as that was.
    Resolved,
    /// It conflicts.
    Conflict,
    /// It does not descend from what it would come upon, and is to be taken as it is.
    Behind,
    /// It contains work that would not be merged.
    Upstream,
    /// It was left out, or is to be: why stands in the findings.
    LeftOut,
}

impl Forecast {
    /// Pieces that would not be merged.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.order
            .iter()
            .filter(|step| {
                matches!(step.merge, Step::Conflict | Step::Behind | Step::Upstream | Step::LeftOut)
            })
            .count()
    }

    /// Whether everything would be merged, by rules if need be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lost() == 0
    }
}

/// What merging `cargo` onto `from` would give; tasks of `left_out` are not merged, each for the reason that is said there.
///
/// # Errors
/// Git fails, or a file of ours cannot be written.
pub fn forecast(
    merger: Merger<'_>,
    from: &Oid,
    (cargo, merge, left_out): (&Cargo, Option<&Merge>, &BTreeMap<String, String>),
) -> Result<Forecast, AttributesError> {
    let order = in_order(merger, from, (cargo, merge, left_out))?;
    let (mut pairs, sides) = (Vec::new(), Sides::default());
    for (i, first) in cargo.pieces.iter().enumerate() {
        pairs.extend(with_others((merger, &sides), first, &cargo.pieces[i + 1..])?);
    }
    Ok(Forecast { from: from.to_string(), order, pairs })
}

fn in_order(
    merger: Merger<'_>,
    from: &Oid,
    (cargo, merge, left_out): (&Cargo, Option<&Merge>, &BTreeMap<String, String>),
) -> Result<Vec<Foreseen>, AttributesError> {
    let (mut tip, mut out) = (from.clone(), BTreeSet::new());
    let mut order = Vec::new();
    let git_at = |at: &Oid| merger.git_at(at);
    let strategy = Strategy::of(merge.map_or("no-ff", |merge| merge.strategy.as_str()));
    let joiner = Joiner { strategy, scribe: Scribe::nobody(), merger, git_at: &git_at };
    for piece in &cargo.pieces {
        let mut seen = Foreseen {
            task: piece.task.clone(),
            merge: Step::Clean,
            tree: None,
            paths: Vec::new(),
            findings: Vec::new(),
        };
        let why = left_out.get(&piece.task);
        let behind_another = piece.ancestors.iter().any(|task| out.contains(task));
        if behind_another || why.is_some() {
            seen.merge = if behind_another { Step::Upstream } else { Step::LeftOut };
            seen.findings.extend(why.filter(|_| !behind_another).cloned());
            out.insert(piece.task.clone());
            order.push(seen);
            continue;
        }
        match joiner.join(&tip, piece, &mut seen.findings)? {
            Joined::There => {}
            Joined::At(at) => tip = at,
            Joined::Behind => seen.merge = Step::Behind,
            Joined::Known(clash, known) => {
                seen.merge = Step::Resolved;
                seen.paths = clash.paths();
                tip = joiner.commit(&merger.git_at(&tip)?, &known.tree, (&tip, piece))?;
            }
            Joined::Conflict(clash) => {
                let is_by_path = clash.is_by_path();
                let (paths, tree) = (clash.paths(), clash.tree);
                let ruled = merge
                    .filter(|merge| merge.on_conflict == "merge-with-rules")
                    .is_some_and(|merge| paths.iter().all(|path| matching(&merge.rules, path).is_some()));
                // A file and a directory that meet are nobody's to choose by rule.
                let ruled = ruled && is_by_path;
                seen.merge = if ruled { Step::ByRules } else { Step::Conflict };
                seen.paths = paths;
                if ruled {
                    // What the rules make of it is not known before; what follows is seen against the conflict.
                    tip = joiner.commit(&merger.git_at(&tip)?, &tree, (&tip, piece))?;
                }
            }
        }
        if matches!(seen.merge, Step::Conflict | Step::Behind) {
            out.insert(piece.task.clone());
        } else {
            seen.tree = Some(merger.repo.git.tree(&tip)?.to_string());
        }
        order.push(seen);
    }
    Ok(order)
}
