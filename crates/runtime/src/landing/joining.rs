//! How one piece of work comes onto a tip, by each strategy. The forecast and the landing ask here, so they cannot disagree.
//!
//! ```text
//! no-ff    a merge of tip and head
//! squash   one commit: what lies between the base of the piece and its head
//! rebase   each commit between base and head anew, as it was written; one commit where that cannot be
//! ff-only  the head itself, if it descends from the tip
//! ```
//! Works without a checkout and writes no ref. Knows no gate, and no policy for conflicts.

use super::scribe::Scribe;
use crate::git::{Git, Merged, Oid};
use crate::works::Piece;
use crate::yard::{AttributesError, Clash, Known, Meeting, Merger};

/// How pieces come together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Strategy {
    /// A merge for each, also where none is needed.
    NoFf,
    /// One commit for each.
    Squash,
    /// The commits of each, anew.
    Rebase,
    /// The commits of each, as they are.
    FfOnly,
}

impl Strategy {
    /// The strategy of that name in a plan.
    pub(super) fn of(name: &str) -> Strategy {
        match name {
            "squash" => Strategy::Squash,
            "rebase" => Strategy::Rebase,
            "ff-only" => Strategy::FfOnly,
            _ => Strategy::NoFf,
        }
    }

    /// Work is merged against where it began, because what it builds on can be in the tip without its commits.
    pub(super) fn has_own_base(self) -> bool {
        matches!(self, Strategy::Squash | Strategy::Rebase)
    }

    /// What work is as long as git merges it by itself: the two commits that a merge has as its sides.
    pub(super) fn sides(
        self,
        git: &Git,
        (tip, piece): (&Oid, &Piece),
    ) -> Result<(Oid, Oid), AttributesError> {
        if !self.has_own_base() {
            return Ok((tip.clone(), piece.head.clone()));
        }
        Ok((git.stand_in(&piece.base, tip)?, git.stand_in(&piece.base, &piece.head)?))
    }
}

/// What a piece is on a tip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Joined {
    /// It adds nothing.
    There,
    /// It is in this commit.
    At(Oid),
    /// It conflicts.
    Conflict(Clash),
    /// It conflicts as others did before, and how that was resolved is known.
    Known(Clash, Known),
    /// It does not descend from the tip, and is to be taken as it is.
    Behind,
}

/// Puts pieces on tips.
pub(super) struct Joiner<'a> {
    pub(super) strategy: Strategy,
    pub(super) scribe: Scribe<'a>,
    pub(super) merger: Merger<'a>,
    /// Git under the attributes of a commit.
    pub(super) git_at: &'a dyn Fn(&Oid) -> Result<Git, AttributesError>,
}

