//! Before the target moves: git itself finds the work of every task that counts as merged.
//!
//! ```text
//! its head is in the tip                       no-ff, ff-only, and what was there before
//! a commit between target and tip names it     squash and rebase, by trailers
//! merging it into the tip changes nothing      with these two, what was there already in other words
//! ```
//! Knows no policy: what counts as merged is said by the report.

use super::scribe::{RUN, TASK};
use super::{Cargo, Dock, LandError, Piece, Report};
use crate::git::{Merged, Oid};

impl Dock {
    /// Looks for everything that was merged between the target and a tip.
    pub(super) fn prove(
        &self,
        cargo: &Cargo,
        (from, tip): (&Oid, &Oid),
        report: &Report,
    ) -> Result<(), LandError> {
        let git = &self.ground.repo.git;
        let merged = |piece: &&Piece| report.merged.contains(&piece.task) && piece.head != piece.base;
        let pieces: Vec<&Piece> = cargo.pieces.iter().filter(merged).collect();
        let missing = git.missing_from(tip, pieces.iter().map(|piece| &piece.head))?;
        if missing.is_empty() {
            return Ok(());
        }
        let named = git.said_with(TASK, (RUN, self.ground.names.run()), (from, tip))?;
        for piece in pieces.into_iter().filter(|piece| missing.contains(&piece.head)) {
            let anew = self.strategy().has_own_base();
            if !anew || !named.contains(&piece.task) && !self.adds_nothing(piece, tip)? {
                return Err(LandError::Missing { task: piece.task.clone(), tip: tip.to_string() });
            }
        }
        Ok(())
    }

    fn adds_nothing(&self, piece: &Piece, tip: &Oid) -> Result<bool, LandError> {
        let git = self.ground.merger().git_at(tip)?;
        let again = git.merge_tree(Some(&piece.base), (tip, &piece.head))?;
        Ok(matches!(again, Merged::Clean(tree) if tree == git.tree(tip)?))
    }
}
