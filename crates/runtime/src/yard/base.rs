//! From which commit a task begins: it follows from the plan and from outcomes, never from timing (spec 6 "Base").
//!
//! ```text
//! no predecessor -> the pinned commit    one -> what it left    several -> the maximal ones of them, merged in order
//!                                                                        where they conflict, as it was resolved
//! ```
//! Merges of ours have a fixed author and date, so the same parents give the same commit.

use super::{AttributesError, Clash, Ground, Meeting};
use crate::git::{Git, GitError, Oid, Person, Stamp};

/// Nobody: who makes the merges that only serve as a base.
fn nobody() -> Person {
    Person { name: "regatta".to_owned(), email: "regatta@localhost".to_owned() }
}

/// What a base comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Base {
    /// This commit.
    At(Oid),
    /// Predecessors conflict.
    Conflict {
        /// The task whose work conflicts with that before it.
        task: String,
        /// What conflicts: the work of those before it, and its own.
        clash: Box<Clash>,
    },
}

/// The base of a task whose predecessors left `heads`, in merge order: each a task and a commit.
///
/// # Errors
/// Git fails, or a file of ours cannot be written.
pub(crate) fn base(ground: &Ground, heads: &[(String, Oid)]) -> Result<Base, AttributesError> {
    let maximal = maximal(&ground.repo.git, heads)?;
    let Some(((_, first), others)) = maximal.split_first() else {
        return Ok(Base::At(ground.pinned.clone()));
    };
    let mut tip = (*first).clone();
    for (task, head) in others {
        let (merger, git) = (ground.merger(), ground.merger().git_at(&tip)?);
        let tree = match merger.merge(&git, None, [&tip, head])? {
            Meeting::Clean(tree) => tree,
            Meeting::Known(_, known) => known.tree,
            Meeting::Clash(clash) => {
                return Ok(Base::Conflict { task: (*task).clone(), clash: Box::new(clash) });
            }
        };
        tip = joined(&git, &tree, (&tip, head, task))?;
    }
    Ok(Base::At(tip))
}

/// The merge of what a task left into a tip, as long as it only serves as a base.
fn joined(git: &Git, tree: &Oid, (tip, head, task): (&Oid, &Oid, &str)) -> Result<Oid, GitError> {
    // As late as the later of the two, so that dates never go back in a history.
    let seconds = git.latest(&[tip, head])?;
    let stamp = Stamp { author: nobody(), committer: nobody(), seconds };
    let message = format!("regatta: base with the work of {task}\n");
    git.commit_tree((tree, &[tip, head]), &message, &stamp)
}

/// The heads that no other one contains, in their order; of equal ones the first.
fn maximal<'a>(git: &Git, heads: &'a [(String, Oid)]) -> Result<Vec<(&'a String, &'a Oid)>, GitError> {
    let mut kept: Vec<(&String, &Oid)> = Vec::new();
    for (task, head) in heads {
        if !kept.iter().any(|(_, other)| *other == head) {
            kept.push((task, head));
        }
    }
    if kept.len() > 1 {
        let independent = git.independent(kept.iter().map(|(_, head)| *head))?;
        kept.retain(|(_, head)| independent.contains(head));
    }
    Ok(kept)
}