impl Joiner<'_> {
    /// Puts a piece on a tip; what people should know of it goes to `findings`.
    pub(super) fn join(
        &self,
        tip: &Oid,
        piece: &Piece,
        findings: &mut Vec<String>,
    ) -> Result<Joined, AttributesError> {
        let git = (self.git_at)(tip)?;
        if piece.head == piece.base || git.is_ancestor(&piece.head, tip)? {
            return Ok(Joined::There);
        }
        match self.strategy {
            Strategy::NoFf | Strategy::Squash => self.at_once(&git, (tip, piece)),
            Strategy::FfOnly if git.is_ancestor(tip, &piece.head)? => Ok(Joined::At(piece.head.clone())),
            Strategy::FfOnly => Ok(Joined::Behind),
            Strategy::Rebase => self.rebase(&git, (tip, piece), findings),
        }
    }

    /// Makes the commit of a piece whose merged tree is known.
    pub(super) fn commit(
        &self,
        git: &Git,
        tree: &Oid,
        (tip, piece): (&Oid, &Piece),
    ) -> Result<Oid, AttributesError> {
        let stamp = self.scribe.stamp(git, (tip, piece))?;
        let parents: &[&Oid] = if self.strategy.has_own_base() { &[tip] } else { &[tip, &piece.head] };
        Ok(git.commit_tree((tree, parents), &self.scribe.message(piece), &stamp)?)
    }

    fn at_once(&self, git: &Git, (tip, piece): (&Oid, &Piece)) -> Result<Joined, AttributesError> {
        let base = self.strategy.has_own_base().then_some(&piece.base);
        let met = self.merger.merge(git, base, [tip, &piece.head])?;
        if !matches!(met, Meeting::Clean(_))
            && let Some(tree) = self.upon_own_base(git, (tip, piece))?
        {
            return Ok(Joined::At(self.commit(git, &tree, (tip, piece))?));
        }
        Ok(match met {
            Meeting::Clean(tree) => Joined::At(self.commit(git, &tree, (tip, piece))?),
            Meeting::Known(clash, known) => Joined::Known(clash, known),
            Meeting::Clash(clash) => Joined::Conflict(clash),
        })
    }

    /// Work that began from a merge of its predecessors comes upon a tip that merged them by itself: git finds several
    /// bases and sees their old conflict again. Against where it began, only what it changed itself counts.
    fn upon_own_base(&self, git: &Git, (tip, piece): (&Oid, &Piece)) -> Result<Option<Oid>, AttributesError> {
        if self.strategy != Strategy::NoFf || git.is_ancestor(&piece.base, tip)? {
            return Ok(None);
        }
        let parents = git.parents(&piece.base)?;
        if parents.len() < 2 || !git.missing_from(tip, parents.iter())?.is_empty() {
            return Ok(None);
        }
        Ok(match git.merge_tree(Some(&piece.base), (tip, &piece.head))? {
            Merged::Clean(tree) => Some(tree),
            Merged::Conflict { .. } => None,
        })
    }

    /// Each commit anew, or all of them as one where its history has a merge or one of them does not fit by itself.
    fn rebase(
        &self,
        git: &Git,
        (tip, piece): (&Oid, &Piece),
        findings: &mut Vec<String>,
    ) -> Result<Joined, AttributesError> {
        let why = match git.line(&piece.base, &piece.head)? {
            None => "its own history has a merge, so it is one commit".to_owned(),
            Some(line) => match self.replay(&line, (tip, piece), findings)? {
                Replayed::To(at) if at == *tip => return Ok(Joined::There),
                Replayed::To(at) => return Ok(Joined::At(at)),
                Replayed::Stuck(commit) => {
                    format!("commit {} does not fit by itself, so it is one commit", commit.short())
                }
            },
        };
        let joined = self.at_once(git, (tip, piece))?;
        if let Joined::At(at) = &joined {
            if git.tree(at)? == git.tree(tip)? {
                findings.push("all that it changed is there already".to_owned());
                return Ok(Joined::There);
            }
            findings.push(why);
        } else if matches!(joined, Joined::Known(..)) {
            findings.push(why);
        }
        Ok(joined)
    }

    fn replay(
        &self,
        line: &[(Oid, Oid)],
        (tip, piece): (&Oid, &Piece),
        findings: &mut Vec<String>,
    ) -> Result<Replayed, AttributesError> {
        let (mut at, mut dropped) = (tip.clone(), Vec::new());
        for (commit, parent) in line {
            // Attributes are those of what it comes upon, which the one before may have changed.
            let git = (self.git_at)(&at)?;
            let tree = if *parent == at {
                git.tree(commit)?
            } else {
                match git.merge_tree(Some(parent), (&at, commit))? {
                    Merged::Clean(tree) => tree,
                    Merged::Conflict { .. } => return Ok(Replayed::Stuck(commit.clone())),
                }
            };
            let written = git.written(commit)?;
            if tree == git.tree(&at)? {
                let subject = written.message.lines().next().unwrap_or_default();
                dropped.push(format!("commit {} ({subject}) adds nothing and is dropped", commit.short()));
                continue;
            }
            let message = self.scribe.signed(&written.message, piece);
            let seconds = git.seconds(&at)?.max(written.seconds);
            at = git.commit_again((&tree, &at), (&written, &message), (&self.scribe.committer, seconds))?;
        }
        findings.extend(dropped);
        Ok(Replayed::To(at))
    }
}

/// How far a line of commits came.
enum Replayed {
    /// All of it is in this commit.
    To(Oid),
    /// This one conflicts.
    Stuck(Oid),
}
